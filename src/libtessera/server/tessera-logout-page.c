/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signing out: GET asks, POST ends the session and everything that was issued in it. */

#include "server/tessera-visit-private.h"

static void
on_asked_for (TesseraVisit *visit)
{
  const TesseraSettings *settings = visit->engine->settings;
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *csrf = NULL;
  g_autofree char *action = tessera_visit_dup_path (visit, settings->logout_path, NULL);

  if (visit->session == NULL)
    {
      tessera_visit_respond_page (visit, 200, "signed-out", values);
      return;
    }

  csrf = tessera_visit_dup_csrf (visit, "logout");
  tessera_values_set (values, "csrf", csrf);
  tessera_values_set (values, "action", action);
  tessera_visit_respond_page (visit, 200, "logout", values);
}

/* GET says what came of it, so that reloading repeats nothing. */
static void
go_to_logout (TesseraVisit *visit)
{
  g_autofree char *path
      = tessera_visit_dup_path (visit, visit->engine->settings->logout_path, NULL);

  tessera_visit_respond_redirect (visit, path);
}

static void
on_ended (gpointer data, const GError *error)
{
  TesseraVisit *visit = data;

  if (error != NULL)
    {
      tessera_visit_respond_error (visit, error);
      return;
    }

  tessera_cookie_set (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings, NULL);
  go_to_logout (visit);
}

static void
on_confirmed (TesseraVisit *visit)
{
  if (visit->session == NULL)
    {
      go_to_logout (visit);
      return;
    }
  if (!tessera_visit_check_csrf (visit, "logout"))
    {
      g_autofree char *again
          = tessera_visit_dup_path (visit, visit->engine->settings->logout_path, NULL);

      tessera_visit_respond_forbidden (visit, "csrf", again);
      return;
    }

  tessera_login_session_end (visit->engine, visit->session, visit->exchange->request_id,
                             visit->exchange->remote_address, on_ended, visit);
}

void
tessera_interaction_handle_logout (TesseraInteraction *self, TesseraExchange *exchange)
{
  TesseraVisit *visit = tessera_visit_new (self, exchange);

  if (tessera_visit_read_form (visit))
    tessera_visit_load_session (visit, visit->form != NULL ? on_confirmed : on_asked_for);
}
