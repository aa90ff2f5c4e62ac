/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets a SoupServer serve our endpoints and nothing else of it: exact paths, strict heads, small
 * bodies (RFC 9110 §15.5, RFC 9112 §6.3; facts.md "libsoup as a server"). */

#include "server/tessera-soup-adapter-private.h"

#include "endpoints/tessera-error-responder-private.h"
#include "server/tessera-caller-private.h"
#include "server/tessera-peer-private.h"
#include "server/tessera-server-private.h"
#include "server/tessera-soup-connections-private.h"
#include "server/tessera-soup-deadlines-private.h"
#include "server/tessera-soup-farewell-private.h"
#include "server/tessera-soup-outlet-private.h"
#include "server/tessera-soup-websocket-private.h"

#include <string.h>

#define URI_MAX 8192
#define HEAD_MAX 16384
#define FIELDS_MAX 66 /* the gate lets 64 in, and adds Connection and Upgrade */
#define BODY_MAX 65536
#define LENGTH_DIGITS_MAX 7

struct _TesseraSoupAdapter
{
  guint ref_count;       /* messages under way hold it too */
  TesseraServer *server; /* NULL when detached */
  GWeakRef soup;
  gulong request_started;
  gboolean hardened;        /* requests for other paths obey the rules too */
  gsize body_max;           /* bytes; of those */
  TesseraSoupAdapter *next; /* of another server on the same SoupServer, held; or NULL */
};

/* What a message is to us, between its head and its body. */
typedef enum
{
  MESSAGE_OURS = 1 << 0,
  MESSAGE_EXPECTED_CONTINUE = 1 << 1,
} MessageFlags;

/* The front data of an exchange. */
typedef struct
{
  SoupServerMessage *message;
  GBytes *body;
  MessageFlags flags;
  gboolean closing; /* the answer ends the connection, whatever of the request is still to come */
  gboolean paused;
  gboolean gone; /* the client */
  gulong disconnected;
  TesseraCaller caller;
} Inlet;

/* Nearest to the target as it came: libsoup's parser has resolved dot segments and decoded
 * unreserved characters (RFC 3986 §6.2.2), which name the same path, and no others; a gate in front
 * refuses such spellings, since only it has seen them. Emission hooks come before every handler:
 * before libsoup decodes the path (after which %2F is a slash), asks auth domains and looks for
 * handlers. They are set for the whole process, and touch only messages of attached servers. */
static guint got_headers_signal;

static GQuark
adapter_quark (void)
{
  return g_quark_from_static_string ("tessera-soup-adapter");
}

static GQuark
flags_quark (void)
{
  return g_quark_from_static_string ("tessera-soup-message-flags");
}

static TesseraSoupAdapter *
adapter_ref (TesseraSoupAdapter *self)
{
  self->ref_count++;
  return self;
}

static void
adapter_unref (gpointer data)
{
  TesseraSoupAdapter *self = data;
  if (--self->ref_count > 0)
    return;
  g_clear_pointer (&self->next, adapter_unref);
  g_weak_ref_clear (&self->soup);
  g_free (self);
}

static void
inlet_free (gpointer data)
{
  Inlet *self = data;
  g_clear_signal_handler (&self->disconnected, self->message);
  g_clear_object (&self->message);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self);
}

static const char *
inlet_get_header (TesseraExchange *exchange, const char *name)
{
  Inlet *self = exchange->front_data;
  /* RFC 9110 §7.8: a client of HTTP/1.0 cannot ask for another protocol. */
  if (soup_server_message_get_http_version (self->message) == SOUP_HTTP_1_0
      && g_ascii_strcasecmp (name, "Upgrade") == 0)
    return NULL;
  return soup_message_headers_get_one (soup_server_message_get_request_headers (self->message),
                                       name);
}

static void
fill_in_response (SoupServerMessage *message, TesseraExchange *exchange)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_server_message_set_status (message, exchange->status, NULL);
  if (exchange->status == 304) /* RFC 9110 §8.6: libsoup would say that there are no bytes */
    soup_message_headers_set_encoding (headers, SOUP_ENCODING_NONE);
  if (exchange->content_type != NULL)
    soup_message_headers_append (headers, "Content-Type", exchange->content_type);
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);
      soup_message_headers_append (headers, header->name, header->value);
    }
  if (exchange->response != NULL)
    soup_message_body_append_bytes (soup_server_message_get_response_body (message),
                                    exchange->response);
}

