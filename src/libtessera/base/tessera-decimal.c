/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as text, for what is put together by hand (RFC 8259 §6, RFC 9110 §8.6). */

#include "base/tessera-decimal-private.h"

#include <string.h>

char *
tessera_decimal_put (char *at, gint64 number)
{
  char digits[TESSERA_DECIMAL_MAX];
  char *first = digits + sizeof digits;
  guint64 left = number < 0 ? -(guint64) number : (guint64) number;

  do
    *--first = (char) ('0' + left % 10);
  while ((left /= 10) > 0);
  if (number < 0)
    *at++ = '-';
  gsize length = (gsize) (digits + sizeof digits - first);
  memcpy (at, first, length);
  at[length] = '\0';
  return at + length;
}
