/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The person's own page: which applications have access, where they are signed in; and taking it
 * back. Each act is a POST of a form made for this session, and asked for twice, the second time by
 * a page that says what it will do. */

#include "server/tessera-account-page-private.h"

#include "grants/tessera-revoker-private.h"
#include "grants/tessera-withdrawal-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"
#include "server/tessera-account-private.h"

#include <string.h>

/* What a form asks for. */
typedef enum
{
  ACT_NONE,
  ACT_REMOVE,     /* an application's access */
  ACT_END,        /* a session */
  ACT_EVERYWHERE, /* all of both */
  ACT_PASSWORD
} Act;

static const char *const acts[] = { "", "remove", "end", "everywhere", "password" };

/* Going there */

void
tessera_account_page_go (TesseraVisit *visit, const char *done)
{
  const char *path = visit->engine->settings->account_path;
  g_autofree char *purpose = g_strconcat ("done ", done, NULL);
  g_autofree char *proof = done != NULL ? tessera_visit_dup_csrf (visit, purpose) : NULL;
  g_autofree char *query = done != NULL ? g_strconcat ("done=", done, ".", proof, NULL) : NULL;
  g_autofree char *address = tessera_visit_dup_path (visit, path, query);

  tessera_visit_respond_redirect (visit, address);
}

/* First to the login, which leads back here. */
static void
go_to_login (TesseraVisit *visit)
{
  g_autofree char *path = NULL;

  tessera_visit_make_browser_known (visit);
  tessera_visit_ensure_transaction (visit);
  visit->transaction->leads_to_account = TRUE;
  path = tessera_visit_dup_path (visit, visit->engine->settings->login_path, NULL);
  tessera_visit_respond_redirect (visit, path);
}

/* Showing it */

/* Every language reads it alike, and the browser's time zone is not known here. */
static char *
dup_date (gint64 ms, const char *format)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (ms / 1000);

  return time != NULL ? g_date_time_format (time, format) : g_strdup ("");
}

static void
set_time (TesseraValues *values, const char *name, gint64 ms, gboolean with_time)
{
  g_autofree char *machine_name = g_strconcat (name, "_machine", NULL);
  g_autofree char *machine = dup_date (ms, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *text = dup_date (ms, with_time ? "%Y-%m-%d %H:%M UTC" : "%Y-%m-%d");

  tessera_values_set (values, machine_name, machine);
  tessera_values_set (values, name, text);
}

static void
set_client_name (TesseraVisit *visit, TesseraValues *values, const char *client_id)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup_any (visit->engine->clients, client_id);
  const char *name = client != NULL ? tessera_client_get_name (client) : NULL;

  tessera_values_set (values, "client", name != NULL && *name != '\0' ? name : client_id);
}

static void
add_application (TesseraVisit *visit,
                 TesseraValues *values,
                 guint number,
                 const TesseraAccountApplication *application)
{
  TesseraPages *pages = visit->interaction->pages;
  const TesseraTranslation *translation
      = tessera_pages_choose_translation (pages, visit->exchange, NULL);
  TesseraValues *item = tessera_values_append (values, "applications");
  g_auto (GStrv) scopes = tessera_scope_split (application->scope);

  set_client_name (visit, item, application->client_id);
  tessera_values_set (item, "id", application->client_id);
  tessera_values_set_number (item, "number", number);
  set_time (item, "since", application->began_ms, FALSE);
  if (application->last_used_ms != 0)
    set_time (item, "last", application->last_used_ms, FALSE);
  for (guint i = 0; scopes[i] != NULL; i++)
    {
      TesseraValues *scope = tessera_values_append (item, "scopes");
      g_autofree char *text = tessera_pages_dup_scope_text (pages, scopes[i], translation);

      tessera_values_set (scope, "name", scopes[i]);
      tessera_values_set (scope, "text", text);
    }
}

static void
add_session (TesseraVisit *visit,
             TesseraValues *values,
             guint number,
             const TesseraSession *session)
{
  TesseraValues *item = tessera_values_append (values, "sessions");

  tessera_values_set (item, "id", session->login.session_id);
  tessera_values_set_number (item, "number", number);
  set_time (item, "since", session->began_ms, TRUE);
  set_time (item, "last", session->last_seen_ms, TRUE);
  tessera_values_set_flag (item, "current",
                           g_strcmp0 (session->login.session_id, visit->session->login.session_id)
                               == 0);
}

/* The sentence about what was done; only one that we sent here ourselves. */
static void
set_done (TesseraVisit *visit, TesseraValues *values)
{
  g_autoptr (TesseraParams) query = tessera_exchange_parse_query (visit->exchange, NULL);
  const char *said = query != NULL ? tessera_params_get (query, "done") : NULL;

  for (guint i = ACT_REMOVE; said != NULL && i < G_N_ELEMENTS (acts); i++)
    {
      g_autofree char *purpose = g_strconcat ("done ", acts[i], NULL);
      g_autofree char *proof = tessera_visit_dup_csrf (visit, purpose);
      g_autofree char *expected = g_strconcat (acts[i], ".", proof, NULL);
      g_autofree char *flag = g_strconcat ("did_", acts[i], NULL);

      tessera_values_set_flag (values, flag, tessera_secret_equal (said, expected));
    }
}

