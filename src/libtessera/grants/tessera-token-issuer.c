/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The only place that mints access tokens (RFC 9068 §2): lifetime, audience, claims, key. */

#include "grants/tessera-token-issuer-private.h"

#include "grants/tessera-id-token-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-issuance-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

#include <string.h>

#define CLOCK_LAG_MAX_MS (5 * 60 * 1000)

/* A token in the making. */
typedef struct
{
  gint64 issued_ms;
  gint64 lifetime;
  char *jti;
  char **audience;
  const TesseraResource *resource; /* or NULL */
  const char *typ;
  TesseraKey *key;
  TesseraClaims *claims;
} Minting;

static void
minting_clear (Minting *self)
{
  g_free (self->jti);
  g_strfreev (self->audience);
  g_clear_pointer (&self->key, tessera_key_unref);
  g_clear_pointer (&self->claims, tessera_claims_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Minting, minting_clear)

void
tessera_issued_token_clear (TesseraIssuedToken *self)
{
  g_clear_pointer (&self->access_token, tessera_secret_free);
  g_clear_pointer (&self->id_token, tessera_secret_free);
  g_clear_pointer (&self->jti, g_free);
  g_clear_pointer (&self->scope, g_free);
}

static void
tell_of_clock (gint64 lag_ms)
{
  if (lag_ms > CLOCK_LAG_MAX_MS)
    g_warning ("The clock of this machine is %" G_GINT64_FORMAT " seconds behind a time that was "
               "seen before: no tokens are issued until it is right",
               lag_ms / 1000);
  else
    g_message ("The clock of this machine is right again: tokens are issued");
}

/* Since the machine's clock was set back, ours stands still; where a token is checked by others,
 * who have the right time, it would live too long (threats.md §2). */
static gboolean
check_clock (TesseraEngine *engine, GError **error)
{
  gint64 lag_ms = tessera_clock_get_lag_ms (engine->clock);
  gint is_behind = lag_ms > CLOCK_LAG_MAX_MS;

  if (g_atomic_int_compare_and_exchange (&engine->clock_is_behind, !is_behind, is_behind))
    tell_of_clock (lag_ms);
  if (!is_behind)
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                       "The clock of the server was set back");
  return FALSE;
}

/* Issuing and revoking cannot slip past each other: the time of the token is fixed first, then the
 * list is asked, then it is signed (design.md §5). What a resource owner allowed is as old as their
 * decision, so that a cut-off in between refuses it here. */
static gboolean
check_not_denied (TesseraEngine *engine, const TesseraAuthorization *authorization, GError **error)
{
  TesseraTokenIdentity identity = {
    .issued_ms = authorization->began_ms,
    .expires_ms = G_MAXINT64,
    .subject = authorization->login.subject,
    .client_id = tessera_client_get_id (authorization->client),
    .grant_id = authorization->grant_id,
    .session_id = authorization->login.session_id,
  };

  if (!tessera_deny_list_check_authorization (engine->deny_list, &identity))
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT, "The grant was revoked");
  return FALSE;
}

static TesseraIssuance *
ask_handlers (TesseraEngine *engine, const TesseraAuthorization *authorization, GError **error)
{
  g_autoptr (TesseraIssuance) issuance
      = tessera_issuance_new (authorization->client, authorization->login.subject,
                              authorization->scope, authorization->grant_type);

  tessera_issuance_set_login_claims (issuance, authorization->login.claims);
  engine->hooks.issue_token (engine->hooks_data, issuance);
  if (!engine->ready)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                           "The server was closed");
      return NULL;
    }
  if (tessera_issuance_is_refused (issuance))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_ACCESS_DENIED,
                           "The token was refused by the application");
      return NULL;
    }
  return g_steal_pointer (&issuance);
}

static void
set_login_claims (TesseraClaims *claims, const TesseraAuthorization *authorization)
{
  const TesseraLogin *login = &authorization->login;

  if (authorization->grant_id == NULL)
    return;
  tessera_claims_set_string (claims, "grant_id", authorization->grant_id);
  tessera_claims_set_int (claims, "auth_time", login->auth_time);
  if (login->session_id != NULL)
    tessera_claims_set_string (claims, "sid", login->session_id);
  if (login->acr != NULL)
    tessera_claims_set_string (claims, "acr", login->acr);
  if (login->amr != NULL)
    {
      g_auto (GStrv) amr = tessera_scope_split (login->amr);

      tessera_claims_set_array (claims, "amr", (const char *const *) amr);
    }
}

