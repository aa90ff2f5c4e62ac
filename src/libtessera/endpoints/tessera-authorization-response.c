/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The authorization response (RFC 6749 §4.1.2, RFC 9207 §2): in the query of a redirect, or in a
 * form that the browser posts (OAuth 2.0 Form Post Response Mode §2). */

#include "endpoints/tessera-authorization-response-private.h"

#include "base/tessera-uri-private.h"

struct _TesseraAuthorizationResponse
{
  TesseraEngine *engine;
  TesseraAuthorizationRequest *request;
  GPtrArray *pairs; /* char *name (static), char *value, and so on */
};

TesseraAuthorizationResponse *
tessera_authorization_response_new (TesseraEngine *engine, TesseraAuthorizationRequest *request)
{
  TesseraAuthorizationResponse *self = g_new0 (TesseraAuthorizationResponse, 1);

  self->engine = engine;
  self->request = tessera_authorization_request_ref (request);
  self->pairs = g_ptr_array_new ();
  tessera_authorization_response_add (self, "state", request->state);
  tessera_authorization_response_add (self, "iss", engine->settings->issuer);
  return self;
}

void
tessera_authorization_response_free (TesseraAuthorizationResponse *self)
{
  for (guint i = 1; i < self->pairs->len; i += 2)
    tessera_secret_free (self->pairs->pdata[i]);
  g_ptr_array_unref (self->pairs);
  tessera_authorization_request_unref (self->request);
  g_free (self);
}

void
tessera_authorization_response_add (TesseraAuthorizationResponse *self,
                                    const char *static_name,
                                    const char *value)
{
  if (value == NULL)
    return;
  g_ptr_array_add (self->pairs, (gpointer) static_name);
  g_ptr_array_add (self->pairs, g_strdup (value));
}

static void
send_query (TesseraAuthorizationResponse *self, TesseraExchange *exchange, gboolean is_success)
{
  const TesseraEngineHooks *hooks = &self->engine->hooks;
  g_autoptr (GString) location = g_string_new (self->request->redirect_uri);

  for (guint i = 0; i + 1 < self->pairs->len; i += 2)
    tessera_uri_append_param (location, self->pairs->pdata[i], self->pairs->pdata[i + 1]);
  if (is_success && tessera_uri_is_private_use (self->request->redirect_uri)
      && hooks->show_return != NULL)
    hooks->show_return (self->engine->hooks_data, exchange, self->request, location->str);
  else
    tessera_exchange_redirect (exchange, location->str);
}

static void
send_form (TesseraAuthorizationResponse *self, TesseraExchange *exchange)
{
  g_ptr_array_add (self->pairs, NULL);
  self->engine->hooks.show_form (self->engine->hooks_data, exchange, self->request,
                                 (const char *const *) self->pairs->pdata);
  g_ptr_array_set_size (self->pairs, (int) self->pairs->len - 1);
}

void
tessera_authorization_response_send (TesseraAuthorizationResponse *self,
                                     TesseraExchange *exchange,
                                     gboolean is_success)
{
  if (self->request->response_mode == TESSERA_RESPONSE_MODE_FORM_POST
      && self->engine->hooks.show_form != NULL)
    send_form (self, exchange);
  else
    send_query (self, exchange, is_success);
}

/* threats.md A43: fragment and web_message hand the code to scripts; they are not offered. */
gboolean
tessera_authorization_response_check_mode (const char *response_mode,
                                           const char *redirect_uri,
                                           TesseraResponseMode *out_mode,
                                           GError **error)
{
  const char *why = NULL;

  *out_mode = TESSERA_RESPONSE_MODE_QUERY;
  if (response_mode == NULL || g_str_equal (response_mode, "query"))
    return TRUE;
  if (!g_str_equal (response_mode, "form_post"))
    why = "response_mode must be query or form_post";
  else if (tessera_uri_is_private_use (redirect_uri))
    why = "response_mode form_post needs a redirect_uri of http or https";
  if (why != NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, why);
      return FALSE;
    }
  *out_mode = TESSERA_RESPONSE_MODE_FORM_POST;
  return TRUE;
}
