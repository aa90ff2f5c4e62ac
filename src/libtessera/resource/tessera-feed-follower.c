/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Follows the published deny-list (docs/denylist-feed.md): a token, a snapshot, then events, and
 * from the beginning again whenever something does not fit.
 *
 * One thing is under way at a time, beside the stream of events: a request, or a wait. What is to
 * be done next is decided in one place, advance (), from what there is. */
#include "resource/tessera-feed-follower-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "resource/tessera-event-stream-private.h"
#include "resource/tessera-feed-entry-private.h"
#include "resource/tessera-feed-request-private.h"
#include "resource/tessera-feed-token-private.h"
#include "resource/tessera-snapshot-reader-private.h"

#include <string.h>

#define WAIT_MS 100
#define MAX_WAIT_MS (10 * 1000)
#define PATIENCE_MS (35 * 1000)
/* However slowly it comes; a list that takes longer would be stale anyway. */
#define SNAPSHOT_MS (10 * 60 * 1000)
#define POLL_MS (15 * 1000)
/* The issuer's keys are asked for once a minute at most. */
#define KEY_WAIT_MS (75 * 1000)
/* A stream that ends sooner was no good. */
#define STREAM_MIN_US G_USEC_PER_SEC

struct _TesseraFeedFollower
{
  SoupSession *session;
  TesseraDenyReplica *replica;
  const TesseraFeedFollowerFuncs *funcs;
  gpointer data;
  TesseraFeedPace pace;
  guint64 max_entries;

  char *issuer;
  char *token_endpoint;
  char *snapshot_uri;
  char *events_uri;
  char *client_id;
  char *secret;

  gboolean is_running;
  GSource *wait; /* then advance */
  guint n_failures;
  gint64 retry_ms; /* as the stream said; -1: it did not */

  char *token;
  gboolean token_was_good; /* it opened something */
  gboolean wants_token;    /* another one, while this one is still good */
  GSource *renewal;
  TesseraFeedRequest *token_request;
  GString *answer;

  gboolean needs_snapshot;
  gboolean is_distrusted; /* everything is refused until a snapshot was taken */
  TesseraFeedRequest *snapshot_request;
  TesseraSnapshotReader *snapshot; /* without a request: it waits for a key */
  gint64 snapshot_began_us;

  TesseraFeedRequest *events_request;
  TesseraEventStream *events;
  gboolean is_greeted;   /* the stream began where it was asked to */
  gboolean is_elsewhere; /* it did not: only a reset may follow */
  gint64 events_began_us;
};

static void advance (TesseraFeedFollower *self);

TesseraFeedFollower *
tessera_feed_follower_new (SoupSession *session,
                           TesseraDenyReplica *replica,
                           const TesseraFeedFollowerFuncs *funcs,
                           gpointer data)
{
  TesseraFeedFollower *self = g_new0 (TesseraFeedFollower, 1);

  self->session = g_object_ref (session);
  self->replica = replica;
  self->funcs = funcs;
  self->data = data;
  self->pace = (TesseraFeedPace){ WAIT_MS, MAX_WAIT_MS, PATIENCE_MS, SNAPSHOT_MS };
  self->max_entries = TESSERA_SNAPSHOT_ENTRIES_MAX;
  return self;
}

static void
forget_places (TesseraFeedFollower *self)
{
  g_clear_pointer (&self->issuer, g_free);
  g_clear_pointer (&self->token_endpoint, g_free);
  g_clear_pointer (&self->snapshot_uri, g_free);
  g_clear_pointer (&self->events_uri, g_free);
  g_clear_pointer (&self->client_id, g_free);
  g_clear_pointer (&self->secret, tessera_secret_free);
}

void
tessera_feed_follower_free (TesseraFeedFollower *self)
{
  tessera_feed_follower_stop (self);
  forget_places (self);
  g_object_unref (self->session);
  g_free (self);
}

void
tessera_feed_follower_set_pace (TesseraFeedFollower *self, const TesseraFeedPace *pace)
{
  self->pace = *pace;
}

void
tessera_feed_follower_set_max_entries (TesseraFeedFollower *self, guint64 max_entries)
{
  self->max_entries = max_entries;
}

