/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list as events (design.md §5; docs/denylist-feed.md; the WHATWG's HTML standard §9.2 for
 * the form, and RFC 6455 for the other).
 *
 * The time of an event is one at which everything that was durable had a generation of at most its
 * own: a reader that takes it for the age of what it knows is never wrong. So of several at once
 * only the last carries the time of now, and what is caught up with carries none (0). */

#include "endpoints/tessera-deny-feed-private.h"

#include "endpoints/tessera-error-responder-private.h"
#include "endpoints/tessera-websocket-handshake-private.h"

#include <string.h>

#define PAGE 500        /* entries that are looked at together */
#define TEXT_MAX 98304  /* bytes that are written at once: a page, unless its names are long */
#define TICK_MS 500     /* how late a heartbeat or the end of a token may be noticed */
#define PACE_US 5000    /* between two looks at what is new, at least … */
#define PACE_EACH_US 50 /* … and for each follower so much more, so that others are served too */

typedef struct _Page Page;

/* How the same events are written. */
typedef enum
{
  FORM_EVENTS, /* Server-Sent Events */
  FORM_LINES,  /* an object each, for a WebSocket */
  N_FORMS,
} Form;

typedef struct
{
  GList link; /* of the feed's; its data is the follower */
  TesseraDenyFeed *feed;
  TesseraOutlet *outlet; /* NULL: it is over, and the follower is freed in the end */
  TesseraAccessToken *token;
  Form form;
  guint64 cursor; /* up to here everything was written */
  gboolean live;  /* it has all that was published */
  Page *page;     /* that it waits for; or NULL */
} Follower;

/* Entries read from the store. */
struct _Page
{
  TesseraDenyFeed *feed;
  Follower *follower; /* NULL: gone */
  guint64 since;
  GPtrArray *entries; /* TesseraDenial* */
  guint64 generation; /* up to which the store had all when they were read */
};

struct _TesseraDenyFeed
{
  guint ref_count;       /* pages under way hold it too */
  TesseraEngine *engine; /* NULL: closed */
  TesseraDenyTail *tail;
  GSource *news; /* ready when the committing thread says so */
  GSource *tick; /* while there are followers */
  GQueue followers;
  guint n_in_form[N_FORMS]; /* of them */

  guint64 published; /* given to all who are live */
  gint64 published_ms;
  gint64 looked_us;
  gint64 heartbeat_ms, heartbeat_us; /* the last one: of the server's clock, and monotonic */

  guint64 n_events, n_dropped;
};

/* The text */

static void
append_head (TesseraDenyFeed *self, GString *text, Form form, const char *event, gint64 time_ms)
{
  g_string_append_printf (text,
                          form == FORM_LINES
                              ? "{\"event\":\"%s\",\"list\":\"%s\",\"time\":%" G_GINT64_FORMAT ","
                              : "event: %s\ndata: {\"list\":\"%s\",\"time\":%" G_GINT64_FORMAT ",",
                          event, tessera_deny_list_get_id (self->engine->deny_list), time_ms);
}

static void
append_end (GString *text, Form form)
{
  g_string_append (text, form == FORM_LINES ? "}\n" : "}\n\n");
}

static void
append_mark (TesseraDenyFeed *self,
             GString *text,
             Form form,
             const char *event,
             guint64 generation,
             gint64 time_ms)
{
  append_head (self, text, form, event, time_ms);
  g_string_append_printf (text, "\"generation\":%" G_GUINT64_FORMAT, generation);
  append_end (text, form);
}

static void
append_denial (
    TesseraDenyFeed *self, GString *text, Form form, const TesseraDenial *denial, gint64 time_ms)
{
  if (form == FORM_EVENTS)
    g_string_append_printf (text, "id: %" G_GUINT64_FORMAT "\n", denial->generation);
  append_head (self, text, form, "deny", time_ms);
  tessera_denial_append_json (denial, text);
  append_end (text, form);
}

