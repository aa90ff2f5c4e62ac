/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* endpoints/tessera-deny-feed.c and store/tessera-deny-tail.c: who follows the deny-list, at the
 * end of an answer in pieces that tests can stop and break. */

#include "engine-fixture.h"
#include "fake-outlet.h"
#include "log-capture.h"

#include "endpoints/tessera-deny-feed-private.h"

#include <string.h>

static gboolean store_fails;

gboolean __wrap_tessera_store_foreach_denial (TesseraStore *store,
                                              guint64 since,
                                              guint limit,
                                              TesseraDenialFunc func,
                                              gpointer data,
                                              GError **error);
gboolean __real_tessera_store_foreach_denial (TesseraStore *store,
                                              guint64 since,
                                              guint limit,
                                              TesseraDenialFunc func,
                                              gpointer data,
                                              GError **error);

gboolean
__wrap_tessera_store_foreach_denial (TesseraStore *store,
                                     guint64 since,
                                     guint limit,
                                     TesseraDenialFunc func,
                                     gpointer data,
                                     GError **error)
{
  if (!store_fails)
    return __real_tessera_store_foreach_denial (store, since, limit, func, data, error);
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "injected");
  return FALSE;
}

typedef struct
{
  EngineFixture *engine;
  TesseraDenyFeed *feed;
  TesseraAccessToken *token;
  guint n_denied;
  GPtrArray *outlets; /* FakeOutlet* */
} Fixture;

static const char *
get_no_header (TesseraExchange *exchange, const char *name)
{
  return NULL;
}

static guint last_status;

static void
note_status (TesseraExchange *exchange)
{
  last_status = exchange->status;
}

static TesseraOutlet *
open_fake (TesseraExchange *exchange)
{
  last_status = exchange->status;
  return exchange->front_data;
}

static FakeOutlet *
add_outlet (Fixture *self)
{
  FakeOutlet *outlet
      = fake_outlet_new (TESSERA_DENY_FEED_UNSENT_MAX / 2); /* no reader is that slow */

  g_ptr_array_add (self->outlets, outlet);
  return outlet;
}

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (Answer) answer = NULL;
  g_autoptr (GError) error = NULL;

  store_fails = FALSE;
  self->engine = engine_fixture_new (GPOINTER_TO_INT (data));
  self->outlets = g_ptr_array_new_with_free_func ((GDestroyNotify) fake_outlet_free);
  self->feed = tessera_deny_feed_new (&self->engine->engine);
  answer = engine_fixture_ask (self->engine, "/token", "c1", "grant_type=client_credentials");
  const char *token = answer_get (answer, "access_token");
  self->token
      = tessera_engine_check_token (&self->engine->engine, token, strlen (token), NULL, &error);
  g_assert_no_error (error);
}

static void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  g_clear_pointer (&self->feed, tessera_deny_feed_free);
  g_ptr_array_unref (self->outlets);
  g_object_unref (self->token);
  engine_fixture_free (self->engine);
}

typedef struct
{
  Fixture *fixture;
  guint count;
  const char *more; /* behind the names; or NULL */
} Denials;

/* Each ends a grant of its own: n0, n1, … */
static gboolean
run_denials (gpointer data, TesseraStore *store, GError **error)
{
  Denials *self = data;

  for (guint i = 0; i < self->count; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%u%s", self->fixture->n_denied + i,
                                               self->more != NULL ? self->more : "");

      if (!tessera_deny_list_deny_grant (self->fixture->engine->engine.deny_list, store, name, NULL,
                                         error))
        return FALSE;
    }
  return TRUE;
}

static void
deny_named (Fixture *self, guint count, const char *more)
{
  Denials denials = { self, count, more };
  g_autoptr (GError) error = NULL;

  tessera_committer_submit_and_wait (self->engine->engine.committer, run_denials, &denials, &error);
  g_assert_no_error (error);
  self->n_denied += count;
}

static void
deny (Fixture *self, guint count)
{
  deny_named (self, count, NULL);
}

static void
follow (Fixture *self, FakeOutlet *outlet, guint64 cursor)
{
  static const TesseraExchangeFront front = { get_no_header, note_status, NULL, open_fake };
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, outlet, NULL);

  exchange->method = "GET";
  exchange->path = "/deny-list/events";
  tessera_deny_feed_subscribe (self->feed, exchange, self->token, cursor, FALSE);
}

/* Every entry once, in order. */
static void
assert_denials (const FakeOutlet *outlet, guint first, guint n)
{
  const char *at = outlet->text->str;

  for (guint i = first; i < first + n; i++)
    {
      at = fake_outlet_find (at, "\"value\":\"n");
      g_assert_nonnull (at);
      g_assert_cmpint (g_ascii_strtoll (at, NULL, 10), ==, i);
    }
  g_assert_null (fake_outlet_find (at, "event: deny\n"));
}

