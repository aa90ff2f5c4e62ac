/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values of D-Bus as JSON, and the other way round. */

#include "tessera-variant.h"

static json_t *
convert_dictionary (GVariant *value)
{
  json_t *object = json_object ();
  GVariantIter iter;
  GVariant *entry = NULL;

  g_variant_iter_init (&iter, value);
  while ((entry = g_variant_iter_next_value (&iter)) != NULL)
    {
      g_autoptr (GVariant) key = g_variant_get_child_value (entry, 0);
      g_autoptr (GVariant) child = g_variant_get_child_value (entry, 1);
      json_object_set_new (object, g_variant_get_string (key, NULL),
                           tessera_json_from_variant (child));
      g_variant_unref (entry);
    }
  return object;
}

static json_t *
convert_list (GVariant *value)
{
  json_t *list = json_array ();
  GVariantIter iter;
  GVariant *child = NULL;

  g_variant_iter_init (&iter, value);
  while ((child = g_variant_iter_next_value (&iter)) != NULL)
    {
      json_array_append_new (list, tessera_json_from_variant (child));
      g_variant_unref (child);
    }
  return list;
}

static json_t *
convert_container (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) inner = g_variant_get_variant (value);
      return tessera_json_from_variant (inner);
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a{s*}")))
    return convert_dictionary (value);
  return g_variant_is_container (value) ? convert_list (value) : json_null ();
}

json_t *
tessera_json_from_variant (GVariant *value)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      return json_boolean (g_variant_get_boolean (value));
    case G_VARIANT_CLASS_INT32:
      return json_integer (g_variant_get_int32 (value));
    case G_VARIANT_CLASS_UINT32:
      return json_integer (g_variant_get_uint32 (value));
    case G_VARIANT_CLASS_INT64:
      return json_integer (g_variant_get_int64 (value));
    case G_VARIANT_CLASS_UINT64:
      return json_integer ((json_int_t) MIN (g_variant_get_uint64 (value), G_MAXINT64));
    case G_VARIANT_CLASS_DOUBLE:
      return json_real (g_variant_get_double (value));
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
      return json_string (g_variant_get_string (value, NULL));
    default:
      return convert_container (value);
    }
}

/* The other way */

static GVariant *make_value (json_t *json);

static GVariant *
make_list (json_t *list)
{
  GVariantBuilder builder;
  json_t *member = NULL;
  size_t i = 0;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  json_array_foreach (list, i, member)
    {
      GVariant *value = make_value (member);
      if (value != NULL)
        g_variant_builder_add (&builder, "v", value);
    }
  return g_variant_builder_end (&builder);
}

GVariant *
tessera_json_to_variant (json_t *object)
{
  GVariantBuilder builder;
  const char *name = NULL;
  json_t *member = NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  json_object_foreach (object, name, member)
    {
      GVariant *value = make_value (member);
      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", name, value);
    }
  return g_variant_builder_end (&builder);
}

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
      return make_list (json);
    case JSON_OBJECT:
      return tessera_json_to_variant (json);
    case JSON_NULL:
    default:
      return NULL;
    }
}
