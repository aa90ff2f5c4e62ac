/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection: reads a request whole (RFC 9112), lets libsoup answer it, sends the answer, and
 * waits for the next one. */

#include "gate/tessera-gate-connection-private.h"

#include "gate/tessera-proxy-protocol-private.h"
#include "server/tessera-peer-private.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define OUT_MAX (256 * 1024) /* unsent bytes; a writer waits while there are more */
#define OUT_LOW (64 * 1024)
#define REQUESTS_A_TURN 16 /* then others have their turn */
#define LINGER_MS 2000
#define LINGER_BYTES (1024 * 1024)
#define FRESH_MS 500 /* who connected before a drain and has not spoken yet */
#define STAND_IN_PORT 80
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* Outlives the connection while libsoup holds its address. */
struct _TesseraGatePeer
{
  TesseraPeer base;
  TesseraGateConnection *connection; /* NULL when it is gone */
};

/* Deadlines */

static void
wait_for (TesseraGateConnection *self, TesseraGateWait wait, guint ms)
{
  tessera_gate_set_deadline (self->gate, &self->deadline, wait, ms);
}

static void
wait_for_nothing (TesseraGateConnection *self)
{
  if (self->deadline.wait != TESSERA_GATE_WAIT_NOTHING)
    wait_for (self, TESSERA_GATE_WAIT_NOTHING, 0);
}

static void
mark_dirty (TesseraGateConnection *self)
{
  if (self->is_dirty || self->state == TESSERA_GATE_CLOSED)
    return;
  self->is_dirty = TRUE;
  g_queue_push_tail_link (&self->gate->dirty, &self->dirty);
}

/* The end */

static void
forget_request (TesseraGateConnection *self)
{
  if (self->stream == NULL)
    return;
  tessera_gate_stream_forget_owner (self->stream);
  g_clear_object (&self->stream);
  tessera_gate_return_string (self->gate, g_steal_pointer (&self->request));
  tessera_gate_answer_clear (&self->answer);
  self->gate->n_requests--;
}

static void
drop_buffers (TesseraGateConnection *self)
{
  if (self->out != NULL)
    tessera_gate_return_array (self->gate, g_steal_pointer (&self->out));
  self->out_at = 0;
  g_clear_pointer (&self->in, g_byte_array_unref);
}

void
tessera_gate_connection_close (TesseraGateConnection *self)
{
  TesseraGate *gate = self->gate;

  if (self->state == TESSERA_GATE_CLOSED)
    return;
  self->state = TESSERA_GATE_CLOSED;
  forget_request (self);
  drop_buffers (self);
  wait_for_nothing (self);
  epoll_ctl (gate->epoll_fd, EPOLL_CTL_DEL, self->transport.fd, NULL);
  tessera_gate_transport_close (&self->transport);
  tessera_gate_addresses_remove (gate->addresses, &self->address);
  if (self->peer != NULL)
    self->peer->connection = NULL;
  g_clear_object (&self->remote);
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
    wait_for (self, TESSERA_GATE_WAIT_LINGER, LINGER_MS);
}

/* Sending */

static void
watch_out (TesseraGateConnection *self, gboolean out)
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
  gboolean progress = FALSE;

  while (self->out != NULL && self->out_at < self->out->len)
    {
      gssize sent = tessera_gate_transport_write (&self->transport, self->out->data + self->out_at,
                                                  self->out->len - self->out_at);

      if (sent == TESSERA_GATE_TRANSPORT_BROKEN)
        {
          tessera_gate_connection_close (self);
          return FALSE;
        }
      if (sent == TESSERA_GATE_TRANSPORT_LATER)
        {
          if (progress || self->deadline.wait != TESSERA_GATE_WAIT_WRITE)
            wait_for (self, TESSERA_GATE_WAIT_WRITE, self->gate->limits->write_ms);
          watch_out (self, TRUE);
          return FALSE;
        }
      self->out_at += (gsize) sent;
      progress = TRUE;
    }
  if (self->out != NULL)
    tessera_gate_return_array (self->gate, g_steal_pointer (&self->out));
  self->out_at = 0;
  watch_out (self, FALSE);
  return TRUE;
}

static gsize
get_unsent (TesseraGateConnection *self)
{
  return self->out != NULL ? self->out->len - self->out_at : 0;
}

/* Room for more, with what was sent out of the way. */
static GByteArray *
open_out (TesseraGateConnection *self)
{
  if (self->out == NULL)
    self->out = tessera_gate_borrow_array (self->gate);
  if (self->out_at > 0)
    g_byte_array_remove_range (self->out, 0, (guint) self->out_at);
  self->out_at = 0;
  return self->out;
}

