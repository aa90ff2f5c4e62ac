/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The token endpoint (RFC 6749 §3.2): client, grant, token. */

#include "endpoints/tessera-token-endpoint-private.h"

#include "base/tessera-decimal-private.h"
#include "endpoints/tessera-client-authentication-private.h"
#include "grants/tessera-grant-type-private.h"
#include "grants/tessera-revoker-private.h"
#include "grants/tessera-token-issuer-private.h"
#include "model/tessera-client-private.h"

/* A redemption, which may wait for the committing thread. */
typedef struct
{
  TesseraRedemption redemption;
  TesseraParams *params; /* until they are the request's */
  const TesseraGrantType *grant_type;
  TesseraExchange *exchange;
} Pending;

static void
pending_free (Pending *self)
{
  tessera_redemption_clear (&self->redemption);
  g_clear_pointer (&self->params, tessera_params_free);
  tessera_exchange_unref (self->exchange);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pending, pending_free)

/* RFC 6749 §5.1. What is put together here needs no escapes in JSON: tokens are base64url and dots,
 * scopes have neither quotes nor backslashes (§3.3). Looking at each character for them would cost
 * a tenth of the request, and leave copies of the tokens behind. The scope is said always: some
 * clients fail without it. */
static void
respond_token (TesseraExchange *exchange,
               const TesseraIssuedToken *token,
               const TesseraAuthorization *authorization)
{
  const char *refresh_token = authorization->refresh_token;
  gboolean refreshes = refresh_token != NULL;
  gboolean identifies = token->id_token != NULL;
  gboolean scoped = token->scope != NULL && *token->scope != '\0';
  char expires_in[TESSERA_DECIMAL_MAX + 1];

  tessera_decimal_put (expires_in, token->expires_in);
  tessera_exchange_respond_json_text (
      exchange, 200,
      g_strconcat ("{\"access_token\":\"", token->access_token,
                   refreshes ? "\",\"refresh_token\":\"" : "", refreshes ? refresh_token : "",
                   identifies ? "\",\"id_token\":\"" : "", identifies ? token->id_token : "",
                   "\",\"token_type\":\"Bearer\",\"expires_in\":", expires_in,
                   scoped ? ",\"scope\":\"" : "", scoped ? token->scope : "", scoped ? "\"}" : "}",
                   NULL));
}

static const struct
{
  const char *grant_type;
  TesseraAuditEvent event;
  TesseraIssuedKind kind;
} kinds[] = {
  { "client_credentials", TESSERA_AUDIT_CLIENT_TOKEN_ISSUED,
    TESSERA_ISSUED_FOR_CLIENT_CREDENTIALS },
  { "authorization_code", TESSERA_AUDIT_TOKEN_ISSUED, TESSERA_ISSUED_FOR_CODE },
  { "refresh_token", TESSERA_AUDIT_TOKEN_REFRESHED, TESSERA_ISSUED_FOR_REFRESH_TOKEN },
};

static void
write_issued (TesseraExchange *exchange,
              TesseraAuditEvent event,
              const TesseraIssuedToken *token,
              const TesseraAuthorization *authorization)
{
  if (!tessera_audit_wants (exchange->audit, event))
    return;
  tessera_audit_write (exchange->audit, event,
                       &(TesseraAuditRecord){
                           .request = exchange->request_id,
                           .client = tessera_client_get_id (authorization->client),
                           .grant = authorization->grant_id,
                           .jti = token->jti,
                           /* A client's own token has no other subject than it. */
                           .subject
                           = authorization->grant_id != NULL ? authorization->login.subject : NULL,
                           .result = "granted",
                           .remote_address = exchange->remote_address,
                       });
}

static void
record_issued (TesseraExchange *exchange,
               const TesseraIssuedToken *token,
               const TesseraAuthorization *authorization)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (kinds) - 1
         && !g_str_equal (kinds[i].grant_type, authorization->grant_type))
    i++;
  if (exchange->metrics != NULL)
    exchange->metrics->issued[kinds[i].kind]++;
  if (exchange->audit != NULL)
    write_issued (exchange, kinds[i].event, token, authorization);
}

