/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The delivery of logout tokens (OpenID Connect Back-Channel Logout §2.5 to §2.8): from the store,
 * by the way to other machines, to the clients, each of which has a queue of its own, so that one
 * that does not answer holds up no other. */

#include "server/tessera-logout-notifier-private.h"

#include "grants/tessera-logout-token-private.h"
#include "model/tessera-client-private.h"

#define PAGE 256
#define AT_ONCE 6
#define AT_ONCE_A_CLIENT 2
#define ATTEMPTS_MAX 7     /* within two hours: */
#define FIRST_REST_MS 5000 /* four times as long after each */
#define CROWD_REST_MS 1000 /* while others have all the places */
#define CUT_OFF_REST_MS 5000
#define TICK_MS 1000

/* What a client has yet to hear. */
typedef struct
{
  char *client_id;
  GQueue logouts; /* TesseraLogout*, the first due first, but for those under way */
  guint n_running;
  GList turn; /* in the queue of turns */
} Hearer;

struct _TesseraLogoutNotifier
{
  guint ref_count; /* its owner's, and those of what is under way */
  gboolean is_closed;
  gboolean is_pumping;
  TesseraEngine *engine;
  TesseraOutbound *outbound;
  GCancellable *cancellable;
  GHashTable *hearers; /* char *client_id -> Hearer* */
  GQueue turns;        /* Hearer*, who was served last at the end */
  guint n_running;
  gint64 rests_until_ms; /* nobody can be told before */
  gboolean is_cut_off;   /* which was said */
  gint64 last_number;    /* that was read from the store */
  gboolean is_reading;
  gboolean reads_again;
  gboolean reads_later; /* it failed */
  GSource *tick;        /* NULL: nothing waits */
};

/* One attempt. */
typedef struct
{
  TesseraLogoutNotifier *notifier;
  Hearer *hearer;
  TesseraLogout *logout;
} Attempt;

static void pump (TesseraLogoutNotifier *self);
static void read_store (TesseraLogoutNotifier *self);

static void
hearer_free (Hearer *hearer)
{
  g_queue_clear_full (&hearer->logouts, (GDestroyNotify) tessera_logout_free);
  g_free (hearer->client_id);
  g_free (hearer);
}

static TesseraLogoutNotifier *
ref (TesseraLogoutNotifier *self)
{
  self->ref_count++;
  return self;
}

static void
unref (TesseraLogoutNotifier *self)
{
  if (--self->ref_count > 0)
    return;
  g_hash_table_unref (self->hearers);
  g_clear_object (&self->outbound);
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
count_pending (TesseraLogoutNotifier *self, gint change)
{
  self->engine->metrics->logouts_pending += (guint64) change;
}

/* The store */

typedef struct
{
  gint64 number;
  guint attempts; /* 0: it is over */
} Entry;

static gboolean
run_write (gpointer data, TesseraStore *store, GError **error)
{
  const Entry *entry = data;

  if (entry->attempts == 0)
    return tessera_store_remove_logout (store, entry->number, error);
  return tessera_store_put_logout_attempts (store, entry->number, entry->attempts, error);
}

/* What could not be written is told once more after the next start. */
static void
on_written (gpointer data, const GError *error)
{
  g_free (data);
}

static void
write_entry (TesseraLogoutNotifier *self, gint64 number, guint attempts)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->number = number;
  entry->attempts = attempts;
  tessera_committer_submit (self->engine->committer, run_write, on_written, entry);
}

typedef struct
{
  TesseraLogoutNotifier *notifier;
  gint64 after;
  GPtrArray *page;
} Reading;

static gboolean
run_read (gpointer data, TesseraStore *store, GError **error)
{
  Reading *reading = data;

  g_clear_pointer (&reading->page, g_ptr_array_unref);
  reading->page = tessera_store_list_logouts (store, reading->after, PAGE, error);
  return reading->page != NULL;
}

