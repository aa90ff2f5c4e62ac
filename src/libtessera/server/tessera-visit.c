/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request of a person's browser: which transaction it belongs to, who is signed in, and what is
 * due next (RFC 9700 §4.7 for the bindings; OpenID Connect Core §3.1.2.1 for prompt and max_age).
 */

#include "server/tessera-visit-private.h"

#include "base/tessera-uri-private.h"
#include "grants/tessera-pairwise-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "server/tessera-repeat-private.h"

#include <string.h>

TesseraVisit *
tessera_visit_new (TesseraInteraction *interaction, TesseraExchange *exchange)
{
  TesseraVisit *self = g_new0 (TesseraVisit, 1);

  self->server = g_object_ref (interaction->server);
  self->interaction = interaction;
  self->engine = tessera_server_get_engine (interaction->server);
  self->exchange = tessera_exchange_ref (exchange);
  self->browser = tessera_cookie_dup (TESSERA_COOKIE_BROWSER, exchange, self->engine->settings);
  return self;
}

void
tessera_visit_free (TesseraVisit *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->form, tessera_params_free);
  g_clear_pointer (&self->request, tessera_authorization_request_unref);
  g_clear_pointer (&self->transaction, tessera_transaction_unref);
  g_clear_pointer (&self->logout, tessera_logout_request_free);
  g_clear_pointer (&self->session, tessera_session_free);
  g_clear_pointer (&self->consent, tessera_consent_free);
  tessera_secret_free (self->browser);
  tessera_exchange_unref (self->exchange);
  g_object_unref (self->server);
  g_free (self);
}

/* Who is signed in */

static void
on_session_found (gpointer data,
                  TesseraSession *session,
                  TesseraConsent *consent,
                  const GError *error)
{
  TesseraVisit *self = data;

  g_clear_pointer (&self->session, tessera_session_free);
  g_clear_pointer (&self->consent, tessera_consent_free);
  self->session = session;
  self->consent = consent;
  if (error != NULL)
    tessera_visit_respond_error (self, error);
  else
    self->next (self);
}

void
tessera_visit_load_session (TesseraVisit *self, TesseraVisitStep next)
{
  g_autoptr (TesseraSecret) cookie
      = tessera_cookie_dup (TESSERA_COOKIE_SESSION, self->exchange, self->engine->settings);

  self->next = next;
  tessera_login_session_lookup (self->engine, cookie, self->request, on_session_found, self);
}

/* Did the person sign in for this very transaction? */
static gboolean
has_just_logged_in (TesseraVisit *self)
{
  return self->transaction != NULL && self->session != NULL
         && g_strcmp0 (self->transaction->session_id, self->session->login.session_id) == 0;
}

/* Is it somebody else, or signed in in another way, than the client insists on (OpenID Connect Core
 * §3.1.2.2, §5.5.1.1)? */
static gboolean
is_not_wanted (TesseraVisit *self)
{
  const TesseraLogin *login = &self->session->login;
  const TesseraAuthorizationRequest *request = self->request;

  if (request->wanted_subject != NULL
      && !tessera_pairwise_is_called (self->engine, request->client, login,
                                      request->wanted_subject))
    return TRUE;
  return request->essential_acr != NULL
         && (login->acr == NULL || !tessera_scope_has (request->essential_acr, login->acr));
}

gboolean
tessera_visit_needs_login (TesseraVisit *self)
{
  gint64 now = tessera_clock_get_seconds (self->engine->clock);

  if (self->session == NULL)
    return TRUE;
  if (has_just_logged_in (self) || self->request == NULL)
    return FALSE;
  if ((self->request->prompt & TESSERA_PROMPT_LOGIN) || is_not_wanted (self))
    return TRUE;
  /* max_age=0 is prompt=login in other words, in the same second too. */
  if (self->request->max_age == 0)
    return TRUE;
  return self->request->max_age > 0
         && now - self->session->login.auth_time > self->request->max_age;
}

static gboolean
is_said (const char *resources)
{
  return resources != NULL && *resources != '\0';
}

/* Not to say a resource means the client's usual audience, which is no part of those said before.
 */
static gboolean
was_allowed_before (TesseraVisit *self)
{
  g_autofree char *asked = tessera_authorization_request_dup_asked_scope (self->request);

  return self->consent != NULL
         && is_said (self->request->resources) == is_said (self->consent->resources)
         && tessera_scope_is_subset (asked, self->consent->scope)
         && tessera_scope_is_subset (self->request->resources, self->consent->resources);
}

