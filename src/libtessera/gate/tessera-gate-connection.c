/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection: reads a request whole (RFC 9112), lets libsoup answer it, sends the answer, and
 * waits for the next one. */

#include "gate/tessera-gate-connection-private.h"

#include "gate/tessera-gate-greeting-private.h"

#include <string.h>
#include <sys/epoll.h>

#define OUT_LOW (64 * 1024) /* unsent bytes; with less a writer goes on */
#define REQUESTS_A_TURN 16  /* then others have their turn */
#define LINGER_MS 2000
#define LINGER_BYTES (1024 * 1024)
#define FRESH_MS 500 /* who connected before a drain and has not spoken yet */
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* Deadlines */

void
tessera_gate_connection_wait_for (TesseraGateConnection *self, TesseraGateWait wait, guint ms)
{
  tessera_gate_set_deadline (self->gate, &self->deadline, wait, ms);
}

void
tessera_gate_connection_wait_for_nothing (TesseraGateConnection *self)
{
  if (self->deadline.wait != TESSERA_GATE_WAIT_NOTHING)
    tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_NOTHING, 0);
}

void
tessera_gate_connection_mark_dirty (TesseraGateConnection *self)
{
  if (self->is_dirty || self->state == TESSERA_GATE_CLOSED)
    return;
  self->is_dirty = TRUE;
  g_queue_push_tail_link (&self->gate->dirty, &self->dirty);
}

void
tessera_gate_connection_hold (TesseraGateConnection *self, guint seconds)
{
  if (self->state == TESSERA_GATE_ANSWERING
      && self->request.answer.state == TESSERA_GATE_ANSWER_HEAD)
    tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_HELD, seconds * 1000);
}

void
tessera_gate_connection_count (TesseraGateConnection *self)
{
  gsize held = self->in.length + tessera_gate_outbox_get_unsent (&self->out)
               + (self->request.text != NULL ? self->request.text->len : 0);

  self->gate->held += held - self->held;
  self->held = held;
}

/* The end */

void
tessera_gate_connection_close (TesseraGateConnection *self)
{
  TesseraGate *gate = self->gate;

  if (self->state == TESSERA_GATE_CLOSED)
    return;
  self->state = TESSERA_GATE_CLOSED;
  tessera_gate_request_forget (self);
  tessera_gate_inbox_clear (&self->in);
  tessera_gate_outbox_clear (&self->out, &gate->buffers);
  tessera_gate_connection_count (self);
  tessera_gate_connection_wait_for_nothing (self);
  epoll_ctl (gate->epoll_fd, EPOLL_CTL_DEL, self->transport.fd, NULL);
  tessera_gate_transport_close (&self->transport);
  tessera_gate_addresses_remove (gate->addresses, &self->address);
  tessera_gate_peer_clear (&self->peer);
  if (self->is_dirty)
    g_queue_unlink (&gate->dirty, &self->dirty);
  g_queue_unlink (&gate->connections, &self->all);
  g_queue_push_tail_link (&gate->gone, &self->all);
}

void
tessera_gate_connection_free (TesseraGateConnection *self)
{
  g_free (self);
}

static void
discard (TesseraGateConnection *self)
{
  while (self->readable && self->drained < LINGER_BYTES)
    {
      gssize got = tessera_gate_transport_discard (&self->transport, self->gate->scratch,
                                                   TESSERA_GATE_SCRATCH);

      if (got == TESSERA_GATE_TRANSPORT_LATER)
        {
          self->readable = FALSE;
          return;
        }
      if (got <= 0)
        break;
      self->drained += (gsize) got;
    }
  if (self->readable)
    tessera_gate_connection_close (self);
}

/* RFC 9112 §9.6: a client that still sends would get a reset instead of the answer. */
static void
linger (TesseraGateConnection *self)
{
  tessera_gate_transport_shut (&self->transport);
  self->state = TESSERA_GATE_LINGERING;
  self->drained = 0;
  if (self->readable)
    discard (self);
  if (self->state == TESSERA_GATE_CLOSED)
    return;
  if (self->hung_up)
    tessera_gate_connection_close (self);
  else
    tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_LINGER, LINGER_MS);
}

/* Sending */

void
tessera_gate_connection_watch_out (TesseraGateConnection *self, gboolean out)
{
  if (self->watches_out == out)
    return;
  self->watches_out = out;
  tessera_gate_watch (self->gate, self, self->transport.fd, out);
}

