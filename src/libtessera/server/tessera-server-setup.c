/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes keys and store ready in a thread, while requests wait (design.md §6, §7). */

#include "server/tessera-server-object-private.h"

#include "base/tessera-uri-private.h"
#include "endpoints/tessera-deny-export-private.h"
#include "endpoints/tessera-deny-feed-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <errno.h>

#define SEEN_TOKENS 98304       /* kept in mind: under 4 MiB, touched as they fill */
#define PRUNE_SECONDS (60 * 60) /* between looks at retired keys */
#define ROLLED_BACK                                                                                \
  "The database is older than what was seen of it before: everything issued up to now is "         \
  "refused, "                                                                                      \
  "and everybody has to log in again"

/* What goes into the thread, and what comes out of it. */
struct _TesseraSetup
{
  char *issuer;
  char *directory;     /* NULL: memory only */
  char *key_directory; /* NULL likewise */
  GArray *algorithms;  /* TesseraAlgorithm */
  TesseraClock *clock;
  gint64 longest_lifetime_ms;
  GMainContext *context;
  GSource *over; /* attached by the thread when it is done */
  GThread *thread;

  GError *error;
  TesseraStore *store; /* until the committer has it */
  TesseraKeyRing *keys;
  TesseraDenyList *deny_list;
  TesseraStatusLists *status_lists;
  TesseraCommitter *committer;
  TesseraLoading *loading;
  GStrv declared;    /* ids of clients that nothing registered may have */
  GPtrArray *users;  /* TesseraUser*, kept ones */
  gboolean had_keys; /* before this start */
  gboolean rolled_back;
};

static void
setup_free (TesseraSetup *self)
{
  g_clear_pointer (&self->committer, tessera_committer_free);
  g_clear_pointer (&self->status_lists, tessera_status_lists_free);
  g_clear_pointer (&self->deny_list, tessera_deny_list_free);
  g_clear_pointer (&self->loading, tessera_loading_free); /* borrows the keys */
  g_clear_pointer (&self->keys, tessera_key_ring_free);
  g_clear_object (&self->store);
  g_strfreev (self->declared);
  g_clear_pointer (&self->users, g_ptr_array_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->algorithms, g_array_unref);
  g_source_destroy (self->over);
  g_source_unref (self->over);
  tessera_clock_unref (self->clock);
  g_main_context_unref (self->context);
  g_free (self->issuer);
  g_free (self->directory);
  g_free (self->key_directory);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSetup, setup_free)

/* Nothing was ever issued from this state: keys may be made for it. */
static gboolean
is_unused (TesseraStore *store, gboolean *out_unused, GError **error)
{
  TesseraStoreState state = { 0 };
  if (!tessera_store_get_state (store, &state, error))
    return FALSE;
  *out_unused = state.generation == 0 && state.high_water_ms == 0;
  return TRUE;
}

static gboolean
open_store (TesseraSetup *self, gboolean *out_may_create_keys, GError **error)
{
  gboolean is_new = TRUE;

  self->store = self->directory != NULL
                    ? tessera_sqlite_store_open (self->directory, &is_new, error)
                    : tessera_memory_store_new ();
  if (self->store == NULL)
    return FALSE;
  *out_may_create_keys = is_new;
  /* The first start may have been cut short between the database and the keys. */
  return is_new || is_unused (self->store, out_may_create_keys, error);
}

static gboolean
open_keys (TesseraSetup *self, gboolean may_create, GError **error)
{
  self->had_keys = self->key_directory != NULL && tessera_key_ring_exists (self->key_directory);
  self->keys = tessera_key_ring_open (self->key_directory,
                                      g_array_index (self->algorithms, TesseraAlgorithm, 0),
                                      may_create, self->clock, error);
  if (self->keys == NULL)
    return FALSE;
  for (guint i = 0; i < self->algorithms->len; i++)
    if (!tessera_key_ring_ensure (self->keys, g_array_index (self->algorithms, TesseraAlgorithm, i),
                                  error))
      return FALSE;
  return TRUE;
}

