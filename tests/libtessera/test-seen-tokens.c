/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is kept in mind of tokens: their text, what they say, and no more than fits. */

#include "base/tessera-secret-private.h"
#include "engine-fixture.h"
#include "store/tessera-known-texts-private.h"

#include <string.h>

#define CLAIMS(EXP, IAT, JTI, SUB)                                                                 \
  "{\"aud\":[\"a\",\"b\"],\"client_id\":\"c\",\"exp\":" EXP ",\"iat\":" IAT                        \
  ",\"iss\":\"i\",\"jti\":\"" JTI "\",\"scope\":\"s t\",\"sid\":\"x\",\"sub\":\"" SUB "\"}"
#define JTI_1 "01890a5d-ac96-7000-8000-000000000001" /* 1688096058518 ms */
#define JTI_2 "01890a5d-b07e-7000-8000-000000000002" /* a second later */
#define IAT_1 1688096058
#define FIRST CLAIMS ("1688096658", "1688096058", JTI_1, "u")
#define SECOND CLAIMS ("1688096659", "1688096059", JTI_2, "u")
#define OTHER CLAIMS ("1688096658", "1688096058", JTI_1, "v")

/* The linker puts ours before theirs. */
void __real_tessera_known_texts_add (TesseraKnownTexts *self,
                                     const char *text,
                                     gsize length,
                                     const TesseraDigest *digest);
void __wrap_tessera_known_texts_add (TesseraKnownTexts *self,
                                     const char *text,
                                     gsize length,
                                     const TesseraDigest *digest);

static guint n_kept; /* texts, so far */

void
__wrap_tessera_known_texts_add (TesseraKnownTexts *self,
                                const char *text,
                                gsize length,
                                const TesseraDigest *digest)
{
  n_kept++;
  __real_tessera_known_texts_add (self, text, length, digest);
}

static gboolean
read_outline (TesseraTokenOutline *outline, const char *json)
{
  *outline = (TesseraTokenOutline){ .typ = "at+jwt", .kid = "k" };
  return tessera_token_outline_read (outline, json);
}

static gboolean
contains (TesseraSeenTokens *seen, const char *token, gsize length)
{
  g_auto (TesseraSeenToken) what = { 0 };
  return tessera_seen_tokens_lookup (seen, token, length, &what);
}

static void
add_text (TesseraSeenTokens *seen, const char *text, const char *json)
{
  g_autoptr (TesseraClaims) claims = tessera_claims_new_from_json (json, strlen (json), NULL);
  TesseraTokenOutline outline;

  g_assert_true (read_outline (&outline, json));
  tessera_seen_tokens_add (seen, text, strlen (text), &outline, claims);
}

static void
test_knows_what_was_added (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (100);

  g_assert_false (contains (seen, "a.b.c", 5));
  tessera_seen_tokens_add (seen, "a.b.c", 5, NULL, NULL);
  tessera_seen_tokens_add (seen, "a.b.c", 5, NULL, NULL);
  g_assert_true (contains (seen, "a.b.c", 5));
  g_assert_false (contains (seen, "a.b.cd", 6));
  g_assert_false (contains (seen, "a.b.c", 4));
  tessera_seen_tokens_clear (seen);
  g_assert_false (contains (seen, "a.b.c", 5));
}

static void
test_stays_small_and_keeps_the_newest (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (64);
  guint known = 0;

  for (guint i = 0; i < 10000; i++)
    {
      tessera_seen_tokens_add (seen, (const char *) &i, sizeof i, NULL, NULL);
      g_assert_true (contains (seen, (const char *) &i, sizeof i));
    }
  for (guint i = 0; i < 10000; i++)
    known += contains (seen, (const char *) &i, sizeof i) ? 1 : 0;
  g_assert_cmpuint (known, ==, 64);
}

static void
test_the_smallest_works (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (0);

  tessera_seen_tokens_add (seen, "x", 1, NULL, NULL);
  g_assert_true (contains (seen, "x", 1));
}