/* Waiting. */

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
set_source (GSource **source, guint ms, GSourceFunc func, TesseraFeedFollower *self)
{
  clear_source (source);
  *source = g_timeout_source_new (ms);
  g_source_set_callback (*source, func, self, NULL);
  g_source_attach (*source, g_main_context_get_thread_default ());
}

static gboolean
on_waited (gpointer data)
{
  TesseraFeedFollower *self = data;

  g_clear_pointer (&self->wait, g_source_unref);
  advance (self);
  return G_SOURCE_REMOVE;
}

/* Twice as long each time, from what the server asked for, and never in step with others. */
static guint
get_delay (TesseraFeedFollower *self, guint n_failures)
{
  gint64 base = CLAMP (self->retry_ms, self->pace.wait_ms, self->pace.max_wait_ms);
  gint64 delay = MIN (base << MIN (n_failures, 16), self->pace.max_wait_ms);

  guint16 chance;

  tessera_random_bytes ((guint8 *) &chance, sizeof chance);
  return (guint) (delay / 2 + delay * chance / 2 / G_MAXUINT16);
}

static void
report (TesseraFeedFollower *self, const GError *error)
{
  if (self->funcs->failed != NULL)
    self->funcs->failed (self->data, error);
}

static void
try_later (TesseraFeedFollower *self, const GError *error)
{
  set_source (&self->wait, get_delay (self, self->n_failures), on_waited, self);
  self->n_failures++;
  report (self, error);
}

/* What is no fault as long as it is rare. */
static void
try_now (TesseraFeedFollower *self)
{
  guint delay = self->n_failures > 0 ? get_delay (self, self->n_failures - 1) : 0;

  set_source (&self->wait, delay, on_waited, self);
  self->n_failures++;
}

static void
try_later_because (TesseraFeedFollower *self, const char *why)
{
  g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR, why);

  try_later (self, error);
}

/* Ending what is under way. */

/* There is a token in it. */
static void
forget_answer (TesseraFeedFollower *self)
{
  if (self->answer != NULL)
    tessera_secret_free (g_string_free (g_steal_pointer (&self->answer), FALSE));
}

static void
drop_token_request (TesseraFeedFollower *self)
{
  g_clear_pointer (&self->token_request, tessera_feed_request_drop);
  forget_answer (self);
}

static void
drop_snapshot (TesseraFeedFollower *self)
{
  g_clear_pointer (&self->snapshot_request, tessera_feed_request_drop);
  g_clear_pointer (&self->snapshot, tessera_snapshot_reader_free);
}

static void
drop_events (TesseraFeedFollower *self)
{
  g_clear_pointer (&self->events_request, tessera_feed_request_drop);
  g_clear_pointer (&self->events, tessera_event_stream_free);
}

static void
forget_token (TesseraFeedFollower *self)
{
  clear_source (&self->renewal);
  g_clear_pointer (&self->token, tessera_secret_free);
  self->token_was_good = FALSE;
  self->wants_token = FALSE;
}

/* Everything is refused until there is a list again that was understood. */
static void
distrust (TesseraFeedFollower *self)
{
  self->is_distrusted = TRUE;
  self->needs_snapshot = TRUE;
  tessera_deny_replica_close (self->replica);
}

/* Tokens. */

static gboolean
is_same_origin (const char *uri, const char *other)
{
  g_autoptr (GUri) a = g_uri_parse (uri, SOUP_HTTP_URI_FLAGS, NULL);
  g_autoptr (GUri) b = other != NULL ? g_uri_parse (other, SOUP_HTTP_URI_FLAGS, NULL) : NULL;

  return a != NULL && b != NULL && g_str_equal (g_uri_get_scheme (a), g_uri_get_scheme (b))
         && g_ascii_strcasecmp (g_uri_get_host (a), g_uri_get_host (b)) == 0
         && g_uri_get_port (a) == g_uri_get_port (b);
}

/* The token is for the issuer alone. */
static gboolean
needs_token (TesseraFeedFollower *self, const char *uri)
{
  return self->token_endpoint != NULL && self->client_id != NULL
         && (is_same_origin (uri, self->events_uri) || is_same_origin (uri, self->issuer));
}