static gboolean
load_deny_list (TesseraSetup *self, GError **error)
{
  g_autofree char *mirror
      = self->directory != NULL ? g_build_filename (self->directory, "generation", NULL) : NULL;

  g_autofree char *snapshot
      = self->directory != NULL ? g_build_filename (self->directory, "denied-tokens", NULL) : NULL;

  self->deny_list = tessera_deny_list_new (self->clock, 0, mirror);
  if (snapshot != NULL)
    tessera_deny_list_keep_snapshot (self->deny_list, snapshot, 0);
  if (self->had_keys)
    tessera_deny_list_expect_past (self->deny_list);
  return tessera_deny_list_load (self->deny_list, self->store, self->longest_lifetime_ms,
                                 &self->rolled_back, error);
}

/* They belong to the state that the deny-list is of. */
static gboolean
load_status_lists (TesseraSetup *self, GError **error)
{
  g_autofree char *directory
      = self->directory != NULL ? g_build_filename (self->directory, "status-lists", NULL) : NULL;
  TesseraStoreState state = { 0 };

  self->status_lists = tessera_status_lists_new (self->clock, 0);
  if (directory == NULL)
    return TRUE;
  if (!tessera_store_get_state (self->store, &state, error))
    return FALSE;
  tessera_status_lists_load (self->status_lists, directory, state.id);
  return TRUE;
}

/* What is kept in the store may not contradict what was declared: the same id twice is refused. */
static gboolean
check_declared (TesseraSetup *self, GError **error)
{
  for (char **id = self->declared; *id != NULL; id++)
    {
      gboolean kept;
      if (!tessera_store_has_client (self->store, *id, &kept, error))
        return FALSE;
      if (!kept)
        continue;
      g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                   "There is a client with the id %s already", *id);
      return FALSE;
    }
  return TRUE;
}

static void
collect_user (TesseraUser *user, gpointer data)
{
  g_ptr_array_add (data, g_object_ref (user));
}

static gboolean
setup_run (TesseraSetup *self, GError **error)
{
  gboolean may_create_keys;

  if (!tessera_uri_check_issuer (self->issuer, error) || !open_store (self, &may_create_keys, error)
      || !open_keys (self, may_create_keys, error) || !load_deny_list (self, error)
      || !load_status_lists (self, error) || !check_declared (self, error))
    return FALSE;
  self->users = g_ptr_array_new_with_free_func (g_object_unref);
  if (!tessera_store_foreach_user (self->store, collect_user, self->users, error))
    return FALSE;
  self->committer = tessera_loading_start (self->loading, self->store, self->keys, self->context);
  g_clear_object (&self->store);
  tessera_deny_list_attach (self->deny_list, self->committer);
  return TRUE;
}

static gpointer
setup_thread (gpointer data)
{
  TesseraSetup *self = data;
  setup_run (self, &self->error);
  g_source_attach (self->over, self->context);
  return NULL;
}

static char *
dup_state_directory (TesseraServer *self)
{
  if (self->in_memory)
    return NULL;
  if (self->state_directory != NULL)
    return g_strdup (self->state_directory);
  const char *program = g_get_prgname ();
  if (program == NULL) /* nobody set it: a program without GApplication */
    program = program_invocation_short_name;
  return g_build_filename (g_get_user_data_dir (), program, "tessera", NULL);
}

static char *
dup_key_directory (TesseraServer *self, const char *state_directory)
{
  if (state_directory == NULL)
    return NULL;
  return self->key_directory != NULL ? g_strdup (self->key_directory)
                                     : g_build_filename (state_directory, "keys", NULL);
}

