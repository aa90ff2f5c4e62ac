/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-log-private.h"

#include <string.h>

static void
test_plain_text_stays (void)
{
  g_autofree char *line = tessera_log_escape ("https://c1.test/cb?a=b c");
  g_assert_cmpstr (line, ==, "https://c1.test/cb?a=b c");
}

static void
test_nothing_is_a_dash (void)
{
  g_autofree char *line = tessera_log_escape (NULL);
  g_assert_cmpstr (line, ==, "-");
}

static void
test_one_line_whatever_comes (void)
{
  g_autofree char *line = tessera_log_escape ("a\r\nb\x1b\x7f\xe2\x80\xa8\"'\\");
  g_assert_cmpstr (line, ==, "a\\x0d\\x0ab\\x1b\\x7f\\xe2\\x80\\xa8\\x22\\x27\\x5c");
}

static void
test_is_cut (void)
{
  g_autofree char *text = g_strnfill (5000, 'x');
  g_autofree char *line = tessera_log_escape (text);
  g_assert_cmpuint (strlen (line), ==, 203);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/log/plain-text-stays", test_plain_text_stays);
  g_test_add_func ("/log/nothing-is-a-dash", test_nothing_is_a_dash);
  g_test_add_func ("/log/I01-one-line-whatever-comes", test_one_line_whatever_comes);
  g_test_add_func ("/log/is-cut", test_is_cut);
  return g_test_run ();
}
