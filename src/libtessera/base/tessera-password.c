/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Passwords chosen by people: crypt(3) hashes, computed in a bounded pool (threats.md §3, A38,
 * B46). */
#include "base/tessera-password-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/resource.h>

#define METHOD "$y$"
#define TAIL_LENGTH 43 /* of what follows the last `$` of such a hash */
#define NICENESS 19    /* hashing gives way to answering: with 10 it still takes turns with it */

struct _TesseraPasswordPool
{
  GThreadPool *threads; /* Job*; made when first needed */
  GMainContext *context;
  GHashTable *jobs;   /* Job*, not yet told; touched on the context only */
  char *unknown_hash; /* what unknown users are compared with */
  guint64 hash_count; /* atomic */
};

typedef struct
{
  TesseraPasswordPool *pool;
  char *password;
  char *hash; /* NULL: an unknown user */
  TesseraPasswordVerified verified;
  gpointer data;
  gboolean matches;
  GSource *told; /* set by the worker when it is done */
} Job;

gboolean
tessera_password_is_acceptable_hash (const char *hash)
{
  if (hash == NULL || crypt_checksalt (hash) != CRYPT_SALT_OK)
    return FALSE;
  /* One method for all, so that a known user costs what an unknown one does (threats.md A38). */
  return g_str_has_prefix (hash, METHOD) && strlen (strrchr (hash, '$') + 1) == TAIL_LENGTH;
}

/* The hash of @password with the method and salt of @setting, or NULL. */
static char *
compute_hash (const char *password, const char *setting)
{
  struct crypt_data *scratch = g_new0 (struct crypt_data, 1);
  char *hash = g_strdup (crypt_rn (password, setting, scratch, sizeof *scratch));

  OPENSSL_cleanse (scratch, sizeof *scratch);
  g_free (scratch);
  return hash;
}

char *
tessera_password_hash (const char *password, GError **error)
{
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  char *hash = NULL;

  if (strlen (password) <= TESSERA_PASSWORD_MAX_LENGTH
      && crypt_gensalt_rn (METHOD, 0, NULL, 0, salt, sizeof salt) != NULL)
    hash = compute_hash (password, salt);
  if (hash == NULL)
    g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER,
                         "The password is too long, or crypt(3) has no yescrypt.");
  return hash;
}

/* Adds to @hash_count only what was really computed. */
static gboolean
matches_counted (const char *password, const char *hash, guint64 *hash_count)
{
  if (strlen (password) > TESSERA_PASSWORD_MAX_LENGTH)
    return FALSE;
  g_autofree char *computed = compute_hash (password, hash);
  if (computed == NULL)
    return FALSE;
  __atomic_add_fetch (hash_count, 1, __ATOMIC_RELAXED);
  return tessera_secret_equal (computed, hash);
}

gboolean
tessera_password_matches (const char *password, const char *hash)
{
  guint64 hash_count = 0;

  return matches_counted (password, hash, &hash_count);
}

static void
job_free (Job *job)
{
  tessera_secret_free (job->password);
  tessera_secret_free (job->hash);
  g_clear_pointer (&job->told, g_source_unref);
  g_free (job);
}

/* Tells the outcome, once; on the context. */
static void
job_finish (Job *job, gboolean matches)
{
  g_hash_table_steal (job->pool->jobs, job);
  job->verified (matches, job->data);
  job_free (job);
}

static gboolean
on_job_done (gpointer data)
{
  Job *job = data;

  job_finish (job, job->matches);
  return G_SOURCE_REMOVE;
}

static void
give_way (void)
{
  static GPrivate has_given_way;

  if (g_private_get (&has_given_way) != NULL)
    return;
  setpriority (PRIO_PROCESS, 0, NICENESS); /* of this thread only, on Linux */
  g_private_set (&has_given_way, GINT_TO_POINTER (1));
}

static void
run_job (gpointer data, gpointer user_data)
{
  Job *job = data;
  TesseraPasswordPool *pool = user_data;
  const char *hash = job->hash != NULL ? job->hash : pool->unknown_hash;

  give_way ();
  gboolean matches = matches_counted (job->password, hash, &pool->hash_count);
  job->matches = matches && job->hash != NULL;
  job->told = g_idle_source_new ();
  g_source_set_priority (job->told, G_PRIORITY_DEFAULT);
  g_source_set_callback (job->told, on_job_done, job, NULL);
  g_source_attach (job->told, pool->context);
}

TesseraPasswordPool *
tessera_password_pool_new (void)
{
  TesseraPasswordPool *self = g_new0 (TesseraPasswordPool, 1);

  self->context = g_main_context_ref_thread_default ();
  self->jobs = g_hash_table_new (NULL, NULL);
  return self;
}

/* Method and cost of a hash of our own, and a text in place of the hash that nothing hashes to. */
static char *
make_unknown_hash (void)
{
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];

  if (crypt_gensalt_rn (METHOD, 0, NULL, 0, salt, sizeof salt) == NULL)
    return g_strdup ("*"); /* GCOV_EXCL_LINE: only where the kernel has no random bytes */
  return g_strconcat (salt, "$", "...........................................", NULL);
}

static void
start_threads (TesseraPasswordPool *self)
{
  if (self->threads != NULL)
    return;
  self->unknown_hash = make_unknown_hash ();
  self->threads = g_thread_pool_new (run_job, self, (int) g_get_num_processors (), TRUE, NULL);
}

/* Nobody is left waiting: what is not hashed by now is told not to match. */
void
tessera_password_pool_free (TesseraPasswordPool *self)
{
  if (self->threads != NULL)
    g_thread_pool_free (self->threads, TRUE, TRUE);

  g_autoptr (GList) jobs = g_hash_table_get_keys (self->jobs);
  for (GList *l = jobs; l != NULL; l = l->next)
    {
      Job *job = l->data;
      if (job->told != NULL)
        g_source_destroy (job->told);
      job_finish (job, FALSE);
    }
  g_hash_table_unref (self->jobs);
  g_main_context_unref (self->context);
  g_free (self->unknown_hash);
  g_free (self);
}

gboolean
tessera_password_pool_verify (TesseraPasswordPool *self,
                              const char *password,
                              const char *hash,
                              TesseraPasswordVerified verified,
                              gpointer data,
                              GError **error)
{
  start_threads (self);
  if (self->threads == NULL || g_thread_pool_unprocessed (self->threads) >= TESSERA_PASSWORD_QUEUE)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                           "Too many sign-ins are waiting.");
      return FALSE;
    }

  Job *job = g_new0 (Job, 1);
  job->pool = self;
  job->password = g_strdup (password);
  job->hash = g_strdup (hash);
  job->verified = verified;
  job->data = data;
  g_hash_table_add (self->jobs, job);
  g_thread_pool_push (self->threads, job, NULL);
  return TRUE;
}

guint64
tessera_password_pool_get_hash_count (TesseraPasswordPool *self)
{
  return __atomic_load_n (&self->hash_count, __ATOMIC_RELAXED);
}
