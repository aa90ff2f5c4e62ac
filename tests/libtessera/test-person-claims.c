/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is kept of a person: every claim is held against its type, and the server's own are refused.
 */

#include "base/tessera-error.h"
#include "model/tessera-person-claims-private.h"
#include "model/tessera-standard-claims-private.h"
#include "model/tessera-user-private.h"

#include <string.h>

#define HASH "$y$j9T$abcdefghijklmnopqrstuv$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

static gboolean
is_accepted (const char *json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (json_t) claims = tessera_person_claims_parse (json, &error);

  if (claims != NULL)
    return TRUE;
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER);
  g_assert_true (g_str_is_ascii (error->message));
  return FALSE;
}

static void
test_takes_each_standard_claim_of_its_type (void)
{
  static const char *const accepted[] = {
    "{\"name\":\"Alice Ådams\",\"family_name\":\"A\",\"given_name\":\"B\",\"middle_name\":\"C\"}",
    "{\"nickname\":\"Al\",\"preferred_username\":\"al\",\"gender\":\"female\"}",
    "{\"profile\":\"https://a.test/\",\"picture\":\"http://a.test/p.png?x=1\",\"website\":\"https:/"
    "/"
    "[::1]:8/\"}",
    "{\"birthdate\":\"1984-02-29\"}",
    "{\"birthdate\":\"0000-02-29\"}",
    "{\"birthdate\":\"1984\"}",
    "{\"zoneinfo\":\"America/Argentina/Buenos_Aires\",\"locale\":\"zh_Hant-TW\"}",
    "{\"email\":\"a.b+c@d.test\",\"email_verified\":false}",
    "{\"phone_number\":\"+49 (30) 12-34;ext=5\",\"phone_number_verified\":true}",
    "{\"address\":{\"formatted\":\"A\\nB\",\"street_address\":\"S\\r\\n1\",\"locality\":\"L\","
    "\"region\":\"R\",\"postal_code\":\"P\",\"country\":\"C\"}}",
    "{\"name#de\":\"Äl\",\"name#ja-Kana-JP\":\"ア\",\"website#fr\":\"https://f.test/\"}",
    "{\"groups\":[\"a\",{\"b\":1}],\"https://x.test/role#de\":\"x\",\"n\":1.5}",
    "{}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (accepted); i++)
    if (!is_accepted (accepted[i]))
      g_error ("refused: %s", accepted[i]);
}

static void
test_refuses_what_is_not_of_its_type (void)
{
  static const char *const refused[] = {
    "{\"name\":1}",
    "{\"name\":\"\"}",
    "{\"name\":null}",
    "{\"name\":[\"x\"]}",
    "{\"name\":\"a\\u0007\"}",
    "{\"name\":\"a\\nb\"}",
    "{\"nickname\":\"\\u009b\"}",
    "{\"picture\":\"javascript:alert(1)\"}",
    "{\"picture\":\"https:///x\"}",
    "{\"picture\":\"https://a.test/ x\"}",
    "{\"website\":\"//a.test\"}",
    "{\"profile\":\"http://ä.test/\"}",
    "{\"birthdate\":\"1983-02-29\"}",
    "{\"birthdate\":\"-200-01-01\"}",
    "{\"birthdate\":\"1983-13-01\"}",
    "{\"birthdate\":\"1983-00-01\"}",
    "{\"birthdate\":\"1983-01-00\"}",
    "{\"birthdate\":\"1983-01-011\"}",
    "{\"birthdate\":\"198\"}",
    "{\"birthdate\":1983}",
    "{\"zoneinfo\":\"Europe Berlin\"}",
    "{\"locale\":\"de,en\"}",
    "{\"email\":\"a\"}",
    "{\"email\":\"@b\"}",
    "{\"email\":\"a@\"}",
    "{\"email\":\"a@b, c@d\"}",
    "{\"email\":\"<a@b>\"}",
    "{\"email_verified\":\"true\"}",
    "{\"email_verified\":1}",
    "{\"phone_number\":\"+\"}",
    "{\"phone_number\":\"12/34\"}",
    "{\"phone_number_verified\":\"yes\"}",
    "{\"address\":\"somewhere\"}",
    "{\"address\":{}}",
    "{\"address\":{\"country\":1}}",
    "{\"address\":{\"planet\":\"Earth\"}}",
    "{\"groups\":null}",
    "{\"email#de\":\"a@b\"}",
    "{\"birthdate#de\":\"1984\"}",
    "{\"name#\":\"x\"}",
    "{\"name#-de\":\"x\"}",
    "{\"name#de-\":\"x\"}",
    "{\"name#d_e\":\"x\"}",
    "{\"name#de#at\":\"x\"}",
    "{\"\":\"x\"}",
    "{\"#de\":\"x\"}",
    "{\"a b\":\"x\"}",
    "{\"ä\":\"x\"}",
    "{\"a\\\"\":\"x\"}",
    "{\"name\":\"a\",\"name\":\"b\"}",
    "[]",
    "\"x\"",
    "",
    "{\"name\":\"\xff\"}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    if (is_accepted (refused[i]))
      g_error ("accepted: %s", refused[i]);
}

static void
test_refuses_what_only_the_server_says (void)
{
  static const char *const own[]
      = { "iss",        "sub",    "aud",          "exp",           "iat",      "nbf",    "jti",
          "auth_time",  "acr",    "amr",          "azp",           "nonce",    "sid",    "at_hash",
          "cnf",        "c_hash", "client_id",    "scope",         "grant_id", "status", "events",
          "updated_at", "sub#de", "_claim_names", "_claim_sources" };

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"%s\":\"x\"}", own[i]);
      if (is_accepted (json))
        g_error ("accepted: %s", json);
    }
}

