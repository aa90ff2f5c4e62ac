/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An engine with real parts and without HTTP. */

#include "engine-fixture.h"

#include "endpoints/tessera-authorization-endpoint-private.h"
#include "endpoints/tessera-introspection-endpoint-private.h"
#include "endpoints/tessera-revocation-endpoint-private.h"
#include "endpoints/tessera-token-endpoint-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-memory-store-private.h"
#include "store/tessera-sqlite-store-private.h"

#include <glib/gstdio.h>
#include <string.h>

static void
on_revoked (gpointer data, TesseraRevocation *revocation)
{
  EngineFixture *self = data;

  self->n_revoked++;
  self->last_cause = tessera_revocation_get_cause (revocation);
  self->last_revoked = tessera_revocation_get_revoked (revocation);
}

static void
add_client (EngineFixture *self, const char *id, const char *secret)
{
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", id, "secret", secret, "scope", "a b",
                      "redirect-uris", (const char *const[]){ "http://127.0.0.1/cb", NULL },
                      "grant-types",
                      (const char *const[]){ "authorization_code", "refresh_token",
                                             secret != NULL ? "client_credentials" : NULL, NULL },
                      NULL);
  g_autoptr (GError) error = NULL;

  tessera_client_registry_add (self->engine.clients, client, TRUE, &error);
  g_assert_no_error (error);
}

static TesseraStore *
open_store (EngineFixture *self, gboolean sqlite)
{
  gboolean is_new = FALSE;
  g_autoptr (GError) error = NULL;
  TesseraStore *store = NULL;

  if (!sqlite)
    return tessera_memory_store_new ();
  self->directory = g_dir_make_tmp ("tessera-engine-XXXXXX", &error);
  g_assert_no_error (error);
  store = tessera_sqlite_store_open (self->directory, &is_new, &error);
  g_assert_no_error (error);
  g_assert_true (is_new);
  return store;
}

EngineFixture *
engine_fixture_new (gboolean sqlite)
{
  EngineFixture *self = g_new0 (EngineFixture, 1);
  TesseraEngine *engine = &self->engine;
  gboolean rolled_back = FALSE;
  g_autoptr (GError) error = NULL;

  tessera_clock_follow_offset (&self->offset_ms);
  engine->settings = tessera_settings_new (ENGINE_FIXTURE_ISSUER);
  engine->resources = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_resource_free);
  engine->clock = tessera_clock_new ();
  engine->clients = tessera_client_registry_new ();
  engine->client_throttle = tessera_throttle_new (10);
  engine->flood_throttle = tessera_throttle_new (100);
  engine->seen = tessera_seen_tokens_new (1024);
  engine->moulds = tessera_token_moulds_new ();
  engine->keys = tessera_key_ring_open (NULL, TESSERA_ALGORITHM_ES256, TRUE, engine->clock, &error);
  g_assert_no_error (error);
  self->store = open_store (self, sqlite);
  engine->deny_list = tessera_deny_list_new (engine->clock, 0, NULL);
  tessera_deny_list_load (engine->deny_list, self->store, 600 * 1000, &rolled_back, &error);
  g_assert_no_error (error);
  engine->committer = tessera_committer_new (self->store, NULL);
  g_object_unref (self->store); /* the committer's own reference keeps it */
  tessera_deny_list_attach (engine->deny_list, engine->committer);
  engine->hooks.revoked = on_revoked;
  engine->hooks_data = self;
  engine->ready = TRUE;
  add_client (self, "c1", ENGINE_FIXTURE_SECRET);
  add_client (self, "c2", ENGINE_FIXTURE_SECRET);
  add_client (self, "p1", NULL);
  return self;
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name = NULL;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

void
engine_fixture_free (EngineFixture *self)
{
  TesseraEngine *engine = &self->engine;

  tessera_committer_free (engine->committer);
  tessera_deny_list_free (engine->deny_list);
  tessera_key_ring_free (engine->keys);
  tessera_seen_tokens_free (engine->seen);
  tessera_token_moulds_free (engine->moulds);
  tessera_throttle_free (engine->client_throttle);
  tessera_throttle_free (engine->flood_throttle);
  g_clear_pointer (&engine->clients, tessera_client_registry_free);
  tessera_clock_unref (engine->clock);
  g_ptr_array_unref (engine->resources);
  tessera_settings_free (engine->settings);
  tessera_clock_follow_offset (NULL);
  if (self->directory != NULL)
    remove_directory (self->directory);
  g_free (self->directory);
  g_free (self);
}

void
answer_free (Answer *self)
{
  g_clear_pointer (&self->json, json_decref);
  g_free (self->location);
  g_free (self);
}

const char *
answer_get (Answer *self, const char *name)
{
  return json_string_value (json_object_get (self->json, name));
}

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  return NULL;
}

