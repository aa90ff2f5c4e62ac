/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-user-private.h"

G_BEGIN_DECLS

/* People with a password known to the server, by name: declared ones (a file) and those that the
 * store keeps. Main loop only. */
typedef struct _TesseraUserRegistry TesseraUserRegistry;

TesseraUserRegistry *tessera_user_registry_new (void);
void tessera_user_registry_free (TesseraUserRegistry *self);
/* Swaps all declared ones: `name:crypt(3) hash[:claims]` a line of the file @origin. Parses the
 * whole text or nothing; the error names the line. TESSERA_SETUP_ERROR_USER;
 * TESSERA_SETUP_ERROR_EXISTS for a name that the store has. */
gboolean tessera_user_registry_replace_declared (TesseraUserRegistry *self,
                                                 const char *text,
                                                 const char *origin,
                                                 GError **error);
/* All of them as they are now, owned, to be put back unless others came meanwhile. */
GHashTable *tessera_user_registry_ref_users (TesseraUserRegistry *self);
void tessera_user_registry_put_back (TesseraUserRegistry *self, GHashTable *users);
/* TESSERA_SETUP_ERROR_EXISTS when the name is taken, from whichever source. */
gboolean tessera_user_registry_add (TesseraUserRegistry *self, TesseraUser *user, GError **error);
gboolean tessera_user_registry_remove (TesseraUserRegistry *self, const char *name);
TesseraUser *tessera_user_registry_lookup (TesseraUserRegistry *self, const char *name);
guint tessera_user_registry_get_count (TesseraUserRegistry *self);
/* At most @limit of them by name, behind the name @after; owned, TesseraUser*. */
GPtrArray *tessera_user_registry_list (TesseraUserRegistry *self, const char *after, guint limit);
GHashTable *tessera_user_registry_dup_fingerprints (
    TesseraUserRegistry *self); /* of the declared: char* name -> char* */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraUserRegistry, tessera_user_registry_free)

G_END_DECLS
