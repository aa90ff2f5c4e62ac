/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The second front of the endpoints, beside the libsoup adapter: lets a server answer requests of
 * programs without libsoup (RFC 9112 §3.2, §4, §6.3, RFC 9110 §5.3, §6.6.1, §9.3.2). What it must
 * decide itself is little: the reader has held the request to the letter, and the router knows
 * methods and media types. */

#include "gate/tessera-gate-front-private.h"

#include "base/tessera-decimal-private.h"
#include "gate/tessera-gate-connection-private.h"
#include "server/tessera-caller-private.h"
#include "server/tessera-soup-takeover-private.h"

#include <string.h>

#define PATH_MAX_BYTES 256 /* a longer one is libsoup's */

/* The front data of an exchange. It has bytes of its own, since those of the gate are overwritten
 * when somebody waits for the committing thread. They may be a password. All of it is one block,
 * and mostly a small one, which malloc() has at hand. */
struct _TesseraGateInlet
{
  TesseraGateConnection *connection; /* NULL: nobody waits for the answer any more */
  TesseraCaller caller;
  char *list;   /* fields of one name, together; or NULL */
  char *text;   /* head and body, and a NUL; behind the fields */
  gsize length; /* of it, without the NUL */
  guint minor_version;
  int n_fields;
  TesseraRequestField fields[];
};

/* Whose is it? */

/* An escape that libsoup hands on as it is. */
static gboolean
is_plain_escape (const char *escape)
{
  static const char hex[] = "0123456789ABCDEF";
  const char *high = strchr (hex, escape[1]), *low = strchr (hex, escape[2]);
  int byte = high != NULL && low != NULL ? (int) ((high - hex) * 16 + (low - hex)) : 0;

  return byte != 0 && !g_ascii_isalnum (byte) && strchr ("-._~", byte) == NULL;
}

static gboolean
is_plain_query (const char *query, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (query[i] == '%' ? !is_plain_escape (query + i) : strchr ("[]{}|\\^`", query[i]) != NULL)
      return FALSE;
  return length > 0;
}

/* libsoup takes the host for part of an address, and looks at that. */
static gboolean
is_plain_host (const TesseraRequestHead *head, const char *bytes)
{
  int index = tessera_request_head_find (head, bytes, "Host", 0);
  const char *host = index >= 0 ? bytes + head->fields[index].value : "";
  const char *end = *host == '[' ? memchr (host, ']', head->fields[index].value_length) : NULL;
  char address[INET6_ADDRSTRLEN];
  struct in6_addr parsed;

  if (end == NULL)
    return *host != '[';
  if (end - host > (gssize) sizeof address)
    return FALSE;
  g_strlcpy (address, host + 1, (gsize) (end - host));
  return inet_pton (AF_INET6, address, &parsed) == 1;
}

/* FALSE: it has none that could be ours. An escape may name another path (RFC 3986 §6.2.2). */
static gboolean
read_path (const TesseraRequestHead *head, const char *bytes, char out[PATH_MAX_BYTES])
{
  const char *target = bytes + head->target;
  gsize length = head->path_length;

  if (length == 0 || length >= PATH_MAX_BYTES || head->escaped_path)
    return FALSE;
  memcpy (out, target, length);
  out[length] = '\0';
  return length == head->target_length
         || is_plain_query (target + length + 1, head->target_length - length - 1);
}

/* NULL: it is nobody's endpoint. */
static TesseraServer *
find_owner (TesseraGate *gate, const char *path)
{
  for (guint i = 0; i < gate->servers->len; i++)
    {
      TesseraServer *server = gate->servers->pdata[i];

      if (tessera_server_is_attached (server, gate->soup)
          && tessera_server_owns_path (server, path))
        return server;
    }
  return NULL;
}

TesseraServer *
tessera_gate_front_find_server (TesseraGate *gate,
                                const TesseraRequestHead *head,
                                const char *bytes)
{
  TesseraServer *owner = NULL;
  char path[PATH_MAX_BYTES];

  if (!gate->direct || head->content_length > TESSERA_REQUEST_BODY_MAX
      || !read_path (head, bytes, path) || !is_plain_host (head, bytes))
    return NULL;
  owner = find_owner (gate, path);
  return owner != NULL && tessera_server_answers_whole (owner, path) ? owner : NULL;
}

gboolean
tessera_gate_front_is_disguised (TesseraGate *gate,
                                 const TesseraRequestHead *head,
                                 const char *bytes)
{
  if (G_LIKELY (!head->escaped_path))
    return FALSE;

  g_autofree char *path = g_strndup (bytes + head->target, head->path_length);
  g_autofree char *address = g_strconcat ("http://localhost", path, NULL);
  g_autoptr (GUri) uri = g_uri_parse (address, SOUP_HTTP_URI_FLAGS, NULL);

  return uri != NULL && !g_str_equal (g_uri_get_path (uri), path)
         && find_owner (gate, g_uri_get_path (uri)) != NULL;
}