static void
test_news_go_to_all (Fixture *self, gconstpointer data)
{
  FakeOutlet *one = add_outlet (self), *two = add_outlet (self);

  follow (self, one, 0);
  follow (self, two, 0);
  deny (self, 3);
  fake_outlet_wait_for (one, "\"n2\"");
  assert_denials (one, 0, 3);
  g_assert_cmpstr (fake_outlet_find (one->text->str, "id: 1\n"), ==,
                   fake_outlet_find (two->text->str, "id: 1\n"));
}

/* All but the last are told at a time at which the last was there already. */
static void
test_only_the_last_of_several_carries_the_time (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);
  gint64 before;

  follow (self, outlet, 0);
  self->engine->offset_ms += 5000;
  before = tessera_clock_get_ms (self->engine->engine.clock);
  deny (self, 2);
  fake_outlet_wait_for (outlet, "\"n1\"");
  const char *first = strstr (outlet->text->str, "event: deny");
  const char *second = strstr (first + 1, "event: deny");
  g_assert_cmpint (g_ascii_strtoll (strstr (first, "\"time\":") + 7, NULL, 10), <, before);
  g_assert_cmpint (g_ascii_strtoll (strstr (second, "\"time\":") + 7, NULL, 10), >=, before);
}

static gboolean
refuse (gpointer data, TesseraStore *store, GError **error)
{
  run_denials (data, store, NULL);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The batch is undone");
  return FALSE;
}

static void
test_what_was_undone_is_never_told (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);
  Denials denials = { self, 1, NULL };
  g_autoptr (GError) error = NULL;

  follow (self, outlet, 0);
  self->n_denied = 70;
  g_assert_false (
      tessera_committer_submit_and_wait (self->engine->engine.committer, refuse, &denials, &error));
  self->n_denied = 80;
  deny (self, 1);
  fake_outlet_wait_for (outlet, "\"n80\"");
  g_assert_cmpuint (fake_outlet_count (outlet, "\"n70\""), ==, 0);
}

static void
test_a_follower_catches_up_from_memory (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);

  deny (self, 1200);
  follow (self, outlet, 200);
  fake_outlet_wait_for (outlet, "heartbeat\ndata: {\"list\":\"");
  deny (self, 1);
  outlet->base.funcs->ready (&outlet->base, outlet->base.data);
  fake_outlet_wait_for (outlet, "\"n1200\"");
  assert_denials (outlet, 200, 1001);
}

/* While one catches up, more comes than was published: that goes to all at once. */
static void
test_what_is_not_published_waits_for_all (Fixture *self, gconstpointer data)
{
  FakeOutlet *behind = add_outlet (self);

  deny (self, 3);
  behind->stopped = TRUE;
  follow (self, behind, 0);
  deny (self, 2); /* the loop does not turn */
  behind->stopped = FALSE;
  behind->base.funcs->ready (&behind->base, behind->base.data);
  assert_denials (behind, 0, 3);
  fake_outlet_wait_for (behind, "\"n4\"");
  assert_denials (behind, 0, 5);
}

/* The oldest are in the store alone. */
static void
test_a_follower_catches_up_from_the_store (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);
  guint64 last;

  deny (self, 3 * TESSERA_DENY_TAIL_LENGTH);
  g_assert_null (tessera_deny_tail_list (
      tessera_deny_list_get_tail (self->engine->engine.deny_list), 0, 1, &last));
  follow (self, outlet, 0);
  outlet->base.funcs->ready (&outlet->base, outlet->base.data);
  deny (self, 5);
  g_autofree char *newest = g_strdup_printf ("\"n%u\"", self->n_denied - 1);
  fake_outlet_wait_for (outlet, newest);
  assert_denials (outlet, 0, self->n_denied);
  g_assert_cmpuint (fake_outlet_count (outlet, "\"time\":0,"), >=, 3 * TESSERA_DENY_TAIL_LENGTH);
}

static gboolean
run_prune (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_prune (store, *(const gint64 *) data, error);
}

/* What a follower has missed may be there no more: what it was about has expired. What is new is
 * told all the same. */
static void
test_what_the_store_forgot_is_not_missed (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);
  gint64 end_ms = tessera_clock_get_ms (self->engine->engine.clock) + 24 * 3600 * 1000;

  deny (self, 3 * TESSERA_DENY_TAIL_LENGTH);
  g_assert_true (
      tessera_committer_submit_and_wait (self->engine->engine.committer, run_prune, &end_ms, NULL));
  follow (self, outlet, 0);
  outlet->base.funcs->ready (&outlet->base, outlet->base.data);
  deny (self, 1); /* behind what is just read */
  g_autofree char *newest = g_strdup_printf ("\"n%u\"", self->n_denied - 1);
  fake_outlet_wait_for (outlet, newest);
  assert_denials (outlet, self->n_denied - 1, 1);
}

