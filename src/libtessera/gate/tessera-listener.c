/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public side of the gate: sockets, limits, drain. */

#include "gate/tessera-listener.h"

#include "base/tessera-metrics-private.h"
#include "gate/tessera-gate-private.h"
#include "server/tessera-server-private.h"

#include <errno.h>
#include <sys/socket.h>

#define BACKLOG 4096

/**
 * TesseraListener:
 *
 * The strict front door of a [class@Soup.Server].
 *
 * libsoup's own documentation does not recommend its server towards clients that are not trusted.
 * A listener stands before one: it accepts the connections itself, reads requests by the letter
 * (RFC 9112) and wholly before anything runs for them, keeps limits and deadlines, and costs a
 * connection that idles next to nothing. libsoup answers what has passed, as if the request had
 * come to a socket of its own; handlers, auth domains, event streams and WebSockets work as ever.
 * A path with `.` or `..` among its parts is refused, escaped or not; so is another spelling of the
 * path of an endpoint (`/%6Awks`), which libsoup would take for it, if the server was given the
 * listener by [method@Server.add_listener]. Other escapes are decoded by libsoup as ever.
 *
 * ```c
 * TesseraListener *listener = tessera_listener_new (soup_server);
 * tessera_listener_add_address (listener, address, NULL, NULL, NULL, &error);
 * tessera_server_add_listener (server, listener);
 * ```
 *
 * The SoupServer needs no listening socket of its own and should have none. (libsoup takes several
 * requests from a stream that it was handed only while its server listens, so a listener lends it a
 * datagram socket that is connected to itself, where nobody can come; it is among
 * [method@Soup.Server.get_listeners].) Its handlers see
 * `http` in the address of a request that came with TLS, since TLS ends here.
 *
 * A listener belongs to the thread-default main context of its creation, as does its SoupServer.
 * All of its times are in milliseconds; 0 means no deadline.
 *
 * Since: 1.0
 */
struct _TesseraListener
{
  GObject parent_instance;

  SoupServer *soup;
  TesseraGateLimits limits;
  TesseraGate *gate; /* NULL until there is a socket, and when closed */
  GPtrArray *opened; /* GSocket*, our own, to be closed with it */
  gboolean direct_endpoints;
  GPtrArray *servers;     /* TesseraServer*, not referenced: who were given it */
  gboolean closed;        /* or drained: it opens no door any more */
  GTask *drain;           /* under way, or NULL */
  gulong drain_cancelled; /* of its cancellable */
};

G_DEFINE_FINAL_TYPE (TesseraListener, tessera_listener, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_SOUP_SERVER,
  PROP_DIRECT_ENDPOINTS,
  PROP_CONNECTIONS,
  PROP_CONNECTIONS_PER_ADDRESS,
  PROP_REQUESTS_PER_CONNECTION,
  PROP_BODY_SIZE,
  PROP_BUFFER_SIZE,
  PROP_TLS_SIZE,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_HEAD_TIMEOUT,
  PROP_BODY_TIMEOUT,
  PROP_IDLE_TIMEOUT,
  PROP_PRESSED_IDLE_TIMEOUT,
  PROP_ANSWER_TIMEOUT,
  PROP_WRITE_TIMEOUT,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];

static guint *
get_limit (TesseraListener *self, guint prop_id)
{
  TesseraGateLimits *limits = &self->limits;
  guint *const places[N_PROPS] = {
    [PROP_CONNECTIONS] = &limits->connections,
    [PROP_CONNECTIONS_PER_ADDRESS] = &limits->connections_per_address,
    [PROP_REQUESTS_PER_CONNECTION] = &limits->requests,
    [PROP_BODY_SIZE] = &limits->body,
    [PROP_BUFFER_SIZE] = &limits->buffer,
    [PROP_TLS_SIZE] = &limits->tls,
    [PROP_HANDSHAKE_TIMEOUT] = &limits->handshake_ms,
    [PROP_HEAD_TIMEOUT] = &limits->head_ms,
    [PROP_BODY_TIMEOUT] = &limits->body_ms,
    [PROP_IDLE_TIMEOUT] = &limits->idle_ms,
    [PROP_PRESSED_IDLE_TIMEOUT] = &limits->busy_idle_ms,
    [PROP_ANSWER_TIMEOUT] = &limits->answer_ms,
    [PROP_WRITE_TIMEOUT] = &limits->write_ms,
  };

  return places[prop_id];
}

