/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Following a published deny-list: after whatever went wrong the copy is the list, entry by entry,
 * or is known to be old. */

#include "resource/tessera-feed-follower-private.h"

#include "feed-server.h"
#include "feed-maker.h"

#include <string.h>

#define JTI(n) "018bcfe5-6800-7000-8000-00000000000" #n

static TesseraKey *key;
static TesseraKey *other_key;
static gint64 offset;  /* of the clock */
static gint64 elapsed; /* more than really has */

typedef struct
{
  TesseraClock *clock;
  TesseraDenyReplica *replica;
  SoupSession *session;
  FeedServer *server;
  TesseraFeedFollower *follower;
  TesseraFeedPlaces places;
  char *uris[FEED_N_PLACES];
  gboolean knows_keys;
  guint n_lookups;
  guint n_changes;
  guint n_failures;
  guint n_checks;
} Fixture;

static TesseraKey *
lookup_key (gpointer data, const char *kid)
{
  Fixture *f = data;

  f->n_lookups++;
  return f->knows_keys && g_str_equal (kid, tessera_key_get_id (key)) ? tessera_key_ref (key)
                                                                      : NULL;
}

static void
on_changed (gpointer data)
{
  ((Fixture *) data)->n_changes++;
}

static void
on_failed (gpointer data, const GError *error)
{
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  ((Fixture *) data)->n_failures++;
}

static const TesseraFeedFollowerFuncs funcs = { lookup_key, on_changed, on_failed };

static void
fixture_set_up (Fixture *f, gconstpointer data)
{
  static const char *const paths[] = { "/token", "/deny-list", "/events" };
  const TesseraFeedPace pace = { 1, 5, 10 * 1000, 600 * 1000 };

  offset = elapsed = 0;
  f->clock = tessera_clock_new ();
  f->replica = tessera_deny_replica_new (f->clock);
  f->session = soup_session_new_with_options ("timeout", 0, NULL);
  f->server = feed_server_new (key);
  f->knows_keys = TRUE;
  f->follower = tessera_feed_follower_new (f->session, f->replica, &funcs, f);
  tessera_feed_follower_set_pace (f->follower, &pace);
  for (guint i = 0; i < FEED_N_PLACES; i++)
    f->uris[i] = g_strconcat (f->server->uri, paths[i], NULL);
  f->places = (TesseraFeedPlaces){ .issuer = FEED_MAKER_ISSUER,
                                   .token_endpoint = f->uris[FEED_TOKEN],
                                   .snapshot_uri = f->uris[FEED_SNAPSHOT],
                                   .events_uri = f->uris[FEED_EVENTS],
                                   .client_id = "rs 1",
                                   .secret = "s:e%c" };
}

/* What happens, happens for another reason than that nothing came for long. */
static const TesseraFeedPace patient = { 1, 5, 600 * 1000, 600 * 1000 };

static void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  tessera_feed_follower_free (f->follower);
  soup_session_abort (f->session);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_object_unref (f->session);
  feed_server_free (f->server);
  tessera_deny_replica_free (f->replica);
  tessera_clock_unref (f->clock);
  for (guint i = 0; i < FEED_N_PLACES; i++)
    g_free (f->uris[i]);
}

/* Never more than that; a test that waits so long has failed. */
static gboolean
on_too_long (gpointer data)
{
  g_error ("Not in time");
  return G_SOURCE_REMOVE;
}

#define RUN_UNTIL(condition)                                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    guint too_long_ = g_timeout_add_seconds (60, on_too_long, NULL);                               \
    while (!(condition))                                                                           \
      g_main_context_iteration (NULL, TRUE);                                                       \
    g_source_remove (too_long_);                                                                   \
  }                                                                                                \
  G_STMT_END

static gboolean
is_fresh (Fixture *f)
{
  return tessera_deny_replica_get_age_ms (f->replica) < 60 * 1000;
}

static void
start (Fixture *f)
{
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (feed_server_count_streams (f->server) == 1
             && feed_server_equals (f->server, f->replica));
}

/* After whatever happened: a stream, and the right list. */
static void
expect_right (Fixture *f)
{
  RUN_UNTIL (feed_server_count_streams (f->server) == 1
             && feed_server_equals (f->server, f->replica));
  g_autofree char *last = g_strdup_printf ("last%u", f->n_checks++);
  feed_server_deny (f->server, "client", last);
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
}

static gboolean
is_refused (Fixture *f, const char *jti)
{
  TesseraTokenIdentity token = { .jti = jti, .client_id = "c", .issued_ms = 1700000000001 };

  return tessera_deny_replica_check (f->replica, &token);
}

