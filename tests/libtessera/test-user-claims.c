/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application knows of a person, and what a client is told of it. */

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "endpoints/tessera-authentication-request-private.h"
#include "grants/tessera-id-token-private.h"
#include "grants/tessera-logout-token-private.h"
#include "model/tessera-authorization-request-private.h"
#include "model/tessera-issuance.h"
#include "model/tessera-standard-claims-private.h"
#include "model/tessera-user-claims-private.h"
#include "server/tessera-server-object-private.h"

#include "fake-front.h"
#include "log-capture.h"

#include <string.h>

#define ISSUER "http://127.0.0.1:8417"
#define SECRET "a-secret-of-at-least-128-bits-of-length"
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

typedef struct
{
  TesseraServer *server;
  char *asked_scope;
  guint n_asked;
} Fixture;

static void
on_user_claims (TesseraServer *server, TesseraUserClaims *claims, Fixture *self)
{
  g_autoptr (GError) error = NULL;

  self->n_asked++;
  g_free (self->asked_scope);
  self->asked_scope = g_strdup (tessera_user_claims_get_scope (claims));
  g_assert_cmpstr (tessera_user_claims_get_subject (claims), ==, "alice");
  g_assert_cmpstr (tessera_client_get_id (tessera_user_claims_get_client (claims)), ==, "rp");
  tessera_user_claims_set_string (claims, "email", "alice@example.test");
  tessera_user_claims_merge (claims,
                             g_variant_new_parsed ("{'email_verified': <true>, 'name': <'Alice'>}"),
                             &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "rp", "secret", SECRET, "scope",
                      "openid profile email", "redirect-uris",
                      (const char *const[]){ "https://rp.test/cb", NULL }, NULL);
  g_autoptr (GError) error = NULL;

  self->server = tessera_server_new_in_memory (ISSUER);
  tessera_server_add_client_object (self->server, client, &error);
  g_assert_no_error (error);
  g_signal_connect (self->server, "user-claims", G_CALLBACK (on_user_claims), self);
  while (!tessera_token_checker_is_ready (TESSERA_TOKEN_CHECKER (self->server)))
    g_main_context_iteration (NULL, TRUE);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  tessera_server_close (self->server);
  g_object_unref (self->server);
  g_free (self->asked_scope);
}

static gboolean
run_put_code (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_put_code (store, data, error);
}

/* As if alice had logged in and allowed it; the login says a little of her itself. */
static char *
put_code (Fixture *self, const char *scope, const char *claims_request)
{
  char *code = tessera_secret_new ("tsc_");
  gint64 now_ms = tessera_clock_get_ms (self->server->engine.clock);
  TesseraAuthorizationCode record = {
    .digest = tessera_digest (code, -1),
    .client_id = (char *) "rp",
    .redirect_uri = (char *) "https://rp.test/cb",
    .code_challenge = (char *) CHALLENGE,
    .login = { .subject = (char *) "alice",
               .session_id = (char *) "s1",
               .auth_time = now_ms / 1000,
               .claims = (char *) "{\"nickname\":\"Al\",\"email\":\"old@example.test\"}" },
    .scope = (char *) scope,
    .claims_request = (char *) claims_request,
    .began_ms = now_ms,
    .expires_ms = now_ms + 60000,
  };
  g_autoptr (GError) error = NULL;

  tessera_committer_submit_and_wait (self->server->engine.committer, run_put_code, &record, &error);
  g_assert_no_error (error);
  return code;
}

static json_t *
ask (Fixture *self, FakeFront *front, const char *method, const char *path, const char *form)
{
  TesseraExchange *exchange = fake_front_request (front, method, path, form);

  tessera_server_handle (self->server, exchange);
  while (front->sent == 0)
    g_main_context_iteration (NULL, TRUE);
  tessera_exchange_unref (exchange);
  g_assert_cmpuint (front->status, ==, 200);
  json_t *json = json_loads (front->body, JSON_REJECT_DUPLICATES, NULL);
  g_assert_nonnull (json);
  return json;
}

