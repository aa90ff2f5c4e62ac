/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signing out: GET asks, POST ends the session and everything that was issued in it. An application
 * may wish it (OpenID Connect RP-Initiated Logout §2): if its ID token is of this very session
 * nobody is asked, and the browser goes back to it when that is registered (threats.md A41). */

#include "server/tessera-visit-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"

/* @params: what the page is to be asked for; NULL: nothing. */
static void
go_to_logout (TesseraVisit *visit, TesseraParams *params)
{
  g_autofree char *path
      = tessera_visit_dup_path (visit, visit->engine->settings->logout_path, NULL);
  g_autoptr (GString) address = g_string_new (path);

  if (params != NULL)
    tessera_logout_request_append_params (address, params);
  else if (visit->logout != NULL && visit->logout->ui_locales != NULL)
    tessera_uri_append_param (address, "ui_locales", visit->logout->ui_locales);
  tessera_visit_respond_redirect (visit, address->str);
}

/* A page says what came of it by GET, so that reloading repeats nothing. */
static void
leave (TesseraVisit *visit)
{
  if (visit->logout != NULL && visit->logout->redirect_uri != NULL)
    {
      g_autofree char *location = tessera_logout_request_dup_location (visit->logout);

      tessera_visit_respond_redirect (visit, location);
      return;
    }
  go_to_logout (visit, NULL);
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
  leave (visit);
}

static void
end_session (TesseraVisit *visit)
{
  tessera_login_session_end (visit->engine, visit->session, visit->exchange->request_id,
                             visit->exchange->remote_address, on_ended, visit);
}

/* GET */

/* What the form brings back, bound by its token. */
static void
add_request (TesseraVisit *visit, TesseraValues *values)
{
  const TesseraLogoutRequest *logout = visit->logout;
  g_autofree char *destination = NULL;

  if (logout->client != NULL)
    tessera_values_set (values, "client_id", tessera_client_get_id (logout->client));
  tessera_values_set (values, "state", logout->state);
  tessera_values_set (values, "ui_locales", logout->ui_locales);
  if (logout->redirect_uri == NULL)
    return;
  destination = tessera_uri_dup_display (logout->redirect_uri);
  tessera_values_set (values, "post_logout_redirect_uri", logout->redirect_uri);
  tessera_values_set (values, "destination", destination);
  tessera_values_set_flag (values, "to_scheme", tessera_uri_is_private_use (logout->redirect_uri));
  tessera_values_set_flag (values, "to_loopback",
                           tessera_uri_is_loopback_redirect (logout->redirect_uri));
}

static void
ask (TesseraVisit *visit)
{
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *csrf = tessera_visit_dup_csrf (visit, "logout");
  g_autofree char *action
      = tessera_visit_dup_path (visit, visit->engine->settings->logout_path, NULL);

  tessera_values_set (values, "csrf", csrf);
  tessera_values_set (values, "action", action);
  if (visit->logout != NULL)
    add_request (visit, values);
  tessera_visit_respond_page (visit, 200, "logout", values);
}

/* Without an ID token nobody has said that this person came from that application. */
static void
on_nobody_there (TesseraVisit *visit)
{
  if (visit->logout != NULL && visit->logout->redirect_uri != NULL
      && visit->logout->subject != NULL)
    leave (visit);
  else
    tessera_visit_respond_page (visit, 200, "signed-out", NULL);
}

static void
on_asked_for (TesseraVisit *visit)
{
  if (visit->session == NULL)
    on_nobody_there (visit);
  else if (visit->logout != NULL
           && tessera_logout_request_is_about (visit->logout, visit->engine,
                                               &visit->session->login))
    end_session (visit);
  else
    ask (visit);
}

/* POST */

static void
on_confirmed (TesseraVisit *visit)
{
  if (visit->session == NULL)
    {
      go_to_logout (visit, NULL);
      return;
    }
  if (!tessera_visit_check_csrf (visit, "logout"))
    {
      g_autofree char *again
          = tessera_visit_dup_path (visit, visit->engine->settings->logout_path, NULL);

      tessera_visit_respond_forbidden (visit, "csrf", again);
      return;
    }

  end_session (visit);
}

/* Reads what an application says in @params. FALSE when that ended in an answer. */
static gboolean
read_request (TesseraVisit *visit, TesseraParams *params)
{
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (TesseraVisit) ending = NULL;
  g_autoptr (GError) error = NULL;

  visit->logout = tessera_logout_request_parse (visit->engine, params, &explanation, &error);
  if (visit->logout == NULL)
    {
      ending = visit;
      tessera_exchange_log_refusal (visit->exchange, error, &explanation);
      tessera_interaction_show_error (visit->interaction, visit->exchange, error);
      return FALSE;
    }
  if (visit->logout->client != NULL)
    tessera_exchange_set_client_id (visit->exchange, tessera_client_get_id (visit->logout->client));
  return TRUE;
}

static void
handle_get (TesseraVisit *visit)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraParams) query = NULL;

  if (visit->engine->settings->openid_enabled)
    {
      query = tessera_exchange_parse_query (visit->exchange, &error);
      if (query == NULL)
        {
          tessera_visit_respond_error (visit, error);
          return;
        }
      if (!read_request (visit, query))
        return;
    }
  tessera_visit_load_session (visit, on_asked_for);
}

/* A form of another site, for which the browser keeps its cookie back (SameSite=Lax), asks as GET
 * does. Whatever has a token is ours. */
static void
handle_post (TesseraVisit *visit)
{
  gboolean openid_enabled = visit->engine->settings->openid_enabled;

  if (openid_enabled && tessera_params_get (visit->form, "csrf") == NULL
      && tessera_logout_request_is_in (visit->form))
    {
      go_to_logout (visit, visit->form);
      return;
    }
  if (openid_enabled && !read_request (visit, visit->form))
    return;
  tessera_visit_load_session (visit, on_confirmed);
}

void
tessera_interaction_handle_logout (TesseraInteraction *self, TesseraExchange *exchange)
{
  TesseraVisit *visit = tessera_visit_new (self, exchange);

  if (!tessera_visit_read_form (visit))
    return;
  if (visit->form != NULL)
    handle_post (visit);
  else
    handle_get (visit);
}