/* What is found by its text is what is found by its digest, and goes with it. */
static void
test_kept_texts_change_nothing (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (16);
  const char *const texts[] = { FIRST, SECOND, OTHER };

  tessera_seen_tokens_keep_texts (seen, 64);
  for (guint i = 0; i < 10 * G_N_ELEMENTS (texts); i++)
    {
      const char *text = texts[i % G_N_ELEMENTS (texts)];
      g_auto (TesseraSeenToken) what = { 0 };
      TesseraDigest digest = tessera_digest (text, -1);
      gboolean found = tessera_seen_tokens_lookup (seen, text, strlen (text), &what);

      g_assert_true (tessera_digest_equal (&what.digest, &digest));
      g_assert_cmpint (found, ==, i >= G_N_ELEMENTS (texts));
      if (found)
        g_assert_cmpstr (what.profile->subject, ==, text == texts[2] ? "v" : "u");
      else
        add_text (seen, text, text);
    }
  for (guint i = 0; i < 16; i++)
    tessera_seen_tokens_add (seen, (const char *) &i, sizeof i, NULL, NULL);
  g_assert_false (contains (seen, FIRST, strlen (FIRST))); /* its text is there still */
  add_text (seen, FIRST, OTHER);
  g_auto (TesseraSeenToken) what = { 0 };
  g_assert_true (tessera_seen_tokens_lookup (seen, FIRST, strlen (FIRST), &what));
  g_assert_cmpstr (what.profile->subject, ==, "v");
  tessera_seen_tokens_clear (seen);
  g_assert_false (contains (seen, FIRST, strlen (FIRST)));
}

/* What strangers send takes no place of what is good. */
static void
test_strangers_have_no_text_kept (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (16);
  guint before = n_kept;

  tessera_seen_tokens_keep_texts (seen, 64);
  for (guint i = 0; i < 100; i++)
    g_assert_false (contains (seen, FIRST, strlen (FIRST)));
  g_assert_cmpuint (n_kept, ==, before);
  add_text (seen, FIRST, FIRST);
  g_assert_cmpuint (n_kept, ==, before);
  for (guint i = 0; i < 100; i++)
    g_assert_true (contains (seen, FIRST, strlen (FIRST)));
  g_assert_cmpuint (n_kept, ==, before + 1);
}

static void
test_gives_the_claims_back_letter_by_letter (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (100);
  const char *const texts[] = { FIRST, SECOND, OTHER };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    add_text (seen, texts[i], texts[i]);
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (seen), ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_auto (TesseraSeenToken) what = { 0 };
      g_assert_true (tessera_seen_tokens_lookup (seen, texts[i], strlen (texts[i]), &what));
      g_autoptr (TesseraAccessToken) token
          = tessera_access_token_new_seen (what.profile, what.jti, "i", (gint64) IAT_1 * 1000,
                                           NULL);
      g_autofree char *json = tessera_access_token_dup_claims_json (token);

      g_assert_cmpstr (json, ==, texts[i]);
      g_assert_cmpstr (tessera_access_token_get_claim (token, "sid"), ==, "x");
      g_assert_cmpstr (tessera_access_token_get_session_id (token), ==, "x");
      g_assert_cmpstr (tessera_access_token_get_audience (token)[1], ==, "b");
      g_assert_cmpstr (tessera_access_token_get_subject (token), ==, i == 2 ? "v" : "u");
      g_assert_cmpint (tessera_access_token_get_expires_at (token), ==, IAT_1 + 600 + i % 2);
    }
}

static void
test_profiles_go_with_their_last_token (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (16);
  g_auto (TesseraSeenToken) what = { 0 };

  add_text (seen, "1", FIRST);
  add_text (seen, "2", SECOND);
  add_text (seen, "3", OTHER);
  g_assert_true (tessera_seen_tokens_lookup (seen, "2", 1, &what));
  for (guint i = 10; i < 24; i++)
    tessera_seen_tokens_add (seen, (const char *) &i, sizeof i, NULL, NULL);
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (seen), ==, 2);
  for (guint i = 24; i < 26; i++)
    tessera_seen_tokens_add (seen, (const char *) &i, sizeof i, NULL, NULL);
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (seen), ==, 0);
  g_assert_cmpstr (what.profile->subject, ==, "u"); /* whoever has it keeps it */
}