static void
tessera_listener_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  TesseraListener *self = TESSERA_LISTENER (object);

  if (prop_id == PROP_SOUP_SERVER)
    g_value_set_object (value, self->soup);
  else if (prop_id == PROP_DIRECT_ENDPOINTS)
    g_value_set_boolean (value, self->direct_endpoints);
  else
    g_value_set_uint (value, *get_limit (self, prop_id));
}

/* From the next request on. */
static void
tell_gate (TesseraListener *self)
{
  if (self->gate != NULL)
    self->gate->direct = self->direct_endpoints;
}

static void
set_direct_endpoints (TesseraListener *self, gboolean direct)
{
  if (self->direct_endpoints == direct)
    return;
  self->direct_endpoints = direct;
  tell_gate (self);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_DIRECT_ENDPOINTS]);
}

static void
tessera_listener_set_property (GObject *object,
                               guint prop_id,
                               const GValue *value,
                               GParamSpec *pspec)
{
  TesseraListener *self = TESSERA_LISTENER (object);

  if (prop_id == PROP_SOUP_SERVER)
    {
      self->soup = g_value_dup_object (value);
      return;
    }
  if (prop_id == PROP_DIRECT_ENDPOINTS)
    {
      set_direct_endpoints (self, g_value_get_boolean (value));
      return;
    }
  if (*get_limit (self, prop_id) == g_value_get_uint (value))
    return;
  *get_limit (self, prop_id) = g_value_get_uint (value);
  g_object_notify_by_pspec (object, pspec);
}

static void
tessera_listener_dispose (GObject *object)
{
  tessera_listener_close (TESSERA_LISTENER (object));
  G_OBJECT_CLASS (tessera_listener_parent_class)->dispose (object);
}

static void
tessera_listener_finalize (GObject *object)
{
  TesseraListener *self = TESSERA_LISTENER (object);

  g_ptr_array_unref (self->opened);
  g_ptr_array_unref (self->servers);
  g_clear_object (&self->soup);
  G_OBJECT_CLASS (tessera_listener_parent_class)->finalize (object);
}

