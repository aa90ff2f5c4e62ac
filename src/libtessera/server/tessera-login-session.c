/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions of signed-in browsers: looked up, begun and ended through the committing thread. */

#include "server/tessera-login-session-private.h"

#include "grants/tessera-revoker-private.h"

/* A session in use is written at most this often. */
#define TOUCH_INTERVAL_MS 60000

gboolean
tessera_login_session_is_cut_off (TesseraEngine *engine,
                                  const TesseraLogin *login,
                                  const char *client_id,
                                  gint64 began_ms)
{
  TesseraTokenIdentity identity = {
    .issued_ms = began_ms,
    .subject = login->subject,
    .client_id = client_id != NULL ? client_id : "",
    .grant_id = "", /* entries for a subject apply to what people allowed */
    .session_id = login->session_id,
  };

  return tessera_deny_list_check_authorization (engine->deny_list, &identity);
}

/* Looking up */

typedef struct
{
  TesseraEngine *engine;
  gint64 now_ms;
  TesseraDigest digest;
  char *client_id;    /* whose consent is wanted, or NULL */
  char *redirect_uri; /* of that consent */
  TesseraSession *session;
  TesseraConsent *consent;
  TesseraLoginSessionFound found;
  gpointer data;
} Lookup;

static void
lookup_reset (Lookup *self)
{
  g_clear_pointer (&self->session, tessera_session_free);
  g_clear_pointer (&self->consent, tessera_consent_free);
}

static void
lookup_free (Lookup *self)
{
  lookup_reset (self);
  g_free (self->client_id);
  g_free (self->redirect_uri);
  g_free (self);
}

static gint64
get_idle_ms (const TesseraEngine *engine)
{
  return engine->settings->session_idle * G_GINT64_CONSTANT (1000);
}

gboolean
tessera_login_session_is_good (TesseraEngine *engine, const TesseraSession *session, gint64 now_ms)
{
  return now_ms < session->expires_ms && now_ms - session->last_seen_ms < get_idle_ms (engine)
         && !tessera_login_session_is_cut_off (engine, &session->login, NULL, session->began_ms);
}

/* In the committing thread. */
static gboolean
run_lookup (gpointer data, TesseraStore *store, GError **error)
{
  Lookup *self = data;
  GError *problem = NULL;

  lookup_reset (self);
  self->session = tessera_store_lookup_session (store, &self->digest, &problem);
  if (problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  if (self->session == NULL)
    return TRUE;
  if (!tessera_login_session_is_good (self->engine, self->session, self->now_ms))
    {
      g_clear_pointer (&self->session, tessera_session_free);
      return tessera_store_remove_session (store, &self->digest, error);
    }

  if (self->client_id != NULL)
    self->consent = tessera_store_lookup_consent (store, self->session->login.subject,
                                                  self->client_id, self->redirect_uri, &problem);
  if (problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  if (self->now_ms - self->session->last_seen_ms
      >= MIN (TOUCH_INTERVAL_MS, get_idle_ms (self->engine) / 2))
    return tessera_store_touch_session (store, &self->digest, self->now_ms, error);
  return TRUE;
}

static void
on_lookup_done (gpointer data, const GError *error)
{
  Lookup *self = data;

  if (error != NULL)
    lookup_reset (self);
  self->found (self->data, g_steal_pointer (&self->session), g_steal_pointer (&self->consent),
               error);
  lookup_free (self);
}

void
tessera_login_session_lookup (TesseraEngine *engine,
                              const char *cookie,
                              TesseraAuthorizationRequest *consent_for,
                              TesseraLoginSessionFound found,
                              gpointer data)
{
  Lookup *self;

  if (cookie == NULL)
    {
      found (data, NULL, NULL, NULL);
      return;
    }

  self = g_new0 (Lookup, 1);
  self->engine = engine;
  self->now_ms = tessera_clock_get_ms (engine->clock);
  self->digest = tessera_digest (cookie, -1);
  if (consent_for != NULL)
    {
      self->client_id = g_strdup (tessera_client_get_id (consent_for->client));
      self->redirect_uri = g_strdup (consent_for->redirect_uri);
    }
  self->found = found;
  self->data = data;
  tessera_committer_submit (engine->committer, run_lookup, on_lookup_done, self);
}

/* Beginning */

typedef struct
{
  TesseraEngine *engine;
  TesseraSecret *cookie;
  TesseraSession *session;
  gint64 attempted_ms;
  TesseraDigest replaced[2];
  guint n_replaced;
  TesseraLoginSessionBegun begun;
  gpointer data;
} Begin;

static void
begin_free (Begin *self)
{
  tessera_secret_free (self->cookie);
  tessera_session_free (self->session);
  g_free (self);
}

static gboolean
run_begin (gpointer data, TesseraStore *store, GError **error)
{
  Begin *self = data;

  /* A cut-off that came while the password was looked at, because it was changed or its user
   * removed, must not miss the session (design.md §5). */
  if (tessera_login_session_is_cut_off (self->engine, &self->session->login, NULL,
                                        self->attempted_ms))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_ACCESS_DENIED,
                           "The login was revoked meanwhile.");
      return FALSE;
    }
  for (guint i = 0; i < self->n_replaced; i++)
    if (!tessera_store_remove_session (store, &self->replaced[i], error))
      return FALSE;
  return tessera_store_put_session (store, self->session, error);
}

