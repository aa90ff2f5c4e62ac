/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* endpoints/tessera-deny-export.c: the whole deny-list for readers that are slow, leave or are too
 * many, and out of a store that fails. What is in the file: tests/service/feed.py. */

#include "engine-fixture.h"
#include "fake-outlet.h"
#include "log-capture.h"

#include "endpoints/tessera-deny-export-private.h"

#include <gio/gio.h>

static GTask *last_task; /* that packs */
static gboolean store_fails;

void __wrap_g_task_run_in_thread (GTask *task, GTaskThreadFunc func);
void __real_g_task_run_in_thread (GTask *task, GTaskThreadFunc func);

void
__wrap_g_task_run_in_thread (GTask *task, GTaskThreadFunc func)
{
  g_set_object (&last_task, task);
  __real_g_task_run_in_thread (task, func);
}

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
  TesseraDenyExports *exports;
  FakeOutlet *outlet;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  self->engine = engine_fixture_new (FALSE);
  self->exports = tessera_deny_exports_new (&self->engine->engine);
  self->outlet = fake_outlet_new (G_MAXSIZE);
  store_fails = FALSE;
}

/* Nobody works for a snapshot any more. */
static void
tear_down (Fixture *self, gconstpointer data)
{
  if (last_task != NULL)
    while (!g_task_get_completed (last_task))
      g_main_context_iteration (NULL, TRUE);
  g_clear_object (&last_task);
  g_clear_pointer (&self->exports, tessera_deny_exports_free);
  fake_outlet_free (self->outlet);
  engine_fixture_free (self->engine);
}

static gboolean
run_denials (gpointer data, TesseraStore *store, GError **error)
{
  Fixture *self = ((gpointer *) data)[0];
  guint count = GPOINTER_TO_UINT (((gpointer *) data)[1]);

  for (guint i = 0; i < count; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%u", i);

      if (!tessera_deny_list_deny_grant (self->engine->engine.deny_list, store, name, NULL, error))
        return FALSE;
    }
  return TRUE;
}

static void
deny (Fixture *self, guint count)
{
  gpointer data[] = { self, GUINT_TO_POINTER (count) };
  g_autoptr (GError) error = NULL;

  tessera_committer_submit_and_wait (self->engine->engine.committer, run_denials, data, &error);
  g_assert_no_error (error);
}

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

/* @outlet: or NULL, for a reader that has left already. */
static void
begin (Fixture *self, FakeOutlet *outlet)
{
  static const TesseraExchangeFront front = { get_no_header, note_status, NULL, open_fake };
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, outlet, NULL);

  exchange->method = "GET";
  exchange->path = "/deny-list";
  tessera_deny_exports_begin (self->exports, exchange);
}

static void
end (FakeOutlet *outlet)
{
  outlet->base.funcs->ended (&outlet->base, outlet->base.data);
}

static void
test_pages_become_one_file (Fixture *self, gconstpointer data)
{
  deny (self, 1200);
  begin (self, self->outlet);
  fake_outlet_wait_for_flag (&self->outlet->finished);
  g_assert_cmpuint (fake_outlet_count (self->outlet, "\"value\":\"n"), ==, 1200);
  g_assert_cmpuint (fake_outlet_count (self->outlet, "{\"signature\":\""), ==, 1);
}

static void
test_what_has_expired_is_left_out (Fixture *self, gconstpointer data)
{
  deny (self, 10);
  self->engine->offset_ms += 7 * 24 * 3600 * G_GINT64_CONSTANT (1000);
  begin (self, self->outlet);
  fake_outlet_wait_for_flag (&self->outlet->finished);
  g_assert_cmpuint (fake_outlet_count (self->outlet, "\"value\":\"n"), ==, 0);
  g_assert_cmpuint (fake_outlet_count (self->outlet, "{\"signature\":\""), ==, 1);
}

/* With one page and with several. */
static void
test_who_does_not_read_is_cut (Fixture *self, gconstpointer data)
{
  deny (self, GPOINTER_TO_UINT (data));
  self->outlet->full = TRUE;
  begin (self, self->outlet);
  fake_outlet_wait_for_flag (&self->outlet->cut);
  g_assert_false (self->outlet->finished);
}

