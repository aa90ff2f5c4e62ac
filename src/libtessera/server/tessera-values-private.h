/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a template can name: texts, and lists of such values. */
typedef struct _TesseraValues TesseraValues;

TesseraValues *tessera_values_new (void);
void tessera_values_free (TesseraValues *self);
void tessera_values_set (TesseraValues *self,
                         const char *name,
                         const char *text); /* NULL or "": absent */
void tessera_values_set_flag (TesseraValues *self, const char *name, gboolean flag);
void tessera_values_set_number (TesseraValues *self, const char *name, guint64 number);
/* Another item of the list @name; in a loop it sees the outer values too. Borrowed. */
TesseraValues *tessera_values_append (TesseraValues *self, const char *name);

const char *tessera_values_get (const TesseraValues *self, const char *name); /* NULL: absent */
GPtrArray *tessera_values_get_list (const TesseraValues *self,
                                    const char *name); /* NULL: absent; borrowed */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraValues, tessera_values_free)

G_END_DECLS
