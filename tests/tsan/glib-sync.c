/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tells ThreadSanitizer what GLib's locks and hand-overs order. GLib is not built with it, and its
 * locks are futexes, so that it would take everything they guard for a race. Preloaded; it calls
 * GLib's own functions and says what was acquired or released. */

#include <dlfcn.h>
#include <glib-object.h>

void __tsan_acquire (void *address);
void __tsan_release (void *address);
void __tsan_read8_pc (void *address, void *caller);
void __tsan_write8_pc (void *address, void *caller);

/* GLib's function of that name. */
#define REAL(name)                                                                                 \
  ({                                                                                               \
    static __typeof__ (name) *real;                                                                \
    if (real == NULL)                                                                              \
      real = (__typeof__ (name) *) dlsym (RTLD_NEXT, #name);                                       \
    real;                                                                                          \
  })

#define LOCK(name, type)                                                                           \
  void name (type *lock)                                                                           \
  {                                                                                                \
    REAL (name) (lock);                                                                            \
    __tsan_acquire (lock);                                                                         \
  }
#define TRYLOCK(name, type)                                                                        \
  gboolean name (type *lock)                                                                       \
  {                                                                                                \
    gboolean taken = REAL (name) (lock);                                                           \
    if (taken)                                                                                     \
      __tsan_acquire (lock);                                                                       \
    return taken;                                                                                  \
  }
#define UNLOCK(name, type)                                                                         \
  void name (type *lock)                                                                           \
  {                                                                                                \
    __tsan_release (lock);                                                                         \
    REAL (name) (lock);                                                                            \
  }

LOCK (g_mutex_lock, GMutex)
TRYLOCK (g_mutex_trylock, GMutex)
UNLOCK (g_mutex_unlock, GMutex)
LOCK (g_rec_mutex_lock, GRecMutex)
TRYLOCK (g_rec_mutex_trylock, GRecMutex)
UNLOCK (g_rec_mutex_unlock, GRecMutex)
LOCK (g_rw_lock_writer_lock, GRWLock)
TRYLOCK (g_rw_lock_writer_trylock, GRWLock)
UNLOCK (g_rw_lock_writer_unlock, GRWLock)
LOCK (g_rw_lock_reader_lock, GRWLock)
TRYLOCK (g_rw_lock_reader_trylock, GRWLock)
UNLOCK (g_rw_lock_reader_unlock, GRWLock)

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  __tsan_release (mutex);
  gboolean signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

#undef g_once_init_enter
#undef g_once_init_leave

gboolean
g_once_init_enter (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);

  if (!first)
    __tsan_acquire ((void *) location);
  return first;
}