static void
test_has_limits (void)
{
  static const struct
  {
    const char *name;
    const char *prefix;
    gsize max;
    char filler;
  } cases[] = {
    { "name", "", 1024, 'x' },   { "picture", "https://a.test/", 2048, 'x' },
    { "email", "a@", 254, 'x' }, { "phone_number", "+", 64, '1' },
    { "zoneinfo", "", 64, 'x' }, { "locale", "", 64, 'x' },
    { "name#", NULL, 35, 'x' },  { "", NULL, 128, 'x' },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize more = 0; more <= 1; more++)
      {
        gsize length
            = cases[i].max + more - (cases[i].prefix != NULL ? strlen (cases[i].prefix) : 0);
        g_autofree char *filler = g_strnfill (length, cases[i].filler);
        g_autofree char *json
            = cases[i].prefix != NULL
                  ? g_strdup_printf ("{\"%s\":\"%s%s\"}", cases[i].name, cases[i].prefix, filler)
                  : g_strdup_printf ("{\"%s%s\":\"x\"}", cases[i].name, filler);
        g_assert_cmpint (is_accepted (json), ==, more == 0);
      }
  for (gsize more = 0; more <= 1; more++)
    {
      g_autofree char *filler
          = g_strnfill (TESSERA_PERSON_CLAIMS_MAX_LENGTH - strlen ("{\"x\":\"\"}") + more, 'x');
      g_autofree char *json = g_strdup_printf ("{\"x\":\"%s\"}", filler);
      g_assert_cmpint (is_accepted (json), ==, more == 0);
    }
}

static void
assert_change (const char *known, const char *changes, const char *expected)
{
  g_autoptr (json_t) before = known != NULL ? json_loads (known, 0, NULL) : NULL;
  g_autoptr (json_t) delta = json_loads (changes, 0, NULL);
  g_autoptr (json_t) after = tessera_person_claims_change (before, delta, NULL);
  g_autofree char *text = after != NULL ? tessera_json_dump (after) : NULL;
  g_autofree char *kept = before != NULL ? tessera_json_dump (before) : g_strdup (known);

  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpstr (kept, ==, known);
}

static void
test_a_change_replaces_takes_away_and_leaves (void)
{
  assert_change (NULL, "{\"name\":\"A\"}", "{\"name\":\"A\"}");
  assert_change ("{\"name\":\"A\",\"nickname\":\"B\",\"x\":[1]}",
                 "{\"name\":\"C\",\"nickname\":\"\"}", "{\"name\":\"C\",\"x\":[1]}");
  assert_change ("{\"name\":\"A\"}", "{\"nickname\":\"\"}", "{\"name\":\"A\"}");
  assert_change ("{\"name\":\"A\"}", "{\"sub\":\"\"}", NULL);
  assert_change ("{\"name\":\"A\"}", "{\"name\":1}", NULL);
}

/* An application that takes accounts together by verified addresses would give one away. */
static void
test_another_address_is_not_verified_yet (void)
{
#define KNOWN "{\"email\":\"a@x\",\"email_verified\":true,\"phone_number_verified\":true}"
  assert_change (KNOWN, "{\"email\":\"b@y\"}",
                 "{\"email\":\"b@y\",\"phone_number_verified\":true}");
  assert_change (KNOWN, "{\"email\":\"a@x\"}", KNOWN);
  assert_change (KNOWN, "{\"email\":\"\"}", "{\"phone_number_verified\":true}");
  assert_change (KNOWN, "{\"phone_number\":\"+1\"}",
                 "{\"email\":\"a@x\",\"email_verified\":true,\"phone_number\":\"+1\"}");
  assert_change (KNOWN, "{\"email\":\"b@y\",\"email_verified\":true}",
                 "{\"email\":\"b@y\",\"phone_number_verified\":true,\"email_verified\":true}");
#undef KNOWN
}

static TesseraUser *
user_from_line (const char *line)
{
  g_autoptr (GError) error = NULL;
  TesseraUser *user = tessera_user_new_from_line (line, "file", &error);

  if (user == NULL)
    g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER);
  return user;
}

