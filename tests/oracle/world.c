/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See world.h. */

#include "world.h"

#include "base/tessera-clock-private.h"
#include "base/tessera-secret-private.h"
#include "grants/tessera-revoker-private.h"
#include "server/tessera-server-object-private.h"

#include "../libtessera/fake-front.h"

#include <glib/gstdio.h>
#include <gio/gio.h>
#include <jansson.h>
#include <string.h>

#define SECRET "a-secret-of-at-least-128-bits-of-length"
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define REDIRECT_URI "http://127.0.0.1/cb"
#define LIFETIME_S 300
#define PEOPLE 12
#define GRANTS_MAX 40
#define HOUR_MS (60 * 60 * 1000)
#define VERIFIER_ID "rs"
#define PATIENCE_US (60 * G_USEC_PER_SEC) /* for the verifier; it needs milliseconds */
#define FRESH_S 20

static const char *const client_ids[] = { "c1", "c2", "c3", "c4" };

/* What somebody allowed a client, as the client sees it. */
typedef struct
{
  char *id;
  const char *client;
  char *subject;
  char *session;
  char *refresh;  /* the newest */
  char *previous; /* the one before; its successor was not used yet */
  char *spent;    /* one whose successor was */
  char *code;
  gboolean ended;
} Grant;

static void
grant_free (Grant *self)
{
  g_free (self->id);
  g_free (self->subject);
  g_free (self->session);
  g_free (self->refresh);
  g_free (self->previous);
  g_free (self->spent);
  g_free (self->code);
  g_free (self);
}

/* Choices. */

static guint
below (World *self, guint limit)
{
  return (guint) g_rand_int_range (self->random, 0, (gint32) limit);
}

static const char *
choose_client (World *self)
{
  return client_ids[below (self, G_N_ELEMENTS (client_ids))];
}

static Grant *
choose_grant (World *self)
{
  return self->grants->len > 0 ? self->grants->pdata[below (self, self->grants->len)] : NULL;
}

OracleToken *
world_choose_token (World *self)
{
  guint count = oracle_count (self->oracle);
  guint young = MIN (count, 120);

  if (count == 0)
    return NULL;
  if (below (self, 4) == 0)
    return oracle_get (self->oracle, below (self, count));
  return oracle_get (self->oracle, count - 1 - below (self, young));
}

gint64
world_get_seconds (World *self)
{
  self->latest_ms = MAX (self->latest_ms, g_get_real_time () / 1000 + self->offset_ms);
  return self->latest_ms / 1000;
}

/* Requests, as a front hands them over. */

static json_t *
post (World *self, const char *path, const char *client, const char *form, guint *out_status)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autofree char *body = g_strconcat (form, "&client_id=", client, "&client_secret=" SECRET, NULL);

  fake_front_set_header (front, "Content-Type", "application/x-www-form-urlencoded");
  TesseraExchange *exchange = fake_front_request (front, "POST", path, body);
  tessera_server_handle (self->server, exchange);
  while (front->sent == 0)
    g_main_context_iteration (NULL, TRUE);
  tessera_exchange_unref (exchange);
  *out_status = front->status;
  return json_loads (front->body, JSON_REJECT_DUPLICATES, NULL);
}

static const char *
get_member (json_t *json, const char *name)
{
  return json_string_value (json_object_get (json, name));
}

static OracleToken *
take_token (World *self, json_t *answer, guint status)
{
  if (status != 200)
    g_error ("Step %" G_GUINT64_FORMAT ": no token, but %u %s", self->step, status,
             get_member (answer, "error"));
  return oracle_issue (self->oracle, get_member (answer, "access_token"));
}

gboolean
world_introspect (World *self, const OracleToken *token)
{
  g_autofree char *form = g_strconcat ("token=", token->text, NULL);
  guint status;
  json_t *answer = post (self, "/introspect", "c1", form, &status);
  gboolean active = json_is_true (json_object_get (answer, "active"));

  g_assert_cmpuint (status, ==, 200);
  json_decref (answer);
  return active;
}

