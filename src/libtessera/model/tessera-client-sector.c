/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which clients are told the same of a person (OpenID Connect Core §8.1, OpenID Connect Dynamic
 * Client Registration §5). */

#include "model/tessera-client-object-private.h"

#include <string.h>

#define PAIRWISE "pairwise"

gboolean
tessera_client_is_pairwise (TesseraClient *self)
{
  return g_strcmp0 (self->subject_type, PAIRWISE) == 0;
}

const char *
tessera_client_get_sector_identifier_uri (TesseraClient *self)
{
  return self->sector_identifier_uri;
}

/* NULL: a private-use scheme, or this machine, which is anybody's. */
static char *
dup_host (const char *uri)
{
  g_autofree char *host = NULL;

  if (!g_uri_split (uri, G_URI_FLAGS_NONE, NULL, NULL, &host, NULL, NULL, NULL, NULL, NULL)
      || host == NULL || *host == '\0' || strcmp (host, "127.0.0.1") == 0
      || strcmp (host, "::1") == 0 || g_ascii_strcasecmp (host, "localhost") == 0)
    return NULL;
  return g_ascii_strdown (host, -1);
}

char *
tessera_client_dup_sector (TesseraClient *self)
{
  g_autofree char *sector = NULL;
  gboolean is_elsewhere = FALSE;

  if (self->sector_identifier_uri != NULL)
    return dup_host (self->sector_identifier_uri);
  for (char **uri = self->redirect_uris; *uri != NULL; uri++)
    {
      g_autofree char *host = dup_host (*uri);
      is_elsewhere |= host == NULL;
      if (host != NULL && sector != NULL && strcmp (host, sector) != 0)
        return NULL;
      if (host != NULL && sector == NULL)
        sector = g_steal_pointer (&host);
    }
  /* What comes back to a program, or to this machine, vouches for no host; or anybody could say
   * that he belongs to one. No host is called so. */
  return sector != NULL && !is_elsewhere ? g_steal_pointer (&sector)
                                         : g_strconcat ("client ", self->id, NULL);
}

static gboolean
has_member (json_t *list, const char *text)
{
  json_t *member;
  size_t i;

  json_array_foreach (list, i, member)
    if (g_strcmp0 (json_string_value (member), text) == 0)
      return TRUE;
  return FALSE;
}

gboolean
tessera_client_is_in_sector (TesseraClient *self, const char *document, gsize length)
{
  g_autoptr (json_t) list = NULL;

  if (length <= TESSERA_CLIENT_SECTOR_MAX_LENGTH && memchr (document, '\0', length) == NULL
      && tessera_json_is_shallow (document, length))
    list = json_loadb (document, length, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_array (list))
    return FALSE;
  for (char **uri = self->redirect_uris; *uri != NULL; uri++)
    if (!has_member (list, *uri))
      return FALSE;
  return TRUE;
}
