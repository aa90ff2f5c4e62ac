/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shares the deny-list with the other processes of the machine: durable entries alone, in their
 * order, and a mark each second that says as of when everything is there (design.md §5). */

#include "server/tessera-sharing-private.h"

#include "base/tessera-clock-private.h"
#include "resource/tessera-shared-table-private.h"
#include "server/tessera-administration.h"
#include "server/tessera-server-object-private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PAGE 1000
#define COPIED_AT_ONCE 8192      /* slots a turn of the loop */
#define SWEPT_AT_ONCE 32768      /* slots a second */
#define OLD_PLACE_MS (30 * 1000) /* how long the place before is kept right */

/* A table and its descriptor. */
typedef struct
{
  TesseraSharedTable *table; /* NULL: there is none */
  int fd;
} Place;

/* One look at the store. It may come back after the sharing has ended. */
typedef struct
{
  TesseraSharing *sharing; /* NULL: ended */
  TesseraCommitter *committer;
  gint64 boottime_ms, time_ms; /* before */
  guint64 since;
  GPtrArray *page; /* TesseraDenial* */
  TesseraStoreState state;
} Pull;

/* As of when everything up to which generation is in the memory. */
typedef struct
{
  guint64 generation;
  gint64 time_ms, boottime_ms;
} Mark;

struct _TesseraSharing
{
  TesseraServer *server; /* holds us */
  char list[TESSERA_SHARED_TABLE_LIST_SIZE];
  Place current;
  Place next;     /* larger, while it is being filled */
  Place previous; /* smaller, for who has not moved yet */
  gsize copied, swept;
  gint64 moved_ms; /* boottime */
  guint64 cursor;
  Mark mark;
  gboolean loaded;
  Pull *pull; /* under way, or NULL */
  gboolean again;
  GSource *tick, *copying;
  gulong changed;
  GQueue waiting; /* GTask* */
};

static void begin_pull (TesseraSharing *self);

/* Places */

static void
place_end (Place *place)
{
  if (place->table == NULL)
    return;
  tessera_shared_table_set_state (place->table, TESSERA_SHARED_TABLE_ENDED);
  g_clear_pointer (&place->table, tessera_shared_table_free);
  close (place->fd);
}

static gboolean
place_begin (TesseraSharing *self, Place *place, gsize n_slots, GError **error)
{
  const guint8 *salt
      = self->current.table != NULL ? tessera_shared_table_get_salt (self->current.table) : NULL;

  place->table = tessera_shared_table_create (self->list, salt, n_slots, &place->fd, error);
  return place->table != NULL;
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
attach (TesseraSharing *self, GSource *source, GSourceFunc func, const char *name)
{
  g_source_set_static_name (source, name);
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, self->server->context);
}

/* Who waits for it is told; a reader sees that it has ended. */
static void
end_all (TesseraSharing *self, const GError *error)
{
  GTask *task;

  clear_source (&self->copying);
  place_end (&self->next);
  place_end (&self->previous);
  place_end (&self->current);
  self->loaded = FALSE;
  self->cursor = 0;
  self->copied = self->swept = 0;
  self->list[0] = '\0';
  while (error != NULL && (task = g_queue_pop_head (&self->waiting)) != NULL)
    {
      g_task_return_error (task, g_error_copy (error));
      g_object_unref (task);
    }
}

/* Growing */

static gint64
get_now (TesseraSharing *self)
{
  return tessera_clock_get_ms (self->server->engine.clock);
}

static void
put_mark (TesseraSharing *self, Place *place)
{
  if (place->table != NULL)
    tessera_shared_table_mark (place->table, self->mark.generation, self->mark.time_ms,
                               self->mark.boottime_ms);
}

