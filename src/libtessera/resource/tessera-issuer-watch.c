/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a resource server knows of an issuer elsewhere, kept right in a thread of its own.
 *
 * One document is asked for at a time; what is due next is looked for at each tick, by the time
 * that has elapsed, which nobody can set. */

#include "resource/tessera-issuer-watch-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "base/tessera-uri-private.h"
#include "resource/tessera-feed-follower-private.h"
#include "resource/tessera-fetch-private.h"
#include "resource/tessera-issuer-metadata-private.h"

#define SEEN_TOKENS 262144 /* 10 MiB, touched as they fill */
#define KEPT_TEXTS 4096    /* of 2 KiB at most */
#define MAX_AGE_LEAST_S 60
#define RETRY_MOST_S 60
#define WAIT_MS (30 * 1000)
#define WAITING_MAX 4096
#define PRUNE_MS (10 * 1000)
#define SAME_MS 100 /* two looks at one moment differ by less */
#define NEVER G_MAXINT64

typedef struct
{
  void (*func) (gpointer data);
  gpointer data;
  gboolean want_keys;
  gint64 until_ms;
} Waiting;

struct _TesseraIssuerWatch
{
  char *issuer;
  gboolean follow;
  char *client_id;
  char *secret;
  char *snapshot_uri;
  gint64 max_staleness_ms;
  GTlsDatabase *tls_database;
  TesseraIssuerWatchFuncs funcs;
  gpointer data;
  GDestroyNotify destroy;
  TesseraDenyReplica *replica; /* or NULL */

  GRWLock lock; /* over what follows */
  TesseraIssuerTrust *trust;
  char *problem;      /* with the keys, or NULL */
  char *list_problem; /* with the deny-list, or NULL */
  gboolean failed;    /* the attempt before was in vain */
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;

  gint64 next_unknown_ms; /* atomic: keys are not asked for because of an unknown one before */
  gint n_key_requests;    /* atomic */

  /* The thread's own: */
  SoupSession *session;
  TesseraFeedFollower *follower;
  TesseraIssuerMetadata *metadata;
  TesseraFetch *fetch;
  GQueue waiting; /* Waiting* */
  gint64 due_ms;  /* when to ask again */
  gint64 keys_end_ms;
  gint64 prune_ms;
  gint64 list_problem_ms;
  guint n_failures;
  gboolean needs_metadata; /* again, before keys are asked for */
  gboolean is_following;   /* the list that the metadata names */
  gboolean was_ready;
  gint64 told_stale_ms;
};

/* Trust. */

static void
clear_seen (gpointer seen)
{
  tessera_seen_tokens_free (*(TesseraSeenTokens **) seen);
}

void
tessera_issuer_trust_unref (TesseraIssuerTrust *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  tessera_key_set_unref (self->keys);
  g_atomic_rc_box_release_full (self->seen, clear_seen);
  g_free (self);
}

/* What was seen counts on only where all the keys are still there, the very same. */
static TesseraIssuerTrust *
trust_new (TesseraKeySet *keys, TesseraIssuerTrust *before)
{
  TesseraIssuerTrust *self = g_new0 (TesseraIssuerTrust, 1);

  self->ref_count = 1;
  self->keys = tessera_key_set_ref (keys);
  if (before != NULL && tessera_key_set_is_within (before->keys, keys))
    {
      self->seen = g_atomic_rc_box_acquire (before->seen);
      return self;
    }
  self->seen = g_atomic_rc_box_new0 (TesseraSeenTokens *);
  *self->seen = tessera_seen_tokens_new (SEEN_TOKENS);
  tessera_seen_tokens_keep_texts (*self->seen, KEPT_TEXTS);
  return self;
}

TesseraIssuerWatch *
tessera_issuer_watch_new (const TesseraIssuerWatchTerms *terms,
                          TesseraClock *clock,
                          const TesseraIssuerWatchFuncs *funcs,
                          gpointer data,
                          GDestroyNotify destroy)
{
  TesseraIssuerWatch *self = g_new0 (TesseraIssuerWatch, 1);

  self->issuer = g_strdup (terms->issuer);
  self->follow = terms->follow;
  self->client_id = g_strdup (terms->client_id);
  self->secret = g_strdup (terms->secret);
  self->snapshot_uri = g_strdup (terms->snapshot_uri);
  self->max_staleness_ms = terms->max_staleness_s * G_GINT64_CONSTANT (1000);
  g_set_object (&self->tls_database, terms->tls_database);
  self->told_stale_ms = G_MININT64;
  self->funcs = *funcs;
  self->data = data;
  self->destroy = destroy;
  self->replica = terms->follow ? tessera_deny_replica_new (clock) : NULL;
  g_rw_lock_init (&self->lock);
  g_queue_init (&self->waiting);
  return self;
}

