/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/socket.h>

G_BEGIN_DECLS

/* Who may speak for others. */
typedef struct _TesseraGateProxies TesseraGateProxies;

/* @list: addresses, networks (10.0.0.0/8) and "unix"; NULL: nobody. Errors: of G_IO_ERROR. */
TesseraGateProxies *tessera_gate_proxies_new (const char *const *list, GError **error);
TesseraGateProxies *tessera_gate_proxies_ref (TesseraGateProxies *self);
void tessera_gate_proxies_unref (TesseraGateProxies *self);
gboolean tessera_gate_proxies_contain (TesseraGateProxies *self, const struct sockaddr *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraGateProxies, tessera_gate_proxies_unref)

G_END_DECLS