static void
test_who_reads_slowly_is_waited_for (Fixture *self, gconstpointer data)
{
  deny (self, 1200);
  self->outlet->stopped = TRUE;
  begin (self, self->outlet);
  fake_outlet_wait_for (self->outlet, "\"n499\"");
  self->outlet->base.funcs->ready (&self->outlet->base, self->outlet->base.data);
  fake_outlet_wait_for (self->outlet, "\"n999\"");
  g_assert_cmpuint (fake_outlet_count (self->outlet, "\"n1000\""), ==, 0);
  g_assert_false (self->outlet->finished);
  self->outlet->base.funcs->ready (&self->outlet->base, self->outlet->base.data);
  fake_outlet_wait_for_flag (&self->outlet->finished);
}

static void
test_a_list_that_cannot_be_read_is_cut (Fixture *self, gconstpointer data)
{
  store_fails = TRUE;
  log_capture_begin ();
  begin (self, self->outlet);
  fake_outlet_wait_for_flag (&self->outlet->cut);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*injected*");
  g_assert_cmpuint (fake_outlet_count (self->outlet, "signature"), ==, 0);
}

static void
test_a_list_that_cannot_be_signed_is_cut (Fixture *self, gconstpointer data)
{
  self->engine->engine.settings->signing_algorithm = TESSERA_ALGORITHM_RS256;
  log_capture_begin ();
  begin (self, self->outlet);
  fake_outlet_wait_for_flag (&self->outlet->cut);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*cannot be signed*");
  g_assert_cmpuint (self->outlet->text->len, ==, 0);
}

static void
test_who_leaves_is_let_go (Fixture *self, gconstpointer data)
{
  /* While it is read … */
  begin (self, self->outlet);
  end (self->outlet);
  /* … and while it is packed. */
  begin (self, self->outlet);
  while (last_task == NULL)
    g_main_context_iteration (NULL, TRUE);
  end (self->outlet);
  /* Before it has begun. */
  begin (self, NULL);
  g_assert_cmpuint (self->outlet->text->len, ==, 0);
}

static void
test_there_are_not_too_many (Fixture *self, gconstpointer data)
{
  FakeOutlet *others[TESSERA_DENY_EXPORTS_MAX];

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      others[i] = fake_outlet_new (G_MAXSIZE);
      begin (self, others[i]);
      g_assert_cmpuint (last_status, ==, 200);
    }
  begin (self, self->outlet);
  g_assert_cmpuint (last_status, ==, 503);
  fake_outlet_wait_for_flag (&others[0]->finished);
  begin (self, self->outlet);
  g_assert_cmpuint (last_status, ==, 200);
  fake_outlet_wait_for_flag (&self->outlet->finished);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      fake_outlet_wait_for_flag (&others[i]->finished);
      fake_outlet_free (others[i]);
    }
}

static void
test_the_end_cuts_all (Fixture *self, gconstpointer data)
{
  begin (self, self->outlet);
  while (last_task == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_clear_pointer (&self->exports, tessera_deny_exports_free);
  g_assert_true (self->outlet->cut);
}

int
main (int argc, char *argv[])
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);

#define ADD(name, data, function)                                                                  \
  g_test_add ("/deny-export/" name, Fixture, GUINT_TO_POINTER (data), set_up, function, tear_down)
  ADD ("pages-become-one-file", 0, test_pages_become_one_file);
  ADD ("what-has-expired-is-left-out", 0, test_what_has_expired_is_left_out);
  ADD ("who-does-not-read-is-cut/at-the-end", 10, test_who_does_not_read_is_cut);
  ADD ("who-does-not-read-is-cut/before-it", 1200, test_who_does_not_read_is_cut);
  ADD ("who-reads-slowly-is-waited-for", 0, test_who_reads_slowly_is_waited_for);
  ADD ("a-list-that-cannot-be-read-is-cut", 0, test_a_list_that_cannot_be_read_is_cut);
  ADD ("a-list-that-cannot-be-signed-is-cut", 0, test_a_list_that_cannot_be_signed_is_cut);
  ADD ("who-leaves-is-let-go", 0, test_who_leaves_is_let_go);
  ADD ("there-are-not-too-many", 0, test_there_are_not_too_many);
  ADD ("the-end-cuts-all", 0, test_the_end_cuts_all);

  return g_test_run ();
}