static void on_token_head (TesseraFeedRequest *request, SoupMessage *message, gpointer data);
static void
on_token_bytes (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data);
static void on_token_over (TesseraFeedRequest *request, const GError *error, gpointer data);

static const TesseraFeedRequestFuncs token_funcs = { on_token_head, on_token_bytes, on_token_over };

static void
ask_for_token (TesseraFeedFollower *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SoupMessage) message
      = tessera_feed_token_ask (self->token_endpoint, self->client_id,
                                self->secret != NULL ? self->secret : "", &error);

  if (message == NULL)
    {
      try_later (self, error);
      return;
    }
  drop_token_request (self);
  self->answer = g_string_new (NULL);
  self->token_request = tessera_feed_request_send (self->session, message, self->pace.patience_ms,
                                                   &token_funcs, self);
}

static void
on_token_head (TesseraFeedRequest *request, SoupMessage *message, gpointer data)
{
  TesseraFeedFollower *self = data;

  if (soup_message_get_status (message) == SOUP_STATUS_OK)
    return;
  drop_token_request (self);
  try_later_because (self, "The token endpoint gives no token for the deny-list.");
}

static void
on_token_bytes (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data)
{
  TesseraFeedFollower *self = data;

  g_string_append_len (self->answer, bytes, (gssize) length);
  if (self->answer->len <= TESSERA_FEED_TOKEN_ANSWER_MAX)
    return;
  drop_token_request (self);
  try_later_because (self, "The answer of the token endpoint is too long.");
}

/* The stream ends with the token it was opened with; a new one is there before, and with it another
 * stream, which goes on where this one is. */
static gboolean
on_renewal (gpointer data)
{
  TesseraFeedFollower *self = data;

  g_clear_pointer (&self->renewal, g_source_unref);
  self->wants_token = TRUE;
  advance (self);
  return G_SOURCE_REMOVE;
}

static void
take_token (TesseraFeedFollower *self, char *token, guint lifetime_s)
{
  forget_token (self);
  self->token = token;
  set_source (&self->renewal, lifetime_s * 750, on_renewal, self);
  if (self->events_request != NULL)
    drop_events (self);
  advance (self);
}

static void
on_token_over (TesseraFeedRequest *request, const GError *error, gpointer data)
{
  TesseraFeedFollower *self = data;
  g_autoptr (GError) problem = error != NULL ? g_error_copy (error) : NULL;
  char *token = NULL;
  guint lifetime_s = 0;

  if (problem == NULL)
    tessera_feed_token_read (self->answer->str, self->answer->len, &token, &lifetime_s, &problem);
  drop_token_request (self);
  if (problem == NULL)
    take_token (self, token, lifetime_s);
  else
    try_later (self, problem);
}

/* Asking with the token. */

static SoupMessage *
make_request (TesseraFeedFollower *self, const char *uri, const char *accept)
{
  SoupMessage *message = soup_message_new (SOUP_METHOD_GET, uri);

  if (message == NULL)
    return NULL;
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Accept", accept);
  if (self->token != NULL && needs_token (self, uri))
    {
      g_autoptr (TesseraSecret) authorization = g_strconcat ("Bearer ", self->token, NULL);
      soup_message_headers_replace (headers, "Authorization", authorization);
    }
  return message;
}

/* A token that was good has ended, or was revoked; one that never was will not become so by asking
 * at once for another. */
static void
refused (TesseraFeedFollower *self, SoupMessage *message)
{
  gboolean was_good = self->token_was_good;
  guint status = soup_message_get_status (message);

  if (status == SOUP_STATUS_UNAUTHORIZED || status == SOUP_STATUS_FORBIDDEN)
    forget_token (self);
  if (status == SOUP_STATUS_UNAUTHORIZED && was_good)
    try_now (self);
  else if (self->token == NULL)
    try_later_because (self, "The token for the deny-list is refused.");
  else
    try_later_because (self, "The deny-list is not given.");
}

/* Snapshots. */

