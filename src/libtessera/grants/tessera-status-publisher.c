/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status List Tokens: drawn up, signed, kept (Token Status List §5.1, §13.7). */

#include "grants/tessera-status-publisher-private.h"

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"
#include "jose/tessera-jwt-private.h"

#include <string.h>

#define SAVE_INTERVAL_US G_USEC_PER_SEC
#define REST_LEAST_US 1000
#define REST_MOST_US (100 * 1000)
#define TTLS_TO_EXPIRY 3 /* kept for one, believed for one, and one for clocks that differ */

/* A list that was signed, and what it was drawn up from. Immutable. */
typedef struct
{
  gint ref_count;
  GBytes *token;
  char *etag;
  char *kid;
  char *uri;
  guint ttl;
  gint64 signed_ms;
  gint64 ends_ms; /* of its tokens */
  TesseraStatusList *list;
  guint64 generation; /* of the deny-list */
  guint count;        /* of tokens with a place */
} Signed;

typedef struct
{
  TesseraStatusPublished published;
  gpointer data;
} Waiter;

/* A list that is wanted. */
typedef struct
{
  TesseraStatusPublisher *publisher;
  char *name;
  char *uri;
  char *issuer;
  char *aggregation_uri;
  TesseraAlgorithm algorithm;
  guint ttl;
  GArray *waiters; /* Waiter */
  Signed *result;  /* NULL: there is no such list, or error */
  GError *error;
  GSource *told;
} Job;

struct _TesseraStatusPublisher
{
  TesseraStatusLists *lists;
  TesseraDenyList *deny_list;
  TesseraKeyRing *keys;
  TesseraClock *clock;
  GMainContext *context;
  GHashTable *jobs; /* Job*: those whose waiters were not told yet */
  GThread *thread;  /* NULL until it is needed */
  gint active;      /* atomic: the thread looks by itself, every second */

  GMutex mutex; /* over what follows */
  GCond called;
  gboolean closing;
  GQueue wanted;    /* Job*: not begun */
  GHashTable *kept; /* char *name -> Signed */
};

static Signed *
signed_ref (Signed *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

static void
signed_unref (Signed *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_bytes_unref (self->token);
  g_free (self->etag);
  g_free (self->kid);
  g_free (self->uri);
  tessera_status_list_free (self->list);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Signed, signed_unref)

static void
job_free (Job *self)
{
  g_free (self->name);
  g_free (self->uri);
  g_free (self->issuer);
  g_free (self->aggregation_uri);
  g_array_unref (self->waiters);
  g_clear_pointer (&self->result, signed_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->told, g_source_unref);
  g_free (self);
}

TesseraStatusPublisher *
tessera_status_publisher_new (TesseraStatusLists *lists,
                              TesseraDenyList *deny_list,
                              TesseraKeyRing *keys,
                              TesseraClock *clock)
{
  TesseraStatusPublisher *self = g_new0 (TesseraStatusPublisher, 1);
  TesseraStatusListsFigures figures;

  self->lists = lists;
  self->deny_list = deny_list;
  self->keys = keys;
  self->clock = clock;
  self->context = g_main_context_ref_thread_default ();
  self->jobs = g_hash_table_new (NULL, NULL);
  self->kept
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) signed_unref);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->called);
  g_queue_init (&self->wanted);
  tessera_status_lists_get_figures (lists, &figures);
  if (figures.lists > 0)
    tessera_status_publisher_wake (self);
  return self;
}

char *
tessera_status_publisher_dup_uri (const TesseraSettings *settings, const char *name)
{
  return g_strconcat (settings->issuer, settings->status_list_path, "/", name, NULL);
}

/* Telling. On the main loop. */

static gint64
get_fresh_ms (TesseraStatusPublisher *self, const Signed *list)
{
  return list->signed_ms + (gint64) list->ttl * 1000 - tessera_clock_get_ms (self->clock);
}

static void
tell (TesseraStatusPublisher *self, const Waiter *waiter, const Signed *list, const GError *error)
{
  TesseraPublishedList published = { 0 };

  if (list == NULL)
    {
      waiter->published (NULL, error, waiter->data);
      return;
    }
  published.token = list->token;
  published.etag = list->etag;
  published.max_age = (guint) (MAX (get_fresh_ms (self, list), 0) / 1000);
  waiter->published (&published, NULL, waiter->data);
}

