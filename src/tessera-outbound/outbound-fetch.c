/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks another machine for something: its name is looked up once, every address of it is held
 * against the rules, and the connection goes to one of these; one answer, bounded in length and
 * time, and wherever it points to is not followed (threats.md G03). */

#include "outbound-fetch.h"

#include "outbound-pin.h"
#include "outbound-target.h"

#include <libsoup/soup.h>

#define PIECE (8 * 1024)
#define INFORMATIONS_MAX 8
#define FORM_TYPE "application/x-www-form-urlencoded"

struct _OutboundFetch
{
  guint ref_count;   /* its owner's, and that of the operation under way */
  gboolean reported; /* or dropped: nobody is to hear more */
  OutboundRules *rules;
  TesseraOutboundMethod method;
  char *uri;
  char *accept;
  GBytes *form;
  OutboundTarget *target;
  GCancellable *cancellable;
  GSource *deadline;
  SoupSession *session;
  SoupMessage *message;
  GInputStream *stream;
  GByteArray *body;
  guint n_informations;
  char piece[PIECE];
  OutboundFetchDone done;
  gpointer data;
};

static void
unref (OutboundFetch *self)
{
  if (--self->ref_count > 0)
    return;
  self->rules->n_running--;
  g_clear_object (&self->stream);
  if (self->session != NULL)
    soup_session_abort (self->session);
  g_clear_object (&self->message);
  g_clear_object (&self->session);
  g_clear_pointer (&self->target, outbound_target_free);
  g_bytes_unref (self->form);
  g_byte_array_unref (self->body);
  g_object_unref (self->cancellable);
  g_free (self->accept);
  g_free (self->uri);
  g_free (self);
}

static void
stop_deadline (OutboundFetch *self)
{
  if (self->deadline != NULL)
    g_source_destroy (self->deadline);
  g_clear_pointer (&self->deadline, g_source_unref);
}

/* Telling what came of it */

static char *
dup_printable (const char *text, gsize max)
{
  char *copy = g_strndup (text != NULL ? text : "", max);

  return g_strcanon (copy,
                     " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                     "abcdefghijklmnopqrstuvwxyz{|}~",
                     '?');
}

static void
report (OutboundFetch *self, TesseraOutboundReply *reply)
{
  g_autoptr (TesseraOutboundReply) owned = reply;

  stop_deadline (self);
  if (self->reported)
    return;
  self->reported = TRUE;
  self->ref_count++;
  self->done (self, reply, self->data);
  g_cancellable_cancel (self->cancellable);
  unref (self);
}

static TesseraOutboundReply *
reply_new (TesseraOutboundOutcome outcome, const char *why)
{
  TesseraOutboundReply *reply = g_new0 (TesseraOutboundReply, 1);

  reply->outcome = outcome;
  reply->why = dup_printable (why, TESSERA_OUTBOUND_WHY_MAX);
  reply->media_type = g_strdup ("");
  reply->body = g_bytes_new (NULL, 0);
  return reply;
}

static void
fail (OutboundFetch *self, TesseraOutboundOutcome outcome, const char *why)
{
  report (self, reply_new (outcome, why));
}

static void
answer (OutboundFetch *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);
  const char *media_type = soup_message_headers_get_content_type (headers, NULL);
  TesseraOutboundReply *reply = reply_new (TESSERA_OUTBOUND_ANSWERED, NULL);

  reply->status = soup_message_get_status (self->message);
  if (self->stream != NULL && media_type != NULL)
    {
      g_free (reply->media_type);
      reply->media_type = dup_printable (media_type, TESSERA_OUTBOUND_MEDIA_TYPE_MAX);
    }
  g_bytes_unref (reply->body);
  reply->body = g_bytes_new (self->body->data, self->body->len);
  report (self, reply);
}

static gboolean
on_deadline (gpointer data)
{
  OutboundFetch *self = data;

  g_clear_pointer (&self->deadline, g_source_unref);
  self->ref_count++;
  fail (self, TESSERA_OUTBOUND_LATE, "it took too long");
  unref (self);
  return G_SOURCE_REMOVE;
}

/* The answer */