/* TRUE: all is sent. */
static gboolean
send_out (TesseraGateConnection *self)
{
  gsize before = tessera_gate_outbox_get_unsent (&self->out);
  gssize result = tessera_gate_outbox_send (&self->out, &self->gate->buffers, &self->transport);

  if (result == TESSERA_GATE_TRANSPORT_BROKEN)
    tessera_gate_connection_close (self);
  if (result == TESSERA_GATE_TRANSPORT_LATER
      && (self->deadline.wait != TESSERA_GATE_WAIT_WRITE
          || tessera_gate_outbox_get_unsent (&self->out) < before))
    tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_WRITE, self->gate->limits->write_ms);
  if (result != TESSERA_GATE_TRANSPORT_BROKEN)
    tessera_gate_connection_watch_out (self, result == TESSERA_GATE_TRANSPORT_LATER);
  return result == 0;
}

/* Nothing more is read as requests; when all is sent, it ends. */
static void
end (TesseraGateConnection *self)
{
  tessera_gate_request_forget (self);
  tessera_gate_inbox_clear (&self->in);
  tessera_gate_connection_count (self);
  self->state = TESSERA_GATE_CLOSING;
  tessera_gate_connection_wait_for_nothing (self);
  tessera_gate_connection_mark_dirty (self);
}

static void
refuse (TesseraGateConnection *self, guint status, const char *description)
{
  tessera_gate_request_forget (self);
  tessera_gate_answer_write_refusal (status, description, FALSE,
                                     tessera_gate_outbox_open (&self->out, &self->gate->buffers));
  end (self);
}

void
tessera_gate_connection_await_request (TesseraGateConnection *self)
{
  TesseraGate *gate = self->gate;

  self->state = TESSERA_GATE_READING;
  self->seen = self->need = 0;
  self->continued = FALSE;
  tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_IDLE, gate->limits->idle_ms);
}

/* libsoup has said all, or nothing more counts. */
static void
end_answer (TesseraGateConnection *self)
{
  gboolean complete = self->request.answer.state == TESSERA_GATE_ANSWER_COMPLETE;

  if (self->request.answer.state == TESSERA_GATE_ANSWER_HEAD)
    {
      refuse (self, 503, "The request was not answered.");
      return;
    }
  if (complete && !self->request.answer.closing)
    {
      tessera_gate_request_forget (self);
      tessera_gate_connection_await_request (self);
    }
  else if (complete || !self->request.answer.delimited)
    end (self);
  else
    tessera_gate_connection_close (self); /* the client must not take it for whole */
}

/* An event stream whose client has gone, which nobody would notice until the next event. */
static gboolean
is_deserted (TesseraGateConnection *self)
{
  return self->hung_up && self->state == TESSERA_GATE_ANSWERING
         && self->request.answer.state == TESSERA_GATE_ANSWER_BODY
         && tessera_gate_outbox_get_unsent (&self->out) == 0
         && (self->request.answer.chunked || !self->request.answer.delimited);
}

static void
advance_answer (TesseraGateConnection *self)
{
  if (tessera_gate_request_is_answered (&self->request))
    end_answer (self);
  else if (is_deserted (self))
    tessera_gate_connection_close (self);
  else if (self->deadline.wait == TESSERA_GATE_WAIT_WRITE)
    tessera_gate_connection_wait_for_nothing (self);
}

static void
advance_tunnel (TesseraGateConnection *self)
{
  if (self->deadline.wait == TESSERA_GATE_WAIT_WRITE)
    tessera_gate_connection_wait_for_nothing (self);
  if (self->request.done)
    end (self);
  else if (self->request.shut)
    tessera_gate_transport_shut (&self->transport);
}

/* What to do once all is sent. */
static void
go_on (TesseraGateConnection *self)
{
  switch (self->state)
    {
    case TESSERA_GATE_ANSWERING:
      advance_answer (self);
      break;
    case TESSERA_GATE_TUNNELING:
      advance_tunnel (self);
      break;
    case TESSERA_GATE_CLOSING:
      linger (self);
      break;
    default:
      break;
    }
}

/* FALSE: there is more to be sent than there is room for. */
static gboolean
flush (TesseraGateConnection *self)
{
  gboolean sent = send_out (self);

  if (self->state == TESSERA_GATE_CLOSED)
    return FALSE;
  if (tessera_gate_outbox_get_unsent (&self->out) <= OUT_LOW)
    tessera_gate_request_wake_writer (&self->request);
  if (sent)
    go_on (self);
  tessera_gate_connection_count (self);
  if (!sent)
    tessera_gate_has_room (self->gate, 0);
  return sent;
}

/* Reading */

