/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* endpoints/tessera-deny-feed.c and store/tessera-deny-tail.c: who follows the deny-list, at the
 * end of an answer in pieces that tests can stop and break. */

#include "engine-fixture.h"

#include "endpoints/tessera-deny-feed-private.h"

#include <string.h>

/* An answer in pieces, and what was written of it. */
typedef struct
{
  TesseraOutlet base;
  GString *text;
  gboolean stopped; /* nothing is taken for now */
  gboolean full;    /* more is too much */
  gboolean finished, cut;
} FakeOutlet;

static gboolean
fake_write (TesseraOutlet *base, const char *bytes, gsize length)
{
  FakeOutlet *self = (FakeOutlet *) base;

  g_assert_false (self->finished || self->cut);
  g_assert_cmpuint (length, <=, TESSERA_DENY_FEED_UNSENT_MAX / 2); /* no reader is that slow */
  g_string_append_len (self->text, bytes, (gssize) length);
  return !self->full;
}

static gboolean
fake_is_ready (TesseraOutlet *base)
{
  return !((FakeOutlet *) base)->stopped;
}

static void
fake_finish (TesseraOutlet *base)
{
  ((FakeOutlet *) base)->finished = TRUE;
}

static void
fake_cut (TesseraOutlet *base)
{
  ((FakeOutlet *) base)->cut = TRUE;
}

static const TesseraOutletFront fake_outlet = { fake_write, fake_is_ready, fake_finish, fake_cut };

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
  FakeOutlet *outlet = g_new0 (FakeOutlet, 1);

  outlet->base.front = &fake_outlet;
  outlet->text = g_string_new (NULL);
  g_ptr_array_add (self->outlets, outlet);
  return outlet;
}

static void
fake_outlet_free (gpointer data)
{
  g_string_free (((FakeOutlet *) data)->text, TRUE);
  g_free (data);
}

static void
fixture_set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (Answer) answer = NULL;
  g_autoptr (GError) error = NULL;

  self->engine = engine_fixture_new (GPOINTER_TO_INT (data));
  self->outlets = g_ptr_array_new_with_free_func (fake_outlet_free);
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
} Denials;

/* Each ends a grant of its own: n0, n1, … */
static gboolean
run_denials (gpointer data, TesseraStore *store, GError **error)
{
  Denials *self = data;

  for (guint i = 0; i < self->count; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%u", self->fixture->n_denied + i);

      if (!tessera_deny_list_deny_grant (self->fixture->engine->engine.deny_list, store, name, NULL,
                                         error))
        return FALSE;
    }
  return TRUE;
}