/* First the new place lives, then the old one points away. */
static void
move (TesseraSharing *self)
{
  clear_source (&self->copying);
  put_mark (self, &self->next);
  tessera_shared_table_set_state (self->next.table, self->loaded ? TESSERA_SHARED_TABLE_LIVE
                                                                 : TESSERA_SHARED_TABLE_FILLING);
  place_end (&self->previous);
  self->previous = self->current;
  self->current = self->next;
  self->next.table = NULL;
  tessera_shared_table_set_state (self->previous.table, TESSERA_SHARED_TABLE_MOVED);
  self->moved_ms = tessera_boottime_get_ms ();
  self->copied = self->swept = 0;
  if (!self->loaded)
    place_end (&self->previous); /* nobody has it */
}

static gboolean
on_copy (gpointer data)
{
  TesseraSharing *self = data;

  if (!tessera_shared_table_copy (self->current.table, self->next.table, &self->copied,
                                  COPIED_AT_ONCE, get_now (self)))
    return G_SOURCE_CONTINUE;
  move (self);
  return G_SOURCE_REMOVE;
}

/* Nothing is swept away meanwhile, which would move entries behind the copy's back. */
static gboolean
grow (TesseraSharing *self)
{
  gsize n_slots = tessera_shared_table_get_n_slots (self->current.table);
  g_autoptr (GError) error = NULL;

  if (n_slots >= TESSERA_SHARED_TABLE_MAX_SLOTS)
    return FALSE;
  if (!place_begin (self, &self->next, n_slots * 2, &error))
    {
      g_warning ("%s", error->message);
      return FALSE;
    }
  self->copied = 0;
  self->copying = g_idle_source_new ();
  attach (self, self->copying, on_copy, "tessera-sharing-copy");
  return TRUE;
}

static gboolean
is_half_full (Place *place)
{
  return tessera_shared_table_get_count (place->table)
         > tessera_shared_table_get_n_slots (place->table) / 2;
}

/* Entries come faster than they are copied. */
static gboolean
move_now (TesseraSharing *self)
{
  if (self->next.table == NULL && !grow (self))
    return FALSE;
  while (!tessera_shared_table_copy (self->current.table, self->next.table, &self->copied,
                                     COPIED_AT_ONCE, get_now (self)))
    ;
  move (self);
  return TRUE;
}

/* FALSE: there is no room for it anywhere. */
static gboolean
put (TesseraSharing *self, const TesseraDenial *denial)
{
  if (!tessera_shared_table_put (self->current.table, denial)
      && !(move_now (self) && tessera_shared_table_put (self->current.table, denial)))
    return FALSE;
  if (self->next.table != NULL)
    tessera_shared_table_put (self->next.table, denial);
  if (self->previous.table != NULL && !tessera_shared_table_put (self->previous.table, denial))
    place_end (&self->previous);
  if (self->next.table == NULL && is_half_full (&self->current))
    grow (self);
  return TRUE;
}

/* Following the list */

static void
copy_denial (const TesseraDenial *denial, gpointer page)
{
  g_ptr_array_add (page, tessera_denial_copy (denial));
}

static void
pull_free (Pull *pull)
{
  g_clear_pointer (&pull->page, g_ptr_array_unref);
  g_free (pull);
}

/* In the committing thread. */
static gboolean
run_pull (gpointer data, TesseraStore *store, GError **error)
{
  Pull *pull = data;

  g_clear_pointer (&pull->page, g_ptr_array_unref);
  pull->page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_denial_free);
  return tessera_store_get_state (store, &pull->state, error)
         && tessera_store_foreach_denial (store, pull->since, PAGE, copy_denial, pull->page, error);
}

static GError *
new_unavailable (const char *message)
{
  return g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, message);
}

static void
return_fd (TesseraSharing *self, GTask *task)
{
  int fd = fcntl (self->current.fd, F_DUPFD_CLOEXEC, 3);

  if (fd >= 0)
    g_task_return_int (task, fd);
  else
    g_task_return_error (task, new_unavailable ("There are too many open files"));
  g_object_unref (task);
}