static void
set_failure (TesseraValues *values, TesseraAccountFailure failure)
{
  tessera_values_set_flag (values, "failed", failure != TESSERA_ACCOUNT_FAILURE_NONE);
  tessera_values_set_flag (values, "incomplete", failure == TESSERA_ACCOUNT_FAILURE_INCOMPLETE);
  tessera_values_set_flag (values, "current_is_wrong", failure == TESSERA_ACCOUNT_FAILURE_CURRENT);
  tessera_values_set_flag (values, "is_not_repeated", failure == TESSERA_ACCOUNT_FAILURE_REPEATED);
  tessera_values_set_flag (values, "length_is_wrong", failure == TESSERA_ACCOUNT_FAILURE_LENGTH);
  tessera_values_set_flag (values, "new_is_wrong",
                           failure == TESSERA_ACCOUNT_FAILURE_REPEATED
                               || failure == TESSERA_ACCOUNT_FAILURE_LENGTH);
}

static void
set_addresses (TesseraVisit *visit, TesseraValues *values)
{
  const TesseraSettings *settings = visit->engine->settings;
  g_autofree char *action = tessera_visit_dup_path (visit, settings->account_path, NULL);
  g_autofree char *logout = tessera_visit_dup_path (visit, settings->logout_path, NULL);

  tessera_values_set (values, "action", action);
  tessera_values_set (values, "logout", logout);
}

typedef struct
{
  TesseraVisit *visit;
  TesseraAccountFailure failure;
} Showing;

static void
on_loaded_to_show (gpointer data, TesseraAccount *loaded, const GError *error)
{
  g_autofree Showing *self = data;
  g_autoptr (TesseraAccount) account = loaded;
  TesseraVisit *visit = self->visit;
  TesseraValues *values;
  g_autofree char *csrf = NULL;

  if (error != NULL)
    {
      tessera_visit_respond_error (visit, error);
      return;
    }

  csrf = tessera_visit_dup_csrf (visit, "account");
  values = tessera_visit_make_values (visit);
  set_addresses (visit, values);
  set_failure (values, self->failure);
  set_done (visit, values);
  tessera_values_set (values, "csrf", csrf);
  tessera_values_set_flag (values, "has_password", tessera_account_password_is_ours (visit));
  tessera_values_set_number (values, "minimum", TESSERA_ACCOUNT_PASSWORD_MIN_LENGTH);
  for (guint i = 0; i < account->applications->len; i++)
    add_application (visit, values, i + 1, account->applications->pdata[i]);
  for (guint i = 0; i < account->sessions->len; i++)
    add_session (visit, values, i + 1, account->sessions->pdata[i]);
  tessera_visit_respond_page (visit, 200, "account", values);
}

void
tessera_account_page_show (TesseraVisit *visit, TesseraAccountFailure failure)
{
  Showing *self = g_new0 (Showing, 1);

  self->visit = visit;
  self->failure = failure;
  tessera_account_load (visit->engine, visit->session->login.subject, on_loaded_to_show, self);
}

static void
on_asked_for (TesseraVisit *visit)
{
  if (visit->session == NULL)
    {
      go_to_login (visit);
      return;
    }
  tessera_visit_make_browser_known (visit);
  tessera_account_page_show (visit, TESSERA_ACCOUNT_FAILURE_NONE);
}

/* What the form says */

static Act
get_act (TesseraVisit *visit)
{
  const char *said = tessera_params_get (visit->form, "act");

  for (guint i = ACT_REMOVE; said != NULL && i < G_N_ELEMENTS (acts); i++)
    if (g_str_equal (said, acts[i]))
      return i;
  return ACT_NONE;
}

static const char *
get_target (TesseraVisit *visit)
{
  const char *target = tessera_params_get (visit->form, "target");

  return target != NULL ? target : "";
}

static gboolean
is_confirmed (TesseraVisit *visit)
{
  return tessera_params_get (visit->form, "confirm") != NULL;
}

/* The form of the second page fits only what that page said. */
static char *
dup_purpose (TesseraVisit *visit, gboolean confirmed)
{
  if (!confirmed)
    return g_strdup ("account");
  return g_strconcat ("account ", acts[get_act (visit)], " ", get_target (visit), NULL);
}

/* Asking */

