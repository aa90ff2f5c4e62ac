/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A token that is made after the last one is the token that would be made anew (RFC 9068 §2.2). */

#include "engine-fixture.h"

#include "grants/tessera-token-issuer-private.h"
#include "jose/tessera-jwt-private.h"
#include "model/tessera-issuance-private.h"

#include <string.h>

static gboolean signing_fails;

char *
__wrap_tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims, GError **error);
char *
__real_tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims, GError **error);

char *
__wrap_tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims, GError **error)
{
  if (!signing_fails)
    return __real_tessera_jwt_sign_text (key, typ, claims, error);
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR, "injected");
  return NULL;
}

typedef struct
{
  EngineFixture *fixture;
  TesseraEngine *engine;
  TesseraAuthorization authorization;
  guint n_heard;
} Fixture;

static void
set_client (Fixture *f, int lifetime)
{
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c1", "secret", ENGINE_FIXTURE_SECRET, "scope",
                      "a b", "access-token-lifetime", lifetime, NULL);

  g_set_object (&f->authorization.client, client);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->fixture = engine_fixture_new (FALSE);
  f->engine = &f->fixture->engine;
  set_client (f, 0);
  f->authorization.grant_type = "client_credentials";
  f->authorization.login.subject = g_strdup ("c1");
  f->authorization.scope = g_strdup ("a b");
  f->authorization.began_ms = tessera_clock_get_ms (f->engine->clock);
}

/* Then it is a person's. */
static void
set_person (Fixture *f, const char *subject, const char *grant_id)
{
  TesseraLogin *login = &f->authorization.login;

  g_free (f->authorization.grant_id);
  g_free (login->subject);
  g_free (login->session_id);
  f->authorization.grant_id = g_strdup (grant_id);
  f->authorization.grant_type = "refresh_token";
  login->subject = g_strdup (subject);
  login->session_id = g_strconcat ("session of ", grant_id, NULL);
  login->auth_time++;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  tessera_authorization_clear (&f->authorization);
  engine_fixture_free (f->fixture);
}

static char *
mint (Fixture *f)
{
  g_auto (TesseraIssuedToken) token = { 0 };
  g_autoptr (GError) error = NULL;

  tessera_token_issuer_issue (f->engine, &f->authorization, &token, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&token.access_token);
}

/* As if there were none. */
static char *
mint_anew (Fixture *f)
{
  TesseraTokenMoulds *moulds = g_steal_pointer (&f->engine->moulds);
  char *token = mint (f);

  f->engine->moulds = moulds;
  return token;
}

/* What it says, without what is its own; and that this is right. */
static char *
read_common (Fixture *f, const char *token)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, strlen (token), &error);
  g_autoptr (TesseraKey) key = NULL;
  gint64 iat = 0, exp = 0, ms = 0;

  g_assert_no_error (error);
  key = tessera_key_ring_lookup (f->engine->keys, jwt->kid);
  g_assert_nonnull (key);
  g_assert_true (tessera_jwt_verify (jwt, key));
  g_assert_true (tessera_claims_get_int (jwt->claims, "iat", &iat));
  g_assert_true (tessera_claims_get_int (jwt->claims, "exp", &exp));
  g_assert_true (tessera_uuid_parse (tessera_claims_get_string (jwt->claims, "jti"), NULL, &ms));
  g_assert_cmpint (ms / 1000, ==, iat);
  g_assert_cmpint (ms, >=, f->authorization.began_ms);

  g_autoptr (json_t) claims = json_loads (jwt->payload, JSON_REJECT_DUPLICATES, NULL);
  json_object_del (claims, "jti");
  json_object_del (claims, "iat");
  json_object_del (claims, "exp");
  g_autofree char *rest = json_dumps (claims, JSON_COMPACT | JSON_SORT_KEYS);
  return g_strdup_printf ("%s %s %u %" G_GINT64_FORMAT " %s", jwt->typ, jwt->kid, jwt->algorithm,
                          exp - iat, rest);
}

static void
assert_common (Fixture *f, const char *token, const char *wanted)
{
  g_autofree char *common = read_common (f, token);

  g_assert_cmpstr (common, ==, wanted);
  g_assert_true (engine_fixture_is_active (f->fixture, token));
}

static void
change_nothing (Fixture *f)
{
}

static void
change_scope (Fixture *f)
{
  g_free (f->authorization.scope);
  f->authorization.scope = g_strdup ("a");
}

static void
drop_scope (Fixture *f)
{
  g_clear_pointer (&f->authorization.scope, g_free);
}