static void
add_limit (GObjectClass *klass, guint prop_id, const char *name, guint fallback, guint max)
{
  props[prop_id] = g_param_spec_uint (name, NULL, NULL, 0, max, fallback,
                                      G_PARAM_READWRITE | G_PARAM_CONSTRUCT
                                          | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property (klass, prop_id, props[prop_id]);
}

static void
tessera_listener_class_init (TesseraListenerClass *class)
{
  GObjectClass *klass = G_OBJECT_CLASS (class);

  klass->get_property = tessera_listener_get_property;
  klass->set_property = tessera_listener_set_property;
  klass->dispose = tessera_listener_dispose;
  klass->finalize = tessera_listener_finalize;

  /**
   * TesseraListener:soup-server:
   *
   * Who answers the requests.
   *
   * Since: 1.0
   */
  props[PROP_SOUP_SERVER]
      = g_param_spec_object ("soup-server", NULL, NULL, SOUP_TYPE_SERVER,
                             G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property (klass, PROP_SOUP_SERVER, props[PROP_SOUP_SERVER]);

  /**
   * TesseraListener:direct-endpoints:
   *
   * Whether the listener lets the servers that it was given to
   * ([method@Server.add_listener]) answer requests of programs without libsoup: at the endpoints
   * for tokens, introspection, revocation, the key set, the status lists, the check of a token, the
   * claims of a person, and at the metadata.
   *
   * Those answers are the same either way, and cost much less this way. What is connected to the
   * [class@Soup.Server] does not see these requests: neither its handlers and auth domains, of
   * which they are none of the business, nor its signals. [signal@Server::before-request] and all
   * others of the server are emitted as ever. Pages, event streams, WebSockets and all paths of the
   * application stay with libsoup. Changes requests from now on.
   *
   * Since: 1.0
   */
  props[PROP_DIRECT_ENDPOINTS]
      = g_param_spec_boolean ("direct-endpoints", NULL, NULL, FALSE,
                              G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_property (klass, PROP_DIRECT_ENDPOINTS, props[PROP_DIRECT_ENDPOINTS]);

  /**
   * TesseraListener:connections:
   *
   * How many connections there may be at once. For a further one the one that has idled longest is
   * closed; when none idles, it waits.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_CONNECTIONS, "connections", 10000, 1000000);

  /**
   * TesseraListener:connections-per-address:
   *
   * How many of them may come from one IPv4 address or one IPv6 network of 64 bits; further ones
   * are closed at once. Unix sockets and trusted proxies are not counted.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_CONNECTIONS_PER_ADDRESS, "connections-per-address", 64, 1000000);

  /**
   * TesseraListener:requests-per-connection:
   *
   * After so many requests a connection ends.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_REQUESTS_PER_CONNECTION, "requests-per-connection", 10000, G_MAXUINT);

  /**
   * TesseraListener:body-size:
   *
   * Bytes of the body of a request; a larger one is refused with 413. At most 9,999,999.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_BODY_SIZE, "body-size", TESSERA_REQUEST_BODY_MAX, 9999999);

  /**
   * TesseraListener:buffer-size:
   *
   * Bytes that all connections together may hold: of requests that are not whole or not answered,
   * and of answers that are not sent. For further ones who has waited longest with half a request
   * is refused with 503, and who has waited longest without reading its answer is closed; when
   * there is nobody of either kind, the further request is refused with 503.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_BUFFER_SIZE, "buffer-size", 16 * 1024 * 1024, G_MAXINT);

  /**
   * TesseraListener:tls-size:
   *
   * Bytes that the TLS of all connections together may take. One that idles counts for 16 KiB (32
   * KiB from OpenSSL 3.2 on), 17 KiB more with half a record, and for 48 KiB (64 KiB) while its
   * handshake goes on. For a further one the one that has idled longest is closed; when those in
   * their handshakes take more than half, the one that has been in it longest. When nobody can make
   * way, the further one is closed.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_TLS_SIZE, "tls-size", 96 * 1024 * 1024, G_MAXINT);

  /**
   * TesseraListener:handshake-timeout:
   *
   * How long a TLS handshake may take.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_HANDSHAKE_TIMEOUT, "handshake-timeout", 5000, G_MAXINT);

  /**
   * TesseraListener:head-timeout:
   *
   * How long the head of a request may take, from its first byte to its last; then the answer is
   * 408.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_HEAD_TIMEOUT, "head-timeout", 10000, G_MAXINT);

  /**
   * TesseraListener:body-timeout:
   *
   * How long the body of a request may take, from the end of its head; then the answer is 408.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_BODY_TIMEOUT, "body-timeout", 10000, G_MAXINT);

  /**
   * TesseraListener:idle-timeout:
   *
   * How long a connection may wait for its next request; then it is closed.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_IDLE_TIMEOUT, "idle-timeout", 15000, G_MAXINT);

  /**
   * TesseraListener:pressed-idle-timeout:
   *
   * The same while more than half of [property@Listener:connections] are in use.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_PRESSED_IDLE_TIMEOUT, "pressed-idle-timeout", 5000, G_MAXINT);

  /**
   * TesseraListener:answer-timeout:
   *
   * How long a request may wait for the first byte of its answer; then that is 503. A login that
   * somebody decides ([method@Authentication.hold]) has 120 seconds.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_ANSWER_TIMEOUT, "answer-timeout", 30000, G_MAXINT);

  /**
   * TesseraListener:write-timeout:
   *
   * How long a client may take nothing of what is sent to it; then the connection is closed.
   *
   * Since: 1.0
   */
  add_limit (klass, PROP_WRITE_TIMEOUT, "write-timeout", 10000, G_MAXINT);
}

static void
tessera_listener_init (TesseraListener *self)
{
  self->opened = g_ptr_array_new_with_free_func (g_object_unref);
  self->servers = g_ptr_array_new ();
}

/**
 * tessera_listener_new:
 * @soup_server: who answers the requests
 *
 * Makes a front door for @soup_server. It listens nowhere yet.
 *
 * Returns: (transfer full): a listener
 *
 * Since: 1.0
 */
TesseraListener *
tessera_listener_new (SoupServer *soup_server)
{
  g_return_val_if_fail (SOUP_IS_SERVER (soup_server), NULL);

  return g_object_new (TESSERA_TYPE_LISTENER, "soup-server", soup_server, NULL);
}

/**
 * tessera_listener_get_soup_server:
 * @self: a listener
 *
 * Gets who answers the requests.
 *
 * Returns: (transfer none): the server
 *
 * Since: 1.0
 */
SoupServer *
tessera_listener_get_soup_server (TesseraListener *self)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), NULL);

  return self->soup;
}