static void
test_many_authorizations_do_not_fill_the_memory (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (16384);

  for (guint i = 0; i < 5000; i++)
    {
      g_autofree char *subject = g_strdup_printf ("person-%05u", i);
      g_autoptr (GString) json = g_string_new (FIRST);
      g_auto (TesseraSeenToken) what = { 0 };

      g_string_replace (json, "\"sub\":\"u\"", "\"sub\":\"@\"", 0);
      g_string_replace (json, "@", subject, 0);
      add_text (seen, json->str, json->str);
      g_assert_true (tessera_seen_tokens_lookup (seen, json->str, json->len, &what));
      if (what.profile != NULL)
        g_assert_cmpstr (what.profile->subject, ==, subject);
    }
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (seen), ==, 2048);
}

/* Its claims would be those of a stranger. */
static void
test_who_takes_a_place_takes_no_claims_over (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (16);

  for (guint i = 0; i < 16; i++)
    {
      g_autofree char *text = g_strdup_printf ("a.b.%u", i);

      add_text (seen, text, i == 15 ? SECOND : FIRST);
    }
  for (guint i = 0; i < 8; i++)
    {
      g_auto (TesseraSeenToken) what = { 0 };

      tessera_seen_tokens_add (seen, (const char *) &i, sizeof i, NULL, NULL);
      g_assert_true (tessera_seen_tokens_lookup (seen, (const char *) &i, sizeof i, &what));
      g_assert_null (what.profile);
    }
}

/* Whatever is written in another way than the issuer writes it is read anew each time. */
static void
test_only_what_is_certain_is_outlined (void)
{
  static const char *const odd[] = {
    "{\"exp\": 1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\"}",
    "{\"iat\":1688096058,\"exp\":1688096658,\"jti\":\"" JTI_1 "\"}",
    "{\"exp\":01688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\"}",
    "{\"exp\":-1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\"}",
    "{\"exp\":1688096658.0,\"iat\":1688096058,\"jti\":\"" JTI_1 "\"}",
    "{\"exp\":1688096658,\"iat\":1688096057,\"jti\":\"" JTI_1 "\"}",
    "{\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "x\"}",
    "{\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"" JTI_2 "\"}",
    "{\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\",\"nbf\":1}",
    "{\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\",\"status\":{}}",
    "{\"a\":{\"exp\":1688096658},\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\"}",
    "{\"\\u0065xp\":1,\"a\":{\"exp\":1688096658},\"iat\":1688096058,\"jti\":\"" JTI_1 "\"}",
    "{\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"" JTI_1 "\"} ",
    "{\"exp\":1688096658,\"iat\":1688096058,\"jti\":\"01890a5d",
    "{\"exp\":1688096658,\"iat\":1688096058}",
    "",
  };
  TesseraTokenOutline outline;

  g_assert_true (read_outline (&outline, FIRST));
  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    g_assert_false (read_outline (&outline, odd[i]));
}

/* The short way comes to the same as the long one, or to nothing. */
static void
test_a_known_outline_is_matched_exactly (void)
{
  static const char *const others[] = {
    CLAIMS ("1688096658", "1688096058", JTI_1, "uu"),
    OTHER,
    CLAIMS ("1688096658", "1688096059", JTI_1, "u"),
    CLAIMS ("01688096658", "1688096058", JTI_1, "u"),
    CLAIMS ("1688096658,\"x\":1", "1688096058", JTI_1, "u"),
    CLAIMS ("1688096658", "1688096058", "01890a5d-ac96-4000-8000-000000000001", "u"),
    FIRST " ",
    "{\"aud\":[\"a\",\"b\"],\"client_id\":\"c\",\"exp\":1688096658",
    "",
  };
  TesseraTokenOutline known, read, matched;

  g_assert_true (read_outline (&known, FIRST));
  g_assert_true (read_outline (&read, SECOND));
  matched = (TesseraTokenOutline){ .typ = "at+jwt", .kid = "k" };
  g_assert_true (tessera_token_outline_match (&matched, &known, SECOND));
  g_assert_true (tessera_token_outline_equal (&matched, &read));
  g_assert_cmpmem (matched.jti, 16, read.jti, 16);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (tessera_token_outline_match (&matched, &known, others[i]));
}

