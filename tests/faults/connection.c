/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See connection.h. As much of HTTP/1.1 (RFC 9112) as our own service speaks to it. */

#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PART 16384

Connection *
connection_new (int poll_fd)
{
  Connection *self = g_new0 (Connection, 1);
  self->poll_fd = poll_fd;
  self->fd = -1;
  self->request = g_string_new (NULL);
  self->answer = g_string_sized_new (PART);
  return self;
}

void
connection_free (Connection *self)
{
  connection_close (self);
  g_string_free (self->request, TRUE);
  g_string_free (self->answer, TRUE);
  g_free (self);
}

void
connection_close (Connection *self)
{
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
  self->state = CONNECTION_CLOSED;
}

gboolean
connection_open (Connection *self, guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = self };
  int yes = 1;

  connection_close (self);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  self->fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  g_assert (self->fd >= 0);
  setsockopt (self->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (connect (self->fd, (struct sockaddr *) &address, sizeof address) != 0 && errno != EINPROGRESS)
    {
      connection_close (self);
      return FALSE;
    }
  g_assert (epoll_ctl (self->poll_fd, EPOLL_CTL_ADD, self->fd, &event) == 0);
  self->state = CONNECTION_CONNECTING;
  return TRUE;
}

static void
end (Connection *self)
{
  gboolean busy = self->state == CONNECTION_SENDING || self->state == CONNECTION_RECEIVING;
  connection_close (self);
  if (busy)
    self->state = CONNECTION_DEAD;
}

void
connection_send (Connection *self)
{
  g_assert (self->state == CONNECTION_IDLE);
  self->state = CONNECTION_SENDING;
  self->sent = 0;
  g_string_truncate (self->answer, 0);
}

static void
find_out_whether_connected (Connection *self)
{
  int error = 0;
  socklen_t length = sizeof error;
  struct sockaddr_in peer;
  socklen_t peer_length = sizeof peer;

  getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0)
    connection_close (self);
  else if (getpeername (self->fd, (struct sockaddr *) &peer, &peer_length) == 0)
    self->state = CONNECTION_IDLE;
}

static void
write_on (Connection *self)
{
  while (self->sent < self->request->len)
    {
      ssize_t n = send (self->fd, self->request->str + self->sent, self->request->len - self->sent,
                        MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN)
        return;
      if (n <= 0)
        {
          end (self);
          return;
        }
      self->sent += (gsize) n;
    }
  self->state = CONNECTION_RECEIVING;
}

/* FALSE: nothing more is to be had now; the end is noted by @out_ended. */
static gboolean
read_part (Connection *self, gboolean *out_ended)
{
  gsize old = self->answer->len;
  g_string_set_size (self->answer, old + PART);
  ssize_t n = recv (self->fd, self->answer->str + old, PART, 0);
  g_string_truncate (self->answer, old + (gsize) MAX (n, 0));
  *out_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
  return n > 0;
}

static const char *
find_field (const char *head, const char *name)
{
  g_autofree char *pattern = g_strconcat ("\r\n", name, ":", NULL);
  const char *at = strcasestr (head, pattern);
  return at != NULL ? at + strlen (pattern) : NULL;
}

/* Cuts the head off with a NUL when all of the answer is there. */
static gboolean
take_answer (Connection *self, Answer *out_answer)
{
  char *blank = strstr (self->answer->str, "\r\n\r\n");
  if (blank == NULL)
    return FALSE;
  *blank = '\0';
  const char *length = find_field (self->answer->str, "Content-Length");
  gsize head = (gsize) (blank - self->answer->str) + 4;
  if (self->answer->len < head + (length != NULL ? strtoul (length, NULL, 10) : 0))
    {
      *blank = '\r';
      return FALSE;
    }
  out_answer->head = self->answer->str;
  out_answer->body = self->answer->str + head;
  out_answer->status = (guint) atoi (self->answer->str + strlen ("HTTP/1.1 "));
  return TRUE;
}

static gboolean
says_close (const Answer *answer)
{
  const char *connection = find_field (answer->head, "Connection");
  return connection != NULL && g_ascii_strncasecmp (connection, " close", 6) == 0;
}

static gboolean
read_on (Connection *self, Answer *out_answer)
{
  gboolean ended = FALSE;
  while (read_part (self, &ended))
    ;
  if (self->state == CONNECTION_RECEIVING && take_answer (self, out_answer))
    {
      self->state = CONNECTION_IDLE;
      if (ended || says_close (out_answer))
        connection_close (self);
      return TRUE;
    }
  if (ended)
    end (self);
  return FALSE;
}

gboolean
connection_advance (Connection *self, Answer *out_answer)
{
  if (self->state == CONNECTION_CONNECTING)
    find_out_whether_connected (self);
  if (self->state == CONNECTION_SENDING)
    write_on (self);
  if (self->state == CONNECTION_IDLE || self->state == CONNECTION_RECEIVING)
    return read_on (self, out_answer);
  return FALSE;
}
