/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a JWT that we signed must say to be an access token (RFC 9068 §2.2): each claim that is
 * missing, of another type or out of its bounds is refused, whoever asks. */

#include "base/tessera-error.h"
#include "model/tessera-access-token-private.h"

#include <string.h>

#define ISSUER "https://as.test"
#define NOW 1763820000 /* seconds */
#define JTI "019aabcd-0000-7abc-8def-0123456789ab"

/* The members of a good one. */
#define ISS "'iss': 'https://as.test', "
#define SUB "'sub': 'alice', "
#define AUD "'aud': 'https://rs.test/', "
#define APP "'client_id': 'app', "
#define IAT "'iat': 1763819990, "
#define EXP "'exp': 1763820001, "
#define ID "'jti': '" JTI "'"
#define GOOD ISS SUB AUD APP IAT EXP ID

/* Of @json, in which ' is for ". */
static TesseraAccessToken *
read_token (TesseraTokenOrigin origin, const char *json, GError **error)
{
  g_autofree char *text = g_strdelimit (g_strdup (json), "'", '"');
  g_autoptr (TesseraClaims) claims = tessera_claims_new_from_json (text, strlen (text), NULL);
  TesseraJwt jwt = { .typ = (char *) "at+jwt", .kid = (char *) "k", .claims = claims };

  g_assert_nonnull (claims);
  return tessera_access_token_new (&jwt, origin, ISSUER, NOW * G_GINT64_CONSTANT (1000), error);
}

static void
test_a_good_one_is_read (void)
{
  static const char *const also_good[] = {
    "{" GOOD "}",
    "{" GOOD ", 'nbf': 1763820000}",
    "{" GOOD ", 'nbf': 1763820060}",
    "{" GOOD ", 'scope': 'a b', 'grant_id': 'g', 'sid': 's'}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (also_good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TesseraAccessToken) token = read_token (TESSERA_TOKEN_OWN, also_good[i], &error);
      TesseraTokenIdentity identity;

      g_assert_no_error (error);
      tessera_access_token_get_identity (token, &identity);
      g_assert_cmpstr (identity.jti, ==, JTI);
      g_assert_cmpstr (identity.subject, ==, "alice");
      g_assert_cmpstr (identity.client_id, ==, "app");
      g_assert_cmpstr (identity.kid, ==, "k");
      g_assert_true (tessera_access_token_has_audience (token, "https://rs.test/"));
      g_assert_false (tessera_access_token_has_audience (token, "https://rs.test"));
    }
}

/* Of another issuer: what its jti does not say, the time of issue does. */
static void
test_a_foreign_name_may_be_any (void)
{
  static const char *const names[] = {
    "{" ISS SUB AUD APP IAT EXP "'jti': 'any name'}",
    "{" ISS SUB AUD APP IAT EXP "'jti': '019aabcd-0000-4abc-8def-0123456789ab'}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (TesseraAccessToken) token = read_token (TESSERA_TOKEN_FOREIGN, names[i], &error);
      TesseraTokenIdentity identity;

      g_assert_no_error (error);
      tessera_access_token_get_identity (token, &identity);
      g_assert_cmpint (identity.issued_ms, ==, G_GINT64_CONSTANT (1763819990000));
    }
}

/* One that was seen before: its claims are written when somebody asks for them. */
static TesseraAccessToken *
see_token (TesseraTokenProfile *profile)
{
  g_autoptr (GError) error = NULL;
  TesseraAccessToken *token
      = tessera_access_token_new_seen (profile, profile->outline.jti, ISSUER,
                                       NOW * G_GINT64_CONSTANT (1000), &error);

  g_assert_no_error (error);
  return token;
}

static TesseraTokenProfile *
make_profile (void)
{
  static const char json[]
      = "{\"aud\":\"https://rs.test/\",\"client_id\":\"app\",\"exp\":1763820001,"
        "\"iat\":1763818930,\"iss\":\"" ISSUER "\",\"jti\":\"" JTI "\","
        "\"sub\":\"alice\"}";
  g_autoptr (TesseraClaims) claims = tessera_claims_new_from_json (json, strlen (json), NULL);
  TesseraTokenOutline outline = { .typ = "at+jwt", .kid = "k" };

  g_assert_true (tessera_token_outline_read (&outline, json));
  TesseraTokenProfile *profile = tessera_token_profile_new (&outline, claims);
  g_assert_nonnull (profile);
  memcpy (profile->outline.jti, outline.jti, sizeof outline.jti);
  return profile;
}