static void
test_takes_the_list_and_each_event (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (f->server, "grant", "g");
  start (f);
  g_assert_true (is_refused (f, JTI (1)));
  g_assert_false (is_refused (f, JTI (2)));
  g_assert_cmpstr (f->server->cursor, ==, "2");

  guint n_changes = f->n_changes;
  feed_server_deny (f->server, "token", JTI (2));
  RUN_UNTIL (f->n_changes > n_changes);
  g_assert_true (is_refused (f, JTI (2)));
  static const char *const rules[] = { "grant-tokens", "session",       "subject", "subject-tokens",
                                       "client",       "client-tokens", "key" };
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    feed_server_deny (f->server, rules[i], "x");
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
  feed_server_deny (f->server, "all", "");
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
  g_assert_cmpuint (f->server->n_requests[FEED_EVENTS], ==, 1);
}

static void
test_asks_as_the_client_that_it_is (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_cmpstr (f->server->asked_body, ==, "grant_type=client_credentials&scope=denylist");
  /* RFC 6749 §2.3.1: "rs%201:s%3Ae%25c". */
  g_assert_cmpstr (f->server->authorization[FEED_TOKEN], ==, "Basic cnMlMjAxOnMlM0FlJTI1Yw==");
  g_assert_cmpstr (f->server->authorization[FEED_SNAPSHOT], ==, "Bearer token-1");
  g_assert_cmpstr (f->server->authorization[FEED_EVENTS], ==, "Bearer token-1");
  g_assert_cmpuint (f->server->n_tokens, ==, 1);
  g_assert_null (f->server->cursor);
}

static void
test_goes_on_where_a_stream_ended (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  start (f);
  for (guint i = 0; i < 4; i++)
    {
      guint n = f->server->n_requests[FEED_EVENTS];

      feed_server_end_streams (f->server, i % 2 == 0);
      feed_server_deny_silently (f->server, "session", i < 2 ? "a" : "b");
      feed_server_deny_silently (f->server, "grant", i < 2 ? "c" : "d");
      if (i % 2 == 1)
        {
          /* What another entry covers, the copy has once too. */
          feed_server_forget (f->server, f->server->entries->len - 1);
          feed_server_forget (f->server, f->server->entries->len - 1);
        }
      RUN_UNTIL (f->server->n_requests[FEED_EVENTS] > n
                 && feed_server_equals (f->server, f->replica));
    }
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
  expect_right (f);
}

/* The stream's bytes with the head of the answer: some 900. */
static void
test_goes_on_wherever_a_stream_was_cut (Fixture *f, gconstpointer data)
{
  start (f);
  for (gsize i = 0; i < 1200; i += g_test_quick () ? 7 : 1)
    {
      g_autofree char *value = g_strdup_printf ("s%" G_GSIZE_FORMAT, i);
      guint n = f->server->n_requests[FEED_EVENTS];

      feed_server_deny_silently (f->server, "session", value);
      feed_server_deny_silently (f->server, "grant", value);
      f->server->cut_after[FEED_EVENTS] = i + 1;
      feed_server_end_streams (f->server, TRUE);
      RUN_UNTIL (f->server->n_requests[FEED_EVENTS] > n
                 && feed_server_equals (f->server, f->replica));
      if (f->server->cut_after[FEED_EVENTS] == 0)
        RUN_UNTIL (feed_server_count_streams (f->server) == 1
                   && f->server->n_requests[FEED_EVENTS] > n + 1);
    }
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
  expect_right (f);
}

static void
test_takes_no_part_of_a_snapshot (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  f->server->is_compressed = data != NULL;
  tessera_feed_follower_start (f->follower, &f->places);
  for (gsize i = 0; i < 700; i += g_test_quick () ? 11 : 1)
    {
      guint n = f->server->n_requests[FEED_SNAPSHOT];

      f->server->cut_after[FEED_SNAPSHOT] = i + 1;
      RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] > n
                 || feed_server_count_streams (f->server) > 0);
      /* It was shorter than that. */
      if (feed_server_count_streams (f->server) > 0)
        break;
      g_assert_cmpuint (tessera_deny_replica_get_count (f->replica), ==, 0);
      g_assert_true (is_refused (f, JTI (5)));
    }
  f->server->cut_after[FEED_SNAPSHOT] = 0;
  expect_right (f);
}

static void
test_starts_over_when_told_to (Fixture *f, gconstpointer data)
{
  g_autofree char *reset = NULL;

  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (f->server, "token", JTI (2));
  start (f);
  feed_server_deny_silently (f->server, "token", JTI (3));
  feed_server_forget (f->server, 0);
  reset = g_strdup_printf (
      "event: reset\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":3}\n\n");
  feed_server_say (f->server, reset);
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] == 2);
  expect_right (f);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 2);
}