gboolean
tessera_visit_needs_consent (TesseraVisit *self)
{
  TesseraClient *client = self->request->client;

  if (self->request->prompt & TESSERA_PROMPT_CONSENT)
    return TRUE;
  if ((self->request->prompt & TESSERA_PROMPT_SELECT_ACCOUNT) && !has_just_logged_in (self))
    return TRUE;
  /* Whoever cannot prove to be the client is asked for each time (RFC 8252 §8.6). */
  if (!tessera_client_is_confidential (client))
    return TRUE;
  if (tessera_client_is_dynamic (client)
      && tessera_registration_policy_always_asks_consent (
          self->engine->settings->registration_policy))
    return TRUE;
  return !tessera_client_is_first_party (client) && !was_allowed_before (self);
}

/* What the application was registered as when the request was checked must still be so. */
static gboolean
client_is_unchanged (TesseraVisit *self)
{
  TesseraClient *client = self->request->client;
  g_autoptr (TesseraClient) registered
      = tessera_client_registry_lookup (self->engine->clients, tessera_client_get_id (client));
  g_autofree char *before = NULL, *now = NULL;

  if (registered == client)
    return TRUE;
  if (registered == NULL)
    return FALSE;

  before = tessera_client_dup_fingerprint (client);
  now = tessera_client_dup_fingerprint (registered);
  return g_str_equal (before, now);
}

gboolean
tessera_visit_is_cut_off (TesseraVisit *self)
{
  /* The entry of a changed client may be gone from the list before the transaction is. */
  return !client_is_unchanged (self)
         || tessera_login_session_is_cut_off (self->engine, &self->session->login,
                                              tessera_client_get_id (self->request->client),
                                              self->request->began_ms);
}

/* Tokens of forms */

static void
append_part (GString *text, const char *part)
{
  g_string_append_printf (text, "%" G_GSIZE_FORMAT ":%s", part != NULL ? strlen (part) : 0,
                          part != NULL ? part : "");
}

static void
append_logout (GString *text, const TesseraLogoutRequest *logout)
{
  append_part (text, logout->client != NULL ? tessera_client_get_id (logout->client) : NULL);
  append_part (text, logout->redirect_uri);
  append_part (text, logout->state);
}

static void
append_challenge (GString *text, const TesseraChallenge *challenge)
{
  append_part (text, challenge->id);
  g_string_append_printf (text, "%u", challenge->step);
}

char *
tessera_visit_dup_csrf (TesseraVisit *self, const char *purpose)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *fingerprint = NULL;
  gboolean is_answer = g_str_equal (purpose, "answer");
  gboolean is_login = is_answer || g_str_equal (purpose, "login");
  gboolean is_logout = g_str_equal (purpose, "logout");
  TesseraDigest digest;

  if (self->request != NULL)
    fingerprint = tessera_authorization_request_dup_fingerprint (self->request);
  append_part (text, purpose);
  append_part (text, is_logout ? NULL : self->browser);
  append_part (text, self->transaction != NULL ? self->transaction->id : NULL);
  append_part (text, fingerprint);
  if (is_answer)
    append_challenge (text, self->transaction->challenge);
  if (self->logout != NULL)
    append_logout (text, self->logout);
  /* Who decides; at the login nobody does yet, and a second click must still fit. */
  append_part (text, self->session != NULL && !is_login ? self->session->login.subject : NULL);
  append_part (text, self->session != NULL && !is_login ? self->session->login.session_id : NULL);
  digest
      = tessera_hmac (self->interaction->key, sizeof self->interaction->key, text->str, text->len);
  memset (text->str, 0, text->len);
  return tessera_base64url_encode (digest.bytes, sizeof digest.bytes);
}

gboolean
tessera_visit_check_csrf (TesseraVisit *self, const char *purpose)
{
  const char *presented = tessera_params_get (self->form, "csrf");
  g_autofree char *expected = tessera_visit_dup_csrf (self, purpose);

  return presented != NULL && tessera_secret_equal (presented, expected);
}

/* Answers */

char *
tessera_visit_dup_path (TesseraVisit *self, const char *path, const char *more)
{
  const char *base = self->engine->settings->issuer_path;

  if (self->transaction == NULL)
    return g_strconcat (base, path, more != NULL ? "?" : "", more, NULL);
  return g_strconcat (base, path, "?t=", self->transaction->id, more != NULL ? "&" : "", more,
                      NULL);
}

/* Which application wants something. */
static TesseraClient *
get_client (TesseraVisit *self)
{
  if (self->request != NULL)
    return self->request->client;
  return self->logout != NULL ? self->logout->client : NULL;
}

