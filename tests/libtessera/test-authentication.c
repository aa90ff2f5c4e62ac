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
  outcome->subject = g_strdup (tessera_authentication_get_login (authentication)->subject);
  outcome->amr = g_strdup (tessera_authentication_get_login (authentication)->amr);
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
  g_assert_cmpstr (tessera_authentication_get_login (authentication)->acr, ==, "urn:two");
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
  g_assert_null (tessera_authentication_get_login (authentication)->subject);
}

static void
test_who_was_let_in_is_in (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  tessera_authentication_accept (authentication, "u1");
  tessera_authentication_deny (authentication);

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (tessera_authentication_get_verdict (authentication), ==,
                   TESSERA_VERDICT_ACCEPTED);
}

static void
test_no_verdict_is_denied_with_a_warning (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  log_capture_begin ();
  tessera_authentication_close_emission (authentication, 60000);
  log_capture_assert_one (
      G_LOG_LEVEL_WARNING,
      "*no handler of authenticate called accept (), deny (), ask () or hold ()*");

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

static gpointer
deny_elsewhere (gpointer data)
{
  tessera_authentication_deny (data);
  return NULL;
}

/* Which one it is nobody knows; that it is all of one, and told once. */
static void
test_of_two_verdicts_at_once_one_stands (void)
{
  for (guint i = 0; i < 200; i++)
    {
      g_auto (Outcome) outcome = { 0 };
      g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
      tessera_authentication_hold (authentication);
      tessera_authentication_close_emission (authentication, 60000);
      GThread *accepts = g_thread_new ("accepts", accept_elsewhere, authentication);
      GThread *denies = g_thread_new ("denies", deny_elsewhere, authentication);
      while (outcome.told == 0)
        g_main_context_iteration (NULL, TRUE);
      g_thread_join (accepts);
      g_thread_join (denies);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_cmpuint (outcome.told, ==, 1);
      g_assert_cmpint (outcome.verdict, ==, tessera_authentication_get_verdict (authentication));
      g_assert_cmpstr (outcome.subject, ==,
                       outcome.verdict == TESSERA_VERDICT_ACCEPTED ? "u1" : NULL);
    }
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

static void
test_asks_one_thing_more (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) first = attempt (&outcome);
  tessera_authentication_hold (first);
  tessera_authentication_ask (first, "Code?", TRUE);
  tessera_authentication_accept (first, "u1");

  g_assert_cmpuint (outcome.told, ==, 1);
  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_ASKED);
  g_assert_null (outcome.subject);
  g_assert_cmpstr (tessera_authentication_get_prompt (first), ==, "Code?");
  g_assert_true (tessera_authentication_asks_secret (first));
  g_assert_null (tessera_authentication_get_answer (first));
}

static void
test_a_later_step_has_no_password (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) first = attempt (&outcome);
  g_autoptr (TesseraAuthentication) other = attempt (&outcome);
  g_autoptr (TesseraAuthentication) second
      = tessera_authentication_new_step (tessera_authentication_get_id (first), 1, "alice",
                                         "123456", NULL, "a b", "192.0.2.1");

  g_assert_cmpuint (tessera_authentication_get_step (first), ==, 0);
  g_assert_cmpuint (tessera_authentication_get_step (second), ==, 1);
  g_assert_cmpstr (tessera_authentication_get_id (first), ==,
                   tessera_authentication_get_id (second));
  g_assert_cmpstr (tessera_authentication_get_id (first), !=,
                   tessera_authentication_get_id (other));
  g_assert_cmpuint (strlen (tessera_authentication_get_id (first)), >=, 22);
  g_assert_cmpstr (tessera_authentication_get_username (second), ==, "alice");
  g_assert_cmpstr (tessera_authentication_get_answer (second), ==, "123456");
  g_assert_null (tessera_authentication_get_password (second));
}

static void
check_bad_question (guint step, const char *prompt, const char *warning)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication
      = tessera_authentication_new_step ("id", step, "alice", "1", NULL, NULL, NULL);
  tessera_authentication_on_decided (authentication, on_decided, &outcome);
  log_capture_begin ();
  tessera_authentication_ask (authentication, prompt, FALSE);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, warning);

  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_DENIED);
}

static void
test_questions_have_an_end (void)
{
  g_autofree char *longer = g_strnfill (257, 'x');
  check_bad_question (5, NULL, "*nothing can be asked after step 5*");
  check_bad_question (4, "", "*a prompt is 1 to 256 bytes*");
  check_bad_question (4, "\xff", "*a prompt is 1 to 256 bytes*");
  check_bad_question (4, longer, "*a prompt is 1 to 256 bytes*");
}