static int n_asking; /* atomic */

static gpointer
ask_for_claims (gpointer token)
{
  g_atomic_int_inc (&n_asking);
  while (g_atomic_int_get (&n_asking) < 2)
    g_thread_yield ();
  return tessera_access_token_get_claims (token);
}

static void
test_all_threads_get_the_same_claims (void)
{
  g_autoptr (TesseraTokenProfile) profile = make_profile ();

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (TesseraAccessToken) token = see_token (profile);

      g_atomic_int_set (&n_asking, 0);
      GThread *other = g_thread_new ("asks", ask_for_claims, token);
      TesseraClaims *claims = ask_for_claims (token);
      g_assert_true (g_thread_join (other) == claims);
      g_assert_cmpstr (tessera_claims_get_string (claims, "jti"), ==, JTI);
    }
}

static const struct
{
  const char *name;
  const char *json;
} refused[] = {
  { "nothing", "{}" },
  { "another-issuer", "{'iss': 'https://as.test/', " SUB AUD APP IAT EXP ID "}" },
  { "no-issuer", "{" SUB AUD APP IAT EXP ID "}" },
  { "no-subject", "{" ISS AUD APP IAT EXP ID "}" },
  { "subject-of-another-type", "{" ISS "'sub': 7, " AUD APP IAT EXP ID "}" },
  { "no-audience", "{" ISS SUB APP IAT EXP ID "}" },
  { "audience-of-another-type", "{" ISS SUB "'aud': {}, " APP IAT EXP ID "}" },
  { "empty-audience", "{" ISS SUB "'aud': [], " APP IAT EXP ID "}" },
  { "no-client", "{" ISS SUB AUD IAT EXP ID "}" },
  { "no-time-of-issue", "{" ISS SUB AUD APP EXP ID "}" },
  { "time-of-issue-as-text", "{" ISS SUB AUD APP "'iat': '1763819990', " EXP ID "}" },
  { "from-the-future", "{" ISS SUB AUD APP "'iat': 1763820061, 'exp': 1763820100, " ID "}" },
  { "no-end", "{" ISS SUB AUD APP IAT ID "}" },
  { "end-as-text", "{" ISS SUB AUD APP IAT "'exp': '1763820001', " ID "}" },
  { "over-in-its-last-second", "{" ISS SUB AUD APP IAT "'exp': 1763820000, " ID "}" },
  { "over-at-the-end-of-time", "{" ISS SUB AUD APP IAT "'exp': 9223372036854775807, " ID "}" },
  { "not-before-the-future", "{" GOOD ", 'nbf': 1763820061}" },
  { "not-before-a-text", "{" GOOD ", 'nbf': '0'}" },
  { "no-name", "{" ISS SUB AUD APP IAT "'exp': 1763820001}" },
  { "name-of-another-kind", "{" ISS SUB AUD APP IAT EXP "'jti': 'any name'}" },
  { "name-with-more-behind-it", "{" ISS SUB AUD APP IAT EXP "'jti': '" JTI "0'}" },
  { "name-of-random-bits",
    "{" ISS SUB AUD APP IAT EXP "'jti': '019aabcd-0000-4abc-8def-0123456789ab'}" },
};

static void
test_refusal (gconstpointer json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraAccessToken) token = read_token (TESSERA_TOKEN_OWN, json, &error);

  g_assert_null (token);
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/access-token/a-good-one-is-read", test_a_good_one_is_read);
  g_test_add_func ("/access-token/a-foreign-name-may-be-any", test_a_foreign_name_may_be_any);
  g_test_add_func ("/access-token/all-threads-get-the-same-claims",
                   test_all_threads_get_the_same_claims);
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autofree char *path = g_strconcat ("/access-token/refused/", refused[i].name, NULL);

      g_test_add_data_func (path, refused[i].json, test_refusal);
    }
  return g_test_run ();
}
