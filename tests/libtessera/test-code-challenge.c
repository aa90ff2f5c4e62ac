/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Proof Key for Code Exchange (RFC 7636). */

#include "base/tessera-error.h"
#include "model/tessera-code-challenge-private.h"

#include <string.h>

/* RFC 7636 appendix B. */
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static void
test_example_of_the_rfc_matches (void)
{
  g_assert_true (tessera_code_challenge_matches (CHALLENGE, VERIFIER));
  g_assert_false (tessera_code_challenge_matches (CHALLENGE, VERIFIER "x"));
}

static void
test_verifier_is_not_its_own_challenge (void)
{
  g_assert_false (tessera_code_challenge_matches (CHALLENGE, CHALLENGE));
}

static void
assert_refused (const char *code_challenge, const char *method)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_code_challenge_check (code_challenge, method, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
}

static void
test_only_s256_is_offered (void)
{
  g_autoptr (GError) error = NULL;

  assert_refused (CHALLENGE, "plain");
  assert_refused (CHALLENGE, NULL);
  assert_refused (CHALLENGE, "s256");
  assert_refused (NULL, "S256");
  g_assert_true (tessera_code_challenge_check (CHALLENGE, "S256", &error));
  g_assert_no_error (error);
}

static void
test_challenge_has_43_base64url_characters (void)
{
  g_autofree char *shorter = g_strndup (CHALLENGE, 42);
  g_autofree char *longer = g_strconcat (CHALLENGE, "A", NULL);
  g_autofree char *plus = g_strdup (CHALLENGE);

  plus[3] = '+';
  assert_refused (shorter, "S256");
  assert_refused (longer, "S256");
  assert_refused (plus, "S256");
}

static void
test_verifier_has_43_to_128_unreserved_characters (void)
{
  char text[130];

  memset (text, 'a', sizeof text);
  text[42] = '\0';
  g_assert_false (tessera_code_challenge_is_verifier (text));
  text[42] = 'a';
  text[43] = '\0';
  g_assert_true (tessera_code_challenge_is_verifier (text));
  text[43] = 'a';
  text[128] = '\0';
  g_assert_true (tessera_code_challenge_is_verifier (text));
  text[128] = 'a';
  text[129] = '\0';
  g_assert_false (tessera_code_challenge_is_verifier (text));
  g_assert_true (
      tessera_code_challenge_is_verifier ("-._~-._~-._~-._~-._~-._~-._~-._~-._~-._~-._~"));
  g_assert_false (
      tessera_code_challenge_is_verifier ("a+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rfc7636/B/example-of-the-rfc-matches", test_example_of_the_rfc_matches);
  g_test_add_func ("/rfc7636/B12-verifier-is-not-its-own-challenge",
                   test_verifier_is_not_its_own_challenge);
  g_test_add_func ("/rfc7636/A08-only-s256-is-offered", test_only_s256_is_offered);
  g_test_add_func ("/rfc7636/A09-challenge-has-43-base64url-characters",
                   test_challenge_has_43_base64url_characters);
  g_test_add_func ("/rfc7636/4.1/verifier-has-43-to-128-unreserved-characters",
                   test_verifier_has_43_to_128_unreserved_characters);
  return g_test_run ();
}