static void
test_claims_become_json (void)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  GVariant *claims = g_variant_new_parsed (
      "{'name': <'Alice'>, 'n': <uint32 7>, 'ok': <true>, 'half': <0.5>, 'roles': <['a', 'b']>,"
      " 'address': <{'country': <'XX'>}>, 'boxed': <<int64 -1>>}");
  tessera_authentication_accept_full (authentication, NULL, NULL, NULL, claims);

  g_assert_cmpint (outcome.verdict, ==, TESSERA_VERDICT_ACCEPTED);
  g_assert_cmpstr (tessera_authentication_get_login (authentication)->claims, ==,
                   "{\"name\":\"Alice\",\"n\":7,\"ok\":true,\"half\":0.5,"
                   "\"roles\":[\"a\",\"b\"],\"address\":{\"country\":\"XX\"},\"boxed\":-1}");
}

static GVariant *
make_large (gsize length)
{
  GVariantBuilder builder;
  g_autofree char *text = g_strnfill (length, 'x');
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "a", g_variant_new_string (text));
  return g_variant_builder_end (&builder);
}

static GVariant *
make_deep (void)
{
  GVariant *value = g_variant_new_string ("x");
  for (guint i = 0; i < 20; i++)
    value = g_variant_new_array (NULL, &value, 1);
  return g_variant_new_parsed ("{'a': %v}", value);
}

static void
check_full (const char *acr, const char *const *amr, GVariant *claims, const char *warning)
{
  g_auto (Outcome) outcome = { 0 };
  g_autoptr (TesseraAuthentication) authentication = attempt (&outcome);
  log_capture_begin ();
  tessera_authentication_accept_full (authentication, NULL, acr, amr, claims);
  if (warning == NULL)
    log_capture_assert_none ();
  else
    log_capture_assert_one (G_LOG_LEVEL_WARNING, warning);

  g_assert_cmpint (outcome.verdict, ==,
                   warning == NULL ? TESSERA_VERDICT_ACCEPTED : TESSERA_VERDICT_DENIED);
}

static void
test_a_verdict_has_limits (void)
{
  static const char *const spaced[] = { "pwd otp", NULL }, *const empty[] = { "", NULL };
  const char *many[18] = { NULL };
  for (guint i = 0; i < 17; i++)
    many[i] = "pwd";

  check_full (NULL, NULL, make_large (4096 - strlen ("{\"a\":\"\"}")), NULL);
  check_full (NULL, NULL, make_large (4097 - strlen ("{\"a\":\"\"}")), "*claims*4096 bytes*");
  check_full (NULL, NULL, make_large (10 * 1024 * 1024), "*claims*");
  check_full (NULL, NULL, make_deep (), "*claims*");
  check_full (NULL, NULL, g_variant_new_parsed ("{'sub': <'root'>}"), "*claims*");
  check_full (NULL, NULL, g_variant_new_parsed ("{'': <'x'>}"), "*claims*");
  check_full (NULL, NULL, g_variant_new_parsed ("{'a': <(1, 2)>}"), "*claims*");
  check_full (NULL, NULL, g_variant_new_parsed ("{'a': <uint64 18446744073709551615>}"),
              "*claims*");
  check_full (NULL, NULL, g_variant_new_string ("x"), "*claims*");
  check_full (NULL, NULL, g_variant_new_parsed ("@a{sv} {}"), NULL);
  check_full (NULL, spaced, NULL, "*amr*");
  check_full (NULL, empty, NULL, "*amr*");
  check_full (NULL, many, NULL, "*amr*");
  check_full ("", NULL, NULL, "*acr*");
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
  g_test_add_func ("/authentication/who-was-let-in-is-in", test_who_was_let_in_is_in);
  g_test_add_func ("/authentication/no-verdict-is-denied-with-a-warning",
                   test_no_verdict_is_denied_with_a_warning);
  g_test_add_func ("/authentication/held-and-dropped-is-denied", test_held_and_dropped_is_denied);
  g_test_add_func ("/authentication/held-too-long-is-denied", test_held_too_long_is_denied);
  g_test_add_func ("/authentication/verdict-from-another-thread-is-told-here",
                   test_verdict_from_another_thread_is_told_here);
  g_test_add_func ("/authentication/of-two-verdicts-at-once-one-stands",
                   test_of_two_verdicts_at_once_one_stands);
  g_test_add_func ("/authentication/dropped-in-another-thread-is-denied-here",
                   test_dropped_in_another_thread_is_denied_here);
  g_test_add_func ("/authentication/bad-subjects-are-denied", test_bad_subjects_are_denied);
  g_test_add_func ("/authentication/asks-one-thing-more", test_asks_one_thing_more);
  g_test_add_func ("/authentication/a-later-step-has-no-password",
                   test_a_later_step_has_no_password);
  g_test_add_func ("/authentication/questions-have-an-end", test_questions_have_an_end);
  g_test_add_func ("/authentication/claims-become-json", test_claims_become_json);
  g_test_add_func ("/authentication/a-verdict-has-limits", test_a_verdict_has_limits);
  return g_test_run ();
}