static void
change_subject (Fixture *f)
{
  g_free (f->authorization.login.subject);
  f->authorization.login.subject = g_strdup ("d1");
}

static void
add_resource (Fixture *f, const char *identifier, const char *typ)
{
  TesseraResource *resource = g_new0 (TesseraResource, 1);

  resource->identifier = g_strdup (identifier);
  resource->token_type = g_strdup (typ);
  g_ptr_array_add (f->engine->resources, resource);
}

static void
change_audience (Fixture *f)
{
  g_free (f->authorization.resources);
  f->authorization.resources = g_strdup ("https://api.example");
}

static void
widen_audience (Fixture *f)
{
  g_free (f->authorization.resources);
  f->authorization.resources = g_strdup ("https://api.example https://other.example");
}

static void
change_type (Fixture *f)
{
  change_audience (f);
  add_resource (f, "https://api.example", "JWT");
}

static void
change_lifetime (Fixture *f)
{
  f->engine->settings->access_token_lifetime = 60;
}

static void
change_lifetime_of_client (Fixture *f)
{
  set_client (f, 30);
}

static void
rotate (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  tessera_key_ring_rotate (f->engine->keys, 900, TRUE, &error);
  g_assert_no_error (error);
}

/* Whatever changes, the next token says it, and so does the one after it. */
static void
test_what_changes_is_said (Fixture *f, gconstpointer data)
{
  void (*const changes[]) (Fixture *)
      = { change_nothing, change_scope,    drop_scope,
          change_subject, change_audience, change_type,
          widen_audience, change_lifetime, change_lifetime_of_client,
          rotate };
  g_autofree char *before = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      changes[i](f);
      g_autofree char *first = mint (f);
      g_autofree char *second = mint (f);
      g_autofree char *anew = mint_anew (f);
      g_autofree char *wanted = read_common (f, anew);

      g_assert_cmpstr (wanted, !=, before);
      assert_common (f, first, wanted);
      assert_common (f, second, wanted);
      g_free (before);
      before = g_steal_pointer (&wanted);
    }
}

static TesseraTokenForm
form_of (const TesseraTokenProfile *profile)
{
  return (TesseraTokenForm){ .algorithm = profile->outline.algorithm,
                             .typ = profile->outline.typ,
                             .kid = profile->outline.kid,
                             .issuer = profile->issuer,
                             .subject = profile->subject,
                             .client_id = profile->client_id,
                             .audience = (const char *const *) profile->audience,
                             .scope = profile->scope,
                             .lifetime = profile->outline.lifetime };
}

/* Each by itself, those too that never change alone today. */
static void
test_all_that_is_said_is_compared (Fixture *f, gconstpointer data)
{
  static const char *const others[] = { "https://other.example", NULL };
  g_autofree char *token = mint (f);
  g_auto (TesseraSeenToken) seen = { 0 };

  g_assert_true (tessera_seen_tokens_lookup (f->engine->seen, token, strlen (token), &seen));
  const TesseraTokenForm same = form_of (seen.profile);
  TesseraTokenForm forms[] = { same, same, same, same, same, same, same, same, same, same };
  forms[0].algorithm = TESSERA_ALGORITHM_RS256;
  forms[1].typ = "JWT";
  forms[2].kid = "another";
  forms[3].issuer = "https://other.example";
  forms[4].subject = "c2";
  forms[5].client_id = "c2";
  forms[6].audience = others;
  forms[7].scope = "a";
  forms[8].scope = NULL;
  forms[9].lifetime++;
  g_assert_true (tessera_token_profile_has_form (seen.profile, &same));
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    g_assert_false (tessera_token_profile_has_form (seen.profile, &forms[i]));
}

#define PERSON(more)                                                                               \
  "{\"acr\":\"1\",\"amr\":[\"pwd\"],\"aud\":\"https://api.example\",\"auth_time\":50,"             \
  "\"client_id\":\"c1\",\"exp\":160,\"grant_id\":\"g1\",\"iat\":100,"                              \
  "\"iss\":\"https://"                                                                             \
  "id.example\",\"jti\":\"j1\",\"scope\":\"a\",\"sid\":\"s1\",\"sub\":\"alice\"" more "}"

static const char *const api[] = { "https://api.example", NULL };
static const TesseraTokenForm person = { .algorithm = TESSERA_ALGORITHM_ES256,
                                         .typ = "at+jwt",
                                         .kid = "k1",
                                         .issuer = "https://id.example",
                                         .subject = "alice",
                                         .client_id = "c1",
                                         .audience = api,
                                         .scope = "a",
                                         .lifetime = 60,
                                         .grant_id = "g1",
                                         .session_id = "s1",
                                         .acr = "1",
                                         .amr = "pwd",
                                         .auth_time = 50 };