static void
end_snapshot (TesseraFeedFollower *self, TesseraSnapshotVerdict verdict, const GError *error)
{
  drop_snapshot (self);
  if (verdict == TESSERA_SNAPSHOT_NOT_UNDERSTOOD)
    distrust (self);
  if (verdict == TESSERA_SNAPSHOT_TAKEN)
    self->is_distrusted = FALSE;
  /* What is here is newer than an older one; but there may be nothing to rely on any more. */
  gboolean is_usable = verdict == TESSERA_SNAPSHOT_TAKEN
                       || (verdict == TESSERA_SNAPSHOT_OLDER && !self->is_distrusted);
  if (!is_usable)
    {
      try_later (self, error);
      return;
    }
  self->needs_snapshot = FALSE;
  if (verdict == TESSERA_SNAPSHOT_TAKEN && self->funcs->changed != NULL)
    self->funcs->changed (self->data);
  if (self->events_uri == NULL)
    {
      self->n_failures = 0;
      self->needs_snapshot = TRUE;
      set_source (&self->wait, POLL_MS, on_waited, self);
      return;
    }
  advance (self);
}

static void
commit_snapshot (TesseraFeedFollower *self)
{
  const char *kid = tessera_snapshot_reader_get_kid (self->snapshot);
  g_autoptr (TesseraKey) key = self->funcs->lookup_key (self->data, kid);
  g_autoptr (GError) error = NULL;

  if (key == NULL)
    {
      /* It is there until the key is known, or nobody expects it any more. */
      set_source (&self->wait, KEY_WAIT_MS, on_waited, self);
      return;
    }
  TesseraSnapshotVerdict verdict = tessera_snapshot_reader_commit (self->snapshot, key, &error);
  end_snapshot (self, verdict, error);
}

void
tessera_feed_follower_keys_changed (TesseraFeedFollower *self)
{
  if (self->snapshot == NULL || self->snapshot_request != NULL)
    return;
  clear_source (&self->wait);
  commit_snapshot (self);
}

static void
on_snapshot_head (TesseraFeedRequest *request, SoupMessage *message, gpointer data)
{
  TesseraFeedFollower *self = data;

  tessera_feed_request_extend (request);
  if (soup_message_get_status (message) == SOUP_STATUS_OK)
    {
      self->token_was_good = TRUE;
      return;
    }
  drop_snapshot (self);
  refused (self, message);
}

static void
on_snapshot_bytes (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data)
{
  TesseraFeedFollower *self = data;
  g_autoptr (GError) error = NULL;

  tessera_feed_request_extend (request);
  if (g_get_monotonic_time () - self->snapshot_began_us > (gint64) self->pace.snapshot_ms * 1000)
    g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "The snapshot takes too long.");
  else if (tessera_snapshot_reader_feed (self->snapshot, bytes, length, &error))
    return;
  drop_snapshot (self);
  try_later (self, error);
}

static void
on_snapshot_over (TesseraFeedRequest *request, const GError *error, gpointer data)
{
  TesseraFeedFollower *self = data;
  g_autoptr (GError) problem = error != NULL ? g_error_copy (error) : NULL;

  g_clear_pointer (&self->snapshot_request, tessera_feed_request_drop);
  if (problem == NULL && tessera_snapshot_reader_end (self->snapshot, &problem))
    {
      commit_snapshot (self);
      return;
    }
  drop_snapshot (self);
  try_later (self, problem);
}

static const TesseraFeedRequestFuncs snapshot_funcs
    = { on_snapshot_head, on_snapshot_bytes, on_snapshot_over };

static void
ask_for_snapshot (TesseraFeedFollower *self)
{
  g_autoptr (SoupMessage) message = make_request (self, self->snapshot_uri, "*/*");

  if (message == NULL)
    {
      try_later_because (self, "The place of the snapshot is no URI.");
      return;
    }
  drop_snapshot (self);
  self->snapshot = tessera_snapshot_reader_new (self->replica, self->issuer);
  tessera_snapshot_reader_set_max_entries (self->snapshot, self->max_entries);
  self->snapshot_began_us = g_get_monotonic_time ();
  self->snapshot_request
      = tessera_feed_request_send (self->session, message, self->pace.patience_ms, &snapshot_funcs,
                                   self);
}

