/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cookies of the pages (RFC 6265 §4.1; the prefix __Host- of RFC 6265bis §4.1.3.2). */

#include "server/tessera-cookie-private.h"

#include "base/tessera-secret-private.h"

#include <string.h>

/* What tessera_secret_new() makes. */
#define VALUE_LENGTH 43
#define VALUE_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static gboolean
is_secure (const TesseraSettings *settings)
{
  return g_str_has_prefix (settings->issuer, "https:");
}

static const char *
get_name (TesseraCookie cookie, const TesseraSettings *settings)
{
  if (cookie == TESSERA_COOKIE_SESSION)
    return is_secure (settings) ? "__Host-tessera-session" : "tessera-session";
  return is_secure (settings) ? "__Host-tessera-browser" : "tessera-browser";
}

char *
tessera_cookie_dup (TesseraCookie cookie,
                    TesseraExchange *exchange,
                    const TesseraSettings *settings)
{
  g_autoptr (TesseraSecret) value
      = tessera_exchange_dup_cookie (exchange, get_name (cookie, settings));

  if (value == NULL || strlen (value) != VALUE_LENGTH
      || strspn (value, VALUE_CHARACTERS) != VALUE_LENGTH)
    return NULL;
  return g_steal_pointer (&value);
}

void
tessera_cookie_set (TesseraCookie cookie,
                    TesseraExchange *exchange,
                    const TesseraSettings *settings,
                    const char *value)
{
  g_autoptr (GString) text = g_string_new (get_name (cookie, settings));

  g_string_append_printf (text, "=%s; Path=/; HttpOnly; SameSite=Lax", value != NULL ? value : "");
  if (is_secure (settings))
    g_string_append (text, "; Secure");
  if (value == NULL)
    g_string_append (text, "; Max-Age=0");
  tessera_exchange_add_header (exchange, "Set-Cookie", text->str);
  memset (text->str, 0, text->len);
}
