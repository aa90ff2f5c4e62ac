/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resource indicators: which resource servers a token is for (RFC 8707). */

#include "model/tessera-target-private.h"

#include "base/tessera-error.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"

#define RESOURCES_MAX 8

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TARGET, why);
  return FALSE;
}

gboolean
tessera_target_parse (TesseraParams *params, char **out_resources, GError **error)
{
  const char *const *values = tessera_params_get_all (params, "resource");

  *out_resources = NULL;
  if (values[0] == NULL)
    return TRUE;
  if (g_strv_length ((char **) values) > RESOURCES_MAX)
    return refuse (error, "Too many resources");
  for (guint i = 0; values[i] != NULL; i++)
    if (!tessera_uri_is_resource (values[i]))
      return refuse (error, "A resource must be an absolute URI without a fragment");

  *out_resources = g_strjoinv (" ", (char **) values);
  return TRUE;
}

gboolean
tessera_target_check_client (const char *resources,
                             TesseraClient *client,
                             TesseraExplanation *explanation,
                             GError **error)
{
  if (resources == NULL)
    return TRUE;

  const char *const *allowed = tessera_client_get_resources (client);
  g_auto (GStrv) asked = tessera_scope_split (resources);
  g_autofree char *registered = NULL;

  for (guint i = 0; asked[i] != NULL; i++)
    if (!g_strv_contains (allowed, asked[i]))
      {
        registered = g_strjoinv (" ", (char **) allowed);
        tessera_explanation_set (explanation, "resource", registered, asked[i]);
        return refuse (error, "The client may not ask for this resource");
      }
  return TRUE;
}

gboolean
tessera_target_narrow (const char *asked,
                       const char *granted,
                       char **out_resources,
                       TesseraExplanation *explanation,
                       GError **error)
{
  /* RFC 8707 §2.2: a part of what was granted, never more. */
  if (asked != NULL && !tessera_scope_is_subset (asked, granted))
    {
      tessera_explanation_set (explanation, "resource", granted, asked);
      return refuse (error, "The resource was not granted");
    }

  *out_resources = g_strdup (asked != NULL ? asked : granted);
  return TRUE;
}

static const TesseraResource *
lookup (const char *identifier, GPtrArray *known)
{
  for (guint i = 0; i < known->len; i++)
    {
      const TesseraResource *resource = g_ptr_array_index (known, i);

      if (g_str_equal (resource->identifier, identifier))
        return resource;
    }
  return NULL;
}

static gboolean
is_offered (const char *name, char **resources, GPtrArray *known)
{
  for (guint i = 0; resources[i] != NULL; i++)
    {
      const TesseraResource *resource = lookup (resources[i], known);

      if (resource == NULL || resource->scope == NULL || tessera_scope_has (resource->scope, name))
        return TRUE;
    }
  return FALSE;
}

char *
tessera_target_narrow_scope (const char *scope, const char *resources, GPtrArray *known)
{
  if (resources == NULL || *resources == '\0')
    return g_strdup (scope);

  g_auto (GStrv) targets = tessera_scope_split (resources);
  g_auto (GStrv) names = tessera_scope_split (scope);
  g_autoptr (GString) narrowed = g_string_new (NULL);
  for (guint i = 0; names[i] != NULL; i++)
    if (is_offered (names[i], targets, known))
      g_string_append_printf (narrowed, "%s%s", narrowed->len > 0 ? " " : "", names[i]);
  return g_string_free (g_steal_pointer (&narrowed), FALSE);
}

char **
tessera_target_dup_audience (const char *resources, TesseraClient *client, const char *issuer)
{
  const char *const *usual = tessera_client_get_audience (client);
  const char *const fallback[] = { issuer, NULL };

  if (resources != NULL && *resources != '\0')
    return tessera_scope_split (resources);
  return g_strdupv ((char **) (usual != NULL && usual[0] != NULL ? usual : fallback));
}

const TesseraResource *
tessera_target_lookup (const char *const *audience, GPtrArray *known)
{
  if (audience[0] == NULL || audience[1] != NULL)
    return NULL;
  return lookup (audience[0], known);
}