static gboolean
asks_who_logged_in (TesseraEngine *engine,
                    const TesseraAuthorization *authorization,
                    const char *scope)
{
  return authorization->grant_id != NULL && scope != NULL && engine->settings->openid_enabled
         && tessera_scope_has (scope, "openid");
}

/* The userinfo endpoint is the issuer's: whoever may go there has a token for it. */
static void
add_issuer (Minting *minting, const char *issuer)
{
  g_autoptr (GStrvBuilder) builder = NULL;

  if (g_strv_contains ((const char *const *) minting->audience, issuer))
    return;
  builder = g_strv_builder_new ();
  g_strv_builder_addv (builder, (const char **) minting->audience);
  g_strv_builder_add (builder, issuer);
  g_strfreev (minting->audience);
  minting->audience = g_strv_builder_end (builder);
}

/* What it says of its own accord, in one place. */
static TesseraTokenForm
get_form (TesseraEngine *engine,
          const TesseraAuthorization *authorization,
          const char *scope,
          const Minting *minting)
{
  return (TesseraTokenForm){
    .algorithm = tessera_key_get_algorithm (minting->key),
    .typ = minting->typ,
    .kid = tessera_key_get_id (minting->key),
    .issuer = engine->settings->issuer,
    .subject = tessera_login_get_sub (&authorization->login),
    .client_id = tessera_client_get_id (authorization->client),
    .audience = (const char *const *) minting->audience,
    .scope = scope != NULL && *scope != '\0' ? scope : NULL,
    .lifetime = minting->lifetime,
    .grant_id = authorization->grant_id,
    .session_id = authorization->login.session_id,
    .acr = authorization->login.acr,
    .amr = authorization->login.amr,
    .auth_time = authorization->login.auth_time,
  };
}

static TesseraClaims *
build_claims (const TesseraAuthorization *authorization,
              const TesseraTokenForm *form,
              const Minting *minting)
{
  TesseraClaims *claims = tessera_claims_new ();
  gint64 iat = minting->issued_ms / 1000;

  tessera_claims_set_string (claims, "iss", form->issuer);
  tessera_claims_set_string (claims, "sub", form->subject);
  tessera_claims_set_strings (claims, "aud", form->audience);
  tessera_claims_set_string (claims, "client_id", form->client_id);
  if (form->scope != NULL)
    tessera_claims_set_string (claims, "scope", form->scope);
  tessera_claims_set_int (claims, "iat", iat);
  tessera_claims_set_int (claims, "exp", iat + form->lifetime);
  tessera_claims_set_string (claims, "jti", minting->jti);
  set_login_claims (claims, authorization);
  return claims;
}

static gboolean
take_key (TesseraEngine *engine, Minting *minting, GError **error)
{
  const TesseraResource *resource = minting->resource;
  TesseraAlgorithm algorithm = resource != NULL && resource->has_signing_algorithm
                                   ? resource->signing_algorithm
                                   : engine->settings->signing_algorithm;

  minting->key = tessera_key_ring_dup_active (engine->keys, algorithm);
  if (minting->key != NULL)
    return TRUE;
  g_set_error (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR, "There is no signing key");
  return FALSE;
}

/* Token Status List §6.2: where to look whether it was revoked. */
static gboolean
set_status (TesseraEngine *engine,
            const TesseraAuthorization *authorization,
            Minting *minting,
            GError **error)
{
  TesseraTokenIdentity identity = {
    .jti = minting->jti,
    .issued_ms = minting->issued_ms,
    .subject = tessera_login_get_sub (&authorization->login),
    .client_id = tessera_client_get_id (authorization->client),
    .grant_id = authorization->grant_id,
    .session_id = authorization->login.session_id,
    .kid = tessera_key_get_id (minting->key),
  };
  char name[TESSERA_STATUS_SHARD_NAME_MAX + 1];
  guint32 index;

  if (!tessera_status_lists_reserve (engine->status_lists, &identity, minting->lifetime, name,
                                     &index, error))
    return FALSE;
  tessera_status_publisher_wake (engine->status_publisher);
  /* Issuer, path and name need no escapes. */
  g_autofree char *uri = tessera_status_publisher_dup_uri (engine->settings, name);
  g_autofree char *json
      = g_strdup_printf ("{\"status\":{\"status_list\":{\"idx\":%u,\"uri\":\"%s\"}}}", index, uri);
  tessera_claims_merge_json (minting->claims, json, NULL);
  return TRUE;
}

