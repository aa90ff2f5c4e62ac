/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dictionaries of GVariant become JSON objects (RFC 8259), and the other way round. */

#include "base/tessera-json-variant-private.h"

#include "base/tessera-error.h"

static json_t *read_value (GVariant *value, guint depth);
static GVariant *make_value (json_t *json);

/* To JSON. NULL: there is no such thing in JSON, or it is too deep. */

static json_t *
read_unsigned (guint64 value)
{
  return value <= G_MAXINT64 ? json_integer ((json_int_t) value) : NULL;
}

static json_t *
read_boxed (GVariant *value, guint depth)
{
  g_autoptr (GVariant) inner = g_variant_get_variant (value);
  return read_value (inner, depth);
}

static json_t *
read_array (GVariant *value, guint depth)
{
  g_autoptr (json_t) array = json_array ();
  gsize n = g_variant_n_children (value);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      if (json_array_append_new (array, read_value (child, depth + 1)) != 0)
        return NULL;
    }
  return g_steal_pointer (&array);
}

static gboolean
read_member (json_t *object, GVariant *entry, guint depth)
{
  g_autoptr (GVariant) name = g_variant_get_child_value (entry, 0);
  g_autoptr (GVariant) value = g_variant_get_child_value (entry, 1);
  const char *text = g_variant_get_string (name, NULL);

  return json_object_get (object, text) == NULL
         && json_object_set_new (object, text, read_value (value, depth + 1)) == 0;
}

static json_t *
read_object (GVariant *value, guint depth)
{
  g_autoptr (json_t) object = json_object ();
  gsize n = g_variant_n_children (value);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (value, i);
      if (!read_member (object, entry, depth))
        return NULL;
    }
  return g_steal_pointer (&object);
}

static json_t *
read_container (GVariant *value, guint depth)
{
  if (depth >= TESSERA_JSON_MAX_DEPTH)
    return NULL;
  if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a{s*}")))
    return read_object (value, depth);
  return g_variant_is_of_type (value, G_VARIANT_TYPE ("a{?*}")) ? NULL : read_array (value, depth);
}

static json_t *
read_value (GVariant *value, guint depth)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      return json_boolean (g_variant_get_boolean (value));
    case G_VARIANT_CLASS_BYTE:
      return json_integer (g_variant_get_byte (value));
    case G_VARIANT_CLASS_INT16:
      return json_integer (g_variant_get_int16 (value));
    case G_VARIANT_CLASS_UINT16:
      return json_integer (g_variant_get_uint16 (value));
    case G_VARIANT_CLASS_INT32:
      return json_integer (g_variant_get_int32 (value));
    case G_VARIANT_CLASS_UINT32:
      return json_integer (g_variant_get_uint32 (value));
    case G_VARIANT_CLASS_INT64:
      return json_integer (g_variant_get_int64 (value));
    case G_VARIANT_CLASS_UINT64:
      return read_unsigned (g_variant_get_uint64 (value));
    case G_VARIANT_CLASS_DOUBLE:
      return json_real (g_variant_get_double (value)); /* NULL unless finite */
    case G_VARIANT_CLASS_STRING:
      return json_string (g_variant_get_string (value, NULL));
    case G_VARIANT_CLASS_VARIANT:
      return depth < TESSERA_JSON_MAX_DEPTH ? read_boxed (value, depth) : NULL;
    case G_VARIANT_CLASS_ARRAY:
      return read_container (value, depth);
    default:
      return NULL;
    }
}

json_t *
tessera_json_from_variant (GVariant *dictionary, GError **error)
{
  g_autoptr (json_t) json = NULL;

  if (g_variant_is_of_type (dictionary, G_VARIANT_TYPE ("a{s*}")))
    json = read_value (dictionary, 0);
  if (json == NULL)
    g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                         "A dictionary of what JSON knows was expected.");
  return g_steal_pointer (&json);
}

/* From JSON. */

static GVariant *
make_array (json_t *array)
{
  GVariantBuilder builder;
  size_t i;
  json_t *item;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  json_array_foreach (array, i, item)
    {
      GVariant *value = make_value (item);
      if (value != NULL)
        g_variant_builder_add (&builder, "v", value);
    }
  return g_variant_builder_end (&builder);
}

GVariant *
tessera_json_to_variant (json_t *object)
{
  GVariantBuilder builder;
  const char *name;
  json_t *item;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  json_object_foreach (object, name, item)
    {
      GVariant *value = make_value (item);
      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", name, value);
    }
  return g_variant_builder_end (&builder);
}

/* Floating; NULL for null. */
static GVariant *
make_value (json_t *json)
{
  switch (json_typeof (json))
    {
    case JSON_STRING:
      return g_variant_new_string (json_string_value (json));
    case JSON_INTEGER:
      return g_variant_new_int64 (json_integer_value (json));
    case JSON_REAL:
      return g_variant_new_double (json_real_value (json));
    case JSON_TRUE:
    case JSON_FALSE:
      return g_variant_new_boolean (json_is_true (json));
    case JSON_ARRAY:
      return make_array (json);
    case JSON_OBJECT:
      return tessera_json_to_variant (json);
    case JSON_NULL:
    default:
      return NULL;
    }
}