/* A reset on a new stream, with a heartbeat before it that promises nothing. */
static void
test_hears_that_it_is_elsewhere (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  start (f);
  feed_server_deny_silently (f->server, "token", JTI (2));
  f->server->answers[FEED_EVENTS]
      = g_strdup ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1\n\n"
                  "event: heartbeat\ndata: {\"list\":\"list-1\",\"time\":0,\"generation\":0}\n\n"
                  "event: reset\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":2}\n\n");
  feed_server_end_streams (f->server, TRUE);
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] == 2);
  expect_right (f);
}

/* Places that are none, and snapshots that are none or too large: it says so, and goes on trying.
 */
static void
test_survives_wrong_places (Fixture *f, gconstpointer data)
{
  char **places[] = { (char **) &f->places.token_endpoint, (char **) &f->places.snapshot_uri };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      char *right = *places[i];
      guint before = f->n_failures;

      *places[i] = (char *) "no place";
      tessera_feed_follower_start (f->follower, &f->places);
      RUN_UNTIL (f->n_failures > before + 1);
      g_assert_true (is_refused (f, JTI (1)));
      *places[i] = right;
    }
  start (f);
  f->places.events_uri = "no place";
  guint before = f->n_failures;
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->n_failures > before + 1);
  f->places.events_uri = f->uris[FEED_EVENTS];
  start (f);
  expect_right (f);
}

static void
test_takes_no_snapshot_that_is_none (Fixture *f, gconstpointer data)
{
  f->server->answers[FEED_SNAPSHOT] = g_strdup ("HTTP/1.1 200 OK\r\n\r\nnonsense\n");
  start (f);
  g_assert_cmpuint (f->n_failures, ==, 1);
  expect_right (f);
}

static void
test_takes_no_snapshot_for_ever (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  tessera_feed_follower_set_pace (f->follower, &(TesseraFeedPace){ 1, 5, 10 * 1000, 0 });
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->n_failures >= 2);
  g_assert_true (is_refused (f, JTI (7)));
  tessera_feed_follower_set_pace (f->follower, &patient);
  start (f);
}

static void
test_takes_no_snapshot_that_is_too_large (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (f->server, "token", JTI (2));
  feed_server_deny (f->server, "token", JTI (3));
  tessera_feed_follower_set_max_entries (f->follower, 2);
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->n_failures >= 2);
  g_assert_true (is_refused (f, JTI (7)));
  feed_server_forget (f->server, 0);
  start (f);
}

static void
test_takes_another_list (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (f->server, "token", JTI (2));
  start (f);
  feed_server_replace_list (f->server, "list-2");
  feed_server_deny_silently (f->server, "token", JTI (3));
  if (data == NULL)
    feed_server_heartbeat (f->server, 0);
  else
    feed_server_deny (f->server, "token", JTI (4));
  expect_right (f);
  g_assert_false (is_refused (f, JTI (1)));
  g_assert_true (is_refused (f, JTI (3)));
}

/* A server that lost its newest entries, and has new ones of the same generations. */
static void
test_does_not_go_back (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < 5; i++)
    feed_server_deny (f->server, "token", JTI (1));
  feed_server_forget (f->server, 4);
  feed_server_forget (f->server, 3);
  feed_server_forget (f->server, 2);
  feed_server_forget (f->server, 1);
  start (f);
  f->server->generation = 3;
  feed_server_heartbeat (f->server, g_get_real_time () / 1000 + 50 * 1000);
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] >= 3);
  /* The copy cannot become that list; so it becomes old, and refuses. */
  g_assert_cmpuint (tessera_deny_replica_get_generation (f->replica), ==, 5);
  g_assert_true (is_refused (f, JTI (7)));
  f->server->generation = 6;
  expect_right (f);
  g_assert_false (is_refused (f, JTI (7)));
}

static void
test_refuses_all_while_a_rule_is_unknown (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_false (is_refused (f, JTI (1)));
  feed_server_deny (f->server, "device", "d");
  RUN_UNTIL (is_refused (f, JTI (1)));
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] >= 4);
  g_assert_true (is_refused (f, JTI (1)));
  feed_server_forget (f->server, 0);
  expect_right (f);
  g_assert_false (is_refused (f, JTI (1)));
}

/* Met in a snapshot, not on the stream. */
static void
test_refuses_all_while_a_snapshot_is_not_understood (Fixture *f, gconstpointer data)
{
  start (f);
  g_assert_false (is_refused (f, JTI (1)));
  feed_server_deny_silently (f->server, "device", "d");
  feed_server_say (f->server,
                   "event: reset\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":1}\n\n");
  RUN_UNTIL (is_refused (f, JTI (1)));
  feed_server_forget (f->server, 0);
  expect_right (f);
  g_assert_false (is_refused (f, JTI (1)));
}

