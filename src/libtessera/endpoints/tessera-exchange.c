/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One HTTP request and its one answer, without an HTTP library (RFC 9110, RFC 6265 §5.4). */

#include "endpoints/tessera-exchange-private.h"

#include "base/tessera-secret-private.h"
#include "endpoints/tessera-error-responder-private.h"

#include <string.h>

/* A random start and a counter: unique among processes for practical purposes, and cheaper than
 * fresh randomness for each request. It is a name for the log, not a secret. */
static void
make_request_id (char request_id[32])
{
  static const char digits[] = "0123456789abcdef";
  static guint64 start;
  static guint64 count; /* main loop only, as exchanges are */

  if (G_UNLIKELY (start == 0))
    tessera_random_bytes ((guint8 *) &start, sizeof start);
  /* An odd factor spreads the counter over all digits without ever repeating one. */
  guint64 id = start + count++ * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  for (guint i = 0; i < 16; i++)
    request_id[i] = digits[(id >> (60 - 4 * i)) & 0xf];
  request_id[16] = '\0';
}

static void
header_clear (gpointer data)
{
  TesseraHeader *header = data;
  tessera_secret_free (header->owned); /* it may carry a code or a cookie */
}

TesseraExchange *
tessera_exchange_new (const TesseraExchangeFront *front,
                      gpointer front_data,
                      GDestroyNotify front_data_free)
{
  TesseraExchange *self = g_new0 (TesseraExchange, 1);
  self->ref_count = 1;
  self->front = front;
  self->front_data = front_data;
  self->front_data_free = front_data_free;
  make_request_id (self->request_id);
  return self;
}

TesseraExchange *
tessera_exchange_ref (TesseraExchange *self)
{
  self->ref_count++;
  return self;
}

static void
exchange_free (TesseraExchange *self)
{
  if (self->refused_data_free != NULL)
    self->refused_data_free (self->refused_data);
  if (self->front_data_free != NULL)
    self->front_data_free (self->front_data);
  g_clear_pointer (&self->response, g_bytes_unref);
  g_clear_pointer (&self->headers, g_array_unref);
  tessera_exchange_doubt (self, NULL);
  g_clear_pointer (&self->metrics, tessera_metrics_unref);
  g_clear_pointer (&self->audit, tessera_audit_unref);
  g_free (self->client_id);
  g_free (self);
}

void
tessera_exchange_unref (TesseraExchange *self)
{
  if (self->ref_count > 1)
    {
      self->ref_count--;
      return;
    }
  if (!self->answered)
    {
      g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR,
                                                      "The request was dropped.");
      tessera_exchange_respond_error (self, error, NULL);
    }
  exchange_free (self);
}

void
tessera_exchange_watch (TesseraExchange *self,
                        TesseraMetrics *metrics,
                        TesseraAudit *audit,
                        TesseraEndpointName endpoint)
{
  self->endpoint = endpoint;
  if (self->audit != NULL)
    return;
  self->audit = tessera_audit_ref (audit);
  self->metrics = tessera_metrics_ref (metrics);
  self->began_us = g_get_monotonic_time ();
}

void
tessera_exchange_set_client_id (TesseraExchange *self, const char *client_id)
{
  g_free (self->client_id);
  self->client_id = g_strdup (client_id);
}

const char *
tessera_exchange_get_header (TesseraExchange *self, const char *name)
{
  return self->front->get_header (self, name);
}

void
tessera_exchange_doubt (TesseraExchange *self, const gint *taken_doubt)
{
  if (self->doubt != NULL)
    g_atomic_rc_box_release ((gpointer) self->doubt);
  self->doubt = taken_doubt;
}

void
tessera_exchange_hold (TesseraExchange *self, guint seconds)
{
  if (self->front->hold != NULL && !self->answered)
    self->front->hold (self, seconds);
}

/* One `name=value` of a Cookie header: its value when the name is @name. */
static char *
match_cookie (const char *pair, gsize length, const char *name)
{
  gsize name_length = strlen (name);
  while (length > 0 && (*pair == ' ' || *pair == '\t'))
    pair++, length--;
  if (length <= name_length || strncmp (pair, name, name_length) != 0 || pair[name_length] != '=')
    return NULL;
  return g_strchomp (g_strndup (pair + name_length + 1, length - name_length - 1));
}

char *
tessera_exchange_dup_cookie (TesseraExchange *self, const char *name)
{
  const char *rest = tessera_exchange_get_header (self, "Cookie");
  g_autofree char *found = NULL;

  while (rest != NULL)
    {
      gsize length = strcspn (rest, ";");
      g_autofree char *value = match_cookie (rest, length, name);
      /* Which of two is ours cannot be told (RFC 6265 §4.2.2): neither is believed. */
      if (value != NULL && found != NULL)
        return NULL;
      if (value != NULL)
        found = g_steal_pointer (&value);
      rest = rest[length] == ';' ? rest + length + 1 : NULL;
    }
  return g_steal_pointer (&found);
}

TesseraParams *
tessera_exchange_parse_form (TesseraExchange *self, GError **error)
{
  return tessera_params_parse (self->body, self->body_length, error);
}

