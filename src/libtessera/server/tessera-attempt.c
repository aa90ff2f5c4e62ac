/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guesses at a password, or at what is asked besides, are counted and slowed down (RFC 9700 §4.12;
 * threats.md A37, B46). */

#include "server/tessera-attempt-private.h"

#include "model/tessera-client-private.h"

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

void
tessera_attempt_record (TesseraVisit *visit, TesseraLoginOutcome outcome, const char *subject)
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

/* Waiting */

/* 429: too many failures from there; 503: too many logins of anybody (threats.md B46). */
static void
respond_later (TesseraVisit *visit, guint status, guint seconds, const char *path)
{
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *again = tessera_visit_dup_path (visit, path, NULL);
  g_autofree char *retry_after = g_strdup_printf ("%u", seconds);

  /* Who comes when all are busy has done nothing wrong. */
  tessera_attempt_record (visit, status == 429 ? TESSERA_LOGIN_THROTTLED : TESSERA_LOGIN_PUT_OFF,
                          NULL);
  tessera_exchange_add_header (visit->exchange, "Retry-After", retry_after);
  tessera_values_set (values, "again", again);
  tessera_values_set_number (values, "seconds", MAX (seconds, 2));
  if (seconds > 100)
    tessera_values_set_number (values, "minutes", (seconds + 59) / 60);
  tessera_visit_respond_page (visit, status, "throttled", values);
}

gboolean
tessera_attempt_is_throttled (TesseraVisit *visit, const char *username, const char *path)
{
  TesseraInteraction *interaction = visit->interaction;
  const char *address = visit->exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (visit->engine->clock);
  guint seconds
      = MAX (tessera_throttle_check (interaction->account_throttle, username, address, now_ms),
             tessera_throttle_check (interaction->address_throttle, "", address, now_ms));

  if (seconds == 0)
    return FALSE;
  respond_later (visit, 429, seconds, path);
  return TRUE;
}

/* Who is asked for more or put off has not failed, but may not make us forget others without end
 * either. */
void
tessera_attempt_count (TesseraVisit *visit, const char *username)
{
  TesseraInteraction *interaction = visit->interaction;
  const char *address = visit->exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (visit->engine->clock);

  if (tessera_throttle_fail (interaction->account_throttle, username, address, now_ms))
    tessera_throttle_fail (interaction->address_throttle, "", address, now_ms);
}

void
tessera_attempt_succeed (TesseraVisit *visit, const char *username)
{
  tessera_throttle_succeed (visit->interaction->account_throttle, username,
                            visit->exchange->remote_address);
}

void
tessera_attempt_fail (TesseraVisit *visit)
{
  tessera_throttle_fail (visit->interaction->address_throttle, "", visit->exchange->remote_address,
                         tessera_clock_get_ms (visit->engine->clock));
  tessera_attempt_record (visit, TESSERA_LOGIN_REFUSED, NULL);
}

void
tessera_attempt_put_off (TesseraVisit *visit, const char *path)
{
  respond_later (visit, 503, BUSY_SECONDS, path);
}