static void
test_all_that_is_said_of_people_is_compared (void)
{
  static const char *const others[] = { "https://other.example", NULL };
  g_autoptr (TesseraPersonMould) mould = tessera_person_mould_new (&person, "j1", 100, PERSON (""));
  TesseraTokenForm forms[] = { person, person, person, person, person, person, person,
                               person, person, person, person, person, person };

  g_assert_nonnull (mould);
  g_assert_true (tessera_person_mould_fits (mould, &person));
  forms[0].issuer = "https://other.example";
  forms[1].client_id = "c2";
  forms[2].scope = "b";
  forms[3].scope = NULL;
  forms[4].acr = "2";
  forms[5].acr = NULL;
  forms[6].amr = NULL;
  forms[7].audience = others;
  /* What has no place, or more than one spelling. */
  forms[8].grant_id = NULL;
  forms[9].session_id = NULL;
  forms[10].grant_id = "g\"1";
  forms[11].session_id = "s\\1";
  forms[12].subject = "al\nice";
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++)
    g_assert_false (tessera_person_mould_fits (mould, &forms[i]));
}

/* A text that is not what it is taken for makes no mould. */
static void
test_only_what_is_understood_is_a_mould (void)
{
  g_autoptr (TesseraPersonMould) escaped
      = tessera_person_mould_new (&person, "j1", 100, PERSON (",\"x\":\"\\\"\""));
  g_autoptr (TesseraPersonMould) another_name
      = tessera_person_mould_new (&person, "j2", 100, PERSON (""));
  g_autoptr (TesseraPersonMould) another_time
      = tessera_person_mould_new (&person, "j1", 101, PERSON (""));
  TesseraTokenForm other = person;
  other.grant_id = "g2";
  g_autoptr (TesseraPersonMould) another_grant
      = tessera_person_mould_new (&other, "j1", 100, PERSON (""));
  g_autoptr (TesseraPersonMould) without_a_place
      = tessera_person_mould_new (&person, "j1", 100, "{\"auth_time\":50,\"exp\":160}");

  g_assert_null (escaped);
  g_assert_null (another_name);
  g_assert_null (another_time);
  g_assert_null (another_grant);
  g_assert_null (without_a_place);
}

static char *
read_claim (const char *token, const char *name)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, strlen (token), NULL);

  return g_strdup (tessera_claims_get_string (jwt->claims, name));
}

static void
test_each_has_its_own_name (Fixture *f, gconstpointer data)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *token = mint (f);

      g_assert_true (g_hash_table_add (names, read_claim (token, "jti")));
    }
}

/* What a person allowed is named in the token, so that it ends with that. */
static void
test_a_token_of_a_grant_names_it (Fixture *f, gconstpointer data)
{
  g_free (f->authorization.login.subject);
  f->authorization.login.subject = g_strdup ("alice");
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *grant_id = g_strdup_printf ("grant-%u", i / 2);

      g_free (f->authorization.grant_id);
      f->authorization.grant_id = g_strdup (grant_id);
      g_autofree char *token = mint (f);
      g_autofree char *named = read_claim (token, "grant_id");
      g_assert_cmpstr (named, ==, grant_id);
    }
}

static void
become_person (Fixture *f)
{
  set_person (f, "alice", "g1");
}

static void
become_another (Fixture *f)
{
  set_person (f, "bob", "g2");
}

static void
log_in_again (Fixture *f)
{
  set_person (f, "bob", "g3");
}

static void
change_sub (Fixture *f)
{
  f->authorization.login.sub = g_strdup ("pairwise");
}

static void
change_acr (Fixture *f)
{
  f->authorization.login.acr = g_strdup ("urn:gold");
}

static void
change_amr (Fixture *f)
{
  f->authorization.login.amr = g_strdup ("pwd otp");
}

static void
change_amr_again (Fixture *f)
{
  g_free (f->authorization.login.amr);
  f->authorization.login.amr = g_strdup ("pwd");
}

static void
drop_session (Fixture *f)
{
  g_clear_pointer (&f->authorization.login.session_id, g_free);
}

/* What JSON escapes, what it does not but might, and what looks like a member. */
static void
quote_subject (Fixture *f)
{
  g_clear_pointer (&f->authorization.login.sub, g_free);
  set_person (f, "\"exp\":1,\"sub\":\"bob\"", "g4");
}

static void
accent_subject (Fixture *f)
{
  set_person (f, "zo\303\253", "g5");
}

