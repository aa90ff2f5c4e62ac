/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The consent page: who asks, for what, and where the browser goes next (RFC 6749 §3.1.2.5, §10.2;
 * RFC 8252 §8.6; threats.md A18, A25, A26, A34, A40). */

#include "server/tessera-visit-private.h"

#include "base/tessera-uri-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"

static void
add_scopes (TesseraVisit *visit, TesseraValues *values)
{
  TesseraPages *pages = visit->interaction->pages;
  const TesseraTranslation *translation
      = tessera_pages_choose_translation (pages, visit->exchange, visit->request->ui_locales);
  g_autofree char *asked = tessera_authorization_request_dup_asked_scope (visit->request);
  g_auto (GStrv) scopes = tessera_scope_split (asked);
  g_auto (GStrv) resources = tessera_scope_split (visit->request->resources);

  for (guint i = 0; scopes[i] != NULL; i++)
    {
      TesseraValues *item = tessera_values_append (values, "scopes");
      g_autofree char *text = tessera_pages_dup_scope_text (pages, scopes[i], translation);

      tessera_values_set (item, "name", scopes[i]);
      tessera_values_set (item, "text", text);
    }
  for (guint i = 0; resources[i] != NULL; i++)
    tessera_values_set (tessera_values_append (values, "resources"), "name", resources[i]);
}

static void
add_destination (TesseraVisit *visit, TesseraValues *values)
{
  const char *uri = visit->request->redirect_uri;
  g_autofree char *destination = tessera_uri_dup_display (uri);

  tessera_values_set (values, "destination", destination);
  tessera_values_set_flag (values, "to_scheme", tessera_uri_is_private_use (uri));
  tessera_values_set_flag (values, "to_loopback", tessera_uri_is_loopback_redirect (uri));
}

/* Links for whoever wants to know more; nothing of it is loaded, and each says where it leads, in
 * ASCII (threats.md G04). */
static void
add_links (TesseraVisit *visit, TesseraValues *values)
{
  TesseraClient *client = visit->request->client;
  const char *const links[][2] = {
    { "client_uri", tessera_client_get_client_uri (client) },
    { "policy_uri", tessera_client_get_policy_uri (client) },
    { "tos_uri", tessera_client_get_tos_uri (client) },
    { "logo_uri", tessera_client_get_logo_uri (client) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (links); i++)
    {
      if (links[i][1] == NULL)
        continue;
      g_autofree char *name = g_strconcat (links[i][0], "_host", NULL);
      g_autofree char *host = tessera_uri_dup_display (links[i][1]);
      tessera_values_set (values, links[i][0], links[i][1]);
      tessera_values_set (values, name, host);
      tessera_values_set_flag (values, "links", TRUE);
    }
}

static void
show_consent (TesseraVisit *visit)
{
  const TesseraSettings *settings = visit->engine->settings;
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *csrf = tessera_visit_dup_csrf (visit, "consent");
  g_autofree char *action = tessera_visit_dup_path (visit, settings->consent_path, NULL);
  g_autofree char *other = tessera_visit_dup_path (visit, settings->login_path, "other=1");

  add_scopes (visit, values);
  add_destination (visit, values);
  add_links (visit, values);
  tessera_values_set (values, "csrf", csrf);
  tessera_values_set (values, "action", action);
  tessera_values_set (values, "switch", other);
  tessera_visit_set_account (visit, values);
  tessera_values_set_flag (values, "unverified",
                           !tessera_client_is_confidential (visit->request->client));
  tessera_visit_respond_page (visit, 200, "consent", values);
}

static void
go_to_login (TesseraVisit *visit)
{
  g_autofree char *path = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);

  tessera_visit_respond_redirect (visit, path);
}

/* GET */

static void
on_asked_for (TesseraVisit *visit)
{
  if (tessera_visit_needs_login (visit))
    go_to_login (visit);
  else if (tessera_visit_is_cut_off (visit))
    tessera_visit_restart (visit);
  else if (tessera_visit_needs_consent (visit))
    show_consent (visit);
  else
    tessera_visit_approve (visit);
}

