/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection, from its greeting to its end: what it waits for, and what comes next. */

#include "gate/tessera-gate-connection-private.h"

#include "gate/tessera-gate-greeting-private.h"
#include "gate/tessera-gate-reader-private.h"

#include <string.h>
#include <sys/epoll.h>

#define OUT_LOW (64 * 1024) /* unsent bytes; with less a writer goes on */
#define LINGER_MS 2000
#define LINGER_BYTES (1024 * 1024)
#define FRESH_MS 500 /* who connected before a drain and has not asked yet */

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
               + (self->request.text != NULL ? self->request.text->len : 0)
               + tessera_gate_front_get_length (self->request.inlet);
  gsize tls_held = self->transport.tls != NULL ? tessera_tls_get_size (self->transport.tls) : 0;

  self->gate->held += held - self->held;
  self->held = held;
  self->gate->tls_held += tls_held - self->tls_held;
  self->tls_held = tls_held;
}

/* The end */

void
tessera_gate_connection_close (TesseraGateConnection *self)
{
  TesseraGate *gate = self->gate;

  if (self->state == TESSERA_GATE_CLOSED)
    return; /* GCOV_EXCL_LINE: whoever closes looks before; twice must do no harm all the same */
  self->state = TESSERA_GATE_CLOSED;
  tessera_gate_request_forget (self);
  tessera_gate_inbox_clear (&self->in);
  tessera_gate_outbox_clear (&self->out, &gate->buffers);
  tessera_gate_connection_wait_for_nothing (self);
  epoll_ctl (gate->epoll_fd, EPOLL_CTL_DEL, self->transport.fd, NULL);
  tessera_gate_transport_close (&self->transport);
  tessera_gate_connection_count (self);
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
  g_clear_pointer (&self->transport.tls, tessera_tls_free); /* what still comes is for nobody */
  self->state = TESSERA_GATE_LINGERING;
  self->drained = 0;
  if (self->readable)
    discard (self);
  if (self->state == TESSERA_GATE_CLOSED)
    return;
  /* A reader of events has nothing to say: a restart does not wait until it has read the last. */
  if (self->hung_up || (self->gate->draining && tessera_gate_peer_has_streamed (&self->peer)))
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

void
tessera_gate_connection_end (TesseraGateConnection *self)
{
  tessera_gate_request_forget (self);
  tessera_gate_inbox_clear (&self->in);
  tessera_gate_connection_count (self);
  self->state = TESSERA_GATE_CLOSING;
  tessera_gate_connection_wait_for_nothing (self);
  tessera_gate_connection_mark_dirty (self);
}

gboolean
tessera_gate_connection_is_strict (TesseraGateConnection *self)
{
  return self->secure && self->gate->servers->len > 0;
}

void
tessera_gate_connection_refuse (TesseraGateConnection *self, guint status, const char *description)
{
  tessera_gate_request_forget (self);
  tessera_gate_answer_write_refusal (status, description, tessera_gate_connection_is_strict (self),
                                     tessera_gate_outbox_open (&self->out, &self->gate->buffers));
  tessera_gate_connection_end (self);
}

void
tessera_gate_connection_await_request (TesseraGateConnection *self)
{
  TesseraGate *gate = self->gate;

  self->state = TESSERA_GATE_READING;
  self->seen = self->need = 0;
  self->continued = FALSE;
  tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_IDLE,
                                    gate->draining ? FRESH_MS : gate->limits->idle_ms);
}

/* libsoup has said all, or nothing more counts. */
static void
end_answer (TesseraGateConnection *self)
{
  gboolean complete = self->request.answer.state == TESSERA_GATE_ANSWER_COMPLETE;

  if (self->request.answer.state == TESSERA_GATE_ANSWER_HEAD)
    {
      tessera_gate_connection_refuse (self, 503, "The request was not answered.");
      return;
    }
  if (complete && !self->request.answer.closing)
    {
      tessera_gate_request_end (self);
      tessera_gate_connection_await_request (self);
    }
  else if (complete || !self->request.answer.delimited)
    tessera_gate_connection_end (self);
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
  /* A handler runs the loop within itself: it is for whoever has handed the request out. */
  if (self->request.handing)
    return; /* GCOV_EXCL_LINE: only TLS, which may have to write before it reads, comes by then */
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
    tessera_gate_connection_end (self);
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

gboolean
tessera_gate_connection_flush (TesseraGateConnection *self)
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
    tessera_gate_keep_limits (self->gate);
  return sent;
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
  tessera_gate_deadline_init (&self->request.idle, self);
  g_queue_push_tail_link (&gate->connections, &self->all);
  return self;
}

void
tessera_gate_connection_begin (TesseraGateConnection *self)
{
  tessera_gate_greeting_begin (self);
  if (self->state != TESSERA_GATE_CLOSED)
    tessera_gate_watch (self->gate, self, self->transport.fd, FALSE);
}

void
tessera_gate_connection_advance (TesseraGateConnection *self)
{
  if (!tessera_gate_connection_flush (self))
    return;
  if (self->state == TESSERA_GATE_READING)
    tessera_gate_reader_resume (self);
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
      tessera_gate_reader_read (self);
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

void
tessera_gate_connection_cut (TesseraGateConnection *self)
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
      tessera_gate_connection_refuse (self, 408, "The request did not come in time.");
      break;
    case TESSERA_GATE_WAIT_ANSWER:
    case TESSERA_GATE_WAIT_HELD:
      tessera_gate_connection_refuse (self, 503, "The answer did not come in time.");
      break;
    case TESSERA_GATE_WAIT_WRITE:
      tessera_gate_connection_cut (self);
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
    tessera_gate_connection_refuse (self, 503, "There is too much to do at once.");
  else
    tessera_gate_connection_cut (self);
}

void
tessera_gate_connection_drain (TesseraGateConnection *self)
{
  self->request.answer.closing = TRUE;
  tessera_gate_peer_drain (&self->peer);
  if (self->state != TESSERA_GATE_READING || self->in.length > 0)
    return;
  self->readable = TRUE;
  tessera_gate_reader_read (self);
  if (self->state != TESSERA_GATE_READING || self->in.length > 0)
    return;
  if (self->n_requests > 0)
    tessera_gate_connection_close (self);
  else
    tessera_gate_connection_wait_for (self, TESSERA_GATE_WAIT_IDLE, FRESH_MS);
}
