/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* How long a client of a SoupServer may take, in milliseconds. libsoup waits for ever. */
typedef struct
{
  guint
      head; /* from the connection, or the first byte of a later request, to the end of the head */
  guint body; /* from there to the end of the body */
  guint idle; /* from an answer to the first byte of the next request */
} TesseraSoupDeadlines;

/* Holds every connection of @soup to them, from its next request on, until @soup is gone; again:
 * with other ones. Whoever is late is disconnected without a word. An answer may take as long as it
 * likes, and a connection that became a WebSocket, or that was stolen, is left alone. */
void tessera_soup_deadlines_set (SoupServer *soup, const TesseraSoupDeadlines *deadlines);
/* Is the request one of a client that was late? To libsoup the end of a connection is the end of a
 * head, too. */
gboolean tessera_soup_deadlines_have_passed (SoupServerMessage *message);

G_END_DECLS