void
tessera_issuer_watch_free (TesseraIssuerWatch *self)
{
  tessera_issuer_watch_stop (self);
  self->destroy (self->data);
  tessera_deny_replica_free (self->replica);
  tessera_issuer_trust_unref (self->trust);
  g_clear_object (&self->tls_database);
  g_clear_pointer (&self->metadata, tessera_issuer_metadata_free);
  g_rw_lock_clear (&self->lock);
  tessera_secret_free (self->secret);
  g_free (self->issuer);
  g_free (self->client_id);
  g_free (self->snapshot_uri);
  g_free (self->problem);
  g_free (self->list_problem);
  g_free (self);
}

/* Asking. */

static gboolean
is_known (TesseraIssuerWatch *self)
{
  return self->trust != NULL
         && (self->replica == NULL || tessera_deny_replica_is_loaded (self->replica));
}

TesseraIssuerTrust *
tessera_issuer_watch_dup_trust (TesseraIssuerWatch *self, GError **error)
{
  TesseraIssuerTrust *trust = NULL;

  g_rw_lock_reader_lock (&self->lock);
  if (self->thread != NULL && is_known (self))
    {
      trust = self->trust;
      g_atomic_int_inc (&trust->ref_count);
    }
  g_rw_lock_reader_unlock (&self->lock);
  if (trust == NULL)
    g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                         self->follow ? "The keys and the deny-list of the issuer are not known now"
                                      : "The keys of the issuer are not known now");
  return trust;
}

gboolean
tessera_issuer_watch_is_settled (TesseraIssuerWatch *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gboolean settled = self->failed || is_known (self);
  g_rw_lock_reader_unlock (&self->lock);
  return settled;
}

char *
tessera_issuer_watch_dup_problem (TesseraIssuerWatch *self)
{
  g_rw_lock_reader_lock (&self->lock);
  char *problem = g_strdup (self->problem != NULL ? self->problem : self->list_problem);
  g_rw_lock_reader_unlock (&self->lock);
  return problem;
}

TesseraDenyReplica *
tessera_issuer_watch_get_replica (TesseraIssuerWatch *self)
{
  return self->replica;
}

guint
tessera_issuer_watch_get_key_requests (TesseraIssuerWatch *self)
{
  return (guint) g_atomic_int_get (&self->n_key_requests);
}

/* In the thread: what has become of it. */

static gboolean
is_awaited (TesseraIssuerWatch *self, const Waiting *waiting, gint64 now)
{
  if (now >= waiting->until_ms)
    return FALSE;
  if (is_known (self))
    return waiting->want_keys && self->fetch != NULL;
  return !self->failed;
}

static void
answer_waiting (TesseraIssuerWatch *self, gboolean all)
{
  gint64 now = tessera_clock_get_elapsed_ms ();

  for (guint i = g_queue_get_length (&self->waiting); i > 0; i--)
    {
      Waiting *waiting = g_queue_pop_head (&self->waiting);
      if (!all && is_awaited (self, waiting, now))
        {
          g_queue_push_tail (&self->waiting, waiting);
          continue;
        }
      waiting->func (waiting->data);
      g_free (waiting);
    }
}

/* As what can be told changes. */
static void
tell (TesseraIssuerWatch *self, gboolean changed)
{
  gboolean ready
      = is_known (self)
        && (self->replica == NULL
            || tessera_deny_replica_get_age_ms (self->replica) <= self->max_staleness_ms);

  if (ready != self->was_ready || changed)
    self->funcs.changed (self->data);
  self->was_ready = ready;
  answer_waiting (self, FALSE);
}

/* Said once, until it is something else; whoever sees the problem finds it in the log. */
static void
set_problem (TesseraIssuerWatch *self, char **place, const char *problem)
{
  gboolean is_new = problem != NULL && g_strcmp0 (*place, problem) != 0;
  gboolean is_over = problem == NULL && *place != NULL;

  if (is_new)
    g_warning ("The issuer %s cannot be followed: %s", self->issuer, problem);
  else if (is_over)
    g_message ("The issuer %s can be followed again", self->issuer);
  g_rw_lock_writer_lock (&self->lock);
  g_free (*place);
  *place = g_strdup (problem);
  self->failed = problem != NULL;
  g_rw_lock_writer_unlock (&self->lock);
}