static Hearer *
find_hearer (TesseraLogoutNotifier *self, const char *client_id)
{
  Hearer *hearer = g_hash_table_lookup (self->hearers, client_id);

  if (hearer != NULL)
    return hearer;
  hearer = g_new0 (Hearer, 1);
  hearer->client_id = g_strdup (client_id);
  g_queue_init (&hearer->logouts);
  hearer->turn.data = hearer;
  g_queue_push_tail_link (&self->turns, &hearer->turn);
  g_hash_table_insert (self->hearers, hearer->client_id, hearer);
  return hearer;
}

static gint
compare_due (gconstpointer queued, gconstpointer fresh, gpointer data)
{
  const TesseraLogout *one = queued, *other = fresh;

  /* After those that are due at the same time. */
  return one->due_ms <= other->due_ms ? -1 : 1;
}

/* Takes @logout. */
static void
queue (Hearer *hearer, TesseraLogout *logout)
{
  g_queue_insert_sorted (&hearer->logouts, logout, compare_due, NULL);
}

static void
take_page (TesseraLogoutNotifier *self, GPtrArray *page)
{
  self->reads_again |= page->len == PAGE;
  while (page->len > 0)
    {
      TesseraLogout *logout = g_ptr_array_steal_index (page, 0);

      self->last_number = logout->number;
      queue (find_hearer (self, logout->client_id), logout);
      count_pending (self, 1);
    }
}

static void
on_read (gpointer data, const GError *error)
{
  Reading *reading = data;
  TesseraLogoutNotifier *self = reading->notifier;

  self->is_reading = FALSE;
  self->reads_later = error != NULL;
  if (error == NULL && !self->is_closed)
    take_page (self, reading->page);
  if (!self->is_closed)
    pump (self);
  if (!self->is_closed && self->reads_again)
    read_store (self);
  g_clear_pointer (&reading->page, g_ptr_array_unref);
  g_free (reading);
  unref (self);
}

static void
read_store (TesseraLogoutNotifier *self)
{
  Reading *reading = NULL;

  if (self->is_reading)
    {
      self->reads_again = TRUE;
      return;
    }
  self->is_reading = TRUE;
  self->reads_again = self->reads_later = FALSE;
  reading = g_new0 (Reading, 1);
  reading->notifier = ref (self);
  reading->after = self->last_number;
  tessera_committer_submit (self->engine->committer, run_read, on_read, reading);
}

/* What came of an attempt */

static void
audit (Attempt *attempt, TesseraAuditEvent event, const char *reason)
{
  tessera_audit_write (attempt->notifier->engine->audit, event,
                       &(TesseraAuditRecord){ .client = attempt->logout->client_id,
                                              .subject = attempt->logout->subject,
                                              .object = attempt->logout->session_id,
                                              .reason = reason });
}

static void
settle (Attempt *attempt)
{
  write_entry (attempt->notifier, attempt->logout->number, 0);
  count_pending (attempt->notifier, -1);
  g_clear_pointer (&attempt->logout, tessera_logout_free);
}

static void
succeed (Attempt *attempt)
{
  attempt->notifier->engine->metrics->logouts[TESSERA_LOGOUT_TOLD]++;
  audit (attempt, TESSERA_AUDIT_LOGOUT_TOLD, NULL);
  settle (attempt);
}

static void
give_up (Attempt *attempt, const char *reason)
{
  attempt->notifier->engine->metrics->logouts[TESSERA_LOGOUT_UNTOLD]++;
  audit (attempt, TESSERA_AUDIT_LOGOUT_UNTOLD, reason);
  settle (attempt);
}

/* Nobody was asked, so it counts against nobody, and nobody else needs to be tried now. */
static void
put_back (Attempt *attempt, gint64 rest_ms)
{
  TesseraLogoutNotifier *self = attempt->notifier;

  self->rests_until_ms = tessera_clock_get_ms (self->engine->clock) + rest_ms;
  queue (attempt->hearer, g_steal_pointer (&attempt->logout));
}

static void
wait_for_way (Attempt *attempt, const GError *error)
{
  if (!attempt->notifier->is_cut_off)
    g_warning ("There is no way to other machines, and those who have to be told of the end of a "
               "session wait: %s",
               error->message);
  attempt->notifier->is_cut_off = TRUE;
  put_back (attempt, CUT_OFF_REST_MS);
}

