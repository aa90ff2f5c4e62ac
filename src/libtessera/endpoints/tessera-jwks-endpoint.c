/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key set (RFC 7517 §5), and each key as PEM for software that knows no JWK. */

#include "endpoints/tessera-jwks-endpoint-private.h"

#include <string.h>

static void
add_cache_control (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autofree char *value = g_strdup_printf ("public, max-age=%u", engine->settings->jwks_max_age);

  tessera_exchange_add_header (exchange, "Cache-Control", value);
}

static void
respond_jwks (TesseraEngine *engine, TesseraExchange *exchange)
{
  const char *if_none_match = tessera_exchange_get_header (exchange, "If-None-Match");
  g_autofree char *etag = NULL;
  g_autoptr (GBytes) jwks = tessera_key_ring_dup_jwks (engine->keys, &etag);

  add_cache_control (engine, exchange);
  tessera_exchange_add_header (exchange, "ETag", etag);
  /* RFC 9110 §13.1.2 */
  if (if_none_match != NULL
      && (g_str_equal (if_none_match, "*") || strstr (if_none_match, etag) != NULL))
    tessera_exchange_respond (exchange, 304, NULL, NULL);
  else
    tessera_exchange_respond (exchange, 200, "application/jwk-set+json", g_steal_pointer (&jwks));
}

/* The kid in "/KID.pem", owned; NULL for anything else. */
static char *
dup_kid (const char *rest)
{
  if (!g_str_has_prefix (rest, "/") || !g_str_has_suffix (rest, ".pem"))
    return NULL;
  return g_strndup (rest + 1, strlen (rest) - strlen ("/.pem"));
}

static void
respond_pem (TesseraEngine *engine, TesseraExchange *exchange, const char *rest)
{
  g_autofree char *kid = dup_kid (rest);
  g_autoptr (TesseraKey) key = kid != NULL ? tessera_key_ring_lookup (engine->keys, kid) : NULL;
  char *pem = NULL;

  if (key == NULL)
    {
      tessera_exchange_respond_http_error (exchange, 404, "There is no such key");
      return;
    }
  pem = tessera_key_dup_public_pem (key);
  add_cache_control (engine, exchange);
  tessera_exchange_respond (exchange, 200, "application/x-pem-file",
                            g_bytes_new_take (pem, strlen (pem)));
}

void
tessera_jwks_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  gsize prefix = strlen (engine->settings->issuer_path) + strlen (engine->settings->jwks_path);
  const char *rest = exchange->path + prefix;

  if (*rest == '\0')
    respond_jwks (engine, exchange);
  else
    respond_pem (engine, exchange, rest);
}