/* What an answer begins with. */
static void
append_start (GString *text, Form form)
{
  if (form == FORM_EVENTS)
    g_string_append_printf (text, "retry: %d\n\n", TESSERA_DENY_FEED_RETRY_MS);
}

/* Followers */

static void
finish (Follower *self, TesseraOutletEnd why)
{
  if (self->outlet != NULL)
    tessera_outlet_finish (g_steal_pointer (&self->outlet), why);
}

/* Who does not read fast enough is dropped. */
static void
write_to (Follower *self, const GString *text)
{
  if (self->outlet == NULL || tessera_outlet_write (self->outlet, text->str, text->len))
    return;
  self->feed->n_dropped++;
  tessera_outlet_cut (g_steal_pointer (&self->outlet));
}

static void
write_mark (Follower *self, gint64 time_ms)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_mark (self->feed, text, self->form, "heartbeat", self->cursor, time_ms);
  write_to (self, text);
}

static void
follower_free (Follower *self)
{
  if (self->page != NULL)
    self->page->follower = NULL;
  g_queue_unlink (&self->feed->followers, &self->link);
  self->feed->n_in_form[self->form]--;
  g_object_unref (self->token);
  g_free (self);
}

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* The last thing of each turn: nobody goes while others are looked at. */
static void
sweep (TesseraDenyFeed *self)
{
  for (GList *link = self->followers.head, *next = NULL; link != NULL; link = next)
    {
      next = link->next;
      if (((Follower *) link->data)->outlet == NULL)
        follower_free (link->data);
    }
  if (self->followers.length > 0 || self->tick == NULL)
    return;
  clear_source (&self->tick);
  tessera_deny_tail_set_grown (self->tail, NULL, NULL);
}

/* Catching up */

/* Up to what was published, for more is to come to all at once; and no more than a part of what may
 * be unsent. @end: up to there, there are no others. */
static void
write_entries (Follower *self, GPtrArray *entries, guint64 end)
{
  TesseraDenyFeed *feed = self->feed;
  g_autoptr (GString) text = g_string_new (NULL);
  guint i = 0;

  for (; i < entries->len && text->len < TEXT_MAX; i++)
    {
      const TesseraDenial *denial = entries->pdata[i];

      if (denial->generation > feed->published)
        break;
      append_denial (feed, text, self->form, denial, 0);
      self->cursor = denial->generation;
      feed->n_events++;
    }
  if (i == entries->len)
    self->cursor = end;
  self->cursor = MIN (self->cursor, feed->published);
  write_to (self, text);
}

static void request_page (Follower *self);

/* As far as it reads at once; when it has read that, it goes on. */
static void
catch_up (Follower *self)
{
  TesseraDenyFeed *feed = self->feed;

  while (self->page == NULL && self->cursor < feed->published && self->outlet != NULL
         && tessera_outlet_is_ready (self->outlet))
    {
      guint64 last;
      g_autoptr (GPtrArray) entries
          = tessera_deny_tail_list (feed->tail, self->cursor, PAGE, &last);

      if (entries == NULL)
        request_page (self);
      else
        write_entries (self, entries, last);
    }
  if (self->live || self->outlet == NULL || self->cursor < feed->published)
    return;
  self->live = TRUE;
  write_mark (self, feed->published_ms);
}

static void
feed_unref (TesseraDenyFeed *self)
{
  if (--self->ref_count == 0)
    g_free (self);
}

static void
page_free (Page *self)
{
  feed_unref (self->feed);
  g_clear_pointer (&self->entries, g_ptr_array_unref);
  g_free (self);
}

static void
add_entry (const TesseraDenial *denial, gpointer data)
{
  g_ptr_array_add (data, tessera_denial_copy (denial));
}

