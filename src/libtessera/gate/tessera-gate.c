/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accepts connections and gives each its turn: one descriptor in the main context, however many
 * connections there are (epoll(7), accept(2)). */

#include "gate/tessera-gate-private.h"

#include "gate/tessera-gate-anchor-private.h"
#include "gate/tessera-gate-connection-private.h"
#include "server/tessera-soup-connections-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 64
#define ACCEPTS_OF_DRAIN 8192
#define PAUSE_US (100 * G_TIME_SPAN_MILLISECOND)
#define WARN_AGAIN_US (10 * G_TIME_SPAN_SECOND)
#define SHED_AT_ONCE 8
#define STAND_IN_PORT 80

typedef struct
{
  GSource parent;
  TesseraGate *gate;
} GateSource;

/* Deadlines */

gboolean
tessera_gate_is_pressed (TesseraGate *self)
{
  return self->connections.length > self->limits->connections / 2;
}

static gint64
get_idle_early (TesseraGate *self)
{
  if (!tessera_gate_is_pressed (self) || self->limits->idle_ms <= self->limits->busy_idle_ms)
    return 0;
  return (gint64) (self->limits->idle_ms - self->limits->busy_idle_ms) * G_TIME_SPAN_MILLISECOND;
}

static void
arm (TesseraGate *self, gint64 at)
{
  if (at >= self->armed)
    return;
  self->armed = at;
  g_source_set_ready_time (self->source, at);
}

void
tessera_gate_set_deadline (TesseraGate *self,
                           TesseraGateDeadline *deadline,
                           TesseraGateWait wait,
                           guint ms)
{
  gint64 due = 0;

  if (self->turning == 0)
    self->now = g_get_monotonic_time ();
  due = self->now + (gint64) ms * G_TIME_SPAN_MILLISECOND;
  if (wait != TESSERA_GATE_WAIT_NOTHING && ms == 0)
    wait = TESSERA_GATE_WAIT_NOTHING;
  tessera_gate_deadlines_set (&self->deadlines, deadline, wait, due);
  if (wait != TESSERA_GATE_WAIT_NOTHING && self->turning == 0)
    arm (self, due);
}

static void
expire (TesseraGate *self)
{
  gint64 early = get_idle_early (self);

  for (TesseraGateWait wait = TESSERA_GATE_WAIT_HANDSHAKE; wait < TESSERA_GATE_N_WAITS; wait++)
    {
      gint64 now = self->now + (wait == TESSERA_GATE_WAIT_IDLE ? early : 0);
      TesseraGateConnection *connection = NULL;

      while ((connection = tessera_gate_deadlines_get_due (&self->deadlines, wait, now)) != NULL)
        {
          self->n_expired += wait != TESSERA_GATE_WAIT_IDLE && wait != TESSERA_GATE_WAIT_STREAM;
          if (wait == TESSERA_GATE_WAIT_STREAM)
            tessera_gate_request_drop_stream (connection);
          else
            tessera_gate_connection_expire (connection);
        }
    }
}

/* Who has gone */

/* The one that has waited longest for a request makes way. */
static gboolean
shed (TesseraGate *self)
{
  TesseraGateConnection *oldest
      = tessera_gate_deadlines_peek (&self->deadlines, TESSERA_GATE_WAIT_IDLE);

  if (oldest == NULL)
    return FALSE;
  tessera_gate_connection_close (oldest);
  self->n_shed++;
  return TRUE;
}

/* Who has let others wait longest with bytes that they could use; NULL: nobody. */
static TesseraGateConnection *
find_hoarder (TesseraGate *self)
{
  static const TesseraGateWait waits[]
      = { TESSERA_GATE_WAIT_HEAD, TESSERA_GATE_WAIT_BODY, TESSERA_GATE_WAIT_WRITE };
  TesseraGateConnection *found = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    {
      TesseraGateConnection *next = tessera_gate_deadlines_peek (&self->deadlines, waits[i]);

      if (next != NULL && (found == NULL || next->deadline.due < found->deadline.due))
        found = next;
    }
  return found;
}

gboolean
tessera_gate_has_room (TesseraGate *self, gsize bytes)
{
  while (self->held + bytes > self->limits->buffer)
    {
      TesseraGateConnection *hoarder = find_hoarder (self);

      if (hoarder == NULL)
        return FALSE;
      self->n_shed++;
      tessera_gate_connection_make_way (hoarder);
    }
  return TRUE;
}