static void
job_tell (Job *job)
{
  TesseraStatusPublisher *self = job->publisher;

  g_hash_table_steal (self->jobs, job);
  for (guint i = 0; i < job->waiters->len; i++)
    tell (self, &g_array_index (job->waiters, Waiter, i), job->result, job->error);
  job_free (job);
}

static gboolean
on_job_done (gpointer data)
{
  job_tell (data);
  return G_SOURCE_REMOVE;
}

/* Signing. In the thread. */

static char *
make_claims (const Job *job, const TesseraStatusList *list, gint64 now_ms)
{
  g_autofree char *lst = tessera_status_list_encode (list);
  g_autoptr (json_t) claims
      = json_pack ("{s:s, s:s, s:I, s:I, s:I, s:{s:i, s:s, s:s}}", "iss", job->issuer, "sub",
                   job->uri, "iat", (json_int_t) (now_ms / 1000), "exp",
                   (json_int_t) (now_ms / 1000 + (gint64) job->ttl * TTLS_TO_EXPIRY), "ttl",
                   (json_int_t) job->ttl, "status_list", "bits",
                   tessera_status_list_get_bits (list), "lst", lst, "aggregation_uri",
                   job->aggregation_uri);

  return tessera_json_dump (claims);
}

static char *
make_etag (const char *token, gsize length)
{
  TesseraDigest digest = tessera_digest (token, (gssize) length);
  g_autofree char *text = tessera_base64url_encode (digest.bytes, 16);

  return g_strconcat ("\"", text, "\"", NULL);
}

/* Takes @list. */
static Signed *
sign (TesseraStatusPublisher *self,
      const Job *job,
      TesseraKey *key,
      TesseraStatusList *list,
      GError **error)
{
  gint64 now_ms = tessera_clock_get_ms (self->clock);
  g_autofree char *claims = make_claims (job, list, now_ms);
  char *token = tessera_jwt_sign_text (key, TESSERA_STATUS_LIST_TYPE, claims, error);

  if (token == NULL)
    {
      tessera_status_list_free (list);
      return NULL;
    }
  Signed *result = g_new0 (Signed, 1);
  result->ref_count = 1;
  result->token = g_bytes_new_take (token, strlen (token));
  result->etag = make_etag (token, strlen (token));
  result->kid = g_strdup (tessera_key_get_id (key));
  result->uri = g_strdup (job->uri);
  result->ttl = job->ttl;
  result->signed_ms = now_ms;
  result->list = list;
  return result;
}

static Signed *
dup_kept (TesseraStatusPublisher *self, const char *name)
{
  g_mutex_lock (&self->mutex);
  Signed *kept = g_hash_table_lookup (self->kept, name);
  if (kept != NULL)
    signed_ref (kept);
  g_mutex_unlock (&self->mutex);
  return kept;
}

/* The same text as before, which says what @list says. */
static Signed *
sign_again (const Signed *kept)
{
  Signed *result = g_new0 (Signed, 1);

  result->ref_count = 1;
  result->token = g_bytes_ref (kept->token);
  result->etag = g_strdup (kept->etag);
  result->kid = g_strdup (kept->kid);
  result->uri = g_strdup (kept->uri);
  result->ttl = kept->ttl;
  result->signed_ms = kept->signed_ms;
  return result;
}

static gboolean
may_stay (TesseraStatusPublisher *self, const Job *job, const Signed *kept, const char *kid)
{
  return strcmp (kept->kid, kid) == 0 && strcmp (kept->uri, job->uri) == 0 && kept->ttl == job->ttl
         && get_fresh_ms (self, kept) > 0;
}

/* NULL with an error. Takes @list. */
static Signed *
sign_or_keep (TesseraStatusPublisher *self, const Job *job, TesseraStatusList *list, GError **error)
{
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (self->keys, job->algorithm);
  Signed *kept = dup_kept (self, job->name);
  Signed *result = NULL;

  if (key == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR,
                           "There is no signing key");
      tessera_status_list_free (list);
    }
  else if (kept != NULL && may_stay (self, job, kept, tessera_key_get_id (key))
           && tessera_status_list_equal (kept->list, list))
    {
      result = sign_again (kept);
      result->list = list;
    }
  else
    result = sign (self, job, key, list, error);
  g_clear_pointer (&kept, signed_unref);
  return result;
}