static gboolean
run_page (gpointer data, TesseraStore *store, GError **error)
{
  Page *self = data;
  TesseraStoreState state;

  g_clear_pointer (&self->entries, g_ptr_array_unref);
  self->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_denial_free);
  if (!tessera_store_foreach_denial (store, self->since, PAGE, add_entry, self->entries, error)
      || !tessera_store_get_state (store, &state, error))
    return FALSE;
  self->generation = state.generation;
  return TRUE;
}

static void publish (TesseraDenyFeed *self);

/* What the store had not, was not there any more: what it refused has expired. What came since is
 * another matter. */
static guint64
get_page_end (const Page *self)
{
  const GPtrArray *entries = self->entries;

  if (entries->len < PAGE)
    return self->generation;
  return ((const TesseraDenial *) entries->pdata[entries->len - 1])->generation;
}

static void
take_page (Follower *self, const Page *page)
{
  publish (self->feed); /* so that what was read is published; the page is still awaited */
  self->page = NULL;
  write_entries (self, page->entries, get_page_end (page));
  catch_up (self);
}

static void
on_page (gpointer data, const GError *error)
{
  Page *self = data;
  Follower *follower = self->follower;

  if (follower != NULL && error == NULL)
    take_page (follower, self);
  else if (follower != NULL)
    {
      follower->page = NULL;
      finish (follower, TESSERA_OUTLET_FAILED);
    }
  if (follower != NULL)
    sweep (self->feed);
  page_free (self);
}

static void
request_page (Follower *self)
{
  Page *page = g_new0 (Page, 1);

  page->feed = self->feed;
  page->feed->ref_count++;
  page->follower = self;
  page->since = self->cursor;
  self->page = page;
  tessera_committer_submit (self->feed->engine->committer, run_page, on_page, page);
}

/* News */

static void
let_all_catch_up (TesseraDenyFeed *self)
{
  for (GList *link = self->followers.head; link != NULL; link = link->next)
    {
      ((Follower *) link->data)->live = FALSE;
      catch_up (link->data);
    }
}

/* Said in each form that somebody reads; the others are NULL. */
typedef struct
{
  GString *texts[N_FORMS];
} News;