/* A whole one; how many bytes it is. */
static gsize
take_request (TesseraGateConnection *self, const TesseraRequestHead *head, const char *bytes)
{
  tessera_gate_connection_wait_for_nothing (self);
  if (tessera_gate_has_room (self->gate, self->need))
    tessera_gate_request_begin (self, head, bytes);
  else
    refuse (self, 503, "There is too much to do at once.");
  return self->need;
}

/* How many of @bytes are used; the rest is the next request's. */
static gsize
read_request (TesseraGateConnection *self, const char *bytes, gsize length)
{
  TesseraGate *gate = self->gate;
  TesseraRequestHead *head = &gate->head;
  TesseraRequestHeadState state;

  if (length < self->need)
    return 0;
  state = tessera_request_head_parse (head, bytes, length, &self->seen, gate->limits->body);
  if (state == TESSERA_REQUEST_HEAD_REFUSED)
    {
      gate->n_malformed++;
      refuse (self, head->status, head->description);
      return length;
    }
  if (state == TESSERA_REQUEST_HEAD_PARTIAL)
    {
      if (self->deadline.wait != TESSERA_GATE_WAIT_HEAD)
        tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_HEAD, gate->limits->head_ms);
      return 0;
    }
  self->need = head->head_length + head->content_length;
  if (length >= self->need)
    return take_request (self, head, bytes);
  tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_BODY, gate->limits->body_ms);
  if (head->expects_continue && !self->continued && length == head->head_length)
    {
      GByteArray *out = tessera_gate_outbox_open (&self->out, &self->gate->buffers);

      self->continued = TRUE;
      g_byte_array_append (out, (const guint8 *) CONTINUE, strlen (CONTINUE));
      tessera_gate_connection_mark_dirty (self);
    }
  return 0;
}

/* Reads as many requests as are answered at once. */
static gsize
read_all (TesseraGateConnection *self, const char *bytes, gsize length)
{
  gsize used = 0;

  for (guint i = 0; i < REQUESTS_A_TURN && used < length; i++)
    {
      gsize part = read_request (self, bytes + used, length - used);

      used += part;
      if (part == 0)
        return used;
      if (self->state != TESSERA_GATE_ANSWERING
          || !tessera_gate_request_is_answered (&self->request) || !flush (self)
          || self->state != TESSERA_GATE_READING)
        break;
    }
  self->unread = used < length;
  return used;
}

/* @bytes lie in the scratch; what is left of them is kept. */
static void
take_bytes (TesseraGateConnection *self, const char *bytes, gsize length)
{
  g_auto (TesseraGateInbox) in = tessera_gate_inbox_steal (&self->in);
  gsize used = 0;

  tessera_gate_connection_count (self); /* what becomes a request is not to count twice */
  if (in.length > 0)
    {
      tessera_gate_inbox_append (&in, bytes, length);
      bytes = in.bytes;
      length = in.length;
    }
  used = read_all (self, bytes, length);
  if (self->state >= TESSERA_GATE_CLOSING || used == length)
    return;
  if (in.length > 0)
    {
      tessera_gate_inbox_drop (&in, used);
      self->in = tessera_gate_inbox_steal (&in);
    }
  else
    tessera_gate_inbox_append (&self->in, bytes + used, length - used);
  if (self->unread && self->state == TESSERA_GATE_READING)
    tessera_gate_connection_mark_dirty (self);
  tessera_gate_connection_count (self);
  tessera_gate_has_room (self->gate, 0);
}

/* The client will send no more. What it has asked is still answered. */
static void
on_end (TesseraGateConnection *self)
{
  self->readable = FALSE;
  self->hung_up = TRUE;
  if (self->state == TESSERA_GATE_READING)
    end (self);
}

static void
read_requests (TesseraGateConnection *self)
{
  char *scratch = self->gate->scratch;

  while (self->state == TESSERA_GATE_READING && self->readable)
    {
      gssize got = tessera_gate_transport_read (&self->transport, scratch, TESSERA_GATE_SCRATCH);

      if (got == TESSERA_GATE_TRANSPORT_LATER)
        {
          self->readable = FALSE;
          tessera_gate_connection_watch_out (self,
                                             tessera_gate_transport_wants_room (&self->transport));
        }
      else if (got <= 0)
        on_end (self);
      else
        {
          /* Less than asked: that was all (epoll(7)), but for an end that came with it. */
          if (got < TESSERA_GATE_SCRATCH && self->transport.tls == NULL && !self->hung_up)
            self->readable = FALSE;
          take_bytes (self, scratch, (gsize) got);
          explicit_bzero (scratch, (gsize) got);
        }
    }
  if (self->state != TESSERA_GATE_CLOSED && self->state != TESSERA_GATE_READING)
    flush (self);
}