static void
keep (TesseraStatusPublisher *self, const Job *job)
{
  g_mutex_lock (&self->mutex);
  if (job->result != NULL)
    g_hash_table_replace (self->kept, g_strdup (job->name), signed_ref (job->result));
  else
    g_hash_table_remove (self->kept, job->name);
  g_mutex_unlock (&self->mutex);
}

/* What is durable now is in the list that is drawn up after asking how far that goes. */
static void
job_run (Job *job)
{
  TesseraStatusPublisher *self = job->publisher;
  guint64 generation = tessera_deny_list_get_generation (self->deny_list);
  guint count = 0;
  g_autoptr (TesseraStatusShard) shard
      = tessera_status_lists_lookup (self->lists, job->name, &count);

  if (shard != NULL)
    job->result
        = sign_or_keep (self, job, tessera_status_shard_draw_up (shard, count, self->deny_list),
                        &job->error);
  if (job->result != NULL)
    {
      job->result->generation = generation;
      job->result->count = count;
      job->result->ends_ms = tessera_status_shard_get_end (shard);
    }
  keep (self, job);

  job->told = g_idle_source_new ();
  g_source_set_priority (job->told, G_PRIORITY_DEFAULT);
  g_source_set_callback (job->told, on_job_done, job, NULL);
  g_source_attach (job->told, self->context);
}

/* The thread. */

static gboolean
is_over (gpointer name, gpointer value, gpointer now_ms)
{
  return ((const Signed *) value)->ends_ms < *(const gint64 *) now_ms;
}

static void
save (TesseraStatusPublisher *self)
{
  gint64 now_ms = tessera_clock_get_ms (self->clock);

  g_atomic_int_set (&self->active, FALSE); /* first: what is reserved from now on wakes again */
  if (tessera_status_lists_save (self->lists))
    g_atomic_int_set (&self->active, TRUE);
  g_mutex_lock (&self->mutex);
  g_hash_table_foreach_remove (self->kept, is_over, &now_ms);
  g_mutex_unlock (&self->mutex);
}

/* Lists are public: however many ask, and however much is revoked, half of the time is left. */
static void
rest (gint64 began_us)
{
  gint64 took = g_get_monotonic_time () - began_us;

  if (took >= REST_LEAST_US)
    g_usleep ((gulong) MIN (took, REST_MOST_US));
}

/* With the lock. FALSE: it is over. */
static gboolean
wait_for_work (TesseraStatusPublisher *self, gint64 save_us)
{
  while (!self->closing && self->wanted.length == 0)
    {
      gint64 until_us = g_atomic_int_get (&self->active) ? save_us : G_MAXINT64;

      if (!g_cond_wait_until (&self->called, &self->mutex, until_us))
        break;
    }
  return !self->closing;
}

static gpointer
publisher_thread (gpointer data)
{
  TesseraStatusPublisher *self = data;
  gint64 save_us = g_get_monotonic_time () + SAVE_INTERVAL_US;

  g_mutex_lock (&self->mutex);
  while (wait_for_work (self, save_us))
    {
      Job *job = g_queue_pop_head (&self->wanted);
      g_mutex_unlock (&self->mutex);
      gint64 now_us = g_get_monotonic_time ();
      if (job != NULL)
        {
          job_run (job);
          rest (now_us);
        }
      if (g_atomic_int_get (&self->active) && g_get_monotonic_time () >= save_us)
        {
          save (self);
          save_us = g_get_monotonic_time () + SAVE_INTERVAL_US;
        }
      g_mutex_lock (&self->mutex);
    }
  g_mutex_unlock (&self->mutex);
  return NULL;
}

static void
call (TesseraStatusPublisher *self)
{
  g_mutex_lock (&self->mutex);
  if (self->thread == NULL)
    self->thread = g_thread_new ("tessera-status", publisher_thread, self);
  g_cond_signal (&self->called);
  g_mutex_unlock (&self->mutex);
}