static void
try_again (Attempt *attempt, const char *reason)
{
  TesseraLogout *logout = attempt->logout;
  guint attempts = ++logout->attempts;

  if (attempts >= ATTEMPTS_MAX)
    {
      give_up (attempt, reason);
      return;
    }
  attempt->notifier->engine->metrics->logouts[TESSERA_LOGOUT_AGAIN]++;
  g_message ("%s could not be told of the end of a session and will be told again: %s",
             logout->client_id, reason);
  write_entry (attempt->notifier, logout->number, attempts);
  logout->due_ms = tessera_clock_get_ms (attempt->notifier->engine->clock)
                   + ((gint64) FIRST_REST_MS << 2 * (attempts - 1));
  queue (attempt->hearer, g_steal_pointer (&attempt->logout));
}

/* §2.8: 200, or 204 of a framework that means 200. What a client refuses it refuses the next time
 * too. */
static void
judge_status (Attempt *attempt, guint status)
{
  g_autofree char *reason = g_strdup_printf ("it answered %u", status);
  gboolean is_passing = status >= 500 || status == 408 || status == 425 || status == 429;

  if (status == 200 || status == 204)
    succeed (attempt);
  else if (is_passing)
    try_again (attempt, reason);
  else
    give_up (attempt, reason);
}

static void
judge_error (Attempt *attempt, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    give_up (attempt, error->message);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    put_back (attempt, CROWD_REST_MS);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED))
    wait_for_way (attempt, error);
  else
    try_again (attempt, error->message);
}

static void
on_posted (GObject *source, GAsyncResult *result, gpointer data)
{
  Attempt *attempt = data;
  TesseraLogoutNotifier *self = attempt->notifier;
  g_autoptr (GError) error = NULL;
  guint status = _tessera_outbound_post_form_finish (TESSERA_OUTBOUND (source), result, &error);

  self->n_running--;
  attempt->hearer->n_running--;
  self->is_cut_off &= g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED);
  if (self->is_closed)
    ; /* it stays written down */
  else if (error != NULL)
    judge_error (attempt, error);
  else
    judge_status (attempt, status);
  g_clear_pointer (&attempt->logout, tessera_logout_free);
  g_free (attempt);
  if (!self->is_closed)
    pump (self);
  unref (self);
}

/* An attempt */

/* NULL: the client is gone, or does not want to hear any more. */
static char *
dup_uri (TesseraLogoutNotifier *self, Hearer *hearer, TesseraClient **out_client)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (self->engine->clients, hearer->client_id);
  const char *uri = client != NULL ? tessera_client_get_backchannel_logout_uri (client) : NULL;

  if (uri == NULL)
    return NULL;
  *out_client = g_steal_pointer (&client);
  return g_strdup (uri);
}

static void
post (Attempt *attempt, const char *uri, const char *token)
{
  TesseraLogoutNotifier *self = attempt->notifier;
  g_autofree char *form = g_strconcat ("logout_token=", token, NULL);

  ref (self);
  self->n_running++;
  attempt->hearer->n_running++;
  _tessera_outbound_post_form_async (self->outbound, uri, form, self->cancellable, on_posted,
                                     attempt);
}

static const char *
get_sub (const TesseraLogout *logout)
{
  return logout->sub != NULL ? logout->sub : logout->subject;
}

static void
begin (TesseraLogoutNotifier *self, Hearer *hearer)
{
  Attempt *attempt = g_new0 (Attempt, 1);
  g_autoptr (TesseraClient) client = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *uri = dup_uri (self, hearer, &client);
  g_autofree char *token = NULL;

  attempt->notifier = self;
  attempt->hearer = hearer;
  attempt->logout = g_queue_pop_head (&hearer->logouts);
  if (uri != NULL)
    token = tessera_logout_token_issue (self->engine, client, get_sub (attempt->logout),
                                        attempt->logout->session_id, &error);
  if (token != NULL)
    {
      post (attempt, uri, token);
      return;
    }
  if (uri == NULL)
    give_up (attempt, "it does not want to hear any more");
  else
    try_again (attempt, error->message);
  g_free (attempt);
}

