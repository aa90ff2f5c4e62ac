/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets libsoup answer one whole request, or have the connection after 101 (RFC 9110 §15.2.2). */

#include "gate/tessera-gate-request-private.h"

#include "gate/tessera-gate-connection-private.h"

#include <string.h>

#define OUT_MAX (256 * 1024) /* unsent bytes; a writer waits while there are more */
#define GROWTH 256           /* bytes that a head may gain when it is written anew */

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
  if (got == TESSERA_GATE_TRANSPORT_LATER)
    return TESSERA_GATE_STREAM_LATER;
  return MAX (got, 0);
}

/* The head first and by itself: libsoup moves what it has read behind each line of a head. */
static gssize
on_stream_read (gpointer owner, void *buffer, gsize count)
{
  TesseraGateConnection *connection = owner;
  TesseraGateRequest *self = &connection->request;
  gsize end = self->at < self->head ? self->head : self->text->len;
  gsize part = MIN (count, end - self->at);

  if (connection->state == TESSERA_GATE_TUNNELING)
    return on_stream_read_tunnel (connection, buffer, count);
  if (part == 0 && self->answer.state == TESSERA_GATE_ANSWER_COMPLETE)
    return 0;
  if (part == 0)
    return TESSERA_GATE_STREAM_LATER;
  memcpy (buffer, self->text->str + self->at, part);
  self->at += part;
  return (gssize) part;
}

static void
note_answer (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  if (self->answer.state == TESSERA_GATE_ANSWER_TUNNEL)
    connection->state = TESSERA_GATE_TUNNELING;
  if (connection->state == TESSERA_GATE_TUNNELING && !self->handing)
    tessera_gate_stream_wake_input (self->stream);
  if (self->answer.state != TESSERA_GATE_ANSWER_HEAD
      && (connection->deadline.wait == TESSERA_GATE_WAIT_ANSWER
          || connection->deadline.wait == TESSERA_GATE_WAIT_HELD))
    tessera_gate_connection_wait_for_nothing (connection);
}

static gssize
on_stream_write (gpointer owner, const void *bytes, gsize count, gboolean all)
{
  TesseraGateConnection *connection = owner;
  TesseraGateRequest *self = &connection->request;
  gsize unsent = tessera_gate_outbox_get_unsent (&connection->out);

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
  tessera_request_head_write (head, bytes, TRUE, self->text);
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

void
tessera_gate_request_begin (TesseraGateConnection *connection,
                            const TesseraRequestHead *head,
                            const char *bytes)
{
  TesseraGate *gate = connection->gate;
  TesseraGateRequest *self = &connection->request;
  g_autoptr (GSocketAddress) local = tessera_gate_peer_dup_local (connection);

  connection->n_requests++;
  write_anew (self, &gate->buffers, head, bytes);
  tessera_gate_answer_init (&self->answer, head->method == TESSERA_REQUEST_METHOD_HEAD,
                            !may_keep (connection, head));
  tessera_gate_peer_find (&connection->peer, connection);

  connection->state = TESSERA_GATE_ANSWERING;
  self->done = self->shut = self->waits = FALSE;
  tessera_gate_connection_wait_for (connection, TESSERA_GATE_WAIT_ANSWER, gate->limits->answer_ms);
  gate->n_requests++;
  self->stream = tessera_gate_stream_new (&stream_funcs, connection);
  tessera_gate_connection_count (connection);
  self->handing = TRUE;
  soup_server_accept_iostream (gate->soup, G_IO_STREAM (self->stream), local,
                               connection->peer.remote, NULL);
  self->handing = FALSE;
  if (connection->state == TESSERA_GATE_TUNNELING)
    tessera_gate_stream_wake_input (self->stream);
}

gboolean
tessera_gate_request_is_answered (const TesseraGateRequest *self)
{
  return self->shut || self->answer.state == TESSERA_GATE_ANSWER_COMPLETE;
}

void
tessera_gate_request_wake_writer (TesseraGateRequest *self)
{
  if (!self->waits)
    return;
  self->waits = FALSE;
  tessera_gate_stream_wake_output (self->stream);
}

void
tessera_gate_request_forget (TesseraGateConnection *connection)
{
  TesseraGateRequest *self = &connection->request;

  if (self->stream == NULL)
    return;
  tessera_gate_stream_forget_owner (self->stream);
  g_clear_object (&self->stream);
  tessera_gate_buffers_return_string (&connection->gate->buffers, g_steal_pointer (&self->text));
  tessera_gate_answer_clear (&self->answer);
  self->waits = FALSE;
  connection->gate->n_requests--;
}