static const char *const garbage[] = {
  "event: deny\nid: 1\ndata: {\n\n",
  "event: deny\nid: 1\ndata: {}\n\n",
  "event: heartbeat\ndata: 5\n\n",
  "event: reset\ndata: x\n\n",
  "event: deny\nid: 2\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":1,\"rule\":\"key\","
  "\"value\":\"k\"}\n\n",
  "event: deny\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":1,\"rule\":\"key\","
  "\"value\":\"k\"}\n\n",
  "event: deny\nid: 1\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":1,\"rule\":\"key\","
  "\"value\":7}\n\n",
};

static void
test_starts_over_at_what_it_cannot_read (Fixture *f, gconstpointer data)
{
  start (f);
  feed_server_say (f->server, data);
  RUN_UNTIL (is_refused (f, JTI (1)));
  expect_right (f);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 2);
  g_assert_false (is_refused (f, JTI (1)));
}

static void
test_passes_over_what_means_nothing (Fixture *f, gconstpointer data)
{
  start (f);
  feed_server_say (f->server,
                   ": hello\n\ndata: x\n\nevent: weather\nid: 99\ndata: {\n\nretry: x\n\n");
  expect_right (f);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
  g_assert_cmpuint (f->server->n_requests[FEED_EVENTS], ==, 1);
}

static void
test_bounds_a_line_of_events (Fixture *f, gconstpointer data)
{
  g_autofree char *endless = g_strnfill (20000, 'x');

  start (f);
  feed_server_say (f->server, endless);
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] == 2);
  expect_right (f);
}

static void
test_connects_again_when_nothing_comes (Fixture *f, gconstpointer data)
{
  const TesseraFeedPace pace = { 1, 20, 100, 600 * 1000 };

  tessera_feed_follower_set_pace (f->follower, &pace);
  f->server->is_mute = data != NULL;
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->server->n_requests[FEED_EVENTS] >= 3);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
  f->server->is_mute = FALSE;
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
}

static void
test_events_of_before_do_not_count_twice (Fixture *f, gconstpointer data)
{
  start (f);
  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (f->server, "token", JTI (2));
  g_autofree char *stream = feed_server_dup_stream (f->server, 0);
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
  guint n_changes = f->n_changes;
  feed_server_say (f->server, strstr (stream, "id: 1"));
  expect_right (f);
  g_assert_cmpuint (f->n_changes, ==, n_changes + 1);
  g_assert_cmpuint (f->server->n_requests[FEED_EVENTS], ==, 1);
}

/* A proxy plays what an old connection, of another reader, was told: with a gap before it. */
static void
test_believes_no_stream_of_somebody_else (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (f->server, "token", JTI (2));
  feed_server_deny (f->server, "token", JTI (3));
  start (f);
  feed_server_deny_silently (f->server, "token", JTI (4));
  feed_server_deny_silently (f->server, "token", JTI (5));
  g_autofree char *later = feed_server_dup_stream (f->server, data != NULL ? 1 : 4);
  f->server->answers[FEED_EVENTS]
      = g_strconcat ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", later, NULL);
  feed_server_end_streams (f->server, TRUE);
  RUN_UNTIL (f->server->answers[FEED_EVENTS] == NULL);
  RUN_UNTIL (f->server->n_requests[FEED_EVENTS] >= 3);
  expect_right (f);
  g_assert_true (is_refused (f, JTI (4)));
}

static void
test_believes_no_stream_without_a_heartbeat (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  start (f);
  feed_server_deny_silently (f->server, "token", JTI (2));
  feed_server_deny_silently (f->server, "token", JTI (3));
  g_autofree char *stream = feed_server_dup_stream (f->server, 0);
  f->server->answers[FEED_EVENTS]
      = g_strconcat ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                     strstr (stream, "id: 3"), NULL);
  feed_server_end_streams (f->server, TRUE);
  expect_right (f);
  g_assert_true (is_refused (f, JTI (2)));
}

/* --- how old it is --- */

static void
test_old_heartbeats_do_not_freshen (Fixture *f, gconstpointer data)
{
  gint64 now = g_get_real_time () / 1000;

  f->server->time_ms = now;
  start (f);
  g_assert_true (is_fresh (f));
  elapsed = offset = 120 * 1000;
  g_assert_false (is_fresh (f));
  /* All at once, what a proxy had kept, and a list with the time of then: */
  feed_server_heartbeat (f->server, now + 15 * 1000);
  feed_server_heartbeat (f->server, now + 30 * 1000);
  feed_server_heartbeat (f->server, now + 45 * 1000);
  expect_right (f);
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), >=, 75 * 1000);
  feed_server_heartbeat (f->server, now + 110 * 1000);
  expect_right (f);
  g_assert_true (is_fresh (f));
}

