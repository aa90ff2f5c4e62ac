/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The authorization endpoint (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1, RFC 9101 §5): a
 * request is read, believed piece by piece, and handed to a person; back comes a code or a refusal.
 */

#include "endpoints/tessera-authorization-endpoint-private.h"

#include "base/tessera-uri-private.h"
#include "endpoints/tessera-authentication-request-private.h"
#include "endpoints/tessera-authorization-response-private.h"
#include "endpoints/tessera-client-keys-private.h"
#include "endpoints/tessera-request-object-private.h"
#include "grants/tessera-pairwise-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-code-challenge-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-target-private.h"

#include <string.h>

#define CODE_PREFIX "tsc_"
#define HINT_MAX_LENGTH 512 /* bytes */

/* A request on its way to be valid. `redirect_uri` of the request is set once it can be trusted:
 * from then on an error goes to the client, before that to the person. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraParams *params;
  TesseraAuthorizationRequest *request;
  TesseraKeySet *keys; /* of the client; NULL: none, or they are not wanted */
  gboolean is_signed;  /* by the client, in a request object */
  TesseraExplanation explanation;
} Reading;

static void
reading_free (Reading *self)
{
  g_clear_pointer (&self->params, tessera_params_free);
  g_clear_pointer (&self->request, tessera_authorization_request_unref);
  tessera_key_set_unref (self->keys);
  tessera_explanation_clear (&self->explanation);
  tessera_exchange_unref (self->exchange);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Reading, reading_free)

static gboolean
refuse (GError **error, TesseraError code, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, code, why);
  return FALSE;
}

/* The one switch between an error page and an error by redirect (RFC 6749 §4.1.2.1). */
static void
respond_refusal (Reading *self, const GError *error)
{
  TesseraEngine *engine = self->engine;

  if (self->request != NULL && self->request->redirect_uri != NULL)
    {
      tessera_authorization_endpoint_refuse (engine, self->exchange, self->request, error,
                                             &self->explanation);
      return;
    }
  tessera_exchange_log_refusal (self->exchange, error, &self->explanation);
  engine->hooks.show_error (engine->hooks_data, self->exchange, error);
}

static gboolean
read_params (Reading *self, GError **error)
{
  gboolean is_post = g_str_equal (self->exchange->method, "POST");

  if (is_post && self->exchange->query != NULL && *self->exchange->query != '\0')
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "Parameters belong into the body");
  self->params = is_post ? tessera_exchange_parse_form (self->exchange, error)
                         : tessera_exchange_parse_query (self->exchange, error);
  return self->params != NULL;
}

static gboolean
read_client (Reading *self, GError **error)
{
  const char *client_id = tessera_params_get (self->params, "client_id");
  g_autoptr (TesseraClient) client = NULL;

  if (client_id == NULL || tessera_params_is_repeated (self->params, "client_id"))
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "client_id must be given once");
  tessera_exchange_set_client_id (self->exchange, client_id);
  client = tessera_client_registry_lookup (self->engine->clients, client_id);
  if (client == NULL)
    {
      tessera_explanation_set (&self->explanation, "client_id", NULL, client_id);
      return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "The application is not known here");
    }
  self->request = tessera_authorization_request_new (client);
  self->request->began_ms = tessera_clock_get_ms (self->engine->clock);
  return TRUE;
}

/* RFC 6749 §3.1.2.3: it may be left out if exactly one is registered; not where OpenID Connect is
 * spoken (Core §3.1.2.1). */
static const char *
choose_redirect_uri (Reading *self)
{
  const char *presented = tessera_params_get (self->params, "redirect_uri");
  const char *const *registered = tessera_client_get_redirect_uris (self->request->client);

  if (presented != NULL)
    return tessera_client_allows_redirect_uri (self->request->client, presented) ? presented : NULL;
  if (tessera_scope_has (tessera_params_get (self->params, "scope"), "openid"))
    return NULL;
  return registered[0] != NULL && registered[1] == NULL ? registered[0] : NULL;
}

