/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Which addresses may be connected to: those of the public internet, and what the administrator
 * lists beside them. */
typedef struct _OutboundAddresses OutboundAddresses;

/* @ranges: such as 10.1.0.0/16 or fd00::1; or NULL. */
OutboundAddresses *outbound_addresses_new (const char *const *ranges, GError **error);
void outbound_addresses_free (OutboundAddresses *self);
gboolean outbound_addresses_permit (OutboundAddresses *self, GInetAddress *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OutboundAddresses, outbound_addresses_free)

G_END_DECLS
