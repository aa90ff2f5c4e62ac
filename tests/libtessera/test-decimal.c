/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as text. */

#include "base/tessera-decimal-private.h"

#include <string.h>

static void
test_writes_what_a_format_would (void)
{
  static const gint64 numbers[]
      = { 0, 1, 9, 10, 99, 100, 1700000000, -1, -10, G_MAXINT64, G_MININT64, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      char text[TESSERA_DECIMAL_MAX + 1];
      g_autofree char *wanted = g_strdup_printf ("%" G_GINT64_FORMAT, numbers[i]);

      g_assert_true (tessera_decimal_put (text, numbers[i]) == text + strlen (wanted));
      g_assert_cmpstr (text, ==, wanted);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/decimal/writes-what-a-format-would", test_writes_what_a_format_would);
  return g_test_run ();
}