/* After an answer: what waits already, then what can be read. */
static void
resume (TesseraGateConnection *self)
{
  if (self->unread)
    {
      self->unread = FALSE;
      take_bytes (self, NULL, 0);
    }
  read_requests (self);
}

/* The gate's side */

TesseraGateConnection *
tessera_gate_connection_new (TesseraGate *gate,
                             TesseraGateSocket *socket,
                             int fd,
                             const TesseraGateAddress *address)
{
  TesseraGateConnection *self = g_new0 (TesseraGateConnection, 1);

  self->watch = TESSERA_GATE_WATCH_CONNECTION;
  self->state = TESSERA_GATE_HANDSHAKING;
  self->gate = gate;
  self->socket = socket;
  self->transport.fd = fd;
  self->address = *address;
  self->all.data = self->dirty.data = self;
  tessera_gate_deadline_init (&self->deadline, self);
  g_queue_push_tail_link (&gate->connections, &self->all);
  return self;
}

void
tessera_gate_connection_begin (TesseraGateConnection *self)
{
  tessera_gate_greeting_begin (self);
  tessera_gate_watch (self->gate, self, self->transport.fd, FALSE);
}

void
tessera_gate_connection_advance (TesseraGateConnection *self)
{
  if (!flush (self))
    return;
  if (self->state == TESSERA_GATE_READING)
    resume (self);
}

void
tessera_gate_connection_on_readable (TesseraGateConnection *self)
{
  self->readable = TRUE;
  switch (self->state)
    {
    case TESSERA_GATE_INTRODUCING:
    case TESSERA_GATE_HANDSHAKING:
      tessera_gate_greeting_go_on (self);
      break;
    case TESSERA_GATE_READING:
      read_requests (self);
      break;
    case TESSERA_GATE_LINGERING:
      discard (self);
      break;
    case TESSERA_GATE_TUNNELING:
      tessera_gate_stream_wake_input (self->request.stream);
      break;
    default:
      break;
    }
}

/* Both ends of the connection are gone, not only the client's. */
static gboolean
is_over (TesseraGateConnection *self, guint32 events)
{
  return (events & (EPOLLHUP | EPOLLERR)) != 0 && self->state != TESSERA_GATE_TUNNELING;
}

void
tessera_gate_connection_on_event (TesseraGateConnection *self, guint32 events)
{
  gboolean has_room = (events & EPOLLOUT) != 0;

  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
    self->hung_up = TRUE;
  /* TLS may wait for room to read on, and for something to read to write on. */
  if ((events & ~(guint32) EPOLLOUT) != 0 || (has_room && self->transport.tls != NULL))
    tessera_gate_connection_on_readable (self);
  if (self->state == TESSERA_GATE_CLOSED)
    return;
  if (is_over (self, events))
    tessera_gate_connection_close (self);
  else if (has_room
           || (self->transport.tls != NULL && tessera_gate_outbox_get_unsent (&self->out) > 0)
           || is_deserted (self))
    tessera_gate_connection_advance (self);
}

/* Of somebody who does not read. */
static void
cut (TesseraGateConnection *self)
{
  tessera_gate_transport_drop_unsent (&self->transport);
  tessera_gate_connection_close (self);
}

void
tessera_gate_connection_expire (TesseraGateConnection *self)
{
  switch (self->deadline.wait)
    {
    case TESSERA_GATE_WAIT_HEAD:
    case TESSERA_GATE_WAIT_BODY:
      refuse (self, 408, "The request did not come in time.");
      break;
    case TESSERA_GATE_WAIT_ANSWER:
    case TESSERA_GATE_WAIT_HELD:
      refuse (self, 503, "The answer did not come in time.");
      break;
    case TESSERA_GATE_WAIT_WRITE:
      cut (self);
      break;
    default:
      tessera_gate_connection_close (self);
      break;
    }
}

void
tessera_gate_connection_make_way (TesseraGateConnection *self)
{
  if (self->state == TESSERA_GATE_READING)
    refuse (self, 503, "There is too much to do at once.");
  else
    cut (self);
}

void
tessera_gate_connection_drain (TesseraGateConnection *self)
{
  self->request.answer.closing = TRUE;
  if (self->state != TESSERA_GATE_READING || self->in.length > 0)
    return;
  self->readable = TRUE;
  read_requests (self);
  if (self->state != TESSERA_GATE_READING || self->in.length > 0)
    return;
  if (self->n_requests > 0)
    tessera_gate_connection_close (self);
  else
    tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_IDLE, FRESH_MS);
}
