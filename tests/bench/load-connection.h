/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One connection of the load generator: sends a request, reads the answer, says so. It connects
 * anew when the server has closed it. What fails ends the program. */
typedef struct _LoadConnection LoadConnection;

typedef void (*LoadAnswerFunc) (LoadConnection *self, gpointer data);

LoadConnection *
load_connection_new (int port, gboolean tls, int epoll, LoadAnswerFunc func, gpointer data);
void load_connection_free (LoadConnection *self);

/* @request is borrowed until the answer is there. */
void load_connection_send (LoadConnection *self, GBytes *request);
/* There is something to read. */
void load_connection_read (LoadConnection *self);
/* The next request gets another one; without a trace in the kernel of this one. */
void load_connection_close (LoadConnection *self);

/* Of the last answer. */
guint load_connection_get_status (LoadConnection *self);
const char *load_connection_get_body (LoadConnection *self);
gint64 load_connection_get_took_ns (LoadConnection *self);

G_END_DECLS