/* libsoup drops its Date with the interim answer (RFC 9110 §6.6.1 wants one). */
static void
add_date (SoupServerMessage *message)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = soup_date_time_to_string (now, SOUP_DATE_HTTP);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Date", date);
}

static void
inlet_send (TesseraExchange *exchange)
{
  Inlet *self = exchange->front_data;

  if (self->gone)
    return;
  if (self->closing)
    {
      tessera_soup_farewell (self->message, exchange);
      return;
    }
  fill_in_response (self->message, exchange);
  if (self->flags & MESSAGE_EXPECTED_CONTINUE)
    add_date (self->message);
  if (self->paused)
    soup_server_message_unpause (self->message);
}

static void
inlet_hold (TesseraExchange *exchange, guint seconds)
{
  Inlet *self = exchange->front_data;
  TesseraPeer *peer = tessera_peer_get (soup_server_message_get_remote_address (self->message));

  if (peer != NULL)
    peer->hold (peer, seconds);
}

static TesseraOutlet *
inlet_open (TesseraExchange *exchange)
{
  Inlet *self = exchange->front_data;

  if (self->gone)
    return NULL;
  if (exchange->status == 101)
    return tessera_soup_websocket_new (self->message, exchange);
  if (soup_server_message_get_method (self->message) != SOUP_METHOD_HEAD)
    return tessera_soup_outlet_new (self->message, exchange);
  soup_message_headers_set_encoding (soup_server_message_get_response_headers (self->message),
                                     SOUP_ENCODING_CHUNKED);
  inlet_send (exchange);
  return NULL;
}

static const TesseraExchangeFront soup_front
    = { inlet_get_header, inlet_send, inlet_hold, inlet_open };

static void
on_disconnected (SoupServerMessage *message, Inlet *inlet)
{
  inlet->gone = TRUE;
}

/* Who is at the other end, which a front door has found out already. */
static void
find_caller (TesseraCaller *caller, SoupServerMessage *message)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (message);
  TesseraPeer *peer = tessera_peer_get (remote);

  if (peer == NULL)
    {
      GUri *uri = soup_server_message_get_uri (message);

      tessera_caller_init (caller, remote, strcmp (g_uri_get_scheme (uri), "https") == 0);
      return;
    }
  g_strlcpy (caller->address, peer->address, sizeof caller->address);
  caller->secure = peer->secure;
}

static const char *
get_list (gpointer headers, const char *name)
{
  return soup_message_headers_get_list (headers, name);
}

static void
set_caller (TesseraExchange *exchange, Inlet *self, TesseraServer *server)
{
  find_caller (&self->caller, self->message);
  tessera_caller_look_behind_proxy (&self->caller, server, get_list,
                                    soup_server_message_get_request_headers (self->message));
  exchange->remote_address = self->caller.address;
  exchange->secure = self->caller.secure;
}

static TesseraExchange *
exchange_new (TesseraServer *server, SoupServerMessage *message, MessageFlags flags)
{
  Inlet *inlet = g_new0 (Inlet, 1);
  TesseraExchange *exchange = tessera_exchange_new (&soup_front, inlet, inlet_free);
  GUri *uri = soup_server_message_get_uri (message);

  inlet->message = g_object_ref (message);
  inlet->flags = flags;
  exchange->method = soup_server_message_get_method (message);
  exchange->path = g_uri_get_path (uri);
  exchange->query = g_uri_get_query (uri);
  set_caller (exchange, inlet, server);
  return exchange;
}

/* Answers now and closes: a refusal in the middle of a request cannot wait for its end, and what
 * follows on the connection cannot be trusted to be a request. */
static void
refuse (TesseraServer *server, SoupServerMessage *message, guint status, const char *description)
{
  g_autoptr (TesseraExchange) exchange = exchange_new (server, message, 0);
  Inlet *inlet = exchange->front_data;
  inlet->closing = TRUE;
  tessera_server_watch_exchange (server, exchange);
  tessera_exchange_respond_http_error (exchange, status, description);
}