static void
mark (TesseraSharing *self, gint64 boottime_ms, gint64 time_ms)
{
  self->mark = (Mark){ self->cursor, time_ms, boottime_ms };
  put_mark (self, &self->current);
  put_mark (self, &self->previous);
}

/* Everything that was durable when the look began is in the memory. */
static void
catch_up (TesseraSharing *self, const Pull *pull)
{
  GTask *task;

  self->cursor = MAX (self->cursor, pull->state.generation);
  mark (self, pull->boottime_ms, pull->time_ms);
  if (!self->loaded)
    tessera_shared_table_set_state (self->current.table, TESSERA_SHARED_TABLE_LIVE);
  self->loaded = TRUE;
  while ((task = g_queue_pop_head (&self->waiting)) != NULL)
    return_fd (self, task);
}

/* FALSE: there is no room; what was shared has ended. */
static gboolean
put_all (TesseraSharing *self, GPtrArray *denials)
{
  for (guint i = 0; i < denials->len; i++)
    {
      const TesseraDenial *denial = denials->pdata[i];

      if (!put (self, denial))
        {
          g_autoptr (GError) error = new_unavailable ("The deny-list is too long to be shared");
          g_warning ("%s", error->message);
          end_all (self, error);
          return FALSE;
        }
      self->cursor = denial->generation;
    }
  return TRUE;
}

static gboolean
begin_list (TesseraSharing *self, const Pull *pull, GError **error)
{
  gsize n_slots = tessera_shared_table_get_slots_for (tessera_server_get_n_denials (self->server));

  g_strlcpy (self->list, pull->state.id, sizeof self->list);
  return place_begin (self, &self->current, n_slots, error);
}

/* Another list than that of before, or an earlier state of it. */
static gboolean
is_another_list (TesseraSharing *self, const Pull *pull)
{
  return self->current.table != NULL
         && (strcmp (self->list, pull->state.id) != 0 || pull->since > pull->state.generation);
}

static void
take_pull (TesseraSharing *self, const Pull *pull)
{
  g_autoptr (GError) error = NULL;

  if (is_another_list (self, pull))
    {
      g_message ("The deny-list is another one; what was shared has ended");
      end_all (self, NULL);
      begin_pull (self);
      return;
    }
  if (self->current.table == NULL && !begin_list (self, pull, &error))
    {
      g_warning ("%s", error->message);
      end_all (self, error);
      return;
    }
  if (!put_all (self, pull->page))
    return;
  if (pull->page->len < PAGE)
    catch_up (self, pull);
  if (pull->page->len == PAGE || self->again)
    begin_pull (self);
}

static void
on_pulled (gpointer data, const GError *error)
{
  Pull *pull = data;
  TesseraSharing *self = pull->sharing;

  if (self != NULL)
    {
      self->pull = NULL;
      if (error == NULL)
        take_pull (self, pull);
      else if (!self->loaded)
        end_all (self, error);
    }
  pull_free (pull);
}

/* What is newest is in memory. FALSE: not all of it is. */
static gboolean
read_tail (TesseraSharing *self)
{
  TesseraDenyTail *tail = tessera_deny_list_get_tail (self->server->engine.deny_list);
  gint64 boottime_ms = tessera_boottime_get_ms ();
  gint64 time_ms = get_now (self);
  guint64 last;
  g_autoptr (GPtrArray) denials = tessera_deny_tail_list (tail, self->cursor, PAGE, &last);

  if (denials == NULL || denials->len == PAGE)
    return FALSE;
  if (!put_all (self, denials))
    return TRUE;
  self->cursor = MAX (self->cursor, last);
  mark (self, boottime_ms, time_ms);
  return TRUE;
}

static void
begin_pull (TesseraSharing *self)
{
  self->again = self->pull != NULL;
  if (self->again || (self->loaded && read_tail (self)))
    return;
  self->pull = g_new0 (Pull, 1);
  self->pull->sharing = self;
  self->pull->since = self->cursor;
  self->pull->boottime_ms = tessera_boottime_get_ms ();
  self->pull->time_ms = get_now (self);
  tessera_committer_submit (self->server->engine.committer, run_pull, on_pulled, self->pull);
}