static json_t *
log_in (Fixture *self, const char *scope, const char *claims_request)
{
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autofree char *code = put_code (self, scope, claims_request);
  g_autofree char *form = g_strconcat ("grant_type=authorization_code&code_verifier=" VERIFIER
                                       "&client_id=rp&client_secret=" SECRET "&code=",
                                       code, NULL);

  fake_front_set_header (front, "Content-Type", "application/x-www-form-urlencoded");
  return ask (self, front, "POST", "/token", form);
}

static void
set_bearer (FakeFront *front, json_t *tokens)
{
  g_autofree char *bearer
      = g_strconcat ("Bearer ", json_string_value (json_object_get (tokens, "access_token")), NULL);

  fake_front_set_header (front, "Authorization", bearer);
}

static json_t *
get_userinfo (Fixture *self, json_t *tokens)
{
  g_autoptr (FakeFront) front = fake_front_new ();

  set_bearer (front, tokens);
  return ask (self, front, "GET", "/userinfo", NULL);
}

static void
assert_json (json_t *json, const char *expected)
{
  g_autofree char *text = json_dumps (json, JSON_COMPACT | JSON_SORT_KEYS);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_a_client_is_told_what_its_scopes_name (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *scope;
    const char *userinfo;
  } cases[] = {
    { "openid", "{\"sub\":\"alice\"}" },
    { "openid email",
      "{\"email\":\"alice@example.test\",\"email_verified\":true,\"sub\":\"alice\"}" },
    { "openid profile", "{\"name\":\"Alice\",\"nickname\":\"Al\",\"sub\":\"alice\"}" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (json_t) tokens = log_in (self, cases[i].scope, NULL);
      g_autoptr (json_t) userinfo = get_userinfo (self, tokens);
      assert_json (userinfo, cases[i].userinfo);
      g_assert_cmpstr (self->asked_scope, ==, cases[i].scope);
    }
}

static void
test_a_client_is_told_what_it_asks_for_by_name (Fixture *self, gconstpointer data)
{
  g_autoptr (json_t) tokens = log_in (self, "openid",
                                      "{\"userinfo\":{\"email\":null,\"name\":{\"value\":\"Bob\"}},"
                                      "\"id_token\":{\"name\":{\"essential\":true}}}");
  g_autoptr (json_t) userinfo = get_userinfo (self, tokens);
  assert_json (userinfo, "{\"email\":\"alice@example.test\",\"sub\":\"alice\"}");

  const char *id_token = json_string_value (json_object_get (tokens, "id_token"));
  g_auto (GStrv) parts = g_strsplit (id_token, ".", 3);
  gsize length;
  g_autofree guint8 *payload
      = tessera_base64url_decode (parts[1], (gssize) strlen (parts[1]), &length);
  g_autoptr (json_t) claims = json_loadb ((const char *) payload, length, 0, NULL);
  g_assert_cmpstr (json_string_value (json_object_get (claims, "name")), ==, "Alice");
  g_assert_null (json_object_get (claims, "email"));
}

/* Nobody looks a person up who is not asked about. */
static void
test_an_id_token_of_which_nothing_is_asked_asks_nobody (Fixture *self, gconstpointer data)
{
  g_autoptr (json_t) tokens = log_in (self, "openid email", NULL);
  g_assert_nonnull (json_object_get (tokens, "id_token"));
  g_assert_cmpuint (self->n_asked, ==, 0);
}

/* Who says another address does not say that it was verified. */
static void
test_another_address_is_not_verified_yet (void)
{
  g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT, "id", "rp", NULL);
  g_autoptr (TesseraUserClaims) claims = tessera_user_claims_new ("alice", client, "openid");
  const char *known = "{\"email\":\"a@x\",\"email_verified\":true}";

  tessera_user_claims_merge_json (claims, known);
  tessera_user_claims_merge_json (claims, "{\"name\":\"A\",\"email\":\"a@x\"}");
  assert_json (tessera_user_claims_get_json (claims),
               "{\"email\":\"a@x\",\"email_verified\":true,\"name\":\"A\"}");
  tessera_user_claims_merge_json (claims, "{\"email\":\"b@y\"}");
  assert_json (tessera_user_claims_get_json (claims), "{\"email\":\"b@y\",\"name\":\"A\"}");
  tessera_user_claims_merge_json (claims, "{\"email_verified\":true}");
  tessera_user_claims_set_string (claims, "email", "c@z");
  assert_json (tessera_user_claims_get_json (claims), "{\"email\":\"c@z\",\"name\":\"A\"}");
}