void
g_once_init_leave (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

/* Counted references: whoever drops the last one comes after all others. */
#define UNREF(name, type)                                                                          \
  void name (type *object)                                                                         \
  {                                                                                                \
    __tsan_release (object);                                                                       \
    __tsan_acquire (object);                                                                       \
    REAL (name) (object);                                                                          \
  }

#undef g_object_unref
#undef g_object_ref
void g_object_unref (gpointer object);

UNREF (g_object_unref, void)
UNREF (g_bytes_unref, GBytes)
UNREF (g_ptr_array_unref, GPtrArray)
UNREF (g_hash_table_unref, GHashTable)

/* What GLib does to a container ThreadSanitizer does not see: whoever asks reads it, whoever puts
 * something in or takes it out writes it. */
#define TELLS(does, type, name, parameters, arguments)                                             \
  type name parameters                                                                             \
  {                                                                                                \
    __tsan_##does##8_pc(of, __builtin_return_address (0));                                         \
    return REAL (name) arguments;                                                                  \
  }

TELLS (read, gpointer, g_hash_table_lookup, (GHashTable * of, gconstpointer k), (of, k))
TELLS (read, gboolean, g_hash_table_contains, (GHashTable * of, gconstpointer k), (of, k))
TELLS (read, guint, g_hash_table_size, (GHashTable * of), (of))
TELLS (read, void, g_hash_table_iter_init, (GHashTableIter * i, GHashTable *of), (i, of))
TELLS (write, gboolean, g_hash_table_insert, (GHashTable * of, gpointer k, gpointer v), (of, k, v))
TELLS (write, gboolean, g_hash_table_replace, (GHashTable * of, gpointer k, gpointer v), (of, k, v))
TELLS (write, gboolean, g_hash_table_add, (GHashTable * of, gpointer k), (of, k))
TELLS (write, gboolean, g_hash_table_remove, (GHashTable * of, gconstpointer k), (of, k))
TELLS (write, gboolean, g_hash_table_steal, (GHashTable * of, gconstpointer k), (of, k))
TELLS (write, void, g_hash_table_remove_all, (GHashTable * of), (of))
TELLS (write, void, g_ptr_array_add, (GPtrArray * of, gpointer v), (of, v))
TELLS (write, gboolean, g_ptr_array_remove, (GPtrArray * of, gpointer v), (of, v))
TELLS (write, gpointer, g_ptr_array_remove_index, (GPtrArray * of, guint i), (of, i))
TELLS (write, gpointer, g_ptr_array_steal_index, (GPtrArray * of, guint i), (of, i))
TELLS (write, void, g_ptr_array_set_size, (GPtrArray * of, int n), (of, n))
TELLS (write, void, g_queue_push_head, (GQueue * of, gpointer v), (of, v))
TELLS (write, void, g_queue_push_tail, (GQueue * of, gpointer v), (of, v))
TELLS (write, void, g_queue_push_tail_link, (GQueue * of, GList *l), (of, l))
TELLS (write, void, g_queue_unlink, (GQueue * of, GList *l), (of, l))
TELLS (read, gpointer, g_queue_peek_head, (GQueue * of), (of))
TELLS (write, gpointer, g_queue_pop_head, (GQueue * of), (of))
TELLS (write, gpointer, g_queue_pop_tail, (GQueue * of), (of))

/* What is handed to another thread, with the function that gets it there. */
typedef struct
{
  GSourceFunc function;
  gpointer data;
  GDestroyNotify notify;
} Parcel;

static gboolean
open_parcel (gpointer data)
{
  Parcel *parcel = data;

  __tsan_acquire (parcel);
  return parcel->function (parcel->data);
}

static void
drop_parcel (gpointer data)
{
  Parcel *parcel = data;

  __tsan_acquire (parcel);
  if (parcel->notify != NULL)
    parcel->notify (parcel->data);
  g_free (parcel);
}

static GMutex lock;
static GHashTable *plain_sources; /* of idle and timeout: their callbacks take the data alone;
                                   * GSource* -> Parcel*, or NULL */

static GSource *
note (GSource *source)
{
  REAL (g_mutex_lock) (&lock);
  if (plain_sources == NULL)
    plain_sources = g_hash_table_new (NULL, NULL);
  REAL (g_hash_table_insert) (plain_sources, source, NULL);
  REAL (g_mutex_unlock) (&lock);
  return source;
}

/* Where a plain one was that was never attached there may be another by now. */
static GSource *
forget (GSource *source)
{
  REAL (g_mutex_lock) (&lock);
  if (plain_sources != NULL)
    REAL (g_hash_table_remove) (plain_sources, source);
  REAL (g_mutex_unlock) (&lock);
  return source;
}

GSource *
g_idle_source_new (void)
{
  return note (REAL (g_idle_source_new) ());
}

GSource *
g_timeout_source_new (guint interval)
{
  return note (REAL (g_timeout_source_new) (interval));
}

GSource *
g_timeout_source_new_seconds (guint interval)
{
  return note (REAL (g_timeout_source_new_seconds) (interval));
}

void
g_source_set_callback (GSource *source, GSourceFunc function, gpointer data, GDestroyNotify notify)
{
  REAL (g_mutex_lock) (&lock);
  gboolean is_plain = plain_sources != NULL && REAL (g_hash_table_contains) (plain_sources, source);
  Parcel *parcel = is_plain ? g_new (Parcel, 1) : NULL;
  if (is_plain)
    REAL (g_hash_table_insert) (plain_sources, source, parcel);
  REAL (g_mutex_unlock) (&lock);
  if (!is_plain)
    {
      REAL (g_source_set_callback) (source, function, data, notify);
      return;
    }
  *parcel = (Parcel){ function, data, notify };
  REAL (g_source_set_callback) (source, open_parcel, parcel, drop_parcel);
}

guint
g_source_attach (GSource *source, GMainContext *context)
{
  Parcel *parcel = NULL;

  REAL (g_mutex_lock) (&lock);
  if (plain_sources != NULL)
    parcel = REAL (g_hash_table_lookup) (plain_sources, source);
  if (parcel != NULL)
    REAL (g_hash_table_remove) (plain_sources, source);
  REAL (g_mutex_unlock) (&lock);
  if (parcel != NULL)
    __tsan_release (parcel);
  __tsan_release (source);
  return REAL (g_source_attach) (source, context);
}

/* Sources of other kinds, with functions of their own: what was written before they were attached,
 * those see, for both take the lock of the context. */
typedef struct
{
  GSourceFuncs ours;
  const GSourceFuncs *theirs;
} Kind;

static const GSourceFuncs *
enter (GSource *source)
{
  __tsan_acquire (source);
  return ((const Kind *) source->source_funcs)->theirs;
}

static gboolean
on_prepare (GSource *source, int *timeout)
{
  return enter (source)->prepare (source, timeout);
}

static gboolean
on_check (GSource *source)
{
  return enter (source)->check (source);
}

static gboolean
on_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return enter (source)->dispatch (source, callback, data);
}

/* One a source, never freed. */
GSource *
g_source_new (GSourceFuncs *theirs, guint size)
{
  Kind *kind = g_new (Kind, 1);

  *kind = (Kind){ *theirs, theirs };
  if (theirs->prepare != NULL)
    kind->ours.prepare = on_prepare;
  if (theirs->check != NULL)
    kind->ours.check = on_check;
  if (theirs->dispatch != NULL)
    kind->ours.dispatch = on_dispatch;
  return forget (REAL (g_source_new) (&kind->ours, size));
}

/* What one thread puts into a queue, another takes out. */
void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  __tsan_release (data);
  REAL (g_async_queue_push) (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
  gpointer data = REAL (g_async_queue_pop) (queue);

  __tsan_acquire (data);
  return data;
}

typedef struct
{
  GFunc function;
  gpointer data;
} Pool;

static void
run_in_pool (gpointer work, gpointer data)
{
  Pool *pool = data;

  __tsan_acquire (work);
  pool->function (work, pool->data);
  __tsan_release (&lock); /* for who waits for the end of a pool */
}

/* One a process, never freed: a pool lives as long as what owns it. */
GThreadPool *
g_thread_pool_new (
    GFunc function, gpointer data, gint max_threads, gboolean exclusive, GError **error)
{
  Pool *pool = g_new (Pool, 1);

  *pool = (Pool){ function, data };
  __tsan_release (pool);
  return REAL (g_thread_pool_new) (run_in_pool, pool, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer work, GError **error)
{
  __tsan_release (work);
  return REAL (g_thread_pool_push) (pool, work, error);
}

void
g_thread_pool_free (GThreadPool *pool, gboolean immediate, gboolean wait)
{
  REAL (g_thread_pool_free) (pool, immediate, wait);
  if (wait)
    __tsan_acquire (&lock);
}