static void
fail (TesseraIssuerWatch *self, const char *problem)
{
  gint64 wait_s = MIN (1 << MIN (self->n_failures, 6), RETRY_MOST_S);

  self->n_failures++;
  self->due_ms = tessera_clock_get_elapsed_ms () + wait_s * 1000;
  self->needs_metadata = TRUE;
  set_problem (self, &self->problem, problem);
  tell (self, TRUE);
}

/* Following the deny-list. */

static TesseraKey *
on_lookup_key (gpointer data, const char *kid)
{
  TesseraIssuerWatch *self = data;
  TesseraKey *key = self->trust != NULL ? tessera_key_set_lookup (self->trust->keys, kid) : NULL;

  if (key != NULL)
    return tessera_key_ref (key);
  tessera_issuer_watch_want_keys (self);
  return NULL;
}

static void
on_list_changed (gpointer data)
{
  TesseraIssuerWatch *self = data;

  set_problem (self, &self->list_problem, NULL);
  tell (self, TRUE);
}

static void
on_list_failed (gpointer data, const GError *error)
{
  TesseraIssuerWatch *self = data;
  g_autofree char *problem = g_strdup_printf ("its deny-list cannot be had: %s", error->message);

  self->list_problem_ms = tessera_clock_get_elapsed_ms ();
  set_problem (self, &self->list_problem, problem);
  tell (self, FALSE);
}

static const TesseraFeedFollowerFuncs follower_funcs
    = { on_lookup_key, on_list_changed, on_list_failed };

static void
follow (TesseraIssuerWatch *self)
{
  const TesseraIssuerMetadata *metadata = self->metadata;
  const TesseraFeedPlaces places = {
    .issuer = self->issuer,
    .token_endpoint = metadata->token_endpoint,
    .snapshot_uri = self->snapshot_uri != NULL ? self->snapshot_uri : metadata->deny_list_uri,
    .events_uri = metadata->deny_list_events,
    .client_id = self->client_id,
    .secret = self->secret,
  };

  if (self->follower == NULL)
    self->follower
        = tessera_feed_follower_new (self->session, self->replica, &follower_funcs, self);
  if (!self->is_following)
    tessera_feed_follower_start (self->follower, &places);
  else
    tessera_feed_follower_keys_changed (self->follower);
  self->is_following = TRUE;
}

/* Keys. */

static void
set_keys (TesseraIssuerWatch *self, TesseraKeySet *keys, guint max_age_s)
{
  gint64 now = tessera_clock_get_elapsed_ms ();
  TesseraIssuerTrust *before = self->trust;
  TesseraIssuerTrust *trust = trust_new (keys, before);

  self->n_failures = 0;
  self->due_ms = now + max_age_s * G_GINT64_CONSTANT (1000);
  self->keys_end_ms = self->due_ms + TESSERA_ISSUER_WATCH_GRACE_S * G_GINT64_CONSTANT (1000);
  g_rw_lock_writer_lock (&self->lock);
  self->trust = trust;
  g_rw_lock_writer_unlock (&self->lock);
  tessera_issuer_trust_unref (before);
  set_problem (self, &self->problem, NULL);
  if (self->follow)
    follow (self);
  tell (self, TRUE);
}

static void
on_keys (GBytes *body, SoupMessage *message, const GError *error, gpointer data)
{
  TesseraIssuerWatch *self = data;
  g_autoptr (TesseraFetch) fetch = g_steal_pointer (&self->fetch);
  g_autoptr (GError) local_error = NULL;
  g_autoptr (TesseraKeySet) keys = NULL;

  if (body != NULL)
    keys = tessera_key_set_parse (g_bytes_get_data (body, NULL), g_bytes_get_size (body),
                                  &local_error);
  if (keys != NULL)
    {
      set_keys (self, keys,
                tessera_fetch_get_max_age (message, MAX_AGE_LEAST_S,
                                           TESSERA_ISSUER_WATCH_MAX_AGE_S));
      return;
    }
  g_autofree char *problem
      = g_strdup_printf ("its keys cannot be had: %s",
                         error != NULL ? error->message : local_error->message);
  fail (self, problem);
}

static void
ask_for_keys (TesseraIssuerWatch *self)
{
  g_atomic_int_inc (&self->n_key_requests);
  self->fetch = tessera_fetch_send (self->session, self->metadata->jwks_uri,
                                    TESSERA_KEY_SET_MAX_LENGTH, on_keys, self);
}

/* Metadata. */

static const char *
find_fault (TesseraIssuerWatch *self, const TesseraIssuerMetadata *metadata)
{
  if (!self->follow)
    return NULL;
  if (metadata->deny_list_events == NULL
      || (metadata->deny_list_uri == NULL && self->snapshot_uri == NULL))
    return "it publishes no deny-list";
  return metadata->token_endpoint == NULL ? "it issues no token to read its deny-list with" : NULL;
}