static void
test_what_only_the_server_says_is_not_taken (void)
{
  g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT, "id", "rp", NULL);
  g_autoptr (TesseraUserClaims) claims = tessera_user_claims_new ("alice", client, "openid");
  g_autoptr (GError) error = NULL;

  log_capture_begin ();
  tessera_user_claims_set_string (claims, "sub", "root");
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "user-claims: *");
  g_assert_false (tessera_user_claims_merge (
      claims, g_variant_new_parsed ("{'name': <'x'>, 'aud': <'y'>}"), &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
  tessera_user_claims_merge_json (claims, "{\"iss\":\"x\"}");
  tessera_user_claims_merge_json (claims, "[]");
  tessera_user_claims_merge_json (claims, NULL);
  assert_json (tessera_user_claims_get_json (claims), "{}");
  g_autoptr (GVariant) known = tessera_user_claims_dup_claims (claims);
  g_assert_cmpuint (g_variant_n_children (known), ==, 0);
}

static void
test_by_name_a_client_is_told_what_its_scopes_could_ask_for (void)
{
  static const struct
  {
    const char *registered;
    const char *told;
  } cases[] = {
    { NULL, "{}" },
    { "openid", "{}" },
    { "openid email", "{\"email\":\"e\"}" },
    { "address phone", "{\"address\":{},\"phone_number\":\"p\"}" },
    { "profile", "{\"employee_no\":7,\"name\":\"n\",\"name#de\":\"m\"}" },
  };
  static const char all[] = "{\"id_token\":{\"email\":null,\"address\":null,\"phone_number\":null,"
                            "\"employee_no\":null,\"name\":null,\"name#de\":null}}";
  g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (all, NULL);
  g_autoptr (json_t) known = json_loads ("{\"email\":\"e\",\"address\":{},\"phone_number\":\"p\","
                                         "\"employee_no\":7,\"name\":\"n\",\"name#de\":\"m\"}",
                                         0, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (json_t) told
          = tessera_standard_claims_select (known, "openid", cases[i].registered, request,
                                            TESSERA_CLAIMS_ID_TOKEN);
      assert_json (told, cases[i].told);
    }
}

static void
test_what_a_client_may_not_ask_for_is_not_kept (void)
{
  g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (
      "{\"userinfo\":{\"email\":null,\"x\":null},\n \"id_token\":{\"email\":{\"essential\":true},"
      "\"acr\":null,\"phone_number\":null}}",
      NULL);

  tessera_standard_claims_narrow (request, "openid phone");
  g_autofree char *text = tessera_claims_request_dup_text (request);
  g_autofree char *asked = tessera_standard_claims_dup_asked_scope ("openid a", text);
  g_autofree char *bare = tessera_standard_claims_dup_asked_scope ("openid a", NULL);
  g_assert_cmpstr (text, ==, "{\"userinfo\":{},\"id_token\":{\"acr\":null,\"phone_number\":null}}");
  g_assert_cmpstr (asked, ==, "openid a phone");
  g_assert_cmpstr (bare, ==, "openid a");
}

static char *
dup_fingerprint_with (TesseraClient *client, const char *claims_request)
{
  g_autoptr (TesseraAuthorizationRequest) request = tessera_authorization_request_new (client);

  request->redirect_uri = g_strdup ("https://rp.test/cb");
  request->scope = g_strdup ("openid");
  request->claims_request = g_strdup (claims_request);
  return tessera_authorization_request_dup_fingerprint (request);
}

static void
test_what_is_asked_for_by_name_is_part_of_what_is_decided (void)
{
  g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT, "id", "rp", NULL);
  g_autofree char *bare = dup_fingerprint_with (client, NULL);
  g_autofree char *email = dup_fingerprint_with (client, "{\"userinfo\":{\"email\":null}}");
  g_autofree char *same = dup_fingerprint_with (client, "{\"userinfo\":{\"email\":null}}");
  g_autofree char *name = dup_fingerprint_with (client, "{\"userinfo\":{\"name\":null}}");

  g_assert_cmpstr (bare, !=, email);
  g_assert_cmpstr (email, !=, name);
  g_assert_cmpstr (email, ==, same);
}

