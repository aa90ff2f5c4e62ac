/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the deny-list costs with N entries: puts them into the state directory of a service that
 * does not run, beside those that are there, and measures. One JSON object. */

#include "base/tessera-secret-private.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE 100000 /* checks measured of each kind */
#define ROUNDS 7
#define CHUNK 64   /* of them at a time */
#define BATCH 2000 /* entries in one transaction */
#define LIFETIME_MS (24 * 60 * 60 * 1000)
#define PEOPLE 50000 /* of a quarter of the tokens; the others are clients' own */
#define CLIENTS 200

typedef struct
{
  char *directory;
  guint count;
  TesseraClock *clock;
  TesseraDenyList *list;
  TesseraCommitter *committer;
  GPtrArray *listed; /* char *jti */
  GRand *random;
} Scale;

static double
seconds_since (gint64 begin_us)
{
  return (double) (g_get_monotonic_time () - begin_us) / 1e6;
}

static double
open_list (Scale *s)
{
  g_autofree char *mirror = g_build_filename (s->directory, "generation", NULL);
  g_autofree char *snapshot = g_build_filename (s->directory, "denied-tokens", NULL);
  g_autoptr (GError) error = NULL;
  gboolean rolled_back;

  gint64 begin = g_get_monotonic_time ();
  g_autoptr (TesseraStore) store = tessera_sqlite_store_open (s->directory, NULL, &error);
  if (store == NULL)
    g_error ("%s", error->message);
  s->clock = tessera_clock_new ();
  s->list = tessera_deny_list_new (s->clock, 0, mirror);
  tessera_deny_list_keep_snapshot (s->list, snapshot, 0);
  if (!tessera_deny_list_load (s->list, store, LIFETIME_MS, &rolled_back, &error) || rolled_back)
    g_error ("cannot load: %s", error != NULL ? error->message : "rolled back");
  double took = seconds_since (begin);
  s->committer = tessera_committer_new (store, NULL);
  tessera_deny_list_attach (s->list, s->committer);
  return took;
}

static double
close_list (Scale *s)
{
  gint64 begin = g_get_monotonic_time ();
  g_clear_pointer (&s->committer, tessera_committer_free);
  double took = seconds_since (begin);
  g_clear_pointer (&s->list, tessera_deny_list_free);
  g_clear_pointer (&s->clock, tessera_clock_unref);
  return took;
}

/* A token of somebody, whose names lie in the buffers. */
typedef struct
{
  TesseraTokenIdentity identity;
  char *jti;
  char client[16];
  char subject[16];
  char grant[32];
} Token;

static void
token_init (Scale *s, Token *token, const char *jti)
{
  gint64 now = tessera_clock_get_ms (s->clock);
  guint32 number = jti != NULL ? (guint32) g_str_hash (jti) : 0;

  token->jti = jti != NULL ? g_strdup (jti) : tessera_uuid_new (now);
  if (jti == NULL)
    number = (guint32) g_str_hash (token->jti);
  g_snprintf (token->client, sizeof token->client, "client%u", number % CLIENTS);
  g_snprintf (token->subject, sizeof token->subject, "person%u", number % PEOPLE);
  g_snprintf (token->grant, sizeof token->grant, "grant%u", number);
  gboolean own = number % 4 != 0;
  token->identity = (TesseraTokenIdentity){ .jti = token->jti,
                                            .issued_ms = now,
                                            .expires_ms = now + LIFETIME_MS,
                                            .client_id = token->client,
                                            .subject = own ? token->client : token->subject,
                                            .grant_id = own ? NULL : token->grant,
                                            .kid = "kid" };
}

static gboolean
run_batch (gpointer data, TesseraStore *store, GError **error)
{
  Scale *s = data;
  for (guint i = 0; i < BATCH && s->count > 0; i++, s->count--)
    {
      Token token;
      guint64 generation;
      token_init (s, &token, NULL);
      if (!tessera_deny_list_deny_token (s->list, store, &token.identity, &generation, error))
        return FALSE;
      if (s->listed->len < SAMPLE)
        g_ptr_array_add (s->listed, token.jti);
      else if (g_rand_int_range (s->random, 0, 50) == 0)
        {
          guint at = (guint) g_rand_int_range (s->random, 0, SAMPLE);
          g_free (s->listed->pdata[at]);
          s->listed->pdata[at] = token.jti;
        }
      else
        g_free (token.jti);
    }
  return TRUE;
}

static double
fill (Scale *s)
{
  gint64 begin = g_get_monotonic_time ();
  while (s->count > 0)
    if (!tessera_committer_submit_and_wait (s->committer, run_batch, s, NULL))
      g_error ("cannot write");
  return seconds_since (begin);
}

/* Of this thread, so that whatever else runs on the machine does not count. */
static double
get_cpu_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

static int
compare (const void *a, const void *b)
{
  const double *one = a, *other = b;
  return (*one > *other) - (*one < *other);
}