static void
show_confirmation (TesseraVisit *visit)
{
  Act act = get_act (visit);
  TesseraValues *values = tessera_visit_make_values (visit);
  g_autofree char *purpose = dup_purpose (visit, TRUE);
  g_autofree char *csrf = tessera_visit_dup_csrf (visit, purpose);

  set_addresses (visit, values);
  tessera_values_set (values, "csrf", csrf);
  tessera_values_set (values, "act", acts[act]);
  tessera_values_set (values, "target", get_target (visit));
  tessera_values_set_flag (values, "remove", act == ACT_REMOVE);
  tessera_values_set_flag (values, "end", act == ACT_END);
  tessera_values_set_flag (values, "everywhere", act == ACT_EVERYWHERE);
  if (act == ACT_REMOVE)
    set_client_name (visit, values, get_target (visit));
  tessera_visit_respond_page (visit, 200, "account-confirm", values);
}

/* Doing */

static void
on_done (gpointer data, const GError *error)
{
  TesseraVisit *visit = data;

  if (error != NULL)
    tessera_visit_respond_error (visit, error);
  else
    tessera_account_page_go (visit, acts[get_act (visit)]);
}

static void
on_ended (gpointer data, gboolean revoked, const GError *error)
{
  on_done (data, error);
}

/* Nobody is signed in here any more, and the page for that says so. */
static void
on_ended_everywhere (gpointer data, gboolean revoked, const GError *error)
{
  TesseraVisit *visit = data;
  g_autofree char *path = NULL;

  if (error != NULL)
    {
      tessera_visit_respond_error (visit, error);
      return;
    }
  tessera_cookie_set (TESSERA_COOKIE_SESSION, visit->exchange, visit->engine->settings, NULL);
  path = tessera_visit_dup_path (visit, visit->engine->settings->logout_path, NULL);
  tessera_visit_respond_redirect (visit, path);
}

static void
take_back (TesseraVisit *visit,
           TesseraRevocationKind kind,
           const char *value,
           TesseraRevokerDone done)
{
  TesseraRevocationOrder order = { .kind = kind,
                                   .value = value,
                                   .cause = TESSERA_REVOCATION_CAUSE_OWNER,
                                   .request = visit->exchange->request_id,
                                   .address = visit->exchange->remote_address };

  tessera_revoker_revoke (visit->engine, &order, done, visit);
}

static void
do_it (TesseraVisit *visit, Act act)
{
  const char *subject = visit->session->login.subject;

  switch (act)
    {
    case ACT_REMOVE:
      tessera_withdrawal_start (visit->engine, subject, get_target (visit), on_done, visit);
      break;
    case ACT_END:
      take_back (visit, TESSERA_REVOCATION_KIND_SESSION, get_target (visit), on_ended);
      break;
    case ACT_EVERYWHERE:
      take_back (visit, TESSERA_REVOCATION_KIND_SUBJECT, subject, on_ended_everywhere);
      break;
    case ACT_NONE:
    case ACT_PASSWORD:
    default:
      tessera_account_page_go (visit, NULL);
      break;
    }
}

/* Only what is this person's; and what is gone needs no question. */
static gboolean
is_there (TesseraVisit *visit, const TesseraAccount *account, Act act)
{
  if (act == ACT_REMOVE)
    return tessera_account_lookup_application (account, get_target (visit)) != NULL;
  if (act == ACT_END)
    return tessera_account_lookup_session (account, get_target (visit)) != NULL;
  return act == ACT_EVERYWHERE;
}

static void
on_loaded_to_act (gpointer data, TesseraAccount *loaded, const GError *error)
{
  TesseraVisit *visit = data;
  g_autoptr (TesseraAccount) account = loaded;
  Act act = get_act (visit);

  if (error != NULL)
    tessera_visit_respond_error (visit, error);
  else if (!is_there (visit, account, act))
    tessera_account_page_go (visit, NULL);
  else if (is_confirmed (visit))
    do_it (visit, act);
  else
    show_confirmation (visit);
}

static void
on_form (TesseraVisit *visit)
{
  g_autofree char *purpose = dup_purpose (visit, is_confirmed (visit));

  if (visit->session == NULL)
    tessera_account_page_go (visit, NULL);
  else if (!tessera_visit_check_csrf (visit, purpose))
    {
      g_autofree char *again
          = tessera_visit_dup_path (visit, visit->engine->settings->account_path, NULL);

      tessera_visit_respond_forbidden (visit, "csrf", again);
    }
  else if (get_act (visit) == ACT_PASSWORD)
    tessera_account_password_change (visit);
  else
    tessera_account_load (visit->engine, visit->session->login.subject, on_loaded_to_act, visit);
}

void
tessera_interaction_handle_account (TesseraInteraction *self, TesseraExchange *exchange)
{
  TesseraVisit *visit = tessera_visit_new (self, exchange);

  if (tessera_visit_read_form (visit))
    tessera_visit_load_session (visit, visit->form != NULL ? on_form : on_asked_for);
}