static void read_on (OutboundFetch *self);
static void on_end (OutboundFetch *self);

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  OutboundFetch *self = data;
  g_autoptr (GError) error = NULL;
  gssize length = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (length < 0)
    fail (self, TESSERA_OUTBOUND_FAILED, error->message);
  else if (length == 0)
    on_end (self);
  else if ((gsize) length > TESSERA_OUTBOUND_BODY_MAX - self->body->len)
    fail (self, TESSERA_OUTBOUND_TOO_LONG, "the answer is too long");
  else if (!self->reported)
    {
      g_byte_array_append (self->body, (const guint8 *) self->piece, (guint) length);
      read_on (self);
    }
  unref (self);
}

static void
read_on (OutboundFetch *self)
{
  self->ref_count++;
  g_input_stream_read_async (self->stream, self->piece, sizeof self->piece, G_PRIORITY_DEFAULT,
                             self->cancellable, on_read, self);
}

/* libsoup takes the end of the stream for the end of the body. */
static void
on_end (OutboundFetch *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);

  if (soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH
      && soup_message_headers_get_content_length (headers) != (goffset) self->body->len)
    fail (self, TESSERA_OUTBOUND_FAILED, "the answer breaks off");
  else
    answer (self);
}

/* Why a body is not read; NULL: it is. */
static const char *
find_fault (OutboundFetch *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);
  const char *encoding = soup_message_headers_get_list (headers, "Content-Encoding");

  if (encoding != NULL && g_ascii_strcasecmp (encoding, "identity") != 0)
    return "the answer is in an encoding that was not asked for";
  return soup_message_headers_get_content_length (headers) > TESSERA_OUTBOUND_BODY_MAX
             ? "the answer is too long"
             : NULL;
}

static void
on_head (OutboundFetch *self, GInputStream *stream)
{
  guint status = soup_message_get_status (self->message);

  if (status < 100 || status > 999)
    fail (self, TESSERA_OUTBOUND_FAILED, "not a status"); /* GCOV_EXCL_LINE: libsoup reads none */
  else if (self->method != TESSERA_OUTBOUND_GET || status != SOUP_STATUS_OK)
    answer (self);
  else if (find_fault (self) != NULL)
    fail (self, TESSERA_OUTBOUND_TOO_LONG, find_fault (self));
  else
    {
      self->stream = g_object_ref (stream);
      read_on (self);
    }
}

static void
on_sent (GObject *source, GAsyncResult *result, gpointer data)
{
  OutboundFetch *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) stream
      = soup_session_send_finish (SOUP_SESSION (source), result, &error);

  if (stream == NULL)
    fail (self, TESSERA_OUTBOUND_FAILED, error->message);
  else if (!self->reported)
    on_head (self, stream);
  unref (self);
}

/* The question */

/* HTTP/2 keeps more at the pleasure of the other side than HTTP/1.1, for one question too much. */
static void
on_network_event (SoupMessage *message,
                  GSocketClientEvent event,
                  GIOStream *connection,
                  gpointer data)
{
  static const char *const protocols[] = { "http/1.1", NULL };

  if (event == G_SOCKET_CLIENT_TLS_HANDSHAKING && G_IS_TLS_CONNECTION (connection))
    g_tls_connection_set_advertised_protocols (G_TLS_CONNECTION (connection), protocols);
}

/* libsoup reads these for as long as they come, and nothing else runs meanwhile. */
static void
on_information (SoupMessage *message, gpointer data)
{
  OutboundFetch *self = data;

  if (++self->n_informations > INFORMATIONS_MAX)
    g_cancellable_cancel (self->cancellable);
}

/* Speaks for nobody: no cookies, no passwords, no proxies, no encodings. */
static SoupSession *
make_session (OutboundFetch *self, GSocketConnectable *pin)
{
  SoupSession *session
      = soup_session_new_with_options ("remote-connectable", pin, "timeout", 0, "idle-timeout", 0,
                                       "max-conns", 1, "max-conns-per-host", 1, NULL);

  soup_session_set_proxy_resolver (session, NULL);
  soup_session_remove_feature_by_type (session, SOUP_TYPE_CONTENT_DECODER);
  soup_session_remove_feature_by_type (session, SOUP_TYPE_AUTH_MANAGER);
  if (self->rules->tls_database != NULL)
    soup_session_set_tls_database (session, self->rules->tls_database);
  return session;
}