/* Who has waited longest of those that have come by TLS; NULL: nobody. */
static TesseraGateConnection *
find_oldest_tls (TesseraGate *self, TesseraGateWait wait)
{
  for (GList *link = self->deadlines.queues[wait].head; link != NULL; link = link->next)
    {
      TesseraGateConnection *connection = link->data;

      if (connection->transport.tls != NULL)
        return connection;
    }
  return NULL;
}

/* So that neither who idles shuts out who comes, nor who never ends a handshake those that have. */
static TesseraGateConnection *
find_tls_to_go (TesseraGate *self)
{
  static const TesseraGateWait waits[]
      = { TESSERA_GATE_WAIT_IDLE, TESSERA_GATE_WAIT_HANDSHAKE, TESSERA_GATE_WAIT_HEAD,
          TESSERA_GATE_WAIT_BODY, TESSERA_GATE_WAIT_WRITE };
  gsize shaking = self->deadlines.queues[TESSERA_GATE_WAIT_HANDSHAKE].length
                  * tessera_tls_get_handshake_size ();
  TesseraGateConnection *found = NULL;

  if (shaking > self->limits->tls / 2)
    found = find_oldest_tls (self, TESSERA_GATE_WAIT_HANDSHAKE);
  for (guint i = 0; found == NULL && i < G_N_ELEMENTS (waits); i++)
    found = find_oldest_tls (self, waits[i]);
  return found;
}

gboolean
tessera_gate_has_tls_room (TesseraGate *self, gsize bytes)
{
  while (self->tls_held + bytes > self->limits->tls)
    {
      TesseraGateConnection *connection = find_tls_to_go (self);

      if (connection == NULL)
        return FALSE;
      self->n_shed++;
      if (connection->deadline.wait == TESSERA_GATE_WAIT_WRITE)
        tessera_gate_connection_cut (connection);
      else
        tessera_gate_connection_close (connection);
    }
  return TRUE;
}

void
tessera_gate_keep_limits (TesseraGate *self)
{
  tessera_gate_has_room (self, 0);
  tessera_gate_has_tls_room (self, 0);
}

static void
bury (TesseraGate *self)
{
  GList *link = NULL;

  while ((link = g_queue_pop_head_link (&self->gone)) != NULL)
    tessera_gate_connection_free (link->data);
}

/* Accepting */

static void
watch_socket (TesseraGate *self, TesseraGateSocket *socket, int operation, gboolean listen)
{
  struct epoll_event event = { .events = listen ? EPOLLIN : 0, .data.ptr = socket };

  epoll_ctl (self->epoll_fd, operation, socket->fd, &event);
}

static void
set_paused (TesseraGate *self, gboolean paused)
{
  self->paused = paused;
  for (guint i = 0; i < self->sockets->len; i++)
    watch_socket (self, self->sockets->pdata[i], EPOLL_CTL_MOD, !paused);
}

/* Somebody else's connections have to end before there is room again; until then the backlog keeps
 * who comes. */
static void
make_pause (TesseraGate *self, const char *reason)
{
  if (self->warned_at == 0 || self->now - self->warned_at > WARN_AGAIN_US)
    {
      g_warning ("nobody can be accepted for the moment: %s", reason);
      self->warned_at = self->now;
    }
  self->resume_at = self->now + PAUSE_US;
  if (!self->paused)
    set_paused (self, TRUE);
}

static gboolean
has_waiting (TesseraGateSocket *socket)
{
  struct pollfd poll_fd = { .fd = socket->fd, .events = POLLIN };

  return poll (&poll_fd, 1, 0) > 0;
}

/* FALSE: nobody needs it, or there is nobody to make way. */
static gboolean
make_room (TesseraGate *self, TesseraGateSocket *socket)
{
  if (self->connections.length < self->limits->connections)
    return TRUE;
  if (!has_waiting (socket))
    return FALSE;
  if (shed (self))
    return TRUE;
  make_pause (self, "all connections are in use");
  return FALSE;
}

/* Takes @fd. */
static void
receive (TesseraGate *self, TesseraGateSocket *socket, int fd, const struct sockaddr *from)
{
  gboolean is_proxy = tessera_gate_proxies_contain (socket->proxies, from);
  TesseraGateAddress address = { 0 };
  TesseraGateConnection *connection = NULL;
  int one = 1;

  if (!socket->is_unix)
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!is_proxy)
    tessera_gate_address_read (&address, from);
  if ((socket->proxy_protocol && !is_proxy)
      || !tessera_gate_addresses_add (self->addresses, &address,
                                      self->limits->connections_per_address))
    {
      self->n_refused++;
      close (fd);
      return;
    }
  self->n_accepted++;
  connection = tessera_gate_connection_new (self, socket, fd, &address);
  tessera_gate_connection_begin (connection);
}

