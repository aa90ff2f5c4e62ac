/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a front door in front of libsoup knows of a connection and libsoup has no place for. It
 * travels with the remote address, the one object that libsoup carries from
 * soup_server_accept_iostream () to soup_server_message_get_remote_address (). */
typedef struct _TesseraPeer TesseraPeer;

struct _TesseraPeer
{
  gboolean secure;     /* TLS ends at the front door, or at a trusted proxy that says so */
  const char *address; /* of who is at the other end, as TesseraCaller has it */
  /* The answer to the request under way waits for a person or a program: it may take @seconds
   * instead of the usual time for a first byte. */
  void (*hold) (TesseraPeer *self, guint seconds);

  /* For an answer in pieces, which has its connection for itself: how many bytes of it the door has
   * and could not send; */
  gsize (*get_unsent) (TesseraPeer *self);
  /* … its end at once, whatever is unsent; */
  void (*cut) (TesseraPeer *self);
  /* … and who is told, from within the door, when one of the next two becomes TRUE; or NULL. */
  void (*changed) (gpointer changed_data);
  gpointer changed_data;
  gboolean streamed; /* there was such an answer */
  gboolean gone;     /* the connection */
  gboolean draining; /* the door takes nobody any more, and waits for those who are inside */
};

/* @self lives as long as @address, or until another one takes its place; @destroy ends it. */
void tessera_peer_attach (TesseraPeer *self, GSocketAddress *address, GDestroyNotify destroy);
/* NULL: the connection came through no front door of ours. */
TesseraPeer *tessera_peer_get (GSocketAddress *address);

G_END_DECLS
