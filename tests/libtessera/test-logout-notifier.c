/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The delivery of logout tokens where the store fails; the rest is seen from outside, in
 * tests/rfc/test_openid_backchannel_logout.py. */

#include "server/tessera-logout-notifier-private.h"

#include "faulty-store.h"
#include "log-capture.h"

static void
end_a_session (TesseraStore *store)
{
  const TesseraParticipant participant
      = { (char *) "s1", (char *) "c1", (char *) "alice", NULL, 1000, 9000 };

  g_assert_true (tessera_store_begin (store, NULL));
  g_assert_true (tessera_store_put_participant (store, &participant, NULL));
  g_assert_true (tessera_store_end_session (store, "s1", NULL));
  g_assert_true (tessera_store_commit (store, NULL));
}

static void
reads_again_what_could_not_be_read (void)
{
  FaultyStore *store = faulty_store_new ();
  g_autoptr (TesseraCommitter) committer = NULL;
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  TesseraMetrics metrics = { 0 };
  TesseraEngine engine = { .clock = clock, .metrics = &metrics };
  TesseraLogoutNotifier *notifier = NULL;

  end_a_session (store->inner);
  store->fail_lists = 1;
  engine.committer = committer = tessera_committer_new (TESSERA_STORE (store), NULL);
  g_object_unref (store); /* the committer's own reference keeps it */
  log_capture_begin ();
  notifier = tessera_logout_notifier_new (&engine);
  while (metrics.logouts_pending == 0)
    g_main_context_iteration (NULL, TRUE);
  log_capture_assert_some (G_LOG_LEVEL_WARNING, "*injected*");
  g_assert_cmpuint (metrics.logouts_pending, ==, 1);
  g_assert_cmpint (store->fail_lists, ==, 0);
  tessera_logout_notifier_free (notifier);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();

  g_test_add_func ("/logout-notifier/reads-again-what-could-not-be-read",
                   reads_again_what_could_not_be_read);
  return g_test_run ();
}
