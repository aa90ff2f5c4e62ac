/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pressing a button twice. The browser drops its first request and shows the answer to the second
 * one, which says the very same: so that gets the same answer, whether the first one is still under
 * way or was answered already, and what is done is done once. */

#include "server/tessera-repeat-private.h"

#include "server/tessera-answer-watch-private.h"

#include <string.h>

static void
append (GString *text, const char *part, gsize length)
{
  g_string_append_printf (text, "%" G_GSIZE_FORMAT ":", length);
  g_string_append_len (text, part, (gssize) length);
}

static void
append_text (GString *text, const char *part)
{
  append (text, part != NULL ? part : "", part != NULL ? strlen (part) : 0);
}

static TesseraDigest
digest_request (TesseraExchange *exchange)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_text (text, exchange->path);
  append_text (text, exchange->query);
  append_text (text, tessera_exchange_get_header (exchange, "Cookie"));
  append (text, exchange->body, exchange->body_length);
  TesseraDigest digest = tessera_digest (text->str, (gssize) text->len);
  memset (text->str, 0, text->len);
  return digest;
}

/* While the first one is under way. */

/* TRUE when the visit takes its place. */
static gboolean
take_place (TesseraVisit *visit, const TesseraDigest *digest)
{
  TesseraTransaction *transaction = visit->transaction;
  TesseraExchange *dropped;

  if (transaction->answering == NULL || !tessera_digest_equal (digest, &transaction->answering_to))
    return FALSE;

  dropped = tessera_answer_watch_replace (transaction->answering, visit->exchange);
  tessera_exchange_unref (visit->exchange);
  visit->exchange = dropped;
  tessera_visit_respond_page (visit, 200, "finished", NULL);
  return TRUE;
}

typedef struct
{
  TesseraServer *server;
  TesseraInteraction *interaction; /* the server's */
  TesseraTransaction *transaction;
} Answering;

static void
answering_free (gpointer data)
{
  Answering *self = data;

  tessera_transaction_unref (self->transaction);
  g_object_unref (self->server);
  g_free (self);
}

static void
on_answered (gpointer data, guint status)
{
  Answering *self = data;
  TesseraTransaction *transaction = self->transaction;
  TesseraExchange *answer = g_steal_pointer (&transaction->answering);
  TesseraEngine *engine = tessera_server_get_engine (self->server);

  if (!transaction->is_finished || transaction->finished_by != answer)
    return;
  /* Where we failed, the same button may be pressed again. */
  if (status >= 400)
    transaction->is_finished = FALSE;
  else
    tessera_transaction_table_keep_answer (self->interaction->transactions, transaction, answer,
                                           tessera_clock_get_ms (engine->clock));
}

static void
watch_answer (TesseraVisit *visit, const TesseraDigest *digest)
{
  TesseraTransaction *transaction = visit->transaction;

  if (transaction->answering != NULL)
    return;

  Answering *answering = g_new0 (Answering, 1);
  answering->server = g_object_ref (visit->server);
  answering->interaction = visit->interaction;
  answering->transaction = tessera_transaction_ref (transaction);
  TesseraExchange *stand_in
      = tessera_answer_watch_new (visit->exchange, on_answered, answering, answering_free);
  tessera_exchange_unref (visit->exchange);
  visit->exchange = stand_in;
  transaction->answering = stand_in;
  transaction->answering_to = *digest;
}

/* After the first one was answered. Its code may have come to the application although the browser
 * dropped it; a code that comes there a second time would end what the first one gave. */

typedef struct
{
  TesseraVisit *visit;
  gboolean is_redeemed;
} Repeat;

static gboolean
run_check (gpointer data, TesseraStore *store, GError **error)
{
  Repeat *self = data;
  const TesseraAuthorizationRequest *request = self->visit->request;

  return tessera_store_is_challenge_redeemed (store, tessera_client_get_id (request->client),
                                              request->code_challenge, &self->is_redeemed, error);
}

static void
on_checked (gpointer data, const GError *error)
{
  g_autofree Repeat *self = data;
  g_autoptr (TesseraVisit) visit = g_steal_pointer (&self->visit);
  gint64 now_ms = tessera_clock_get_ms (visit->engine->clock);
  TesseraExchange *answer = tessera_transaction_get_answer (visit->transaction, now_ms);

  if (error != NULL)
    tessera_visit_respond_error (g_steal_pointer (&visit), error);
  else if (self->is_redeemed || answer == NULL)
    tessera_visit_respond_page (g_steal_pointer (&visit), 200, "finished", NULL);
  else
    tessera_answer_watch_repeat (answer, visit->exchange);
}

static gboolean
is_repeatable (TesseraVisit *visit, const TesseraDigest *digest)
{
  TesseraTransaction *transaction = visit->transaction;

  /* Without a challenge nobody could tell whether the code was redeemed. */
  return digest != NULL && visit->request != NULL && visit->request->code_challenge != NULL
         && tessera_transaction_get_answer (transaction,
                                            tessera_clock_get_ms (visit->engine->clock))
                != NULL
         && tessera_digest_equal (digest, &transaction->answering_to);
}

static void
respond_finished (TesseraVisit *visit, const TesseraDigest *digest)
{
  if (!is_repeatable (visit, digest))
    {
      tessera_visit_respond_page (visit, 200, "finished", NULL);
      return;
    }
  Repeat *repeat = g_new0 (Repeat, 1);
  repeat->visit = visit;
  tessera_committer_submit (visit->engine->committer, run_check, on_checked, repeat);
}

/* @digest: of the form; NULL: there is none. */
static gboolean
check_waiting (TesseraVisit *visit, const TesseraDigest *digest)
{
  if (visit->transaction->is_finished)
    {
      respond_finished (visit, digest);
      return FALSE;
    }
  if (!tessera_transaction_is_expired (visit->transaction,
                                       tessera_clock_get_ms (visit->engine->clock)))
    return TRUE;

  tessera_visit_restart (visit);
  return FALSE;
}

gboolean
tessera_repeat_check (TesseraVisit *visit)
{
  if (visit->transaction == NULL)
    return TRUE;
  if (visit->form == NULL)
    return check_waiting (visit, NULL);

  TesseraDigest digest = digest_request (visit->exchange);
  if (take_place (visit, &digest) || !check_waiting (visit, &digest))
    return FALSE;
  watch_answer (visit, &digest);
  return TRUE;
}
