/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets an endpoint or libsoup answer one whole request, or libsoup have the connection after 101
 * (RFC 9110 §15.2.2). */

#include "gate/tessera-gate-request-private.h"

#include "gate/tessera-gate-connection-private.h"
#include "server/tessera-soup-connections-private.h"

#include <string.h>

#define OUT_MAX (256 * 1024) /* unsent bytes; a writer waits while there are more */
#define GROWTH 256           /* bytes that a head may gain when it is written anew */
/* To make a stream for each request costs libsoup more than half as much as the request, and each
 * that waits for one is a burden for its main context: some are kept, for a while. */
#define STREAMS_MAX 64
#define STREAM_IDLE_MS 1000

/* libsoup's side */

static gssize
on_stream_read_tunnel (TesseraGateConnection *connection, void *buffer, gsize count)
{
  gssize got = 0;

  if (connection->request.handing) /* what came before it has not been put by yet */
    return TESSERA_GATE_STREAM_LATER;
  if (connection->in.length > 0)
    {
      gsize part = MIN (count, connection->in.length);

      memcpy (buffer, connection->in.bytes, part);
      tessera_gate_inbox_drop (&connection->in, part);
      return (gssize) part;
    }
  got = tessera_gate_transport_read (&connection->transport, buffer, count);
  tessera_gate_connection_count (connection);
  if (got == TESSERA_GATE_TRANSPORT_LATER)
    return TESSERA_GATE_STREAM_LATER;
  return MAX (got, 0);
}

/* The head first and by itself: libsoup moves what it has read behind each line of a head. */
static gsize
read_text (TesseraGateRequest *self, void *buffer, gsize count)
{
  gsize end = self->at < self->head ? self->head : self->text->len;
  gsize part = MIN (count, end - self->at);

  memcpy (buffer, self->text->str + self->at, part);
  self->at += part;
  if (self->at == self->text->len)
    tessera_gate_stream_dry_input (self->stream);
  return part;
}

static gssize
on_stream_read (gpointer owner, void *buffer, gsize count)
{
  TesseraGateConnection *connection = owner;
  TesseraGateRequest *self = &connection->request;

  if (connection->state == TESSERA_GATE_TUNNELING)
    return on_stream_read_tunnel (connection, buffer, count);
  if (self->text != NULL && self->at < self->text->len)
    return (gssize) read_text (self, buffer, count);
  if (self->text != NULL && self->answer.state == TESSERA_GATE_ANSWER_COMPLETE)
    return 0;
  return TESSERA_GATE_STREAM_LATER;
}

/* A stream that libsoup will never read a request from is none to count. */
static void
end_lasting (TesseraGateConnection *connection)
{
  if (connection->request.lasting)
    connection->gate->n_lasting--;
  connection->request.lasting = FALSE;
}

static void
note_answer (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  if (self->answer.state == TESSERA_GATE_ANSWER_TUNNEL)
    {
      connection->state = TESSERA_GATE_TUNNELING;
      end_lasting (connection);
    }
  if (connection->state == TESSERA_GATE_TUNNELING && !self->handing)
    tessera_gate_stream_wake_input (self->stream);
  if (self->answer.state != TESSERA_GATE_ANSWER_HEAD
      && (connection->deadline.wait == TESSERA_GATE_WAIT_ANSWER
          || connection->deadline.wait == TESSERA_GATE_WAIT_HELD))
    tessera_gate_connection_wait_for_nothing (connection);
}

/* Behind the end of an answer and before anybody can have read the next request: it would be taken
 * for the next answer. libsoup does not. */
/* GCOV_EXCL_START: no libsoup that there is writes between two answers */
static gssize
refuse_stray (TesseraGateConnection *connection)
{
  connection->request.done = TRUE;
  tessera_gate_connection_mark_dirty (connection);
  return TESSERA_GATE_STREAM_BROKEN;
}
/* GCOV_EXCL_STOP */