static void
finish_drain (TesseraListener *self, gboolean cut)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->drain);

  if (task == NULL)
    return;
  if (self->drain_cancelled != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (task), self->drain_cancelled);
  self->drain_cancelled = 0;
  if (cut)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Connections were cut");
  else
    g_task_return_boolean (task, TRUE);
}

static void
on_empty (gpointer data)
{
  finish_drain (data, FALSE);
}

static gboolean
ensure_gate (TesseraListener *self, GError **error)
{
  if (self->closed)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The listener is closed");
      return FALSE;
    }
  if (self->gate == NULL)
    self->gate = tessera_gate_new (self->soup, self->servers, &self->limits, on_empty, self, error);
  tell_gate (self);
  return self->gate != NULL;
}

/**
 * tessera_listener_add_socket:
 * @self: a listener
 * @socket: a stream socket that listens (IPv4, IPv6 or unix)
 * @certificate: (nullable): for TLS, with its private key; %NULL: none
 * @trusted_proxies: (nullable) (array zero-terminated=1): addresses and networks of proxies that
 * may speak for others; %NULL: none
 * @error: return location for an error
 *
 * Accepts the connections of @socket from now on. The socket is kept, and not closed by @self.
 *
 * Errors: of %G_IO_ERROR (no stream socket that listens, no descriptors left, a proxy that is no
 * address; %G_IO_ERROR_CLOSED once @self was drained or closed) and %G_TLS_ERROR (a certificate
 * that cannot be used).
 *
 * Returns: %TRUE when @self listens there
 *
 * Since: 1.0
 */
gboolean
tessera_listener_add_socket (TesseraListener *self,
                             GSocket *socket,
                             GTlsCertificate *certificate,
                             const char *const *trusted_proxies,
                             GError **error)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), FALSE);
  g_return_val_if_fail (G_IS_SOCKET (socket), FALSE);
  g_return_val_if_fail (certificate == NULL || G_IS_TLS_CERTIFICATE (certificate), FALSE);

  return ensure_gate (self, error)
         && tessera_gate_add_socket (self->gate, socket, certificate, trusted_proxies, error);
}

static GSocket *
listen_on (GSocketAddress *address, GError **error)
{
  g_autoptr (GSocket) socket
      = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                      G_SOCKET_PROTOCOL_DEFAULT, error);

  if (socket == NULL)
    return NULL;
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;
  return g_steal_pointer (&socket);
}

/**
 * tessera_listener_add_address:
 * @self: a listener
 * @address: where to listen; port 0: one that is free
 * @certificate: (nullable): for TLS, with its private key; %NULL: none
 * @trusted_proxies: (nullable) (array zero-terminated=1): addresses and networks of proxies that
 * may speak for others; %NULL: none
 * @effective_address: (out) (optional) (transfer full): where it listens, with the port
 * @error: return location for an error
 *
 * Opens a socket and accepts its connections from now on.
 *
 * Errors: as [method@Listener.add_socket], and of %G_IO_ERROR when the address is in use or not
 * ours.
 *
 * Returns: %TRUE when @self listens there
 *
 * Since: 1.0
 */