/* The server's own first, then those of its resources, and of the ID tokens of its clients. */
static GArray *
list_algorithms (TesseraEngine *engine)
{
  GArray *algorithms = g_array_new (FALSE, FALSE, sizeof (TesseraAlgorithm));
  g_array_append_val (algorithms, engine->settings->signing_algorithm);
  for (guint i = 0; i < engine->resources->len; i++)
    {
      TesseraResource *resource = engine->resources->pdata[i];
      if (resource->has_signing_algorithm)
        g_array_append_val (algorithms, resource->signing_algorithm);
    }
  g_autoptr (GPtrArray) clients
      = tessera_client_registry_list (engine->clients, TESSERA_CLIENTS_DECLARED);
  for (guint i = 0; i < clients->len; i++)
    if (tessera_client_uses_openid (clients->pdata[i]))
      {
        TesseraAlgorithm algorithm = tessera_client_get_id_token_algorithm (clients->pdata[i]);
        g_array_append_val (algorithms, algorithm);
        if (tessera_client_get_userinfo_algorithm (clients->pdata[i], &algorithm))
          g_array_append_val (algorithms, algorithm);
      }
  return algorithms;
}

static void
fail (TesseraServer *self, const GError *error)
{
  self->state = TESSERA_SERVER_FAILED;
  self->failure = g_error_copy (error);
}

