/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sector identifiers: a document that says which redirect URIs belong together (OpenID Connect Core
 * §8.1, Dynamic Client Registration §5). */

#include "endpoints/tessera-sector-private.h"

#include "model/tessera-client-private.h"

static const char *const media_types[] = { "application/json", NULL };

typedef struct
{
  TesseraClient *client;
  TesseraSectorChecked done;
  gpointer data;
} Check;

static void
check_free (Check *self)
{
  g_object_unref (self->client);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Check, check_free)

static gboolean
names_all (GBytes *document, TesseraClient *client)
{
  gsize length = 0;
  const char *text = document != NULL ? g_bytes_get_data (document, &length) : NULL;

  return text != NULL && tessera_client_is_in_sector (client, text, length);
}

/* One answer for all that can go wrong: what is there, or not, is nothing to tell a stranger. */
static void
on_fetched (gpointer data, GBytes *document)
{
  g_autoptr (Check) self = data;
  g_autoptr (GError) error = NULL;

  if (!names_all (document, self->client))
    error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT_METADATA,
                                 "There is no array with all redirect URIs at "
                                 "sector_identifier_uri");
  self->done (self->data, error);
}

void
tessera_sector_check (TesseraEngine *engine,
                      TesseraClient *client,
                      TesseraSectorChecked done,
                      gpointer data)
{
  const char *uri = tessera_client_get_sector_identifier_uri (client);

  if (uri == NULL)
    {
      done (data, NULL);
      return;
    }
  Check *self = g_new (Check, 1);
  *self = (Check){ g_object_ref (client), done, data };
  if (engine->hooks.fetch != NULL)
    engine->hooks.fetch (engine->hooks_data, uri, media_types, on_fetched, self);
  else
    on_fetched (self, NULL);
}
