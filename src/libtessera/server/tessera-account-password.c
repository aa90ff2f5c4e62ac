/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A person changes their password, with the current one: what the administration's function does,
 * and then a new session for the browser that asked. */

#include "server/tessera-account-page-private.h"

#include "base/tessera-password-private.h"
#include "server/tessera-administration.h"
#include "server/tessera-attempt-private.h"

#include <string.h>

static TesseraUser *
get_user (TesseraVisit *visit)
{
  return tessera_server_get_kept_user (visit->server, visit->session->login.subject);
}

gboolean
tessera_account_password_is_ours (TesseraVisit *visit)
{
  return get_user (visit) != NULL;
}

static void
on_session_begun (gpointer data,
                  const char *cookie,
                  const TesseraSession *session,
                  const GError *error)
{
  TesseraVisit *visit = data;

  /* The password is changed all the same: they sign in with it. */
  if (error != NULL)
    {
      tessera_account_page_go (visit, NULL);
      return;
    }
  tessera_cookie_set (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings, cookie);
  /* Whoever is signed in now is told so. */
  tessera_session_free (visit->session);
  visit->session = tessera_session_copy (session);
  tessera_account_page_go (visit, "password");
}

/* All sessions ended with the old password, this one too; it goes on under another name. */
static void
begin_session (TesseraVisit *visit)
{
  g_auto (TesseraLogin) login = { 0 };

  tessera_login_copy (&visit->session->login, &login);
  g_clear_pointer (&login.acr, g_free);
  g_free (login.amr);
  login.amr = g_strdup ("pwd");
  tessera_login_session_begin (visit->engine, &login, tessera_clock_get_ms (visit->engine->clock),
                               NULL, NULL, on_session_begun, visit);
}

/* An act of administration, by the person. */
static void
write_down (TesseraVisit *visit, const GError *error)
{
  tessera_audit_write (visit->exchange->audit, TESSERA_AUDIT_ADMINISTRATION,
                       &(TesseraAuditRecord){
                           .request = visit->exchange->request_id,
                           .subject = visit->session->login.subject,
                           .action = "ChangePassword",
                           .result = error == NULL ? "done" : "failed",
                           .reason = error != NULL ? error->message : NULL,
                           .remote_address = visit->exchange->remote_address,
                           .caller = "owner",
                       });
}

static void
on_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraVisit *visit = data;
  g_autoptr (GError) error = NULL;

  gboolean changed = tessera_server_set_user_password_finish (visit->server, result, &error);

  write_down (visit, error);
  if (changed)
    begin_session (visit);
  else
    tessera_visit_respond_error (visit, error);
}

/* Not by somebody whose session ended while the password was looked at. */
static gboolean
is_still_there (TesseraVisit *visit)
{
  return get_user (visit) != NULL
         && !tessera_login_session_is_cut_off (visit->engine, &visit->session->login, NULL,
                                               visit->session->began_ms);
}

static void
on_verified (gboolean matches, gpointer data)
{
  TesseraVisit *visit = data;
  const char *username = visit->session->login.subject;

  if (!matches)
    {
      tessera_attempt_fail (visit);
      tessera_account_page_show (visit, TESSERA_ACCOUNT_FAILURE_CURRENT);
      return;
    }
  tessera_attempt_succeed (visit, username);
  if (!is_still_there (visit))
    {
      tessera_account_page_go (visit, NULL);
      return;
    }
  tessera_server_set_user_password_async (visit->server, username,
                                          tessera_params_get (visit->form, "new-password"), NULL,
                                          on_changed, visit);
}

static void
verify (TesseraVisit *visit)
{
  const char *path = visit->engine->settings->account_path;
  const char *username = visit->session->login.subject;
  g_autoptr (GError) error = NULL;

  if (tessera_attempt_is_throttled (visit, username, path))
    return;
  tessera_attempt_count (visit, username);
  if (!tessera_server_verify_password (visit->server, get_user (visit),
                                       tessera_params_get (visit->form, "current-password"),
                                       on_verified, visit, &error))
    tessera_attempt_put_off (visit, path);
}

static TesseraAccountFailure
check_form (TesseraVisit *visit)
{
  const char *current = tessera_params_get (visit->form, "current-password");
  const char *password = tessera_params_get (visit->form, "new-password");
  const char *repeated = tessera_params_get (visit->form, "repeated-password");

  if (current == NULL || password == NULL || repeated == NULL)
    return TESSERA_ACCOUNT_FAILURE_INCOMPLETE;
  if (strlen (current) > TESSERA_PASSWORD_MAX_LENGTH)
    return TESSERA_ACCOUNT_FAILURE_CURRENT;
  if (!g_str_equal (password, repeated))
    return TESSERA_ACCOUNT_FAILURE_REPEATED;
  if (g_utf8_strlen (password, -1) < TESSERA_ACCOUNT_PASSWORD_MIN_LENGTH
      || strlen (password) > TESSERA_PASSWORD_MAX_LENGTH)
    return TESSERA_ACCOUNT_FAILURE_LENGTH;
  return TESSERA_ACCOUNT_FAILURE_NONE;
}

void
tessera_account_password_change (TesseraVisit *visit)
{
  TesseraAccountFailure failure = check_form (visit);

  if (get_user (visit) == NULL)
    tessera_account_page_go (visit, NULL);
  else if (failure != TESSERA_ACCOUNT_FAILURE_NONE)
    tessera_account_page_show (visit, failure);
  else
    verify (visit);
}