/* Issuing. */

static void
issue_to_client (World *self)
{
  guint status;
  json_t *answer
      = post (self, "/token", choose_client (self), "grant_type=client_credentials", &status);

  take_token (self, answer, status);
  json_decref (answer);
}

static gboolean
run_put_code (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_put_code (store, data, error);
}

/* As if @subject had just logged in and allowed it. */
static char *
put_code (World *self, const char *client, const char *subject, const char *session)
{
  char *code = tessera_secret_new ("tsc_");
  gint64 now_ms = tessera_clock_get_ms (self->server->engine.clock);
  TesseraAuthorizationCode record = {
    .digest = tessera_digest (code, -1),
    .client_id = (char *) client,
    .redirect_uri = (char *) REDIRECT_URI,
    .code_challenge = (char *) CHALLENGE,
    .login
    = { .subject = (char *) subject, .session_id = (char *) session, .auth_time = now_ms / 1000 },
    .scope = (char *) "a",
    .began_ms = now_ms,
    .expires_ms = now_ms + 60000,
  };
  g_autoptr (GError) error = NULL;

  tessera_committer_submit_and_wait (self->server->engine.committer, run_put_code, &record, &error);
  g_assert_no_error (error);
  return code;
}

static json_t *
redeem (World *self, const char *client, const char *code, guint *out_status)
{
  g_autofree char *form
      = g_strconcat ("grant_type=authorization_code&code_verifier=" VERIFIER "&code=", code, NULL);
  return post (self, "/token", client, form, out_status);
}

/* The session that @subject is in; now and then a new one. */
static const char *
enter_session (World *self, guint subject)
{
  char **session = (char **) &self->sessions->pdata[subject];

  if (*session == NULL || below (self, 3) == 0)
    {
      g_free (*session);
      *session = g_strdup_printf ("s%u-%" G_GUINT64_FORMAT, subject, self->step);
    }
  return *session;
}

static void
log_in (World *self)
{
  Grant *grant = g_new0 (Grant, 1);
  guint subject = below (self, PEOPLE);
  guint status;

  grant->client = choose_client (self);
  grant->subject = g_strdup_printf ("u%u", subject);
  grant->session = g_strdup (enter_session (self, subject));
  grant->code = put_code (self, grant->client, grant->subject, grant->session);
  json_t *answer = redeem (self, grant->client, grant->code, &status);
  grant->id = g_strdup (take_token (self, answer, status)->grant);
  grant->refresh = g_strdup (get_member (answer, "refresh_token"));
  json_decref (answer);
  if (self->grants->len == GRANTS_MAX)
    g_ptr_array_remove_index_fast (self->grants, below (self, GRANTS_MAX));
  g_ptr_array_add (self->grants, grant);
}

static json_t *
refresh (World *self, const Grant *grant, const char *refresh_token, guint *out_status)
{
  g_autofree char *form
      = g_strconcat ("grant_type=refresh_token&refresh_token=", refresh_token, NULL);
  return post (self, "/token", grant->client, form, out_status);
}

static void
rotate_refresh_token (World *self)
{
  Grant *grant = choose_grant (self);
  guint status;

  if (grant == NULL)
    return;
  json_t *answer = refresh (self, grant, grant->refresh, &status);
  if (grant->ended)
    g_assert_cmpstr (get_member (answer, "error"), ==, "invalid_grant");
  else
    {
      take_token (self, answer, status);
      g_free (grant->spent);
      grant->spent = grant->previous;
      grant->previous = grant->refresh;
      grant->refresh = g_strdup (get_member (answer, "refresh_token"));
    }
  json_decref (answer);
}

/* Revoking. */

