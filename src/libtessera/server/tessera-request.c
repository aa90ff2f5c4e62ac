/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A request about to be served, for the signal before-request. */

#include "server/tessera-page-private.h"

#include <string.h>

/**
 * TesseraRequest:
 *
 * A request to one of the server's endpoints or pages, before it is served.
 *
 * A handler of [signal@Server::before-request] may answer it, and so keep it from the endpoint: a
 * maintenance notice, an address that is not welcome. It is of use during the signal only.
 */
struct _TesseraRequest
{
  GObject parent_instance;

  char *method;
  char *path;
  char *remote_address;
  TesseraExchange *exchange; /* NULL when the signal is over */
};

G_DEFINE_FINAL_TYPE (TesseraRequest, tessera_request, G_TYPE_OBJECT)

static void
tessera_request_finalize (GObject *object)
{
  TesseraRequest *self = TESSERA_REQUEST (object);
  tessera_request_close (self);
  g_free (self->method);
  g_free (self->path);
  g_free (self->remote_address);
  G_OBJECT_CLASS (tessera_request_parent_class)->finalize (object);
}

static void
tessera_request_class_init (TesseraRequestClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_request_finalize;
}

static void
tessera_request_init (TesseraRequest *self)
{
}

TesseraRequest *
tessera_request_new (TesseraExchange *exchange)
{
  TesseraRequest *self = g_object_new (TESSERA_TYPE_REQUEST, NULL);
  self->method = g_strdup (exchange->method);
  self->path = g_strdup (exchange->path);
  self->remote_address = g_strdup (exchange->remote_address);
  self->exchange = tessera_exchange_ref (exchange);
  return self;
}

void
tessera_request_close (TesseraRequest *self)
{
  g_clear_pointer (&self->exchange, tessera_exchange_unref);
}

/**
 * tessera_request_get_method:
 * @self: a request
 *
 * The HTTP method.
 *
 * Returns: such as `POST`
 */
const char *
tessera_request_get_method (TesseraRequest *self)
{
  g_return_val_if_fail (TESSERA_IS_REQUEST (self), NULL);
  return self->method;
}

/**
 * tessera_request_get_path:
 * @self: a request
 *
 * The path, without the query: a query may hold what is not for a log.
 *
 * Returns: such as `/token`
 */
const char *
tessera_request_get_path (TesseraRequest *self)
{
  g_return_val_if_fail (TESSERA_IS_REQUEST (self), NULL);
  return self->path;
}

/**
 * tessera_request_get_remote_address:
 * @self: a request
 *
 * Where it came from.
 *
 * Returns: an IP address, or `unix` for a unix socket
 */
const char *
tessera_request_get_remote_address (TesseraRequest *self)
{
  g_return_val_if_fail (TESSERA_IS_REQUEST (self), NULL);
  return self->remote_address;
}

/**
 * tessera_request_respond:
 * @self: a request
 * @status: the HTTP status
 * @content_type: (nullable): the type of @body, or %NULL for none
 * @body: (nullable): UTF-8 text, or %NULL for none
 *
 * Answers instead of the endpoint. Only the first answer counts.
 */
void
tessera_request_respond (TesseraRequest *self,
                         guint status,
                         const char *content_type,
                         const char *body)
{
  g_return_if_fail (TESSERA_IS_REQUEST (self));
  g_return_if_fail (status >= 200 && status <= 599);

  if (self->exchange == NULL || self->exchange->answered)
    return;
  GBytes *bytes = body != NULL ? g_bytes_new (body, strlen (body)) : NULL;
  tessera_exchange_add_header (self->exchange, "Cache-Control", "no-store");
  tessera_exchange_respond (self->exchange, status,
                            content_type != NULL ? g_intern_string (content_type) : NULL, bytes);
}
