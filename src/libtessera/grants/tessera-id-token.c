/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ID tokens (OpenID Connect Core §2, §3.1.3.3, §3.1.3.6). Minted beside an access token, by whoever
 * mints that. */

#include "grants/tessera-id-token-private.h"

#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-standard-claims-private.h"
#include "model/tessera-user-claims-private.h"

#include <string.h>

#define TYP "JWT"

gboolean
tessera_id_token_make_key (TesseraKeyRing *keys, TesseraClient *client, GError **error)
{
  TesseraAlgorithm userinfo;

  if (!tessera_client_uses_openid (client))
    return TRUE;
  if (!tessera_key_ring_ensure (keys, tessera_client_get_id_token_algorithm (client), error))
    return FALSE;
  return !tessera_client_get_userinfo_algorithm (client, &userinfo)
         || tessera_key_ring_ensure (keys, userinfo, error);
}

/* §3.1.3.6: the left half of the hash that goes with the algorithm. */
static char *
dup_half_hash (TesseraAlgorithm algorithm, const char *access_token)
{
  GChecksumType type = algorithm == TESSERA_ALGORITHM_EDDSA ? G_CHECKSUM_SHA512 : G_CHECKSUM_SHA256;
  g_autoptr (GChecksum) checksum = g_checksum_new (type);
  guint8 hash[64];
  gsize length = sizeof hash;

  g_checksum_update (checksum, (const guchar *) access_token, -1);
  g_checksum_get_digest (checksum, hash, &length);
  return tessera_base64url_encode (hash, length / 2);
}

/* Whoever is a user here has what is kept of them; as it is now. */
static void
add_kept_claims (TesseraEngine *engine, const char *subject, TesseraUserClaims *claims)
{
  TesseraUser *user
      = engine->users != NULL ? tessera_user_registry_lookup (engine->users, subject) : NULL;

  if (user == NULL)
    return;
  g_autoptr (json_t) kept = tessera_user_copy_claims (user);
  tessera_user_claims_merge_known (claims, kept);
}

TesseraUserClaims *
tessera_id_token_ask_claims (TesseraEngine *engine,
                             const TesseraLogin *login,
                             TesseraClient *client,
                             const char *scope)
{
  TesseraUserClaims *claims = tessera_user_claims_new (login->subject, client, scope);

  add_kept_claims (engine, login->subject, claims);
  tessera_user_claims_merge_json (claims, login->claims);
  if (engine->hooks.user_claims != NULL)
    engine->hooks.user_claims (engine->hooks_data, claims);
  return claims;
}

/* Only what is asked for by name: the scopes' claims are told at userinfo (§5.4). */
static json_t *
select_claims (TesseraEngine *engine, const TesseraAuthorization *authorization, const char *scope)
{
  g_autoptr (TesseraClaimsRequest) request
      = tessera_claims_request_parse (authorization->claims_request, NULL);

  if (request == NULL || authorization->claims_request == NULL)
    return json_object ();
  g_autoptr (TesseraUserClaims) known
      = tessera_id_token_ask_claims (engine, &authorization->login, authorization->client, scope);
  return tessera_standard_claims_select (tessera_user_claims_get_json (known), scope,
                                         tessera_client_get_scope (authorization->client), request,
                                         TESSERA_CLAIMS_ID_TOKEN);
}

static void
set_text (json_t *claims, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_new (claims, name, json_string (value));
}

static void
set_login (json_t *claims, const TesseraLogin *login)
{
  json_object_set_new (claims, "auth_time", json_integer (login->auth_time));
  set_text (claims, "sid", login->session_id);
  set_text (claims, "acr", login->acr);
  if (login->amr == NULL)
    return;
  g_auto (GStrv) methods = tessera_scope_split (login->amr);
  json_t *amr = json_array ();
  for (char **method = methods; *method != NULL; method++)
    json_array_append_new (amr, json_string (*method));
  json_object_set_new (claims, "amr", amr);
}

