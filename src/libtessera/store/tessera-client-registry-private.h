/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"

G_BEGIN_DECLS

/* All clients by id, in memory: declared ones (application, configuration file) and registered ones
 * (store). Safe from any thread. */
typedef struct _TesseraClientRegistry TesseraClientRegistry;

TesseraClientRegistry *tessera_client_registry_new (void);
void tessera_client_registry_free (TesseraClientRegistry *self);
/* TESSERA_SETUP_ERROR_EXISTS when the id is taken, from whichever source. */
gboolean tessera_client_registry_add (TesseraClientRegistry *self,
                                      TesseraClient *client,
                                      gboolean declared,
                                      GError **error);
gboolean tessera_client_registry_remove (TesseraClientRegistry *self, const char *client_id);
/* @client in place of the one with its id, which must be there. */
void tessera_client_registry_update (TesseraClientRegistry *self, TesseraClient *client);
/* Owned, or NULL; a disabled one is not there. */
TesseraClient *tessera_client_registry_lookup (TesseraClientRegistry *self, const char *client_id);
TesseraClient *tessera_client_registry_lookup_any (TesseraClientRegistry *self,
                                                   const char *client_id);
gboolean tessera_client_registry_is_declared (TesseraClientRegistry *self, const char *client_id);
guint tessera_client_registry_get_count (TesseraClientRegistry *self);
guint tessera_client_registry_count_dynamic (TesseraClientRegistry *self);
GPtrArray *
tessera_client_registry_list (TesseraClientRegistry *self); /* TesseraClient*, owned, by id */
/* The same, @limit of them behind the id @after. */
GPtrArray *
tessera_client_registry_list_page (TesseraClientRegistry *self, const char *after, guint limit);
/* Swaps all declared ones at once. @clients: TesseraClient*. An id that a registered client has:
 * TESSERA_SETUP_ERROR_EXISTS. */
gboolean tessera_client_registry_replace_declared (TesseraClientRegistry *self,
                                                   GPtrArray *clients,
                                                   GError **error);
/* Of public clients' redirect URIs and allowed_origins; for CORS. */
gboolean tessera_client_registry_allows_origin (TesseraClientRegistry *self, const char *origin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraClientRegistry, tessera_client_registry_free)

G_END_DECLS