/* Who registered itself and is never seen again is forgotten. */
static void
note_use (TesseraEngine *engine, TesseraClient *client)
{
  if (tessera_client_is_dynamic (client) && engine->hooks.client_used != NULL)
    engine->hooks.client_used (engine->hooks_data, client);
}

static void
issue (Pending *self)
{
  TesseraEngine *engine = self->redemption.engine;
  TesseraAuthorization *authorization = &self->redemption.authorization;
  g_auto (TesseraIssuedToken) token = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean issued = tessera_token_issuer_issue (engine, authorization, &token, &error);

  if (issued)
    {
      record_issued (self->exchange, &token, authorization);
      note_use (engine, authorization->client);
    }
  /* What has to be written down and was not, did not happen: nobody hears of the token. */
  if (issued && tessera_audit_check (engine->audit, &error))
    respond_token (self->exchange, &token, authorization);
  else
    tessera_exchange_respond_error (self->exchange, error, NULL);
}

static gboolean
run_redemption (gpointer data, TesseraStore *store, GError **error)
{
  Pending *self = data;

  return self->grant_type->redeem (&self->redemption, store, error);
}

static void
on_redeemed (gpointer data, const GError *error)
{
  g_autoptr (Pending) self = data;
  TesseraRedemption *redemption = &self->redemption;

  if (redemption->replayed_grant_id != NULL
      && g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_GRANT))
    tessera_revoker_report_replay (redemption->engine, redemption->replayed_grant_id,
                                   tessera_client_get_id (redemption->request->client),
                                   redemption->replay_generation, self->exchange->request_id,
                                   self->exchange->remote_address);
  if (error != NULL)
    tessera_exchange_respond_error (self->exchange, error, &redemption->explanation);
  else
    issue (self);
}

static gboolean
begin (Pending *self, TesseraClient *client, GError **error)
{
  const char *grant_type = tessera_params_get (self->params, "grant_type");

  if (grant_type == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                           "grant_type is missing");
      return FALSE;
    }
  self->grant_type = tessera_grant_type_lookup (grant_type);
  if (self->grant_type == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_UNSUPPORTED_GRANT_TYPE,
                           "This grant type is not offered");
      return FALSE;
    }
  self->redemption.request
      = tessera_token_request_new (client, g_steal_pointer (&self->params), error);
  return self->redemption.request != NULL && self->grant_type->prepare (&self->redemption, error);
}

static void
on_authenticated (gpointer data, TesseraClient *client, const GError *refusal)
{
  g_autoptr (Pending) self = data;
  TesseraCommitter *committer = self->redemption.engine->committer;
  g_autoptr (GError) error = NULL;

  if (refusal != NULL)
    tessera_exchange_respond_error (self->exchange, refusal, &self->redemption.explanation);
  else if (!begin (self, client, &error))
    tessera_exchange_respond_error (self->exchange, error, &self->redemption.explanation);
  else if (self->grant_type->redeem == NULL)
    issue (self);
  else
    tessera_committer_submit (committer, run_redemption, on_redeemed, g_steal_pointer (&self));
}

void
tessera_token_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (Pending) self = g_new0 (Pending, 1);
  g_autoptr (GError) error = NULL;

  self->redemption.engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  if (tessera_audit_check (engine->audit, &error))
    self->params = tessera_client_authentication_read_form (exchange, &error);
  if (self->params == NULL)
    {
      tessera_exchange_respond_error (exchange, error, &self->redemption.explanation);
      return;
    }
  tessera_client_authentication_authenticate (engine, exchange, self->params,
                                              &self->redemption.explanation, on_authenticated,
                                              self);
  g_steal_pointer (&self);
}
