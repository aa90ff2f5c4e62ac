/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An attempt to log in is counted, decided, and leads to a new session, to another question, or
 * back (RFC 9700 §4.12; threats.md A20, A37, B46). */

#include "server/tessera-login-page-private.h"

#include "model/tessera-client-private.h"

#define HOLD_MARGIN_SECONDS 5
#define BUSY_SECONDS 2 /* then the password pool has worked through its queue */

/* The audit trail */

static const struct
{
  TesseraAuditEvent event;
  const char *name;
  const char *result;
  gboolean is_fixed; /* the form of its message: programs read it */
} outcomes[TESSERA_N_LOGINS] = {
  [TESSERA_LOGIN_ACCEPTED] = { TESSERA_AUDIT_LOGIN_ACCEPTED, NULL, "granted" },
  [TESSERA_LOGIN_ASKED] = { TESSERA_AUDIT_LOGIN_ASKED, NULL, "asked" },
  [TESSERA_LOGIN_REFUSED] = { TESSERA_AUDIT_LOGIN_FAILED, "failed", "refused", TRUE },
  [TESSERA_LOGIN_THROTTLED] = { TESSERA_AUDIT_LOGIN_THROTTLED, "throttled", "refused", TRUE },
  [TESSERA_LOGIN_PUT_OFF] = { TESSERA_AUDIT_LOGIN_PUT_OFF, "put off", "refused", TRUE },
};

/* Without the name that was given, because people type passwords there. @subject: who it is, once
 * that is proved. */
static void
record (TesseraVisit *visit, TesseraLoginOutcome outcome, const char *subject)
{
  TesseraExchange *exchange = visit->exchange;
  const char *address = exchange->remote_address;
  g_autofree char *line = NULL;

  if (outcomes[outcome].is_fixed)
    line = g_strdup_printf ("login %s request=%s from=%s", outcomes[outcome].name,
                            exchange->request_id, address != NULL ? address : "-");
  if (exchange->metrics != NULL)
    exchange->metrics->logins[outcome]++;
  tessera_audit_write (
      exchange->audit, outcomes[outcome].event,
      &(TesseraAuditRecord){
          .request = exchange->request_id,
          .client = visit->request != NULL ? tessera_client_get_id (visit->request->client) : NULL,
          .subject = subject,
          .result = outcomes[outcome].result,
          .reason = outcomes[outcome].name,
          .remote_address = address,
          .message = line,
      });
}

/* Accepted */

/* Where no application waits, the transaction was there for its questions only. */
static void
go_on (TesseraVisit *visit)
{
  const TesseraSettings *settings = visit->engine->settings;
  g_autofree char *path = NULL;

  if (visit->request == NULL)
    g_clear_pointer (&visit->transaction, tessera_transaction_unref);
  path = tessera_visit_dup_path (
      visit, visit->request != NULL ? settings->consent_path : settings->login_path, NULL);
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

  tessera_throttle_succeed (visit->interaction->account_throttle,
                            tessera_authentication_get_username (authentication),
                            visit->exchange->remote_address);
  if (visit->transaction != NULL)
    tessera_transaction_set_challenge (visit->transaction, NULL);
  record (visit, TESSERA_LOGIN_ACCEPTED,
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
  record (visit, TESSERA_LOGIN_ASKED, NULL);
  tessera_login_page_go (visit);
}

/* Denied */

/* 429: too many failures from there; 503: too many logins of anybody (threats.md B46). */
static void
respond_later (TesseraVisit *visit, guint status, guint seconds)
{
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *again
      = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);
  g_autofree char *retry_after = g_strdup_printf ("%u", seconds);

  /* Who comes when all are busy has done nothing wrong. */
  record (visit, status == 429 ? TESSERA_LOGIN_THROTTLED : TESSERA_LOGIN_PUT_OFF, NULL);
  tessera_exchange_add_header (visit->exchange, "Retry-After", retry_after);
  tessera_values_set (values, "again", again);
  tessera_values_set_number (values, "seconds", MAX (seconds, 2));
  if (seconds > 100)
    tessera_values_set_number (values, "minutes", (seconds + 59) / 60);
  tessera_visit_respond_page (visit, status, "throttled", values);
}

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
  const char *address = visit->exchange->remote_address;

  forget_challenge (visit, authentication);
  if (tessera_authentication_is_busy (authentication))
    {
      respond_later (visit, 503, BUSY_SECONDS);
      return;
    }

  tessera_throttle_fail (visit->interaction->address_throttle, "", address,
                         tessera_clock_get_ms (visit->engine->clock));
  record (visit, TESSERA_LOGIN_REFUSED, NULL);
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
  /* Counted before it is looked at, so that attempts at the same time count too. */
  tessera_throttle_fail (visit->interaction->account_throttle,
                         tessera_authentication_get_username (authentication),
                         visit->exchange->remote_address,
                         tessera_clock_get_ms (visit->engine->clock));
  /* The denial of one who came too late is still to be sent. */
  tessera_exchange_hold (visit->exchange, TESSERA_HOLD_SECONDS + HOLD_MARGIN_SECONDS);
  tessera_server_authenticate (visit->server, authentication, on_decided, visit);
}

gboolean
tessera_login_attempt_is_throttled (TesseraVisit *visit, const char *username)
{
  TesseraInteraction *interaction = visit->interaction;
  const char *address = visit->exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (visit->engine->clock);
  guint seconds
      = MAX (tessera_throttle_check (interaction->account_throttle, username, address, now_ms),
             tessera_throttle_check (interaction->address_throttle, "", address, now_ms));

  if (seconds == 0)
    return FALSE;
  respond_later (visit, 429, seconds);
  return TRUE;
}
