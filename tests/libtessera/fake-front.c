/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An exchange without HTTP, for tests. */

#include "fake-front.h"

#include <string.h>

FakeFront *
fake_front_new (void)
{
  FakeFront *self = g_new0 (FakeFront, 1);
  self->request_headers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->headers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
fake_front_free (FakeFront *self)
{
  g_hash_table_unref (self->request_headers);
  g_hash_table_unref (self->headers);
  g_free (self->body);
  g_free (self->content_type);
  g_free (self);
}

void
fake_front_set_header (FakeFront *self, const char *name, const char *value)
{
  g_hash_table_insert (self->request_headers, g_ascii_strdown (name, -1), g_strdup (value));
}

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  FakeFront *self = exchange->front_data;
  g_autofree char *key = g_ascii_strdown (name, -1);
  return g_hash_table_lookup (self->request_headers, key);
}

static void
send_answer (TesseraExchange *exchange)
{
  FakeFront *self = exchange->front_data;
  gsize length = 0;
  const char *data
      = exchange->response != NULL ? g_bytes_get_data (exchange->response, &length) : NULL;

  self->sent++;
  self->status = exchange->status;
  g_free (self->body);
  self->body = g_strndup (data != NULL ? data : "", length);
  g_free (self->content_type);
  self->content_type = g_strdup (exchange->content_type);
  g_hash_table_remove_all (self->headers);
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);
      g_assert_false (g_hash_table_contains (self->headers, header->name));
      g_hash_table_insert (self->headers, g_strdup (header->name), g_strdup (header->value));
    }
}

static const TesseraExchangeFront fake_front = { get_header, send_answer };

TesseraExchange *
fake_front_request (FakeFront *self, const char *method, const char *path, const char *form)
{
  TesseraExchange *exchange = tessera_exchange_new (&fake_front, self, NULL);
  exchange->method = method;
  exchange->path = path;
  exchange->body = form;
  exchange->body_length = form != NULL ? strlen (form) : 0;
  exchange->remote_address = "192.0.2.1";
  return exchange;
}
