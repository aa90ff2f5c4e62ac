/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* libsoup before 3.3 never lets go of a kept-alive connection that its client closed: a descriptor
 * is lost each time. While @soup is watched, such connections are found and ended. Nothing happens
 * with a libsoup that needs no help. */
void tessera_soup_connections_watch (SoupServer *soup);
void tessera_soup_connections_unwatch (SoupServer *soup);
/* To be called from @soup's request-started. */
void tessera_soup_connections_note (SoupServer *soup);
/* The next connection that is made in this thread is @soup's. FALSE: it would not be found when it
 * has been forgotten, and should end with its first answer. */
gboolean tessera_soup_connections_expect (SoupServer *soup);

G_END_DECLS