static gssize
on_stream_write (gpointer owner, const void *bytes, gsize count, gboolean all)
{
  TesseraGateConnection *connection = owner;
  TesseraGateRequest *self = &connection->request;
  gsize unsent = tessera_gate_outbox_get_unsent (&connection->out);

  if (self->text == NULL || self->at == 0)
    return refuse_stray (connection); /* GCOV_EXCL_LINE: as above */
  if (!all && unsent >= OUT_MAX)
    {
      self->waits = TRUE;
      return TESSERA_GATE_STREAM_LATER;
    }
  if (!all)
    count = MIN (count, OUT_MAX - unsent);
  tessera_gate_answer_take (&self->answer, bytes, count,
                            tessera_gate_outbox_open (&connection->out,
                                                      &connection->gate->buffers));
  note_answer (connection);
  if (!self->handing)
    tessera_gate_connection_mark_dirty (connection);
  return (gssize) count;
}

static void
on_stream_close (gpointer owner, gboolean input)
{
  TesseraGateConnection *connection = owner;

  if (input)
    connection->request.done = TRUE;
  connection->request.shut = TRUE;
  if (!connection->request.handing)
    tessera_gate_connection_mark_dirty (connection);
}

static const TesseraGateStreamFuncs stream_funcs = {
  on_stream_read,
  on_stream_write,
  on_stream_close,
};

/* The connection's side */

static void
write_anew (TesseraGateRequest *self,
            TesseraGateBuffers *buffers,
            const TesseraRequestHead *head,
            const char *bytes)
{
  gsize size = head->head_length + head->content_length + GROWTH;

  self->text = tessera_gate_buffers_borrow_string (buffers, size);
  tessera_request_head_write (head, bytes, !self->lasting || self->answer.closing, self->text);
  self->head = self->text->len;
  self->at = 0;
  g_string_append_len (self->text, bytes + head->head_length, (gssize) head->content_length);
}

static gboolean
may_keep (TesseraGateConnection *connection, const TesseraRequestHead *head)
{
  return head->keep_alive && head->minor_version > 0 && !connection->gate->draining
         && connection->n_requests < connection->gate->limits->requests;
}

/* Most connections that have had a second request have a third. */
static gboolean
may_last (TesseraGateConnection *connection)
{
  TesseraGate *gate = connection->gate;

  return connection->n_requests > 1 && !connection->request.answer.closing
         && !connection->request.disowned && gate->n_lasting < STREAMS_MAX && gate->anchored
         && tessera_soup_connections_expect (gate->soup);
}

static void
open_stream (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  self->stream = tessera_gate_stream_new (&stream_funcs, connection);
  self->done = self->shut = FALSE;
  self->lasting = may_last (connection);
  connection->gate->n_lasting += self->lasting;
}

/* libsoup may answer before this returns. */
static void
hand_over (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;
  g_autoptr (GSocketAddress) local = tessera_gate_peer_dup_local (connection);

  self->handing = TRUE;
  soup_server_accept_iostream (connection->gate->soup, G_IO_STREAM (self->stream), local,
                               connection->peer.remote, NULL);
  self->handing = FALSE;
  if (connection->state == TESSERA_GATE_TUNNELING)
    tessera_gate_stream_wake_input (self->stream);
}

static void
begin_for_soup (TesseraGateConnection *connection,
                const TesseraRequestHead *head,
                const char *bytes)
{
  TesseraGate *gate = connection->gate;
  TesseraGateRequest *self = &connection->request;
  gboolean is_new = FALSE;

  tessera_gate_peer_find (&connection->peer, connection);
  if (self->done || self->shut)
    tessera_gate_request_drop_stream (connection);
  is_new = self->stream == NULL;
  if (is_new)
    open_stream (connection);
  write_anew (self, &gate->buffers, head, bytes);
  self->finished = self->waits = FALSE;
  tessera_gate_connection_count (connection);
  if (is_new)
    {
      hand_over (connection);
      return;
    }
  tessera_gate_set_deadline (gate, &self->idle, TESSERA_GATE_WAIT_NOTHING, 0);
  tessera_gate_stream_wake_input (self->stream);
}

static void
begin_for_server (TesseraGateConnection *connection,
                  TesseraServer *server,
                  const TesseraRequestHead *head,
                  const char *bytes)
{
  TesseraGateRequest *self = &connection->request;

  self->handing = TRUE;
  tessera_gate_front_begin (connection, server, head, bytes);
  self->handing = FALSE;
  if (self->inlet != NULL)
    tessera_gate_connection_count (connection);
}