/* Once it has begun elsewhere, or is no event stream, nothing that it says makes it ours. @data:
 * its type, and where it begins. */
static void
test_no_later_heartbeat_mends_the_first (Fixture *f, gconstpointer data)
{
  const char *const *stream = data;
  gint64 now = g_get_real_time () / 1000;

  f->server->time_ms = now;
  feed_server_deny (f->server, "token", JTI (1));
  start (f);
  elapsed = offset = 120 * 1000;
  f->server->answers[FEED_EVENTS] = g_strdup_printf (
      "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n"
      "event: heartbeat\ndata: {\"list\":\"list-1\",\"time\":0,\"generation\":%s}\n\n"
      "event: heartbeat\ndata: {\"list\":\"list-1\",\"time\":%" G_GINT64_FORMAT
      ",\"generation\":1}\n\n",
      stream[0], stream[1], now + 115 * 1000);
  feed_server_end_streams (f->server, TRUE);
  RUN_UNTIL (f->server->answers[FEED_EVENTS] == NULL);
  RUN_UNTIL (feed_server_count_streams (f->server) == 1);
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), >=, 75 * 1000);
}

static void
test_a_backlog_does_not_freshen (Fixture *f, gconstpointer data)
{
  gint64 now = g_get_real_time () / 1000;

  f->server->time_ms = now;
  start (f);
  elapsed = offset = 120 * 1000;
  feed_server_heartbeat (f->server, 0);
  f->server->time_ms = now + 120 * 1000;
  expect_right (f); /* an event, with a time */
  g_assert_false (is_fresh (f));
  feed_server_heartbeat (f->server, now + 120 * 1000);
  expect_right (f);
  g_assert_true (is_fresh (f));
}

static void
test_a_time_ahead_does_not_freshen (Fixture *f, gconstpointer data)
{
  gint64 now = g_get_real_time () / 1000;

  f->server->time_ms = now;
  start (f);
  elapsed = offset = 120 * 1000;
  feed_server_heartbeat (f->server, now + 3600 * 1000);
  expect_right (f);
  g_assert_false (is_fresh (f));
  feed_server_heartbeat (f->server, now + 120 * 1000);
  expect_right (f);
  g_assert_true (is_fresh (f));
}

/* --- tokens --- */

static void
test_a_refused_token_is_not_used_again (Fixture *f, gconstpointer data)
{
  start (f);
  f->server->refused_token = g_strdup ("token-1");
  feed_server_end_streams (f->server, TRUE);
  expect_right (f);
  g_assert_cmpstr (f->server->authorization[FEED_EVENTS], ==, "Bearer token-2");
  g_assert_cmpuint (f->server->n_tokens, ==, 2);

  /* Nor one that is not enough: another may be, when somebody has seen to it. */
  f->server->answers[FEED_EVENTS] = g_strdup ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  feed_server_end_streams (f->server, TRUE);
  expect_right (f);
  g_assert_cmpuint (f->server->n_tokens, ==, 3);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
}

static void
test_a_token_is_renewed_before_it_ends (Fixture *f, gconstpointer data)
{
  tessera_feed_follower_set_pace (f->follower, &patient);
  f->server->token_lifetime_s = 1;
  start (f);
  RUN_UNTIL (f->server->n_tokens == 2);
  RUN_UNTIL (f->server->n_requests[FEED_EVENTS] == 2);
  expect_right (f);
}

/* A snapshot that takes longer than a token lives is not asked for twice because of that. */
static void
test_a_renewal_leaves_a_snapshot_alone (Fixture *f, gconstpointer data)
{
  tessera_feed_follower_set_pace (f->follower, &patient);
  f->server->token_lifetime_s = 1;
  f->server->answers[FEED_SNAPSHOT] = g_strdup (
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.tessera.deny-list+jsonl\r\n\r\n");
  f->server->is_endless = TRUE;
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->server->n_tokens == 3);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
}

/* What has ended while it waited for its turn is not shown any more. */
static void
test_a_renewal_waits_for_its_turn (Fixture *f, gconstpointer data)
{
  tessera_feed_follower_set_pace (f->follower,
                                  &(TesseraFeedPace){ 3000, 3000, 60 * 1000, 600 * 1000 });
  f->server->token_lifetime_s = 1;
  f->server->answers[FEED_SNAPSHOT] = g_strdup ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] == 2);
  g_assert_cmpstr (f->server->authorization[FEED_SNAPSHOT], ==, "Bearer token-2");
}