typedef struct
{
  guint fields;
  gsize size;
  guint authorization, host, content_type, content_length, content_encoding, cookie, origin;
  gboolean transfer_encoding, range, expect;
  const char *length;
} Head;

static void
count_field (Head *head, const char *name, const char *value)
{
  head->fields++;
  head->size += strlen (name) + strlen (value) + 4;
  switch (g_ascii_tolower (*name))
    {
    case 'a':
      head->authorization += g_ascii_strcasecmp (name, "Authorization") == 0;
      break;
    case 'c':
      head->content_type += g_ascii_strcasecmp (name, "Content-Type") == 0;
      head->content_encoding += g_ascii_strcasecmp (name, "Content-Encoding") == 0;
      head->cookie += g_ascii_strcasecmp (name, "Cookie") == 0;
      if (g_ascii_strcasecmp (name, "Content-Length") == 0)
        head->content_length++, head->length = value;
      break;
    case 'e':
      head->expect |= g_ascii_strcasecmp (name, "Expect") == 0;
      break;
    case 'h':
      head->host += g_ascii_strcasecmp (name, "Host") == 0;
      break;
    case 'o':
      head->origin += g_ascii_strcasecmp (name, "Origin") == 0;
      break;
    case 'r':
      head->range |= g_ascii_strcasecmp (name, "Range") == 0;
      break;
    case 't':
      head->transfer_encoding |= g_ascii_strcasecmp (name, "Transfer-Encoding") == 0;
      break;
    default:
      break;
    }
}

static void
read_head (SoupMessageHeaders *headers, Head *head)
{
  SoupMessageHeadersIter iter;
  const char *name, *value;

  soup_message_headers_iter_init (&iter, headers);
  while (soup_message_headers_iter_next (&iter, &name, &value))
    count_field (head, name, value);
}

static gboolean
has_repeats (const Head *head)
{
  return head->authorization > 1 || head->host > 1 || head->content_type > 1
         || head->content_length > 1 || head->content_encoding > 1 || head->cookie > 1
         || head->origin > 1;
}

static gboolean
is_length (const char *text)
{
  gsize digits = strspn (text, "0123456789");
  return digits > 0 && digits <= LENGTH_DIGITS_MAX && text[digits] == '\0';
}

/* NULL: the head is good. */
static const char *
check_head (const Head *head, GUri *uri, gsize body_max, guint *out_status)
{
  const char *query = g_uri_get_query (uri);

  *out_status = 414;
  if (strlen (g_uri_get_path (uri)) + (query != NULL ? strlen (query) : 0) > URI_MAX)
    return "The address is too long.";
  *out_status = 431;
  if (head->fields > FIELDS_MAX || head->size > HEAD_MAX)
    return "The head of the request is too large.";
  *out_status = 400;
  if (g_uri_get_fragment (uri) != NULL)
    return "The address has a fragment.";
  if (has_repeats (head))
    return "A header that must be single is repeated.";
  /* RFC 9112 §6.1: with Content-Length beside it, nobody knows where the request ends. */
  *out_status = 411;
  if (head->transfer_encoding)
    return "The body must come with a Content-Length.";
  *out_status = 400;
  if (head->length != NULL && !is_length (head->length))
    return "The Content-Length is not a number of bytes.";
  *out_status = 413;
  if (head->length != NULL && (gsize) atoi (head->length) > body_max)
    return "The body is too large.";
  return NULL;
}

/* Keeps libsoup from doing anything with the message but reading its body: it passes over messages
 * that have a status. While 100 Continue is owed there may be none, so its handler is kept out. */