static void
end_grants (World *self, const char *subject, const char *session, const char *client)
{
  for (guint i = 0; i < self->grants->len; i++)
    {
      Grant *grant = self->grants->pdata[i];
      if ((subject == NULL || strcmp (grant->subject, subject) == 0)
          && (session == NULL || strcmp (grant->session, session) == 0)
          && (client == NULL || strcmp (grant->client, client) == 0))
        grant->ended = TRUE;
    }
}

static void
send_revocation (World *self, const char *client, const char *token)
{
  g_autofree char *form = g_strconcat ("token=", token, NULL);
  guint status;
  json_t *answer = post (self, "/revoke", client, form, &status);

  g_assert_cmpuint (status, ==, 200);
  json_decref (answer);
}

static void
revoke_token (World *self)
{
  OracleToken *token = world_choose_token (self);

  if (token == NULL)
    return;
  send_revocation (self, token->client, token->text);
  oracle_revoke_token (self->oracle, token, world_get_seconds (self));
}

/* Many tokens of one grant, so that they become one entry. */
static void
revoke_many (World *self)
{
  Grant *grant = choose_grant (self);

  if (grant == NULL || grant->ended)
    return;
  for (guint i = 0; i < 70; i++)
    {
      guint status;
      json_t *answer = refresh (self, grant, grant->refresh, &status);
      OracleToken *token = take_token (self, answer, status);
      g_clear_pointer (&grant->spent, g_free);
      g_clear_pointer (&grant->previous, g_free);
      g_free (grant->refresh);
      grant->refresh = g_strdup (get_member (answer, "refresh_token"));
      json_decref (answer);
      send_revocation (self, token->client, token->text);
      oracle_revoke_token (self->oracle, token, world_get_seconds (self));
    }
}

static void
revoke_foreign_token (World *self)
{
  OracleToken *token = world_choose_token (self);

  if (token != NULL)
    send_revocation (self, strcmp (token->client, "c1") == 0 ? "c2" : "c1", token->text);
}

static void
revoke_forged_token (World *self)
{
  OracleToken *token = world_choose_token (self);

  if (token == NULL)
    return;
  g_autofree char *forged = g_strdup (token->text);
  char *place = strrchr (forged, '.') + 10;
  *place = *place == 'A' ? 'B' : 'A';
  send_revocation (self, token->client, forged);
}

static void
revoke_refresh_token (World *self)
{
  Grant *grant = choose_grant (self);

  if (grant == NULL)
    return;
  send_revocation (self, grant->client, grant->refresh);
  if (!grant->ended)
    oracle_revoke_grant (self->oracle, grant->id);
  grant->ended = TRUE;
}

/* By the application or its administrator, who may name anything. */
static void
order (World *self, TesseraRevocationKind kind, const char *value)
{
  const TesseraRevocationOrder what
      = { .kind = kind, .value = value, .cause = TESSERA_REVOCATION_CAUSE_API };
  g_autoptr (GError) error = NULL;

  tessera_revoker_revoke_and_wait (&self->server->engine, &what, NULL, &error);
  g_assert_no_error (error);
}

static void
revoke_grant (World *self)
{
  Grant *grant = choose_grant (self);

  if (grant == NULL)
    return;
  order (self, TESSERA_REVOCATION_KIND_GRANT, grant->id);
  oracle_revoke_grant (self->oracle, grant->id);
  grant->ended = TRUE;
}

static void
revoke_session (World *self)
{
  Grant *grant = choose_grant (self);

  if (grant == NULL)
    return;
  g_autofree char *session = g_strdup (grant->session);
  order (self, TESSERA_REVOCATION_KIND_SESSION, session);
  oracle_revoke_session (self->oracle, session);
  end_grants (self, NULL, session, NULL);
  for (guint i = 0; i < PEOPLE; i++)
    if (g_strcmp0 (self->sessions->pdata[i], session) == 0)
      g_clear_pointer (&self->sessions->pdata[i], g_free);
}

