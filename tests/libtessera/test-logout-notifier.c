/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The delivery of logout tokens where the store fails; the rest is seen from outside, in
 * tests/rfc/test_openid_backchannel_logout.py. */

#include "server/tessera-logout-notifier-private.h"

#include "faulty-store.h"
#include "log-capture.h"

typedef struct
{
  FaultyStore *store;
  TesseraMetrics metrics;
  TesseraEngine engine;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->store = faulty_store_new ();
  f->engine.clock = tessera_clock_new ();
  f->engine.metrics = &f->metrics;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  tessera_committer_free (f->engine.committer);
  tessera_clock_unref (f->engine.clock);
}

static void
end_sessions (Fixture *f, guint n)
{
  TesseraStore *store = f->store->inner;

  g_assert_true (tessera_store_begin (store, NULL));
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *id = g_strdup_printf ("s%u", i);
      const TesseraParticipant participant
          = { id, (char *) "c1", (char *) "alice", NULL, 1000, 9000 };

      g_assert_true (tessera_store_put_participant (store, &participant, NULL));
      g_assert_true (tessera_store_end_session (store, id, 2000, NULL));
    }
  g_assert_true (tessera_store_commit (store, NULL));
}

/* Until it knows of @n. */
static void
expect_pending (Fixture *f, guint n)
{
  TesseraLogoutNotifier *notifier = NULL;

  f->engine.committer = tessera_committer_new (TESSERA_STORE (f->store), NULL);
  g_object_unref (f->store); /* the committer's own reference keeps it */
  notifier = tessera_logout_notifier_new (&f->engine);
  while (f->metrics.logouts_pending < n)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (f->metrics.logouts_pending, ==, n);
  tessera_logout_notifier_free (notifier);
}

static void
reads_again_what_could_not_be_read (Fixture *f, gconstpointer data)
{
  end_sessions (f, 1);
  f->store->fail_lists = 1;
  log_capture_begin ();
  expect_pending (f, 1);
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*injected*");
  g_assert_cmpint (f->store->fail_lists, ==, 0);
}

static void
reads_page_after_page (Fixture *f, gconstpointer data)
{
  end_sessions (f, 600);
  expect_pending (f, 600);
}

#define TEST(name, function)                                                                       \
  g_test_add ("/logout-notifier/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();

  TEST ("reads-again-what-could-not-be-read", reads_again_what_could_not_be_read);
  TEST ("reads-page-after-page", reads_page_after_page);
  return g_test_run ();
}
