/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entries of the deny-list, for whoever follows it (design.md §5). */

#include "server/tessera-act-private.h"
#include "server/tessera-administration.h"

typedef struct
{
  TesseraAct act;
  guint64 since;
  guint limit;
  gboolean reset;
  GPtrArray *page;
} List;

static void
list_clear (TesseraAct *act)
{
  g_clear_pointer (&((List *) act)->page, g_ptr_array_unref);
}

static void
add_denial (const TesseraDenial *denial, gpointer data)
{
  g_ptr_array_add (data, tessera_denial_copy (denial));
}

/* A cursor from the future is one of another list: its reader begins anew. */
static gboolean
list_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  List *self = (List *) act;

  list_clear (act);
  self->page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_denial_free);
  self->reset = self->since > tessera_server_get_generation (act->server);
  return tessera_store_foreach_denial (store, self->reset ? 0 : self->since, self->limit,
                                       add_denial, self->page, error);
}

static const TesseraActClass list_class
    = { .size = sizeof (List), .run = list_run, .clear = list_clear };

/**
 * tessera_server_list_denials_async:
 * @self: a server
 * @since: the cursor of the page before, or 0 for the first page
 * @limit: how many at most
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the page
 * @user_data: for @callback
 *
 * Lists the entries of the deny-list behind a cursor, in the order in which they became durable.
 *
 * Entries that no longer matter are left out: their tokens have expired.
 */
void
tessera_server_list_denials_async (TesseraServer *self,
                                   guint64 since,
                                   guint limit,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (limit > 0);

  List *list = tessera_act_new (&list_class, self);
  list->since = since;
  list->limit = limit;
  tessera_act_start (&list->act, tessera_server_list_denials_async, cancellable, callback,
                     user_data);
}

static guint64
get_cursor (const List *self)
{
  if (self->page->len > 0)
    return tessera_denial_get_generation (self->page->pdata[self->page->len - 1]);
  return self->reset ? 0 : self->since;
}

/**
 * tessera_server_list_denials_finish:
 * @self: a server
 * @result: the result given to the callback
 * @out_cursor: (out) (optional): what to give as the next `since`
 * @out_reset: (out) (optional): %TRUE when the cursor was none of this list: what was read before
 *   does not count, and the page is the first one
 * @error: return location for an error
 *
 * Finishes [method@Server.list_denials_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer container) (element-type TesseraDenial): the entries; an empty page is the end
 */
GPtrArray *
tessera_server_list_denials_finish (TesseraServer *self,
                                    GAsyncResult *result,
                                    guint64 *out_cursor,
                                    gboolean *out_reset,
                                    GError **error)
{
  List *list = tessera_act_finish (self, result, tessera_server_list_denials_async, error);

  if (list == NULL)
    return NULL;
  if (out_cursor != NULL)
    *out_cursor = get_cursor (list);
  if (out_reset != NULL)
    *out_reset = list->reset;
  return g_steal_pointer (&list->page);
}
