/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Stands between a connection and libsoup, and ends the connection when a line says a body length
 * that libsoup cannot use: libsoup 3.2 would keep the path of such a request for ever. */
GIOStream *tesserad_framing_stream_new (GIOStream *connection);

G_END_DECLS