/* FALSE: nobody more for now. */
static gboolean
accept_one (TesseraGate *self, TesseraGateSocket *socket)
{
  struct sockaddr_storage from;
  socklen_t length = sizeof from;
  int fd = -1;

  if (!make_room (self, socket))
    return FALSE;
  from.ss_family = AF_UNSPEC;
  fd = accept4 (socket->fd, (struct sockaddr *) &from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0)
    {
      receive (self, socket, fd, (struct sockaddr *) &from);
      return TRUE;
    }
  switch (errno)
    {
    case EAGAIN:
      return FALSE;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      for (guint i = 0; i < SHED_AT_ONCE; i++)
        if (!shed (self))
          break;
      make_pause (self, g_strerror (errno));
      return FALSE;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
      /* By somebody else; it would be ready for ever. */
      g_warning ("a socket was closed, and nobody is accepted there any more");
      watch_socket (self, socket, EPOLL_CTL_DEL, FALSE);
      return FALSE;
    default: /* ECONNABORTED, and errors of the network (accept(2)): only of that one */
      return TRUE;
    }
}

static void
accept_some (TesseraGate *self, TesseraGateSocket *socket, guint max)
{
  for (guint i = 0; i < max && !self->paused; i++)
    if (!accept_one (self, socket))
      return;
}

/* The source */

void
tessera_gate_watch (TesseraGate *self, TesseraGateConnection *connection, int fd, gboolean out)
{
  struct epoll_event event = {
    .events = EPOLLIN | EPOLLRDHUP | EPOLLET | (out ? EPOLLOUT : 0),
    .data.ptr = connection,
  };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT)
    epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void
handle_event (TesseraGate *self, struct epoll_event *event)
{
  TesseraGateWatch *watch = event->data.ptr;

  if (*watch == TESSERA_GATE_WATCH_SOCKET)
    {
      if (!self->stopped)
        accept_some (self, event->data.ptr, ACCEPTS_A_TURN);
      return;
    }
  if (((TesseraGateConnection *) event->data.ptr)->state != TESSERA_GATE_CLOSED)
    tessera_gate_connection_on_event (event->data.ptr, event->events);
}

/* A turn within a turn goes on with what the outer one has fetched: no event is told of twice. */
static void
handle_events (TesseraGate *self)
{
  while (self->next_event < self->n_events)
    handle_event (self, &self->events[self->next_event++]);
}

static void
fetch_events (TesseraGate *self)
{
  int n_events = 0;

  if (self->next_event < self->n_events)
    return;
  n_events = epoll_wait (self->epoll_fd, self->events, TESSERA_GATE_EVENTS, 0);
  self->next_event = 0;
  self->n_events = (guint) MAX (n_events, 0);
}

/* Only who is dirty now: they may be so again, and then it is the others' turn. */
static void
handle_dirty (TesseraGate *self)
{
  for (guint n = self->dirty.length; n > 0 && self->dirty.length > 0; n--)
    {
      TesseraGateConnection *connection = g_queue_pop_head_link (&self->dirty)->data;

      connection->is_dirty = FALSE;
      tessera_gate_connection_advance (connection);
    }
}

static void
handle_time (TesseraGate *self)
{
  if (self->paused && self->resume_at <= self->now)
    set_paused (self, FALSE);
  expire (self);
}

static void
rearm (TesseraGate *self)
{
  gint64 next = tessera_gate_deadlines_get_next (&self->deadlines, get_idle_early (self));

  if (self->paused)
    next = MIN (next, self->resume_at);
  if (self->armed <= self->now)
    {
      self->armed = G_MAXINT64;
      if (next == G_MAXINT64)
        g_source_set_ready_time (self->source, -1);
    }
  arm (self, next);
}

static void free_now (TesseraGate *self);

void
tessera_gate_end_turn (TesseraGate *self)
{
  if (--self->turning > 0)
    return;
  bury (self);
  if (self->freed)
    {
      free_now (self);
      return;
    }
  rearm (self);
  if (self->connections.length == 0 && self->draining)
    self->on_empty (self->data);
}

void
tessera_gate_begin_turn (TesseraGate *self)
{
  if (self->turning++ == 0)
    self->now = g_get_monotonic_time ();
}

static gboolean
has_work (TesseraGate *self)
{
  return self->dirty.length > 0 || self->next_event < self->n_events;
}

