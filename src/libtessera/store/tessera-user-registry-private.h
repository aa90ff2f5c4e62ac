/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* People with a password known to the server: `name:crypt(3) hash` a line. Main loop only. */
typedef struct _TesseraUserRegistry TesseraUserRegistry;

TesseraUserRegistry *tessera_user_registry_new (void);
void tessera_user_registry_free (TesseraUserRegistry *self);
/* Parses the whole text or nothing; the error names the line. TESSERA_SETUP_ERROR_USER. */
gboolean
tessera_user_registry_replace (TesseraUserRegistry *self, const char *text, GError **error);
gboolean tessera_user_registry_add (TesseraUserRegistry *self,
                                    const char *name,
                                    const char *hash,
                                    GError **error);
const char *tessera_user_registry_get_hash (TesseraUserRegistry *self, const char *name);
guint tessera_user_registry_get_count (TesseraUserRegistry *self);
GHashTable *
tessera_user_registry_dup_fingerprints (TesseraUserRegistry *self); /* name -> digest of the hash */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraUserRegistry, tessera_user_registry_free)

G_END_DECLS