static const char *
get_ui_locales (TesseraVisit *self)
{
  if (self->request != NULL)
    return self->request->ui_locales;
  return self->logout != NULL ? self->logout->ui_locales : NULL;
}

/* Of the page: its sentences and the names in it are in one language. */
static const char *
choose_language (TesseraVisit *self)
{
  const TesseraTranslation *translation
      = tessera_pages_choose_translation (self->interaction->pages, self->exchange,
                                          get_ui_locales (self));

  return translation != NULL ? tessera_translation_get_tag (translation) : "en";
}

TesseraValues *
tessera_visit_make_values (TesseraVisit *self)
{
  TesseraClient *client = get_client (self);
  TesseraValues *values = tessera_values_new ();
  g_autofree char *host = tessera_uri_dup_display (self->engine->settings->issuer);

  tessera_values_set (values, "host", host);
  tessera_values_set (values, "request_id", self->exchange->request_id);
  if (client != NULL)
    tessera_values_set (values, "client",
                        tessera_client_get_name_in (client, choose_language (self)));
  if (self->session != NULL)
    tessera_values_set (values, "subject", self->session->login.subject);
  if (self->transaction != NULL)
    tessera_values_set (values, "transaction", self->transaction->id);
  return values;
}

void
tessera_visit_set_account (TesseraVisit *self, TesseraValues *values)
{
  const TesseraSettings *settings = self->engine->settings;
  g_autofree char *path = g_strconcat (settings->issuer_path, settings->account_path, NULL);

  if (settings->account_enabled)
    tessera_values_set (values, "account", path);
}

char *
tessera_visit_render_page (TesseraVisit *self, const char *page, TesseraValues *values)
{
  g_autoptr (TesseraValues) all = values != NULL ? values : tessera_visit_make_values (self);
  TesseraPages *pages = self->interaction->pages;
  const TesseraTranslation *translation
      = tessera_pages_choose_translation (pages, self->exchange, get_ui_locales (self));
  char *html
      = tessera_pages_render (pages, page, all, self->engine->settings->issuer_path, translation);

  tessera_server_render_page (self->server, page, self->exchange, &html);
  return html;
}

void
tessera_visit_respond_page (TesseraVisit *self,
                            guint status,
                            const char *page,
                            TesseraValues *values)
{
  g_autoptr (TesseraVisit) visit = self;

  tessera_pages_respond (self->exchange, status, tessera_visit_render_page (self, page, values));
}

void
tessera_visit_respond_redirect (TesseraVisit *self, const char *path)
{
  tessera_exchange_redirect (self->exchange, path);
  tessera_visit_free (self);
}

static void
log_refusal (TesseraVisit *self, const char *rule)
{
  g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, TESSERA_ERROR_ACCESS_DENIED,
                                                  "The form does not belong to this browser.");
  g_auto (TesseraExplanation) explanation = { 0 };

  tessera_explanation_set (&explanation, rule, NULL, NULL);
  tessera_exchange_log_refusal (self->exchange, error, &explanation);
}

void
tessera_visit_respond_forbidden (TesseraVisit *self, const char *rule, const char *again)
{
  TesseraValues *values = tessera_visit_make_values (self);

  log_refusal (self, rule);
  tessera_values_set (values, "again", again);
  tessera_visit_respond_page (self, 403, "forbidden", values);
}

static void
respond_cookies (TesseraVisit *self)
{
  log_refusal (self, "cookie");
  tessera_visit_respond_page (self, 403, "cookies", NULL);
}

static void
respond_expired (TesseraVisit *self)
{
  gboolean is_post = self->form != NULL;

  tessera_visit_respond_page (self, is_post ? 403 : 400, "expired", NULL);
}

void
tessera_visit_respond_error (TesseraVisit *self, const GError *error)
{
  g_autoptr (TesseraVisit) visit = self;

  tessera_exchange_log_refusal (self->exchange, error, NULL);
  tessera_interaction_show_error (self->interaction, self->exchange, error);
}

/* Transactions */

/* A browser that posts from another site sends no cookie (SameSite=Lax); a new one would take the
 * place of the one it has. So that transaction is claimed by the request that follows. */
void
tessera_visit_make_browser_known (TesseraVisit *self)
{
  if (self->browser != NULL || g_str_equal (self->exchange->method, "POST"))
    return;

  self->browser = tessera_secret_new ("");
  tessera_cookie_set (TESSERA_COOKIE_BROWSER, self->exchange, self->engine->settings,
                      self->browser);
}