static void
revoke_subject (World *self)
{
  guint number = below (self, PEOPLE);
  g_autofree char *subject = g_strdup_printf ("u%u", number);

  order (self, TESSERA_REVOCATION_KIND_SUBJECT, subject);
  oracle_revoke_subject (self->oracle, subject);
  end_grants (self, subject, NULL, NULL);
}

static void
revoke_client (World *self)
{
  const char *client = choose_client (self);

  order (self, TESSERA_REVOCATION_KIND_CLIENT, client);
  oracle_revoke_client (self->oracle, client);
  end_grants (self, NULL, NULL, client);
}

static void
revoke_all (World *self)
{
  order (self, TESSERA_REVOCATION_KIND_ALL, "");
  oracle_revoke_all (self->oracle);
  end_grants (self, NULL, NULL, NULL);
}

/* Somebody stole it, or the client did: a refresh token whose successor was used, a code that was
 * redeemed. */
static void
replay_refresh_token (World *self)
{
  Grant *grant = choose_grant (self);
  guint status;

  if (grant == NULL || grant->spent == NULL)
    return;
  json_t *answer = refresh (self, grant, grant->spent, &status);
  g_assert_cmpstr (get_member (answer, "error"), ==, "invalid_grant");
  json_decref (answer);
  oracle_revoke_grant (self->oracle, grant->id);
  grant->ended = TRUE;
}

static void
replay_code (World *self)
{
  Grant *grant = choose_grant (self);
  guint status;

  if (grant == NULL)
    return;
  json_t *answer = redeem (self, grant->client, grant->code, &status);
  g_assert_cmpstr (get_member (answer, "error"), ==, "invalid_grant");
  json_decref (answer);
  oracle_revoke_grant (self->oracle, grant->id);
  grant->ended = TRUE;
}

/* The verifier. */

/* A new one knows the keys of now: an old one asks for them once a minute at most. */
static void
begin_verifier (World *self)
{
  if (self->verifier != NULL)
    tessera_verifier_stop (self->verifier);
  g_clear_object (&self->verifier);
  self->verifier = g_object_new (TESSERA_TYPE_VERIFIER, "issuer", self->issuer, "client-id",
                                 VERIFIER_ID, "client-secret", SECRET, NULL);
  tessera_verifier_start (self->verifier);
  self->verifiers++;
}

static gboolean
is_up_to_date (World *self)
{
  return tessera_verifier_get_ready (self->verifier)
         && tessera_verifier_get_generation (self->verifier)
                >= tessera_server_get_generation (self->server)
         && tessera_verifier_get_age (self->verifier) <= FRESH_S;
}

/* Time that was moved makes what it knows stale: the next thing it hears says what time it is. */
static void
remind_verifier (World *self)
{
  g_autofree char *nothing = g_strdup_printf ("nothing-%" G_GUINT64_FORMAT, self->step);

  if (tessera_verifier_get_ready (self->verifier)
      && tessera_verifier_get_age (self->verifier) <= FRESH_S)
    return;
  order (self, TESSERA_REVOCATION_KIND_GRANT, nothing);
}

static gboolean
on_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
await_verifier (World *self)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_US;

  if (is_up_to_date (self))
    return;
  remind_verifier (self);
  guint tick = g_timeout_add (1, on_tick, NULL);
  while (!is_up_to_date (self))
    {
      g_main_context_iteration (NULL, TRUE);
      if (g_get_monotonic_time () > end)
        g_error ("Step %" G_GUINT64_FORMAT ": the verifier stays at generation %" G_GUINT64_FORMAT
                 " of %" G_GUINT64_FORMAT ", %u s old",
                 self->step, tessera_verifier_get_generation (self->verifier),
                 tessera_server_get_generation (self->server),
                 tessera_verifier_get_age (self->verifier));
    }
  g_source_remove (tick);
}

gboolean
world_verify (World *self, const OracleToken *token)
{
  g_autoptr (GError) error = NULL;

  await_verifier (self);
  g_autoptr (TesseraAccessToken) good
      = tessera_verifier_check (self->verifier, token->text, self->issuer, NULL, &error);
  if (good == NULL)
    g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
  return good != NULL;
}