/* Nothing more is read as requests; when all is sent, it ends. */
static void
end (TesseraGateConnection *self)
{
  forget_request (self);
  self->state = TESSERA_GATE_CLOSING;
  wait_for_nothing (self);
  mark_dirty (self);
}

static void
refuse (TesseraGateConnection *self, guint status, const char *description)
{
  forget_request (self);
  tessera_gate_answer_write_refusal (status, description, FALSE, open_out (self));
  end (self);
}

/* libsoup's side */

static gssize
on_stream_read_tunnel (TesseraGateConnection *self, void *buffer, gsize count)
{
  gssize got = 0;

  if (self->handing) /* what came before it has not been put by yet */
    return TESSERA_GATE_STREAM_LATER;
  if (self->in != NULL)
    {
      gsize part = MIN (count, self->in->len);

      memcpy (buffer, self->in->data, part);
      if (part == self->in->len)
        g_clear_pointer (&self->in, g_byte_array_unref);
      else
        g_byte_array_remove_range (self->in, 0, (guint) part);
      return (gssize) part;
    }
  got = tessera_gate_transport_read (&self->transport, buffer, count);
  if (got == TESSERA_GATE_TRANSPORT_LATER)
    return TESSERA_GATE_STREAM_LATER;
  return MAX (got, 0);
}

/* The head first and by itself: libsoup moves what it has read behind each line of a head. */
static gssize
on_stream_read (gpointer owner, void *buffer, gsize count)
{
  TesseraGateConnection *self = owner;
  gsize end = self->request_at < self->request_head ? self->request_head : self->request->len;
  gsize part = MIN (count, end - self->request_at);

  if (self->state == TESSERA_GATE_TUNNELING)
    return on_stream_read_tunnel (self, buffer, count);
  if (part == 0 && self->answer.state == TESSERA_GATE_ANSWER_COMPLETE)
    return 0;
  if (part == 0)
    return TESSERA_GATE_STREAM_LATER;
  memcpy (buffer, self->request->str + self->request_at, part);
  self->request_at += part;
  return (gssize) part;
}

static void
note_answer (TesseraGateConnection *self)
{
  if (self->answer.state == TESSERA_GATE_ANSWER_TUNNEL)
    self->state = TESSERA_GATE_TUNNELING;
  if (self->state == TESSERA_GATE_TUNNELING && !self->handing)
    tessera_gate_stream_wake_input (self->stream);
  if (self->answer.state != TESSERA_GATE_ANSWER_HEAD
      && (self->deadline.wait == TESSERA_GATE_WAIT_ANSWER
          || self->deadline.wait == TESSERA_GATE_WAIT_HELD))
    wait_for_nothing (self);
}

static gssize
on_stream_write (gpointer owner, const void *bytes, gsize count, gboolean all)
{
  TesseraGateConnection *self = owner;
  gsize unsent = get_unsent (self);

  if (!all && unsent >= OUT_MAX)
    {
      self->writer_waits = TRUE;
      return TESSERA_GATE_STREAM_LATER;
    }
  if (!all)
    count = MIN (count, OUT_MAX - unsent);
  tessera_gate_answer_take (&self->answer, bytes, count, open_out (self));
  note_answer (self);
  if (!self->handing)
    mark_dirty (self);
  return (gssize) count;
}

static void
on_stream_close (gpointer owner, gboolean input)
{
  TesseraGateConnection *self = owner;

  if (input)
    self->stream_done = TRUE;
  self->shut = TRUE;
  if (!self->handing)
    mark_dirty (self);
}

static const TesseraGateStreamFuncs stream_funcs = {
  on_stream_read,
  on_stream_write,
  on_stream_close,
};

/* Addresses */

static void
on_hold (TesseraPeer *base, guint seconds)
{
  TesseraGateConnection *self = ((TesseraGatePeer *) base)->connection;

  if (self != NULL && self->state == TESSERA_GATE_ANSWERING
      && self->answer.state == TESSERA_GATE_ANSWER_HEAD)
    wait_for (self, TESSERA_GATE_WAIT_HELD, seconds * 1000);
}

static GSocketAddress *
ask_address (int fd, int (*ask) (int fd, struct sockaddr *address, socklen_t *length))
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  if (ask (fd, (struct sockaddr *) &address, &length) < 0)
    return NULL;
  return g_socket_address_new_from_native (&address, length);
}