void
tessera_gate_request_begin (TesseraGateConnection *connection,
                            const TesseraRequestHead *head,
                            const char *bytes)
{
  TesseraGate *gate = connection->gate;
  TesseraGateRequest *self = &connection->request;
  TesseraServer *server = tessera_gate_front_find_server (gate, head, bytes);

  connection->n_requests++;
  tessera_gate_answer_init (&self->answer, head->method == TESSERA_REQUEST_METHOD_HEAD,
                            !may_keep (connection, head));
  self->answer.strict = tessera_gate_connection_is_strict (connection);
  connection->state = TESSERA_GATE_ANSWERING;
  tessera_gate_connection_wait_for (connection, TESSERA_GATE_WAIT_ANSWER, gate->limits->answer_ms);
  gate->n_requests++;
  self->begun = TRUE;
  self->direct = server != NULL;
  if (self->direct)
    begin_for_server (connection, server, head, bytes);
  else
    begin_for_soup (connection, head, bytes);
}

void
tessera_gate_request_complete (TesseraGateConnection *connection)
{
  connection->request.answer.state = TESSERA_GATE_ANSWER_COMPLETE;
  tessera_gate_connection_wait_for_nothing (connection);
  if (!connection->request.handing)
    tessera_gate_connection_mark_dirty (connection);
}

/* Whoever still holds the remote address may speak for another listener, or for none. */
void
tessera_gate_request_on_finished (TesseraGate *gate, SoupServerMessage *message)
{
  TesseraGateConnection *connection
      = tessera_gate_peer_get_connection (soup_server_message_get_remote_address (message));

  if (connection != NULL && connection->gate == gate)
    connection->request.finished = TRUE;
}

gboolean
tessera_gate_request_is_answered (const TesseraGateRequest *self)
{
  return (self->shut && !self->direct) || self->answer.state == TESSERA_GATE_ANSWER_COMPLETE;
}

void
tessera_gate_request_wake_writer (TesseraGateRequest *self)
{
  if (!self->waits)
    return;
  self->waits = FALSE;
  tessera_gate_stream_wake_output (self->stream);
}

static void
end_request (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  if (!self->begun)
    return;
  tessera_gate_front_forget (&self->inlet);
  if (self->text != NULL)
    tessera_gate_buffers_return_string (&connection->gate->buffers, g_steal_pointer (&self->text));
  tessera_gate_answer_clear (&self->answer);
  self->waits = self->begun = FALSE;
  connection->gate->n_requests--;
}

void
tessera_gate_request_drop_stream (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  if (self->stream == NULL)
    return;
  if (self->idle.wait != TESSERA_GATE_WAIT_NOTHING)
    tessera_gate_set_deadline (connection->gate, &self->idle, TESSERA_GATE_WAIT_NOTHING, 0);
  end_lasting (connection);
  tessera_gate_stream_forget_owner (self->stream);
  g_clear_object (&self->stream);
  self->done = self->shut = FALSE;
}

/* libsoup waits for the next request there. Its answer is whole, libsoup says that it has done with
 * it, and somebody reads: not one of them alone tells that nobody has taken the stream for himself
 * (soup_server_message_steal_connection ()). */
static gboolean
can_last (const TesseraGateRequest *self)
{
  return self->lasting && self->finished && !self->done && !self->shut
         && tessera_gate_stream_is_awaited (self->stream);
}

void
tessera_gate_request_end (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  end_request (connection);
  if (self->direct)
    return; /* a stream of libsoup's waits as it did */
  self->disowned |= !self->finished;
  if (can_last (self))
    tessera_gate_set_deadline (connection->gate, &self->idle, TESSERA_GATE_WAIT_STREAM,
                               STREAM_IDLE_MS);
  else
    tessera_gate_request_drop_stream (connection);
}

void
tessera_gate_request_forget (TesseraGateConnection *connection)
{
  tessera_gate_request_drop_stream (connection);
  end_request (connection);
}
