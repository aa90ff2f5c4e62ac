/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The login page: user name and password, the throttle, and a new session (RFC 9700 §4.7, §4.12;
 * threats.md A19, A20, A22, A37–A39). */

#include "server/tessera-visit-private.h"

#include "base/tessera-password-private.h"
#include "model/tessera-authentication-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

#define USERNAME_MAX_LENGTH 256
#define HOLD_MARGIN_SECONDS 5
#define BUSY_SECONDS 2 /* then the password pool has worked through its queue */

typedef enum
{
  FAILURE_NONE,
  FAILURE_INCOMPLETE,
  FAILURE_REFUSED
} Failure;

/* Every failure has the same status and the same words, whether the user exists or not. */
static void
show_login (TesseraVisit *visit, Failure failure, const char *username)
{
  const TesseraSettings *settings = visit->engine->settings;
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *csrf = tessera_visit_dup_csrf (visit, "login");
  g_autofree char *action = tessera_visit_dup_path (visit, settings->login_path, NULL);
  g_autofree char *back = tessera_visit_dup_path (visit, settings->consent_path, NULL);

  if (username == NULL && visit->request != NULL && visit->session == NULL)
    username = visit->request->login_hint;
  if (username != NULL && strlen (username) <= USERNAME_MAX_LENGTH)
    tessera_values_set (values, "username", username);
  tessera_values_set (values, "csrf", csrf);
  tessera_values_set (values, "action", action);
  tessera_values_set_flag (values, "restarted",
                           visit->transaction != NULL && visit->transaction->was_restarted
                               && failure == FAILURE_NONE);
  tessera_values_set_flag (values, "failed", failure != FAILURE_NONE);
  tessera_values_set_flag (values, "incomplete", failure == FAILURE_INCOMPLETE);
  if (visit->transaction != NULL && !tessera_visit_needs_login (visit))
    tessera_values_set (values, "back", back);
  tessera_visit_respond_page (visit, 200, "login", values);
}

/* GET */

static void
show_signed_in (TesseraVisit *visit)
{
  const TesseraSettings *settings = visit->engine->settings;
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *other = tessera_visit_dup_path (visit, settings->login_path, "other=1");
  g_autofree char *logout = tessera_visit_dup_path (visit, settings->logout_path, NULL);

  tessera_values_set (values, "switch", other);
  tessera_values_set (values, "logout", logout);
  tessera_visit_respond_page (visit, 200, "signed-in", values);
}

static void
go_to_consent (TesseraVisit *visit)
{
  g_autofree char *path
      = tessera_visit_dup_path (visit, visit->engine->settings->consent_path, NULL);

  tessera_visit_respond_redirect (visit, path);
}

static void
on_asked_for (TesseraVisit *visit)
{
  if (visit->wants_switch || tessera_visit_needs_login (visit))
    show_login (visit, FAILURE_NONE, NULL);
  else if (visit->transaction != NULL)
    go_to_consent (visit);
  else
    show_signed_in (visit);
}

/* POST */

static void
on_session_begun (gpointer data,
                  const char *cookie,
                  const TesseraSession *session,
                  const GError *error)
{
  TesseraVisit *visit = data;
  g_autofree char *path = NULL;

  if (error != NULL)
    {
      tessera_visit_respond_error (visit, error);
      return;
    }

  if (visit->transaction != NULL)
    tessera_transaction_set_session (visit->transaction, session->login.session_id,
                                     &session->digest);
  tessera_cookie_set (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings, cookie);
  path = tessera_visit_dup_path (visit,
                                 visit->transaction != NULL ? visit->engine->settings->consent_path
                                                            : visit->engine->settings->login_path,
                                 NULL);
  tessera_visit_respond_redirect (visit, path);
}

/* A new session with a new name for it: the old one, whoever made it, is worth nothing (A20). */
static void
begin_session (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  g_autoptr (TesseraSecret) old
      = tessera_cookie_dup (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings);
  g_autofree char *amr = tessera_authentication_dup_amr (authentication);
  TesseraTransaction *transaction = visit->transaction;

  tessera_login_session_begin (
      visit->engine, tessera_authentication_get_subject (authentication),
      tessera_authentication_get_acr (authentication), amr, visit->attempted_ms, old,
      transaction != NULL && transaction->session_id != NULL ? &transaction->session : NULL,
      on_session_begun, visit);
}

