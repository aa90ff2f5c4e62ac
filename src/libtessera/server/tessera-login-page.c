/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The login page: user name and password (RFC 9700 §4.7, §4.12; threats.md A19, A22, A37–A39). */

#include "server/tessera-login-page-private.h"

#include "base/tessera-password-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

#define USERNAME_MAX_LENGTH 256

static void
set_failure (TesseraVisit *visit, TesseraValues *values, TesseraLoginFailure failure)
{
  tessera_values_set_flag (values, "restarted",
                           visit->transaction != NULL && visit->transaction->was_restarted
                               && failure == TESSERA_LOGIN_FAILURE_NONE);
  tessera_values_set_flag (values, "failed", failure != TESSERA_LOGIN_FAILURE_NONE);
  tessera_values_set_flag (values, "incomplete", failure == TESSERA_LOGIN_FAILURE_INCOMPLETE);
  tessera_values_set_flag (values, "invalid",
                           failure == TESSERA_LOGIN_FAILURE_INCOMPLETE
                               || failure == TESSERA_LOGIN_FAILURE_REFUSED);
  tessera_values_set_flag (values, "answer", failure == TESSERA_LOGIN_FAILURE_ANSWER);
}

/* Every failure has the same status, and of one step the same words, whether the user exists or
 * not. */
void
tessera_login_page_show (TesseraVisit *visit, TesseraLoginFailure failure, const char *username)
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
  set_failure (visit, values, failure);
  if (visit->request != NULL && visit->transaction != NULL && !tessera_visit_needs_login (visit))
    tessera_values_set (values, "back", back);
  tessera_visit_respond_page (visit, 200, "login", values);
}

void
tessera_login_page_go (TesseraVisit *visit)
{
  g_autofree char *path = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);

  tessera_visit_respond_redirect (visit, path);
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
  tessera_visit_set_account (visit, values);
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
go_to_account (TesseraVisit *visit)
{
  g_autofree char *path = NULL;

  g_clear_pointer (&visit->transaction, tessera_transaction_unref);
  path = tessera_visit_dup_path (visit, visit->engine->settings->account_path, NULL);
  tessera_visit_respond_redirect (visit, path);
}

static void
on_asked_for (TesseraVisit *visit)
{
  gboolean is_challenged = visit->transaction != NULL && visit->transaction->challenge != NULL;

  if (is_challenged && !visit->wants_switch)
    tessera_challenge_page_show (visit, FALSE);
  else if (visit->wants_switch || tessera_visit_needs_login (visit))
    tessera_login_page_show (visit, TESSERA_LOGIN_FAILURE_NONE, NULL);
  else if (visit->request != NULL)
    go_to_consent (visit);
  else if (visit->transaction != NULL && visit->transaction->leads_to_account)
    go_to_account (visit);
  else
    show_signed_in (visit);
}

/* POST */

static void
log_in (TesseraVisit *visit)
{
  const char *username = tessera_params_get (visit->form, "username");
  const char *password = tessera_params_get (visit->form, "password");

  if (username == NULL || password == NULL)
    {
      tessera_login_page_show (visit, TESSERA_LOGIN_FAILURE_INCOMPLETE,
                               username != NULL ? username : "");
      return;
    }
  if (strlen (username) > USERNAME_MAX_LENGTH || strlen (password) > TESSERA_PASSWORD_MAX_LENGTH)
    {
      tessera_login_page_show (visit, TESSERA_LOGIN_FAILURE_REFUSED, username);
      return;
    }
  if (tessera_attempt_is_throttled (visit, username, visit->engine->settings->login_path))
    return;

  g_autoptr (TesseraAuthentication) authentication = tessera_authentication_new (
      username, password, visit->request != NULL ? visit->request->client : NULL,
      visit->request != NULL ? visit->request->scope : NULL, visit->exchange->remote_address);
  visit->attempted_ms = tessera_clock_get_ms (visit->engine->clock);
  tessera_login_attempt_begin (visit, authentication);
}

static void
on_form (TesseraVisit *visit)
{
  if (tessera_params_get (visit->form, "step") != NULL)
    tessera_challenge_page_answer (visit);
  else if (tessera_visit_check_csrf (visit, "login"))
    log_in (visit);
  else
    {
      g_autofree char *again
          = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);

      tessera_visit_respond_forbidden (visit, "csrf", again);
    }
}

void
tessera_interaction_handle_login (TesseraInteraction *self, TesseraExchange *exchange)
{
  TesseraVisit *visit = tessera_visit_open (self, exchange, FALSE);

  if (visit == NULL)
    return;
  if (visit->form != NULL)
    {
      on_form (visit);
      return;
    }
  tessera_visit_make_browser_known (visit);
  tessera_visit_load_session (visit, on_asked_for);
}