static void
break_subject (Fixture *f)
{
  set_person (f, "a\\b\n", "g6");
}

static void
quote_session (Fixture *f)
{
  set_person (f, "carol", "g7");
  g_free (f->authorization.login.session_id);
  f->authorization.login.session_id = g_strdup ("a\"b");
}

static void
become_plain (Fixture *f)
{
  set_person (f, "carol", "g8");
}

/* A person's tokens are made after those of another person. */
static void
test_people_are_told_apart (Fixture *f, gconstpointer data)
{
  void (*const changes[]) (Fixture *)
      = { become_person,   become_another, log_in_again,  change_sub,     change_scope,
          change_audience, widen_audience, change_acr,    change_amr,     change_amr_again,
          change_lifetime, rotate,         quote_subject, accent_subject, break_subject,
          quote_session,   become_plain,   drop_session,  become_person };
  g_autofree char *before = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      changes[i](f);
      g_autofree char *first = mint (f);
      g_autofree char *second = mint (f);
      g_autofree char *anew = mint_anew (f);
      g_autofree char *wanted = read_common (f, anew);

      g_assert_cmpstr (wanted, !=, before);
      assert_common (f, first, wanted);
      assert_common (f, second, wanted);
      g_free (before);
      before = g_steal_pointer (&wanted);
    }
}

static void
assert_seen (Fixture *f, const char *token, const char *subject, const char *grant_id)
{
  g_auto (TesseraSeenToken) seen = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, strlen (token), &error);
  guint8 jti[16];

  g_assert_no_error (error);
  g_assert_true (tessera_seen_tokens_lookup (f->engine->seen, token, strlen (token), &seen));
  g_assert_nonnull (seen.profile);
  g_assert_cmpstr (seen.profile->subject, ==, subject);
  g_assert_cmpstr (seen.profile->grant_id, ==, grant_id);
  g_assert_cmpstr (seen.profile->session_id, ==, f->authorization.login.session_id);
  g_assert_cmpstr (seen.profile->client_id, ==, "c1");
  g_assert_cmpstr (seen.profile->scope, ==, "a b");
  g_assert_cmpstr (seen.profile->issuer, ==, tessera_claims_get_string (jwt->claims, "iss"));
  g_assert_true (tessera_uuid_parse (tessera_claims_get_string (jwt->claims, "jti"), jti, NULL));
  g_assert_cmpmem (jti, sizeof jti, seen.jti, sizeof seen.jti);

  gint64 iat = 0;
  g_assert_true (tessera_claims_get_int (jwt->claims, "iat", &iat));
  g_autofree char *json
      = tessera_token_profile_dup_claims_json (seen.profile,
                                               tessera_claims_get_string (jwt->claims, "jti"), iat);
  g_assert_cmpstr (json, ==, jwt->payload);
}

/* … and each is known for what it says itself. */
static void
test_people_are_known_apart (Fixture *f, gconstpointer data)
{
  static const char *const people[] = { "alice", "bob", "carol", "bob", "alice" };

  for (guint i = 0; i < G_N_ELEMENTS (people); i++)
    {
      g_autofree char *grant_id = g_strdup_printf ("g%u", i);

      set_person (f, people[i], grant_id);
      g_autofree char *token = mint (f);
      g_autofree char *next = mint (f);
      assert_seen (f, token, people[i], grant_id);
      assert_seen (f, next, people[i], grant_id);
      g_assert_cmpuint (tessera_seen_tokens_count_profiles (f->engine->seen), ==, i + 1);
    }
}

/* More than there is room for, in turns. */
static void
test_many_forms_have_their_own (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 1200; i++)
    {
      g_autofree char *scope = g_strdup_printf ("s%u", i < 600 ? i % 400 : 0);
      g_autofree char *resource = g_strdup_printf ("https://api%u.example", i < 600 ? 0 : i % 400);
      g_autofree char *claims = g_strdup_printf ("\"aud\":\"%s\"", resource);
      g_autofree char *claim = g_strdup_printf ("\"scope\":\"%s\"", scope);

      g_free (f->authorization.scope);
      g_free (f->authorization.resources);
      f->authorization.scope = g_steal_pointer (&scope);
      f->authorization.resources = g_steal_pointer (&resource);
      set_person (f, i % 2 != 0 ? "alice" : "bob", "g1");
      g_autofree char *token = mint (f);
      g_autofree char *common = read_common (f, token);
      g_assert_nonnull (strstr (common, claim));
      g_assert_nonnull (strstr (common, claims));
    }
}