TesseraParams *
tessera_exchange_parse_query (TesseraExchange *self, GError **error)
{
  return tessera_params_parse (self->query, self->query != NULL ? strlen (self->query) : 0, error);
}

/* No answer may be split by what it repeats (threats.md A12). */
static gboolean
is_header_value (const char *value)
{
  for (const char *p = value; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p) && *p != '\t')
      return FALSE;
  return TRUE;
}

static void
append_header (TesseraExchange *self, TesseraHeader header)
{
  if (self->headers == NULL)
    {
      self->headers = g_array_sized_new (FALSE, FALSE, sizeof header, 8);
      g_array_set_clear_func (self->headers, header_clear);
    }
  g_array_append_val (self->headers, header);
}

void
tessera_exchange_add_header (TesseraExchange *self, const char *static_name, const char *value)
{
  if (!is_header_value (value))
    {
      g_critical ("A line break in the answer header %s", static_name);
      return;
    }
  char *owned = g_strdup (value);
  append_header (self, (TesseraHeader){ static_name, owned, owned });
}

void
tessera_exchange_add_static_header (TesseraExchange *self,
                                    const char *static_name,
                                    const char *static_value)
{
  append_header (self, (TesseraHeader){ static_name, static_value, NULL });
}

gboolean
tessera_exchange_has_answer_header (TesseraExchange *self, const char *name)
{
  for (guint i = 0; self->headers != NULL && i < self->headers->len; i++)
    if (g_ascii_strcasecmp (g_array_index (self->headers, TesseraHeader, i).name, name) == 0)
      return TRUE;
  return FALSE;
}

/* The head, and what every answer carries. Takes @body. FALSE: it was answered before. */
static gboolean
complete (TesseraExchange *self, guint status, const char *static_content_type, GBytes *body)
{
  if (self->answered)
    {
      g_critical ("A request was answered twice: %s", self->path);
      g_clear_pointer (&body, g_bytes_unref);
      return FALSE;
    }
  tessera_exchange_add_static_header (self, "X-Content-Type-Options", "nosniff");
  if (self->secure) /* RFC 6797 §7.1, §7.2 */
    tessera_exchange_add_static_header (self, TESSERA_HSTS_NAME, TESSERA_HSTS_VALUE);
  self->answered = TRUE;
  self->status = status;
  self->content_type = static_content_type;
  self->response = body;
  if (self->began_us != 0)
    tessera_metrics_count_answer (self->metrics, self->endpoint, status,
                                  g_get_monotonic_time () - self->began_us);
  return TRUE;
}

/* In place of an answer that may be wrong. */
static void
respond_unavailable (TesseraExchange *self)
{
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                             "The store failed; what was asked for cannot be read.");

  tessera_exchange_doubt (self, NULL);
  g_clear_pointer (&self->headers, g_array_unref);
  tessera_exchange_respond_error (self, error, NULL);
}

void
tessera_exchange_respond (TesseraExchange *self,
                          guint status,
                          const char *static_content_type,
                          GBytes *body)
{
  if (G_UNLIKELY (self->doubt != NULL) && g_atomic_int_get (self->doubt) && !self->answered)
    {
      g_clear_pointer (&body, g_bytes_unref);
      respond_unavailable (self);
      return;
    }
  if (complete (self, status, static_content_type, body))
    self->front->send (self);
}

TesseraOutlet *
tessera_exchange_respond_stream (TesseraExchange *self,
                                 guint status,
                                 const char *static_content_type,
                                 gsize limit,
                                 const TesseraOutletFuncs *funcs,
                                 gpointer data)
{
  TesseraOutlet *outlet = NULL;

  if (self->front->open == NULL)
    {
      tessera_exchange_respond_http_error (self, 501, "There are no answers in pieces here.");
      return NULL;
    }
  if (!complete (self, status, static_content_type, NULL))
    return NULL;
  outlet = self->front->open (self);
  if (outlet == NULL)
    return NULL;
  outlet->funcs = funcs;
  outlet->data = data;
  outlet->limit = limit;
  return outlet;
}

void
tessera_exchange_respond_json (TesseraExchange *self, guint status, json_t *json)
{
  tessera_exchange_respond_json_text (self, status, tessera_json_dump (json));
  json_decref (json);
}

void
tessera_exchange_respond_json_text (TesseraExchange *self, guint status, char *text)
{
  tessera_exchange_add_static_header (self, "Cache-Control", "no-store");
  tessera_exchange_add_static_header (self, "Pragma", "no-cache");
  /* It may carry tokens. */
  tessera_exchange_respond (
      self, status, "application/json",
      g_bytes_new_with_free_func (text, strlen (text), (GDestroyNotify) tessera_secret_free, text));
}

void
tessera_exchange_redirect (TesseraExchange *self, const char *location)
{
  tessera_exchange_add_header (self, "Location", location);
  tessera_exchange_add_static_header (self, "Cache-Control", "no-store");
  tessera_exchange_add_static_header (self, "Referrer-Policy", "no-referrer");
  /* 303, so that no browser repeats a POST with its password (RFC 9700 §4.12). */
  tessera_exchange_respond (self, 303, NULL, NULL);
}
