/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads requests by the letter and wholly (RFC 9112), before anything runs for them. */

#include "gate/tessera-gate-reader-private.h"

#include "gate/tessera-gate-front-private.h"

#include <string.h>

#define REQUESTS_A_TURN 16 /* then others have their turn */
#define READS_A_TURN 16    /* likewise: with TLS one may be a byte (RFC 8446 §5.1) */
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* A whole one; how many bytes it is. */
static gsize
take_request (TesseraGateConnection *connection, const TesseraRequestHead *head, const char *bytes)
{
  gsize length = connection->need;

  tessera_gate_connection_wait_for_nothing (connection);
  if (tessera_gate_has_room (connection->gate, length))
    tessera_gate_request_begin (connection, head, bytes);
  else
    tessera_gate_connection_refuse (connection, 503, "There is too much to do at once.");
  return length;
}

static void
refuse_request (TesseraGateConnection *connection, guint status, const char *description)
{
  connection->gate->n_malformed++;
  tessera_gate_connection_refuse (connection, status, description);
}

/* How many of @bytes are used; the rest is the next request's. */
static gsize
read_request (TesseraGateConnection *connection, const char *bytes, gsize length)
{
  TesseraGate *gate = connection->gate;
  TesseraRequestHead *head = &gate->head;
  TesseraRequestHeadState state;

  if (length < connection->need)
    return 0;
  state = tessera_request_head_parse (head, bytes, length, &connection->seen, gate->limits->body);
  if (state == TESSERA_REQUEST_HEAD_REFUSED)
    {
      refuse_request (connection, head->status, head->description);
      return length;
    }
  if (state == TESSERA_REQUEST_HEAD_PARTIAL)
    {
      if (connection->deadline.wait != TESSERA_GATE_WAIT_HEAD)
        tessera_gate_connection_wait_for (connection, TESSERA_GATE_WAIT_HEAD,
                                          gate->limits->head_ms);
      return 0;
    }
  if (tessera_gate_front_is_disguised (gate, head, bytes))
    {
      refuse_request (connection, 404, "There is nothing here.");
      return length;
    }
  connection->need = head->head_length + head->content_length;
  if (length >= connection->need)
    return take_request (connection, head, bytes);
  tessera_gate_connection_wait_for (connection, TESSERA_GATE_WAIT_BODY, gate->limits->body_ms);
  if (head->expects_continue && !connection->continued && length == head->head_length)
    {
      GByteArray *out = tessera_gate_outbox_open (&connection->out, &connection->gate->buffers);

      connection->continued = TRUE;
      g_byte_array_append (out, (const guint8 *) CONTINUE, strlen (CONTINUE));
      tessera_gate_connection_mark_dirty (connection);
    }
  return 0;
}

/* Reads as many requests as are answered at once. */
static gsize
read_all (TesseraGateConnection *connection, const char *bytes, gsize length)
{
  gsize used = 0;

  for (guint i = 0; i < REQUESTS_A_TURN && used < length; i++)
    {
      gsize part = read_request (connection, bytes + used, length - used);

      used += part;
      if (part == 0)
        return used;
      if (connection->state != TESSERA_GATE_ANSWERING
          || !tessera_gate_request_is_answered (&connection->request)
          || !tessera_gate_connection_flush (connection)
          || connection->state != TESSERA_GATE_READING)
        break;
    }
  connection->unread = used < length;
  return used;
}

/* @bytes lie in the scratch; what is left of them is kept. */
static void
take_bytes (TesseraGateConnection *connection, const char *bytes, gsize length)
{
  g_auto (TesseraGateInbox) in = tessera_gate_inbox_steal (&connection->in);
  gsize used = 0;

  tessera_gate_connection_count (connection); /* what becomes a request is not to count twice */
  if (in.length > 0)
    {
      tessera_gate_inbox_append (&in, bytes, length);
      bytes = in.bytes;
      length = in.length;
    }
  used = read_all (connection, bytes, length);
  if (connection->state >= TESSERA_GATE_CLOSING || used == length)
    return;
  if (in.length > 0)
    {
      tessera_gate_inbox_drop (&in, used);
      connection->in = tessera_gate_inbox_steal (&in);
    }
  else
    tessera_gate_inbox_append (&connection->in, bytes + used, length - used);
  if (connection->unread && connection->state == TESSERA_GATE_READING)
    tessera_gate_connection_mark_dirty (connection);
  tessera_gate_connection_count (connection);
  tessera_gate_keep_limits (connection->gate);
}

/* The client will send no more. What it has asked is still answered. */
static void
on_end (TesseraGateConnection *connection)
{
  connection->readable = FALSE;
  connection->hung_up = TRUE;
  if (connection->state == TESSERA_GATE_READING)
    tessera_gate_connection_end (connection);
}

void
tessera_gate_reader_read (TesseraGateConnection *connection)
{
  char *scratch = connection->gate->scratch;
  guint n_reads = 0;

  /* What has come before goes first, and an end behind it ends nothing. */
  while (connection->state == TESSERA_GATE_READING && connection->readable && !connection->unread
         && n_reads++ < READS_A_TURN)
    {
      gssize got
          = tessera_gate_transport_read (&connection->transport, scratch, TESSERA_GATE_SCRATCH);

      if (got == TESSERA_GATE_TRANSPORT_LATER)
        {
          connection->readable = FALSE;
          tessera_gate_connection_watch_out (connection, tessera_gate_transport_wants_room (
                                                             &connection->transport));
          tessera_gate_connection_count (connection); /* it may have half a record */
          tessera_gate_keep_limits (connection->gate);
        }
      else if (got <= 0)
        on_end (connection);
      else
        {
          /* Less than asked: that was all (epoll(7)), but for an end that came with it. */
          if (got < TESSERA_GATE_SCRATCH && connection->transport.tls == NULL
              && !connection->hung_up)
            connection->readable = FALSE;
          take_bytes (connection, scratch, (gsize) got);
          explicit_bzero (scratch, (gsize) got);
        }
    }
  if (connection->state != TESSERA_GATE_CLOSED && connection->state != TESSERA_GATE_READING)
    tessera_gate_connection_flush (connection);
  /* There is more, which no event tells of, or an answer has found room after all. */
  if (connection->state == TESSERA_GATE_READING && (connection->unread || connection->readable))
    tessera_gate_connection_mark_dirty (connection);
}

void
tessera_gate_reader_resume (TesseraGateConnection *connection)
{
  if (connection->unread)
    {
      connection->unread = FALSE;
      take_bytes (connection, NULL, 0);
    }
  tessera_gate_reader_read (connection);
}