static int
ask_peer (int fd, struct sockaddr *address, socklen_t *length)
{
  return getpeername (fd, address, length);
}

static int
ask_own (int fd, struct sockaddr *address, socklen_t *length)
{
  return getsockname (fd, address, length);
}

static void
find_remote (TesseraGateConnection *self)
{
  if (self->remote == NULL)
    self->remote = ask_address (self->transport.fd, ask_peer);
  if (self->remote == NULL)
    self->remote = g_unix_socket_address_new (""); /* gone already, or without a name */
  if (self->peer != NULL)
    return;
  self->peer = g_new0 (TesseraGatePeer, 1);
  self->peer->base.secure = self->secure;
  self->peer->base.hold = on_hold;
  self->peer->connection = self;
  tessera_peer_attach (&self->peer->base, self->remote, g_free);
}

/* libsoup takes the local address for the host when a request names none, and asserts that it is an
 * internet address. */
static GSocketAddress *
get_local (TesseraGateConnection *self)
{
  g_autoptr (GSocketAddress) address = NULL;

  if (self->socket->local != NULL)
    return g_object_ref (self->socket->local);
  address = ask_address (self->transport.fd, ask_own);
  if (G_IS_INET_SOCKET_ADDRESS (address))
    return g_steal_pointer (&address);
  return g_inet_socket_address_new_from_string ("127.0.0.1", STAND_IN_PORT);
}

/* A whole request */

static gboolean
may_keep (TesseraGateConnection *self, const TesseraRequestHead *head)
{
  return head->keep_alive && head->minor_version > 0 && !self->gate->draining
         && self->n_requests < self->gate->limits->requests;
}

static void
hand_over (TesseraGateConnection *self, const TesseraRequestHead *head, const char *bytes)
{
  TesseraGate *gate = self->gate;
  g_autoptr (GSocketAddress) local = get_local (self);

  self->n_requests++;
  self->request = tessera_gate_borrow_string (gate);
  tessera_request_head_write (head, bytes, TRUE, self->request);
  self->request_head = self->request->len;
  self->request_at = 0;
  g_string_append_len (self->request, bytes + head->head_length, (gssize) head->content_length);
  tessera_gate_answer_init (&self->answer, head->method == TESSERA_REQUEST_METHOD_HEAD,
                            !may_keep (self, head));
  find_remote (self);

  self->state = TESSERA_GATE_ANSWERING;
  self->stream_done = self->shut = self->writer_waits = FALSE;
  wait_for (self, TESSERA_GATE_WAIT_ANSWER, gate->limits->answer_ms);
  gate->n_requests++;
  self->stream = tessera_gate_stream_new (&stream_funcs, self);
  self->handing = TRUE;
  soup_server_accept_iostream (gate->soup, G_IO_STREAM (self->stream), local, self->remote, NULL);
  self->handing = FALSE;
  if (self->state == TESSERA_GATE_TUNNELING)
    tessera_gate_stream_wake_input (self->stream);
}

static void
await_request (TesseraGateConnection *self)
{
  TesseraGate *gate = self->gate;

  self->state = TESSERA_GATE_READING;
  self->seen = self->need = 0;
  self->continued = FALSE;
  wait_for (self, TESSERA_GATE_WAIT_IDLE, gate->limits->idle_ms);
}

/* libsoup has said all, or nothing more counts. */
static void
end_answer (TesseraGateConnection *self)
{
  gboolean complete = self->answer.state == TESSERA_GATE_ANSWER_COMPLETE;

  if (self->answer.state == TESSERA_GATE_ANSWER_HEAD)
    {
      refuse (self, 503, "The request was not answered.");
      return;
    }
  if (complete && !self->answer.closing)
    {
      forget_request (self);
      await_request (self);
    }
  else if (complete || !self->answer.delimited)
    end (self);
  else
    tessera_gate_connection_close (self); /* the client must not take it for whole */
}

static gboolean
is_answered (TesseraGateConnection *self)
{
  return self->shut || self->answer.state == TESSERA_GATE_ANSWER_COMPLETE;
}

/* An event stream whose client has gone, which nobody would notice until the next event. */
static gboolean
is_deserted (TesseraGateConnection *self)
{
  return self->hung_up && self->state == TESSERA_GATE_ANSWERING
         && self->answer.state == TESSERA_GATE_ANSWER_BODY && get_unsent (self) == 0
         && (self->answer.chunked || !self->answer.delimited);
}