static gboolean
run_end_grant (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_store_end_grant (store, data, error);
}

/* Whether the deny-list says so yet or not: without its grant a token tells nothing. */
static void
test_a_grant_that_is_gone_tells_nothing (Fixture *self, gconstpointer data)
{
  g_autoptr (json_t) tokens = log_in (self, "openid email", NULL);
  g_autoptr (FakeFront) front = fake_front_new ();
  const char *text = json_string_value (json_object_get (tokens, "access_token"));
  g_autoptr (TesseraAccessToken) token
      = tessera_engine_check_token (&self->server->engine, text, strlen (text), ISSUER, NULL);

  g_assert_true (tessera_committer_submit_and_wait (
      self->server->engine.committer, run_end_grant,
      (gpointer) tessera_access_token_get_grant_id (token), NULL));
  set_bearer (front, tokens);
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/userinfo", NULL);
  tessera_server_handle (self->server, exchange);
  while (front->sent == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (front->status, ==, 401);
  g_assert_nonnull (
      strstr (g_hash_table_lookup (front->headers, "WWW-Authenticate"), "invalid_token"));
}

/* The store, when it fails. */

TesseraGrant *
__real_tessera_store_lookup_grant (TesseraStore *store, const char *grant_id, GError **error);
TesseraGrant *
__wrap_tessera_store_lookup_grant (TesseraStore *store, const char *grant_id, GError **error);

static gboolean store_fails;

TesseraGrant *
__wrap_tessera_store_lookup_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  if (!store_fails)
    return __real_tessera_store_lookup_grant (store, grant_id, error);
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "injected");
  return NULL;
}

static guint
try_userinfo (Fixture *self, FakeFront *front, json_t *tokens)
{
  set_bearer (front, tokens);
  g_autoptr (TesseraExchange) exchange = fake_front_request (front, "GET", "/userinfo", NULL);
  tessera_server_handle (self->server, exchange);
  while (front->sent == 0)
    g_main_context_iteration (NULL, TRUE);
  return front->status;
}

static void
test_a_store_that_fails_tells_nothing (Fixture *self, gconstpointer data)
{
  g_autoptr (json_t) tokens = log_in (self, "openid email", NULL);
  g_autoptr (FakeFront) front = fake_front_new ();

  log_capture_begin ();
  store_fails = TRUE;
  g_assert_cmpuint (try_userinfo (self, front, tokens), ==, 503);
  store_fails = FALSE;
  log_capture_end ();
  g_assert_null (strstr (front->body, "alice"));
}

/* A client that wants to be told by an algorithm that there is no key of, as none is made for. */
static TesseraClient *
make_client_without_key (void)
{
  return g_object_new (TESSERA_TYPE_CLIENT, "id", "rp", "secret", SECRET, "scope", "openid email",
                       "redirect-uris", (const char *const[]){ "https://rp.test/cb", NULL },
                       "id-token-signed-response-alg", "EdDSA", "userinfo-signed-response-alg",
                       "EdDSA", NULL);
}

static void
test_without_a_key_nothing_is_told (Fixture *self, gconstpointer data)
{
  TesseraEngine *engine = &self->server->engine;
  g_autoptr (json_t) tokens = log_in (self, "openid email", NULL);
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autoptr (TesseraClient) client = make_client_without_key ();
  TesseraAuthorization authorization = { .client = client };
  g_autoptr (GError) no_id_token = NULL;
  g_autoptr (GError) no_logout_token = NULL;

  g_assert_true (tessera_client_registry_remove (engine->clients, "rp"));
  g_assert_true (tessera_client_registry_add (engine->clients, client, TRUE, NULL));
  log_capture_begin ();
  g_assert_cmpuint (try_userinfo (self, front, tokens), ==, 500);
  log_capture_end ();
  g_assert_null (strstr (front->body, "alice"));
  g_assert_null (
      tessera_id_token_issue (engine, &authorization, "openid", "x", 0, 600, &no_id_token));
  g_assert_error (no_id_token, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR);
  g_assert_null (tessera_logout_token_issue (engine, client, "alice", "s1", &no_logout_token));
  g_assert_error (no_logout_token, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR);
}