/* Neither the first of its kind nor one after another; and then there are some again. */
static void
test_what_cannot_be_signed_is_no_token (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 8; i++)
    {
      g_auto (TesseraIssuedToken) token = { 0 };
      g_autoptr (GError) error = NULL;

      if (i == 4)
        set_person (f, "alice", "g1");
      signing_fails = i % 2 == 0;
      g_assert_true (tessera_token_issuer_issue (f->engine, &f->authorization, &token, &error)
                     == !signing_fails);
      g_assert_true ((token.access_token == NULL) == signing_fails);
      g_assert_true ((error != NULL) == signing_fails);
    }
  g_assert_false (signing_fails);
}

/* More than there is room for, in turns. */
static void
test_many_clients_have_their_own (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 1200; i++)
    {
      g_autofree char *scope = g_strdup_printf ("s%u", i % 400);
      g_autofree char *claim = g_strdup_printf ("\"scope\":\"%s\"", scope);

      g_free (f->authorization.scope);
      f->authorization.scope = g_steal_pointer (&scope);
      g_autofree char *token = mint (f);
      g_autofree char *common = read_common (f, token);
      g_assert_nonnull (strstr (common, claim));
    }
}

/* The first was forgotten by those who have seen tokens: the next is known all the same, and what
 * it says. */
static void
test_what_was_forgotten_is_known_again (Fixture *f, gconstpointer data)
{
  g_autofree char *first = mint (f);
  g_auto (TesseraSeenToken) seen = { 0 };

  tessera_seen_tokens_clear (f->engine->seen);
  g_autofree char *second = mint (f);
  g_assert_true (tessera_seen_tokens_lookup (f->engine->seen, second, strlen (second), &seen));
  g_assert_nonnull (seen.profile);
  g_assert_cmpstr (seen.profile->client_id, ==, "c1");
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (f->engine->seen), ==, 1);
}

static void
on_issue (gpointer data, TesseraIssuance *issuance)
{
  tessera_issuance_add_claim (issuance, "team", "blue");
}

static void
on_issued (gpointer data, TesseraClaims *claims, gboolean refreshed)
{
  Fixture *f = data;

  g_assert_cmpstr (tessera_claims_get_string (claims, "client_id"), ==, "c1");
  f->n_heard++;
}

/* However many tokens were made before it came, and again after it went. */
static void
test_a_handler_is_asked_at_once (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 6; i++)
    {
      gboolean asked = i == 2 || i == 3;

      f->engine->hooks.issue_token = asked ? on_issue : NULL;
      g_autofree char *token = mint (f);
      g_autofree char *common = read_common (f, token);
      g_assert_cmpint (strstr (common, "\"team\":\"blue\"") != NULL, ==, asked);
    }
}

static void
test_a_listener_is_told_of_each (Fixture *f, gconstpointer data)
{
  g_autofree char *before = mint (f);

  f->engine->hooks.token_issued = on_issued;
  f->engine->hooks_data = f;
  for (guint i = 0; i < 3; i++)
    g_free (mint (f));
  g_assert_cmpuint (f->n_heard, ==, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/token-moulds/what-changes-is-said", test_what_changes_is_said);
  ADD ("/token-moulds/all-that-is-said-is-compared", test_all_that_is_said_is_compared);
  g_test_add_func ("/token-moulds/all-that-is-said-of-people-is-compared",
                   test_all_that_is_said_of_people_is_compared);
  g_test_add_func ("/token-moulds/only-what-is-understood-is-a-mould",
                   test_only_what_is_understood_is_a_mould);
  ADD ("/token-moulds/each-has-its-own-name", test_each_has_its_own_name);
  ADD ("/token-moulds/a-token-of-a-grant-names-it", test_a_token_of_a_grant_names_it);
  ADD ("/token-moulds/people-are-told-apart", test_people_are_told_apart);
  ADD ("/token-moulds/people-are-known-apart", test_people_are_known_apart);
  ADD ("/token-moulds/many-forms-have-their-own", test_many_forms_have_their_own);
  ADD ("/token-moulds/what-cannot-be-signed-is-no-token", test_what_cannot_be_signed_is_no_token);
  ADD ("/token-moulds/many-clients-have-their-own", test_many_clients_have_their_own);
  ADD ("/token-moulds/what-was-forgotten-is-known-again", test_what_was_forgotten_is_known_again);
  ADD ("/token-moulds/a-handler-is-asked-at-once", test_a_handler_is_asked_at_once);
  ADD ("/token-moulds/a-listener-is-told-of-each", test_a_listener_is_told_of_each);
  return g_test_run ();
}
