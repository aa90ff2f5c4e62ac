/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients keep elsewhere, read for the endpoints by the program that may go there (threats.md
 * G03). */

#include "server/tessera-server-object-private.h"

#include "base/tessera-log-private.h"
#include "server/tessera-outbound-private.h"

typedef struct
{
  TesseraFetched fetched;
  gpointer data;
} Fetch;

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
  self->fetched (self->data, document);
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

  *self = (Fetch){ fetched, fetched_data };
  _tessera_outbound_get_async (server->outbound, uri, media_types, NULL, on_got, self);
}
