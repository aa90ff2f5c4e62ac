/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_NETWORK_SIZE 16 /* bytes, at most */

/* Whom an address belongs to: whoever has one of IPv6 has the 2⁶⁴ of its network too, so that what
 * is counted for an address is counted for these 64 bits. The length of it. */
gsize tessera_network_read (const char *address, guint8 out[TESSERA_NETWORK_SIZE]);
/* The same as a text, which is no address. */
char *tessera_network_dup (const char *address);

G_END_DECLS