static void
on_send (TesseraExchange *exchange)
{
  Answer *answer = exchange->front_data;

  answer->status = exchange->status;
  answer->done = TRUE;
  for (guint i = 0; i < exchange->headers->len; i++)
    {
      TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);
      if (g_str_equal (header->name, "Location"))
        answer->location = g_strdup (header->value);
    }
  if (exchange->response != NULL)
    answer->json = json_loadb (g_bytes_get_data (exchange->response, NULL),
                               g_bytes_get_size (exchange->response), 0, NULL);
}

static const TesseraExchangeFront front = { get_header, on_send };

Answer *
engine_fixture_post (EngineFixture *self, const char *path, const char *client_id, const char *form)
{
  Answer *answer = g_new0 (Answer, 1);
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, answer, NULL);
  g_autofree char *body
      = g_strconcat (form, "&client_id=", client_id,
                     client_id[0] == 'p' ? "" : "&client_secret=" ENGINE_FIXTURE_SECRET, NULL);

  exchange->method = "POST";
  exchange->path = path;
  exchange->body = body;
  exchange->body_length = strlen (body);
  exchange->remote_address = "127.0.0.1";
  if (g_str_equal (path, "/token"))
    tessera_token_endpoint_handle (&self->engine, exchange);
  else if (g_str_equal (path, "/revoke"))
    tessera_revocation_endpoint_handle (&self->engine, exchange);
  else
    tessera_introspection_endpoint_handle (&self->engine, exchange);
  return answer;
}

void
engine_fixture_wait (EngineFixture *self, Answer *answer)
{
  while (!answer->done)
    g_main_context_iteration (NULL, TRUE);
}

Answer *
engine_fixture_ask (EngineFixture *self, const char *path, const char *client_id, const char *form)
{
  Answer *answer = engine_fixture_post (self, path, client_id, form);

  engine_fixture_wait (self, answer);
  return answer;
}

static void
on_interact (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request)
{
  EngineFixture *self = data;

  self->held = tessera_exchange_ref (exchange);
  self->held_request = tessera_authorization_request_ref (request);
}

Answer *
engine_fixture_authorize (EngineFixture *self, const char *query)
{
  Answer *answer = g_new0 (Answer, 1);
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, answer, NULL);

  self->engine.hooks.interact = on_interact;
  exchange->method = "GET";
  exchange->path = "/authorize";
  exchange->query = query;
  exchange->body = "";
  exchange->remote_address = "127.0.0.1";
  tessera_authorization_endpoint_handle (&self->engine, exchange);
  while (!answer->done && self->held == NULL)
    g_main_context_iteration (NULL, TRUE);
  return answer;
}

void
engine_fixture_approve (EngineFixture *self, Answer *answer, const char *subject)
{
  g_autoptr (TesseraExchange) exchange = g_steal_pointer (&self->held);
  g_autoptr (TesseraAuthorizationRequest) request = g_steal_pointer (&self->held_request);
  TesseraLogin login = { .subject = (char *) subject, .session_id = (char *) "s1" };

  tessera_authorization_endpoint_approve (&self->engine, exchange, request, &login);
  engine_fixture_wait (self, answer);
}

static gboolean
run_put_code (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_put_code (store, data, error);
}

char *
engine_fixture_put_code (EngineFixture *self, const char *client_id)
{
  return engine_fixture_put_code_of (self, client_id, tessera_clock_get_ms (self->engine.clock));
}

char *
engine_fixture_put_code_of (EngineFixture *self, const char *client_id, gint64 began_ms)
{
  char *code = tessera_secret_new ("tsc_");
  gint64 now_ms = tessera_clock_get_ms (self->engine.clock);
  TesseraAuthorizationCode record = {
    .digest = tessera_digest (code, -1),
    .client_id = (char *) client_id,
    .redirect_uri = (char *) "http://127.0.0.1/cb",
    .redirect_uri_was_sent = TRUE,
    .code_challenge = (char *) ENGINE_FIXTURE_CHALLENGE,
    .login = { .subject = (char *) "alice",
               .session_id = (char *) "s1",
               .auth_time = now_ms / 1000,
               .acr = (char *) "urn:test:two",
               .amr = (char *) "pwd otp" },
    .scope = (char *) "a b",
    .began_ms = began_ms,
    .expires_ms = now_ms + 60000,
  };
  g_autoptr (GError) error = NULL;

  tessera_committer_submit_and_wait (self->engine.committer, run_put_code, &record, &error);
  g_assert_no_error (error);
  return code;
}

Answer *
engine_fixture_redeem (EngineFixture *self, const char *client_id, const char *code)
{
  g_autofree char *form
      = g_strconcat ("grant_type=authorization_code&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcb&code_"
                     "verifier=" ENGINE_FIXTURE_VERIFIER "&code=",
                     code, NULL);

  return engine_fixture_ask (self, "/token", client_id, form);
}

gboolean
engine_fixture_is_active (EngineFixture *self, const char *token)
{
  g_autofree char *form = g_strconcat ("token=", token, NULL);
  g_autoptr (Answer) answer = engine_fixture_ask (self, "/introspect", "c1", form);

  g_assert_cmpuint (answer->status, ==, 200);
  return json_is_true (json_object_get (answer->json, "active"));
}