static void
test_a_line_of_a_file_can_say_what_is_known (void)
{
  g_autoptr (TesseraUser) plain = user_from_line ("alice:" HASH);
  g_autoptr (TesseraUser) known
      = user_from_line ("alice:" HASH ":{\"picture\":\"https://a.test/:8\"}");
  g_autofree char *text = tessera_json_dump (tessera_user_get_claims (known));
  g_autofree char *one = tessera_user_dup_fingerprint (plain);
  g_autofree char *other = tessera_user_dup_fingerprint (known);

  g_assert_cmpstr (text, ==, "{\"picture\":\"https://a.test/:8\"}");
  g_assert_cmpstr (one, ==, other);
  g_assert_null (user_from_line ("alice"));
  g_assert_null (user_from_line ("alice:" HASH ":"));
  g_assert_null (user_from_line ("alice:" HASH ":{\"email\":1}"));
  g_assert_null (user_from_line ("alice:" HASH ":{\"sub\":\"root\"}"));
}

static void
test_a_user_is_written_and_read_with_what_is_known (void)
{
  g_autoptr (TesseraUser) bare = tessera_user_new ("alice", HASH, NULL, NULL);
  g_autoptr (json_t) claims = json_loads ("{\"name\":\"Alice\"}", 0, NULL);
  g_autoptr (TesseraUser) told = tessera_user_copy_with_claims (bare, claims, 1234);
  g_autoptr (TesseraUser) disabled = tessera_user_copy_with_disabled (told, TRUE);
  g_autoptr (TesseraUser) changed = tessera_user_copy_with_hash (disabled, HASH, NULL);
  g_autoptr (json_t) record = tessera_user_to_json (changed);
  g_autofree char *text = tessera_json_dump (record);
  g_autoptr (TesseraUser) read = tessera_user_new_from_json (text, strlen (text), NULL);
  g_autoptr (json_t) told_of = tessera_user_copy_claims (read);
  g_autofree char *all = tessera_json_dump (told_of);
  g_autoptr (GVariant) variant = tessera_user_dup_claims (read);
  g_autofree char *printed = g_variant_print (variant, FALSE);

  g_assert_true (tessera_user_is_disabled (read));
  g_assert_cmpstr (all, ==, "{\"name\":\"Alice\",\"updated_at\":1234}");
  g_assert_cmpstr (printed, ==, "{'name': <'Alice'>, 'updated_at': <int64 1234>}");
  g_assert_cmpuint (json_object_size (tessera_user_get_claims (bare)), ==, 0);
}

static void
test_a_record_that_is_none_is_no_user (void)
{
  static const char *const records[] = {
    "{",
    "[]",
    "{\"hash\":\"" HASH "\"}",
    "{\"username\":\"a\"}",
    "{\"username\":\"a\",\"hash\":\"secret\"}",
    "{\"username\":\"a\",\"hash\":\"" HASH "\",\"claims\":[]}",
    "{\"username\":\"a\",\"hash\":\"" HASH "\",\"claims\":{\"email\":1}}",
  };
  g_autoptr (TesseraUser) alice = tessera_user_new ("alice", HASH, NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (tessera_user_new_from_json (records[i], strlen (records[i]), &error));
      g_assert_nonnull (error);
    }
  g_assert_null (tessera_user_copy_with_hash (alice, "secret", NULL));
}

static void
test_a_scope_asks_for_a_claim_in_every_language (void)
{
  g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (NULL, NULL);
  g_autoptr (json_t) known
      = json_loads ("{\"name\":\"A\",\"name#de\":\"B\",\"named\":\"C\",\"email\":\"d@e\",\"#x\":1}",
                    0, NULL);
  g_autoptr (json_t) told = tessera_standard_claims_select (known, "profile", "profile", request,
                                                            TESSERA_CLAIMS_USERINFO);
  g_autofree char *text = tessera_json_dump (told);

  g_assert_cmpstr (text, ==, "{\"name\":\"A\",\"name#de\":\"B\"}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add_func ("/person-claims/" name, func)
  ADD ("takes-each-standard-claim-of-its-type", test_takes_each_standard_claim_of_its_type);
  ADD ("refuses-what-is-not-of-its-type", test_refuses_what_is_not_of_its_type);
  ADD ("refuses-what-only-the-server-says", test_refuses_what_only_the_server_says);
  ADD ("has-limits", test_has_limits);
  ADD ("a-change-replaces-takes-away-and-leaves", test_a_change_replaces_takes_away_and_leaves);
  ADD ("another-address-is-not-verified-yet", test_another_address_is_not_verified_yet);
  ADD ("a-line-of-a-file-can-say-what-is-known", test_a_line_of_a_file_can_say_what_is_known);
  ADD ("a-user-is-written-and-read-with-what-is-known",
       test_a_user_is_written_and_read_with_what_is_known);
  ADD ("a-record-that-is-none-is-no-user", test_a_record_that_is_none_is_no_user);
  ADD ("a-scope-asks-for-a-claim-in-every-language",
       test_a_scope_asks_for_a_claim_in_every_language);
  return g_test_run ();
}
