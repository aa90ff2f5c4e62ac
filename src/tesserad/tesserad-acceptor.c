/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The accept loop, and TLS handshakes with a deadline. */

#include "tesserad-acceptor.h"

#include "tesserad-framing-stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PAUSE_MS 100 /* after an accept that failed for want of descriptors or memory */
#define HANDSHAKE_SECONDS 5
#define ACCEPTS_A_TURN 64 /* then requests have their turn */
#define STAND_IN_PORT 80

struct _TesseradAcceptor
{
  GSocket *socket;
  SoupServer *soup;
  gboolean tls;
  gboolean refusing;      /* the last accept failed; said once */
  GSource *source;        /* of the socket, or of the pause */
  GHashTable *handshakes; /* Handshake* */
};

/* From the first byte of a client on, so that silent ones occupy no thread. */
typedef struct
{
  TesseradAcceptor *acceptor;
  GSocketConnection *connection;
  GIOStream *stream; /* the GTlsConnection */
  GCancellable *cancellable;
  GSource *wait; /* for the first byte */
  GSource *deadline;
} Handshake;

static void watch (TesseradAcceptor *self);

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
start_timeout (guint ms, GSourceFunc callback, gpointer data)
{
  GSource *source = g_timeout_source_new (ms);

  g_source_set_callback (source, callback, data, NULL);
  g_source_attach (source, NULL);
  return source;
}

static void
handshake_free (Handshake *handshake)
{
  clear_source (&handshake->wait);
  clear_source (&handshake->deadline);
  g_clear_object (&handshake->stream);
  g_clear_object (&handshake->connection);
  g_clear_object (&handshake->cancellable);
  g_free (handshake);
}

/* libsoup takes the local address for the host when a request names none, and asserts that it is an
 * internet address. */
static GSocketAddress *
get_local_address (GSocketConnection *connection)
{
  g_autoptr (GSocketAddress) address = g_socket_connection_get_local_address (connection, NULL);

  if (address != NULL && G_IS_INET_SOCKET_ADDRESS (address))
    return g_steal_pointer (&address);
  return g_inet_socket_address_new_from_string ("127.0.0.1", STAND_IN_PORT);
}

static void
hand_over (TesseradAcceptor *self, GSocketConnection *connection, GIOStream *stream)
{
  g_autoptr (GSocketAddress) local = get_local_address (connection);
  g_autoptr (GSocketAddress) remote = g_socket_connection_get_remote_address (connection, NULL);

  g_autoptr (GIOStream) strict = tesserad_framing_stream_new (stream);

  if (remote != NULL) /* else it is gone already */
    soup_server_accept_iostream (self->soup, strict, local, remote, NULL);
}

/* Takes the handshake out, whose end this is. */
static void
finish_handshake (Handshake *handshake)
{
  if (handshake->acceptor != NULL)
    g_hash_table_remove (handshake->acceptor->handshakes, handshake);
  handshake_free (handshake);
}

static void
on_handshake (GObject *object, GAsyncResult *result, gpointer data)
{
  Handshake *handshake = data;

  if (g_tls_connection_handshake_finish (G_TLS_CONNECTION (object), result, NULL)
      && handshake->acceptor != NULL && !g_cancellable_is_cancelled (handshake->cancellable))
    hand_over (handshake->acceptor, handshake->connection, handshake->stream);
  finish_handshake (handshake);
}

static gboolean
on_first_byte (GSocket *socket, GIOCondition condition, gpointer data)
{
  Handshake *handshake = data;

  clear_source (&handshake->wait);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (handshake->stream), G_PRIORITY_DEFAULT,
                                    handshake->cancellable, on_handshake, handshake);
  return G_SOURCE_REMOVE;
}

/* One that waits for its first byte ends here; one that a thread works on ends when that notices.
 */
static void
give_up (Handshake *handshake)
{
  g_cancellable_cancel (handshake->cancellable);
  if (handshake->wait != NULL)
    finish_handshake (handshake);
}

static gboolean
on_deadline (gpointer data)
{
  Handshake *handshake = data;

  clear_source (&handshake->deadline);
  give_up (handshake);
  return G_SOURCE_REMOVE;
}

static GIOStream *
make_tls_stream (TesseradAcceptor *self, GSocketConnection *connection)
{
  static const char *const protocols[] = { "http/1.1", NULL };
  g_autoptr (GError) error = NULL;
  GIOStream *stream
      = g_tls_server_connection_new (G_IO_STREAM (connection),
                                     soup_server_get_tls_certificate (self->soup), &error);

  if (stream == NULL)
    {
      g_warning ("TLS: %s", error->message);
      return NULL;
    }
  g_tls_connection_set_advertised_protocols (G_TLS_CONNECTION (stream), protocols);
  g_tls_connection_set_require_close_notify (G_TLS_CONNECTION (stream), FALSE);
  return stream;
}