static void
keep_mould (TesseraEngine *engine,
            const Minting *minting,
            const TesseraTokenForm *form,
            const TesseraTokenOutline *outline,
            const char *claims_json)
{
  g_autoptr (TesseraTokenProfile) profile = NULL;
  TesseraPersonMould *mould = NULL;

  if (form->grant_id == NULL)
    {
      profile = tessera_seen_tokens_dup_profile (engine->seen, outline);
      if (profile != NULL)
        tessera_token_moulds_keep (engine->moulds, form, profile);
      return;
    }
  mould = tessera_person_mould_new (form, minting->jti, minting->issued_ms / 1000, claims_json);
  if (mould != NULL)
    tessera_token_moulds_keep_person (engine->moulds, form, mould);
}

/* We have just made it, so its signature is good, and what it says is known: introspecting or
 * revoking it costs neither a verification nor reading it. */
static void
remember (TesseraEngine *engine,
          const Minting *minting,
          const TesseraTokenForm *form,
          const char *token,
          const char *claims_json)
{
  TesseraTokenOutline outline = { .algorithm = tessera_key_get_algorithm (minting->key),
                                  .typ = minting->typ,
                                  .kid = tessera_key_get_id (minting->key) };
  gboolean outlined = tessera_seen_tokens_read_outline (engine->seen, &outline, claims_json);

  tessera_seen_tokens_add (engine->seen, token, strlen (token), outlined ? &outline : NULL,
                           minting->claims);
  if (form != NULL && outlined)
    keep_mould (engine, minting, form, &outline, claims_json);
}

/* @form NULL: it says more than forms do. */
static char *
sign (TesseraEngine *engine, const Minting *minting, const TesseraTokenForm *form, GError **error)
{
  g_autofree char *claims_json = tessera_claims_to_json (minting->claims);
  char *token = tessera_jwt_sign_text (minting->key, minting->typ, claims_json, error);

  if (token != NULL)
    remember (engine, minting, form, token, claims_json);
  return token;
}

/* Another token of @profile. */
static char *
cast (TesseraEngine *engine, const Minting *minting, TesseraTokenProfile *profile, GError **error)
{
  g_autofree char *claims_json
      = tessera_token_profile_dup_claims_json (profile, minting->jti, minting->issued_ms / 1000);
  char *token = tessera_jwt_sign_text (minting->key, minting->typ, claims_json, error);
  guint8 jti[16];

  if (token == NULL)
    return NULL;
  TesseraDigest digest = tessera_digest (token, -1);
  tessera_uuid_parse (minting->jti, jti, NULL);
  tessera_seen_tokens_add_known (engine->seen, &digest, profile, jti);
  return token;
}

/* Another token of what @mould was made of. */
static char *
cast_person (TesseraEngine *engine,
             const Minting *minting,
             const TesseraTokenForm *form,
             const TesseraPersonMould *mould,
             GError **error)
{
  TesseraTokenOutline outline;
  g_autofree char *claims_json
      = tessera_person_mould_cast (mould, form, minting->jti, minting->issued_ms / 1000, &outline);
  char *token = tessera_jwt_sign_text (minting->key, minting->typ, claims_json, error);

  if (token == NULL)
    return NULL;
  TesseraDigest digest = tessera_digest (token, -1);
  tessera_seen_tokens_add_form (engine->seen, &digest, &outline, form);
  return token;
}

