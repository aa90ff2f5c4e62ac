/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What status lists cost: a token with and without one, a place for it, its memory, and drawing up
 * a list of 98,304 tokens. One JSON object. */

#include "base/tessera-secret-private.h"
#include "engine-fixture.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-status-lists-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKENS (TESSERA_STATUS_SHARD_SIZE / 4 * 3)
#define LIFETIME 600
#define ROUNDS 5
#define ISSUED 2000

typedef struct
{
  TesseraClock *clock;
  TesseraStore *store;
  TesseraDenyList *deny_list;
  TesseraStatusLists *lists;
  char name[TESSERA_STATUS_SHARD_NAME_MAX + 1];
  GPtrArray *grants; /* char *grant_id */
} Bench;

/* Of this thread's own time, whatever else the machine does. */
static double
get_time (void)
{
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static double
seconds_since (double begin)
{
  return get_time () - begin;
}

static void
set_up (Bench *b)
{
  gboolean rolled_back;

  b->clock = tessera_clock_new ();
  b->store = tessera_memory_store_new ();
  b->deny_list = tessera_deny_list_new (b->clock, 0, NULL);
  if (!tessera_deny_list_load (b->deny_list, b->store, LIFETIME * 1000, &rolled_back, NULL))
    g_error ("cannot load");
  b->lists = tessera_status_lists_new (b->clock, 0);
  b->grants = g_ptr_array_new_with_free_func (g_free);
}

static void
tear_down (Bench *b)
{
  tessera_status_lists_free (b->lists);
  tessera_deny_list_free (b->deny_list);
  g_object_unref (b->store);
  tessera_clock_unref (b->clock);
  g_ptr_array_unref (b->grants);
}

/* Nanoseconds for one place. */
static double
reserve_all (Bench *b, gboolean people)
{
  g_autoptr (GPtrArray) jtis = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) subjects = g_ptr_array_new_with_free_func (g_free);
  guint32 index;

  for (guint i = 0; i < TOKENS; i++)
    {
      g_ptr_array_add (jtis, tessera_uuid_new (tessera_clock_get_ms (b->clock)));
      g_ptr_array_add (b->grants, tessera_identifier_new ());
      g_ptr_array_add (subjects, g_strdup_printf ("person-%u@example.org", i));
    }
  double begin = get_time ();
  for (guint i = 0; i < TOKENS; i++)
    {
      TesseraTokenIdentity token = { .jti = jtis->pdata[i],
                                     .issued_ms = tessera_clock_get_ms (b->clock),
                                     .subject = people ? subjects->pdata[i] : "c1",
                                     .client_id = "c1",
                                     .grant_id = people ? b->grants->pdata[i] : NULL,
                                     .session_id = people ? b->grants->pdata[i] : NULL,
                                     .kid = "0123456789012345678901234567890123456789012" };
      if (!tessera_status_lists_reserve (b->lists, &token, LIFETIME, b->name, &index, NULL))
        g_error ("no place");
    }
  return seconds_since (begin) / TOKENS * 1e9;
}

static void
deny_some (Bench *b, guint count)
{
  if (!tessera_store_begin (b->store, NULL))
    g_error ("cannot begin");
  for (guint i = 0; i < count; i++)
    tessera_deny_list_deny_grant (b->deny_list, b->store, b->grants->pdata[i], NULL, NULL);
  tessera_store_commit (b->store, NULL);
}

/* Milliseconds to ask the deny-list about all of them, and to pack what it says. */
static void
draw_up (Bench *b, double *out_ask_ms, double *out_pack_ms, gsize *out_size)
{
  guint count;
  g_autoptr (TesseraStatusShard) shard = tessera_status_lists_lookup (b->lists, b->name, &count);
  double ask = G_MAXDOUBLE, pack = G_MAXDOUBLE;

  for (guint i = 0; i < ROUNDS; i++)
    {
      double begin = get_time ();
      g_autoptr (TesseraStatusList) list
          = tessera_status_shard_draw_up (shard, count, b->deny_list);
      ask = MIN (ask, seconds_since (begin) * 1e3);
      begin = get_time ();
      g_autofree char *lst = tessera_status_list_encode (list);
      pack = MIN (pack, seconds_since (begin) * 1e3);
      *out_size = strlen (lst);
    }
  *out_ask_ms = ask;
  *out_pack_ms = pack;
}

/* Microseconds for a token at the token endpoint, without HTTP; the best of some rounds. */
static double
issue (EngineFixture *f, gboolean enabled)
{
  double best = G_MAXDOUBLE;

  f->engine.settings->status_list_enabled = enabled;
  for (guint round = 0; round < ROUNDS; round++)
    {
      double begin = get_time ();
      for (guint i = 0; i < ISSUED; i++)
        answer_free (
            engine_fixture_ask (f, "/token", "c1", "grant_type=client_credentials&scope=a"));
      best = MIN (best, seconds_since (begin) / ISSUED * 1e6);
    }
  return best;
}

static void
issue_both_ways (void)
{
  EngineFixture *f = engine_fixture_new (FALSE);
  TesseraEngine *engine = &f->engine;
  g_autoptr (TesseraStatusLists) lists = tessera_status_lists_new (engine->clock, 0);

  engine->status_lists = lists;
  engine->status_publisher
      = tessera_status_publisher_new (lists, engine->deny_list, engine->keys, engine->clock);
  printf ("\"issue_off_us\": %.1f, ", issue (f, FALSE));
  printf ("\"issue_on_us\": %.1f, ", issue (f, TRUE));
  tessera_status_publisher_free (engine->status_publisher);
  engine_fixture_free (f);
}

int
main (void)
{
  TesseraStatusListsFigures figures;
  double ask_ms, pack_ms;
  gsize size;

  printf ("{");
  issue_both_ways ();
  for (guint people = 0; people < 2; people++)
    {
      Bench b = { 0 };
      const char *who = people ? "person" : "client";
      set_up (&b);
      printf ("\"%s_reserve_ns\": %.0f, ", who, reserve_all (&b, people != 0));
      tessera_status_lists_get_figures (b.lists, &figures);
      printf ("\"%s_bytes\": %.1f, ", who, (double) figures.memory / figures.tokens);
      draw_up (&b, &ask_ms, &pack_ms, &size);
      printf ("\"%s_ask_ms\": %.1f, \"%s_pack_ms\": %.2f, \"%s_size\": %" G_GSIZE_FORMAT ", ", who,
              ask_ms, who, pack_ms, who, size);
      if (people)
        deny_some (&b, TOKENS / 100);
      draw_up (&b, &ask_ms, &pack_ms, &size);
      printf ("\"%s_revoked_ask_ms\": %.1f, \"%s_revoked_size\": %" G_GSIZE_FORMAT "%s", who,
              ask_ms, who, size, people ? "}\n" : ", ");
      tear_down (&b);
    }
  return EXIT_SUCCESS;
}
