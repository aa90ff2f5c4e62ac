/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-error.h"

static void
test_every_code_has_a_name_and_a_status (void)
{
  for (guint code = 0; code <= TESSERA_ERROR_SERVER_ERROR; code++)
    {
      g_assert_nonnull (tessera_error_get_name (code));
      g_assert_cmpuint (tessera_error_get_status (code), >=, 400);
      g_assert_cmpuint (tessera_error_get_status (code), <=, 503);
    }
}

static void
test_names_are_those_of_the_wire (void)
{
  g_assert_cmpstr (tessera_error_get_name (TESSERA_ERROR_INVALID_GRANT), ==, "invalid_grant");
  g_assert_cmpuint (tessera_error_get_status (TESSERA_ERROR_INVALID_GRANT), ==, 400);
  g_assert_cmpuint (tessera_error_get_status (TESSERA_ERROR_INVALID_CLIENT), ==, 401);
  g_assert_cmpuint (tessera_error_get_status (TESSERA_ERROR_INSUFFICIENT_SCOPE), ==, 403);
  g_assert_cmpuint (tessera_error_get_status (TESSERA_ERROR_TOO_MANY_REQUESTS), ==, 429);
  g_assert_cmpuint (tessera_error_get_status (TESSERA_ERROR_TEMPORARILY_UNAVAILABLE), ==, 503);
}

static void
test_a_foreign_code_is_server_error (void)
{
  g_assert_cmpstr (tessera_error_get_name (1000), ==, "server_error");
  g_assert_cmpuint (tessera_error_get_status (1000), ==, 500);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error/every-code-has-a-name-and-a-status",
                   test_every_code_has_a_name_and_a_status);
  g_test_add_func ("/error/names-are-those-of-the-wire", test_names_are_those_of_the_wire);
  g_test_add_func ("/error/a-foreign-code-is-server-error", test_a_foreign_code_is_server_error);
  return g_test_run ();
}