static void
news_clear (News *self)
{
  for (guint form = 0; form < N_FORMS; form++)
    if (self->texts[form] != NULL)
      g_string_free (g_steal_pointer (&self->texts[form]), TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (News, news_clear)

static void
write_to_live (TesseraDenyFeed *self, const News *news, guint n_events)
{
  for (GList *link = self->followers.head; link != NULL; link = link->next)
    {
      Follower *follower = link->data;

      if (!follower->live)
        continue;
      self->n_events += n_events;
      follower->cursor = self->published;
      write_to (follower, news->texts[follower->form]);
    }
}

/* FALSE: too much to be written at once. */
static gboolean
write_text (TesseraDenyFeed *self, GString *text, Form form, const GPtrArray *entries, gint64 now)
{
  for (guint i = 0; i < entries->len && text->len < TEXT_MAX; i++)
    append_denial (self, text, form, entries->pdata[i],
                   i + 1 == entries->len ? now : self->published_ms);
  return text->len < TEXT_MAX;
}

static gboolean
write_news (TesseraDenyFeed *self, News *news, const GPtrArray *entries, gint64 now)
{
  for (Form form = 0; form < N_FORMS; form++)
    {
      if (self->n_in_form[form] == 0)
        continue;
      news->texts[form] = g_string_new (NULL);
      if (!write_text (self, news->texts[form], form, entries, now))
        return FALSE;
    }
  return TRUE;
}

/* What became durable since the last look goes to all who are live. */
static void
publish (TesseraDenyFeed *self)
{
  gint64 now = tessera_clock_get_ms (self->engine->clock); /* before the look, not after it */
  guint64 last;
  g_autoptr (GPtrArray) entries = tessera_deny_tail_list (self->tail, self->published, PAGE, &last);
  g_auto (News) news = { { NULL } };
  gboolean at_once
      = entries != NULL && entries->len < PAGE && write_news (self, &news, entries, now);

  self->looked_us = g_get_monotonic_time ();
  self->published_ms = now;
  self->published = at_once ? last : tessera_deny_tail_get_generation (self->tail);
  if (!at_once)
    let_all_catch_up (self);
  else if (entries->len > 0)
    write_to_live (self, &news, entries->len);
}

/* In the committing thread. */
static void
on_grown (gpointer data)
{
  g_source_set_ready_time (data, 0);
}

static gboolean
on_news (gpointer data)
{
  TesseraDenyFeed *self = data;
  gint64 due = self->looked_us + PACE_US + PACE_EACH_US * (gint64) self->followers.length;

  if (g_get_monotonic_time () < due)
    {
      g_source_set_ready_time (self->news, due);
      return G_SOURCE_CONTINUE;
    }
  g_source_set_ready_time (self->news, -1);
  publish (self);
  sweep (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch };

/* Time */

static gboolean
is_good (TesseraDenyFeed *self, TesseraAccessToken *token)
{
  return tessera_clock_get_seconds (self->engine->clock)
             < tessera_access_token_get_expires_at (token)
         && !tessera_engine_is_denied (self->engine, token);
}

static void
end_expired (TesseraDenyFeed *self)
{
  for (GList *link = self->followers.head; link != NULL; link = link->next)
    if (!is_good (self, ((Follower *) link->data)->token))
      finish (link->data, TESSERA_OUTLET_UNAUTHORIZED);
}

/* By the server's clock; and should that have to wait until it is as late as it was, by any. */
static gboolean
is_heartbeat_due (TesseraDenyFeed *self)
{
  return self->published_ms >= self->heartbeat_ms + TESSERA_DENY_FEED_HEARTBEAT_MS
         || self->looked_us >= self->heartbeat_us + TESSERA_DENY_FEED_HEARTBEAT_MS * 1000;
}

static void
write_heartbeats (TesseraDenyFeed *self)
{
  g_auto (News) news = { { NULL } };

  self->heartbeat_ms = self->published_ms;
  self->heartbeat_us = self->looked_us;
  for (Form form = 0; form < N_FORMS; form++)
    {
      news.texts[form] = g_string_new (NULL);
      append_mark (self, news.texts[form], form, "heartbeat", self->published, self->published_ms);
    }
  for (GList *link = self->followers.head; link != NULL; link = link->next)
    if (!((Follower *) link->data)->live)
      write_mark (link->data, 0);
  write_to_live (self, &news, 0);
}

static gboolean
on_tick (gpointer data)
{
  TesseraDenyFeed *self = data;

  end_expired (self);
  publish (self);
  if (is_heartbeat_due (self))
    write_heartbeats (self);
  sweep (self);
  return G_SOURCE_CONTINUE;
}

static void
start_tick (TesseraDenyFeed *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  if (self->tick != NULL)
    return;
  self->heartbeat_ms = self->published_ms;
  self->heartbeat_us = self->looked_us;
  self->tick = g_timeout_source_new (TICK_MS);
  g_source_set_callback (self->tick, on_tick, self, NULL);
  g_source_attach (self->tick, context);
  tessera_deny_tail_set_grown (self->tail, on_grown, self->news);
}

/* Streams */

static void
on_ready (TesseraOutlet *outlet, gpointer data)
{
  Follower *self = data;
  TesseraDenyFeed *feed = self->feed;

  catch_up (self);
  sweep (feed);
}

static void
on_draining (TesseraOutlet *outlet, gpointer data)
{
  Follower *self = data;
  TesseraDenyFeed *feed = self->feed;

  finish (self, TESSERA_OUTLET_LEAVING);
  sweep (feed);
}

static void
on_ended (TesseraOutlet *outlet, gpointer data)
{
  Follower *self = data;
  TesseraDenyFeed *feed = self->feed;

  self->outlet = NULL;
  sweep (feed);
}

static TesseraOutlet *
open_outlet (TesseraExchange *exchange, Follower *follower)
{
  static const TesseraOutletFuncs funcs = { on_ready, on_draining, on_ended };

  if (follower->form == FORM_LINES)
    return tessera_websocket_handshake_accept (exchange, TESSERA_DENY_FEED_UNSENT_MAX, &funcs,
                                               follower);
  tessera_exchange_add_header (exchange, "Cache-Control", "no-store");
  return tessera_exchange_respond_stream (exchange, 200, "text/event-stream",
                                          TESSERA_DENY_FEED_UNSENT_MAX, &funcs, follower);
}

static void
add_follower (TesseraDenyFeed *self, Follower *follower)
{
  g_autoptr (GString) text = g_string_new (NULL);

  start_tick (self);
  follower->live = follower->cursor == self->published;
  append_start (text, follower->form);
  append_mark (self, text, follower->form, "heartbeat", follower->cursor,
               follower->live ? self->published_ms : 0);
  write_to (follower, text);
}

static void
respond_reset (TesseraDenyFeed *self, Follower *follower)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_start (text, follower->form);
  append_mark (self, text, follower->form, "reset", self->published, self->published_ms);
  write_to (follower, text);
  finish (follower, TESSERA_OUTLET_RESET);
}

void
tessera_deny_feed_subscribe (TesseraDenyFeed *self,
                             TesseraExchange *exchange,
                             TesseraAccessToken *token,
                             guint64 cursor,
                             gboolean foreign)
{
  Follower *follower = NULL;

  if (self->followers.length >= self->engine->settings->feed_subscribers)
    {
      tessera_exchange_respond_http_error (exchange, 503, "There are too many subscribers.");
      return;
    }
  publish (self);
  follower = g_new0 (Follower, 1);
  follower->link.data = follower;
  follower->feed = self;
  follower->cursor = cursor;
  follower->token = g_object_ref (token);
  follower->form = tessera_websocket_handshake_is_asked (exchange) ? FORM_LINES : FORM_EVENTS;
  follower->outlet = open_outlet (exchange, follower);
  g_queue_push_tail_link (&self->followers, &follower->link);
  self->n_in_form[follower->form]++;
  if (foreign || cursor > self->published || self->published - cursor > TESSERA_DENY_FEED_LAG_MAX)
    respond_reset (self, follower);
  else
    add_follower (self, follower);
  sweep (self);
}

/* Life */

TesseraDenyFeed *
tessera_deny_feed_new (TesseraEngine *engine)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  TesseraDenyFeed *self = g_new0 (TesseraDenyFeed, 1);

  self->ref_count = 1;
  self->engine = engine;
  self->tail = tessera_deny_list_get_tail (engine->deny_list);
  self->published = tessera_deny_tail_get_generation (self->tail);
  self->news = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_static_name (self->news, "tessera-deny-feed");
  g_source_set_callback (self->news, on_news, self, NULL);
  g_source_attach (self->news, context);
  return self;
}

void
tessera_deny_feed_end_all (TesseraDenyFeed *self)
{
  for (GList *link = self->followers.head; link != NULL; link = link->next)
    finish (link->data, TESSERA_OUTLET_LEAVING);
  sweep (self);
}

void
tessera_deny_feed_free (TesseraDenyFeed *self)
{
  tessera_deny_feed_end_all (self);
  clear_source (&self->news);
  self->engine = NULL;
  feed_unref (self);
}

void
tessera_deny_feed_append_metrics (TesseraDenyFeed *self, GString *text)
{
  tessera_metrics_append_single (text, "tessera_feed_subscribers", "gauge",
                                 "Readers that follow the events of the deny-list.",
                                 self->followers.length);
  tessera_metrics_append_single (text, "tessera_feed_events_total", "counter",
                                 "Entries of the deny-list that were written to a reader.",
                                 (double) self->n_events);
  tessera_metrics_append_single (text, "tessera_feed_dropped_total", "counter",
                                 "Readers that were cut off because they read too slowly.",
                                 (double) self->n_dropped);
}
