/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* [registration]: what clients that register themselves may be. */

#include "tesserad-registration.h"

#include "tesserad-properties.h"

#define GROUP "registration"

/* Scopes are a list in the file, as those of a resource are. */
static gboolean
read_scopes (TesseradKeyFile *key_file, TesseradProperties *properties, GError **error)
{
  g_auto (GStrv) scopes = NULL;

  if (!tesserad_key_file_get_strings (key_file, GROUP, "scopes", &scopes, error))
    return FALSE;
  if (scopes != NULL)
    g_value_take_string (tesserad_properties_add (properties, "scope", G_TYPE_STRING),
                         g_strjoinv (" ", scopes));
  return TRUE;
}

/* The policy of what stands in the file; as if @left_out were not there, unless that is NULL. */
static TesseraRegistrationPolicy *
build (TesseradKeyFile *key_file, const char *left_out, GError **error)
{
  g_auto (TesseradProperties) properties = { NULL };

  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    if (g_str_equal (setting->group, GROUP) && setting->property != NULL
        && g_strcmp0 (setting->key, left_out) != 0
        && tesserad_key_file_has (key_file, GROUP, setting->key)
        && !tesserad_properties_read (&properties, key_file, GROUP, setting, error))
      return NULL;
  if (g_strcmp0 (left_out, "scopes") != 0 && !read_scopes (key_file, &properties, error))
    return NULL;
  return TESSERA_REGISTRATION_POLICY (
      tesserad_properties_new_object (&properties, TESSERA_TYPE_REGISTRATION_POLICY));
}

/* The key without which the policy would do. */
static const char *
find_culprit (TesseradKeyFile *key_file)
{
  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    {
      if (!g_str_equal (setting->group, GROUP)
          || !tesserad_key_file_has (key_file, GROUP, setting->key))
        continue;
      g_autoptr (TesseraRegistrationPolicy) policy = build (key_file, setting->key, NULL);
      if (policy != NULL && tessera_registration_policy_check (policy, NULL))
        return setting->key;
    }
  return NULL;
}

gboolean
tesserad_registration_read (TesseradKeyFile *key_file,
                            TesseraRegistrationPolicy **out_policy,
                            GError **error)
{
  g_autoptr (TesseraRegistrationPolicy) policy = build (key_file, NULL, error);
  g_autoptr (GError) inner = NULL;

  if (policy == NULL)
    return FALSE;
  if (!tessera_registration_policy_check (policy, &inner))
    return tesserad_key_file_propagate (key_file, GROUP, find_culprit (key_file),
                                        g_steal_pointer (&inner), error);
  *out_policy = g_steal_pointer (&policy);
  return TRUE;
}