/* Else a token would be held against the key of another one. */
static void
test_a_profile_is_of_one_header_and_lifetime (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (100);
  TesseraTokenOutline outline, others[4];

  add_text (seen, FIRST, FIRST);
  g_assert_true (read_outline (&outline, SECOND));
  g_autoptr (TesseraTokenProfile) profile = tessera_seen_tokens_dup_profile (seen, &outline);
  g_assert_nonnull (profile);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    others[i] = outline;
  others[0].kid = "l";
  others[1].typ = "JWT";
  others[2].algorithm = TESSERA_ALGORITHM_RS256;
  others[3].lifetime++;
  g_assert_cmpint (outline.algorithm, !=, others[2].algorithm);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (tessera_token_outline_equal (&outline, &others[i]));
}

/* A member of an object inside is not the token's own. */
static void
test_a_profile_needs_claims_that_agree (void)
{
  static const char nested[]
      = "{\"a\":{\"exp\":1688096658},\"aud\":\"a\",\"client_id\":\"c\","
        "\"iat\":1688096058,\"iss\":\"i\",\"jti\":\"" JTI_1 "\",\"sub\":\"u\"}";
  g_autoptr (TesseraClaims) claims = tessera_claims_new_from_json (FIRST, strlen (FIRST), NULL);
  g_autoptr (TesseraClaims) others = tessera_claims_new_from_json (SECOND, strlen (SECOND), NULL);
  g_autoptr (TesseraClaims) without = tessera_claims_new_from_json (nested, strlen (nested), NULL);
  TesseraTokenOutline outline;

  g_assert_true (read_outline (&outline, FIRST));
  g_assert_null (tessera_token_profile_new (&outline, others));
  g_autoptr (TesseraTokenProfile) profile = tessera_token_profile_new (&outline, claims);
  g_assert_nonnull (profile);
  g_assert_true (read_outline (&outline, nested));
  g_assert_null (tessera_token_profile_new (&outline, without));

  static const char longer[] = CLAIMS ("1688096659", "1688096058", JTI_1, "u");
  g_autoptr (TesseraClaims) later = tessera_claims_new_from_json (longer, strlen (longer), NULL);
  g_assert_true (read_outline (&outline, FIRST));
  g_assert_null (tessera_token_profile_new (&outline, later));
}

static void
test_what_every_token_needs_is_in_its_profile (void)
{
#define TIMES "\"exp\":1688096658,\"iat\":1688096058,"
  static const char *const incomplete[] = {
    "{\"client_id\":\"c\"," TIMES "\"iss\":\"i\",\"jti\":\"" JTI_1 "\",\"sub\":\"u\"}",
    "{\"aud\":[],\"client_id\":\"c\"," TIMES "\"iss\":\"i\",\"jti\":\"" JTI_1 "\",\"sub\":\"u\"}",
    "{\"aud\":\"a\"," TIMES "\"iss\":\"i\",\"jti\":\"" JTI_1 "\",\"sub\":\"u\"}",
    "{\"aud\":\"a\",\"client_id\":\"c\"," TIMES "\"jti\":\"" JTI_1 "\",\"sub\":\"u\"}",
    "{\"aud\":\"a\",\"client_id\":\"c\"," TIMES "\"iss\":\"i\",\"jti\":\"" JTI_1 "\"}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (incomplete); i++)
    {
      g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (100);
      g_auto (TesseraSeenToken) what = { 0 };

      add_text (seen, "t", incomplete[i]);
      g_assert_true (tessera_seen_tokens_lookup (seen, "t", 1, &what));
      g_assert_null (what.profile);
    }
}

/* The same questions are asked of a token that is recognized as of one that is read. */

static char *
issue (EngineFixture *fixture)
{
  g_autoptr (Answer) answer
      = engine_fixture_ask (fixture, "/token", "c1", "grant_type=client_credentials&scope=a");
  return g_strdup (answer_get (answer, "access_token"));
}

static char *
verify_to_json (EngineFixture *fixture, const char *token)
{
  g_autoptr (TesseraAccessToken) access_token
      = tessera_engine_verify_token (&fixture->engine, token, strlen (token), NULL);
  return access_token != NULL ? tessera_access_token_dup_claims_json (access_token) : NULL;
}

static void
test_recognizing_says_what_reading_says (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autofree char *token = issue (fixture);
  g_autofree char *recognized = verify_to_json (fixture, token);
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (fixture->engine.seen), ==, 1);

  tessera_seen_tokens_clear (fixture->engine.seen);
  g_autofree char *read = verify_to_json (fixture, token);
  g_assert_cmpstr (recognized, ==, read);
  g_assert_nonnull (read);

  /* Reading it has put it back. */
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (fixture->engine.seen), ==, 1);
  g_autofree char *again = verify_to_json (fixture, token);
  g_assert_cmpstr (again, ==, read);
}

