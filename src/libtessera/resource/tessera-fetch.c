/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A document of an issuer over HTTP, bounded in size and time (RFC 9110, RFC 9111 §5.2.2). */

#include "resource/tessera-fetch-private.h"

#include "resource/tessera-feed-request-private.h"

#define PATIENCE_MS (10 * 1000) /* for all of it */
#define CONNECTIONS_MAX 4

struct _TesseraFetch
{
  TesseraFeedRequest *request;
  SoupMessage *message;
  GByteArray *body;
  gsize max_length;
  TesseraFetchDone done;
  gpointer data;
};

/* A thread that makes a class for the first time holds a lock of GLib's; one that registers a type
 * with an interface needs that lock, and holds back whoever needs the type. So two threads that use
 * GIO for the first time at once, ours and the one that called us, may wait for each other for
 * ever. */
void
tessera_fetch_prepare_types (void)
{
  const GType types[] = {
    G_TYPE_INET_SOCKET_ADDRESS, G_TYPE_UNIX_SOCKET_ADDRESS,
    G_TYPE_PROXY_ADDRESS,       G_TYPE_NETWORK_ADDRESS,
    G_TYPE_INET_ADDRESS,        G_TYPE_SOCKET,
    G_TYPE_SOCKET_CLIENT,       G_TYPE_TCP_CONNECTION,
    G_TYPE_UNIX_CONNECTION,     G_TYPE_TASK,
    G_TYPE_CANCELLABLE,         G_TYPE_SIMPLE_PROXY_RESOLVER,
    G_TYPE_MEMORY_INPUT_STREAM, G_TYPE_BUFFERED_INPUT_STREAM,
    SOUP_TYPE_MESSAGE,
  };
  g_autoptr (GResolver) resolver = g_resolver_get_default ();

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    g_type_class_unref (g_type_class_ref (types[i]));
  g_proxy_resolver_get_default ();
  g_tls_backend_get_default ();
  g_object_unref (soup_session_new ());
}

SoupSession *
tessera_fetch_session_new (GTlsDatabase *tls_database)
{
  SoupSession *session
      = soup_session_new_with_options ("timeout", 0, "max-conns", CONNECTIONS_MAX,
                                       "max-conns-per-host", CONNECTIONS_MAX, NULL);

  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  soup_session_remove_feature_by_type (session, SOUP_TYPE_AUTH_MANAGER);
  if (tls_database != NULL)
    soup_session_set_tls_database (session, tls_database);
  return session;
}

static void
end (TesseraFetch *self, GBytes *body, const GError *error)
{
  g_clear_pointer (&self->request, tessera_feed_request_drop);
  self->done (body, self->message, error, self->data);
}

static void
fail (TesseraFetch *self, const char *why)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, why);

  end (self, NULL, error);
}

static void
on_head (TesseraFeedRequest *request, SoupMessage *message, gpointer data)
{
  TesseraFetch *self = data;
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char *encoding = soup_message_headers_get_one (headers, "Content-Encoding");
  guint status = soup_message_get_status (message);
  g_autofree char *answer = g_strdup_printf ("the answer is %u", status);

  if (status != SOUP_STATUS_OK)
    fail (self, answer);
  else if (encoding != NULL && g_ascii_strcasecmp (encoding, "identity") != 0)
    fail (self, "the answer is in an encoding that was not asked for");
  else if (soup_message_headers_get_content_length (headers) > (goffset) self->max_length)
    fail (self, "the answer is too long");
}

static void
on_bytes (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data)
{
  TesseraFetch *self = data;

  if (length > self->max_length - self->body->len)
    fail (self, "the answer is too long");
  else
    g_byte_array_append (self->body, (const guint8 *) bytes, (guint) length);
}

static void
on_over (TesseraFeedRequest *request, const GError *error, gpointer data)
{
  TesseraFetch *self = data;
  g_autoptr (GBytes) body = g_bytes_new (self->body->data, self->body->len);

  end (self, error == NULL ? body : NULL, error);
}

TesseraFetch *
tessera_fetch_send (
    SoupSession *session, const char *uri, gsize max_length, TesseraFetchDone done, gpointer data)
{
  static const TesseraFeedRequestFuncs funcs = { on_head, on_bytes, on_over };
  TesseraFetch *self = g_new0 (TesseraFetch, 1);

  self->message = soup_message_new (SOUP_METHOD_GET, uri);
  self->body = g_byte_array_new ();
  self->max_length = max_length;
  self->done = done;
  self->data = data;
  soup_message_headers_replace (soup_message_get_request_headers (self->message), "Accept",
                                "application/json, application/jwk-set+json");
  self->request = tessera_feed_request_send (session, self->message, PATIENCE_MS, &funcs, self);
  return self;
}

void
tessera_fetch_drop (TesseraFetch *self)
{
  if (self == NULL)
    return;
  tessera_feed_request_drop (self->request);
  g_object_unref (self->message);
  g_byte_array_unref (self->body);
  g_free (self);
}

guint
tessera_fetch_get_max_age (SoupMessage *message, guint least, guint most)
{
  const char *header = soup_message_headers_get_list (soup_message_get_response_headers (message),
                                                      "Cache-Control");
  guint64 seconds = most;

  if (header == NULL)
    return most;
  GHashTable *directives = soup_header_parse_param_list (header);
  const char *max_age = g_hash_table_lookup (directives, "max-age");
  if (g_hash_table_contains (directives, "no-store")
      || g_hash_table_contains (directives, "no-cache"))
    seconds = 0;
  else if (max_age != NULL
           && !g_ascii_string_to_unsigned (max_age, 10, 0, G_MAXUINT64, &seconds, NULL))
    seconds = most;
  soup_header_free_param_list (directives);
  return (guint) CLAMP (seconds, least, most);
}