static void
advance_answer (TesseraGateConnection *self)
{
  if (is_answered (self))
    end_answer (self);
  else if (is_deserted (self))
    tessera_gate_connection_close (self);
  else if (self->deadline.wait == TESSERA_GATE_WAIT_WRITE)
    wait_for_nothing (self);
}

static void
advance_tunnel (TesseraGateConnection *self)
{
  if (self->deadline.wait == TESSERA_GATE_WAIT_WRITE)
    wait_for_nothing (self);
  if (self->stream_done)
    end (self);
  else if (self->shut)
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
  if (self->writer_waits && get_unsent (self) <= OUT_LOW)
    {
      self->writer_waits = FALSE;
      tessera_gate_stream_wake_output (self->stream);
    }
  if (!sent)
    return FALSE;
  go_on (self);
  return TRUE;
}

/* Reading */

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
      refuse (self, head->status, head->description);
      return length;
    }
  if (state == TESSERA_REQUEST_HEAD_PARTIAL)
    {
      if (self->deadline.wait != TESSERA_GATE_WAIT_HEAD)
        wait_for (self, TESSERA_GATE_WAIT_HEAD, gate->limits->head_ms);
      return 0;
    }
  self->need = head->head_length + head->content_length;
  if (length >= self->need)
    {
      hand_over (self, head, bytes);
      return self->need;
    }
  wait_for (self, TESSERA_GATE_WAIT_BODY, gate->limits->body_ms);
  if (head->expects_continue && !self->continued && length == head->head_length)
    {
      GByteArray *out = open_out (self);

      self->continued = TRUE;
      g_byte_array_append (out, (const guint8 *) CONTINUE, strlen (CONTINUE));
      mark_dirty (self);
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
      if (self->state != TESSERA_GATE_ANSWERING || !is_answered (self) || !flush (self)
          || self->state != TESSERA_GATE_READING)
        break;
    }
  self->unread = used < length;
  return used;
}

static void
keep_rest (TesseraGateConnection *self, const char *bytes, gsize length)
{
  self->in = g_byte_array_sized_new ((guint) length);
  g_byte_array_append (self->in, (const guint8 *) bytes, (guint) length);
}

