/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of the store is read behind the start (design.md §6). */

#include "server/tessera-loading-private.h"

#include "server/tessera-server-object-private.h"

#include <malloc.h>

#define PIECE_CLIENTS 512 /* that become known at once */
/* A megabyte takes half a millisecond, which is what others wait longer for their commit. */
#define PIECE_PAGES 256
#define PIECE_INTERVAL_MS 20
#define RETRY_INTERVAL_MS 1000 /* after what may pass */

struct _TesseraLoading
{
  TesseraServer *server; /* borrowed */
  TesseraClientRegistry *clients;
  GSource *loaded;   /* attached by the committing thread when all clients are there */
  gint64 position;   /* in the store */
  gboolean is_large; /* more than one piece */
  GError *taken;     /* a client that was declared meanwhile has the id of a registered one */
  GError *unread;    /* the registered ones cannot be read */
  GSource *examine;  /* or NULL */
  gboolean more;     /* pages to be examined */
  gboolean followed;
};

/* Clients. */

static void
load_client (const char *client_id, const char *record, gpointer data)
{
  TesseraLoading *self = data;

  tessera_client_registry_add_record (self->clients, client_id, record,
                                      self->taken == NULL ? &self->taken : NULL);
}

/* In the committing thread. */
static gboolean
load_clients (TesseraStore *store, gpointer data, gboolean *out_more, GError **error)
{
  TesseraLoading *self = data;
  gboolean read = tessera_store_foreach_client_record (store, &self->position, PIECE_CLIENTS,
                                                       load_client, self, &self->unread);

  *out_more = read && self->position >= 0;
  if (*out_more)
    {
      tessera_client_registry_end_piece (self->clients, FALSE);
      self->is_large = TRUE;
      return TRUE;
    }
  if (read)
    tessera_client_registry_end_piece (self->clients, TRUE);
  else
    {
      g_propagate_error (error, g_error_copy (self->unread));
      tessera_client_registry_fail (self->clients);
    }
  if (self->is_large)
    malloc_trim (0); /* what was read in passing */
  g_source_attach (self->loaded, self->server->context);
  return read;
}

/* Pages. */

static gboolean
examine_run (gpointer data, TesseraStore *store, GError **error)
{
  TesseraLoading *self = data;

  return tessera_store_examine (store, PIECE_PAGES, &self->more, error);
}

static void examine_next (TesseraLoading *self, guint interval_ms);

/* That the store failed is told by who watches it; what it could not do once is tried again. */
static void
examine_done (gpointer data, const GError *error)
{
  TesseraLoading *self = data;
  TesseraServer *server = self->server;

  if ((error != NULL || self->more) && server->state == TESSERA_SERVER_READY
      && !tessera_committer_has_failed (server->engine.committer))
    examine_next (self, error != NULL ? RETRY_INTERVAL_MS : PIECE_INTERVAL_MS);
}

static gboolean
on_examine (gpointer data)
{
  TesseraLoading *self = data;

  g_clear_pointer (&self->examine, g_source_unref);
  tessera_committer_submit (self->server->engine.committer, examine_run, examine_done, self);
  return G_SOURCE_REMOVE;
}

static void
examine_next (TesseraLoading *self, guint interval_ms)
{
  self->examine = g_timeout_source_new (interval_ms);
  g_source_set_callback (self->examine, on_examine, self, NULL);
  g_source_attach (self->examine, self->server->context);
}

/* On the context. */

static gboolean
on_loaded (gpointer data)
{
  TesseraLoading *self = data;
  const GError *error = tessera_loading_follow (self);

  if (error != NULL)
    tessera_server_fail (self->server, error);
  return G_SOURCE_REMOVE;
}

const GError *
tessera_loading_follow (TesseraLoading *self)
{
  TesseraServer *server = self->server;

  if (server->state != TESSERA_SERVER_READY || tessera_client_registry_is_loading (self->clients)
      || self->followed)
    return NULL;
  self->followed = TRUE;
  if (self->unread != NULL || self->taken != NULL)
    return self->unread != NULL ? self->unread : self->taken;
  tessera_server_settings_changed (server);
  tessera_server_forget_clients (server);
  examine_next (self, PIECE_INTERVAL_MS);
  return NULL;
}

TesseraCommitter *
tessera_loading_start (TesseraLoading *self,
                       TesseraStore *store,
                       TesseraKeyRing *keys,
                       GMainContext *context)
{
  tessera_client_registry_set_keys (self->clients, keys);
  tessera_client_registry_begin_loading (self->clients);
  return tessera_committer_new_with_chore (store, context, load_clients, self);
}

TesseraLoading *
tessera_loading_new (TesseraServer *server)
{
  TesseraLoading *self = g_new0 (TesseraLoading, 1);

  self->server = server;
  self->clients = server->engine.clients;
  self->loaded = g_idle_source_new ();
  g_source_set_priority (self->loaded, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->loaded, on_loaded, self, NULL);
  return self;
}

void
tessera_loading_free (TesseraLoading *self)
{
  tessera_client_registry_set_keys (self->clients, NULL);
  g_source_destroy (self->loaded);
  g_source_unref (self->loaded);
  if (self->examine != NULL)
    g_source_destroy (self->examine);
  g_clear_pointer (&self->examine, g_source_unref);
  g_clear_error (&self->taken);
  g_clear_error (&self->unread);
  g_free (self);
}
