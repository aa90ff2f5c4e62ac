/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One page of a long list: of the keys of @table, which are texts, the first @limit that come
 * behind @after, in order. Borrowed; time and memory do not grow with what is on other pages, but
 * for one look at each key. */
GPtrArray *tessera_page_of_keys (GHashTable *table, const char *after, guint limit);

G_END_DECLS
