/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client registration endpoint (RFC 7591 §3): an initial access token, metadata, a client. */

#include "endpoints/tessera-registration-endpoint-private.h"

#include "base/tessera-bearer-private.h"
#include "endpoints/tessera-error-responder-private.h"
#include "endpoints/tessera-registration-private.h"

/* A request that waits for its token to be looked up. */
typedef struct
{
  TesseraRegistration *registration;
  gboolean good;
} Asking;

static void
asking_free (Asking *self)
{
  tessera_registration_free (self->registration);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Asking, asking_free)

static void
read_body (TesseraRegistration *taken_registration)
{
  g_autoptr (TesseraRegistration) self = taken_registration;
  g_autoptr (GError) error = NULL;
  g_autoptr (json_t) metadata = tessera_registration_parse_body (self->exchange, &error);

  if (metadata != NULL)
    {
      tessera_registration_proceed (g_steal_pointer (&self), metadata);
      return;
    }
  tessera_registration_count (self);
  tessera_exchange_respond_error (self->exchange, error, NULL);
}

/* Only a look: it is used in the commit that registers the client. */
static gboolean
run_lookup (gpointer data, TesseraStore *store, GError **error)
{
  Asking *self = data;
  TesseraRegistration *registration = self->registration;
  TesseraDigest digest = tessera_digest (registration->token, -1);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraInitialAccessToken) token
      = tessera_store_lookup_initial_token (store, &digest, &problem);

  self->good = token != NULL
               && tessera_initial_access_token_is_good (token, tessera_clock_get_ms (
                                                                   registration->engine->clock));
  if (problem == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static void
on_looked_up (gpointer data, const GError *error)
{
  g_autoptr (Asking) self = data;
  TesseraRegistration *registration = self->registration;

  if (error != NULL)
    tessera_exchange_respond_error (registration->exchange, error, NULL);
  else if (!self->good)
    tessera_registration_refuse_token (registration->engine, registration->exchange, TRUE);
  else
    read_body (g_steal_pointer (&self->registration));
}

static void
look_up (TesseraRegistration *registration)
{
  Asking *self = g_new0 (Asking, 1);

  self->registration = registration;
  tessera_committer_submit (registration->engine->committer, run_lookup, on_looked_up, self);
}

/* Whoever brings a token shows a good one, also where none is needed. */
static void
authorize (TesseraRegistration *taken_self)
{
  g_autoptr (TesseraRegistration) self = taken_self;
  TesseraEngine *engine = self->engine;
  const char *authorization = tessera_exchange_get_header (self->exchange, "Authorization");

  if (authorization != NULL)
    self->token = tessera_bearer_parse (authorization);
  if (self->token != NULL)
    look_up (g_steal_pointer (&self));
  else if (authorization != NULL
           || !tessera_registration_policy_is_open (engine->settings->registration_policy))
    tessera_registration_refuse_token (engine, self->exchange, FALSE);
  else
    {
      tessera_registration_count (self);
      read_body (g_steal_pointer (&self));
    }
}

void
tessera_registration_endpoint_handle (TesseraEngine *engine, TesseraExchange *exchange)
{
  g_autoptr (GError) error = NULL;

  if (!tessera_audit_check (engine->audit, &error))
    tessera_exchange_respond_error (exchange, error, NULL);
  else if (tessera_registration_check_rate (engine, exchange))
    authorize (tessera_registration_new (engine, exchange, TESSERA_REGISTRATION_NEW));
}