void
tessera_status_publisher_wake (TesseraStatusPublisher *self)
{
  if (g_atomic_int_compare_and_exchange (&self->active, FALSE, TRUE))
    call (self);
}

void
tessera_status_publisher_free (TesseraStatusPublisher *self)
{
  g_mutex_lock (&self->mutex);
  self->closing = TRUE;
  g_cond_signal (&self->called);
  g_mutex_unlock (&self->mutex);
  g_clear_pointer (&self->thread, g_thread_join);
  tessera_status_lists_close (self->lists);

  g_autoptr (GList) jobs = g_hash_table_get_keys (self->jobs);
  for (GList *l = jobs; l != NULL; l = l->next)
    {
      Job *job = l->data;
      if (job->told != NULL)
        g_source_destroy (job->told);
      else
        g_set_error_literal (&job->error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                             "The server was closed");
      job_tell (job);
    }
  g_hash_table_unref (self->jobs);
  g_hash_table_unref (self->kept);
  g_queue_clear (&self->wanted);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->called);
  g_free (self);
}

/* Asking. */

/* Nothing has changed since, and its key can still be found. */
static gboolean
is_good (TesseraStatusPublisher *self,
         const TesseraSettings *settings,
         const char *name,
         const char *uri,
         const Signed *kept)
{
  guint count = 0;
  g_autoptr (TesseraStatusShard) shard = tessera_status_lists_lookup (self->lists, name, &count);
  g_autoptr (TesseraKey) key = tessera_key_ring_lookup (self->keys, kept->kid);

  return shard != NULL && key != NULL && count == kept->count
         && tessera_deny_list_get_generation (self->deny_list) == kept->generation
         && settings->status_list_ttl == kept->ttl && strcmp (uri, kept->uri) == 0
         && get_fresh_ms (self, kept) > 0;
}

static Job *
job_new (TesseraStatusPublisher *self,
         const TesseraSettings *settings,
         const char *name,
         const char *uri)
{
  Job *job = g_new0 (Job, 1);

  job->publisher = self;
  job->name = g_strdup (name);
  job->uri = g_strdup (uri);
  job->issuer = g_strdup (settings->issuer);
  job->aggregation_uri = tessera_settings_dup_url (settings, settings->status_list_path);
  job->algorithm = settings->signing_algorithm;
  job->ttl = settings->status_list_ttl;
  job->waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_hash_table_add (self->jobs, job);
  return job;
}

/* With the lock. One that was not begun sees all that happened until now. */
static Job *
find_wanted (TesseraStatusPublisher *self, const char *name, const char *uri)
{
  for (GList *l = self->wanted.head; l != NULL; l = l->next)
    {
      Job *job = l->data;
      if (strcmp (job->name, name) == 0 && strcmp (job->uri, uri) == 0)
        return job;
    }
  return NULL;
}

static void
want (TesseraStatusPublisher *self,
      const TesseraSettings *settings,
      const char *name,
      const char *uri,
      const Waiter *waiter)
{
  g_mutex_lock (&self->mutex);
  Job *job = find_wanted (self, name, uri);
  if (job == NULL)
    {
      job = job_new (self, settings, name, uri);
      g_queue_push_tail (&self->wanted, job);
    }
  g_array_append_val (job->waiters, *waiter);
  g_mutex_unlock (&self->mutex);
  call (self);
}

void
tessera_status_publisher_publish (TesseraStatusPublisher *self,
                                  const TesseraSettings *settings,
                                  const char *name,
                                  TesseraStatusPublished published,
                                  gpointer data)
{
  Waiter waiter = { published, data };
  guint count;
  g_autofree char *uri = tessera_status_publisher_dup_uri (settings, name);
  g_autoptr (TesseraStatusShard) shard = tessera_status_lists_lookup (self->lists, name, &count);
  g_autoptr (Signed) kept = shard != NULL ? dup_kept (self, name) : NULL;

  if (shard == NULL)
    tell (self, &waiter, NULL, NULL);
  else if (kept != NULL && is_good (self, settings, name, uri, kept))
    tell (self, &waiter, kept, NULL);
  else
    want (self, settings, name, uri, &waiter);
}