static gboolean
is_due (Hearer *hearer, gint64 now_ms)
{
  const TesseraLogout *first = g_queue_peek_head (&hearer->logouts);

  return first != NULL && first->due_ms <= now_ms && hearer->n_running < AT_ONCE_A_CLIENT;
}

static gboolean
on_tick (gpointer data)
{
  TesseraLogoutNotifier *self = data;

  if (self->reads_later)
    read_store (self);
  pump (self);
  return G_SOURCE_CONTINUE;
}

static void
stop_tick (TesseraLogoutNotifier *self)
{
  if (self->tick != NULL)
    g_source_destroy (self->tick);
  g_clear_pointer (&self->tick, g_source_unref);
}

static void
keep_ticking (TesseraLogoutNotifier *self)
{
  if (self->tick != NULL)
    return;
  self->tick = g_timeout_source_new (TICK_MS);
  g_source_set_callback (self->tick, on_tick, self, NULL);
  g_source_attach (self->tick, g_main_context_get_thread_default ());
}

static gboolean
has_place (TesseraLogoutNotifier *self, gint64 now_ms)
{
  return self->outbound != NULL && self->n_running < AT_ONCE && self->rests_until_ms <= now_ms;
}

/* Whose turn it is, so that who has much to hear does not take all places. NULL: nobody's. */
static Hearer *
take_turn (TesseraLogoutNotifier *self)
{
  gint64 now_ms = tessera_clock_get_ms (self->engine->clock);
  GList *turn = has_place (self, now_ms) ? self->turns.head : NULL;

  while (turn != NULL && !is_due (turn->data, now_ms))
    turn = turn->next;
  if (turn == NULL)
    return NULL;
  g_queue_unlink (&self->turns, turn);
  g_queue_push_tail_link (&self->turns, turn);
  return turn->data;
}

static void
drop_idle (TesseraLogoutNotifier *self)
{
  GHashTableIter iter;
  gpointer value = NULL;

  g_hash_table_iter_init (&iter, self->hearers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Hearer *hearer = value;

      if (hearer->logouts.length > 0 || hearer->n_running > 0)
        continue;
      g_queue_unlink (&self->turns, &hearer->turn);
      g_hash_table_iter_remove (&iter);
    }
}

static void
pump (TesseraLogoutNotifier *self)
{
  Hearer *hearer = NULL;

  /* What fails at once is told at once, in the middle of a round. */
  if (self->is_pumping)
    return;
  self->is_pumping = TRUE;
  while ((hearer = take_turn (self)) != NULL)
    begin (self, hearer);
  self->is_pumping = FALSE;
  drop_idle (self);
  if (self->reads_later || (self->outbound != NULL && g_hash_table_size (self->hearers) > 0))
    keep_ticking (self);
  else
    stop_tick (self);
}

/* Life */

TesseraLogoutNotifier *
tessera_logout_notifier_new (TesseraEngine *engine)
{
  TesseraLogoutNotifier *self = g_new0 (TesseraLogoutNotifier, 1);

  self->ref_count = 1;
  self->engine = engine;
  self->cancellable = g_cancellable_new ();
  g_queue_init (&self->turns);
  self->hearers
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) hearer_free);
  read_store (self);
  return self;
}

void
tessera_logout_notifier_free (TesseraLogoutNotifier *self)
{
  self->is_closed = TRUE;
  stop_tick (self);
  g_cancellable_cancel (self->cancellable);
  unref (self);
}

void
tessera_logout_notifier_set_outbound (TesseraLogoutNotifier *self, TesseraOutbound *outbound)
{
  g_set_object (&self->outbound, outbound);
  self->rests_until_ms = 0; /* it may be better than the last */
  pump (self);
}

void
tessera_logout_notifier_wake (TesseraLogoutNotifier *self)
{
  read_store (self);
}
