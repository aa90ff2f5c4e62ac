/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page that asks one thing more, such as a one-time code, after user name and password: only in
 * the browser and the transaction in which those came, each step once and in its turn. */

#include "server/tessera-login-page-private.h"

#include <string.h>

void
tessera_challenge_page_show (TesseraVisit *visit, gboolean is_incomplete)
{
  const TesseraSettings *settings = visit->engine->settings;
  const TesseraChallenge *challenge = visit->transaction->challenge;
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *csrf = tessera_visit_dup_csrf (visit, "answer");
  g_autofree char *action = tessera_visit_dup_path (visit, settings->login_path, NULL);
  g_autofree char *other = tessera_visit_dup_path (visit, settings->login_path, "other=1");
  gboolean is_refused = challenge->is_repeated && !is_incomplete;

  tessera_values_set (values, "username", challenge->username);
  tessera_values_set (values, "prompt", challenge->prompt);
  tessera_values_set_flag (values, "secret", challenge->is_secret);
  tessera_values_set_number (values, "step", challenge->step);
  tessera_values_set (values, "csrf", csrf);
  tessera_values_set (values, "action", action);
  tessera_values_set (values, "switch", other);
  tessera_values_set_flag (values, "failed", is_refused || is_incomplete);
  tessera_values_set_flag (values, "incomplete", is_incomplete);
  tessera_visit_respond_page (visit, 200, "challenge", values);
}

/* A form that was shown before: sent twice, or found again by the way back. */
static gboolean
is_past (TesseraVisit *visit)
{
  const TesseraChallenge *challenge
      = visit->transaction != NULL ? visit->transaction->challenge : NULL;
  const char *step = tessera_params_get (visit->form, "step");
  g_autofree char *due = challenge != NULL ? g_strdup_printf ("%u", challenge->step) : NULL;

  return challenge == NULL || challenge->is_answering || !g_str_equal (step, due);
}

static void
authenticate (TesseraVisit *visit, const char *answer)
{
  TesseraChallenge *challenge = visit->transaction->challenge;
  TesseraAuthorizationRequest *request = visit->request;
  g_autoptr (TesseraAuthentication) authentication
      = tessera_authentication_new_step (challenge->id, challenge->step, challenge->username,
                                         answer, request != NULL ? request->client : NULL,
                                         request != NULL ? request->scope : NULL,
                                         visit->exchange->remote_address);

  challenge->is_answering = TRUE;
  visit->attempted_ms = challenge->attempted_ms;
  tessera_login_attempt_begin (visit, authentication);
}

static void
respond_forbidden (TesseraVisit *visit)
{
  g_autofree char *again
      = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);

  tessera_visit_respond_forbidden (visit, "csrf", again);
}

void
tessera_challenge_page_answer (TesseraVisit *visit)
{
  const char *answer = tessera_params_get (visit->form, "answer");

  if (is_past (visit))
    tessera_login_page_go (visit);
  else if (!tessera_visit_check_csrf (visit, "answer"))
    respond_forbidden (visit);
  else if (answer == NULL || strlen (answer) > TESSERA_ANSWER_MAX_LENGTH)
    tessera_challenge_page_show (visit, TRUE);
  else if (!tessera_attempt_is_throttled (visit, visit->transaction->challenge->username,
                                          visit->engine->settings->login_path))
    authenticate (visit, answer);
}