/* The request */

/* There is a line end behind each. */
static const char *
get_value (TesseraGateInlet *self, const TesseraRequestField *field)
{
  self->text[field->value + field->value_length] = '\0';
  return self->text + field->value;
}

/* The next at or behind @from; -1: none. */
static int
find (const TesseraGateInlet *self, const char *name, int from)
{
  return tessera_request_fields_find (self->fields, self->n_fields, self->text, name, from);
}

/* Of several the last, as libsoup has it; where that matters, there is only one. */
static const char *
inlet_get_header (TesseraExchange *exchange, const char *name)
{
  TesseraGateInlet *self = exchange->front_data;
  int found = -1;

  for (int i = find (self, name, 0); i >= 0; i = find (self, name, i + 1))
    found = i;
  return found >= 0 ? get_value (self, &self->fields[found]) : NULL;
}

static const char *
inlet_get_list (gpointer request, const char *name)
{
  TesseraGateInlet *self = request;
  GString *list = NULL;

  for (int i = find (self, name, 0); i >= 0; i = find (self, name, i + 1))
    {
      if (list != NULL)
        g_string_append (list, ", ");
      else
        list = g_string_new (NULL);
      g_string_append (list, get_value (self, &self->fields[i]));
    }
  g_free (self->list);
  self->list = list != NULL ? g_string_free (list, FALSE) : NULL;
  return self->list;
}

static void
inlet_free (gpointer data)
{
  TesseraGateInlet *self = data;

  if (self->connection != NULL)
    self->connection->request.inlet = NULL;
  g_free (self->list);
  explicit_bzero (self->text, self->length);
  g_free (self);
}

static TesseraGateInlet *
inlet_new (TesseraGateConnection *connection, const TesseraRequestHead *head, const char *bytes)
{
  gsize length = head->head_length + head->content_length;
  gsize fields = head->n_fields * sizeof *head->fields;
  TesseraGateInlet *self = g_malloc (sizeof *self + fields + length + 1);

  self->connection = connection;
  self->list = NULL;
  self->text = (char *) (self->fields + head->n_fields);
  self->length = length;
  self->minor_version = head->minor_version;
  self->n_fields = head->n_fields;
  memcpy (self->fields, head->fields, fields);
  memcpy (self->text, bytes, length);
  self->text[length] = '\0';
  return self;
}

/* The answer. Its head is written into room that was made for all of it. */

#define FIXED_MAX 256 /* bytes of a head without the endpoint's fields: three fields of ours */

static char *
put_field (char *at, const char *name, const char *value)
{
  at = stpcpy (at, name);
  at = stpcpy (at, ": ");
  at = stpcpy (at, value);
  return stpcpy (at, "\r\n");
}

/* RFC 9110 §6.6.1. To write it costs as much as all the rest of a head, and it is the same for a
 * second. */
static const char *
get_date (TesseraGate *gate)
{
  gint64 seconds = g_get_real_time () / G_USEC_PER_SEC;

  if (seconds != gate->date_seconds)
    {
      g_autoptr (GDateTime) now = g_date_time_new_from_unix_utc (seconds);
      g_autofree char *date = soup_date_time_to_string (now, SOUP_DATE_HTTP);

      g_strlcpy (gate->date, date, sizeof gate->date);
      gate->date_seconds = seconds;
    }
  return gate->date;
}

