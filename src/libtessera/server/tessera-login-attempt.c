/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An attempt to log in is counted, decided, and leads to a new session, to another question, or
 * back (RFC 9700 §4.12; threats.md A20). */

#include "server/tessera-login-page-private.h"

#define HOLD_MARGIN_SECONDS 5

/* Accepted */

static const char *
get_destination (TesseraVisit *visit)
{
  const TesseraSettings *settings = visit->engine->settings;

  if (visit->request != NULL)
    return settings->consent_path;
  return visit->transaction != NULL && visit->transaction->leads_to_account ? settings->account_path
                                                                            : settings->login_path;
}

/* Where no application waits, the transaction ends here. */
static void
go_on (TesseraVisit *visit)
{
  const char *destination = get_destination (visit);
  g_autofree char *path = NULL;

  if (visit->request == NULL)
    g_clear_pointer (&visit->transaction, tessera_transaction_unref);
  path = tessera_visit_dup_path (visit, destination, NULL);
  tessera_visit_respond_redirect (visit, path);
}

static void
on_session_begun (gpointer data,
                  const char *cookie,
                  const TesseraSession *session,
                  const GError *error)
{
  TesseraVisit *visit = data;

  if (error != NULL)
    {
      tessera_visit_respond_error (visit, error);
      return;
    }

  if (visit->transaction != NULL)
    tessera_transaction_set_session (visit->transaction, session->login.session_id,
                                     &session->digest);
  tessera_cookie_set (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings, cookie);
  go_on (visit);
}

/* A new session with a new name for it: the old one, whoever made it, is worth nothing (A20). */
static void
begin_session (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  g_autoptr (TesseraSecret) old
      = tessera_cookie_dup (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings);
  TesseraTransaction *transaction = visit->transaction;

  tessera_login_session_begin (
      visit->engine, tessera_authentication_get_login (authentication), visit->attempted_ms, old,
      transaction != NULL && transaction->session_id != NULL ? &transaction->session : NULL,
      on_session_begun, visit);
}

static void
on_accepted (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  g_autoptr (GError) error = NULL;

  tessera_attempt_succeed (visit, tessera_authentication_get_username (authentication));
  if (visit->transaction != NULL)
    tessera_transaction_set_challenge (visit->transaction, NULL);
  tessera_attempt_record (visit, TESSERA_LOGIN_ACCEPTED,
                          tessera_authentication_get_login (authentication)->subject);
  if (tessera_audit_check (visit->engine->audit, &error))
    begin_session (visit, authentication);
  else
    tessera_visit_respond_error (visit, error);
}

/* Asked */

static TesseraChallenge *
challenge_new (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  const TesseraChallenge *before = visit->transaction->challenge;
  TesseraChallenge *self = g_new0 (TesseraChallenge, 1);

  self->id = g_strdup (tessera_authentication_get_id (authentication));
  self->step = tessera_authentication_get_step (authentication) + 1;
  self->username = g_strdup (tessera_authentication_get_username (authentication));
  self->prompt = g_strdup (tessera_authentication_get_prompt (authentication));
  self->is_secret = tessera_authentication_asks_secret (authentication);
  self->is_repeated = before != NULL && g_str_equal (before->id, self->id)
                      && g_strcmp0 (before->prompt, self->prompt) == 0;
  self->attempted_ms = visit->attempted_ms;
  return self;
}

static void
on_asked (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  tessera_visit_ensure_transaction (visit);
  tessera_transaction_set_challenge (visit->transaction, challenge_new (visit, authentication));
  tessera_attempt_record (visit, TESSERA_LOGIN_ASKED, NULL);
  tessera_login_page_go (visit);
}

/* Denied */

/* After its end only user name and password lead on; another one, begun meanwhile, goes on. */
static void
forget_challenge (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  TesseraTransaction *transaction = visit->transaction;

  if (transaction != NULL && transaction->challenge != NULL
      && g_str_equal (transaction->challenge->id, tessera_authentication_get_id (authentication)))
    tessera_transaction_set_challenge (transaction, NULL);
}

static void
on_denied (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  forget_challenge (visit, authentication);
  if (tessera_authentication_is_busy (authentication))
    {
      tessera_attempt_put_off (visit, visit->engine->settings->login_path);
      return;
    }

  tessera_attempt_fail (visit);
  tessera_login_page_show (visit,
                           tessera_authentication_get_step (authentication) > 0
                               ? TESSERA_LOGIN_FAILURE_ANSWER
                               : TESSERA_LOGIN_FAILURE_REFUSED,
                           tessera_authentication_get_username (authentication));
}

/* All of them */

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  switch (tessera_authentication_get_verdict (authentication))
    {
    case TESSERA_VERDICT_ACCEPTED:
      on_accepted (data, authentication);
      break;
    case TESSERA_VERDICT_ASKED:
      on_asked (data, authentication);
      break;
    case TESSERA_VERDICT_NONE:
    case TESSERA_VERDICT_HELD:
    case TESSERA_VERDICT_DENIED:
    default:
      on_denied (data, authentication);
      break;
    }
}

void
tessera_login_attempt_begin (TesseraVisit *visit, TesseraAuthentication *authentication)
{
  tessera_attempt_count (visit, tessera_authentication_get_username (authentication));
  /* The denial of one who came too late is still to be sent. */
  tessera_exchange_hold (visit->exchange, TESSERA_HOLD_SECONDS + HOLD_MARGIN_SECONDS);
  tessera_server_authenticate (visit->server, authentication, on_decided, visit);
}
