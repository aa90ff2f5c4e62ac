/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients keep elsewhere, read for the endpoints by the program that may go there (threats.md
 * G03). */

#include "server/tessera-server-object-private.h"

#include "base/tessera-log-private.h"
#include "server/tessera-outbound-private.h"

typedef struct
{
  TesseraServer *server; /* NULL: it went, and who waited was told */
  TesseraFetched fetched;
  gpointer data;
} Fetch;

/* Or did it not come to that? */
static gboolean
was_asked (const GError *error)
{
  return !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY)
         && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
}

static void
on_got (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Fetch *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) document
      = _tessera_outbound_get_finish (TESSERA_OUTBOUND (source), result, &error);

  if (document == NULL)
    {
      g_autofree char *reason = tessera_log_escape (error->message);
      g_message ("Could not be read: %s", reason);
    }
  if (self->server == NULL)
    return;
  /* Whoever is told may drop it. */
  g_autoptr (TesseraServer) server = g_object_ref (self->server);
  g_queue_remove (&server->fetches, self);
  self->fetched (self->data, document, was_asked (error));
}

void
tessera_server_end_fetches (TesseraServer *self)
{
  Fetch *fetch = NULL;

  self->engine.hooks.fetch = NULL;
  while ((fetch = g_queue_pop_head (&self->fetches)) != NULL)
    {
      fetch->server = NULL;
      fetch->fetched (fetch->data, NULL, FALSE);
    }
}

void
tessera_server_fetch (gpointer data,
                      const char *uri,
                      const char *const *media_types,
                      TesseraFetched fetched,
                      gpointer fetched_data)
{
  TesseraServer *server = data;
  Fetch *self = g_new (Fetch, 1);

  *self = (Fetch){ server, fetched, fetched_data };
  g_queue_push_tail (&server->fetches, self);
  _tessera_outbound_get_async (server->outbound, uri, media_types, NULL, on_got, self);
}