static gboolean
read_redirect_uri (Reading *self, GError **error)
{
  const char *presented = tessera_params_get (self->params, "redirect_uri");
  const char *chosen = choose_redirect_uri (self);

  if (tessera_params_is_repeated (self->params, "redirect_uri"))
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "redirect_uri must be given once");
  if (chosen == NULL)
    {
      g_autofree char *registered
          = g_strjoinv (" ", (char **) tessera_client_get_redirect_uris (self->request->client));

      tessera_explanation_set (&self->explanation, "redirect_uri",
                               *registered != '\0' ? registered : "any loopback", presented);
      return refuse (error, TESSERA_ERROR_INVALID_REQUEST,
                     "The address to return to is not registered for this application");
    }
  self->request->redirect_uri = g_strdup (chosen);
  self->request->redirect_uri_was_sent = presented != NULL;
  return TRUE;
}

static gboolean
read_state (Reading *self, GError **error)
{
  const char *state = tessera_params_get (self->params, "state");

  if (state == NULL || tessera_params_is_repeated (self->params, "state"))
    return TRUE;
  if (strlen (state) > TESSERA_STATE_MAX_LENGTH)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "state is too long");
  self->request->state = g_strdup (state);
  return TRUE;
}

/* So early that a refusal goes the way that was asked for, too. One that cannot be is refused with
 * the other parameters. */
static gboolean
read_response_mode (Reading *self, GError **error)
{
  const char *response_mode = tessera_params_get (self->params, "response_mode");

  if (!tessera_params_is_repeated (self->params, "response_mode"))
    tessera_authorization_response_check_mode (response_mode, self->request->redirect_uri,
                                               &self->request->response_mode, NULL);
  return TRUE;
}

/* Where the answer goes, and how. */
static gboolean
read_return (Reading *self, GError **error)
{
  return read_redirect_uri (self, error) && read_state (self, error)
         && read_response_mode (self, error);
}

static void
forget_return (Reading *self)
{
  g_clear_pointer (&self->request->redirect_uri, g_free);
  g_clear_pointer (&self->request->state, g_free);
  self->request->response_mode = TESSERA_RESPONSE_MODE_QUERY;
  tessera_explanation_clear (&self->explanation);
}

/* RFC 9101 §6.3: the parameters of a request object take the place of all that stand beside it.
 * Those only say where the error goes when the object is not good. */
static gboolean
read_request_object (Reading *self, GError **error)
{
  const char *text = tessera_params_get (self->params, "request");

  if (text == NULL)
    return TRUE;
  if (!read_return (self, NULL))
    tessera_explanation_clear (&self->explanation);
  if (!tessera_params_check_repeats (self->params, error)
      || !tessera_authentication_request_check_offered (self->params, error))
    return FALSE;

  TesseraParams *params = tessera_request_object_read (
      text, self->request->client, self->keys, self->engine->settings,
      tessera_clock_get_seconds (self->engine->clock), &self->explanation, error);
  if (params == NULL)
    return FALSE;
  forget_return (self);
  tessera_params_free (self->params);
  self->params = params;
  self->is_signed = TRUE;
  return TRUE;
}

/* RFC 9101 §10.5. */
static gboolean
check_signed (Reading *self, GError **error)
{
  if (self->is_signed || !tessera_client_requires_request_object (self->request->client))
    return TRUE;
  return refuse (error, TESSERA_ERROR_INVALID_REQUEST,
                 "The application must send a signed request object");
}

static gboolean
check_response (Reading *self, GError **error)
{
  const char *response_type = tessera_params_get (self->params, "response_type");

  if (response_type == NULL)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "response_type is missing");
  if (!g_str_equal (response_type, "code"))
    return refuse (error, TESSERA_ERROR_UNSUPPORTED_RESPONSE_TYPE, "response_type must be code");
  if (!tessera_client_allows_grant_type (self->request->client, "authorization_code"))
    return refuse (error, TESSERA_ERROR_UNAUTHORIZED_CLIENT,
                   "The client is not registered for the authorization code grant");
  return tessera_authorization_response_check_mode (
      tessera_params_get (self->params, "response_mode"), self->request->redirect_uri,
      &self->request->response_mode, error);
}