/* Keys, time, restarts. */

static void
revoke_key (World *self)
{
  OracleToken *token = world_choose_token (self);
  g_autoptr (GError) error = NULL;

  if (token == NULL)
    return;
  g_autofree char *kid = g_strdup (token->kid);
  /* One that left the set of keys with its last token is not known any more. */
  if (tessera_server_revoke_key (self->server, kid, &error))
    {
      oracle_revoke_key (self->oracle, kid);
      begin_verifier (self);
    }
  else
    g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND);
}

static void
rotate_key (World *self)
{
  g_autoptr (GError) error = NULL;

  tessera_server_rotate_key (self->server, TRUE, &error);
  g_assert_no_error (error);
  begin_verifier (self);
}

static void
move_clock (World *self, gint64 by_ms)
{
  __atomic_add_fetch (&self->offset_ms, by_ms, __ATOMIC_RELAXED);
}

static void
let_time_pass (World *self)
{
  static const guint most_ms[] = { 10, 1000, 20000, 120000 };
  guint which = below (self, 100);

  move_clock (self, below (self, most_ms[which < 60 ? 0 : which < 85 ? 1 : which < 99 ? 2 : 3]));
}

static void
set_clock_back_a_little (World *self)
{
  world_get_seconds (self);
  move_clock (self, -(gint64) below (self, 2000));
}

/* Nothing is issued meanwhile, for whatever is would be older than what was revoked. */
static void
set_clock_back_and_right (World *self)
{
  guint status;

  world_get_seconds (self);
  move_clock (self, -HOUR_MS);
  json_t *answer
      = post (self, "/token", choose_client (self), "grant_type=client_credentials", &status);
  g_assert_cmpuint (status, ==, 503);
  json_decref (answer);
  OracleToken *token = world_choose_token (self);
  if (token != NULL && oracle_judge (token, world_get_seconds (self)) == ORACLE_DEAD)
    g_assert_false (world_introspect (self, token));
  move_clock (self, HOUR_MS);
}

static void
add_client (World *self, const char *id)
{
  g_autoptr (TesseraClient) client = g_object_new (
      TESSERA_TYPE_CLIENT, "id", id, "secret", SECRET, "scope", "a denylist", "redirect-uris",
      (const char *const[]){ REDIRECT_URI, NULL }, "grant-types",
      (const char *const[]){ "authorization_code", "refresh_token", "client_credentials", NULL },
      "introspect", (const char *const[]){ "*", NULL }, "access-token-lifetime", LIFETIME_S, NULL);
  g_autoptr (GError) error = NULL;

  tessera_server_add_client_object (self->server, client, &error);
  g_assert_no_error (error);
}

static void
on_failed (TesseraServer *server, const GError *error)
{
  g_error ("The server failed: %s", error->message);
}

static void
open_server (World *self)
{
  self->server = tessera_server_new (self->issuer, self->directory);
  g_signal_connect (self->server, "failed", G_CALLBACK (on_failed), NULL);
  for (guint i = 0; i < G_N_ELEMENTS (client_ids); i++)
    add_client (self, client_ids[i]);
  add_client (self, VERIFIER_ID);
  tessera_server_attach (self->server, self->soup);
  while (!tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (self->server)))
    g_main_context_iteration (NULL, TRUE);
}

static void
close_server (World *self)
{
  tessera_server_close (self->server);
  g_clear_object (&self->server);
}

static void
restart (World *self)
{
  close_server (self);
  open_server (self);
}

static void
forget (World *self)
{
  oracle_prune (self->oracle, world_get_seconds (self));
}

