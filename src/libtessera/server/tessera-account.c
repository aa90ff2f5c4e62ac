/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person allowed, and where they are signed in: read in the committing thread, where the
 * store is, and summed up by client. */

#include "server/tessera-account-private.h"

#include "model/tessera-scope-private.h"
#include "model/tessera-standard-claims-private.h"
#include "server/tessera-login-session-private.h"

#define PAGE 100

static void
application_free (TesseraAccountApplication *self)
{
  g_free (self->client_id);
  g_free (self->scope);
  g_free (self);
}

static TesseraAccount *
account_new (const char *subject)
{
  TesseraAccount *self = g_new0 (TesseraAccount, 1);

  self->subject = g_strdup (subject);
  self->applications = g_ptr_array_new_with_free_func ((GDestroyNotify) application_free);
  self->sessions = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_session_free);
  return self;
}

void
tessera_account_free (TesseraAccount *self)
{
  if (self == NULL)
    return;

  g_free (self->subject);
  g_ptr_array_unref (self->applications);
  g_ptr_array_unref (self->sessions);
  g_free (self);
}

static TesseraAccountApplication *
lookup_application (const TesseraAccount *self, const char *client_id)
{
  for (guint i = 0; i < self->applications->len; i++)
    {
      TesseraAccountApplication *application = self->applications->pdata[i];

      if (g_str_equal (application->client_id, client_id))
        return application;
    }
  return NULL;
}

const TesseraAccountApplication *
tessera_account_lookup_application (const TesseraAccount *self, const char *client_id)
{
  return lookup_application (self, client_id);
}

const TesseraSession *
tessera_account_lookup_session (const TesseraAccount *self, const char *session_id)
{
  for (guint i = 0; i < self->sessions->len; i++)
    {
      const TesseraSession *session = self->sessions->pdata[i];

      if (g_strcmp0 (session->login.session_id, session_id) == 0)
        return session;
    }
  return NULL;
}

static void
add_allowance (TesseraAccount *self,
               const char *client_id,
               const char *scope,
               gint64 began_ms,
               gint64 last_used_ms)
{
  TesseraAccountApplication *application = lookup_application (self, client_id);
  g_autofree char *before = NULL;

  if (application == NULL)
    {
      application = g_new0 (TesseraAccountApplication, 1);
      application->client_id = g_strdup (client_id);
      application->began_ms = began_ms;
      g_ptr_array_add (self->applications, application);
    }
  before = application->scope;
  application->scope = tessera_scope_union (before, scope);
  application->began_ms = MIN (application->began_ms, began_ms);
  application->last_used_ms = MAX (application->last_used_ms, last_used_ms);
}

/* Loading */

typedef struct
{
  TesseraEngine *engine;
  gint64 now_ms;
  char *subject;
  TesseraAccount *account;
  TesseraAccountLoaded loaded;
  gpointer data;
} Load;

static TesseraStoreFilter
get_filter (const Load *self, const char *after)
{
  return (TesseraStoreFilter){
    .subject = self->subject, .after = after, .limit = PAGE, .now_ms = self->now_ms
  };
}

/* A page at a time, so that many grants of one client take no memory. */
static gboolean
read_grants (Load *self, TesseraStore *store, GError **error)
{
  g_autofree char *last = g_strdup ("");
  guint n;

  do
    {
      TesseraStoreFilter filter = get_filter (self, last);
      g_autoptr (GPtrArray) page = tessera_store_list_grants (store, &filter, error);

      if (page == NULL)
        return FALSE;
      n = page->len;
      for (guint i = 0; i < n; i++)
        {
          const TesseraGrant *grant = page->pdata[i];

          g_autofree char *asked
              = tessera_standard_claims_dup_asked_scope (grant->scope, grant->claims_request);

          add_allowance (self->account, grant->client_id, asked, grant->began_ms,
                         grant->last_used_ms);
        }
      if (n > 0)
        {
          g_free (last);
          last = g_strdup (((const TesseraGrant *) page->pdata[n - 1])->grant_id);
        }
    }
  while (n > 0);
  return TRUE;
}

/* What was allowed once is given again without a question. */
static gboolean
read_consents (Load *self, TesseraStore *store, GError **error)
{
  g_autoptr (GPtrArray) consents = tessera_store_list_consents (store, self->subject, error);

  for (guint i = 0; consents != NULL && i < consents->len; i++)
    {
      const TesseraConsent *consent = consents->pdata[i];

      add_allowance (self->account, consent->client_id, consent->scope, consent->given_ms, 0);
    }
  return consents != NULL;
}

static gboolean
read_sessions (Load *self, TesseraStore *store, GError **error)
{
  g_autofree char *last = g_strdup ("");
  guint n;

  do
    {
      TesseraStoreFilter filter = get_filter (self, last);
      g_autoptr (GPtrArray) page = tessera_store_list_sessions (store, &filter, error);

      if (page == NULL)
        return FALSE;
      n = page->len;
      for (guint i = 0; i < n; i++)
        if (tessera_login_session_is_good (self->engine, page->pdata[i], self->now_ms))
          g_ptr_array_add (self->account->sessions, tessera_session_copy (page->pdata[i]));
      if (n > 0)
        {
          g_free (last);
          last = g_strdup (tessera_session_get_id (page->pdata[n - 1]));
        }
    }
  while (n > 0);
  return TRUE;
}

static int
compare_times (gint64 a, gint64 b)
{
  return a < b ? 1 : a > b ? -1 : 0;
}

static int
compare_applications (gconstpointer a, gconstpointer b)
{
  const TesseraAccountApplication *first = *(gpointer const *) a, *second = *(gpointer const *) b;
  int order = compare_times (first->last_used_ms, second->last_used_ms);

  return order != 0 ? order : g_strcmp0 (first->client_id, second->client_id);
}

static int
compare_sessions (gconstpointer a, gconstpointer b)
{
  const TesseraSession *first = *(gpointer const *) a, *second = *(gpointer const *) b;
  int order = compare_times (first->last_seen_ms, second->last_seen_ms);

  return order != 0 ? order : compare_times (first->began_ms, second->began_ms);
}

static gboolean
run (gpointer data, TesseraStore *store, GError **error)
{
  Load *self = data;

  g_clear_pointer (&self->account, tessera_account_free);
  self->account = account_new (self->subject);
  if (!read_grants (self, store, error) || !read_consents (self, store, error)
      || !read_sessions (self, store, error))
    return FALSE;
  g_ptr_array_sort (self->account->applications, compare_applications);
  g_ptr_array_sort (self->account->sessions, compare_sessions);
  return TRUE;
}

static void
on_run (gpointer data, const GError *error)
{
  Load *self = data;
  g_autoptr (TesseraAccount) account = g_steal_pointer (&self->account);

  self->loaded (self->data, error == NULL ? g_steal_pointer (&account) : NULL, error);
  g_free (self->subject);
  g_free (self);
}

void
tessera_account_load (TesseraEngine *engine,
                      const char *subject,
                      TesseraAccountLoaded loaded,
                      gpointer data)
{
  Load *self = g_new0 (Load, 1);

  self->engine = engine;
  self->now_ms = tessera_clock_get_ms (engine->clock);
  self->subject = g_strdup (subject);
  self->loaded = loaded;
  self->data = data;
  tessera_committer_submit (engine->committer, run, on_run, self);
}