/* Takes @metadata. */
static void
take_metadata (TesseraIssuerWatch *self, TesseraIssuerMetadata *metadata)
{
  if (self->metadata == NULL || !tessera_issuer_metadata_equal (self->metadata, metadata))
    self->is_following = FALSE;
  g_clear_pointer (&self->metadata, tessera_issuer_metadata_free);
  self->metadata = metadata;
  self->needs_metadata = FALSE;
}

static void
on_metadata (GBytes *body, SoupMessage *message, const GError *error, gpointer data)
{
  TesseraIssuerWatch *self = data;
  g_autoptr (TesseraFetch) fetch = g_steal_pointer (&self->fetch);
  g_autoptr (GError) local_error = NULL;

  g_autoptr (TesseraIssuerMetadata) metadata = NULL;

  if (body != NULL)
    metadata = tessera_issuer_metadata_parse (self->issuer, g_bytes_get_data (body, NULL),
                                              g_bytes_get_size (body), &local_error);
  if (metadata == NULL)
    {
      g_autofree char *problem
          = error != NULL ? g_strdup_printf ("its metadata cannot be had: %s", error->message)
                          : g_strdup (local_error->message);
      fail (self, problem);
      return;
    }
  const char *fault = find_fault (self, metadata);
  if (fault != NULL)
    {
      fail (self, fault);
      return;
    }
  take_metadata (self, g_steal_pointer (&metadata));
  ask_for_keys (self);
}

/* What the application said cannot work, whatever the issuer answers. */
static const char *
find_own_fault (TesseraIssuerWatch *self)
{
  if (!tessera_uri_check_issuer (self->issuer, NULL))
    return "it is neither https nor on a loopback address";
  if (self->follow && (self->client_id == NULL || self->secret == NULL))
    return "there are no credentials to read its deny-list with";
  return NULL;
}

static void
ask (TesseraIssuerWatch *self)
{
  const char *fault = find_own_fault (self);

  self->due_ms = NEVER;
  if (fault != NULL)
    {
      fail (self, fault);
      self->due_ms = NEVER;
      return;
    }
  if (self->metadata != NULL && !self->needs_metadata)
    {
      ask_for_keys (self);
      return;
    }
  g_autofree char *uri = tessera_issuer_metadata_dup_uri (self->issuer);
  self->fetch = tessera_fetch_send (self->session, uri, TESSERA_ISSUER_METADATA_MAX_LENGTH,
                                    on_metadata, self);
}

/* Time. */

static void
forget_keys (TesseraIssuerWatch *self)
{
  g_rw_lock_writer_lock (&self->lock);
  TesseraIssuerTrust *trust = g_steal_pointer (&self->trust);
  g_rw_lock_writer_unlock (&self->lock);
  tessera_issuer_trust_unref (trust);
  tell (self, TRUE);
}

/* Once an episode: until something fresher than @fresh_ms, the last good moment, is here. */
static void
tell_stale (TesseraIssuerWatch *self, gint64 fresh_ms, gint64 age_ms)
{
  if (age_ms < self->max_staleness_ms / 2 || fresh_ms <= self->told_stale_ms)
    return;
  self->told_stale_ms = fresh_ms + SAME_MS;
  self->funcs.stale (self->data, (guint) MIN (age_ms / 1000, G_MAXUINT));
}

static void
watch_age (TesseraIssuerWatch *self, gint64 now)
{
  gint64 age = tessera_deny_replica_get_age_ms (self->replica);

  if (self->list_problem != NULL && age < now - self->list_problem_ms)
    set_problem (self, &self->list_problem, NULL);
  if (age == G_MAXINT64)
    return;
  tell_stale (self, now - age, age);
  if (now < self->prune_ms)
    return;
  self->prune_ms = now + PRUNE_MS;
  tessera_deny_replica_prune (self->replica);
}

static gboolean
on_tick (gpointer data)
{
  TesseraIssuerWatch *self = data;
  gint64 now = tessera_clock_get_elapsed_ms ();

  if (self->fetch == NULL && now >= self->due_ms)
    ask (self);
  if (self->trust != NULL && now >= self->keys_end_ms)
    forget_keys (self);
  if (self->replica != NULL)
    watch_age (self, now);
  tell (self, FALSE);
  return G_SOURCE_CONTINUE;
}

/* From other threads. */

