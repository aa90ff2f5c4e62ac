/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* A connection that is taken from libsoup, since the answer is one that libsoup cannot give. */

/* @stream: to be kept; NULL: the client has gone. @socket: borrowed; NULL with TLS, and where there
 * is none. */
typedef void (*TesseraSoupTaken) (GIOStream *stream, GSocket *socket, gpointer data);

/* libsoup goes no further with @message; @taken is called once, soon. */
void tessera_soup_take_over (SoupServerMessage *message,
                             guint status,
                             TesseraSoupTaken taken,
                             gpointer data);

/* What a status line says behind the number. */
const char *tessera_soup_get_phrase (guint status);
/* The head of the answer in @exchange; @fields: further ones, each with its line end. */
void tessera_soup_append_head (GString *text, const TesseraExchange *exchange, const char *fields);

G_END_DECLS
