/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of an object, out of a group of the configuration. */

#include "tesserad-properties.h"

void
tesserad_properties_clear (TesseradProperties *self)
{
  g_clear_pointer (&self->names, g_ptr_array_unref);
  g_clear_pointer (&self->values, g_array_unref);
}

GValue *
tesserad_properties_add (TesseradProperties *self, const char *static_name, GType type)
{
  GValue *value = NULL;

  if (self->names == NULL)
    {
      self->names = g_ptr_array_new ();
      self->values = g_array_new (FALSE, TRUE, sizeof (GValue));
      g_array_set_clear_func (self->values, (GDestroyNotify) g_value_unset);
    }
  g_ptr_array_add (self->names, (gpointer) static_name);
  g_array_set_size (self->values, self->names->len);
  value = &g_array_index (self->values, GValue, self->names->len - 1);
  return g_value_init (value, type);
}

gboolean
tesserad_properties_read (TesseradProperties *self,
                          TesseradKeyFile *key_file,
                          const char *group,
                          const TesseradSetting *setting,
                          GError **error)
{
  char *text = NULL;
  char **texts = NULL;
  gboolean truth = FALSE;
  int number = 0;

  switch (setting->kind)
    {
    case TESSERAD_KIND_STRING:
      if (!tesserad_key_file_get_string (key_file, group, setting->key, &text, error))
        return FALSE;
      g_value_take_string (tesserad_properties_add (self, setting->property, G_TYPE_STRING), text);
      return TRUE;
    case TESSERAD_KIND_STRINGS:
      if (!tesserad_key_file_get_strings (key_file, group, setting->key, &texts, error))
        return FALSE;
      g_value_take_boxed (tesserad_properties_add (self, setting->property, G_TYPE_STRV), texts);
      return TRUE;
    case TESSERAD_KIND_BOOLEAN:
      if (!tesserad_key_file_get_boolean (key_file, group, setting->key, &truth, error))
        return FALSE;
      g_value_set_boolean (tesserad_properties_add (self, setting->property, G_TYPE_BOOLEAN),
                           truth);
      return TRUE;
    case TESSERAD_KIND_INTEGER:
      if (!tesserad_key_file_get_integer (key_file, group, setting->key, setting->minimum,
                                          setting->maximum, &number, error))
        return FALSE;
      g_value_set_int (tesserad_properties_add (self, setting->property, G_TYPE_INT), number);
      return TRUE;
    case TESSERAD_KIND_REFUSED:
    default:
      return TRUE;
    }
}

GObject *
tesserad_properties_new_object (TesseradProperties *self, GType type)
{
  if (self->names == NULL)
    return g_object_new (type, NULL);
  return g_object_new_with_properties (type, self->names->len, (const char **) self->names->pdata,
                                       (const GValue *) self->values->data);
}