gboolean
tessera_listener_add_address (TesseraListener *self,
                              GSocketAddress *address,
                              GTlsCertificate *certificate,
                              const char *const *trusted_proxies,
                              GSocketAddress **effective_address,
                              GError **error)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), FALSE);
  g_return_val_if_fail (G_IS_SOCKET_ADDRESS (address), FALSE);

  g_autoptr (GSocket) socket = listen_on (address, error);
  g_autoptr (GSocketAddress) effective = NULL;
  if (socket == NULL)
    return FALSE;
  effective = g_socket_get_local_address (socket, error);
  if (effective == NULL
      || !tessera_listener_add_socket (self, socket, certificate, trusted_proxies, error))
    return FALSE;
  g_ptr_array_add (self->opened, g_steal_pointer (&socket));
  if (effective_address != NULL)
    *effective_address = g_steal_pointer (&effective);
  return TRUE;
}

/**
 * tessera_listener_set_certificate:
 * @self: a listener
 * @socket: (nullable): one of its sockets with TLS; %NULL: all of those
 * @certificate: the new certificate, with its private key
 * @error: return location for an error
 *
 * Changes the certificate for connections from now on. Those that there are go on.
 *
 * Errors: of %G_TLS_ERROR, and %G_IO_ERROR_CLOSED once @self was drained or closed; then nothing
 * changed.
 *
 * Returns: %TRUE when the certificate can be used
 *
 * Since: 1.0
 */
gboolean
tessera_listener_set_certificate (TesseraListener *self,
                                  GSocket *socket,
                                  GTlsCertificate *certificate,
                                  GError **error)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), FALSE);
  g_return_val_if_fail (socket == NULL || G_IS_SOCKET (socket), FALSE);
  g_return_val_if_fail (G_IS_TLS_CERTIFICATE (certificate), FALSE);

  return ensure_gate (self, error)
         && tessera_gate_set_certificate (self->gate, socket, certificate, error);
}

/**
 * tessera_listener_set_trusted_proxies:
 * @self: a listener
 * @socket: (nullable): one of its sockets; %NULL: all there are
 * @trusted_proxies: (nullable) (array zero-terminated=1): addresses and networks of proxies that
 * may speak for others, instead of those before; %NULL: none
 * @error: return location for an error
 *
 * Changes who is a proxy among connections from now on. Those that there are go on. The server has
 * a list of its own, for headers: [property@Server:trusted-proxies].
 *
 * Errors: of %G_IO_ERROR (a proxy that is no address); then nothing changed.
 *
 * Returns: %TRUE when the list can be used
 *
 * Since: 1.0
 */
gboolean
tessera_listener_set_trusted_proxies (TesseraListener *self,
                                      GSocket *socket,
                                      const char *const *trusted_proxies,
                                      GError **error)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), FALSE);
  g_return_val_if_fail (socket == NULL || G_IS_SOCKET (socket), FALSE);

  return ensure_gate (self, error)
         && tessera_gate_set_trusted_proxies (self->gate, socket, trusted_proxies, error);
}

/**
 * tessera_listener_set_proxy_protocol:
 * @self: a listener
 * @socket: (nullable): one of its sockets; %NULL: all there are
 * @expected: whether proxies introduce their clients
 *
 * With it every connection begins with a header of the PROXY protocol, version 2, which says for
 * whom the proxy comes; only trusted proxies may connect then, and all others are closed at once.
 * It is never guessed. Changes connections from now on.
 *
 * Since: 1.0
 */
void
tessera_listener_set_proxy_protocol (TesseraListener *self, GSocket *socket, gboolean expected)
{
  g_return_if_fail (TESSERA_IS_LISTENER (self));
  g_return_if_fail (socket == NULL || G_IS_SOCKET (socket));

  if (self->gate != NULL)
    tessera_gate_set_proxy_protocol (self->gate, socket, expected);
}

