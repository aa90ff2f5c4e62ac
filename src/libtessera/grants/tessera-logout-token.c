/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logout tokens (OpenID Connect Back-Channel Logout §2.4, §2.5; RFC 8417): signed as the client's
 * ID tokens are, of another type, without a nonce, so that neither can be taken for the other. */

#include "grants/tessera-logout-token-private.h"

#include "base/tessera-json-private.h"
#include "jose/tessera-jwt-private.h"
#include "model/tessera-client-private.h"

#define TYP "logout+jwt"
#define EVENT "http://schemas.openid.net/event/backchannel-logout"
#define LIFETIME_SECONDS 120 /* §4: short, two minutes at most */

static void
set_text (json_t *claims, const char *name, const char *value)
{
  json_object_set_new (claims, name, json_string (value));
}

static json_t *
make_claims (TesseraEngine *engine, TesseraClient *client, const char *sub, const char *session_id)
{
  gint64 now = tessera_clock_get_seconds (engine->clock);
  g_autofree char *jti = tessera_identifier_new ();
  json_t *claims = json_object ();
  json_t *events = json_object ();

  set_text (claims, "iss", engine->settings->issuer);
  set_text (claims, "sub", sub);
  set_text (claims, "aud", tessera_client_get_id (client));
  json_object_set_new (claims, "iat", json_integer (now));
  json_object_set_new (claims, "exp", json_integer (now + LIFETIME_SECONDS));
  set_text (claims, "jti", jti);
  json_object_set_new (events, EVENT, json_object ());
  json_object_set_new (claims, "events", events);
  set_text (claims, "sid", session_id);
  return claims;
}

char *
tessera_logout_token_issue (TesseraEngine *engine,
                            TesseraClient *client,
                            const char *sub,
                            const char *session_id,
                            GError **error)
{
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (engine->keys, tessera_client_get_id_token_algorithm (client));

  if (key == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR,
                           "There is no key to sign logout tokens");
      return NULL;
    }
  g_autoptr (json_t) claims = make_claims (engine, client, sub, session_id);
  g_autofree char *text = tessera_json_dump (claims);
  return tessera_jwt_sign_text (key, TYP, text, error);
}