static SoupMessage *
make_message (OutboundFetch *self)
{
  gboolean is_get = self->method == TESSERA_OUTBOUND_GET;
  SoupMessage *message
      = soup_message_new_from_uri (is_get ? SOUP_METHOD_GET : SOUP_METHOD_POST, self->target->uri);
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  soup_message_headers_replace (headers, "Connection", "close");
  soup_message_headers_replace (headers, "User-Agent", "tessera-outbound");
  if (self->accept[0] != '\0')
    soup_message_headers_replace (headers, "Accept", self->accept);
  if (!is_get)
    soup_message_set_request_body_from_bytes (message, FORM_TYPE, self->form);
  g_signal_connect (message, "network-event", G_CALLBACK (on_network_event), NULL);
  g_signal_connect (message, "got-informational", G_CALLBACK (on_information), self);
  return message;
}

/* One address that is somebody's inside, and the name is not one to go to. */
static gboolean
permit (OutboundFetch *self, GPtrArray *addresses)
{
  for (guint i = 0; i < addresses->len; i++)
    if (!outbound_addresses_permit (self->rules->addresses, addresses->pdata[i]))
      return FALSE;
  return TRUE;
}

static void
ask (OutboundFetch *self, GPtrArray *addresses)
{
  g_autoptr (GSocketConnectable) pin = NULL;

  if (!permit (self, addresses))
    {
      fail (self, TESSERA_OUTBOUND_REFUSED, "its address is not a public one");
      return;
    }
  pin = outbound_pin_new (self->target->host, self->target->port, addresses);
  self->session = make_session (self, pin);
  self->message = make_message (self);
  self->ref_count++;
  soup_session_send_async (self->session, self->message, G_PRIORITY_DEFAULT, self->cancellable,
                           on_sent, self);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer data)
{
  OutboundFetch *self = data;
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;
  GList *list = g_resolver_lookup_by_name_finish (G_RESOLVER (source), result, &error);

  for (GList *item = list; item != NULL; item = item->next)
    g_ptr_array_add (addresses, g_object_ref (item->data));
  g_resolver_free_addresses (list);
  if (addresses->len == 0)
    fail (self, TESSERA_OUTBOUND_FAILED, error != NULL ? error->message : "it has no address");
  else if (!self->reported)
    ask (self, addresses);
  unref (self);
}

static void
resolve (OutboundFetch *self)
{
  g_autoptr (GResolver) resolver = g_resolver_get_default ();

  self->ref_count++;
  g_resolver_lookup_by_name_async (resolver, self->target->host, self->cancellable, on_resolved,
                                   self);
}

static gboolean
on_begin (gpointer data)
{
  OutboundFetch *self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();

  if (!self->reported)
    self->target = outbound_target_parse (self->uri, &error);
  if (error != NULL)
    fail (self, TESSERA_OUTBOUND_REFUSED, error->message);
  else if (self->target != NULL && self->target->address != NULL)
    {
      g_ptr_array_add (addresses, self->target->address);
      ask (self, addresses);
    }
  else if (self->target != NULL)
    resolve (self);
  unref (self);
  return G_SOURCE_REMOVE;
}

static GSource *
attach (GSource *source, GSourceFunc func, gpointer data)
{
  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

OutboundFetch *
outbound_fetch_start (OutboundRules *rules,
                      const TesseraOutboundRequest *request,
                      OutboundFetchDone done,
                      gpointer data)
{
  OutboundFetch *self = g_new0 (OutboundFetch, 1);

  self->ref_count = 2;
  self->rules = rules;
  self->rules->n_running++;
  self->method = request->method;
  self->uri = g_strdup (request->uri);
  self->accept = g_strdup (request->accept);
  self->form = g_bytes_new (request->form, strlen (request->form));
  self->cancellable = g_cancellable_new ();
  self->body = g_byte_array_new ();
  self->done = done;
  self->data = data;
  self->deadline = attach (g_timeout_source_new (rules->patience_ms), on_deadline, self);
  g_source_unref (attach (g_idle_source_new (), on_begin, self));
  return self;
}

void
outbound_fetch_drop (OutboundFetch *self)
{
  stop_deadline (self);
  self->reported = TRUE;
  g_cancellable_cancel (self->cancellable);
  unref (self);
}