/* POST */

typedef struct
{
  TesseraVisit *visit;
  TesseraConsent *consent;
} Remembering;

static gboolean
run_remember (gpointer data, TesseraStore *store, GError **error)
{
  Remembering *self = data;

  return tessera_store_put_consent (store, self->consent, error);
}

static void
on_remembered (gpointer data, const GError *error)
{
  Remembering *self = data;

  if (error != NULL)
    tessera_visit_respond_error (self->visit, error);
  else
    tessera_visit_approve (self->visit);
  tessera_consent_free (self->consent);
  g_free (self);
}

/* What was allowed before for the same resources stays allowed; claims that are asked for by name
 * are remembered as the scopes that they were shown as. */
static char *
dup_scope_to_remember (TesseraVisit *visit)
{
  g_autofree char *asked = tessera_authorization_request_dup_asked_scope (visit->request);

  if (visit->consent != NULL
      && g_strcmp0 (visit->consent->resources, visit->request->resources) == 0)
    return tessera_scope_union (visit->consent->scope, asked);
  return g_steal_pointer (&asked);
}

static void
remember (TesseraVisit *visit)
{
  Remembering *self = g_new0 (Remembering, 1);

  self->visit = visit;
  self->consent = g_new0 (TesseraConsent, 1);
  self->consent->subject = g_strdup (visit->session->login.subject);
  self->consent->client_id = g_strdup (tessera_client_get_id (visit->request->client));
  self->consent->redirect_uri = g_strdup (visit->request->redirect_uri);
  self->consent->scope = dup_scope_to_remember (visit);
  self->consent->resources = g_strdup (visit->request->resources);
  self->consent->given_ms = tessera_clock_get_ms (visit->engine->clock);
  tessera_committer_submit (visit->engine->committer, run_remember, on_remembered, self);
}

static void
allow (TesseraVisit *visit)
{
  if (tessera_client_is_confidential (visit->request->client))
    remember (visit);
  else
    tessera_visit_approve (visit);
}

static void
decide (TesseraVisit *visit)
{
  const char *decision = tessera_params_get (visit->form, "decision");

  if (g_strcmp0 (decision, "allow") == 0)
    allow (visit);
  else if (g_strcmp0 (decision, "deny") == 0)
    tessera_visit_refuse (visit, TESSERA_ERROR_ACCESS_DENIED,
                          "The resource owner denied the request.");
  else
    {
      g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                                                      "decision must be allow or deny.");

      tessera_visit_respond_error (visit, error);
    }
}

/* What is decided about lies here and not in the form; a form that carries it was altered (A34). */
static gboolean
form_is_ours (TesseraVisit *visit)
{
  static const char *const foreign[]
      = { "client_id",      "redirect_uri",  "scope",   "state",    "resource",
          "code_challenge", "response_type", "subject", "username", NULL };

  for (guint i = 0; foreign[i] != NULL; i++)
    if (tessera_params_get (visit->form, foreign[i]) != NULL)
      return FALSE;
  /* Fits only what was shown to the person who is signed in now (A18, A34, A40). */
  return visit->session != NULL && tessera_visit_check_csrf (visit, "consent");
}

static void
on_answered (TesseraVisit *visit)
{
  if (!form_is_ours (visit))
    {
      g_autofree char *again
          = tessera_visit_dup_path (visit, visit->engine->settings->consent_path, NULL);

      tessera_visit_respond_forbidden (visit, "csrf", again);
      return;
    }
  if (tessera_visit_is_cut_off (visit))
    tessera_visit_restart (visit);
  else
    decide (visit);
}

void
tessera_interaction_handle_consent (TesseraInteraction *self, TesseraExchange *exchange)
{
  TesseraVisit *visit = tessera_visit_open (self, exchange, TRUE);

  if (visit != NULL)
    tessera_visit_load_session (visit, visit->form != NULL ? on_answered : on_asked_for);
}