static void
close_opened (TesseraListener *self)
{
  for (guint i = 0; i < self->opened->len; i++)
    g_socket_close (self->opened->pdata[i], NULL);
  g_ptr_array_set_size (self->opened, 0);
}

static void
on_drain_cancelled (GCancellable *cancellable, gpointer data)
{
  tessera_listener_close (data);
}

/**
 * tessera_listener_drain_async:
 * @self: a listener
 * @cancellable: (nullable): ends it at once: all connections are closed
 * @callback: called when no connection is left
 * @user_data: for @callback
 *
 * Comes to an end without leaving a request unanswered: accepts who has connected already and
 * nobody after them, closes who idles, and lets each request under way be the last of its
 * connection. WebSockets and event streams have to be ended by the application.
 *
 * The listener cannot be used again.
 *
 * Since: 1.0
 */
void
tessera_listener_drain_async (TesseraListener *self,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_LISTENER (self));
  g_return_if_fail (self->drain == NULL);

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_listener_drain_async);
  self->drain = task;
  self->closed = TRUE;
  if (self->gate == NULL)
    {
      finish_drain (self, FALSE);
      return;
    }
  if (cancellable != NULL)
    self->drain_cancelled
        = g_signal_connect (cancellable, "cancelled", G_CALLBACK (on_drain_cancelled), self);
  tessera_gate_drain (self->gate);
  close_opened (self);
  if (g_cancellable_is_cancelled (cancellable)) /* before, so that nobody is told of it */
    tessera_listener_close (self);
}

/**
 * tessera_listener_drain_finish:
 * @self: a listener
 * @result: the result
 * @error: return location for an error
 *
 * Finishes [method@Listener.drain_async].
 *
 * Errors: %G_IO_ERROR_CANCELLED when connections were cut.
 *
 * Returns: %TRUE when every connection has ended by itself
 *
 * Since: 1.0
 */
gboolean
tessera_listener_drain_finish (TesseraListener *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * tessera_listener_close:
 * @self: a listener
 *
 * Closes all connections at once, and accepts nobody any more. Sockets given to
 * [method@Listener.add_socket] stay open. A drain under way ends with %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
void
tessera_listener_close (TesseraListener *self)
{
  g_return_if_fail (TESSERA_IS_LISTENER (self));

  self->closed = TRUE;
  g_clear_pointer (&self->gate, tessera_gate_free);
  close_opened (self);
  finish_drain (self, TRUE);
}

/**
 * tessera_listener_get_n_connections:
 * @self: a listener
 *
 * Counts the connections that there are, those that idle too.
 *
 * Returns: how many
 *
 * Since: 1.0
 */
guint
tessera_listener_get_n_connections (TesseraListener *self)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), 0);

  return self->gate != NULL ? self->gate->connections.length : 0;
}

/**
 * tessera_listener_get_n_requests:
 * @self: a listener
 *
 * Counts the requests that are being answered.
 *
 * Returns: how many
 *
 * Since: 1.0
 */
guint
tessera_listener_get_n_requests (TesseraListener *self)
{
  g_return_val_if_fail (TESSERA_IS_LISTENER (self), 0);

  return self->gate != NULL ? self->gate->n_requests : 0;
}

/* Metrics of all listeners of a server. */

typedef struct
{
  guint64 open, idle, requests, held, tls_held, accepted, refused, shed, late, malformed;
} Connections;

static void
add_connections (TesseraListener *self, Connections *sum)
{
  const TesseraGate *gate = self->gate;

  if (gate == NULL)
    return;
  sum->open += gate->connections.length;
  sum->idle += gate->deadlines.queues[TESSERA_GATE_WAIT_IDLE].length;
  sum->requests += gate->n_requests;
  sum->held += gate->held;
  sum->tls_held += gate->tls_held;
  sum->accepted += gate->n_accepted;
  sum->refused += gate->n_refused;
  sum->shed += gate->n_shed;
  sum->late += gate->n_expired;
  sum->malformed += gate->n_malformed;
}

