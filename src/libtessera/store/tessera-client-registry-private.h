/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-ring-private.h"
#include "model/tessera-client.h"

G_BEGIN_DECLS

/* All clients by id, in memory: declared ones (application, configuration file) and registered ones
 * (store), which become objects when they are asked for. Safe from any thread. */
typedef struct _TesseraClientRegistry TesseraClientRegistry;

TesseraClientRegistry *tessera_client_registry_new (void);
void tessera_client_registry_free (TesseraClientRegistry *self);
/* TESSERA_SETUP_ERROR_EXISTS when the id is taken, from whichever source. */
gboolean tessera_client_registry_add (TesseraClientRegistry *self,
                                      TesseraClient *client,
                                      gboolean declared,
                                      GError **error);
/* A registered one as the store has it. What is no registration is as if it were not there, but for
 * its id, and is said once when it is asked for. */
gboolean tessera_client_registry_add_record (TesseraClientRegistry *self,
                                             const char *client_id,
                                             const char *record,
                                             GError **error);
/* Between these, records are added in pieces, by one thread. Whoever asks for one that is not there
 * yet waits for it; whoever asks for all, or changes any, waits for the last. */
void tessera_client_registry_begin_loading (TesseraClientRegistry *self);
void tessera_client_registry_end_piece (TesseraClientRegistry *self, gboolean is_last);
gboolean tessera_client_registry_is_loading (TesseraClientRegistry *self);
/* The rest cannot be read: nobody waits any more, and who is not there may be there all the same.
 */
void tessera_client_registry_fail (TesseraClientRegistry *self);
gboolean tessera_client_registry_has_failed (TesseraClientRegistry *self);
/* Set when it failed; owned, with g_atomic_rc_box_release(). */
const gint *tessera_client_registry_hold_failed (TesseraClientRegistry *self);
/* What their secrets are sealed with. @keys: NULL before they are freed. */
void tessera_client_registry_set_keys (TesseraClientRegistry *self, TesseraKeyRing *keys);
gboolean tessera_client_registry_remove (TesseraClientRegistry *self, const char *client_id);
/* @client in place of the one with its id, which must be there. */
void tessera_client_registry_update (TesseraClientRegistry *self, TesseraClient *client);
/* Owned, or NULL; a disabled one is not there. */
TesseraClient *tessera_client_registry_lookup (TesseraClientRegistry *self, const char *client_id);
TesseraClient *tessera_client_registry_lookup_any (TesseraClientRegistry *self,
                                                   const char *client_id);
/* Even by a registration that cannot be used. */
gboolean tessera_client_registry_is_taken (TesseraClientRegistry *self, const char *client_id);
gboolean tessera_client_registry_is_declared (TesseraClientRegistry *self, const char *client_id);
guint tessera_client_registry_get_count (TesseraClientRegistry *self);
guint tessera_client_registry_count_dynamic (TesseraClientRegistry *self);
/* Of what they have of their own; 0 when none has. Seconds. */
int tessera_client_registry_get_longest_lifetime (TesseraClientRegistry *self);

typedef enum
{
  TESSERA_CLIENTS_ALL,
  TESSERA_CLIENTS_DECLARED,
  TESSERA_CLIENTS_REGISTERED
} TesseraClientsKind;

/* TesseraClient*, owned, by id. */
GPtrArray *tessera_client_registry_list (TesseraClientRegistry *self, TesseraClientsKind kind);
/* Of all, @limit of them behind the id @after. */
GPtrArray *
tessera_client_registry_list_page (TesseraClientRegistry *self, const char *after, guint limit);
/* Ids of those that registered themselves, but were not seen since then (seconds). */
GStrv tessera_client_registry_list_unused (TesseraClientRegistry *self, gint64 since, guint limit);
/* Swaps all declared ones at once. @clients: TesseraClient*. An id that a registered client has:
 * TESSERA_SETUP_ERROR_EXISTS; waits for none that is still to come. */
gboolean tessera_client_registry_replace_declared (TesseraClientRegistry *self,
                                                   GPtrArray *clients,
                                                   GError **error);
/* Of public clients' redirect URIs and allowed_origins; for CORS. */
gboolean tessera_client_registry_allows_origin (TesseraClientRegistry *self, const char *origin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraClientRegistry, tessera_client_registry_free)

G_END_DECLS