static void
add_transaction (TesseraVisit *self)
{
  TesseraTransaction *transaction
      = tessera_transaction_table_add (self->interaction->transactions, self->request,
                                       self->browser, self->exchange->remote_address,
                                       tessera_clock_get_ms (self->engine->clock));

  g_clear_pointer (&self->transaction, tessera_transaction_unref);
  self->transaction = tessera_transaction_ref (transaction);
}

void
tessera_visit_begin_transaction (TesseraVisit *self)
{
  g_autofree char *path = NULL;

  tessera_visit_make_browser_known (self);
  add_transaction (self);
  path = tessera_visit_dup_path (self,
                                 tessera_visit_needs_login (self)
                                     ? self->engine->settings->login_path
                                     : self->engine->settings->consent_path,
                                 NULL);
  tessera_visit_respond_redirect (self, path);
}

void
tessera_visit_ensure_transaction (TesseraVisit *self)
{
  if (self->transaction == NULL)
    add_transaction (self);
}

static TesseraAuthorizationRequest *
copy_request (TesseraAuthorizationRequest *request, gint64 now_ms)
{
  TesseraAuthorizationRequest *copy = tessera_authorization_request_new (request->client);

  copy->redirect_uri = g_strdup (request->redirect_uri);
  copy->redirect_uri_was_sent = request->redirect_uri_was_sent;
  copy->response_mode = request->response_mode;
  copy->state = g_strdup (request->state);
  copy->scope = g_strdup (request->scope);
  copy->resources = g_strdup (request->resources);
  copy->code_challenge = g_strdup (request->code_challenge);
  copy->prompt = request->prompt;
  copy->max_age = request->max_age;
  copy->login_hint = g_strdup (request->login_hint);
  copy->ui_locales = g_strdup (request->ui_locales);
  copy->nonce = g_strdup (request->nonce);
  copy->claims_request = g_strdup (request->claims_request);
  copy->acr_values = g_strdup (request->acr_values);
  copy->essential_acr = g_strdup (request->essential_acr);
  copy->wanted_subject = g_strdup (request->wanted_subject);
  copy->began_ms = now_ms;
  return copy;
}

static void
restart_without_application (TesseraVisit *self)
{
  g_autofree char *path = NULL;

  gboolean leads_to_account = self->transaction->leads_to_account;

  g_clear_pointer (&self->transaction, tessera_transaction_unref);
  if (leads_to_account && self->browser != NULL)
    {
      add_transaction (self);
      self->transaction->was_restarted = TRUE;
      self->transaction->leads_to_account = TRUE;
    }
  path = tessera_visit_dup_path (self, self->engine->settings->login_path, NULL);
  tessera_visit_respond_redirect (self, path);
}

void
tessera_visit_restart (TesseraVisit *self)
{
  g_autoptr (TesseraAuthorizationRequest) request = NULL;
  g_autofree char *path = NULL;

  if (self->request == NULL)
    {
      restart_without_application (self);
      return;
    }
  if (!client_is_unchanged (self))
    {
      respond_expired (self);
      return;
    }

  request = copy_request (self->request, tessera_clock_get_ms (self->engine->clock));
  tessera_authorization_request_unref (self->request);
  self->request = g_steal_pointer (&request);
  add_transaction (self);
  self->transaction->was_restarted = TRUE;
  path = tessera_visit_dup_path (self, self->engine->settings->login_path, NULL);
  tessera_visit_respond_redirect (self, path);
}

/* Sets the cookie, and comes back to see whether it was kept. */
static void
ask_for_cookie (TesseraVisit *self)
{
  g_autofree char *path
      = tessera_visit_dup_path (self, self->engine->settings->login_path, "cookie=1");

  tessera_visit_make_browser_known (self);
  tessera_visit_respond_redirect (self, path);
}

/* The first request after a POST from another site. FALSE when it ended in an answer. */
static gboolean
claim (TesseraVisit *self, gboolean was_asked_before)
{
  if (self->browser != NULL)
    {
      tessera_transaction_claim (self->transaction, self->browser);
      return TRUE;
    }

  if (was_asked_before)
    respond_cookies (self);
  else
    ask_for_cookie (self);
  return FALSE;
}

static gboolean
check_browser (TesseraVisit *self, gboolean was_asked_before)
{
  if (self->transaction != NULL && !self->transaction->is_claimed && self->form == NULL)
    return claim (self, was_asked_before);
  if (self->browser == NULL && (self->transaction != NULL || self->form != NULL))
    {
      respond_cookies (self);
      return FALSE;
    }
  if (self->transaction != NULL
      && !tessera_transaction_belongs_to (self->transaction, self->browser))
    {
      tessera_visit_respond_forbidden (self, "browser", NULL);
      return FALSE;
    }
  return TRUE;
}

