/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The open WebSockets of one guard, closed when their token is revoked or expires (RFC 6455
 * §7.4.1). */

#include "server/tessera-websocket-watch-private.h"
#include "base/tessera-clock-private.h"

/* Revocations come in bursts: all within this time cost one look at the connections. */
#define SCAN_DELAY_MS 200

typedef struct
{
  TesseraWebsocketWatch *watch;
  SoupWebsocketConnection *connection; /* borrowed */
  TesseraAccessToken *token;
  SoupWebsocketConnection *ending; /* a reference, so that the close frame is still sent */
  gboolean ended;
} Entry;

struct _TesseraWebsocketWatch
{
  int ref_count;
  TesseraTokenChecker *checker;
  TesseraExpiryPolicy policy;
  TesseraClock *clock;
  GMainContext *context;
  GHashTable *entries; /* SoupWebsocketConnection* -> Entry* */
  gulong changed_id;
  GSource *scan_source;
  GSource *tick_source;
  gint64 next_expiry; /* seconds; G_MAXINT64: none */
};

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
add_timeout (TesseraWebsocketWatch *self, GSource *source, GSourceFunc function, const char *name)
{
  g_source_set_static_name (source, name);
  g_source_set_callback (source, function, self, NULL);
  g_source_attach (source, self->context);
  return source;
}

static void
on_connection_gone (gpointer data, GObject *connection)
{
  Entry *entry = data;

  g_autoptr (TesseraWebsocketWatch) watch = entry->watch;
  g_hash_table_steal (watch->entries, connection);
  g_object_unref (entry->token);
  g_free (entry);
}

/* libsoup still delivers what a peer sends between our close frame and its own. A peer whose token
 * was revoked shall not be heard any more. */
static void
on_message (SoupWebsocketConnection *connection, int type, GBytes *message, Entry *entry)
{
  if (entry->ended)
    g_signal_stop_emission_by_name (connection, "message");
}

static void
on_closed (SoupWebsocketConnection *connection, Entry *entry)
{
  g_autoptr (TesseraWebsocketWatch) watch = entry->watch;
  g_autoptr (SoupWebsocketConnection) ending = entry->ending;

  g_hash_table_steal (watch->entries, connection);
  g_object_weak_unref (G_OBJECT (connection), on_connection_gone, entry);
  g_signal_handlers_disconnect_by_data (connection, entry);
  g_object_unref (entry->token);
  g_free (entry);
}

static Entry *
entry_new (TesseraWebsocketWatch *self,
           SoupWebsocketConnection *connection,
           TesseraAccessToken *token)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->watch = tessera_websocket_watch_ref (self);
  entry->connection = connection;
  entry->token = g_object_ref (token);
  g_object_weak_ref (G_OBJECT (connection), on_connection_gone, entry);
  g_signal_connect (connection, "message", G_CALLBACK (on_message), entry);
  g_signal_connect (connection, "closed", G_CALLBACK (on_closed), entry);
  g_hash_table_insert (self->entries, connection, entry);
  return entry;
}

static void
close_connection (SoupWebsocketConnection *connection, const char *reason)
{
  if (soup_websocket_connection_get_state (connection) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close (connection, SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION, reason);
}

static void
end_entry (Entry *entry, gboolean expired)
{
  g_autoptr (SoupWebsocketConnection) connection = g_object_ref (entry->connection);

  entry->ended = TRUE;
  if (soup_websocket_connection_get_state (connection) != SOUP_WEBSOCKET_STATE_CLOSED)
    entry->ending = g_object_ref (connection);
  g_info ("closing a WebSocket: token %s %s", tessera_access_token_get_id (entry->token),
          expired ? "expired" : "was revoked");
  close_connection (connection, expired ? "token expired" : "token revoked");
}

static gboolean
is_good (TesseraWebsocketWatch *self, TesseraAccessToken *token, gboolean *out_expired)
{
  *out_expired = FALSE;
  if (tessera_token_checker_recheck (self->checker, token, out_expired))
    return TRUE;
  return *out_expired && self->policy == TESSERA_EXPIRY_POLICY_KEEP;
}

static void
note_expiry (TesseraWebsocketWatch *self, TesseraAccessToken *token)
{
  self->next_expiry = MIN (self->next_expiry, tessera_access_token_get_expires_at (token));
}

/* Ends what is no longer good. Closing calls the application, which may change the table. */
static void
scan (TesseraWebsocketWatch *self)
{
  g_autoptr (TesseraWebsocketWatch) guard = tessera_websocket_watch_ref (self);
  g_autoptr (GPtrArray) open = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer connection;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, &connection, NULL))
    g_ptr_array_add (open, g_object_ref (connection));

  self->next_expiry = G_MAXINT64;
  for (guint i = 0; i < open->len; i++)
    {
      Entry *entry = g_hash_table_lookup (self->entries, open->pdata[i]);
      gboolean expired;

      if (entry == NULL || entry->ended)
        continue;
      if (!is_good (self, entry->token, &expired))
        end_entry (entry, expired);
      else if (!expired)
        note_expiry (self, entry->token);
    }
}