static void
append_connections (GString *text, gpointer data)
{
  GPtrArray *listeners = data;
  Connections sum = { 0 };

  for (guint i = 0; i < listeners->len; i++)
    add_connections (listeners->pdata[i], &sum);
  tessera_metrics_append_head (text, "tessera_connections", "gauge", "Connections that there are.");
  tessera_metrics_append_value (text, "tessera_connections", "state=\"idle\"", (double) sum.idle);
  tessera_metrics_append_value (text, "tessera_connections", "state=\"busy\"",
                                (double) (sum.open - MIN (sum.open, sum.idle)));
  tessera_metrics_append_single (text, "tessera_requests_in_progress", "gauge",
                                 "Requests that are being answered.", (double) sum.requests);
  tessera_metrics_append_single (text, "tessera_buffered_bytes", "gauge",
                                 "Bytes of requests that are not whole or not answered, and of "
                                 "answers that are not sent.",
                                 (double) sum.held);
  tessera_metrics_append_single (text, "tessera_tls_bytes", "gauge",
                                 "Bytes that the TLS of connections takes.", (double) sum.tls_held);
  tessera_metrics_append_single (text, "tessera_connections_accepted_total", "counter",
                                 "Connections that were accepted.", (double) sum.accepted);
  tessera_metrics_append_head (text, "tessera_connections_ended_total", "counter",
                               "Connections that the server ended against their will: one of too "
                               "many from an address, one that made way for others, one that was "
                               "too late with something.");
  tessera_metrics_append_value (text, "tessera_connections_ended_total", "reason=\"refused\"",
                                (double) sum.refused);
  tessera_metrics_append_value (text, "tessera_connections_ended_total", "reason=\"shed\"",
                                (double) sum.shed);
  tessera_metrics_append_value (text, "tessera_connections_ended_total", "reason=\"late\"",
                                (double) sum.late);
  tessera_metrics_append_single (text, "tessera_malformed_requests_total", "counter",
                                 "Requests that the front door refused for their form.",
                                 (double) sum.malformed);
}

/* The listeners of a server; lies at it. */
typedef struct
{
  TesseraServer *server;
  GPtrArray *listeners; /* TesseraListener* */
} Doors;

static GQuark
doors_quark (void)
{
  return g_quark_from_static_string ("tessera-listeners");
}

static void
doors_free (gpointer data)
{
  Doors *self = data;

  for (guint i = 0; i < self->listeners->len; i++)
    g_ptr_array_remove (((TesseraListener *) self->listeners->pdata[i])->servers, self->server);
  g_ptr_array_unref (self->listeners);
  g_free (self);
}

static GPtrArray *
get_listeners (TesseraServer *server)
{
  Doors *self = g_object_get_qdata (G_OBJECT (server), doors_quark ());

  if (self != NULL)
    return self->listeners;
  self = g_new0 (Doors, 1);
  self->server = server;
  self->listeners = g_ptr_array_new_with_free_func (g_object_unref);
  g_object_set_qdata_full (G_OBJECT (server), doors_quark (), self, doors_free);
  tessera_server_add_meter (server, append_connections, self->listeners);
  return self->listeners;
}

/**
 * tessera_server_add_listener:
 * @self: a server
 * @listener: a listener
 *
 * Serves the endpoints behind @listener: attaches @self to its SoupServer, as
 * [method@Server.attach] does, and keeps @listener.
 *
 * Since: 1.0
 */
void
tessera_server_add_listener (TesseraServer *self, TesseraListener *listener)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (TESSERA_IS_LISTENER (listener));

  GPtrArray *listeners = get_listeners (self);
  if (!g_ptr_array_find (listeners, listener, NULL))
    {
      g_ptr_array_add (listeners, g_object_ref (listener));
      g_ptr_array_add (listener->servers, self);
    }
  tessera_server_attach (self, listener->soup);
}