static void
take_over (SoupServerMessage *message, SoupServer *soup, const Head *head)
{
  MessageFlags flags = MESSAGE_OURS;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (head->range)
    soup_message_headers_remove (headers, "Range");
  if (head->expect)
    {
      flags |= MESSAGE_EXPECTED_CONTINUE;
      g_signal_handlers_block_matched (message, G_SIGNAL_MATCH_ID | G_SIGNAL_MATCH_DATA,
                                       got_headers_signal, 0, NULL, NULL, soup);
    }
  else
    soup_server_message_set_status (message, SOUP_STATUS_INTERNAL_SERVER_ERROR, NULL);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), TRUE);
  g_object_set_qdata (G_OBJECT (message), flags_quark (), GINT_TO_POINTER (flags));
}

/* An endpoint's path in disguise, which the application would get to see decoded, and a guard would
 * take for the endpoint. */
static gboolean
is_disguised (TesseraServer *server, const char *path)
{
  if (strchr (path, '%') == NULL)
    return FALSE;
  g_autofree char *decoded = g_uri_unescape_string (path, NULL);
  return decoded != NULL && tessera_server_owns_path (server, decoded);
}

/* A request of the application's. TRUE when it was refused. */
static gboolean
harden (TesseraSoupAdapter *self, SoupServerMessage *message, GUri *uri)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  Head head = { 0 };
  guint status;

  if (!self->hardened)
    return FALSE;
  read_head (headers, &head);
  if (head.range)
    soup_message_headers_remove (headers, "Range");
  const char *description = check_head (&head, uri, self->body_max, &status);
  if (description == NULL)
    return FALSE;
  refuse (self->server, message, status, description);
  return TRUE;
}

/* TRUE when the message is ours. */
static gboolean
got_headers (TesseraSoupAdapter *self, SoupServerMessage *message)
{
  GUri *uri = soup_server_message_get_uri (message);
  if (uri == NULL)
    return FALSE;
  if (tessera_soup_deadlines_have_passed (message))
    {
      refuse (self->server, message, 408, "The request did not come in time.");
      return TRUE;
    }
  const char *path = g_uri_get_path (uri);
  if (!tessera_server_owns_path (self->server, path))
    {
      if (G_LIKELY (!is_disguised (self->server, path)))
        return harden (self, message, uri);
      refuse (self->server, message, 404, "There is nothing here.");
      return TRUE;
    }

  Head head = { 0 };
  guint status;
  read_head (soup_server_message_get_request_headers (message), &head);
  const char *description = check_head (&head, uri, BODY_MAX, &status);
  if (description != NULL)
    {
      refuse (self->server, message, status, description);
      return TRUE;
    }
  g_autoptr (SoupServer) soup = g_weak_ref_get (&self->soup);
  take_over (message, soup, &head);
  if (g_object_get_qdata (G_OBJECT (message), adapter_quark ()) != self)
    g_object_set_qdata_full (G_OBJECT (message), adapter_quark (), adapter_ref (self),
                             adapter_unref);
  return TRUE;
}

static void
got_body (TesseraSoupAdapter *self, SoupServerMessage *message, MessageFlags flags)
{
  /* A handler may drop the application's last reference. */
  g_autoptr (TesseraServer) server = g_object_ref (self->server);
  g_autoptr (TesseraExchange) exchange = exchange_new (server, message, flags);
  Inlet *inlet = exchange->front_data;

  soup_server_message_set_status (message, SOUP_STATUS_INTERNAL_SERVER_ERROR, NULL);
  inlet->body = soup_message_body_flatten (soup_server_message_get_request_body (message));
  if (inlet->body != NULL)
    exchange->body = g_bytes_get_data (inlet->body, &exchange->body_length);

  tessera_server_handle (server, exchange);
  if (exchange->answered)
    return;
  inlet->paused = TRUE;
  inlet->disconnected
      = g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), inlet);
  soup_server_message_pause (message);
}

static gboolean
on_got_headers (GSignalInvocationHint *hint, guint n_params, const GValue *params, gpointer data)
{
  SoupServerMessage *message = g_value_get_object (&params[0]);
  TesseraSoupAdapter *adapter = g_object_get_qdata (G_OBJECT (message), adapter_quark ());
  for (; adapter != NULL; adapter = adapter->next)
    if (adapter->server != NULL && got_headers (adapter, message))
      break;
  return TRUE;
}