static gboolean
may_ask_for_unknown (TesseraIssuerWatch *self)
{
  gint64 now = tessera_clock_get_elapsed_ms ();
  gint64 next = __atomic_load_n (&self->next_unknown_ms, __ATOMIC_ACQUIRE);

  return now >= next
         && __atomic_compare_exchange_n (&self->next_unknown_ms, &next,
                                         now + TESSERA_ISSUER_WATCH_UNKNOWN_KEY_S * 1000, FALSE,
                                         __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static gboolean
on_want_keys (gpointer data)
{
  TesseraIssuerWatch *self = data;

  if (self->fetch == NULL && self->trust != NULL)
    ask (self);
  return G_SOURCE_REMOVE;
}

static void
invoke (TesseraIssuerWatch *self, GSourceFunc func, gpointer data, GDestroyNotify destroy)
{
  GSource *source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, func, data, destroy);
  g_rw_lock_reader_lock (&self->lock);
  if (self->context != NULL)
    g_source_attach (source, self->context);
  g_rw_lock_reader_unlock (&self->lock);
  g_source_unref (source);
}

void
tessera_issuer_watch_want_keys (TesseraIssuerWatch *self)
{
  if (may_ask_for_unknown (self))
    invoke (self, on_want_keys, self, NULL);
}

typedef struct
{
  TesseraIssuerWatch *watch;
  Waiting *waiting; /* NULL once it is in the queue */
} Arrival;

static gboolean
on_wait (gpointer data)
{
  Arrival *arrival = data;
  TesseraIssuerWatch *self = arrival->watch;

  if (g_queue_get_length (&self->waiting) < WAITING_MAX)
    {
      if (arrival->waiting->want_keys && may_ask_for_unknown (self))
        on_want_keys (self);
      g_queue_push_tail (&self->waiting, g_steal_pointer (&arrival->waiting));
    }
  answer_waiting (self, FALSE);
  return G_SOURCE_REMOVE;
}

static void
arrival_free (gpointer data)
{
  Arrival *arrival = data;

  if (arrival->waiting != NULL)
    arrival->waiting->func (arrival->waiting->data);
  g_free (arrival->waiting);
  g_free (arrival);
}

void
tessera_issuer_watch_wait (TesseraIssuerWatch *self,
                           gboolean want_keys,
                           void (*func) (gpointer data),
                           gpointer data)
{
  Arrival *arrival = g_new0 (Arrival, 1);

  arrival->watch = self;
  arrival->waiting = g_new0 (Waiting, 1);
  *arrival->waiting = (Waiting){ func, data, want_keys, tessera_clock_get_elapsed_ms () + WAIT_MS };
  invoke (self, on_wait, arrival, arrival_free);
}

/* The thread. */

static GSource *
start_ticking (TesseraIssuerWatch *self)
{
  GSource *tick = g_timeout_source_new ((guint) CLAMP (self->max_staleness_ms / 16, 100, 1000));

  g_source_set_callback (tick, on_tick, self, NULL);
  g_source_attach (tick, self->context);
  return tick;
}

static gpointer
run (gpointer data)
{
  TesseraIssuerWatch *self = data;

  g_main_context_push_thread_default (self->context);
  self->session = tessera_fetch_session_new (self->tls_database);
  GSource *tick = start_ticking (self);
  ask (self);
  g_main_loop_run (self->loop);

  g_source_destroy (tick);
  g_source_unref (tick);
  g_clear_pointer (&self->fetch, tessera_fetch_drop);
  g_clear_pointer (&self->follower, tessera_feed_follower_free);
  self->is_following = FALSE;
  soup_session_abort (self->session);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  answer_waiting (self, TRUE);
  g_clear_object (&self->session);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

void
tessera_issuer_watch_start (TesseraIssuerWatch *self)
{
  g_rw_lock_writer_lock (&self->lock);
  if (self->thread == NULL)
    {
      self->failed = FALSE;
      self->context = g_main_context_new ();
      self->loop = g_main_loop_new (self->context, FALSE);
      tessera_fetch_prepare_types ();
      self->thread = g_thread_new ("tessera-verifier", run, self);
    }
  g_rw_lock_writer_unlock (&self->lock);
}

static gboolean
on_stop (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

void
tessera_issuer_watch_stop (TesseraIssuerWatch *self)
{
  g_rw_lock_writer_lock (&self->lock);
  GThread *thread = g_steal_pointer (&self->thread);
  g_rw_lock_writer_unlock (&self->lock);
  if (thread == NULL)
    return;
  invoke (self, on_stop, self->loop, NULL);
  g_thread_join (thread);

  g_rw_lock_writer_lock (&self->lock);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  GMainContext *context = g_steal_pointer (&self->context);
  g_rw_lock_writer_unlock (&self->lock);
  g_main_context_unref (context);
}
