/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published keys of an issuer: which are taken, and what is no key set. */

#include "base/tessera-json-private.h"
#include "jose/tessera-key-set-private.h"

#include <gio/gio.h>
#include <string.h>

static TesseraKey *keys[3]; /* ES256, EdDSA, ES256 */

/* The JWK of a key, with JSON members in place of its own (null: none). */
static char *
make_jwk (TesseraKey *key, const char *more)
{
  g_autoptr (json_t) jwk = tessera_key_to_jwk (key);
  g_autofree char *text = g_strdup_printf ("{%s}", more);
  g_autoptr (json_t) others = json_loads (text, 0, NULL);
  const char *name;
  json_t *value;

  g_assert_nonnull (others);
  json_object_foreach (others, name, value)
    {
      if (json_is_null (value))
        json_object_del (jwk, name);
      else
        json_object_set (jwk, name, value);
    }
  return tessera_json_dump (jwk);
}

static TesseraKeySet *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  TesseraKeySet *set = tessera_key_set_parse (text, strlen (text), &error);

  g_assert_true ((set == NULL) == (error != NULL));
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  return set;
}

/* A set of the good first key and another one. */
static TesseraKeySet *
parse_with (const char *other)
{
  g_autofree char *good = make_jwk (keys[0], "");
  g_autofree char *text = g_strdup_printf ("{\"keys\":[%s,%s]}", other, good);

  return parse (text);
}

static void
test_keys_are_found_by_name (void)
{
  g_autofree char *other = make_jwk (keys[1], "\"kid\":\"any name\"");
  g_autoptr (TesseraKeySet) set = parse_with (other);

  g_assert_cmpuint (tessera_key_set_get_count (set), ==, 2);
  TesseraKey *found = tessera_key_set_lookup (set, "any name");
  g_assert_cmpint (tessera_key_get_algorithm (found), ==, TESSERA_ALGORITHM_EDDSA);
  g_assert_nonnull (tessera_key_set_lookup (set, tessera_key_get_id (keys[0])));
  g_assert_null (tessera_key_set_lookup (set, tessera_key_get_id (keys[1])));
  g_assert_null (tessera_key_set_lookup (set, ""));
}

/* RFC 7517 §5: passed over, and the others are good. */
static void
test_unusable_keys_are_passed_over (void)
{
  static const char *const changes[] = {
    "\"use\":\"enc\"",
    "\"key_ops\":[\"encrypt\"]",
    "\"key_ops\":[]",
    "\"alg\":\"ES512\"",
    "\"alg\":\"EdDSA\"",
    "\"alg\":\"HS256\"",
    "\"alg\":null",
    "\"kid\":null",
    "\"kid\":\"\"",
    "\"kid\":7",
    "\"kty\":\"oct\",\"k\":\"AAAA\"",
    "\"d\":\"AAAA\"",
    "\"crv\":\"P-384\"",
    "\"x\":\"AAAA\"",
    "\"y\":null",
  };

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autofree char *other = make_jwk (keys[2], changes[i]);
      g_autoptr (TesseraKeySet) set = parse_with (other);
      g_assert_cmpuint (tessera_key_set_get_count (set), ==, 1);
      g_assert_nonnull (tessera_key_set_lookup (set, tessera_key_get_id (keys[0])));
    }
  static const char *const others[] = { "7", "null", "[]", "\"x\"", "{}" };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (TesseraKeySet) set = parse_with (others[i]);
      g_assert_cmpuint (tessera_key_set_get_count (set), ==, 1);
    }
  g_autofree char *good = make_jwk (keys[2], "\"key_ops\":[\"verify\"],\"use\":\"sig\"");
  g_autoptr (TesseraKeySet) set = parse_with (good);
  g_assert_cmpuint (tessera_key_set_get_count (set), ==, 2);
}

static void
test_a_long_name_is_no_name (void)
{
  g_autofree char *name = g_strnfill (129, 'k');
  g_autofree char *change = g_strdup_printf ("\"kid\":\"%s\"", name);
  g_autofree char *other = make_jwk (keys[2], change);
  g_autoptr (TesseraKeySet) set = parse_with (other);

  g_assert_cmpuint (tessera_key_set_get_count (set), ==, 1);
}

static void
test_a_name_of_two_keys_is_of_neither (void)
{
  g_autofree char *change = g_strdup_printf ("\"kid\":\"%s\"", tessera_key_get_id (keys[0]));
  g_autofree char *namesake = make_jwk (keys[2], change);
  g_autofree char *unusable = g_strdup_printf ("{\"kid\":\"%s\"}", tessera_key_get_id (keys[0]));
  g_autofree char *three = g_strdup_printf ("%s,%s", namesake, namesake);
  const char *const others[] = { namesake, unusable, three };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (TesseraKeySet) set = parse_with (others[i]);
      g_assert_cmpuint (tessera_key_set_get_count (set), ==, 0);
    }
}