static void
begin_handshake (TesseradAcceptor *self, GSocketConnection *connection)
{
  GIOStream *stream = make_tls_stream (self, connection);
  Handshake *handshake = NULL;

  if (stream == NULL)
    return;
  handshake = g_new0 (Handshake, 1);
  handshake->acceptor = self;
  handshake->connection = g_object_ref (connection);
  handshake->stream = stream;
  handshake->cancellable = g_cancellable_new ();
  handshake->deadline = start_timeout (HANDSHAKE_SECONDS * 1000, on_deadline, handshake);
  handshake->wait
      = g_socket_create_source (g_socket_connection_get_socket (connection), G_IO_IN, NULL);
  g_source_set_callback (handshake->wait, G_SOURCE_FUNC (on_first_byte), handshake, NULL);
  g_source_attach (handshake->wait, NULL);
  g_hash_table_add (self->handshakes, handshake);
}

static void
receive (TesseradAcceptor *self, GSocket *client)
{
  g_autoptr (GSocketConnection) connection = g_socket_connection_factory_create_connection (client);

  self->refusing = FALSE;
  if (g_socket_get_family (client) != G_SOCKET_FAMILY_UNIX)
    g_socket_set_option (client, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  if (self->tls)
    begin_handshake (self, connection);
  else
    hand_over (self, connection, G_IO_STREAM (connection));
}

static gboolean
on_pause_over (gpointer data)
{
  watch (data);
  return G_SOURCE_REMOVE;
}

/* Somebody else's connections have to end before there is a descriptor again; until then the
 * backlog keeps who comes. */
static void
make_pause (TesseradAcceptor *self, const GError *error)
{
  if (!self->refusing)
    g_warning ("nobody can be accepted for the moment: %s", error->message);
  self->refusing = TRUE;
  clear_source (&self->source);
  self->source = start_timeout (PAUSE_MS, on_pause_over, self);
}

static gboolean
on_readable (GSocket *socket, GIOCondition condition, gpointer data)
{
  TesseradAcceptor *self = data;

  for (guint i = 0; i < ACCEPTS_A_TURN; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocket) client = g_socket_accept (socket, NULL, &error);

      if (client != NULL)
        receive (self, client);
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
               && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        {
          make_pause (self, error);
          return G_SOURCE_REMOVE;
        }
    }
  return G_SOURCE_CONTINUE;
}

static void
watch (TesseradAcceptor *self)
{
  clear_source (&self->source);
  self->source = g_socket_create_source (self->socket, G_IO_IN, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->source, NULL);
}

TesseradAcceptor *
tesserad_acceptor_new (GSocket *socket, SoupServer *soup, gboolean tls)
{
  TesseradAcceptor *self = g_new0 (TesseradAcceptor, 1);

  self->socket = g_object_ref (socket);
  self->soup = g_object_ref (soup);
  self->tls = tls;
  self->handshakes = g_hash_table_new (NULL, NULL);
  g_socket_set_blocking (socket, FALSE);
  watch (self);
  return self;
}

void
tesserad_acceptor_stop (TesseradAcceptor *self)
{
  g_autoptr (GList) handshakes = g_hash_table_get_keys (self->handshakes);

  clear_source (&self->source);
  for (GList *link = handshakes; link != NULL; link = link->next)
    give_up (link->data);
}

guint
tesserad_acceptor_count_handshakes (TesseradAcceptor *self)
{
  return g_hash_table_size (self->handshakes);
}

void
tesserad_acceptor_free (TesseradAcceptor *self)
{
  GHashTableIter iter;
  gpointer handshake = NULL;

  tesserad_acceptor_stop (self);
  g_hash_table_iter_init (&iter, self->handshakes);
  while (g_hash_table_iter_next (&iter, &handshake, NULL))
    ((Handshake *) handshake)->acceptor = NULL; /* its thread has not noticed yet */
  g_hash_table_unref (self->handshakes);
  g_object_unref (self->socket);
  g_object_unref (self->soup);
  g_free (self);
}

gboolean
tesserad_acceptor_prepare (SoupServer *soup, GError **error)
{
  int pair[2];
  g_autoptr (GSocket) silent = NULL;
  g_autoptr (GSocket) other_end = NULL;

  /* A connected pair whose other end never speaks: a listener that hears nothing. */
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s", g_strerror (errno));
      return FALSE;
    }
  silent = g_socket_new_from_fd (pair[0], error);
  other_end = g_socket_new_from_fd (pair[1], silent != NULL ? error : NULL);
  if (silent == NULL || other_end == NULL)
    return FALSE;
  g_object_set_data_full (G_OBJECT (soup), "tesserad-silent-end", g_steal_pointer (&other_end),
                          g_object_unref);
  return soup_server_listen_socket (soup, silent, 0, error);
}
