/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sector identifiers: a document that says which redirect URIs belong together (OpenID Connect Core
 * §8.1, Dynamic Client Registration §5). */

#include "endpoints/tessera-sector-private.h"

#include "model/tessera-client-private.h"

#define CHECKS_AT_ONCE 2 /* the rest of the way out is for the keys of clients that exist */

static const char *const media_types[] = { "application/json", NULL };

typedef struct
{
  TesseraEngine *engine;
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

static GError *
busy_error (void)
{
  return g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                              "sector_identifier_uri cannot be looked at just now");
}

/* One answer for all that can go wrong: what is there, or not, is nothing to tell a stranger. */
static void
on_fetched (gpointer data, GBytes *document, gboolean asked)
{
  g_autoptr (Check) self = data;
  g_autoptr (GError) error = NULL;

  self->engine->n_sector_checks--;
  if (!asked)
    error = busy_error ();
  else if (!names_all (document, self->client))
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
  if (engine->hooks.fetch == NULL || engine->n_sector_checks >= CHECKS_AT_ONCE)
    {
      g_autoptr (GError) error = busy_error ();
      done (data, error);
      return;
    }
  Check *self = g_new (Check, 1);
  *self = (Check){ engine, g_object_ref (client), done, data };
  engine->n_sector_checks++;
  engine->hooks.fetch (engine->hooks_data, uri, media_types, on_fetched, self);
}
