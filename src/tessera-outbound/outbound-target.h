/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where a request is to go, read once; the same reading is what is sent. */
typedef struct
{
  GUri *uri;
  const char *host; /* of @uri: a name, or an address without its brackets */
  guint16 port;
  GInetAddress *address; /* NULL: host is a name */
} OutboundTarget;

/* https, a host, port 443 or one above 1023; no userinfo, no fragment, no way to write an address
 * but the usual one. G_IO_ERROR_PERMISSION_DENIED. */
OutboundTarget *outbound_target_parse (const char *uri, GError **error);
void outbound_target_free (OutboundTarget *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OutboundTarget, outbound_target_free)

G_END_DECLS