static void
test_what_is_no_json_is_not_taken (void)
{
  g_autoptr (TesseraClient) client = g_object_new (TESSERA_TYPE_CLIENT, "id", "rp", NULL);
  g_autoptr (TesseraUserClaims) claims = tessera_user_claims_new ("alice", client, "openid");
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_user_claims_merge (
      claims, g_variant_new_parsed ("{'name': <'A'>, 'x': <handle 1>}"), &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
  g_assert_cmpuint (json_object_size (tessera_user_claims_get_json (claims)), ==, 0);
}

/* OpenID Connect Core §5.5.1: a claim that is wanted with one of these values is wanted with no
 * other. */
static void
test_what_is_no_claims_request_is_refused (void)
{
  static const char *const bad[] = {
    "[]",
    "{\"userinfo\":1}",
    "{\"userinfo\":{\"email\":true}}",
    "{\"id_token\":{\"email\":\"me\"}}",
    "{\"id_token\":{\"email\":{\"essential\":1}}}",
    "{\"id_token\":{\"email\":{\"values\":\"me\"}}}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (tessera_claims_request_parse (bad[i], &error));
      g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
    }
}

static void
test_only_what_is_essential_must_be_reached (void)
{
  static const struct
  {
    const char *acr;
    const char *essential;
  } cases[] = {
    { "{\"essential\":true,\"value\":\"a\",\"values\":[\"b\",\"\",7]}", "a b" },
    { "{\"essential\":false,\"value\":\"a\"}", NULL },
    { "{\"value\":\"a\"}", NULL },
    { "{\"essential\":true}", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"id_token\":{\"acr\":%s}}", cases[i].acr);
      g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (text, NULL);
      g_autofree char *essential = tessera_claims_request_dup_essential_acr (request);

      g_assert_cmpstr (essential, ==, cases[i].essential);
    }
}

static void
test_a_claim_is_wanted_with_its_values (void)
{
  g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (
      "{\"userinfo\":{\"any\":null,\"one\":{\"value\":\"a\"},\"some\":{\"values\":[\"a\",7]},"
      "\"none\":{\"values\":[]}}}",
      NULL);
  static const struct
  {
    const char *name;
    const char *value;
    gboolean is_wanted;
  } cases[] = {
    { "any", "\"b\"", TRUE },   { "one", "\"a\"", TRUE },    { "one", "\"b\"", FALSE },
    { "some", "\"a\"", TRUE },  { "some", "7", TRUE },       { "some", "\"7\"", FALSE },
    { "none", "\"a\"", FALSE }, { "other", "\"a\"", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (json_t) value = json_loads (cases[i].value, JSON_DECODE_ANY, NULL);
      g_assert_cmpint (tessera_claims_request_wants (request, TESSERA_CLAIMS_USERINFO,
                                                     cases[i].name, value),
                       ==, cases[i].is_wanted);
    }
}

static gboolean
reads_request (Fixture *self, const char *query)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (self->server->engine.clients, "rp");
  g_autoptr (TesseraParams) params = tessera_params_parse (query, strlen (query), NULL);
  g_autoptr (TesseraAuthorizationRequest) request = tessera_authorization_request_new (client);
  g_autoptr (GError) error = NULL;

  request->scope = g_strdup ("openid email");
  if (tessera_authentication_request_read (&self->server->engine, params, request, &error))
    return TRUE;
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
  return FALSE;
}

static void
test_a_request_says_one_thing_and_not_too_much (Fixture *self, gconstpointer data)
{
  g_autoptr (json_t) tokens = log_in (self, "openid", NULL);
  const char *hint = json_string_value (json_object_get (tokens, "id_token"));
  g_autofree char *longest = g_strnfill (512, 'n');
  g_autofree char *good_nonce = g_strconcat ("nonce=", longest, NULL);
  g_autofree char *long_nonce = g_strconcat ("nonce=n", longest, NULL);
  g_autofree char *agree = g_strconcat (
      "claims=%7B%22id_token%22:%7B%22sub%22:%7B%22value%22:%22alice%22%7D%7D%7D&id_token_hint=",
      hint, NULL);
  g_autofree char *disagree = g_strconcat (
      "claims=%7B%22id_token%22:%7B%22sub%22:%7B%22value%22:%22bob%22%7D%7D%7D&id_token_hint=",
      hint, NULL);

  g_assert_true (reads_request (self, good_nonce));
  g_assert_false (reads_request (self, long_nonce));
  g_assert_true (reads_request (self, "acr_values=urn:a%20mfa"));
  g_assert_false (reads_request (self, "acr_values=%22a%22"));
  g_assert_true (reads_request (self, agree));
  g_assert_false (reads_request (self, disagree));
}

/* What an application adds under a name that only introspection uses is not told twice. */
static void
on_issue_token (TesseraServer *server, TesseraIssuance *issuance, gpointer data)
{
  tessera_issuance_add_claims_json (issuance, data);
}

static void
test_introspection_says_each_thing_once (Fixture *self, gconstpointer data)
{
  static const char claims[] = "{\"active\":false,\"token_type\":\"other\",\"x\":\"y\"}";
  g_signal_connect (self->server, "issue-token", G_CALLBACK (on_issue_token), (gpointer) claims);
  g_autoptr (json_t) tokens = log_in (self, "email", NULL);
  g_autoptr (FakeFront) front = fake_front_new ();
  g_autofree char *form
      = g_strconcat ("client_id=rp&client_secret=" SECRET "&token=",
                     json_string_value (json_object_get (tokens, "access_token")), NULL);

  fake_front_set_header (front, "Content-Type", "application/x-www-form-urlencoded");
  g_autoptr (json_t) answer = ask (self, front, "POST", "/introspect", form);
  g_assert_true (json_is_true (json_object_get (answer, "active")));
  g_assert_cmpstr (json_string_value (json_object_get (answer, "token_type")), ==, "Bearer");
  g_assert_cmpstr (json_string_value (json_object_get (answer, "x")), ==, "y");
}

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/user-claims/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("a-client-is-told-what-its-scopes-name", test_a_client_is_told_what_its_scopes_name);
  ADD ("a-client-is-told-what-it-asks-for-by-name", test_a_client_is_told_what_it_asks_for_by_name);
  ADD ("an-id-token-of-which-nothing-is-asked-asks-nobody",
       test_an_id_token_of_which_nothing_is_asked_asks_nobody);
  ADD ("a-grant-that-is-gone-tells-nothing", test_a_grant_that_is_gone_tells_nothing);
  ADD ("a-store-that-fails-tells-nothing", test_a_store_that_fails_tells_nothing);
  ADD ("without-a-key-nothing-is-told", test_without_a_key_nothing_is_told);
  ADD ("a-request-says-one-thing-and-not-too-much", test_a_request_says_one_thing_and_not_too_much);
  ADD ("introspection-says-each-thing-once", test_introspection_says_each_thing_once);
  g_test_add_func ("/user-claims/what-is-no-claims-request-is-refused",
                   test_what_is_no_claims_request_is_refused);
  g_test_add_func ("/user-claims/only-what-is-essential-must-be-reached",
                   test_only_what_is_essential_must_be_reached);
  g_test_add_func ("/user-claims/a-claim-is-wanted-with-its-values",
                   test_a_claim_is_wanted_with_its_values);
  g_test_add_func ("/user-claims/what-is-no-json-is-not-taken", test_what_is_no_json_is_not_taken);
  g_test_add_func ("/user-claims/another-address-is-not-verified-yet",
                   test_another_address_is_not_verified_yet);
  g_test_add_func ("/user-claims/what-only-the-server-says-is-not-taken",
                   test_what_only_the_server_says_is_not_taken);
  g_test_add_func ("/user-claims/by-name-a-client-is-told-what-its-scopes-could-ask-for",
                   test_by_name_a_client_is_told_what_its_scopes_could_ask_for);
  g_test_add_func ("/user-claims/what-a-client-may-not-ask-for-is-not-kept",
                   test_what_a_client_may_not_ask_for_is_not_kept);
  g_test_add_func ("/user-claims/what-is-asked-for-by-name-is-part-of-what-is-decided",
                   test_what_is_asked_for_by_name_is_part_of_what_is_decided);
  return g_test_run ();
}
