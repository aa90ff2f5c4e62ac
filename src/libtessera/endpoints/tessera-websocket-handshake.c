/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The opening handshake of a WebSocket, without an HTTP library (RFC 6455 §4.2, RFC 9110 §7.8). */

#include "endpoints/tessera-websocket-handshake-private.h"

#include "endpoints/tessera-error-responder-private.h"

#include <string.h>

#define VERSION "13"
#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define KEY_DIGITS 22
#define SHA1_BYTES 20

/* A list of tokens in any case (RFC 9110 §5.6.1). */
static gboolean
names (const char *list, const char *token)
{
  g_auto (GStrv) members = list != NULL ? g_strsplit (list, ",", -1) : NULL;

  for (guint i = 0; members != NULL && members[i] != NULL; i++)
    if (g_ascii_strcasecmp (g_strstrip (members[i]), token) == 0)
      return TRUE;
  return FALSE;
}

gboolean
tessera_websocket_handshake_is_asked (TesseraExchange *exchange)
{
  return strcmp (exchange->method, "GET") == 0
         && names (tessera_exchange_get_header (exchange, "Connection"), "upgrade")
         && names (tessera_exchange_get_header (exchange, "Upgrade"), "websocket");
}

/* 16 bytes in base64 */
static gboolean
is_key (const char *key)
{
  return key != NULL && strspn (key, BASE64) == KEY_DIGITS && strcmp (key + KEY_DIGITS, "==") == 0;
}

gboolean
tessera_websocket_handshake_check (TesseraExchange *exchange)
{
  const char *version = tessera_exchange_get_header (exchange, "Sec-WebSocket-Version");

  if (g_strcmp0 (version, VERSION) != 0) /* §4.4 */
    {
      tessera_exchange_add_header (exchange, "Sec-WebSocket-Version", VERSION);
      tessera_exchange_add_header (exchange, "Upgrade", "websocket"); /* RFC 9110 §15.5.22 */
      tessera_exchange_add_header (exchange, "Connection", "Upgrade");
      tessera_exchange_respond_http_error (exchange, 426,
                                           "This version of WebSocket is not spoken here.");
      return FALSE;
    }
  if (is_key (tessera_exchange_get_header (exchange, "Sec-WebSocket-Key")))
    return TRUE;
  tessera_exchange_respond_http_error (exchange, 400, "The Sec-WebSocket-Key is none.");
  return FALSE;
}

/* §4.2.2: SHA-1 proves that the key was read, and keeps nothing safe. */
static char *
dup_accept (const char *key)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA1);
  guint8 digest[SHA1_BYTES];
  gsize length = sizeof digest;

  g_checksum_update (checksum, (const guchar *) key, -1);
  g_checksum_update (checksum, (const guchar *) "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", -1);
  g_checksum_get_digest (checksum, digest, &length);
  return g_base64_encode (digest, length);
}

TesseraOutlet *
tessera_websocket_handshake_accept (TesseraExchange *exchange,
                                    gsize limit,
                                    const TesseraOutletFuncs *funcs,
                                    gpointer data)
{
  g_autofree char *accept
      = dup_accept (tessera_exchange_get_header (exchange, "Sec-WebSocket-Key"));

  tessera_exchange_add_header (exchange, "Upgrade", "websocket");
  tessera_exchange_add_header (exchange, "Connection", "Upgrade");
  tessera_exchange_add_header (exchange, "Sec-WebSocket-Accept", accept);
  return tessera_exchange_respond_stream (exchange, 101, NULL, limit, funcs, data);
}