static gboolean
on_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return has_work (((GateSource *) source)->gate);
}

static gboolean
on_check (GSource *source)
{
  TesseraGate *self = ((GateSource *) source)->gate;

  return has_work (self) || g_source_query_unix_fd (source, self->epoll_tag) != 0;
}

static void
take_turn (TesseraGate *self, GSource *source)
{
  self->now = g_get_monotonic_time ();
  if (g_source_query_unix_fd (source, self->epoll_tag) != 0)
    fetch_events (self);
  handle_events (self);
  handle_dirty (self);
  if (self->armed <= self->now)
    handle_time (self);
}

/* A handler may run the loop within itself: what lies in the scratch is still to be used then. */
static gboolean
on_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  TesseraGate *self = ((GateSource *) source)->gate;
  char *scratch = self->scratch;

  if (self->turning > 0)
    self->scratch = g_malloc (TESSERA_GATE_SCRATCH);
  tessera_gate_begin_turn (self);
  take_turn (self, source);
  if (self->scratch != scratch)
    g_free (self->scratch);
  self->scratch = scratch;
  tessera_gate_end_turn (self);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = { on_prepare, on_check, on_dispatch, NULL, NULL, NULL };

static GSource *
make_source (TesseraGate *self)
{
  GSource *source = g_source_new (&source_funcs, sizeof (GateSource));
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  ((GateSource *) source)->gate = self;
  g_source_set_static_name (source, "tessera-gate");
  /* Else GLib takes the descriptor out of its list for each dispatch, and wakes itself for it. */
  g_source_set_can_recurse (source, TRUE);
  self->epoll_tag = g_source_add_unix_fd (source, self->epoll_fd, G_IO_IN);
  g_source_attach (source, context);
  return source;
}

/* Sockets */

static void
socket_free (gpointer data)
{
  TesseraGateSocket *self = data;

  g_clear_object (&self->socket);
  g_clear_pointer (&self->tls, tessera_tls_context_unref);
  g_clear_object (&self->local);
  g_clear_pointer (&self->proxies, tessera_gate_proxies_unref);
  g_free (self);
}

/* NULL: each connection has its own. */
static GSocketAddress *
find_local (GSocket *socket)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (socket, NULL);

  if (!G_IS_INET_SOCKET_ADDRESS (address))
    return g_inet_socket_address_new_from_string ("127.0.0.1", STAND_IN_PORT);
  if (g_inet_address_get_is_any (
          g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address))))
    return NULL;
  return g_steal_pointer (&address);
}

gboolean
tessera_gate_add_socket (TesseraGate *self,
                         GSocket *socket,
                         GTlsCertificate *certificate,
                         const char *const *trusted_proxies,
                         GError **error)
{
  g_autoptr (TesseraTlsContext) tls = NULL;
  g_autoptr (TesseraGateProxies) proxies = tessera_gate_proxies_new (trusted_proxies, error);
  TesseraGateSocket *entry = NULL;
  int listening = 0;

  if (proxies == NULL
      || !g_socket_get_option (socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, error))
    return FALSE;
  if (!listening || g_socket_get_socket_type (socket) != G_SOCKET_TYPE_STREAM)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "the socket does not listen for streams");
      return FALSE;
    }
  if (certificate != NULL && (tls = tessera_tls_context_new (certificate, error)) == NULL)
    return FALSE;
  g_socket_set_blocking (socket, FALSE);
  entry = g_new0 (TesseraGateSocket, 1);
  entry->watch = TESSERA_GATE_WATCH_SOCKET;
  entry->gate = self;
  entry->socket = g_object_ref (socket);
  entry->fd = g_socket_get_fd (socket);
  entry->is_unix = g_socket_get_family (socket) == G_SOCKET_FAMILY_UNIX;
  entry->tls = g_steal_pointer (&tls);
  entry->proxies = g_steal_pointer (&proxies);
  entry->local = find_local (socket);
  g_ptr_array_add (self->sockets, entry);
  watch_socket (self, entry, EPOLL_CTL_ADD, !self->paused);
  return TRUE;
}

void
tessera_gate_set_proxy_protocol (TesseraGate *self, GSocket *socket, gboolean expected)
{
  for (guint i = 0; i < self->sockets->len; i++)
    {
      TesseraGateSocket *entry = self->sockets->pdata[i];

      if (socket == NULL || entry->socket == socket)
        entry->proxy_protocol = expected;
    }
}

