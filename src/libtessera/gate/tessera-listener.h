/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_LISTENER (tessera_listener_get_type ())

/* The strict front door of a SoupServer: accepts connections, reads requests whole and by the
 * letter, keeps limits and deadlines, parks who is idle. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraListener, tessera_listener, TESSERA, LISTENER, GObject)

TESSERA_AVAILABLE_IN_1_0
TesseraListener *tessera_listener_new (SoupServer *soup_server);
TESSERA_AVAILABLE_IN_1_0
SoupServer *tessera_listener_get_soup_server (TesseraListener *self);

TESSERA_AVAILABLE_IN_1_0
gboolean tessera_listener_add_socket (TesseraListener *self,
                                      GSocket *socket,
                                      GTlsCertificate *certificate,
                                      const char *const *trusted_proxies,
                                      GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_listener_add_address (TesseraListener *self,
                                       GSocketAddress *address,
                                       GTlsCertificate *certificate,
                                       const char *const *trusted_proxies,
                                       GSocketAddress **effective_address,
                                       GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_listener_set_certificate (TesseraListener *self,
                                           GSocket *socket,
                                           GTlsCertificate *certificate,
                                           GError **error);

TESSERA_AVAILABLE_IN_1_0
gboolean tessera_listener_set_trusted_proxies (TesseraListener *self,
                                               GSocket *socket,
                                               const char *const *trusted_proxies,
                                               GError **error);
TESSERA_AVAILABLE_IN_1_0
void
tessera_listener_set_proxy_protocol (TesseraListener *self, GSocket *socket, gboolean expected);

TESSERA_AVAILABLE_IN_1_0
void tessera_listener_drain_async (TesseraListener *self,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_listener_drain_finish (TesseraListener *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_listener_close (TesseraListener *self);

TESSERA_AVAILABLE_IN_1_0
guint tessera_listener_get_n_connections (TesseraListener *self);
TESSERA_AVAILABLE_IN_1_0
guint tessera_listener_get_n_requests (TesseraListener *self);

TESSERA_AVAILABLE_IN_1_0
void tessera_server_add_listener (TesseraServer *self, TesseraListener *listener);

G_END_DECLS