/* @bytes lie in the scratch; what is left of them is kept. */
static void
take_bytes (TesseraGateConnection *self, const char *bytes, gsize length)
{
  g_autoptr (GByteArray) in = g_steal_pointer (&self->in);
  gsize used = 0;

  if (in != NULL)
    {
      g_byte_array_append (in, (const guint8 *) bytes, (guint) length);
      bytes = (const char *) in->data;
      length = in->len;
    }
  used = read_all (self, bytes, length);
  if (self->state == TESSERA_GATE_CLOSED || used == length)
    return;
  if (in != NULL && used == 0)
    self->in = g_steal_pointer (&in);
  else
    keep_rest (self, bytes + used, length - used);
  if (self->unread && self->state == TESSERA_GATE_READING)
    mark_dirty (self);
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
  while (self->state == TESSERA_GATE_READING && self->readable)
    {
      gssize got = tessera_gate_transport_read (&self->transport, self->gate->scratch,
                                                TESSERA_GATE_SCRATCH);

      if (got == TESSERA_GATE_TRANSPORT_LATER)
        {
          self->readable = FALSE;
          watch_out (self, tessera_gate_transport_wants_room (&self->transport));
        }
      else if (got <= 0)
        on_end (self);
      else
        {
          /* Less than asked: that was all (epoll(7)), but for an end that came with it. */
          if (got < TESSERA_GATE_SCRATCH && self->transport.tls == NULL && !self->hung_up)
            self->readable = FALSE;
          take_bytes (self, self->gate->scratch, (gsize) got);
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

static void shake_hands (TesseraGateConnection *self);
static void on_readable (TesseraGateConnection *self);

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

/* The handshake, which goes on by steps. */

static void
on_handshake (TesseraTls *tls, TesseraTlsState state, gpointer data)
{
  TesseraGateConnection *self = data;
  TesseraGate *gate = self->gate;

  tessera_gate_begin_turn (gate);
  self->stepping = FALSE;
  if (state == TESSERA_TLS_FAILED)
    tessera_gate_connection_close (self);
  else if (state == TESSERA_TLS_READY)
    {
      watch_out (self, FALSE);
      self->readable = TRUE; /* the descriptor says nothing of what TLS has read already */
      await_request (self);
      read_requests (self);
    }
  else
    {
      watch_out (self, state == TESSERA_TLS_WANTS_WRITE);
      shake_hands (self);
    }
  tessera_gate_end_turn (gate);
}

/* Once something has come, or there is room again. */
static void
shake_hands (TesseraGateConnection *self)
{
  if (self->stepping || !self->readable)
    return;
  self->readable = FALSE;
  self->stepping = TRUE;
  tessera_tls_handshake (self->transport.tls, on_handshake, self);
}

static void
begin_requests (TesseraGateConnection *self)
{
  TesseraTlsContext *tls = self->socket->tls;

  if (tls == NULL)
    {
      await_request (self);
      return;
    }
  self->secure = true;
  self->state = TESSERA_GATE_HANDSHAKING;
  self->transport.tls = tessera_tls_new (tls, self->transport.fd);
  wait_for (self, TESSERA_GATE_WAIT_HANDSHAKE, self->gate->limits->handshake_ms);
}

/* The introduction (PROXY protocol), which comes before TLS */

/* FALSE: there are too many from there. */
static gboolean
take_introduction (TesseraGateConnection *self, const TesseraProxyProtocol *proxy)
{
  struct sockaddr_storage native = { 0 };

  if (!proxy->known)
    return TRUE;
  self->remote = tessera_proxy_protocol_dup_address (proxy);
  self->secure = proxy->secure;
  if (!g_socket_address_to_native (self->remote, &native, sizeof native, NULL))
    return FALSE;
  tessera_gate_address_read (&self->address, (struct sockaddr *) &native);
  if (tessera_gate_addresses_add (self->gate->addresses, &self->address,
                                  self->gate->limits->connections_per_address))
    return TRUE;
  self->address.family = 0;
  return FALSE;
}

/* What comes behind it stays with the kernel: it may be TLS's. */
static void
introduce (TesseraGateConnection *self)
{
  TesseraProxyProtocol proxy;
  guint8 *bytes = (guint8 *) self->gate->scratch;
  gssize got = tessera_gate_transport_peek (&self->transport, bytes, TESSERA_PROXY_PROTOCOL_MAX);
  TesseraProxyProtocolState state = TESSERA_PROXY_PROTOCOL_REFUSED;

  if (got == TESSERA_GATE_TRANSPORT_LATER)
    return;
  if (got > 0)
    state = tessera_proxy_protocol_parse (&proxy, bytes, (gsize) got);
  if (state == TESSERA_PROXY_PROTOCOL_PARTIAL && !self->hung_up)
    return;
  if (state != TESSERA_PROXY_PROTOCOL_COMPLETE
      || tessera_gate_transport_discard (&self->transport, bytes, proxy.length)
             != (gssize) proxy.length
      || !take_introduction (self, &proxy))
    {
      tessera_gate_connection_close (self);
      return;
    }
  begin_requests (self);
  on_readable (self); /* of what came with it no event will tell */
}

void
tessera_gate_connection_begin (TesseraGateConnection *self)
{
  if (self->socket->proxy_protocol)
    {
      self->state = TESSERA_GATE_INTRODUCING;
      wait_for (self, TESSERA_GATE_WAIT_HANDSHAKE, self->gate->limits->head_ms);
    }
  else
    begin_requests (self);
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

static void
on_readable (TesseraGateConnection *self)
{
  self->readable = TRUE;
  switch (self->state)
    {
    case TESSERA_GATE_INTRODUCING:
      introduce (self);
      break;
    case TESSERA_GATE_HANDSHAKING:
      shake_hands (self);
      break;
    case TESSERA_GATE_READING:
      read_requests (self);
      break;
    case TESSERA_GATE_LINGERING:
      discard (self);
      break;
    case TESSERA_GATE_TUNNELING:
      tessera_gate_stream_wake_input (self->stream);
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
    on_readable (self);
  if (self->state == TESSERA_GATE_CLOSED)
    return;
  if (is_over (self, events))
    tessera_gate_connection_close (self);
  else if (has_room || (self->transport.tls != NULL && get_unsent (self) > 0) || is_deserted (self))
    tessera_gate_connection_advance (self);
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
    default:
      tessera_gate_connection_close (self);
      break;
    }
}

void
tessera_gate_connection_drain (TesseraGateConnection *self)
{
  self->answer.closing = TRUE;
  if (self->state != TESSERA_GATE_READING || self->in != NULL)
    return;
  self->readable = TRUE;
  read_requests (self);
  if (self->state != TESSERA_GATE_READING || self->in != NULL)
    return;
  if (self->n_requests > 0)
    tessera_gate_connection_close (self);
  else
    wait_for (self, TESSERA_GATE_WAIT_IDLE, FRESH_MS);
}
