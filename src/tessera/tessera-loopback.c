/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waits on a loopback address for the answer to an authorization request (RFC 8252 §7.3; RFC 6749
 * §4.1.2, §10.12). */

#include "tessera-loopback.h"

#include <glib-unix.h>
#include <libsoup/soup.h>
#include <string.h>

struct _TesseraLoopback
{
  SoupServer *server;
  GMainLoop *loop;
  char *redirect_uri;
  char *path;
  char *state;
  GHashTable *answer; /* char * -> char * */
  GError *error;
  guint interrupt; /* sources */
  guint terminate;
};

#define PAGE(TITLE, TEXT)                                                                          \
  "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>" TITLE "</title><h1>" TITLE    \
  "</h1><p>" TEXT "</p></html>\n"

static const char page_good[]
    = PAGE ("Signed in", "You can close this window and go back to the terminal.");
static const char page_refused[]
    = PAGE ("Not signed in", "The terminal says why. You can close this window.");
static const char page_foreign[] = PAGE ("Not ours", "Nobody here waits for this answer.");

static void
respond (SoupServerMessage *message, guint status, const char *page)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_message_headers_replace (headers, "Content-Security-Policy", "default-src 'none'");
  soup_message_headers_replace (headers, "Referrer-Policy", "no-referrer");
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  soup_message_headers_replace (headers, "Connection", "close");
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "text/html; charset=utf-8", SOUP_MEMORY_STATIC, page,
                                    strlen (page));
}

/* RFC 6749 §3.1: no parameter more than once. NULL: it is not well formed. */
static GHashTable *
parse_answer (const char *query)
{
  g_autoptr (GHashTable) answer = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GError) error = NULL;
  GUriParamsIter iter;
  char *name = NULL;
  char *value = NULL;

  g_uri_params_iter_init (&iter, query != NULL ? query : "", -1, "&", G_URI_PARAMS_WWW_FORM);
  while (g_uri_params_iter_next (&iter, &name, &value, &error))
    if (!g_hash_table_insert (answer, name, value))
      return NULL;
  return error == NULL ? g_steal_pointer (&answer) : NULL;
}

static gboolean
has_our_state (TesseraLoopback *self, GHashTable *answer)
{
  const char *state = g_hash_table_lookup (answer, "state");

  return state != NULL && g_str_equal (state, self->state);
}

/* What does not bear our state is not for us: another program's, or somebody's attempt to hand us a
 * code of his own. We go on waiting. */
static void
on_request (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  TesseraLoopback *self = data;
  g_autoptr (GHashTable) answer = NULL;

  if (soup_server_message_get_method (message) != SOUP_METHOD_GET)
    {
      respond (message, SOUP_STATUS_METHOD_NOT_ALLOWED, page_foreign);
      return;
    }
  if (!g_str_equal (path, self->path))
    {
      respond (message, SOUP_STATUS_NOT_FOUND, page_foreign);
      return;
    }
  answer = parse_answer (g_uri_get_query (soup_server_message_get_uri (message)));
  if (answer == NULL || self->answer != NULL || !has_our_state (self, answer))
    {
      respond (message, SOUP_STATUS_BAD_REQUEST, page_foreign);
      return;
    }
  respond (message, SOUP_STATUS_OK,
           g_hash_table_contains (answer, "code") ? page_good : page_refused);
  self->answer = g_steal_pointer (&answer);
}

/* Once the page is on its way: the browser shall not be left alone. */
static void
on_request_finished (SoupServer *server, SoupServerMessage *message, gpointer data)
{
  TesseraLoopback *self = data;

  if (self->answer != NULL)
    g_main_loop_quit (self->loop);
}

static gboolean
start_listening (TesseraLoopback *self, GUri *uri, GError **error)
{
  const char *host = g_uri_get_host (uri);
  SoupServerListenOptions family
      = g_str_equal (host, "::1") ? SOUP_SERVER_LISTEN_IPV6_ONLY : SOUP_SERVER_LISTEN_IPV4_ONLY;
  guint port = g_uri_get_port (uri) > 0 ? (guint) g_uri_get_port (uri) : 0;
  GSList *uris = NULL;

  if (!soup_server_listen_local (self->server, port, family, error))
    return FALSE;
  uris = soup_server_get_uris (self->server);
  self->redirect_uri = g_uri_join (G_URI_FLAGS_ENCODED, "http", NULL, host,
                                   g_uri_get_port (uris->data), self->path, NULL, NULL);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  return TRUE;
}

static gboolean
is_loopback (GUri *uri)
{
  static const char *const hosts[] = { "127.0.0.1", "::1", "localhost", NULL };

  return g_str_equal (g_uri_get_scheme (uri), "http") && g_uri_get_host (uri) != NULL
         && g_strv_contains (hosts, g_uri_get_host (uri)) && g_uri_get_query (uri) == NULL
         && g_uri_get_fragment (uri) == NULL && g_uri_get_userinfo (uri) == NULL;
}

static gboolean
on_interrupted (gpointer data)
{
  TesseraLoopback *self = data;

  if (self->error == NULL)
    g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Interrupted.");
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

TesseraLoopback *
tessera_loopback_new (const char *redirect_uri, const char *state, GError **error)
{
  g_autoptr (GUri) uri = g_uri_parse (redirect_uri, G_URI_FLAGS_ENCODED, NULL);
  g_autoptr (TesseraLoopback) self = g_new0 (TesseraLoopback, 1);

  self->loop = g_main_loop_new (NULL, FALSE);
  self->server = soup_server_new (NULL, NULL);
  self->state = g_strdup (state);
  /* From now on, so that whoever waits can clean up behind. */
  self->interrupt = g_unix_signal_add (SIGINT, on_interrupted, self);
  self->terminate = g_unix_signal_add (SIGTERM, on_interrupted, self);
  if (uri == NULL || !is_loopback (uri))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                           "the redirect URI begins with http://127.0.0.1, http://[::1] or "
                           "http://localhost");
      return NULL;
    }
  self->path = g_strdup (*g_uri_get_path (uri) != '\0' ? g_uri_get_path (uri) : "/");
  soup_server_add_handler (self->server, NULL, on_request, self, NULL);
  g_signal_connect (self->server, "request-finished", G_CALLBACK (on_request_finished), self);
  return start_listening (self, uri, error) ? g_steal_pointer (&self) : NULL;
}

void
tessera_loopback_free (TesseraLoopback *self)
{
  g_source_remove (self->interrupt);
  g_source_remove (self->terminate);
  g_signal_handlers_disconnect_by_data (self->server, self);
  soup_server_disconnect (self->server);
  g_object_unref (self->server);
  g_main_loop_unref (self->loop);
  g_clear_pointer (&self->answer, g_hash_table_unref);
  g_clear_error (&self->error);
  g_free (self->redirect_uri);
  g_free (self->path);
  g_free (self->state);
  g_free (self);
}

const char *
tessera_loopback_get_redirect_uri (TesseraLoopback *self)
{
  return self->redirect_uri;
}

/* Waiting */

static gboolean
on_late (gpointer data)
{
  TesseraLoopback *self = data;

  g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_FAILED,
                       "Nobody came back from the browser in time.");
  g_main_loop_quit (self->loop);
  return G_SOURCE_CONTINUE;
}

GHashTable *
tessera_loopback_wait (TesseraLoopback *self, guint seconds, GError **error)
{
  guint late = g_timeout_add_seconds (seconds, on_late, self);

  if (self->error == NULL)
    g_main_loop_run (self->loop);
  g_source_remove (late);
  if (self->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return NULL;
    }
  return g_steal_pointer (&self->answer);
}