static void
test_asks_again_for_a_token (Fixture *f, gconstpointer data)
{
  static const char *const answers[] = {
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
    "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\"}",
    "HTTP/1.1 200 OK\r\n\r\n{\"access_token\":\"a\",\"token_type\":\"DPoP\"}",
    "HTTP/1.1 307 Away\r\nLocation: /deny-list\r\nContent-Length: 0\r\n\r\n",
    "nonsense\r\n\r\n",
    "",
  };

  f->server->answers[FEED_TOKEN] = g_strdup (answers[0]);
  tessera_feed_follower_start (f->follower, &f->places);
  for (guint i = 1; i < G_N_ELEMENTS (answers); i++)
    {
      RUN_UNTIL (f->n_failures >= i);
      f->server->answers[FEED_TOKEN] = g_strdup (answers[i]);
    }
  RUN_UNTIL (f->server->n_tokens == 1);
  expect_right (f);
  g_assert_cmpuint (f->n_failures, ==, G_N_ELEMENTS (answers));
}

static void
test_bounds_the_answer_with_a_token (Fixture *f, gconstpointer data)
{
  g_autofree char *endless = g_strnfill (100000, ' ');

  tessera_feed_follower_set_pace (f->follower, &patient);
  f->server->is_endless = TRUE;
  f->server->answers[FEED_TOKEN] = g_strconcat ("HTTP/1.1 200 OK\r\n\r\n", endless, NULL);
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->n_failures == 1);
  expect_right (f);
}

/* --- keys and other hosts --- */

static void
test_waits_for_a_key (Fixture *f, gconstpointer data)
{
  f->knows_keys = FALSE;
  feed_server_deny (f->server, "token", JTI (1));
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (f->n_lookups == 1);
  g_assert_cmpuint (tessera_deny_replica_get_count (f->replica), ==, 0);
  tessera_feed_follower_keys_changed (f->follower);
  g_assert_cmpuint (f->n_lookups, ==, 2);
  g_assert_cmpuint (tessera_deny_replica_get_count (f->replica), ==, 0);
  f->knows_keys = TRUE;
  tessera_feed_follower_keys_changed (f->follower);
  expect_right (f);
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 1);
  tessera_feed_follower_keys_changed (f->follower);
  expect_right (f);
}

static TesseraKey *
lookup_other_key (gpointer data, const char *kid)
{
  return tessera_key_ref (other_key);
}

static void
test_takes_nothing_without_the_right_signature (Fixture *f, gconstpointer data)
{
  const TesseraFeedFollowerFuncs other = { lookup_other_key, on_changed, on_failed };
  TesseraFeedFollower *follower = tessera_feed_follower_new (f->session, f->replica, &other, f);
  const TesseraFeedPace pace = { 1, 5, 10 * 1000, 600 * 1000 };

  tessera_feed_follower_set_pace (follower, &pace);
  tessera_feed_follower_start (follower, &f->places);
  RUN_UNTIL (f->n_failures >= 3);
  g_assert_cmpuint (f->server->n_requests[FEED_EVENTS], ==, 0);
  g_assert_cmpint (tessera_deny_replica_get_age_ms (f->replica), ==, G_MAXINT64);
  tessera_feed_follower_free (follower);
}

static void
test_tells_another_host_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr (FeedServer) mirror = feed_server_new (key);
  g_autofree char *uri = g_strconcat (mirror->uri, "/deny-list", NULL);

  mirror->is_compressed = TRUE;
  feed_server_deny (f->server, "token", JTI (1));
  feed_server_deny (mirror, "token", JTI (1));
  feed_server_deny (f->server, "token", JTI (2));
  f->places.snapshot_uri = uri;
  start (f);
  g_assert_cmpuint (mirror->n_requests[FEED_SNAPSHOT], ==, 1);
  g_assert_null (mirror->authorization[FEED_SNAPSHOT]);
  g_assert_cmpstr (f->server->cursor, ==, "1");
  g_assert_cmpuint (f->server->n_requests[FEED_SNAPSHOT], ==, 0);

  /* The file is older than what is here: nothing of it is taken, and the copy stays as it is. */
  feed_server_say (f->server,
                   "event: reset\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":2}\n\n");
  RUN_UNTIL (mirror->n_requests[FEED_SNAPSHOT] == 2);
  g_assert_null (mirror->authorization[FEED_SNAPSHOT]); /* though there is a token now */
  expect_right (f);
}