static gboolean
read_code_challenge (Reading *self, GError **error)
{
  const char *code_challenge = tessera_params_get (self->params, "code_challenge");
  const char *method = tessera_params_get (self->params, "code_challenge_method");

  if (!tessera_code_challenge_check (code_challenge, method, error))
    {
      tessera_explanation_set (&self->explanation, "code_challenge", "S256",
                               method != NULL ? method : "no method");
      return FALSE;
    }
  if (code_challenge == NULL && tessera_client_requires_pkce (self->request->client))
    {
      tessera_explanation_set (&self->explanation, "code_challenge", "required", NULL);
      return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "code_challenge is missing");
    }
  self->request->code_challenge = g_strdup (code_challenge);
  return TRUE;
}

static gboolean
read_scope (Reading *self, GError **error)
{
  const char *registered = tessera_client_get_scope (self->request->client);
  const char *text = tessera_params_get (self->params, "scope");
  g_autofree char *scope = NULL;

  if (!tessera_target_parse (self->params, &self->request->resources, error)
      || !tessera_target_check_client (self->request->resources, self->request->client,
                                       &self->explanation, error))
    return FALSE;
  scope = text != NULL ? tessera_scope_parse (text, error) : g_strdup (registered);
  if (text != NULL && scope == NULL)
    return FALSE;
  if (!tessera_scope_is_subset (scope, registered))
    {
      tessera_explanation_set (&self->explanation, "scope", registered, scope);
      return refuse (error, TESSERA_ERROR_INVALID_SCOPE, "The client may not ask for this scope");
    }
  self->request->scope
      = tessera_target_narrow_scope (scope, self->request->resources, self->engine->resources);
  return TRUE;
}

static gboolean
read_prompt (Reading *self, GError **error)
{
  static const struct
  {
    const char *name;
    TesseraPrompt prompt;
  } prompts[] = {
    { "none", TESSERA_PROMPT_NONE },
    { "login", TESSERA_PROMPT_LOGIN },
    { "consent", TESSERA_PROMPT_CONSENT },
    { "select_account", TESSERA_PROMPT_SELECT_ACCOUNT },
  };
  g_auto (GStrv) names = tessera_scope_split (tessera_params_get (self->params, "prompt"));

  for (guint i = 0; names[i] != NULL; i++)
    {
      guint prompt = 0;

      for (guint j = 0; j < G_N_ELEMENTS (prompts); j++)
        if (g_str_equal (names[i], prompts[j].name))
          prompt = prompts[j].prompt;
      self->request->prompt |= prompt;
      if (prompt == 0)
        return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "prompt has an unknown value");
    }
  if ((self->request->prompt & TESSERA_PROMPT_NONE) != 0
      && self->request->prompt != TESSERA_PROMPT_NONE)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "prompt none stands alone");
  return TRUE;
}

/* What is only wished is no error; but the request waits in memory for a person. */
static char *
dup_hint (Reading *self, const char *name)
{
  const char *hint = tessera_params_get (self->params, name);

  return hint != NULL && strlen (hint) <= HINT_MAX_LENGTH ? g_strdup (hint) : NULL;
}

static gboolean
read_hints (Reading *self, GError **error)
{
  const char *max_age = tessera_params_get (self->params, "max_age");
  guint64 seconds = 0;

  self->request->login_hint = dup_hint (self, "login_hint");
  self->request->ui_locales = dup_hint (self, "ui_locales");
  if (max_age == NULL)
    {
      /* OpenID Connect Dynamic Client Registration §2. */
      self->request->max_age = tessera_client_get_default_max_age (self->request->client);
      return TRUE;
    }
  if (!g_ascii_string_to_unsigned (max_age, 10, 0, G_MAXINT32, &seconds, NULL))
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "max_age must be seconds");
  self->request->max_age = (gint64) seconds;
  return TRUE;
}

