/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people allowed, and where they are signed in: lists, and the end of a session. */

#include "server/tessera-act-private.h"
#include "server/tessera-administration.h"

#include "model/tessera-records-private.h"

/* One page of a list, read in the committing thread, where the store is. */
typedef struct
{
  TesseraAct act;
  char *subject;
  char *client_id;
  char *after;
  guint limit;
  GPtrArray *page;
} List;

static void
list_clear (TesseraAct *act)
{
  List *self = (List *) act;
  g_clear_pointer (&self->page, g_ptr_array_unref);
  g_free (self->subject);
  g_free (self->client_id);
  g_free (self->after);
}

static TesseraStoreFilter
get_filter (List *self)
{
  return (TesseraStoreFilter){
    .subject = self->subject,
    .client_id = self->client_id,
    .after = self->after,
    .limit = self->limit,
    .now_ms = tessera_clock_get_ms (self->act.server->engine.clock),
  };
}

static gboolean
grants_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  List *self = (List *) act;
  TesseraStoreFilter filter = get_filter (self);
  g_clear_pointer (&self->page, g_ptr_array_unref);
  self->page = tessera_store_list_grants (store, &filter, error);
  return self->page != NULL;
}

static gboolean
sessions_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  List *self = (List *) act;
  TesseraStoreFilter filter = get_filter (self);
  g_clear_pointer (&self->page, g_ptr_array_unref);
  self->page = tessera_store_list_sessions (store, &filter, error);
  return self->page != NULL;
}

static const TesseraActClass grants_class
    = { .size = sizeof (List), .always = TRUE, .run = grants_run, .clear = list_clear };
static const TesseraActClass sessions_class
    = { .size = sizeof (List), .always = TRUE, .run = sessions_run, .clear = list_clear };

static List *
list_new (const TesseraActClass *klass,
          TesseraServer *server,
          const char *subject,
          const char *client_id,
          const char *after,
          guint limit)
{
  List *self = tessera_act_new (klass, server);
  self->subject = g_strdup (subject);
  self->client_id = g_strdup (client_id);
  self->after = g_strdup (after != NULL ? after : "");
  self->limit = limit;
  return self;
}

static GPtrArray *
list_finish (TesseraServer *self, GAsyncResult *result, gpointer tag, GError **error)
{
  List *list = tessera_act_finish (self, result, tag, error);
  return list != NULL ? g_steal_pointer (&list->page) : NULL;
}

/**
 * tessera_server_list_grants_async:
 * @self: a server
 * @subject: (nullable): whose, or %NULL for everybody's
 * @client_id: (nullable): which client's, or %NULL for every client's
 * @after: (nullable): the last identifier of the page before, or %NULL for the first page
 * @limit: how many at most
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the page
 * @user_data: for @callback
 *
 * Lists what people allowed clients to do, a page at a time.
 */
void
tessera_server_list_grants_async (TesseraServer *self,
                                  const char *subject,
                                  const char *client_id,
                                  const char *after,
                                  guint limit,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (limit > 0);
  tessera_act_start (&list_new (&grants_class, self, subject, client_id, after, limit)->act,
                     tessera_server_list_grants_async, cancellable, callback, user_data);
}

/**
 * tessera_server_list_grants_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.list_grants_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer container) (element-type TesseraGrant): the grants; an empty page is the end
 */
GPtrArray *
tessera_server_list_grants_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return list_finish (self, result, tessera_server_list_grants_async, error);
}

/**
 * tessera_server_list_sessions_async:
 * @self: a server
 * @subject: (nullable): whose, or %NULL for everybody's
 * @after: (nullable): the last identifier of the page before, or %NULL for the first page
 * @limit: how many at most
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the page
 * @user_data: for @callback
 *
 * Lists the browsers in which people are signed in, a page at a time.
 */
void
tessera_server_list_sessions_async (TesseraServer *self,
                                    const char *subject,
                                    const char *after,
                                    guint limit,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (limit > 0);
  tessera_act_start (&list_new (&sessions_class, self, subject, NULL, after, limit)->act,
                     tessera_server_list_sessions_async, cancellable, callback, user_data);
}

/**
 * tessera_server_list_sessions_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.list_sessions_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer container) (element-type TesseraSession): the sessions; an empty page is the
 * end
 */
GPtrArray *
tessera_server_list_sessions_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return list_finish (self, result, tessera_server_list_sessions_async, error);
}
