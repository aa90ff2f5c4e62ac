/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A registration that is asked for over HTTP: checked, made durable, answered (RFC 7591 §3.2,
 * RFC 7592 §2, §3). */

#include "endpoints/tessera-registration-private.h"

#include "endpoints/tessera-bearer-authentication-private.h"
#include "endpoints/tessera-error-responder-private.h"
#include "endpoints/tessera-sector-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-client-registration-private.h"

#include <string.h>

TesseraRegistration *
tessera_registration_new (TesseraEngine *engine,
                          TesseraExchange *exchange,
                          TesseraRegistrationKind kind)
{
  TesseraRegistration *self = g_new0 (TesseraRegistration, 1);

  self->engine = engine;
  self->exchange = tessera_exchange_ref (exchange);
  self->kind = kind;
  return self;
}

void
tessera_registration_free (TesseraRegistration *self)
{
  if (self == NULL)
    return;
  tessera_exchange_unref (self->exchange);
  g_free (self->client_id);
  tessera_secret_free (self->token);
  g_clear_object (&self->wanted);
  g_clear_object (&self->client);
  tessera_secret_free (self->client_secret);
  tessera_secret_free (self->registration_token);
  g_free (self);
}

/* Who may ask, and how often */

gboolean
tessera_registration_check_rate (TesseraEngine *engine, TesseraExchange *exchange)
{
  guint wait
      = tessera_throttle_check (engine->registration_throttle, NULL, exchange->remote_address,
                                tessera_clock_get_ms (engine->clock));
  if (wait == 0)
    return TRUE;

  g_autofree char *seconds = g_strdup_printf ("%u", wait);
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TOO_MANY_REQUESTS,
                             "Too many registrations were asked for from there");
  tessera_exchange_add_header (exchange, "Retry-After", seconds);
  tessera_exchange_respond_error (exchange, error, NULL);
  return FALSE;
}

static void
count (TesseraEngine *engine, TesseraExchange *exchange)
{
  tessera_throttle_fail (engine->registration_throttle, NULL, exchange->remote_address,
                         tessera_clock_get_ms (engine->clock));
}

void
tessera_registration_count (TesseraRegistration *self)
{
  if (!self->counted)
    count (self->engine, self->exchange);
  self->counted = TRUE;
}

void
tessera_registration_refuse_token (TesseraEngine *engine, TesseraExchange *exchange, gboolean came)
{
  count (engine, exchange);
  if (came)
    tessera_bearer_authentication_refuse (exchange, TESSERA_ERROR_INVALID_TOKEN,
                                          "This token is not good for that");
  else
    tessera_bearer_authentication_ask (exchange);
}

/* What is asked for */

json_t *
tessera_registration_parse_body (TesseraExchange *exchange, GError **error)
{
  json_t *metadata = tessera_json_parse (exchange->body, exchange->body_length,
                                         TESSERA_CLIENT_REGISTRATION_MAX_LENGTH, NULL);

  if (metadata == NULL)
    g_set_error_literal (
        error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA,
        "The body is no JSON object, or too large, too deep, or has a member twice");
  return metadata;
}

static void
fail (TesseraRegistration *taken_self, const GError *error)
{
  g_autoptr (TesseraRegistration) self = taken_self;

  tessera_registration_count (self);
  tessera_exchange_respond_error (self->exchange, error, NULL);
}

void
tessera_registration_submit (TesseraRegistration *self)
{
  TesseraEngine *engine = self->engine;

  engine->hooks.register_client (engine->hooks_data, self);
}

static void
on_sector_checked (gpointer data, const GError *error)
{
  if (error != NULL)
    fail (data, error);
  else
    tessera_registration_submit (data);
}

/* Whoever sends us elsewhere has used one of the attempts, before we go. */
static void
look_at_sector (TesseraRegistration *self)
{
  if (tessera_client_get_sector_identifier_uri (self->wanted) != NULL)
    tessera_registration_count (self);
  tessera_sector_check (self->engine, self->wanted, on_sector_checked, self);
}

/* What is not there to be fetched must not be promised. */
static gboolean
check_network (TesseraEngine *engine, TesseraClient *client, GError **error)
{
  if (engine->hooks.fetch != NULL
      || (tessera_client_get_jwks_uri (client) == NULL
          && tessera_client_get_sector_identifier_uri (client) == NULL))
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA,
                       "jwks_uri and sector_identifier_uri are not offered");
  return FALSE;
}

void
tessera_registration_proceed (TesseraRegistration *self, const json_t *metadata)
{
  TesseraEngine *engine = self->engine;
  g_autoptr (GError) error = NULL;

  self->wanted
      = tessera_client_registration_read (metadata, engine->settings->registration_policy, &error);
  if (self->wanted == NULL || !check_network (engine, self->wanted, &error))
    fail (self, error);
  else
    look_at_sector (self);
}

/* The answer */

static char *
dup_client_uri (TesseraEngine *engine, TesseraClient *client)
{
  g_autofree char *endpoint
      = tessera_settings_dup_url (engine->settings, engine->settings->registration_path);

  return g_strconcat (endpoint, "/", tessera_client_get_id (client), NULL);
}

/* Secrets are written by hand, behind the rest: jansson would leave copies of them behind. They
 * have nothing that needs an escape in JSON. */
char *
tessera_registration_describe (TesseraEngine *engine,
                               TesseraClient *client,
                               const char *client_secret,
                               const char *registration_token)
{
  gboolean secret = client_secret != NULL, token = registration_token != NULL;
  g_autofree char *uri = dup_client_uri (engine, client);
  g_autoptr (json_t) json = tessera_client_registration_to_json (client);

  json_object_set_new (json, "registration_client_uri", json_string (uri));
  g_autofree char *text = tessera_json_dump (json);
  text[strlen (text) - 1] = '\0'; /* its brace */
  return g_strconcat (text, token ? ",\"registration_access_token\":\"" : "",
                      token ? registration_token : "", token ? "\"" : "",
                      secret ? ",\"client_secret_expires_at\":0,\"client_secret\":\"" : "",
                      secret ? client_secret : "", secret ? "\"}" : "}", NULL);
}

static void
respond (TesseraRegistration *self)
{
  if (self->kind == TESSERA_REGISTRATION_REMOVE)
    tessera_exchange_respond (self->exchange, 204, NULL, NULL);
  else
    tessera_exchange_respond_json_text (self->exchange,
                                        self->kind == TESSERA_REGISTRATION_NEW ? 201 : 200,
                                        tessera_registration_describe (self->engine, self->client,
                                                                       self->client_secret,
                                                                       self->registration_token));
}

void
tessera_registration_done (TesseraRegistration *taken_self, const GError *error)
{
  g_autoptr (TesseraRegistration) self = taken_self;
  g_autoptr (GError) translated = error != NULL ? g_error_copy (error) : NULL;

  if (error == NULL)
    respond (self);
  else if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN))
    tessera_registration_refuse_token (self->engine, self->exchange, TRUE);
  else
    {
      tessera_client_registration_translate (&translated);
      tessera_exchange_respond_error (self->exchange, translated, NULL);
    }
}