/* 429: too many failures from there; 503: too many logins of anybody (threats.md B46). */
static void
respond_later (TesseraVisit *visit, guint status, guint seconds)
{
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *again
      = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);
  g_autofree char *retry_after = g_strdup_printf ("%u", seconds);

  /* Of a fixed form, as below; who comes when all are busy has done nothing wrong. */
  g_message ("login %s request=%s from=%s", status == 429 ? "throttled" : "put off",
             visit->exchange->request_id,
             visit->exchange->remote_address != NULL ? visit->exchange->remote_address : "-");
  tessera_exchange_add_header (visit->exchange, "Retry-After", retry_after);
  tessera_values_set (values, "again", again);
  tessera_values_set_number (values, "seconds", MAX (seconds, 2));
  if (seconds > 100)
    tessera_values_set_number (values, "minutes", (seconds + 59) / 60);
  tessera_visit_respond_page (visit, status, "throttled", values);
}

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  TesseraVisit *visit = data;
  const char *username = tessera_params_get (visit->form, "username");
  const char *address = visit->exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (visit->engine->clock);

  if (tessera_authentication_get_verdict (authentication) == TESSERA_VERDICT_ACCEPTED)
    {
      tessera_throttle_succeed (visit->interaction->account_throttle, username, address);
      begin_session (visit, authentication);
      return;
    }

  if (tessera_authentication_is_busy (authentication))
    {
      respond_later (visit, 503, BUSY_SECONDS);
      return;
    }

  tessera_throttle_fail (visit->interaction->address_throttle, "", address, now_ms);
  /* For programs that watch the log; without the name, because people type passwords there. */
  g_message ("login failed request=%s from=%s", visit->exchange->request_id,
             address != NULL ? address : "-");
  show_login (visit, FAILURE_REFUSED, username);
}

static void
authenticate (TesseraVisit *visit, const char *username, const char *password)
{
  g_autoptr (TesseraAuthentication) authentication = tessera_authentication_new (
      username, password, visit->request != NULL ? visit->request->client : NULL,
      visit->request != NULL ? visit->request->scope : NULL, visit->exchange->remote_address);

  visit->attempted_ms = tessera_clock_get_ms (visit->engine->clock);
  /* Counted before the password is looked at, so that attempts at the same time count too. */
  tessera_throttle_fail (visit->interaction->account_throttle, username,
                         visit->exchange->remote_address, visit->attempted_ms);
  /* The denial of one who came too late is still to be sent. */
  tessera_exchange_hold (visit->exchange, TESSERA_HOLD_SECONDS + HOLD_MARGIN_SECONDS);
  tessera_server_authenticate (visit->server, authentication, on_decided, visit);
}

static guint
get_seconds_to_wait (TesseraVisit *visit, const char *username)
{
  TesseraInteraction *interaction = visit->interaction;
  const char *address = visit->exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (visit->engine->clock);
  guint account = tessera_throttle_check (interaction->account_throttle, username, address, now_ms);

  return MAX (account, tessera_throttle_check (interaction->address_throttle, "", address, now_ms));
}

static void
log_in (TesseraVisit *visit)
{
  const char *username = tessera_params_get (visit->form, "username");
  const char *password = tessera_params_get (visit->form, "password");
  guint seconds;

  if (username == NULL || password == NULL)
    {
      show_login (visit, FAILURE_INCOMPLETE, username != NULL ? username : "");
      return;
    }
  if (strlen (username) > USERNAME_MAX_LENGTH || strlen (password) > TESSERA_PASSWORD_MAX_LENGTH)
    {
      show_login (visit, FAILURE_REFUSED, username);
      return;
    }

  seconds = get_seconds_to_wait (visit, username);
  if (seconds > 0)
    respond_later (visit, 429, seconds);
  else
    authenticate (visit, username, password);
}

void
tessera_interaction_handle_login (TesseraInteraction *self, TesseraExchange *exchange)
{
  TesseraVisit *visit = tessera_visit_open (self, exchange, FALSE);

  if (visit == NULL)
    return;
  if (visit->form == NULL)
    {
      tessera_visit_make_browser_known (visit);
      tessera_visit_load_session (visit, on_asked_for);
      return;
    }
  if (!tessera_visit_check_csrf (visit, "login"))
    {
      g_autofree char *again
          = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);

      tessera_visit_respond_forbidden (visit, "csrf", again);
      return;
    }
  log_in (visit);
}