static void
test_what_is_no_key_set (void)
{
  static const char *const bad[] = {
    "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"keys\":[]", "{\"keys\":[],\"keys\":[]}"
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_null (parse (bad[i]));
  g_autoptr (TesseraKeySet) empty = parse ("{\"keys\":[]}");
  g_assert_cmpuint (tessera_key_set_get_count (empty), ==, 0);
}

static char *
make_many (guint n)
{
  g_autoptr (GString) text = g_string_new ("{\"keys\":[{}");

  for (guint i = 1; i < n; i++)
    g_string_append (text, ",{}");
  g_string_append (text, "]}");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
test_too_many_are_refused (void)
{
  g_autofree char *most = make_many (TESSERA_KEY_SET_MAX_KEYS);
  g_autofree char *more = make_many (TESSERA_KEY_SET_MAX_KEYS + 1);
  g_autofree char *space = g_strnfill (TESSERA_KEY_SET_MAX_LENGTH, ' ');
  g_autofree char *long_one = g_strconcat ("{\"keys\":[]}", space, NULL);
  g_autoptr (TesseraKeySet) set = parse (most);

  g_assert_nonnull (set);
  g_assert_null (parse (more));
  g_assert_null (parse (long_one));
}

static void
test_a_set_knows_what_it_keeps (void)
{
  g_autofree char *other = make_jwk (keys[1], "");
  g_autofree char *change = g_strdup_printf ("\"kid\":\"%s\"", tessera_key_get_id (keys[0]));
  g_autofree char *namesake = make_jwk (keys[2], change);
  g_autofree char *exchanged = g_strdup_printf ("{\"keys\":[%s]}", namesake);
  g_autoptr (TesseraKeySet) one = parse_with ("{}");
  g_autoptr (TesseraKeySet) two = parse_with (other);
  g_autoptr (TesseraKeySet) wrong = parse (exchanged);

  g_assert_true (tessera_key_set_is_within (one, one));
  g_assert_true (tessera_key_set_is_within (one, two));
  g_assert_false (tessera_key_set_is_within (two, one));
  g_assert_false (tessera_key_set_is_within (one, wrong));
}

/* A set of a client, of these keys. */
static TesseraKeySet *
parse_client (TesseraAlgorithm rsa, const char *first, const char *second)
{
  g_autofree char *text = g_strdup_printf ("{\"keys\":[%s,%s]}", first, second);

  return tessera_key_set_parse_client (text, strlen (text), rsa, NULL);
}

static gboolean
verifies (TesseraKeySet *set, TesseraKey *key, const char *kid)
{
  g_autoptr (TesseraClaims) claims = tessera_claims_new ();
  g_autofree char *text = tessera_jwt_sign (key, "JWT", claims, NULL);
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (text, strlen (text), NULL);

  /* As if it had been signed so; the header is not what is tried here. */
  g_free (jwt->kid);
  jwt->kid = g_strdup (kid);
  return tessera_key_set_verify (set, jwt);
}

static void
test_keys_of_a_client_need_no_name (void)
{
  g_autofree char *named = make_jwk (keys[0], "\"kid\":\"one\",\"alg\":null");
  g_autofree char *unnamed = make_jwk (keys[1], "\"kid\":null,\"alg\":null,\"use\":null");
  g_autoptr (TesseraKeySet) set = parse_client (TESSERA_ALGORITHM_RS256, named, unnamed);
  g_autoptr (TesseraKey) stranger = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);

  g_assert_cmpuint (tessera_key_set_get_count (set), ==, 2);
  g_assert_true (verifies (set, keys[0], NULL));
  g_assert_true (verifies (set, keys[1], NULL));
  g_assert_false (verifies (set, stranger, NULL));
  /* Who says a name is held to it. */
  g_assert_true (verifies (set, keys[0], "one"));
  g_assert_false (verifies (set, keys[1], "one"));
  g_assert_false (verifies (set, keys[0], "two"));
}

static void
test_an_rsa_key_of_a_client_is_for_what_it_is_registered_for (void)
{
  g_autoptr (TesseraKey) rsa = tessera_key_generate (TESSERA_ALGORITHM_PS256, NULL);
  g_autofree char *open = make_jwk (rsa, "\"alg\":null");
  g_autofree char *fixed = make_jwk (rsa, "\"alg\":\"RS256\",\"kid\":\"fixed\"");
  g_autoptr (TesseraKeySet) pss = parse_client (TESSERA_ALGORITHM_PS256, open, "{}");
  g_autoptr (TesseraKeySet) pkcs = parse_client (TESSERA_ALGORITHM_RS256, open, "{}");
  g_autoptr (TesseraKeySet) said = parse_client (TESSERA_ALGORITHM_PS256, fixed, "{}");

  g_assert_true (tessera_key_set_has_algorithm (pss, TESSERA_ALGORITHM_PS256));
  g_assert_false (tessera_key_set_has_algorithm (pss, TESSERA_ALGORITHM_RS256));
  g_assert_true (tessera_key_set_has_algorithm (pkcs, TESSERA_ALGORITHM_RS256));
  g_assert_true (tessera_key_set_has_algorithm (said, TESSERA_ALGORITHM_RS256));
  g_assert_false (tessera_key_set_has_algorithm (said, TESSERA_ALGORITHM_PS256));
  g_assert_true (verifies (pss, rsa, NULL));
  g_assert_false (verifies (pkcs, rsa, NULL));
}

static void
test_a_client_registers_no_private_keys (void)
{
  g_autofree char *good = make_jwk (keys[0], "");
  g_autofree char *private = make_jwk (keys[1], "\"d\":\"AAAA\"");

  g_assert_null (parse_client (TESSERA_ALGORITHM_RS256, good, private));
  g_assert_null (parse_client (TESSERA_ALGORITHM_RS256, good, "{\"kty\":\"oct\",\"k\":\"AA\"}"));
  g_autoptr (TesseraKeySet) others
      = parse_client (TESSERA_ALGORITHM_RS256, good, "{\"kty\":\"EC\",\"crv\":\"P-384\"}");
  g_assert_cmpuint (tessera_key_set_get_count (others), ==, 1);
}

/* RFC 7517 §4.3. */
static void
test_a_client_may_have_keys_for_something_else (void)
{
  g_autofree char *good = make_jwk (keys[0], "");
  g_autofree char *other = make_jwk (keys[1], "\"key_ops\":[\"sign\"],\"use\":null");
  g_autoptr (TesseraKeySet) set = parse_client (TESSERA_ALGORITHM_RS256, good, other);

  g_assert_cmpuint (tessera_key_set_get_count (set), ==, 1);
  g_assert_false (verifies (set, keys[1], NULL));
}

static void
test_words_are_of_the_keys_not_of_their_names (void)
{
  g_autofree char *one = make_jwk (keys[0], "\"kid\":\"a\"");
  g_autofree char *two = make_jwk (keys[1], "\"kid\":\"b\"");
  g_autofree char *again = make_jwk (keys[0], "\"kid\":\"z\"");
  g_autoptr (TesseraKeySet) set = parse_client (TESSERA_ALGORITHM_RS256, one, two);
  g_autoptr (TesseraKeySet) same = parse_client (TESSERA_ALGORITHM_RS256, two, again);
  g_auto (GStrv) words = tessera_key_set_list_words (set);
  g_auto (GStrv) same_words = tessera_key_set_list_words (same);

  g_assert_cmpuint (g_strv_length (words), ==, 2);
  g_assert_cmpstrv (words, same_words);
  g_assert_cmpstr (words[0], !=, words[1]);
}

int
main (int argc, char **argv)
{
  static const TesseraAlgorithm algorithms[]
      = { TESSERA_ALGORITHM_ES256, TESSERA_ALGORITHM_EDDSA, TESSERA_ALGORITHM_ES256 };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    keys[i] = tessera_key_generate (algorithms[i], NULL);
  g_test_add_func ("/key-set/keys-are-found-by-name", test_keys_are_found_by_name);
  g_test_add_func ("/key-set/unusable-keys-are-passed-over", test_unusable_keys_are_passed_over);
  g_test_add_func ("/key-set/a-long-name-is-no-name", test_a_long_name_is_no_name);
  g_test_add_func ("/key-set/a-name-of-two-keys-is-of-neither",
                   test_a_name_of_two_keys_is_of_neither);
  g_test_add_func ("/key-set/what-is-no-key-set", test_what_is_no_key_set);
  g_test_add_func ("/key-set/keys-of-a-client-need-no-name", test_keys_of_a_client_need_no_name);
  g_test_add_func ("/key-set/an-rsa-key-of-a-client-is-for-what-it-is-registered-for",
                   test_an_rsa_key_of_a_client_is_for_what_it_is_registered_for);
  g_test_add_func ("/key-set/a-client-registers-no-private-keys",
                   test_a_client_registers_no_private_keys);
  g_test_add_func ("/key-set/a-client-may-have-keys-for-something-else",
                   test_a_client_may_have_keys_for_something_else);
  g_test_add_func ("/key-set/words-are-of-the-keys-not-of-their-names",
                   test_words_are_of_the_keys_not_of_their_names);
  g_test_add_func ("/key-set/too-many-are-refused", test_too_many_are_refused);
  g_test_add_func ("/key-set/a-set-knows-what-it-keeps", test_a_set_knows_what_it_keeps);
  int status = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    tessera_key_unref (keys[i]);
  return status;
}
