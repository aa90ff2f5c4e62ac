/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection of a client that never waits: a request out, an answer in, again and again. */
#pragma once

#include <glib.h>

typedef enum
{
  CONNECTION_CLOSED,
  CONNECTION_CONNECTING,
  CONNECTION_IDLE,
  CONNECTION_SENDING,
  CONNECTION_RECEIVING,
  CONNECTION_DEAD /* it ended under a request */
} ConnectionState;

typedef struct
{
  int poll_fd; /* borrowed: the epoll descriptor it registers with, itself as data */
  int fd;
  ConnectionState state;
  GString *request;
  gsize sent;
  GString *answer;
  gpointer data; /* the user's */
} Connection;

/* What came back. Borrowed from the connection until its next request. */
typedef struct
{
  guint status;
  const char *head;
  const char *body;
} Answer;

Connection *connection_new (int poll_fd);
void connection_free (Connection *self);
/* To loopback; FALSE: nobody listens. */
gboolean connection_open (Connection *self, guint16 port);
void connection_close (Connection *self);
/* @self->request holds the whole request; @self is idle. */
void connection_send (Connection *self);
/* Goes on as far as it can without waiting. TRUE: @out_answer is there, the connection is idle or
 * closed. */
gboolean connection_advance (Connection *self, Answer *out_answer);