static gboolean
read_request (Reading *self, GError **error)
{
  return read_request_object (self, error) && read_return (self, error)
         && tessera_params_check_repeats (self->params, error)
         && tessera_authentication_request_check_offered (self->params, error)
         && check_signed (self, error) && check_response (self, error)
         && read_code_challenge (self, error) && read_scope (self, error)
         && read_prompt (self, error) && read_hints (self, error)
         && tessera_authentication_request_read (self->engine, self->params, self->request, error);
}

/* threats.md A42: a challenge is for one code. One that was redeemed already is a constant, which
 * protects nothing. */
static gboolean
run_challenge_check (gpointer data, TesseraStore *store, GError **error)
{
  Reading *self = data;
  gboolean redeemed = FALSE;

  if (!tessera_store_is_challenge_redeemed (store, tessera_client_get_id (self->request->client),
                                            self->request->code_challenge, &redeemed, error))
    return FALSE;
  if (!redeemed)
    return TRUE;
  tessera_explanation_set (&self->explanation, "code_challenge", "a fresh one", "redeemed before");
  return refuse (error, TESSERA_ERROR_INVALID_REQUEST, "code_challenge was used before");
}

static void
on_challenge_checked (gpointer data, const GError *error)
{
  g_autoptr (Reading) self = data;

  if (error != NULL)
    respond_refusal (self, error);
  else
    self->engine->hooks.interact (self->engine->hooks_data, self->exchange, self->request);
}

static void
proceed (Reading *taken_self)
{
  g_autoptr (Reading) self = taken_self;
  TesseraEngine *engine = self->engine;
  g_autoptr (GError) error = NULL;

  if (!read_request (self, &error))
    respond_refusal (self, error);
  else if (self->request->code_challenge == NULL)
    engine->hooks.interact (engine->hooks_data, self->exchange, self->request);
  else
    tessera_committer_submit (engine->committer, run_challenge_check, on_challenge_checked,
                              g_steal_pointer (&self));
}

static void
on_keys_found (gpointer data, TesseraKeySet *keys)
{
  Reading *self = data;

  self->keys = keys != NULL ? tessera_key_set_ref (keys) : NULL;
  proceed (self);
}

void
tessera_authorization_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (Reading) self = g_new0 (Reading, 1);
  g_autoptr (GError) error = NULL;

  self->engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  if (!read_params (self, &error) || !read_client (self, &error))
    {
      respond_refusal (self, error);
      return;
    }
  const char *object = tessera_params_get (self->params, "request");
  if (object == NULL)
    {
      proceed (g_steal_pointer (&self));
      return;
    }
  /* What it is signed with may have to be read elsewhere. */
  g_autofree char *kid = tessera_request_object_dup_kid (object);
  TesseraClient *client = self->request->client;
  tessera_client_keys_find (engine, client, TESSERA_CLIENT_KEYS_OF_REQUESTS, kid, on_keys_found,
                            g_steal_pointer (&self));
}

void
tessera_authorization_endpoint_refuse (TesseraEngine *engine,
                                       TesseraExchange *exchange,
                                       TesseraAuthorizationRequest *request,
                                       const GError *error,
                                       const TesseraExplanation *explanation)
{
  gboolean is_public = error->domain == TESSERA_ERROR;
  TesseraError code = is_public ? (TesseraError) error->code : TESSERA_ERROR_SERVER_ERROR;
  g_autoptr (TesseraAuthorizationResponse) response
      = tessera_authorization_response_new (engine, request);

  tessera_exchange_log_refusal (exchange, error, explanation);
  tessera_authorization_response_add (response, "error", tessera_error_get_name (code));
  tessera_authorization_response_add (response, "error_description",
                                      is_public ? error->message : NULL);
  tessera_authorization_response_send (response, exchange, FALSE);
}

/* A code that is put into the store, and then sent. */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraAuthorizationRequest *request;
  TesseraAuthorizationCode *record;
  char *code; /* a secret */
} Approval;