/* Events. */

/* The stream is over. */
static void
settle_events (TesseraFeedFollower *self)
{
  gint64 retry_ms = tessera_event_stream_get_retry_ms (self->events);

  if (retry_ms >= 0)
    self->retry_ms = retry_ms;
  if (self->is_greeted && g_get_monotonic_time () - self->events_began_us >= STREAM_MIN_US)
    self->n_failures = 0;
  drop_events (self);
}

static void
start_over (TesseraFeedFollower *self)
{
  self->needs_snapshot = TRUE;
  settle_events (self);
  try_now (self);
}

/* It may have refused something. */
static void
misunderstood (TesseraFeedFollower *self, const char *why)
{
  g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR, why);

  distrust (self);
  start_over (self);
  report (self, error);
}

static void
abandon (TesseraFeedFollower *self, const char *why)
{
  settle_events (self);
  try_later_because (self, why);
}

/* The first heartbeat says where the stream begins. If that is not where we are, the server will
 * say so by a reset; or else the stream is somebody else's, or an old one that is played again, and
 * something could be missing in between. */
static void
take_heartbeat (TesseraFeedFollower *self, const TesseraFeedPosition *position)
{
  guint64 here = tessera_deny_replica_get_generation (self->replica);

  if (self->is_elsewhere)
    {
      abandon (self, "The events do not begin where they were asked to.");
      return;
    }
  if (!self->is_greeted && position->generation != here)
    {
      self->is_elsewhere = TRUE;
      return;
    }
  if (position->generation < here)
    {
      misunderstood (self, "The generation of the deny-list went back.");
      return;
    }
  self->is_greeted = TRUE;
  tessera_feed_request_extend (self->events_request);
  tessera_deny_replica_mark (self->replica, position->list, position->generation,
                             position->time_ms);
  tessera_deny_replica_prune (self->replica);
}

static gboolean
is_named (const TesseraEvent *event, guint64 generation)
{
  char name[24];

  g_snprintf (name, sizeof name, "%" G_GUINT64_FORMAT, generation);
  return g_str_equal (event->id, name);
}

static void
take_denial (TesseraFeedFollower *self,
             const TesseraEvent *event,
             const TesseraFeedPosition *position,
             json_t *json)
{
  g_auto (TesseraFeedEntry) entry = { .json = NULL };

  if (!self->is_greeted)
    {
      abandon (self, "The events do not begin where they were asked to.");
      return;
    }
  /* The same once more. */
  if (position->generation <= tessera_deny_replica_get_generation (self->replica))
    return;
  if (tessera_feed_entry_read (&entry, json) != TESSERA_FEED_ENTRY_GOOD
      || !is_named (event, position->generation)
      || !tessera_deny_replica_apply (self->replica, &entry.denial))
    {
      misunderstood (self, "An entry of the deny-list cannot be understood.");
      return;
    }
  tessera_feed_request_extend (self->events_request);
  if (self->funcs->changed != NULL)
    self->funcs->changed (self->data);
}

static gboolean
is_our_list (TesseraFeedFollower *self, const char *list)
{
  g_autofree char *ours = tessera_deny_replica_dup_list (self->replica);

  return g_strcmp0 (ours, list) == 0;
}

static void
take_event (TesseraFeedFollower *self, const TesseraEvent *event)
{
  TesseraFeedPosition position;

  if (!g_str_equal (event->type, "deny") && !g_str_equal (event->type, "heartbeat")
      && !g_str_equal (event->type, "reset"))
    return;
  g_autoptr (json_t) json
      = tessera_json_parse (event->data, event->length, TESSERA_FEED_ENTRY_MAX_LENGTH, NULL);
  if (json == NULL || !tessera_feed_position_read (&position, json))
    misunderstood (self, "An event of the deny-list cannot be read.");
  else if (g_str_equal (event->type, "reset") || !is_our_list (self, position.list))
    start_over (self);
  else if (g_str_equal (event->type, "deny"))
    take_denial (self, event, &position, json);
  else
    take_heartbeat (self, &position);
}

