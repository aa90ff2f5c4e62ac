/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera-authentication.c: a verdict is given once, told once, and denied in every way in which it
 * can fail to come. */

#include "log-capture.h"

#include "model/tessera-authentication-private.h"

typedef struct
{
  guint told;
  TesseraVerdict verdict;
  char *subject;
  char *amr;
  GThread *thread;
} Outcome;

static void
outcome_clear (Outcome *self)
{
  g_clear_pointer (&self->subject, g_free);
  g_clear_pointer (&self->amr, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, outcome_clear)

static void
on_decided (TesseraAuthentication *authentication, gpointer data)
{
  Outcome *outcome = data;
  outcome->told++;
  outcome->verdict = tessera_authentication_get_verdict (authentication);
  outcome->subject = g_strdup (tessera_authentication_get_subject (authentication));
  outcome->amr = tessera_authentication_dup_amr (authentication);
  outcome->thread = g_thread_self ();
}

static TesseraAuthentication *
attempt (Outcome *outcome)
{
  TesseraAuthentication *authentication
      = tessera_authentication_new ("alice", "secret", NULL, "a b", "192.0.2.1");
  tessera_authentication_on_decided (authentication, on_decided, outcome);
  return authentication;
}

static void
test_tells_what_was_asked (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  const char *const scopes[] = { "a", "b", NULL };

  g_assert_cmpstr (tessera_authentication_get_username (authentication), ==, "alice");
  g_assert_cmpstr (tessera_authentication_get_password (authentication), ==, "secret");
  g_assert_cmpstrv (tessera_authentication_get_scopes (authentication), scopes);
  g_assert_cmpstr (tessera_authentication_get_remote_address (authentication), ==, "192.0.2.1");
}

static void
test_accept_is_told_at_once (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  const char *const amr[] = { "pwd", "otp", NULL };
  tessera_authentication_accept_with (authentication, "u1", "urn:two", amr);

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpstr (outcome.subject, ==, "u1");
  g_assert_cmpstr (outcome.amr, ==, "pwd otp");
  g_assert_cmpstr (tessera_authentication_get_acr (authentication), ==, "urn:two");
}

static void
test_accept_without_subject_takes_the_user_name (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  tessera_authentication_accept (authentication, NULL);

  g_assert_cmpstr (outcome.subject, ==, "alice");
}

static void
test_first_verdict_stands (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  tessera_authentication_deny (authentication);
  tessera_authentication_accept (authentication, "u1");
  tessera_authentication_hold (authentication);

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (tessera_authentication_get_verdict (authentication), ==, TESSERA_VERDICT_DENIED);
  g_assert_null (tessera_authentication_get_subject (authentication));
}

static void
test_no_verdict_is_denied_with_a_warning (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  log_capture_begin ();
  tessera_authentication_close_emission (authentication, 60000);
  log_capture_assert_one (G_LOG_LEVEL_WARNING,
                          "*no handler of authenticate called accept (), deny () or hold ()*");

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
test_held_and_dropped_is_denied (void)
{
  g_auto (Outcome) outcome = { 0 };
  TesseraAuthentication *authentication = attempt (&outcome);
  tessera_authentication_hold (authentication);
  tessera_authentication_close_emission (authentication, 60000);
  g_assert_cmpuint (outcome.told, ==, 0);
  g_object_unref (authentication);

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
test_held_too_long_is_denied (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  tessera_authentication_hold (authentication);
  log_capture_begin ();
  tessera_authentication_close_emission (authentication, 1);
  while (outcome.told == 0)
    g_main_context_iteration (NULL, TRUE);
  log_capture_assert_one (G_LOG_LEVEL_MESSAGE, "*no verdict in time*");
  tessera_authentication_accept (authentication, "u1");

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_DENIED);
}

static gpointer
accept_elsewhere (gpointer data)
{
  tessera_authentication_accept (data, "u1");
  return NULL;
}

static gpointer
drop_elsewhere (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

static void
test_verdict_from_another_thread_is_told_here (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  tessera_authentication_hold (authentication);
  tessera_authentication_close_emission (authentication, 60000);
  g_thread_join (g_thread_new ("verdict", accept_elsewhere, authentication));
  g_assert_cmpuint (outcome.told, ==, 0);
  while (outcome.told == 0)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_true (outcome.thread == g_thread_self ());
}

static void
test_dropped_in_another_thread_is_denied_here (void)
{
  g_auto (Outcome) outcome = { 0 };
  TesseraAuthentication *authentication = attempt (&outcome);
  tessera_authentication_hold (authentication);
  tessera_authentication_close_emission (authentication, 60000);
  g_thread_join (g_thread_new ("drop", drop_elsewhere, authentication));
  while (outcome.told == 0)
    g_main_context_iteration (NULL, TRUE);

  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_DENIED);
  g_assert_true (outcome.thread == g_thread_self ());
}

static void
check_bad_subject (const char *subject)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  log_capture_begin ();
  tessera_authentication_accept (authentication, subject);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*a subject is 1 to 255 bytes*");

  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
test_bad_subjects_are_denied (void)
{
  g_autofree char *longer = g_strnfill (256, 'x');
  check_bad_subject ("");
  check_bad_subject ("\xff");
  check_bad_subject (longer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_capture_init ();
  g_test_add_func ("/authentication/tells-what-was-asked", test_tells_what_was_asked);
  g_test_add_func ("/authentication/accept-is-told-at-once", test_accept_is_told_at_once);
  g_test_add_func ("/authentication/accept-without-subject-takes-the-user-name",
                   test_accept_without_subject_takes_the_user_name);
  g_test_add_func ("/authentication/first-verdict-stands", test_first_verdict_stands);
  g_test_add_func ("/authentication/no-verdict-is-denied-with-a-warning",
                   test_no_verdict_is_denied_with_a_warning);
  g_test_add_func ("/authentication/held-and-dropped-is-denied", test_held_and_dropped_is_denied);
  g_test_add_func ("/authentication/held-too-long-is-denied", test_held_too_long_is_denied);
  g_test_add_func ("/authentication/verdict-from-another-thread-is-told-here",
                   test_verdict_from_another_thread_is_told_here);
  g_test_add_func ("/authentication/dropped-in-another-thread-is-denied-here",
                   test_dropped_in_another_thread_is_denied_here);
  g_test_add_func ("/authentication/bad-subjects-are-denied", test_bad_subjects_are_denied);
  return g_test_run ();
}
