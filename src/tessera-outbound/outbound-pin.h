/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define OUTBOUND_TYPE_PIN (outbound_pin_get_type ())

/* A host whose addresses were looked up, and looked at, already: whoever connects gets these and no
 * others, while TLS still holds the certificate against the name. It is a GNetworkAddress for that,
 * since GTlsClientConnection knows those. */
GType outbound_pin_get_type (void) G_GNUC_CONST;
/* @addresses: GInetAddress*; they are copied: the first four, two of each family if there are both.
 */
GSocketConnectable *outbound_pin_new (const char *host, guint16 port, GPtrArray *addresses);

G_END_DECLS