/* What is another name to us may be another machine. */
static void
test_tells_another_name_nothing (Fixture *f, gconstpointer data)
{
  const char *port = strrchr (f->server->uri, ':');
  g_autofree char *uri = g_strconcat ("http://localhost", port, "/deny-list", NULL);

  f->places.snapshot_uri = uri;
  start (f);
  feed_server_say (f->server,
                   "event: reset\ndata: {\"list\":\"list-1\",\"time\":1,\"generation\":2}\n\n");
  RUN_UNTIL (f->server->n_requests[FEED_SNAPSHOT] == 2);
  g_assert_null (f->server->authorization[FEED_SNAPSHOT]);
  g_assert_nonnull (f->server->authorization[FEED_EVENTS]);
}

static void
test_follows_no_redirect (Fixture *f, gconstpointer data)
{
  g_autoptr (FeedServer) other = feed_server_new (key);

  for (guint i = 0; i < FEED_N_PLACES; i++)
    f->server->answers[i]
        = g_strdup_printf ("HTTP/1.1 307 Away\r\nLocation: %s%s\r\nContent-Length: 0\r\n\r\n",
                           other->uri, strrchr (f->uris[i], '/'));
  tessera_feed_follower_start (f->follower, &f->places);
  expect_right (f);
  g_assert_cmpuint (f->n_failures, ==, 3);
  for (guint i = 0; i < FEED_N_PLACES; i++)
    g_assert_cmpuint (other->n_requests[i], ==, 0);
}

static void
test_tries_again_at_other_answers (Fixture *f, gconstpointer data)
{
  static const char *const answers[] = {
    "HTTP/1.1 404 Gone\r\nContent-Length: 3\r\n\r\nxyz",
    "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 50\r\n\r\ndata",
    "HTTP/1.1 204 No\r\n\r\n",
    "",
  };

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    for (FeedPlace place = FEED_SNAPSHOT; place <= FEED_EVENTS; place++)
      {
        guint n = f->server->n_requests[place];

        f->server->answers[place] = g_strdup (answers[i]);
        tessera_feed_follower_stop (f->follower);
        tessera_deny_replica_free (f->replica);
        tessera_feed_follower_free (f->follower);
        f->replica = tessera_deny_replica_new (f->clock);
        f->follower = tessera_feed_follower_new (f->session, f->replica, &funcs, f);
        tessera_feed_follower_set_pace (f->follower,
                                        &(TesseraFeedPace){ 1, 5, 10 * 1000, 600 * 1000 });
        tessera_feed_follower_start (f->follower, &f->places);
        RUN_UNTIL (f->server->n_requests[place] > n + 1);
        expect_right (f);
      }
}

static void
test_can_be_stopped_at_any_time (Fixture *f, gconstpointer data)
{
  feed_server_deny (f->server, "token", JTI (1));
  for (guint i = 0; i < 60; i++)
    {
      tessera_feed_follower_start (f->follower, &f->places);
      for (guint n = 0; n < i; n++)
        g_main_context_iteration (NULL, FALSE);
      tessera_feed_follower_stop (f->follower);
      g_autofree char *list = tessera_deny_replica_dup_list (f->replica);
      guint n_changes = f->n_changes;
      for (guint n = 0; n < 20; n++)
        g_main_context_iteration (NULL, FALSE);
      g_assert_cmpuint (f->n_changes, ==, n_changes);
    }
  start (f);
  expect_right (f);
}

static void
test_asks_again_where_there_are_no_events (Fixture *f, gconstpointer data)
{
  f->places.events_uri = NULL;
  f->places.issuer = FEED_MAKER_ISSUER;
  feed_server_deny (f->server, "token", JTI (1));
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
  feed_server_deny (f->server, "token", JTI (2));
  /* Now, and not in a quarter of a minute: */
  tessera_feed_follower_start (f->follower, &f->places);
  RUN_UNTIL (feed_server_equals (f->server, f->replica));
  g_assert_cmpuint (f->server->n_requests[FEED_EVENTS], ==, 0);
}

#define ADD_DATA(path, function, data)                                                             \
  g_test_add ("/feed-follower/" path, Fixture, data, fixture_set_up, function, fixture_tear_down)
#define ADD(path, function) ADD_DATA (path, function, NULL)