static gboolean
add_kept (TesseraServer *self, TesseraSetup *setup, GError **error)
{
  for (guint i = 0; i < setup->users->len; i++)
    if (!tessera_user_registry_add (self->users, setup->users->pdata[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
on_prune (gpointer data)
{
  TesseraServer *self = data;
  g_autoptr (GError) error = NULL;

  if (!tessera_key_ring_prune (self->engine.keys,
                               tessera_engine_get_longest_lifetime_ms (&self->engine), &error))
    g_warning ("Retired keys could not be removed: %s", error->message);
  tessera_server_forget_clients (self);
  tessera_interaction_prune (self->interaction);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_store_failed (gpointer data)
{
  TesseraServer *self = data;
  g_autoptr (GError) error
      = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                             "The store failed for good; only a restart can read it again.");

  if (self->state == TESSERA_SERVER_FAILED) /* which was told */
    return G_SOURCE_REMOVE;
  tessera_server_emit (self, TESSERA_SIGNAL_FAILED, error);
  return G_SOURCE_REMOVE;
}

/* In the committing thread, and once on the context. */
static void
on_commit (gboolean committed, gpointer data)
{
  TesseraServer *self = data;

  if (tessera_committer_has_failed (self->engine.committer)
      && g_atomic_int_compare_and_exchange (&self->store_failure_told, FALSE, TRUE))
    g_source_attach (self->store_failed, self->context);
}

static void
watch_store (TesseraServer *self)
{
  self->store_failed = g_idle_source_new ();
  g_source_set_priority (self->store_failed, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->store_failed, on_store_failed, self, NULL);
  tessera_committer_add_listener (self->engine.committer, on_commit, self);
  on_commit (FALSE, self); /* it may have failed before */
}

static GStrv
list_declared (TesseraEngine *engine)
{
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  g_autoptr (GPtrArray) clients
      = tessera_client_registry_list (engine->clients, TESSERA_CLIENTS_DECLARED);

  for (guint i = 0; i < clients->len; i++)
    g_strv_builder_add (ids, tessera_client_get_id (clients->pdata[i]));
  return g_strv_builder_end (ids);
}

static void
become_ready (TesseraServer *self, TesseraSetup *setup)
{
  TesseraEngine *engine = &self->engine;

  engine->keys = g_steal_pointer (&setup->keys);
  engine->deny_list = g_steal_pointer (&setup->deny_list);
  engine->committer = g_steal_pointer (&setup->committer);
  tessera_committer_set_owner (engine->committer, G_OBJECT (self));
  watch_store (self);
  self->loading = g_steal_pointer (&setup->loading);
  engine->seen = tessera_seen_tokens_new (SEEN_TOKENS);
  engine->moulds = tessera_token_moulds_new ();
  engine->status_lists = g_steal_pointer (&setup->status_lists);
  engine->status_publisher = tessera_status_publisher_new (engine->status_lists, engine->deny_list,
                                                           engine->keys, engine->clock);
  engine->feed = tessera_deny_feed_new (engine);
  engine->exports = tessera_deny_exports_new (engine);
  engine->ready = TRUE;
  self->state = TESSERA_SERVER_READY;
  tessera_server_settings_changed (self);
  tessera_server_audit_ready (self);
  self->notifier = tessera_logout_notifier_new (engine);
  tessera_logout_notifier_set_outbound (self->notifier, self->outbound);
  if (setup->rolled_back)
    tessera_audit_write (engine->audit, TESSERA_AUDIT_STATE_ROLLED_BACK,
                         &(TesseraAuditRecord){ .result = "revoked", .message = ROLLED_BACK });
  self->prune_source = g_timeout_source_new_seconds (PRUNE_SECONDS);
  g_source_set_callback (self->prune_source, on_prune, self, NULL);
  g_source_attach (self->prune_source, self->context);
  const GError *error = tessera_loading_follow (self->loading);
  if (error != NULL)
    {
      fail (self, error);
      engine->ready = FALSE;
      return;
    }
  tessera_server_unsettle (self, TESSERA_DECLARED_CLIENTS | TESSERA_DECLARED_USERS);
}

static void
announce (TesseraServer *self)
{
  if (self->state == TESSERA_SERVER_READY)
    tessera_server_emit (self, TESSERA_SIGNAL_READY);
  else
    tessera_server_emit (self, TESSERA_SIGNAL_FAILED, self->failure);
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (self));
}

void
tessera_server_fail (TesseraServer *self, const GError *error)
{
  g_object_ref (self); /* a handler may drop the last reference */
  fail (self, error);
  self->engine.ready = FALSE;
  announce (self);
  g_object_unref (self);
}

static void
tell_tasks (TesseraServer *self)
{
  GTask *task;
  while ((task = g_queue_pop_head (&self->tasks)) != NULL)
    {
      if (self->state == TESSERA_SERVER_READY)
        g_task_return_boolean (task, TRUE);
      else
        g_task_return_error (task, g_error_copy (self->failure));
      g_object_unref (task);
    }
}

/* On the context, or in wait_ready. */
static void
finish_setup (TesseraServer *self)
{
  g_autoptr (TesseraSetup) setup = g_steal_pointer (&self->setup);
  g_autoptr (GError) error = NULL;

  g_object_ref (self);
  g_thread_join (setup->thread);
  if (setup->error != NULL)
    fail (self, setup->error);
  else if (!add_kept (self, setup, &error))
    fail (self, error);
  else
    become_ready (self, setup);
  announce (self);
  tell_tasks (self);
  /* When ready, those who wait are served once what is declared now is known. */
  if (self->state != TESSERA_SERVER_READY)
    tessera_server_drain_waiting (self);
  g_object_unref (self);
}

static gboolean
on_setup_over (gpointer data)
{
  TesseraServer *self = data;
  gboolean heard
      = self->tasks.length > 0 || tessera_server_has_handler (self, TESSERA_SIGNAL_FAILED);

  g_object_ref (self);
  finish_setup (self);
  if (self->state == TESSERA_SERVER_FAILED && !heard)
    g_warning ("The server cannot be set up: %s", self->failure->message);
  g_object_unref (self);
  return G_SOURCE_REMOVE;
}

static void
clear_setup_source (TesseraServer *self)
{
  if (self->setup_source != NULL)
    g_source_destroy (self->setup_source);
  g_clear_pointer (&self->setup_source, g_source_unref);
}

static void
begin_setup (TesseraServer *self)
{
  TesseraSetup *setup = g_new0 (TesseraSetup, 1);
  TesseraEngine *engine = &self->engine;

  clear_setup_source (self);
  setup->issuer = g_strdup (engine->settings->issuer);
  setup->directory = dup_state_directory (self);
  setup->key_directory = dup_key_directory (self, setup->directory);
  setup->algorithms = list_algorithms (engine);
  setup->clock = tessera_clock_ref (engine->clock);
  setup->longest_lifetime_ms = tessera_engine_get_longest_lifetime_ms (engine);
  setup->context = g_main_context_ref (self->context);
  setup->declared = list_declared (engine);
  setup->loading = tessera_loading_new (self);
  setup->over = g_idle_source_new ();
  g_source_set_priority (setup->over, G_PRIORITY_DEFAULT);
  g_source_set_callback (setup->over, on_setup_over, self, NULL);
  self->setup = setup;
  self->state = TESSERA_SERVER_SETUP;
  setup->thread = g_thread_new ("tessera-setup", setup_thread, setup);
}

static gboolean
on_begin (gpointer data)
{
  begin_setup (data);
  return G_SOURCE_REMOVE;
}

/* At the next turn of the main context, so that everything can be set before. */
void
tessera_server_schedule_setup (TesseraServer *self)
{
  self->setup_source = g_idle_source_new ();
  g_source_set_priority (self->setup_source, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->setup_source, on_begin, self, NULL);
  g_source_attach (self->setup_source, self->context);
}

void
tessera_server_cancel_setup (TesseraServer *self)
{
  clear_setup_source (self);
  if (self->prune_source != NULL)
    g_source_destroy (self->prune_source);
  g_clear_pointer (&self->prune_source, g_source_unref);
  if (self->setup != NULL)
    {
      g_thread_join (self->setup->thread);
      g_clear_pointer (&self->setup, setup_free);
    }
  if (self->failure == NULL)
    self->failure = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                                         "The server was closed.");
  self->state = self->state == TESSERA_SERVER_READY ? self->state : TESSERA_SERVER_FAILED;
  if (self->state == TESSERA_SERVER_FAILED)
    tell_tasks (self);
}

gboolean
tessera_server_check_ready (TesseraServer *self, GError **error)
{
  if (G_LIKELY (self->state == TESSERA_SERVER_READY))
    return TRUE;
  if (self->failure != NULL)
    g_propagate_error (error, g_error_copy (self->failure));
  else
    g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                         "The server is not ready yet.");
  return FALSE;
}

void
tessera_server_await_ready (TesseraServer *self, GTask *task)
{
  if (self->state == TESSERA_SERVER_IDLE || self->state == TESSERA_SERVER_SETUP)
    {
      g_queue_push_tail (&self->tasks, task);
      return;
    }
  g_autoptr (GError) error = NULL;
  if (tessera_server_check_ready (self, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
  g_object_unref (task);
}

/**
 * tessera_server_is_ready:
 * @self: a server
 *
 * Whether keys and store are ready. [signal@Server::ready] tells when.
 *
 * Returns: %FALSE while the setup is under way, after it failed, and once the server is closed
 */
gboolean
tessera_server_is_ready (TesseraServer *self)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  return self->state == TESSERA_SERVER_READY;
}

/**
 * tessera_server_wait_ready_async:
 * @self: a server
 * @cancellable: (nullable): a cancellable; the setup goes on all the same
 * @callback: (scope async): called when the server is ready or cannot be
 * @user_data: for @callback
 *
 * Waits until keys and store are ready.
 */
void
tessera_server_wait_ready_async (TesseraServer *self,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_server_wait_ready_async);
  tessera_server_await_ready (self, task);
}

/**
 * tessera_server_wait_ready_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.wait_ready_async].
 *
 * Errors: of %TESSERA_SETUP_ERROR, or of whatever part failed.
 *
 * Returns: %TRUE when ready
 */
gboolean
tessera_server_wait_ready_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * tessera_server_wait_ready:
 * @self: a server
 * @error: return location for an error
 *
 * Waits until keys and store are ready. Blocks, without running a main loop: for programs that have
 * none yet.
 *
 * Errors: of %TESSERA_SETUP_ERROR, or of whatever part failed.
 *
 * Returns: %TRUE when ready
 */
gboolean
tessera_server_wait_ready (TesseraServer *self, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  if (self->state == TESSERA_SERVER_IDLE)
    begin_setup (self);
  if (self->state == TESSERA_SERVER_SETUP)
    finish_setup (self);
  return tessera_server_check_ready (self, error);
}