static WorldAct acts[] = {
  { "a client gets a token", 212, issue_to_client },
  { "a person logs in", 110, log_in },
  { "a client refreshes", 200, rotate_refresh_token },
  { "time passes", 190, let_time_pass },
  { "the clock goes back a little", 10, set_clock_back_a_little },
  { "the clock goes back an hour, and is set right", 4, set_clock_back_and_right },
  { "a token is revoked", 130, revoke_token },
  { "another client's token is revoked", 20, revoke_foreign_token },
  { "a forged token is revoked", 10, revoke_forged_token },
  { "a refresh token is revoked", 30, revoke_refresh_token },
  { "a grant is revoked", 20, revoke_grant },
  { "a session is ended", 20, revoke_session },
  { "a subject is revoked", 6, revoke_subject },
  { "a client is revoked", 3, revoke_client },
  { "a refresh token is replayed", 12, replay_refresh_token },
  { "a code is replayed", 10, replay_code },
  { "what expired is forgotten", 9, forget },
  { "a key is rotated", 2, rotate_key },
  { "a key is revoked", 1, revoke_key },
  { "the tokens of a grant are revoked by the dozen", 1, revoke_many },
  { "everything is revoked", 0, revoke_all },
  { "the server restarts", 0, restart },
};
static WorldAct *const revoke_all_act = &acts[G_N_ELEMENTS (acts) - 2];
static WorldAct *const restart_act = &acts[G_N_ELEMENTS (acts) - 1];
/* What is done too seldom for chance. */
#define STEPS_A_RESTART 2500
#define STEPS_AN_END 3300

const WorldAct *
world_get_acts (guint *out_count)
{
  *out_count = G_N_ELEMENTS (acts);
  return acts;
}

static void
run_act (World *self, WorldAct *act)
{
  act->count++;
  act->run (self);
}

void
world_step (World *self)
{
  guint number = below (self, 1000);
  guint i = 0;

  self->step++;
  while (number >= acts[i].weight)
    number -= acts[i++].weight;
  run_act (self, &acts[i]);
  if (self->step % STEPS_A_RESTART == 0)
    run_act (self, restart_act);
  if (self->step % STEPS_AN_END == 0)
    run_act (self, revoke_all_act);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static char *
listen_to_clients (SoupServer *soup)
{
  g_autoptr (GError) error = NULL;

  soup_server_listen_local (soup, 0, SOUP_SERVER_LISTEN_IPV4_ONLY, &error);
  g_assert_no_error (error);
  GSList *uris = soup_server_get_uris (soup);
  char *issuer = g_strdup_printf ("http://127.0.0.1:%d", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  return issuer;
}

World *
world_new (guint32 seed)
{
  World *self = g_new0 (World, 1);
  g_autoptr (GError) error = NULL;

  self->random = g_rand_new_with_seed (seed);
  self->oracle = oracle_new ();
  self->grants = g_ptr_array_new_with_free_func ((GDestroyNotify) grant_free);
  self->sessions = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_set_size (self->sessions, PEOPLE);
  tessera_clock_follow_offset (&self->offset_ms);
  self->directory = g_dir_make_tmp ("tessera-oracle-XXXXXX", &error);
  g_assert_no_error (error);
  self->soup = soup_server_new (NULL, NULL);
  self->issuer = listen_to_clients (self->soup);
  open_server (self);
  begin_verifier (self);
  return self;
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      if (g_file_test (file, G_FILE_TEST_IS_DIR))
        remove_directory (file);
      else
        g_unlink (file);
    }
  g_rmdir (path);
}

void
world_free (World *self)
{
  tessera_verifier_stop (self->verifier);
  g_object_unref (self->verifier);
  close_server (self);
  soup_server_disconnect (self->soup);
  g_object_unref (self->soup);
  tessera_clock_follow_offset (NULL);
  remove_directory (self->directory);
  g_free (self->directory);
  g_free (self->issuer);
  g_ptr_array_unref (self->grants);
  g_ptr_array_unref (self->sessions);
  oracle_free (self->oracle);
  g_rand_free (self->random);
  g_free (self);
}