/* Its time is fixed before the deny-list is asked. */
static void
begin (TesseraEngine *engine, const TesseraAuthorization *authorization, Minting *out_minting)
{
  out_minting->issued_ms = tessera_clock_get_ms (engine->clock);
  out_minting->lifetime = tessera_engine_get_access_token_lifetime (engine, authorization->client);
  out_minting->jti = tessera_uuid_new (out_minting->issued_ms);
  out_minting->audience
      = tessera_target_dup_audience (authorization->resources, authorization->client,
                                     engine->settings->issuer);
  out_minting->resource
      = tessera_target_lookup ((const char *const *) out_minting->audience, engine->resources);
  out_minting->typ = out_minting->resource != NULL && out_minting->resource->token_type != NULL
                         ? out_minting->resource->token_type
                         : "at+jwt";
}

/* TRUE without one when the client did not ask who logged in. */
static gboolean
add_id_token (TesseraEngine *engine,
              const TesseraAuthorization *authorization,
              const char *scope,
              const Minting *minting,
              TesseraIssuedToken *token,
              GError **error)
{
  if (!asks_who_logged_in (engine, authorization, scope))
    return TRUE;
  token->id_token = tessera_id_token_issue (engine, authorization, scope, token->access_token,
                                            minting->issued_ms, minting->lifetime, error);
  return token->id_token != NULL;
}

/* Is it a token that nothing is added to, and nobody asked about? */
static gboolean
has_mould (const TesseraEngine *engine)
{
  return engine->moulds != NULL && engine->hooks.issue_token == NULL
         && engine->hooks.token_issued == NULL && !engine->settings->status_list_enabled;
}

static char *
mint_plain (TesseraEngine *engine,
            const TesseraAuthorization *authorization,
            const TesseraTokenForm *form,
            Minting *minting,
            GError **error)
{
  TesseraTokenProfile *profile = NULL;
  const TesseraPersonMould *mould = NULL;

  if (form->grant_id == NULL)
    profile = tessera_token_moulds_lookup (engine->moulds, form);
  else
    mould = tessera_token_moulds_lookup_person (engine->moulds, form);
  if (profile != NULL)
    return cast (engine, minting, profile, error);
  if (mould != NULL)
    return cast_person (engine, minting, form, mould, error);
  minting->claims = build_claims (authorization, form, minting);
  return sign (engine, minting, form, error);
}

/* @issuance: what handlers made of it, or NULL */
static char *
mint (TesseraEngine *engine,
      const TesseraAuthorization *authorization,
      const char *scope,
      TesseraIssuance *issuance,
      Minting *minting,
      GError **error)
{
  if (!take_key (engine, minting, error))
    return NULL;
  const TesseraTokenForm form = get_form (engine, authorization, scope, minting);
  if (has_mould (engine))
    return mint_plain (engine, authorization, &form, minting, error);
  minting->claims = build_claims (authorization, &form, minting);
  if (issuance != NULL)
    tessera_issuance_apply (issuance, minting->claims);
  if (engine->settings->status_list_enabled && !set_status (engine, authorization, minting, error))
    return NULL;
  return sign (engine, minting, NULL, error);
}

gboolean
tessera_token_issuer_issue (TesseraEngine *engine,
                            const TesseraAuthorization *authorization,
                            TesseraIssuedToken *out_token,
                            GError **error)
{
  g_auto (Minting) minting = { 0 };
  g_autoptr (TesseraIssuance) issuance = NULL;
  const char *scope = authorization->scope;

  *out_token = (TesseraIssuedToken){ 0 };
  begin (engine, authorization, &minting);
  if (!check_clock (engine, error) || !check_not_denied (engine, authorization, error))
    return FALSE;
  if (engine->hooks.issue_token != NULL)
    {
      issuance = ask_handlers (engine, authorization, error);
      if (issuance == NULL)
        return FALSE;
      scope = tessera_issuance_get_scope (issuance);
    }

  if (asks_who_logged_in (engine, authorization, scope))
    add_issuer (&minting, engine->settings->issuer);
  out_token->access_token = mint (engine, authorization, scope, issuance, &minting, error);
  if (out_token->access_token == NULL
      || !add_id_token (engine, authorization, scope, &minting, out_token, error))
    return FALSE;
  out_token->jti = g_steal_pointer (&minting.jti);
  out_token->expires_in = minting.lifetime;
  out_token->scope = g_strdup (scope);
  if (engine->hooks.token_issued != NULL)
    engine->hooks.token_issued (engine->hooks_data, minting.claims,
                                g_str_equal (authorization->grant_type, "refresh_token"));
  return TRUE;
}
