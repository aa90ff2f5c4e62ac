/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application says when it wants a person signed out (OpenID Connect RP-Initiated Logout
 * §2, §3). logout_hint is not read: who is signed in here is known. */

#include "endpoints/tessera-logout-request-private.h"

#include "base/tessera-uri-private.h"
#include "grants/tessera-id-token-private.h"
#include "grants/tessera-pairwise-private.h"
#include "model/tessera-authorization-request-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

static const char *const parameters[]
    = { "id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri",
        "state",         "ui_locales",  NULL };

typedef struct
{
  TesseraEngine *engine;
  TesseraParams *params;
  TesseraLogoutRequest *request;
  TesseraExplanation *explanation;
  gboolean hint_is_lost; /* it cannot be checked any more, and counts for nothing */
} Reading;

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, why);
  return FALSE;
}

gboolean
tessera_logout_request_is_in (TesseraParams *params)
{
  for (guint i = 0; parameters[i] != NULL; i++)
    if (tessera_params_get (params, parameters[i]) != NULL)
      return TRUE;
  return FALSE;
}

void
tessera_logout_request_append_params (GString *uri, TesseraParams *params)
{
  for (guint i = 0; parameters[i] != NULL; i++)
    {
      const char *value = tessera_params_get (params, parameters[i]);

      if (value != NULL)
        tessera_uri_append_param (uri, parameters[i], value);
    }
}

void
tessera_logout_request_free (TesseraLogoutRequest *self)
{
  g_clear_object (&self->client);
  g_free (self->redirect_uri);
  g_free (self->state);
  g_free (self->ui_locales);
  g_free (self->subject);
  g_free (self->session_id);
  g_free (self);
}

/* @out_client_id: for whom the ID token was made. */
static gboolean
read_id_token_hint (Reading *self, char **out_client_id, GError **error)
{
  const char *hint = tessera_params_get (self->params, "id_token_hint");
  const char *client_id = tessera_params_get (self->params, "client_id");

  *out_client_id = g_strdup (client_id);
  if (hint == NULL)
    return TRUE;
  /* §6: a session may be older than a key. Without a hint that holds the person is asked. */
  self->hint_is_lost = tessera_id_token_names_lost_key (self->engine, hint);
  if (self->hint_is_lost)
    return TRUE;
  g_clear_pointer (out_client_id, g_free);
  tessera_explanation_set (self->explanation, "id_token_hint", client_id, NULL);
  /* §2: a client_id must be the one that the ID token was made for. */
  self->request->subject
      = tessera_id_token_read_subject (self->engine, hint, client_id, out_client_id,
                                       &self->request->session_id, error);
  return self->request->subject != NULL;
}

static gboolean
read_client (Reading *self, GError **error)
{
  g_autofree char *client_id = NULL;

  if (!read_id_token_hint (self, &client_id, error))
    return FALSE;
  if (client_id == NULL)
    return TRUE;
  self->request->client = tessera_client_registry_lookup (self->engine->clients, client_id);
  if (self->request->client != NULL)
    return TRUE;
  tessera_explanation_set (self->explanation, "client_id", NULL, client_id);
  return refuse (error, "The application is not known here");
}

/* §3: exactly one that is registered; and where no client says whose it is, none. */
static gboolean
read_redirect_uri (const Reading *self, GError **error)
{
  const char *presented = tessera_params_get (self->params, "post_logout_redirect_uri");
  TesseraClient *client = self->request->client;

  /* §4: what needs the hint is left undone, here to go there. */
  if (presented == NULL || (client == NULL && self->hint_is_lost))
    return TRUE;
  if (client != NULL && tessera_client_allows_post_logout_redirect_uri (client, presented))
    {
      self->request->redirect_uri = g_strdup (presented);
      return TRUE;
    }
  const char *const *uris
      = client != NULL ? tessera_client_get_post_logout_redirect_uris (client) : NULL;
  g_autofree char *registered = uris != NULL ? g_strjoinv (" ", (char **) uris) : NULL;
  tessera_explanation_set (self->explanation, "post_logout_redirect_uri", registered, presented);
  return refuse (error, "The address to go to is not registered for this application");
}

/* It may have to survive a form, and browsers write the ends of lines there as they like. */
static gboolean
is_plain (const char *text)
{
  for (; *text != '\0'; text++)
    if (g_ascii_iscntrl (*text))
      return FALSE;
  return TRUE;
}

static gboolean
read_state (const Reading *self, GError **error)
{
  const char *state = tessera_params_get (self->params, "state");

  if (state != NULL && strlen (state) > TESSERA_STATE_MAX_LENGTH)
    return refuse (error, "state is too long");
  if (state != NULL && !is_plain (state))
    return refuse (error, "state has control characters");
  self->request->state = g_strdup (state);
  self->request->ui_locales = g_strdup (tessera_params_get (self->params, "ui_locales"));
  return TRUE;
}

TesseraLogoutRequest *
tessera_logout_request_parse (TesseraEngine *engine,
                              TesseraParams *params,
                              TesseraExplanation *explanation,
                              GError **error)
{
  g_autoptr (TesseraLogoutRequest) request = g_new0 (TesseraLogoutRequest, 1);
  Reading self = { engine, params, request, explanation, FALSE };

  if (!tessera_params_check_repeats (params, error) || !read_client (&self, error)
      || !read_redirect_uri (&self, error) || !read_state (&self, error))
    return NULL;
  return g_steal_pointer (&request);
}

gboolean
tessera_logout_request_is_about (const TesseraLogoutRequest *self,
                                 TesseraEngine *engine,
                                 const TesseraLogin *login)
{
  return self->subject != NULL
         && tessera_pairwise_is_called (engine, self->client, login, self->subject)
         && self->session_id != NULL && g_strcmp0 (self->session_id, login->session_id) == 0;
}

char *
tessera_logout_request_dup_location (const TesseraLogoutRequest *self)
{
  GString *location = g_string_new (self->redirect_uri);

  if (self->state != NULL)
    tessera_uri_append_param (location, "state", self->state);
  return g_string_free (location, FALSE);
}