/* Its signature is verified, its text is not read. */
static void
test_a_cold_token_of_a_known_profile_is_understood (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autofree char *first = issue (fixture);
  g_autofree char *second = issue (fixture);
  g_autofree char *known = verify_to_json (fixture, second);

  tessera_seen_tokens_clear (fixture->engine.seen);
  g_autofree char *read = verify_to_json (fixture, first);
  g_assert_nonnull (read);
  g_autofree char *understood = verify_to_json (fixture, second);
  g_assert_cmpstr (understood, ==, known);
  g_assert_cmpuint (tessera_seen_tokens_count_profiles (fixture->engine.seen), ==, 1);

  /* The payload of one with the signature of the other. */
  g_autofree char *forged = g_strconcat (first, NULL);
  gsize length = strlen (forged);
  memcpy (forged + length - 86, second + strlen (second) - 86, 86);
  g_autofree char *believed = verify_to_json (fixture, forged);
  g_assert_null (believed);
}

static void
test_a_recognized_token_expires (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autofree char *token = issue (fixture);

  fixture->offset_ms = 601 * 1000;
  g_autofree char *json = verify_to_json (fixture, token);
  g_assert_null (json);
}

static void
test_a_recognized_token_needs_its_key (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autofree char *token = issue (fixture);
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (fixture->engine.keys, TESSERA_ALGORITHM_ES256);

  g_assert_true (tessera_key_ring_revoke (fixture->engine.keys, tessera_key_get_id (key), NULL));
  g_autofree char *json = verify_to_json (fixture, token);
  g_assert_null (json);
}

static void
test_a_recognized_token_has_the_type_its_audience_was_promised (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autofree char *token = issue (fixture);
  TesseraResource *resource = g_new0 (TesseraResource, 1);

  resource->identifier = g_strdup (ENGINE_FIXTURE_ISSUER);
  resource->token_type = g_strdup ("JWT");
  g_ptr_array_add (fixture->engine.resources, resource);
  g_autofree char *json = verify_to_json (fixture, token);
  g_assert_null (json);
}

static void
test_a_recognized_token_has_the_right_issuer (void)
{
  g_autoptr (EngineFixture) fixture = engine_fixture_new (FALSE);
  g_autofree char *token = issue (fixture);

  g_free (fixture->engine.settings->issuer);
  fixture->engine.settings->issuer = g_strdup ("http://127.0.0.1:8418");
  g_autofree char *json = verify_to_json (fixture, token);
  g_assert_null (json);
}