/* Who asks has just read the token: it is in the cache, and what the list has of it is not. */
static void
touch (const Token *tokens, guint count)
{
  static volatile guint sum;
  for (guint i = 0; i < count; i++)
    sum += g_str_hash (tokens[i].jti) + g_str_hash (tokens[i].grant);
}

/* Nanoseconds a check. */
static double
check_once (Scale *s, gboolean listed)
{
  g_autofree Token *tokens = g_new0 (Token, s->listed->len);
  guint denied = 0;

  for (guint i = 0; i < s->listed->len; i++)
    token_init (s, &tokens[i], listed ? s->listed->pdata[i] : NULL);
  double took = 0;
  for (guint i = 0; i < s->listed->len; i += CHUNK)
    {
      guint end = MIN (i + CHUNK, s->listed->len);
      touch (tokens + i, end - i);
      double begin = get_cpu_ns ();
      for (guint j = i; j < end; j++)
        denied += tessera_deny_list_check (s->list, &tokens[j].identity);
      took += get_cpu_ns () - begin;
    }
  for (guint i = 0; i < s->listed->len; i++)
    g_free (tokens[i].jti);
  if (denied != (listed ? s->listed->len : 0))
    g_error ("%u of %u tokens are denied", denied, s->listed->len);
  return took / s->listed->len;
}

/* The fastest of several rounds: whatever else the machine does only adds to it. The first, when
 * not everything is in memory, is left out. */
static double
check (Scale *s, gboolean listed)
{
  double took[ROUNDS];

  check_once (s, listed);
  for (guint i = 0; i < ROUNDS; i++)
    took[i] = check_once (s, listed);
  qsort (took, ROUNDS, sizeof took[0], compare);
  return took[0];
}

static goffset
get_file_size (Scale *s, const char *name)
{
  g_autofree char *path = g_build_filename (s->directory, name, NULL);
  GStatBuf info;
  return g_stat (path, &info) == 0 ? info.st_size : 0;
}

/* The mapped file, and nothing new beside it. */
static void
measure_snapshot (Scale *s)
{
  double closed = close_list (s);
  double loaded = open_list (s);
  guint count = tessera_deny_list_get_count (s->list);
  double listed = check (s, TRUE);
  double unlisted = check (s, FALSE);
  gsize memory = tessera_deny_list_get_memory (s->list);
  close_list (s);

  goffset size = get_file_size (s, "denied-tokens");
  printf (" \"entries\": %u, \"close_ms\": %.1f, \"load_ms\": %.1f,\n"
          " \"snapshot_bytes\": %" G_GINT64_FORMAT ", \"snapshot_bytes_per_entry\": %.2f,\n"
          " \"database_bytes\": %" G_GINT64_FORMAT ", \"memory_bytes\": %" G_GSIZE_FORMAT ",\n"
          " \"listed_ns\": %.0f, \"unlisted_ns\": %.0f",
          count, closed * 1e3, loaded * 1e3, (gint64) size, (double) size / count,
          (gint64) get_file_size (s, "tessera.db"), memory, listed, unlisted);
}

/* Without it: all rows are read into the table, and a snapshot is made of them. */
static void
measure_table (Scale *s)
{
  g_autofree char *snapshot = g_build_filename (s->directory, "denied-tokens", NULL);

  g_unlink (snapshot);
  double loaded = open_list (s);
  guint count = tessera_deny_list_get_count (s->list);
  double bytes = (double) tessera_deny_list_get_memory (s->list);
  double listed = check (s, TRUE);
  double unlisted = check (s, FALSE);
  double written = close_list (s);

  printf (",\n \"load_rows_ms\": %.1f, \"table_bytes_per_entry\": %.2f,\n"
          " \"table_listed_ns\": %.0f, \"table_unlisted_ns\": %.0f, \"snapshot_ms\": %.1f",
          loaded * 1e3, bytes / count, listed, unlisted, written * 1e3);
}

int
main (int argc, char **argv)
{
  gboolean snapshot_only = argc == 4 && strcmp (argv[3], "--snapshot-only") == 0;
  if (argc != 3 && !snapshot_only)
    {
      fprintf (stderr, "usage: deny-list-scale STATE-DIRECTORY N [--snapshot-only]\n");
      return 2;
    }
  Scale s = { .directory = argv[1], .count = (guint) atoi (argv[2]) };
  const guint count = s.count;
  s.listed = g_ptr_array_new_with_free_func (g_free);
  s.random = g_rand_new_with_seed (1);

  open_list (&s);
  printf ("{\"inserts_per_s\": %.0f,\n", count / fill (&s));
  measure_snapshot (&s);
  if (!snapshot_only)
    measure_table (&s);
  printf ("}\n");
  g_ptr_array_unref (s.listed);
  g_rand_free (s.random);
  return 0;
}
