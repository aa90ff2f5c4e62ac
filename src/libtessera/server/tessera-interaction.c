/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person sees between an authorization request and its code (RFC 6749 §4.1.1, §4.1.2;
 * OpenID Connect Core §3.1.2.3, §3.1.2.4 for prompt and max_age). */

#include "server/tessera-visit-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"

/* Failed logins a minute, of one account from one address and of one address (threats.md A37). */
#define ACCOUNT_FAILURES 10
#define ADDRESS_FAILURES 100
#define RETRY_AFTER "5"

TesseraInteraction *
tessera_interaction_new (TesseraServer *server)
{
  TesseraInteraction *self = g_new0 (TesseraInteraction, 1);

  self->server = server;
  self->pages = tessera_pages_new ();
  self->transactions = tessera_transaction_table_new (TESSERA_TRANSACTION_MAX);
  self->account_throttle = tessera_throttle_new (ACCOUNT_FAILURES);
  self->address_throttle = tessera_throttle_new (ADDRESS_FAILURES);
  tessera_random_bytes (self->key, sizeof self->key);
  return self;
}

void
tessera_interaction_free (TesseraInteraction *self)
{
  if (self == NULL)
    return;

  tessera_pages_free (self->pages);
  tessera_transaction_table_free (self->transactions);
  tessera_throttle_free (self->account_throttle);
  tessera_throttle_free (self->address_throttle);
  g_free (self);
}

void
tessera_interaction_prune (TesseraInteraction *self)
{
  TesseraEngine *engine = tessera_server_get_engine (self->server);

  tessera_transaction_table_forget_answers (self->transactions,
                                            tessera_clock_get_ms (engine->clock));
}

void
tessera_interaction_set_theme_directory (TesseraInteraction *self, const char *directory)
{
  tessera_pages_set_theme_directory (self->pages, directory);
}

/* A request to /authorize */

static void
proceed_silently (TesseraVisit *visit)
{
  if (tessera_visit_needs_login (visit))
    tessera_visit_refuse (visit, TESSERA_ERROR_LOGIN_REQUIRED, "Nobody is signed in.");
  else if (tessera_visit_needs_consent (visit))
    tessera_visit_refuse (visit, TESSERA_ERROR_CONSENT_REQUIRED,
                          "The resource owner must be asked for consent.");
  else
    tessera_visit_approve (visit);
}

static void
on_started (TesseraVisit *visit)
{
  if (visit->request->prompt & TESSERA_PROMPT_NONE)
    proceed_silently (visit);
  else if (tessera_visit_needs_login (visit) || tessera_visit_needs_consent (visit))
    tessera_visit_begin_transaction (visit);
  else
    tessera_visit_approve (visit);
}

void
tessera_interaction_start (TesseraInteraction *self,
                           TesseraExchange *exchange,
                           TesseraAuthorizationRequest *request)
{
  TesseraVisit *visit = tessera_visit_new (self, exchange);

  visit->request = tessera_authorization_request_ref (request);
  tessera_visit_load_session (visit, on_started);
}

/* Pages that end it */

static guint
get_status (const GError *error)
{
  return error->domain == TESSERA_ERROR ? tessera_error_get_status (error->code) : 500;
}

void
tessera_interaction_show_error (TesseraInteraction *self,
                                TesseraExchange *exchange,
                                const GError *error)
{
  TesseraVisit *visit = tessera_visit_new (self, exchange);
  TesseraValues *values = tessera_visit_make_values (visit);
  guint status = get_status (error);

  if (error->domain == TESSERA_ERROR && status < 500)
    {
      tessera_values_set (values, "error", tessera_error_get_name (error->code));
      tessera_values_set (values, "description", error->message);
    }
  tessera_values_set_flag (values, "busy", status == 503 || status == 429);
  tessera_values_set_flag (values, "unavailable", status == 500);
  if (status == 503 || status == 429)
    tessera_exchange_add_header (exchange, "Retry-After", RETRY_AFTER);
  tessera_visit_respond_page (visit, status, "error", values);
}

void
tessera_interaction_show_return (TesseraInteraction *self,
                                 TesseraExchange *exchange,
                                 TesseraAuthorizationRequest *request,
                                 const char *location)
{
  TesseraVisit *visit = tessera_visit_new (self, exchange);
  TesseraValues *values;

  visit->request = tessera_authorization_request_ref (request);
  values = tessera_visit_make_values (visit);
  tessera_values_set (values, "location", location);
  tessera_visit_respond_page (visit, 200, "return", values);
}

void
tessera_interaction_handle_stylesheet (TesseraInteraction *self, TesseraExchange *exchange)
{
  tessera_pages_respond_stylesheet (self->pages, exchange);
}