/* Asks, adds and forgets; what it is told of a text is what that says. */
static gpointer
use_with_others (gpointer data)
{
  static const char *const texts[] = { FIRST, SECOND, OTHER };
  TesseraSeenTokens *seen = data;

  for (guint i = 0; i < 5000; i++)
    {
      guint n = i % G_N_ELEMENTS (texts);
      g_auto (TesseraSeenToken) what = { 0 };
      TesseraTokenOutline outline;

      g_assert_true (read_outline (&outline, texts[n]));
      if (i % 100 == 99)
        tessera_seen_tokens_clear (seen);
      if (i % 10 == 9)
        tessera_seen_tokens_add (seen, (const char *) &i, sizeof i, NULL, NULL);
      if (!tessera_seen_tokens_lookup (seen, texts[n], strlen (texts[n]), &what))
        add_text (seen, texts[n], texts[n]);
      else
        {
          g_assert_cmpstr (what.profile->subject, ==, n == 2 ? "v" : "u");
          g_assert_cmpmem (what.jti, sizeof what.jti, outline.jti, sizeof outline.jti);
        }
    }
  return NULL;
}

static void
test_threads_use_it_at_once (void)
{
  g_autoptr (TesseraSeenTokens) seen = tessera_seen_tokens_new (32);
  GThread *threads[3];

  tessera_seen_tokens_keep_texts (seen, 64);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("uses it", use_with_others, seen);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seen-tokens/knows-what-was-added", test_knows_what_was_added);
  g_test_add_func ("/seen-tokens/stays-small-and-keeps-the-newest",
                   test_stays_small_and_keeps_the_newest);
  g_test_add_func ("/seen-tokens/the-smallest-works", test_the_smallest_works);
  g_test_add_func ("/seen-tokens/kept-texts-change-nothing", test_kept_texts_change_nothing);
  g_test_add_func ("/seen-tokens/strangers-have-no-text-kept", test_strangers_have_no_text_kept);
  g_test_add_func ("/seen-tokens/gives-the-claims-back-letter-by-letter",
                   test_gives_the_claims_back_letter_by_letter);
  g_test_add_func ("/seen-tokens/profiles-go-with-their-last-token",
                   test_profiles_go_with_their_last_token);
  g_test_add_func ("/seen-tokens/many-authorizations-do-not-fill-the-memory",
                   test_many_authorizations_do_not_fill_the_memory);
  g_test_add_func ("/seen-tokens/who-takes-a-place-takes-no-claims-over",
                   test_who_takes_a_place_takes_no_claims_over);
  g_test_add_func ("/seen-tokens/only-what-is-certain-is-outlined",
                   test_only_what_is_certain_is_outlined);
  g_test_add_func ("/seen-tokens/a-known-outline-is-matched-exactly",
                   test_a_known_outline_is_matched_exactly);
  g_test_add_func ("/seen-tokens/a-profile-is-of-one-header-and-lifetime",
                   test_a_profile_is_of_one_header_and_lifetime);
  g_test_add_func ("/seen-tokens/a-profile-needs-claims-that-agree",
                   test_a_profile_needs_claims_that_agree);
  g_test_add_func ("/seen-tokens/a-cold-token-of-a-known-profile-is-understood",
                   test_a_cold_token_of_a_known_profile_is_understood);
  g_test_add_func ("/seen-tokens/what-every-token-needs-is-in-its-profile",
                   test_what_every_token_needs_is_in_its_profile);
  g_test_add_func ("/seen-tokens/recognizing-says-what-reading-says",
                   test_recognizing_says_what_reading_says);
  g_test_add_func ("/seen-tokens/a-recognized-token-expires", test_a_recognized_token_expires);
  g_test_add_func ("/seen-tokens/a-recognized-token-needs-its-key",
                   test_a_recognized_token_needs_its_key);
  g_test_add_func ("/seen-tokens/a-recognized-token-has-the-type-its-audience-was-promised",
                   test_a_recognized_token_has_the_type_its_audience_was_promised);
  g_test_add_func ("/seen-tokens/a-recognized-token-has-the-right-issuer",
                   test_a_recognized_token_has_the_right_issuer);
  g_test_add_func ("/seen-tokens/threads-use-it-at-once", test_threads_use_it_at_once);
  return g_test_run ();
}