static void
deny (Fixture *self, guint count)
{
  Denials denials = { self, count };
  g_autoptr (GError) error = NULL;

  tessera_committer_submit_and_wait (self->engine->engine.committer, run_denials, &denials, &error);
  g_assert_no_error (error);
  self->n_denied += count;
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

/* Behind the next @wanted at or behind @text, by hand: the sanitizer's strstr () looks at all that
 * is left each time. NULL: there is none. */
static const char *
find (const char *text, const char *wanted)
{
  gsize length = strlen (wanted);

  for (; *text != '\0'; text++)
    if (*text == *wanted && strncmp (text, wanted, length) == 0)
      return text + length;
  return NULL;
}

static gboolean
on_timeout (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Turns the loop until the outlet says @wanted, five seconds at most. */
static void
wait_for (FakeOutlet *outlet, const char *wanted)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (5, on_timeout, &late);

  while (find (outlet->text->str, wanted) == NULL && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (find (outlet->text->str, wanted));
  g_source_remove (id);
}

static void
wait_for_flag (const gboolean *flag)
{
  gboolean late = FALSE;
  guint id = g_timeout_add_seconds (5, on_timeout, &late);

  while (!*flag && !late)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (*flag);
  g_source_remove (id);
}

static guint
count (const FakeOutlet *outlet, const char *what)
{
  guint n = 0;

  for (const char *at = outlet->text->str; (at = find (at, what)) != NULL;)
    n++;
  return n;
}

/* Every entry once, in order. */
static void
assert_denials (const FakeOutlet *outlet, guint first, guint n)
{
  const char *at = outlet->text->str;

  for (guint i = first; i < first + n; i++)
    {
      at = find (at, "\"value\":\"n");
      g_assert_nonnull (at);
      g_assert_cmpint (g_ascii_strtoll (at, NULL, 10), ==, i);
    }
  g_assert_null (find (at, "event: deny\n"));
}

static void
test_news_go_to_all (Fixture *self, gconstpointer data)
{
  FakeOutlet *one = add_outlet (self), *two = add_outlet (self);

  follow (self, one, 0);
  follow (self, two, 0);
  deny (self, 3);
  wait_for (one, "\"n2\"");
  assert_denials (one, 0, 3);
  g_assert_cmpstr (find (one->text->str, "id: 1\n"), ==, find (two->text->str, "id: 1\n"));
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
  wait_for (outlet, "\"n1\"");
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
  Denials denials = { self, 1 };
  g_autoptr (GError) error = NULL;

  follow (self, outlet, 0);
  self->n_denied = 70;
  g_assert_false (
      tessera_committer_submit_and_wait (self->engine->engine.committer, refuse, &denials, &error));
  self->n_denied = 80;
  deny (self, 1);
  wait_for (outlet, "\"n80\"");
  g_assert_cmpuint (count (outlet, "\"n70\""), ==, 0);
}

static void
test_a_follower_catches_up_from_memory (Fixture *self, gconstpointer data)
{
  FakeOutlet *outlet = add_outlet (self);

  deny (self, 1200);
  follow (self, outlet, 200);
  wait_for (outlet, "heartbeat\ndata: {\"list\":\"");
  deny (self, 1);
  outlet->base.funcs->ready (&outlet->base, outlet->base.data);
  wait_for (outlet, "\"n1200\"");
  assert_denials (outlet, 200, 1001);
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
  wait_for (outlet, newest);
  assert_denials (outlet, 0, self->n_denied);
  g_assert_cmpuint (count (outlet, "\"time\":0,"), >=, 3 * TESSERA_DENY_TAIL_LENGTH);
}

static void
test_who_reads_slowly_catches_up_at_its_pace (Fixture *self, gconstpointer data)
{
  FakeOutlet *slow = add_outlet (self), *quick = add_outlet (self);
  slow->stopped = TRUE;

  follow (self, quick, 0);
  deny (self, 3000);
  follow (self, slow, 0);
  wait_for (quick, "\"n2999\"");
  assert_denials (quick, 0, 3000);
  g_assert_cmpuint (count (slow, "event: deny"), ==, 0);
  slow->stopped = FALSE;
  slow->base.funcs->ready (&slow->base, slow->base.data);
  wait_for (slow, "\"n2999\"");
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
  wait_for (other, "\"n0\"");
  g_assert_true (full->cut);
  g_assert_false (full->finished);
  deny (self, 1);
  wait_for (other, "\"n1\"");
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
  g_assert_cmpuint (count (behind, "event: reset\n"), ==, 1);
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
  wait_for_flag (&outlet->finished);
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
  g_test_init (&argc, &argv, NULL);

#define ADD(name, sqlite, function)                                                                \
  g_test_add ("/deny-feed/" name, Fixture, GINT_TO_POINTER (sqlite), fixture_set_up, function,     \
              fixture_tear_down)
  ADD ("news-go-to-all", FALSE, test_news_go_to_all);
  ADD ("only-the-last-of-several-carries-the-time", FALSE,
       test_only_the_last_of_several_carries_the_time);
  ADD ("what-was-undone-is-never-told", FALSE, test_what_was_undone_is_never_told);
  ADD ("a-follower-catches-up-from-memory", FALSE, test_a_follower_catches_up_from_memory);
  ADD ("a-follower-catches-up-from-the-store", FALSE, test_a_follower_catches_up_from_the_store);
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