/* Nothing to follow as long as nobody has asked again after it had ended. */
static gboolean
is_followed (TesseraSharing *self)
{
  return self->loaded || !g_queue_is_empty (&self->waiting);
}

static void
on_changed (TesseraSharing *self)
{
  if (is_followed (self))
    begin_pull (self);
}

/* The generation is asked after the time: what it does not count was not durable then. */
static gboolean
on_tick (gpointer data)
{
  TesseraSharing *self = data;
  gint64 boottime_ms = tessera_boottime_get_ms ();
  gint64 time_ms = get_now (self);

  if (!self->loaded)
    return G_SOURCE_CONTINUE;
  if (self->previous.table != NULL && boottime_ms - self->moved_ms >= OLD_PLACE_MS)
    place_end (&self->previous);
  if (self->next.table == NULL)
    tessera_shared_table_sweep (self->current.table, &self->swept, SWEPT_AT_ONCE, time_ms);
  if (self->pull == NULL && tessera_server_get_generation (self->server) == self->cursor)
    mark (self, boottime_ms, time_ms);
  else
    begin_pull (self);
  return G_SOURCE_CONTINUE;
}

TesseraSharing *
tessera_sharing_new (TesseraServer *server)
{
  TesseraSharing *self = g_new0 (TesseraSharing, 1);

  self->server = server;
  g_queue_init (&self->waiting);
  self->tick = g_timeout_source_new (1000);
  g_source_set_priority (self->tick, G_PRIORITY_HIGH);
  attach (self, self->tick, on_tick, "tessera-sharing-mark");
  self->changed = g_signal_connect_swapped (server, "changed", G_CALLBACK (on_changed), self);
  return self;
}

void
tessera_sharing_free (TesseraSharing *self)
{
  g_autoptr (GError) error = new_unavailable ("The server was closed");

  g_clear_signal_handler (&self->changed, self->server);
  clear_source (&self->tick);
  if (self->pull != NULL)
    self->pull->sharing = NULL;
  end_all (self, error);
  g_free (self);
}

void
tessera_sharing_await (TesseraSharing *self, GTask *task)
{
  if (self->loaded)
    {
      return_fd (self, task);
      return;
    }
  g_queue_push_tail (&self->waiting, task);
  if (self->pull == NULL)
    begin_pull (self);
}

/* For the application */

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraServer *self = TESSERA_SERVER (source);
  GTask *task = data;
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  if (self->sharing == NULL)
    self->sharing = tessera_sharing_new (self);
  tessera_sharing_await (self->sharing, task);
}

/**
 * tessera_server_share_denials_async:
 * @self: a server
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the descriptor
 * @user_data: for @callback
 *
 * Shares the deny-list with other processes of the machine: gives a file descriptor of memory that
 * is kept right from now on, which a [class@SharedList] in the other process reads. Nobody but the
 * server can write to it. It has the durable entries, as salted digests, and a mark that is renewed
 * each second. When the server is closed, readers see that it has ended.
 *
 * Who can read the descriptor is decided by whom it is handed to.
 */
void
tessera_server_share_denials_async (TesseraServer *self,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_server_share_denials_async);
  /* An answer that is lost would be a descriptor that is. */
  g_task_set_check_cancellable (task, FALSE);
  tessera_server_wait_ready_async (self, cancellable, on_ready, task);
}

/**
 * tessera_server_share_denials_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.share_denials_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, also when the list is too long to be shared (some
 * two million entries); those of %G_FILE_ERROR.
 *
 * Returns: a file descriptor, the caller's to close; or -1
 */
int
tessera_server_share_denials_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), -1);
  g_return_val_if_fail (g_task_is_valid (result, self), -1);
  return (int) g_task_propagate_int (G_TASK (result), error);
}