static void
add_tests_of_faults (void)
{
  ADD ("goes-on-where-a-stream-ended", test_goes_on_where_a_stream_ended);
  ADD ("goes-on-wherever-a-stream-was-cut", test_goes_on_wherever_a_stream_was_cut);
  ADD ("takes-no-part-of-a-snapshot", test_takes_no_part_of_a_snapshot);
  ADD_DATA ("takes-no-part-of-a-compressed-snapshot", test_takes_no_part_of_a_snapshot, "gzip");
  ADD ("starts-over-when-told-to", test_starts_over_when_told_to);
  ADD ("hears-that-it-is-elsewhere", test_hears_that_it_is_elsewhere);
  ADD ("survives-wrong-places", test_survives_wrong_places);
  ADD ("takes-no-snapshot-that-is-none", test_takes_no_snapshot_that_is_none);
  ADD ("takes-no-snapshot-for-ever", test_takes_no_snapshot_for_ever);
  ADD ("takes-no-snapshot-that-is-too-large", test_takes_no_snapshot_that_is_too_large);
  ADD ("takes-another-list-at-a-heartbeat", test_takes_another_list);
  ADD_DATA ("takes-another-list-at-an-entry", test_takes_another_list, "entry");
  ADD ("does-not-go-back", test_does_not_go_back);
  ADD ("refuses-all-while-a-rule-is-unknown", test_refuses_all_while_a_rule_is_unknown);
  ADD ("refuses-all-while-a-snapshot-is-not-understood",
       test_refuses_all_while_a_snapshot_is_not_understood);
  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      g_autofree char *path
          = g_strdup_printf ("/feed-follower/starts-over-at-what-it-cannot-read/%u", i);
      g_test_add (path, Fixture, garbage[i], fixture_set_up,
                  test_starts_over_at_what_it_cannot_read, fixture_tear_down);
    }
  ADD ("passes-over-what-means-nothing", test_passes_over_what_means_nothing);
  ADD ("bounds-a-line-of-events", test_bounds_a_line_of_events);
  ADD ("connects-again-when-a-stream-falls-silent", test_connects_again_when_nothing_comes);
  ADD_DATA ("connects-again-when-a-stream-says-nothing", test_connects_again_when_nothing_comes,
            "mute");
  ADD ("events-of-before-do-not-count-twice", test_events_of_before_do_not_count_twice);
  ADD ("believes-no-stream-that-begins-later", test_believes_no_stream_of_somebody_else);
  ADD_DATA ("believes-no-stream-that-begins-earlier", test_believes_no_stream_of_somebody_else,
            "earlier");
  ADD ("believes-no-stream-without-a-heartbeat", test_believes_no_stream_without_a_heartbeat);
}

int
main (int argc, char *argv[])
{
  static const char *const elsewhere[] = { "text/event-stream", "0" };
  static const char *const plain[] = { "text/plain", "1" };

  g_test_init (&argc, &argv, NULL);
  tessera_clock_follow_offset (&offset);
  tessera_clock_follow_elapsed_offset (&elapsed);
  key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);
  other_key = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);

  ADD ("takes-the-list-and-each-event", test_takes_the_list_and_each_event);
  ADD ("asks-as-the-client-that-it-is", test_asks_as_the_client_that_it_is);
  add_tests_of_faults ();
  ADD ("old-heartbeats-do-not-freshen", test_old_heartbeats_do_not_freshen);
  ADD_DATA ("no-later-heartbeat-mends-the-first", test_no_later_heartbeat_mends_the_first,
            elsewhere);
  ADD_DATA ("what-is-no-event-stream-is-not-read-as-one", test_no_later_heartbeat_mends_the_first,
            plain);
  ADD ("a-backlog-does-not-freshen", test_a_backlog_does_not_freshen);
  ADD ("a-time-ahead-does-not-freshen", test_a_time_ahead_does_not_freshen);
  ADD ("a-refused-token-is-not-used-again", test_a_refused_token_is_not_used_again);
  ADD ("a-token-is-renewed-before-it-ends", test_a_token_is_renewed_before_it_ends);
  ADD ("a-renewal-leaves-a-snapshot-alone", test_a_renewal_leaves_a_snapshot_alone);
  ADD ("a-renewal-waits-for-its-turn", test_a_renewal_waits_for_its_turn);
  ADD ("asks-again-for-a-token", test_asks_again_for_a_token);
  ADD ("bounds-the-answer-with-a-token", test_bounds_the_answer_with_a_token);
  ADD ("waits-for-a-key", test_waits_for_a_key);
  ADD ("takes-nothing-without-the-right-signature", test_takes_nothing_without_the_right_signature);
  ADD ("tells-another-host-nothing", test_tells_another_host_nothing);
  ADD ("tells-another-name-nothing", test_tells_another_name_nothing);
  ADD ("follows-no-redirect", test_follows_no_redirect);
  ADD ("tries-again-at-other-answers", test_tries_again_at_other_answers);
  ADD ("can-be-stopped-at-any-time", test_can_be_stopped_at_any_time);
  ADD ("asks-again-where-there-are-no-events", test_asks_again_where_there_are_no_events);
  int result = g_test_run ();
  tessera_key_unref (other_key);
  tessera_key_unref (key);
  return result;
}