static char *
put_status (char *at, guint minor_version, guint status)
{
  at = stpcpy (at, minor_version == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  at = tessera_decimal_put (at, status);
  at = stpcpy (at, " ");
  at = stpcpy (at, status == 200 ? "OK" : tessera_soup_get_phrase (status));
  return stpcpy (at, "\r\n");
}

/* RFC 9110 §8.6. */
static char *
put_length (char *at, const TesseraExchange *exchange)
{
  if (exchange->status == 204 || exchange->status == 304)
    return at;
  at = stpcpy (at, "Content-Length: ");
  at = tessera_decimal_put (at, exchange->response != NULL
                                    ? (gint64) g_bytes_get_size (exchange->response)
                                    : 0);
  return stpcpy (at, "\r\n");
}

static const TesseraHeader *
get_field (const TesseraExchange *exchange, guint index)
{
  return exchange->headers != NULL && index < exchange->headers->len
             ? &g_array_index (exchange->headers, TesseraHeader, index)
             : NULL;
}

static gsize
measure_fields (const TesseraExchange *exchange)
{
  gsize size = exchange->content_type != NULL ? strlen (exchange->content_type) : 0;
  const TesseraHeader *field = NULL;

  for (guint i = 0; (field = get_field (exchange, i)) != NULL; i++)
    size += strlen (field->name) + strlen (field->value) + strlen (": \r\n");
  return size;
}

static char *
put_head (char *at, TesseraGateConnection *connection, const TesseraExchange *exchange)
{
  const TesseraGateInlet *self = exchange->front_data;
  const TesseraHeader *field = NULL;

  at = put_status (at, self->minor_version, exchange->status);
  at = put_field (at, "Date", get_date (connection->gate));
  if (exchange->content_type != NULL)
    at = put_field (at, "Content-Type", exchange->content_type);
  for (guint i = 0; (field = get_field (exchange, i)) != NULL; i++)
    at = put_field (at, field->name, field->value);
  at = put_length (at, exchange);
  if (connection->request.answer.closing)
    at = stpcpy (at, "Connection: close\r\n");
  return stpcpy (at, "\r\n");
}

static void
write_answer (TesseraGateConnection *connection, const TesseraExchange *exchange)
{
  TesseraGateBuffers *buffers = &connection->gate->buffers;
  GByteArray *out = tessera_gate_outbox_open (&connection->out, buffers);
  guint before = out->len;
  char *end = NULL;

  g_byte_array_set_size (out, before + FIXED_MAX + (guint) measure_fields (exchange));
  end = put_head ((char *) out->data + before, connection, exchange);
  g_byte_array_set_size (out, (guint) (end - (char *) out->data));
  if (exchange->response != NULL && !connection->request.answer.no_body)
    tessera_gate_outbox_append (&connection->out, buffers, exchange->response);
}

static void
inlet_send (TesseraExchange *exchange)
{
  TesseraGateInlet *self = exchange->front_data;
  TesseraGateConnection *connection = self->connection;

  if (connection == NULL)
    return;
  write_answer (connection, exchange);
  tessera_gate_request_complete (connection);
}

/* What answers programs waits for no person: nothing of it is held. */
static const TesseraExchangeFront gate_front = { inlet_get_header, inlet_send, NULL, NULL };

/* For the connection */

static const char *
get_method (const TesseraRequestHead *head)
{
  static const char *const methods[] = {
    [TESSERA_REQUEST_METHOD_GET] = "GET",         [TESSERA_REQUEST_METHOD_HEAD] = "HEAD",
    [TESSERA_REQUEST_METHOD_POST] = "POST",       [TESSERA_REQUEST_METHOD_PUT] = "PUT",
    [TESSERA_REQUEST_METHOD_DELETE] = "DELETE",   [TESSERA_REQUEST_METHOD_PATCH] = "PATCH",
    [TESSERA_REQUEST_METHOD_OPTIONS] = "OPTIONS",
  };

  return methods[head->method];
}

static void
split_target (TesseraExchange *exchange, TesseraGateInlet *inlet, const TesseraRequestHead *head)
{
  char *target = inlet->text + head->target;
  char *mark = NULL;

  target[head->target_length] = '\0'; /* there was a space */
  mark = strchr (target, '?');
  if (mark != NULL)
    *mark++ = '\0';
  exchange->path = target;
  exchange->query = mark;
}

static void
set_caller (TesseraExchange *exchange,
            TesseraGateInlet *inlet,
            TesseraGateConnection *connection,
            TesseraServer *server)
{
  tessera_gate_peer_find (&connection->peer, connection);
  inlet->caller = *tessera_gate_peer_get_caller (&connection->peer);
  tessera_caller_look_behind_proxy (&inlet->caller, server, inlet_get_list, inlet);
  exchange->remote_address = inlet->caller.address;
  exchange->secure = inlet->caller.secure;
}

void
tessera_gate_front_begin (TesseraGateConnection *connection,
                          TesseraServer *server,
                          const TesseraRequestHead *head,
                          const char *bytes)
{
  TesseraGateInlet *inlet = inlet_new (connection, head, bytes);
  /* A handler may drop the application's last reference. */
  g_autoptr (TesseraServer) held = g_object_ref (server);
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&gate_front, inlet, inlet_free);

  exchange->method = get_method (head);
  exchange->body = inlet->text + head->head_length;
  exchange->body_length = head->content_length;
  split_target (exchange, inlet, head);
  set_caller (exchange, inlet, connection, server);
  connection->request.inlet = inlet;
  tessera_server_handle (held, exchange);
}

void
tessera_gate_front_forget (TesseraGateInlet **inlet)
{
  if (*inlet != NULL)
    (*inlet)->connection = NULL;
  *inlet = NULL;
}

gsize
tessera_gate_front_get_length (const TesseraGateInlet *inlet)
{
  return inlet != NULL ? inlet->length : 0;
}
