/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a template can name: texts, and lists of such values. */

#include "server/tessera-values-private.h"

struct _TesseraValues
{
  GHashTable *texts; /* char *name -> char *text */
  GHashTable *lists; /* char *name -> GPtrArray of TesseraValues* */
};

TesseraValues *
tessera_values_new (void)
{
  TesseraValues *self = g_new0 (TesseraValues, 1);

  self->texts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->lists
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  return self;
}

void
tessera_values_free (TesseraValues *self)
{
  if (self == NULL)
    return;

  g_hash_table_unref (self->texts);
  g_hash_table_unref (self->lists);
  g_free (self);
}

void
tessera_values_set (TesseraValues *self, const char *name, const char *text)
{
  if (text == NULL || *text == '\0')
    g_hash_table_remove (self->texts, name);
  else
    g_hash_table_insert (self->texts, g_strdup (name), g_utf8_make_valid (text, -1));
}

void
tessera_values_set_flag (TesseraValues *self, const char *name, gboolean flag)
{
  tessera_values_set (self, name, flag ? "yes" : NULL);
}

void
tessera_values_set_number (TesseraValues *self, const char *name, guint64 number)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);

  tessera_values_set (self, name, text);
}

TesseraValues *
tessera_values_append (TesseraValues *self, const char *name)
{
  GPtrArray *items = g_hash_table_lookup (self->lists, name);
  TesseraValues *item = tessera_values_new ();

  if (items == NULL)
    {
      items = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_values_free);
      g_hash_table_insert (self->lists, g_strdup (name), items);
    }
  g_ptr_array_add (items, item);
  return item;
}

const char *
tessera_values_get (const TesseraValues *self, const char *name)
{
  return g_hash_table_lookup (self->texts, name);
}

GPtrArray *
tessera_values_get_list (const TesseraValues *self, const char *name)
{
  return g_hash_table_lookup (self->lists, name);
}