static gboolean
is_event_stream (SoupMessage *message)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);

  return soup_message_headers_get_one (headers, "Content-Encoding") == NULL
         && g_strcmp0 (soup_message_headers_get_content_type (headers, NULL), "text/event-stream")
                == 0;
}

static void
on_events_head (TesseraFeedRequest *request, SoupMessage *message, gpointer data)
{
  TesseraFeedFollower *self = data;

  if (soup_message_get_status (message) != SOUP_STATUS_OK)
    {
      drop_events (self);
      refused (self, message);
    }
  else if (!is_event_stream (message))
    {
      drop_events (self);
      try_later_because (self, "The events of the deny-list are no event stream.");
    }
  else
    self->token_was_good = TRUE;
}

static void
on_events_bytes (TesseraFeedRequest *request, const char *bytes, gsize length, gpointer data)
{
  TesseraFeedFollower *self = data;
  const TesseraEvent *event = NULL;
  g_autoptr (GError) error = NULL;

  while (self->events_request == request && length > 0)
    {
      if (!tessera_event_stream_read (self->events, &bytes, &length, &event, &error))
        {
          misunderstood (self, error->message);
          return;
        }
      if (event != NULL)
        take_event (self, event);
    }
}

static void
on_events_over (TesseraFeedRequest *request, const GError *error, gpointer data)
{
  TesseraFeedFollower *self = data;

  settle_events (self);
  if (error != NULL)
    try_later (self, error);
  else
    try_now (self);
}

static const TesseraFeedRequestFuncs events_funcs
    = { on_events_head, on_events_bytes, on_events_over };

static void
ask_for_events (TesseraFeedFollower *self)
{
  g_autoptr (SoupMessage) message = make_request (self, self->events_uri, "text/event-stream");
  guint64 generation = tessera_deny_replica_get_generation (self->replica);
  g_autofree char *cursor = g_strdup_printf ("%" G_GUINT64_FORMAT, generation);

  if (message == NULL)
    {
      try_later_because (self, "The place of the events is no URI.");
      return;
    }
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  if (generation > 0)
    soup_message_headers_replace (headers, "Last-Event-ID", cursor);
  soup_message_disable_feature (message, SOUP_TYPE_CONTENT_DECODER);
  self->events = tessera_event_stream_new ();
  self->is_greeted = FALSE;
  self->is_elsewhere = FALSE;
  self->events_began_us = g_get_monotonic_time ();
  self->events_request = tessera_feed_request_send (self->session, message, self->pace.patience_ms,
                                                    &events_funcs, self);
}

/* What is next. */

static void
advance (TesseraFeedFollower *self)
{
  const char *uri
      = self->needs_snapshot || self->events_uri == NULL ? self->snapshot_uri : self->events_uri;

  if (!self->is_running || self->wait != NULL || self->token_request != NULL)
    return;
  if (self->wants_token || (self->token == NULL && needs_token (self, uri)))
    ask_for_token (self);
  else if (self->snapshot_request != NULL || self->events_request != NULL)
    return;
  else if (self->needs_snapshot)
    ask_for_snapshot (self);
  else
    ask_for_events (self);
}

void
tessera_feed_follower_stop (TesseraFeedFollower *self)
{
  self->is_running = FALSE;
  clear_source (&self->wait);
  drop_token_request (self);
  drop_snapshot (self);
  drop_events (self);
  forget_token (self);
}

void
tessera_feed_follower_start (TesseraFeedFollower *self, const TesseraFeedPlaces *places)
{
  g_autofree char *list = tessera_deny_replica_dup_list (self->replica);

  tessera_feed_follower_stop (self);
  forget_places (self);
  self->issuer = g_strdup (places->issuer);
  self->token_endpoint = g_strdup (places->token_endpoint);
  self->snapshot_uri = g_strdup (places->snapshot_uri);
  self->events_uri = g_strdup (places->events_uri);
  self->client_id = g_strdup (places->client_id);
  self->secret = g_strdup (places->secret);
  self->needs_snapshot = list == NULL || self->is_distrusted || self->events_uri == NULL;
  self->n_failures = 0;
  self->retry_ms = -1;
  self->is_running = TRUE;
  set_source (&self->wait, 0, on_waited, self);
}
