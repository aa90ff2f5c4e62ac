/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages of lists that are kept as hash tables. */

#include "base/tessera-page-private.h"

#include <string.h>

/* How many more than a page are gathered before the surplus is dropped: to sort for each key that
 * comes would cost more. */
#define SURPLUS_MIN 64

static int
compare_keys (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
cut (GPtrArray *page, guint limit)
{
  g_ptr_array_sort (page, compare_keys);
  if (page->len > limit)
    g_ptr_array_set_size (page, (int) limit);
}

GPtrArray *
tessera_page_of_keys (GHashTable *table, const char *after, guint limit)
{
  GPtrArray *page = g_ptr_array_new ();
  gsize room = (gsize) limit + MAX (limit, SURPLUS_MIN);
  const char *bound = NULL; /* nothing from here on is on the page */
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, table);
  while (limit > 0 && g_hash_table_iter_next (&iter, &key, NULL))
    {
      if (strcmp (key, after) <= 0 || (bound != NULL && strcmp (key, bound) >= 0))
        continue;
      g_ptr_array_add (page, key);
      if (page->len < room)
        continue;
      cut (page, limit);
      bound = page->pdata[limit - 1];
    }
  cut (page, limit);
  return page;
}