static void
test_a_store_that_fails_ends_the_stream (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self), *live = add_outlet (self);

  deny (self, 3 * TESSERA_DENY_TAIL_LENGTH);
  follow (self, live, self->n_denied);
  store_fails = TRUE;
  log_capture_begin ();
  follow (self, outlet, 0);
  outlet->base.funcs->ready (&outlet->base, outlet->base.data);
  fake_outlet_wait_for_flag (&outlet->finished);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*injected*");
  g_assert_false (live->finished);
}

/* More than is written at once: who is live reads it as if it were catching up. */
static void
test_long_news_come_in_parts (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);
  g_autofree char *tail = g_strnfill (400, 'x');

  follow (self, outlet, 0);
  deny_named (self, 450, tail);
  for (guint i = 0; i < 10 && fake_outlet_find (outlet->text->str, "\"n449x") == NULL; i++)
    {
      fake_outlet_wait_for (outlet, "\"n0x");
      outlet->base.funcs->ready (&outlet->base, outlet->base.data);
    }
  assert_denials (outlet, 0, 450);
  deny (self, 1);
  fake_outlet_wait_for (outlet, "\"n450\"");
}

/* It is alive, and what it says proves nothing about the age of what the reader knows. */
static void
test_who_is_behind_hears_a_heartbeat_without_a_time (Fixture *self, gconstpointer data)
{
  FakeOutlet *behind = add_outlet (self);

  deny (self, 3);
  behind->stopped = TRUE;
  follow (self, behind, 0);
  g_string_truncate (behind->text, 0); /* it begins with one */
  self->engine->offset_ms += TESSERA_DENY_FEED_HEARTBEAT_MS + 1000;
  fake_outlet_wait_for (behind, "event: heartbeat\n");
  g_assert_cmpuint (fake_outlet_count (behind, "\"time\":0,\"generation\":0}"), ==, 1);
  g_assert_cmpuint (fake_outlet_count (behind, "\"time\":"), ==, 1);
}

static void
test_who_reads_slowly_catches_up_at_its_pace (Fixture *self, gconstpointer data)
{
  FakeOutlet *slow = add_outlet (self), *quick = add_outlet (self);
  slow->stopped = TRUE;

  follow (self, quick, 0);
  deny (self, 3000);
  follow (self, slow, 0);
  fake_outlet_wait_for (quick, "\"n2999\"");
  assert_denials (quick, 0, 3000);
  g_assert_cmpuint (fake_outlet_count (slow, "event: deny"), ==, 0);
  slow->stopped = FALSE;
  slow->base.funcs->ready (&slow->base, slow->base.data);
  fake_outlet_wait_for (slow, "\"n2999\"");
  assert_denials (slow, 0, 3000);
}

static void
test_who_does_not_read_is_cut (Fixture *self, gconstpointer data)
{
  FakeOutlet *full = add_outlet (self), *other = add_outlet (self);
  g_autoptr (GString) metrics = g_string_new (NULL);

  follow (self, full, 0);
  follow (self, other, 0);
  full->full = TRUE;
  deny (self, 1);
  fake_outlet_wait_for (other, "\"n0\"");
  g_assert_true (full->cut);
  g_assert_false (full->finished);
  deny (self, 1);
  fake_outlet_wait_for (other, "\"n1\"");
  tessera_deny_feed_append_metrics (self->feed, metrics);
  g_assert_nonnull (strstr (metrics->str, "\ntessera_feed_subscribers 1\n"));
  g_assert_nonnull (strstr (metrics->str, "\ntessera_feed_dropped_total 1\n"));
}

static void
test_who_is_too_far_behind_begins_anew (Fixture *self, gconstpointer data)
{
  FakeOutlet *behind = add_outlet (self), *near = add_outlet (self);

  deny (self, TESSERA_DENY_FEED_LAG_MAX + 1);
  follow (self, behind, 0);
  g_assert_true (behind->finished);
  g_assert_cmpint (behind->why, ==, TESSERA_OUTLET_RESET);
  g_assert_cmpuint (fake_outlet_count (behind, "event: reset\n"), ==, 1);
  follow (self, near, 1);
  g_assert_false (near->finished);
}

static void
test_there_are_not_too_many (Fixture *self, gconstpointer data)
{
  FakeOutlet *one = add_outlet (self), *two = add_outlet (self);

  self->engine->engine.settings->feed_subscribers = 1;
  follow (self, one, 0);
  g_assert_cmpuint (last_status, ==, 200);
  follow (self, two, 0);
  g_assert_cmpuint (last_status, ==, 503);
  one->base.funcs->ended (&one->base, one->base.data);
  follow (self, two, 0);
  g_assert_cmpuint (last_status, ==, 200);
}