char *
tessera_id_token_issue (TesseraEngine *engine,
                        const TesseraAuthorization *authorization,
                        const char *scope,
                        const char *access_token,
                        gint64 issued_ms,
                        gint64 lifetime,
                        GError **error)
{
  TesseraAlgorithm algorithm = tessera_client_get_id_token_algorithm (authorization->client);
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (engine->keys, algorithm);
  gint64 iat = issued_ms / 1000;

  if (key == NULL)
    {
      g_set_error (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR,
                   "There is no key to sign ID tokens");
      return NULL;
    }
  g_autoptr (json_t) claims = select_claims (engine, authorization, scope);
  g_autofree char *at_hash = dup_half_hash (algorithm, access_token);
  set_text (claims, "iss", engine->settings->issuer);
  set_text (claims, "sub", tessera_login_get_sub (&authorization->login));
  set_text (claims, "aud", tessera_client_get_id (authorization->client));
  json_object_set_new (claims, "iat", json_integer (iat));
  json_object_set_new (claims, "exp", json_integer (iat + lifetime));
  set_text (claims, "nonce", authorization->nonce);
  set_text (claims, "at_hash", at_hash);
  set_login (claims, &authorization->login);
  g_autofree char *text = tessera_json_dump (claims);
  return tessera_jwt_sign_text (key, TYP, text, error);
}

/* Each of ours is for one client. */
static gboolean
is_audience (TesseraClaims *claims, const char *client_id)
{
  const char *audience = tessera_claims_get_string (claims, "aud");

  return audience != NULL && (client_id == NULL || strcmp (audience, client_id) == 0);
}

/* An access token may have any typ; but it has a name (RFC 9068 §2.2), and an ID token has none. */
static gboolean
is_access_token (TesseraClaims *claims)
{
  return tessera_claims_has (claims, "jti");
}

/* Ours, and meant for that client; whether it is still of use does not matter. What userinfo signs
 * has no end. */
static gboolean
is_ours (TesseraEngine *engine, const TesseraJwt *jwt, const char *client_id)
{
  g_autoptr (TesseraKey) key
      = jwt->kid != NULL ? tessera_key_ring_lookup (engine->keys, jwt->kid) : NULL;
  gint64 expires;

  return key != NULL && tessera_jwt_has_type (jwt, TYP) && tessera_jwt_verify (jwt, key)
         && g_strcmp0 (tessera_claims_get_string (jwt->claims, "iss"), engine->settings->issuer)
                == 0
         && tessera_claims_get_int (jwt->claims, "exp", &expires) && !is_access_token (jwt->claims)
         && is_audience (jwt->claims, client_id);
}

char *
tessera_id_token_read_subject (TesseraEngine *engine,
                               const char *id_token,
                               const char *client_id,
                               char **out_client_id,
                               char **out_session_id,
                               GError **error)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (id_token, strlen (id_token), NULL);

  if (jwt == NULL || !is_ours (engine, jwt, client_id)
      || tessera_claims_get_string (jwt->claims, "sub") == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "id_token_hint is no ID token of this server for this client");
      return NULL;
    }
  if (out_client_id != NULL)
    *out_client_id = g_strdup (tessera_claims_get_string (jwt->claims, "aud"));
  if (out_session_id != NULL)
    *out_session_id = g_strdup (tessera_claims_get_string (jwt->claims, "sid"));
  return g_strdup (tessera_claims_get_string (jwt->claims, "sub"));
}

gboolean
tessera_id_token_names_lost_key (TesseraEngine *engine, const char *id_token)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (id_token, strlen (id_token), NULL);
  g_autoptr (TesseraKey) key
      = jwt != NULL && jwt->kid != NULL ? tessera_key_ring_lookup (engine->keys, jwt->kid) : NULL;

  return jwt != NULL && jwt->kid != NULL && key == NULL && tessera_jwt_has_type (jwt, TYP)
         && g_strcmp0 (tessera_claims_get_string (jwt->claims, "iss"), engine->settings->issuer)
                == 0;
}
