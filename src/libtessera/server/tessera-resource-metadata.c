/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a protected resource tells its clients: who issues tokens for it, and which scopes there are
 * (RFC 9728 §2, §3). */

#include "server/tessera-resource-metadata-private.h"

#include "base/tessera-json-private.h"
#include "base/tessera-uri-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

#define WELL_KNOWN_PATH "/.well-known/oauth-protected-resource"

static void
forget_resource (TesseraResourceMetadata *self)
{
  g_clear_pointer (&self->resource, g_free);
  g_clear_pointer (&self->url, g_free);
  g_clear_pointer (&self->path, g_free);
}

void
tessera_resource_metadata_clear (TesseraResourceMetadata *self)
{
  forget_resource (self);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->documentation, g_free);
  g_clear_pointer (&self->authorization_servers, g_strfreev);
  g_clear_pointer (&self->scopes_supported, g_strfreev);
}

/* RFC 9728 §1.2, and as strict as an issuer: the path must be one that no server reads in two ways.
 */
static gboolean
is_identifier (const char *resource)
{
  g_autofree char *plain = g_strdup (resource);
  gsize length = strlen (plain);

  if (length > 0 && plain[length - 1] == '/')
    plain[length - 1] = '\0';
  return tessera_uri_check_issuer (plain, NULL);
}

gboolean
tessera_resource_metadata_set_resource (TesseraResourceMetadata *self, const char *resource)
{
  const char *authority, *path;

  if (resource != NULL && !is_identifier (resource))
    return FALSE;
  forget_resource (self);
  if (resource == NULL)
    return TRUE;
  authority = strstr (resource, "://") + strlen ("://");
  path = authority + strcspn (authority, "/");
  /* RFC 9728 §3.1: between the host and the path; a slash alone is no path. */
  self->resource = g_strdup (resource);
  self->path = g_strconcat (WELL_KNOWN_PATH, strcmp (path, "/") == 0 ? "" : path, NULL);
  self->url = g_strdup_printf ("%.*s%s", (int) (path - resource), resource, self->path);
  return TRUE;
}

static void
set_text (json_t *json, const char *name, const char *value)
{
  if (value != NULL)
    json_object_set_new (json, name, json_string (value));
}

/* RFC 9728 §3.2: what has no value is left out. */
static void
set_texts (json_t *json, const char *name, char **values)
{
  json_t *array;

  if (values == NULL || values[0] == NULL)
    return;
  array = json_array ();
  for (char **value = values; *value != NULL; value++)
    json_array_append_new (array, json_string (*value));
  json_object_set_new (json, name, array);
}

char *
tessera_resource_metadata_serialise (const TesseraResourceMetadata *self,
                                     const char *issuer,
                                     const char *scope)
{
  g_autoptr (json_t) json = json_object ();
  g_auto (GStrv) scopes = tessera_scope_split (scope);
  char *issuers[] = { (char *) issuer, NULL };
  char *methods[] = { (char *) "header", NULL };

  set_text (json, "resource", self->resource);
  set_texts (json, "authorization_servers",
             self->authorization_servers != NULL ? self->authorization_servers : issuers);
  set_texts (json, "scopes_supported",
             self->scopes_supported != NULL ? self->scopes_supported : scopes);
  set_texts (json, "bearer_methods_supported", methods);
  set_text (json, "resource_name", self->name);
  set_text (json, "resource_documentation", self->documentation);
  return tessera_json_dump (json);
}

gboolean
tessera_resource_metadata_is_wanted (const TesseraResourceMetadata *self,
                                     SoupServerMessage *message)
{
  GUri *uri = soup_server_message_get_uri (message);

  return self->path != NULL && uri != NULL && strcmp (g_uri_get_path (uri), self->path) == 0;
}

void
tessera_resource_metadata_answer (SoupServerMessage *message, char *document)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  const char *method = soup_server_message_get_method (message);

  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  if (method != SOUP_METHOD_GET && method != SOUP_METHOD_HEAD)
    {
      soup_server_message_set_status (message, SOUP_STATUS_METHOD_NOT_ALLOWED, NULL);
      soup_message_headers_replace (headers, "Allow", "GET, HEAD");
      g_free (document);
      return;
    }
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_replace (headers, "Cache-Control", "public, max-age=900");
  /* For clients that are web pages: it is public, and the same for everybody. */
  soup_message_headers_replace (headers, "Access-Control-Allow-Origin", "*");
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE, document,
                                    strlen (document));
}