static gboolean
on_got_body (GSignalInvocationHint *hint, guint n_params, const GValue *params, gpointer data)
{
  SoupServerMessage *message = g_value_get_object (&params[0]);
  MessageFlags flags = GPOINTER_TO_INT (g_object_get_qdata (G_OBJECT (message), flags_quark ()));
  if (flags == 0)
    return TRUE;
  TesseraSoupAdapter *adapter = g_object_get_qdata (G_OBJECT (message), adapter_quark ());
  if (adapter->server != NULL)
    got_body (adapter, message, flags);
  else
    soup_server_message_set_status (message, SOUP_STATUS_SERVICE_UNAVAILABLE, NULL);
  return TRUE;
}

/* Puts @self behind @first, in the order in which they were attached, and forgets the detached. */
static void
append_adapter (TesseraSoupAdapter *first, TesseraSoupAdapter *self)
{
  TesseraSoupAdapter **link = &first->next;

  while (*link != NULL && *link != self)
    if ((*link)->server != NULL)
      link = &(*link)->next;
    else
      {
        TesseraSoupAdapter *gone = *link;
        *link = g_steal_pointer (&gone->next);
        adapter_unref (gone);
      }
  if (*link == NULL)
    *link = adapter_ref (self);
}

static void
on_request_started (SoupServer *soup, SoupServerMessage *message, TesseraSoupAdapter *self)
{
  TesseraSoupAdapter *first = g_object_get_qdata (G_OBJECT (message), adapter_quark ());

  /* A gate tells of its connections itself. */
  if (tessera_peer_get (soup_server_message_get_remote_address (message)) == NULL)
    tessera_soup_connections_note (soup);
  if (first == NULL)
    g_object_set_qdata_full (G_OBJECT (message), adapter_quark (), adapter_ref (self),
                             adapter_unref);
  else
    append_adapter (first, self);
}

/* They stay: a handler within such a call may drop the last server, and GLib does not bear that the
 * hook goes then. */
static void
add_hooks (void)
{
  static gsize added;

  if (!g_once_init_enter (&added))
    return;
  g_type_class_unref (g_type_class_ref (SOUP_TYPE_SERVER_MESSAGE));
  got_headers_signal = g_signal_lookup ("got-headers", SOUP_TYPE_SERVER_MESSAGE);
  g_signal_add_emission_hook (got_headers_signal, 0, on_got_headers, NULL, NULL);
  g_signal_add_emission_hook (g_signal_lookup ("got-body", SOUP_TYPE_SERVER_MESSAGE), 0,
                              on_got_body, NULL, NULL);
  g_once_init_leave (&added, 1);
}

TesseraSoupAdapter *
tessera_soup_adapter_new (TesseraServer *server, SoupServer *soup)
{
  TesseraSoupAdapter *self = g_new0 (TesseraSoupAdapter, 1);
  self->ref_count = 1;
  self->server = server;
  g_weak_ref_init (&self->soup, soup);
  add_hooks ();
  self->request_started
      = g_signal_connect_data (soup, "request-started", G_CALLBACK (on_request_started),
                               adapter_ref (self), (GClosureNotify) (void (*) (void)) adapter_unref,
                               0);
  tessera_soup_connections_watch (soup);
  return self;
}

void
tessera_soup_adapter_free (TesseraSoupAdapter *self)
{
  g_autoptr (SoupServer) soup = g_weak_ref_get (&self->soup);
  self->server = NULL;
  if (soup != NULL)
    {
      tessera_soup_connections_unwatch (soup);
      g_signal_handler_disconnect (soup, self->request_started);
    }
  adapter_unref (self);
}

void
tessera_soup_adapter_harden (TesseraSoupAdapter *self, gsize body_max)
{
  self->hardened = TRUE;
  self->body_max = body_max;
}

gboolean
tessera_soup_adapter_has_taken (SoupServerMessage *message)
{
  return g_object_get_qdata (G_OBJECT (message), flags_quark ()) != NULL;
}

SoupServer *
tessera_soup_adapter_get_soup (TesseraSoupAdapter *self)
{
  /* Borrowed: for comparison only. */
  g_autoptr (SoupServer) soup = g_weak_ref_get (&self->soup);
  return soup;
}