static void
on_begin_done (gpointer data, const GError *error)
{
  Begin *self = data;

  self->begun (self->data, self->cookie, self->session, error);
  begin_free (self);
}

static TesseraSession *
session_new (TesseraEngine *engine, const char *cookie, const TesseraLogin *login)
{
  TesseraSession *self = g_new0 (TesseraSession, 1);
  gint64 now_ms = tessera_clock_get_ms (engine->clock);

  self->digest = tessera_digest (cookie, -1);
  tessera_login_copy (login, &self->login);
  g_free (self->login.session_id);
  self->login.session_id = tessera_identifier_new ();
  self->login.auth_time = now_ms / 1000;
  self->began_ms = now_ms;
  self->last_seen_ms = now_ms;
  self->expires_ms = now_ms + engine->settings->session_lifetime * G_GINT64_CONSTANT (1000);
  return self;
}

void
tessera_login_session_begin (TesseraEngine *engine,
                             const TesseraLogin *login,
                             gint64 attempted_ms,
                             const char *replaced_cookie,
                             const TesseraDigest *replaced,
                             TesseraLoginSessionBegun begun,
                             gpointer data)
{
  Begin *self = g_new0 (Begin, 1);

  self->engine = engine;
  self->attempted_ms = attempted_ms;
  self->cookie = tessera_secret_new ("");
  self->session = session_new (engine, self->cookie, login);
  if (replaced_cookie != NULL)
    self->replaced[self->n_replaced++] = tessera_digest (replaced_cookie, -1);
  if (replaced != NULL)
    self->replaced[self->n_replaced++] = *replaced;
  self->begun = begun;
  self->data = data;
  tessera_committer_submit (engine->committer, run_begin, on_begin_done, self);
}

/* Ending */

typedef struct
{
  TesseraLoginSessionEnded ended;
  gpointer data;
} End;

static void
on_revoked (gpointer data, gboolean revoked, const GError *error)
{
  End *self = data;

  self->ended (self->data, error);
  g_free (self);
}

/* The revocation takes the session with it, in one commit: a crash in between must not leave a
 * browser that is signed out beside tokens that live on. */
void
tessera_login_session_end (TesseraEngine *engine,
                           const TesseraSession *session,
                           const char *request,
                           const char *address,
                           TesseraLoginSessionEnded ended,
                           gpointer data)
{
  TesseraRevocationOrder order = {
    .kind = TESSERA_REVOCATION_KIND_SESSION,
    .value = session->login.session_id,
    .cause = TESSERA_REVOCATION_CAUSE_LOGOUT,
    .request = request,
    .address = address,
  };
  End *self = g_new0 (End, 1);

  self->ended = ended;
  self->data = data;
  tessera_revoker_revoke (engine, &order, on_revoked, self);
}