gboolean
tessera_gate_set_trusted_proxies (TesseraGate *self,
                                  GSocket *socket,
                                  const char *const *trusted_proxies,
                                  GError **error)
{
  g_autoptr (TesseraGateProxies) proxies = tessera_gate_proxies_new (trusted_proxies, error);

  for (guint i = 0; proxies != NULL && i < self->sockets->len; i++)
    {
      TesseraGateSocket *entry = self->sockets->pdata[i];

      if (socket != NULL && entry->socket != socket)
        continue;
      tessera_gate_proxies_unref (entry->proxies);
      entry->proxies = tessera_gate_proxies_ref (proxies);
    }
  return proxies != NULL;
}

gboolean
tessera_gate_set_certificate (TesseraGate *self,
                              GSocket *socket,
                              GTlsCertificate *certificate,
                              GError **error)
{
  g_autoptr (TesseraTlsContext) tls = tessera_tls_context_new (certificate, error);

  for (guint i = 0; tls != NULL && i < self->sockets->len; i++)
    {
      TesseraGateSocket *entry = self->sockets->pdata[i];

      if ((socket != NULL && entry->socket != socket) || entry->tls == NULL)
        continue;
      tessera_tls_context_unref (entry->tls);
      entry->tls = tessera_tls_context_ref (tls);
    }
  return tls != NULL;
}

/* The sockets stay: an event may still name them. */
static void
stop_listening (TesseraGate *self)
{
  self->stopped = TRUE;
  for (guint i = 0; i < self->sockets->len; i++)
    watch_socket (self, self->sockets->pdata[i], EPOLL_CTL_DEL, FALSE);
  self->paused = FALSE;
}

/* The whole */

static void
on_request_finished (SoupServer *soup, SoupServerMessage *message, TesseraGate *self)
{
  tessera_gate_request_on_finished (self, message);
}

TesseraGate *
tessera_gate_new (SoupServer *soup,
                  GPtrArray *servers,
                  const TesseraGateLimits *limits,
                  void (*on_empty) (gpointer data),
                  gpointer data,
                  GError **error)
{
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  TesseraGate *self = NULL;

  if (epoll_fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s", g_strerror (errno));
      return NULL;
    }
  self = g_new0 (TesseraGate, 1);
  self->soup = soup;
  self->servers = servers;
  self->limits = limits;
  self->on_empty = on_empty;
  self->data = data;
  self->epoll_fd = epoll_fd;
  self->now = g_get_monotonic_time ();
  self->armed = G_MAXINT64;
  self->sockets = g_ptr_array_new_with_free_func (socket_free);
  self->addresses = tessera_gate_addresses_new ();
  tessera_gate_deadlines_init (&self->deadlines);
  self->scratch = g_malloc (TESSERA_GATE_SCRATCH);
  tessera_gate_buffers_init (&self->buffers);
  self->source = make_source (self);
  self->anchored = tessera_gate_anchor (soup);
  self->request_finished
      = g_signal_connect (soup, "request-finished", G_CALLBACK (on_request_finished), self);
  tessera_soup_connections_watch (soup);
  return self;
}

static void
free_now (TesseraGate *self)
{
  bury (self);
  g_signal_handler_disconnect (self->soup, self->request_finished);
  tessera_soup_connections_unwatch (self->soup);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  close (self->epoll_fd);
  g_ptr_array_unref (self->sockets);
  tessera_gate_addresses_free (self->addresses);
  explicit_bzero (self->scratch, TESSERA_GATE_SCRATCH);
  g_free (self->scratch);
  tessera_gate_buffers_clear (&self->buffers);
  g_free (self);
}

void
tessera_gate_free (TesseraGate *self)
{
  tessera_gate_close (self);
  if (self->turning > 0)
    self->freed = TRUE;
  else
    free_now (self);
}

void
tessera_gate_drain (TesseraGate *self)
{
  tessera_gate_begin_turn (self);
  for (guint i = 0; !self->draining && i < self->sockets->len; i++)
    accept_some (self, self->sockets->pdata[i], ACCEPTS_OF_DRAIN);
  stop_listening (self);
  self->draining = TRUE;
  for (GList *link = self->connections.head; link != NULL;)
    {
      TesseraGateConnection *connection = link->data;

      link = link->next;
      tessera_gate_connection_drain (connection);
    }
  tessera_gate_end_turn (self);
}

void
tessera_gate_close (TesseraGate *self)
{
  stop_listening (self);
  while (self->connections.head != NULL)
    tessera_gate_connection_close (self->connections.head->data);
  if (self->turning == 0)
    bury (self);
}