static void
approval_free (Approval *self)
{
  tessera_exchange_unref (self->exchange);
  tessera_authorization_request_unref (self->request);
  tessera_authorization_code_free (self->record);
  tessera_secret_free (self->code);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Approval, approval_free)

/* A cut-off that came while the person was deciding ends what began before it (design.md §5). */
static gboolean
run_approval (gpointer data, TesseraStore *store, GError **error)
{
  Approval *self = data;
  TesseraAuthorizationCode *record = self->record;
  TesseraTokenIdentity identity = {
    .issued_ms = record->began_ms,
    .expires_ms = G_MAXINT64,
    .subject = record->login.subject,
    .client_id = record->client_id,
    .grant_id = "", /* none yet, but on a resource owner's behalf */
    .session_id = record->login.session_id,
  };

  if (tessera_deny_list_check_authorization (self->engine->deny_list, &identity))
    return refuse (error, TESSERA_ERROR_ACCESS_DENIED, "The authorization was revoked meanwhile");
  return tessera_store_put_code (store, record, error);
}

static void
send_code (Approval *self)
{
  g_autoptr (TesseraAuthorizationResponse) response
      = tessera_authorization_response_new (self->engine, self->request);

  tessera_authorization_response_add (response, "code", self->code);
  tessera_authorization_response_send (response, self->exchange, TRUE);
}

static void
record_code (Approval *self)
{
  TesseraExchange *exchange = self->exchange;

  if (exchange->metrics != NULL)
    exchange->metrics->issued[TESSERA_ISSUED_CODE]++;
  tessera_audit_write (exchange->audit, TESSERA_AUDIT_CODE_ISSUED,
                       &(TesseraAuditRecord){ .request = exchange->request_id,
                                              .client = self->record->client_id,
                                              .subject = self->record->login.subject,
                                              .result = "granted",
                                              .remote_address = exchange->remote_address });
}

static void
on_approved (gpointer data, const GError *error)
{
  g_autoptr (Approval) self = data;
  g_autoptr (GError) unwritten = NULL;

  if (error == NULL)
    record_code (self);
  if (error == NULL && !tessera_audit_check (self->engine->audit, &unwritten))
    error = unwritten;
  if (error != NULL)
    tessera_authorization_endpoint_refuse (self->engine, self->exchange, self->request, error,
                                           NULL);
  else
    send_code (self);
}

static TesseraAuthorizationCode *
build_record (TesseraEngine *engine,
              TesseraAuthorizationRequest *request,
              const TesseraLogin *login,
              const char *code)
{
  TesseraAuthorizationCode *record = g_new0 (TesseraAuthorizationCode, 1);

  record->digest = tessera_digest (code, -1);
  record->client_id = g_strdup (tessera_client_get_id (request->client));
  record->redirect_uri = g_strdup (request->redirect_uri);
  record->redirect_uri_was_sent = request->redirect_uri_was_sent;
  record->code_challenge = g_strdup (request->code_challenge);
  tessera_login_copy (login, &record->login);
  tessera_pairwise_apply (engine, request->client, &record->login);
  record->scope = g_strdup (request->scope);
  record->resources = g_strdup (request->resources);
  record->nonce = g_strdup (request->nonce);
  record->claims_request = g_strdup (request->claims_request);
  record->began_ms = request->began_ms;
  record->expires_ms = tessera_clock_get_ms (engine->clock)
                       + engine->settings->code_lifetime * G_GINT64_CONSTANT (1000);
  return record;
}

void
tessera_authorization_endpoint_approve (TesseraEngine *engine,
                                        TesseraExchange *exchange,
                                        TesseraAuthorizationRequest *request,
                                        const TesseraLogin *login)
{
  Approval *approval = g_new0 (Approval, 1);

  approval->engine = engine;
  approval->exchange = tessera_exchange_ref (exchange);
  approval->request = tessera_authorization_request_ref (request);
  approval->code = tessera_secret_new (CODE_PREFIX);
  approval->record = build_record (engine, request, login, approval->code);
  tessera_committer_submit (engine->committer, run_approval, on_approved, approval);
}