static gboolean
on_scan (gpointer data)
{
  TesseraWebsocketWatch *self = data;

  clear_source (&self->scan_source);
  scan (self);
  return G_SOURCE_REMOVE;
}

static void
on_changed (TesseraWebsocketWatch *self)
{
  if (self->scan_source != NULL || g_hash_table_size (self->entries) == 0)
    return;
  self->scan_source
      = add_timeout (self, g_timeout_source_new (SCAN_DELAY_MS), on_scan, "tessera-scan");
}

/* Asks the server's clock each second, and the tokens only when one of them is due. */
static gboolean
on_tick (gpointer data)
{
  TesseraWebsocketWatch *self = data;

  if (g_hash_table_size (self->entries) == 0)
    {
      clear_source (&self->tick_source);
      return G_SOURCE_REMOVE;
    }
  if (tessera_clock_get_seconds (self->clock) >= self->next_expiry)
    scan (self);
  return G_SOURCE_CONTINUE;
}

static void
start_tick (TesseraWebsocketWatch *self)
{
  if (self->tick_source != NULL)
    return;
  self->tick_source
      = add_timeout (self, g_timeout_source_new_seconds (1), on_tick, "tessera-expiry");
}

TesseraWebsocketWatch *
tessera_websocket_watch_new (TesseraTokenChecker *checker)
{
  TesseraWebsocketWatch *self = g_new0 (TesseraWebsocketWatch, 1);

  self->ref_count = 1;
  self->checker = g_object_ref (checker);
  self->clock = tessera_clock_new ();
  self->context = g_main_context_ref_thread_default ();
  self->entries = g_hash_table_new (NULL, NULL);
  self->next_expiry = G_MAXINT64;
  self->changed_id = g_signal_connect_swapped (checker, "changed", G_CALLBACK (on_changed), self);
  return self;
}

TesseraWebsocketWatch *
tessera_websocket_watch_ref (TesseraWebsocketWatch *self)
{
  self->ref_count++;
  return self;
}

void
tessera_websocket_watch_unref (TesseraWebsocketWatch *self)
{
  if (--self->ref_count > 0)
    return;
  clear_source (&self->scan_source);
  clear_source (&self->tick_source);
  g_signal_handler_disconnect (self->checker, self->changed_id);
  g_hash_table_unref (self->entries);
  g_main_context_unref (self->context);
  tessera_clock_unref (self->clock);
  g_object_unref (self->checker);
  g_free (self);
}

void
tessera_websocket_watch_set_policy (TesseraWebsocketWatch *self, TesseraExpiryPolicy policy)
{
  self->policy = policy;
  scan (self);
}

gboolean
tessera_websocket_watch_add (TesseraWebsocketWatch *self,
                             SoupWebsocketConnection *connection,
                             TesseraAccessToken *token)
{
  Entry *entry = g_hash_table_lookup (self->entries, connection);
  gboolean expired;

  if (entry == NULL)
    entry = entry_new (self, connection, token);
  else
    g_set_object (&entry->token, token);
  if (entry->ended)
    return FALSE;
  if (!is_good (self, token, &expired))
    {
      end_entry (entry, expired);
      return FALSE;
    }
  note_expiry (self, token);
  start_tick (self);
  return TRUE;
}

static void
release_connection (SoupWebsocketConnection *connection, gpointer data)
{
  g_signal_handlers_disconnect_by_func (connection, release_connection, data);
  g_object_unref (connection);
}

void
tessera_websocket_watch_reject (TesseraWebsocketWatch *self, SoupWebsocketConnection *connection)
{
  g_signal_connect (g_object_ref (connection), "closed", G_CALLBACK (release_connection), NULL);
  close_connection (connection, "token required");
}

TesseraAccessToken *
tessera_websocket_watch_lookup (TesseraWebsocketWatch *self, SoupWebsocketConnection *connection)
{
  Entry *entry = g_hash_table_lookup (self->entries, connection);

  return entry == NULL || entry->ended ? NULL : entry->token;
}
