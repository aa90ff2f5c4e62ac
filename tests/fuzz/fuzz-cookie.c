/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cookies that a browser sends (RFC 6265 §4.2.1), read and, after being set, read again. The
 * input is the value of the Cookie header. */

#include "fuzz.h"
#include "server/tessera-cookie-private.h"

#include <string.h>

static TesseraSettings *settings[2]; /* http on loopback, https */
static const char *const session_names[] = { "tessera-session", "__Host-tessera-session" };

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  return g_str_equal (name, "Cookie") ? exchange->front_data : NULL;
}

static void
on_send (TesseraExchange *exchange)
{
}

static const TesseraExchangeFront front = { get_header, on_send };

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  settings[0] = tessera_settings_new ("http://127.0.0.1:8417");
  settings[1] = tessera_settings_new ("https://id.test");
  return 0;
}

/* The value of the only pair of that name, or NULL. */
static char *
expect (const char *header, const char *name)
{
  g_auto (GStrv) pairs = g_strsplit (header, ";", -1);
  g_autofree char *prefix = g_strconcat (name, "=", NULL);
  const char *found = NULL;

  for (guint i = 0; pairs[i] != NULL; i++)
    {
      const char *pair = pairs[i] + strspn (pairs[i], " \t");

      if (!g_str_has_prefix (pair, prefix))
        continue;
      if (found != NULL)
        return NULL;
      found = pair + strlen (prefix);
    }
  return found != NULL ? g_strchomp (g_strdup (found)) : NULL;
}

/* Can a server of ours have made this value? */
static gboolean
is_ours (const char *value)
{
  return value != NULL && g_regex_match_simple ("\\A[A-Za-z0-9_-]{43}\\z", value, 0, 0);
}

static const char *
get_set_cookie (TesseraExchange *exchange)
{
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      const TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);

      if (g_str_equal (header->name, "Set-Cookie"))
        return header->value;
    }
  return NULL;
}

/* Set as it was read, it comes back as it was. */
static void
check_round_trip (const char *value, const TesseraSettings *of)
{
  g_autoptr (TesseraExchange) answer = tessera_exchange_new (&front, NULL, NULL);
  tessera_cookie_set (TESSERA_COOKIE_SESSION, answer, of, value);
  g_autofree char *sent = g_strdup (get_set_cookie (answer));
  g_autoptr (TesseraExchange) request = tessera_exchange_new (&front, sent, NULL);
  g_autofree char *again = tessera_cookie_dup (TESSERA_COOKIE_SESSION, request, of);

  g_assert_cmpstr (again, ==, value);
  tessera_exchange_respond (answer, 204, NULL, NULL);
  tessera_exchange_respond (request, 204, NULL, NULL);
}

static void
check (TesseraExchange *exchange, const char *header, guint which)
{
  g_autofree char *any = tessera_exchange_dup_cookie (exchange, session_names[which]);
  g_autofree char *expected = expect (header, session_names[which]);
  g_autofree char *session = tessera_cookie_dup (TESSERA_COOKIE_SESSION, exchange, settings[which]);

  g_assert_cmpstr (any, ==, expected);
  g_assert_cmpstr (session, ==, is_ours (expected) ? expected : NULL);
  if (session != NULL)
    check_round_trip (session, settings[which]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *header = g_strndup ((const char *) data, size);
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, header, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    check (exchange, header, i);
  tessera_exchange_respond (exchange, 204, NULL, NULL);
  return 0;
}