static void
test_the_end_of_the_feed_ends_all (Fixture *self, gconstpointer data)
{
  FakeOutlet *live = add_outlet (self), *waiting = add_outlet (self), *drained = add_outlet (self);

  deny (self, 3 * TESSERA_DENY_TAIL_LENGTH);
  follow (self, live, self->n_denied);
  follow (self, waiting, 0);
  waiting->base.funcs->ready (&waiting->base, waiting->base.data); /* a page is under way */
  follow (self, drained, self->n_denied);
  drained->base.funcs->draining (&drained->base, drained->base.data);
  g_assert_true (drained->finished);
  g_assert_cmpint (drained->why, ==, TESSERA_OUTLET_LEAVING);
  g_assert_false (live->finished);
  g_clear_pointer (&self->feed, tessera_deny_feed_free);
  g_assert_true (live->finished && waiting->finished);
  tessera_committer_close (self->engine->engine.committer);
}

static void
test_a_stream_ends_with_its_token (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);

  follow (self, outlet, 0);
  self->engine->offset_ms += 601 * 1000;
  fake_outlet_wait_for_flag (&outlet->finished);
  g_assert_cmpint (outlet->why, ==, TESSERA_OUTLET_UNAUTHORIZED);
}

static void
test_the_newest_are_there_after_a_restart (Fixture *self, gconstpointer data)
{
  TesseraEngine *engine = &self->engine->engine;
  g_autoptr (GPtrArray) entries = NULL;
  gboolean rolled_back;
  guint64 last;
  g_autoptr (GError) error = NULL;

  deny (self, 10);
  g_clear_pointer (&self->feed, tessera_deny_feed_free);
  g_object_ref (self->engine->store);
  tessera_committer_close (engine->committer);
  g_autofree char *id = g_strdup (tessera_deny_list_get_id (engine->deny_list));
  tessera_deny_list_free (engine->deny_list);
  engine->deny_list = tessera_deny_list_new (engine->clock, 0, NULL);
  tessera_deny_list_load (engine->deny_list, self->engine->store, 1000, &rolled_back, &error);
  g_object_unref (self->engine->store);
  g_assert_no_error (error);
  entries = tessera_deny_tail_list (tessera_deny_list_get_tail (engine->deny_list), 3, 100, &last);
  g_assert_cmpuint (entries->len, ==, 7);
  g_assert_cmpuint (last, ==, 10);
  g_assert_cmpstr (tessera_deny_list_get_id (engine->deny_list), ==, id);
}

int
main (int argc, char *argv[])
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);

#define ADD(name, sqlite, function)                                                                \
  g_test_add ("/deny-feed/" name, Fixture, GINT_TO_POINTER (sqlite), fixture_set_up, function,     \
              fixture_tear_down)
  ADD ("news-go-to-all", FALSE, test_news_go_to_all);
  ADD ("only-the-last-of-several-carries-the-time", FALSE,
       test_only_the_last_of_several_carries_the_time);
  ADD ("what-was-undone-is-never-told", FALSE, test_what_was_undone_is_never_told);
  ADD ("a-follower-catches-up-from-memory", FALSE, test_a_follower_catches_up_from_memory);
  ADD ("what-is-not-published-waits-for-all", FALSE, test_what_is_not_published_waits_for_all);
  ADD ("a-follower-catches-up-from-the-store", FALSE, test_a_follower_catches_up_from_the_store);
  ADD ("what-the-store-forgot-is-not-missed", FALSE, test_what_the_store_forgot_is_not_missed);
  ADD ("a-store-that-fails-ends-the-stream", FALSE, test_a_store_that_fails_ends_the_stream);
  ADD ("long-news-come-in-parts", FALSE, test_long_news_come_in_parts);
  ADD ("who-is-behind-hears-a-heartbeat-without-a-time", FALSE,
       test_who_is_behind_hears_a_heartbeat_without_a_time);
  ADD ("who-reads-slowly-catches-up-at-its-pace", FALSE,
       test_who_reads_slowly_catches_up_at_its_pace);
  ADD ("who-does-not-read-is-cut", FALSE, test_who_does_not_read_is_cut);
  ADD ("who-is-too-far-behind-begins-anew", FALSE, test_who_is_too_far_behind_begins_anew);
  ADD ("there-are-not-too-many", FALSE, test_there_are_not_too_many);
  ADD ("the-end-of-the-feed-ends-all", FALSE, test_the_end_of_the_feed_ends_all);
  ADD ("a-stream-ends-with-its-token", FALSE, test_a_stream_ends_with_its_token);
  ADD ("the-newest-are-there-after-a-restart", TRUE, test_the_newest_are_there_after_a_restart);

  return g_test_run ();
}