static gboolean
find_transaction (TesseraVisit *self, const char *id, gboolean needs_application)
{
  TesseraTransaction *transaction = NULL;

  if (id != NULL)
    transaction = tessera_transaction_table_lookup (self->interaction->transactions, id);
  if (transaction != NULL && transaction->request == NULL && needs_application)
    return FALSE;
  if (transaction != NULL)
    self->transaction = tessera_transaction_ref (transaction);
  if (transaction != NULL && transaction->request != NULL)
    {
      self->request = tessera_authorization_request_ref (transaction->request);
      tessera_exchange_set_client_id (self->exchange,
                                      tessera_client_get_id (self->request->client));
    }
  return transaction != NULL || (id == NULL && !needs_application);
}

gboolean
tessera_visit_read_form (TesseraVisit *self)
{
  g_autoptr (GError) error = NULL;

  if (!g_str_equal (self->exchange->method, "POST"))
    return TRUE;

  self->form = tessera_exchange_parse_form (self->exchange, &error);
  if (self->form != NULL && tessera_params_check_repeats (self->form, &error))
    return TRUE;
  tessera_visit_respond_error (self, error);
  return FALSE;
}

/* Address and form must not name two different ones. */
static gboolean
names_one_transaction (TesseraVisit *self, const char *id)
{
  const char *other = self->form != NULL ? tessera_params_get (self->form, "t") : NULL;

  return id == NULL || other == NULL || g_str_equal (id, other);
}

TesseraVisit *
tessera_visit_open (TesseraInteraction *interaction,
                    TesseraExchange *exchange,
                    gboolean needs_application)
{
  TesseraVisit *self = tessera_visit_new (interaction, exchange);
  g_autoptr (TesseraParams) query = tessera_exchange_parse_query (exchange, NULL);
  const char *id = query != NULL ? tessera_params_get (query, "t") : NULL;
  gboolean was_asked_before = query != NULL && tessera_params_get (query, "cookie") != NULL;
  gboolean is_found;

  /* Nothing else is taken from the address: whatever it carries is ignored (threats.md A22, A39).
   */
  self->wants_switch = query != NULL && tessera_params_get (query, "other") != NULL;
  if (!tessera_visit_read_form (self))
    return NULL;
  if (!names_one_transaction (self, id))
    {
      tessera_visit_respond_forbidden (self, "t", NULL);
      return NULL;
    }
  if (id == NULL && self->form != NULL)
    id = tessera_params_get (self->form, "t");

  is_found = find_transaction (self, id, needs_application);
  if (!check_browser (self, was_asked_before))
    return NULL;
  if (!is_found)
    {
      respond_expired (self);
      return NULL;
    }
  return tessera_repeat_check (self) ? self : NULL;
}

/* The end */

/* Somebody else was first while this request waited for the store. */
static gboolean
is_too_late (TesseraVisit *self)
{
  return self->transaction != NULL && self->transaction->is_finished;
}

/* From here on nobody else gets an answer for this transaction, so that two clicks make one code.
 */
static void
finish_transaction (TesseraVisit *self)
{
  if (self->transaction == NULL)
    return;

  self->transaction->is_finished = TRUE;
  self->transaction->finished_by = self->exchange;
}

void
tessera_visit_approve (TesseraVisit *self)
{
  if (is_not_wanted (self))
    {
      tessera_visit_refuse (self, TESSERA_ERROR_LOGIN_REQUIRED,
                            "Somebody else signed in, or not as it was asked for");
      return;
    }
  if (is_too_late (self))
    {
      tessera_visit_respond_page (self, 200, "finished", NULL);
      return;
    }

  finish_transaction (self);
  tessera_authorization_endpoint_approve (self->engine, self->exchange, self->request,
                                          &self->session->login);
  tessera_visit_free (self);
}

void
tessera_visit_refuse (TesseraVisit *self, TesseraError code, const char *static_message)
{
  g_autoptr (GError) error = g_error_new_literal (TESSERA_ERROR, code, static_message);

  if (is_too_late (self))
    {
      tessera_visit_respond_page (self, 200, "finished", NULL);
      return;
    }

  finish_transaction (self);
  tessera_authorization_endpoint_refuse (self->engine, self->exchange, self->request, error, NULL);
  tessera_visit_free (self);
}
