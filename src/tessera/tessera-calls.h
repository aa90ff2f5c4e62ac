/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-service.h"
#include "tessera-variant.h"

G_BEGIN_DECLS

/* Calls to the one service of this command, which is opened at the first use. */
TesseraService *tessera_service_get (GError **error);
GVariant *tessera_call (const char *path,
                        const char *interface,
                        const char *method,
                        GVariant *parameters,
                        const char *reply_type,
                        GError **error);
GVariant *tessera_call_manager (const char *method,
                                GVariant *parameters,
                                const char *reply_type,
                                GError **error);
/* A method of the manager that takes a descriptor, and as long as it needs. */
GVariant *
tessera_call_with_file (const char *method, int fd, const char *reply_type, GError **error);
/* A method of the object that a client is. */
GVariant *tessera_call_client (const char *client_id,
                               const char *method,
                               GVariant *parameters,
                               const char *reply_type,
                               GError **error);
/* All properties of an interface. */
GVariant *tessera_get_properties (const char *path, const char *interface, GError **error);
/* All pages of a method of the manager that lists; @filters up to NULL are its first arguments,
 * @key the member that the next page goes on behind, @after where the first one does, "" for the
 * beginning. Never more than @limit, if that is not 0. */
json_t *tessera_call_pages (const char *method,
                            const char *const *filters,
                            const char *key,
                            const char *after,
                            guint limit,
                            GError **error);

G_END_DECLS
