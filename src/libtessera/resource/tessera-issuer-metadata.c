/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an issuer says of itself (RFC 8414 §2, §3.3). */

#include "resource/tessera-issuer-metadata-private.h"

#include "base/tessera-json-private.h"
#include "base/tessera-uri-private.h"

#include <gio/gio.h>
#include <string.h>

#define WELL_KNOWN_PATH "/.well-known/oauth-authorization-server"
#define URI_MAX_LENGTH 2048

/* RFC 8414 §3.1: before the path of the issuer. */
char *
tessera_issuer_metadata_dup_uri (const char *issuer)
{
  const char *authority = strstr (issuer, "://") + strlen ("://");
  const char *path = strchr (authority, '/');

  if (path == NULL)
    return g_strconcat (issuer, WELL_KNOWN_PATH, NULL);
  g_autofree char *origin = g_strndup (issuer, (gsize) (path - issuer));
  return g_strconcat (origin, WELL_KNOWN_PATH, path, NULL);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, why);
  return FALSE;
}

/* What is not encrypted stays on the machine. */
static gboolean
is_trustworthy (const char *issuer, const char *uri)
{
  g_autoptr (GUri) parsed = NULL;

  if (strlen (uri) > URI_MAX_LENGTH)
    return FALSE;
  parsed = g_uri_parse (uri, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED, NULL);
  if (parsed == NULL || g_uri_get_host (parsed) == NULL || g_uri_get_host (parsed)[0] == '\0'
      || g_uri_get_userinfo (parsed) != NULL || g_uri_get_fragment (parsed) != NULL)
    return FALSE;
  if (strcmp (g_uri_get_scheme (parsed), "https") == 0)
    return TRUE;
  g_autofree char *origin = tessera_uri_dup_origin (uri);
  g_autofree char *issuers = tessera_uri_dup_origin (issuer);
  return strcmp (g_uri_get_scheme (parsed), "http") == 0 && g_str_has_prefix (issuer, "http:")
         && (tessera_uri_is_loopback_redirect (uri) || g_strcmp0 (origin, issuers) == 0);
}

static gboolean
take_uri (const char *issuer, const json_t *json, const char *name, char **out_uri, GError **error)
{
  const json_t *member = json_object_get (json, name);

  if (member == NULL)
    return TRUE;
  if (!json_is_string (member) || !is_trustworthy (issuer, json_string_value (member)))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "its metadata names no usable place as %s", name);
      return FALSE;
    }
  *out_uri = g_strdup (json_string_value (member));
  return TRUE;
}

TesseraIssuerMetadata *
tessera_issuer_metadata_parse (const char *issuer, const char *text, gsize length, GError **error)
{
  g_autoptr (json_t) json
      = tessera_json_parse (text, length, TESSERA_ISSUER_METADATA_MAX_LENGTH, NULL);
  g_autoptr (TesseraIssuerMetadata) self = g_new0 (TesseraIssuerMetadata, 1);

  if (json == NULL)
    {
      refuse (error, "its metadata is malformed");
      return NULL;
    }
  /* RFC 8414 §3.3: identical, or somebody else answers for it. */
  if (g_strcmp0 (json_string_value (json_object_get (json, "issuer")), issuer) != 0)
    {
      refuse (error, "its metadata is that of another issuer");
      return NULL;
    }
  if (!take_uri (issuer, json, "jwks_uri", &self->jwks_uri, error)
      || !take_uri (issuer, json, "token_endpoint", &self->token_endpoint, error)
      || !take_uri (issuer, json, "tessera_deny_list_endpoint", &self->deny_list_uri, error)
      || !take_uri (issuer, json, "tessera_deny_list_events_endpoint", &self->deny_list_events,
                    error))
    return NULL;
  if (self->jwks_uri == NULL)
    {
      refuse (error, "its metadata names no jwks_uri");
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tessera_issuer_metadata_free (TesseraIssuerMetadata *self)
{
  g_free (self->jwks_uri);
  g_free (self->token_endpoint);
  g_free (self->deny_list_uri);
  g_free (self->deny_list_events);
  g_free (self);
}

gboolean
tessera_issuer_metadata_equal (const TesseraIssuerMetadata *a, const TesseraIssuerMetadata *b)
{
  return g_strcmp0 (a->jwks_uri, b->jwks_uri) == 0
         && g_strcmp0 (a->token_endpoint, b->token_endpoint) == 0
         && g_strcmp0 (a->deny_list_uri, b->deny_list_uri) == 0
         && g_strcmp0 (a->deny_list_events, b->deny_list_events) == 0;
}
