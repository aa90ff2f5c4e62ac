/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection of the load generator (HTTP/1.1, RFC 9112), with TLS or without. */

#include "load-connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 16384

struct _LoadConnection
{
  int port;
  gboolean tls;
  int epoll;
  LoadAnswerFunc func;
  gpointer data;

  int fd;
  SSL *ssl;
  GBytes *request; /* under way */
  gsize read;      /* bytes of its answer so far */
  gboolean closing;
  gint64 begin_ns;

  guint status;
  gsize body; /* where it begins */
  gint64 took_ns;
  char buffer[BUFFER + 1];
};

static gint64
get_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static SSL_CTX *
get_tls_context (void)
{
  static SSL_CTX *context;
  if (context == NULL)
    context = SSL_CTX_new (TLS_client_method ());
  return context;
}

static void
open_tls (LoadConnection *self)
{
  self->ssl = SSL_new (get_tls_context ());
  SSL_set_fd (self->ssl, self->fd);
  if (SSL_connect (self->ssl) != 1)
    g_error ("no TLS on port %d", self->port);
}

static void
open_connection (LoadConnection *self)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons ((guint16) self->port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };
  int yes = 1;

  self->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt (self->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (self->fd < 0 || connect (self->fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("cannot connect to port %d: %s", self->port, g_strerror (errno));
  if (self->tls)
    open_tls (self);
  fcntl (self->fd, F_SETFL, fcntl (self->fd, F_GETFL) | O_NONBLOCK);
  epoll_ctl (self->epoll, EPOLL_CTL_ADD, self->fd, &event);
}

void
load_connection_close (LoadConnection *self)
{
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

  if (self->fd < 0)
    return;
  g_clear_pointer (&self->ssl, SSL_free);
  setsockopt (self->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close (self->fd);
  self->fd = -1;
}

LoadConnection *
load_connection_new (int port, gboolean tls, int epoll, LoadAnswerFunc func, gpointer data)
{
  LoadConnection *self = g_new0 (LoadConnection, 1);

  self->port = port;
  self->tls = tls;
  self->epoll = epoll;
  self->func = func;
  self->data = data;
  open_connection (self);
  return self;
}

void
load_connection_free (LoadConnection *self)
{
  load_connection_close (self);
  g_free (self);
}

static void
write_request (LoadConnection *self)
{
  gsize length;
  const char *text = g_bytes_get_data (self->request, &length);
  gssize written = self->ssl != NULL ? SSL_write (self->ssl, text, (int) length)
                                     : send (self->fd, text, length, MSG_NOSIGNAL);

  /* A request is far smaller than what the kernel takes at once. */
  if (written != (gssize) length && errno != EPIPE && errno != ECONNRESET)
    g_error ("cannot send: %s", g_strerror (errno));
}

void
load_connection_send (LoadConnection *self, GBytes *request)
{
  self->request = request;
  self->read = 0;
  self->closing = FALSE;
  self->begin_ns = get_ns ();
  if (self->fd < 0)
    open_connection (self);
  write_request (self);
}

/* The length of the whole answer, 0 when that is not known yet. */
static gsize
find_end (LoadConnection *self)
{
  self->buffer[self->read] = '\0';
  const char *end = strstr (self->buffer, "\r\n\r\n");
  if (end == NULL)
    return 0;
  self->body = (gsize) (end + 4 - self->buffer);
  self->status = (guint) atoi (self->buffer + strlen ("HTTP/1.1 "));
  g_autofree char *head = g_ascii_strdown (self->buffer, (gssize) self->body);
  self->closing = strstr (head, "\r\nconnection: close") != NULL;
  const char *length = strstr (head, "\r\ncontent-length:");
  if (length != NULL)
    return self->body + strtoul (length + strlen ("\r\ncontent-length:"), NULL, 10);
  if (strstr (head, "\r\ntransfer-encoding: chunked") == NULL)
    return self->body;
  const char *last = strstr (self->buffer + self->body - 2, "\r\n0\r\n\r\n");
  return last != NULL ? (gsize) (last + 7 - self->buffer) : 0;
}

static void
finish (LoadConnection *self)
{
  self->took_ns = get_ns () - self->begin_ns;
  self->request = NULL;
  if (self->closing)
    load_connection_close (self);
  self->func (self, self->data);
}

/* The server closed: between two requests that is its right, and the second is asked anew. */
static void
on_closed (LoadConnection *self)
{
  load_connection_close (self);
  if (self->request == NULL)
    return;
  if (self->read > 0)
    g_error ("port %d closes within an answer", self->port);
  open_connection (self);
  write_request (self);
}

void
load_connection_read (LoadConnection *self)
{
  gssize n = self->ssl != NULL
                 ? SSL_read (self->ssl, self->buffer + self->read, (int) (BUFFER - self->read))
                 : recv (self->fd, self->buffer + self->read, BUFFER - self->read, 0);

  if (n < 0 && self->ssl != NULL && SSL_get_error (self->ssl, (int) n) == SSL_ERROR_WANT_READ)
    return;
  if (n < 0 && self->ssl == NULL && errno == EAGAIN)
    return;
  if (n <= 0)
    {
      on_closed (self);
      return;
    }
  self->read += (gsize) n;
  gsize end = find_end (self);
  if (self->request != NULL && end > 0 && self->read >= end)
    finish (self);
  else if (self->read == BUFFER)
    g_error ("the answer is too long");
}

guint
load_connection_get_status (LoadConnection *self)
{
  return self->status;
}

const char *
load_connection_get_body (LoadConnection *self)
{
  return self->buffer + self->body;
}

gint64
load_connection_get_took_ns (LoadConnection *self)
{
  return self->took_ns;
}
