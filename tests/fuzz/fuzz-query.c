/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorization requests (RFC 6749 §4.1.1, RFC 7636, RFC 8707, RFC 9207) from the query to the
 * answer: there is just one, it goes nowhere but to a registered address of the client, state and
 * issuer come back as they were, and a request that reaches the person asks for no more than the
 * client may. The input: `G` and a query, or `P` and a form. */

#include "base/tessera-uri-private.h"
#include "endpoints/tessera-authorization-endpoint-private.h"
#include "engine-fixture.h"
#include "fuzz.h"
#include "model/tessera-client-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

typedef struct
{
  TesseraExchange *exchange;
  guint n_sent;
  guint n_pages;
  guint n_interactions;
  char *location; /* or NULL */
} Front;

static EngineFixture *fixture;
static Front front;

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  return NULL;
}

static void
on_send (TesseraExchange *exchange)
{
  front.n_sent++;
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      const TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);

      if (g_str_equal (header->name, "Location"))
        front.location = g_strdup (header->value);
    }
}

static const TesseraExchangeFront exchange_front = { get_header, on_send };

static void
on_show_error (gpointer data, TesseraExchange *exchange, const GError *error)
{
  front.n_pages++;
  tessera_exchange_respond (exchange, 400, NULL, NULL);
}

static void
on_show_return (gpointer data,
                TesseraExchange *exchange,
                TesseraAuthorizationRequest *request,
                const char *location)
{
  front.location = g_strdup (location);
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

/* A form that the browser would post (OAuth 2.0 Form Post Response Mode §2): as if it were a query.
 */
static void
on_show_form (gpointer data,
              TesseraExchange *exchange,
              TesseraAuthorizationRequest *request,
              const char *const *pairs)
{
  g_autoptr (GString) location = g_string_new (request->redirect_uri);

  g_assert_true (g_str_has_prefix (request->redirect_uri, "https:")
                 || g_str_has_prefix (request->redirect_uri, "http:"));
  for (guint i = 0; pairs[i] != NULL; i += 2)
    tessera_uri_append_param (location, pairs[i], pairs[i + 1]);
  front.location = g_string_free (g_steal_pointer (&location), FALSE);
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

static void
check_challenge (TesseraAuthorizationRequest *request)
{
  if (request->code_challenge == NULL)
    g_assert_false (tessera_client_requires_pkce (request->client));
  else
    g_assert_true (
        g_regex_match_simple ("\\A[A-Za-z0-9_-]{43}\\z", request->code_challenge, G_REGEX_RAW, 0));
}

static void
check_resources (TesseraAuthorizationRequest *request)
{
  g_auto (GStrv) resources = tessera_scope_split (request->resources);

  for (guint i = 0; resources[i] != NULL; i++)
    g_assert_true (g_strv_contains (tessera_client_get_resources (request->client), resources[i]));
}

/* What the person would be asked. */
static void
on_interact (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request)
{
  static const TesseraLogin login
      = { .subject = (char *) "alice", .session_id = (char *) "s1", .auth_time = 1 };

  front.n_interactions++;
  g_assert_true (tessera_client_allows_redirect_uri (request->client, request->redirect_uri));
  g_assert_true (
      tessera_scope_is_subset (request->scope, tessera_client_get_scope (request->client)));
  g_assert_cmpint (request->max_age, >=, -1);
  g_assert_cmpint (request->state != NULL ? strlen (request->state) : 0, <=, 2048);
  g_assert_false ((request->prompt & TESSERA_PROMPT_NONE) != 0
                  && request->prompt != TESSERA_PROMPT_NONE);
  check_challenge (request);
  check_resources (request);
  tessera_authorization_endpoint_approve (&fixture->engine, exchange, request, &login);
}

static void
add_client (const char *id, const char *const *redirect_uris, gboolean require_pkce)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", id, "secret",
                      require_pkce ? NULL : ENGINE_FIXTURE_SECRET, "redirect-uris", redirect_uris,
                      "scope", "a b c", "require-pkce", require_pkce, "resources",
                      (const char *const[]){ "https://api.test", "urn:x", NULL }, NULL);

  tessera_client_registry_add (fixture->engine.clients, client, TRUE, &error);
  g_assert_no_error (error);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  fixture = engine_fixture_new (FALSE);
  fixture->engine.hooks.interact = on_interact;
  fixture->engine.hooks.show_error = on_show_error;
  fixture->engine.hooks.show_return = on_show_return;
  fixture->engine.hooks.show_form = on_show_form;
  add_client ("w1", (const char *const[]){ "https://w1.test/cb", "https://w1.test/cb?x=1", NULL },
              FALSE);
  add_client ("n1", (const char *const[]){ "com.example.app:/cb", "http://127.0.0.1/cb", NULL },
              TRUE);
  add_client ("q1", (const char *const[]){ "https://q1.test/?a=b&state=z", NULL }, FALSE);
  return 0;
}

/* Where an answer may go to, or NULL when only a page can be shown (RFC 6749 §4.1.2.1). */
static char *
expect_address (TesseraParams *params)
{
  const char *id = params != NULL ? tessera_params_get (params, "client_id") : NULL;
  const char *address = params != NULL ? tessera_params_get (params, "redirect_uri") : NULL;
  g_autoptr (TesseraClient) client
      = id != NULL ? tessera_client_registry_lookup (fixture->engine.clients, id) : NULL;

  if (client == NULL || tessera_params_is_repeated (params, "client_id")
      || tessera_params_is_repeated (params, "redirect_uri"))
    return NULL;
  const char *const *registered = tessera_client_get_redirect_uris (client);
  if (address == NULL)
    return registered[1] == NULL ? g_strdup (registered[0]) : NULL;
  return tessera_client_allows_redirect_uri (client, address) ? g_strdup (address) : NULL;
}

/* Behind the address: state as it was sent, iss, and either a code or an error. */
static void
check_location (const char *location, const char *address, TesseraParams *sent)
{
  gsize length = strlen (address);
  const char *state
      = tessera_params_is_repeated (sent, "state") ? NULL : tessera_params_get (sent, "state");
  g_autoptr (GError) error = NULL;

  g_assert_true (g_str_is_ascii (location) && strpbrk (location, "\r\n \"<>") == NULL);
  g_assert_true (strncmp (location, address, length) == 0);
  g_assert_true (location[length] == (strchr (address, '?') != NULL ? '&' : '?'));
  g_autoptr (TesseraParams) answer
      = tessera_params_parse (location + length + 1, strlen (location + length + 1), &error);
  g_assert_no_error (error);
  g_assert_true (tessera_params_check_repeats (answer, NULL));
  g_assert_cmpstr (tessera_params_get (answer, "iss"), ==, ENGINE_FIXTURE_ISSUER);
  g_assert_true ((tessera_params_get (answer, "code") != NULL)
                 != (tessera_params_get (answer, "error") != NULL));
  g_assert_cmpint (tessera_params_get (answer, "code") != NULL, ==, front.n_interactions == 1);
  if (state != NULL && strlen (state) <= 2048)
    g_assert_cmpstr (tessera_params_get (answer, "state"), ==, state);
}

static TesseraParams *
ask (gboolean is_post, const char *text, gsize length)
{
  TesseraExchange *exchange = tessera_exchange_new (&exchange_front, NULL, NULL);
  TesseraParams *params = tessera_params_parse (text, length, NULL);

  exchange->method = is_post ? "POST" : "GET";
  exchange->path = "/authorize";
  exchange->query = is_post ? NULL : text;
  exchange->body = is_post ? text : NULL;
  exchange->body_length = is_post ? length : 0;
  exchange->remote_address = "192.0.2.1";
  tessera_authorization_endpoint_handle (&fixture->engine, exchange);
  tessera_exchange_unref (exchange);
  while (front.n_sent == 0)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  return params;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data + (size > 0), size - (size > 0));
  g_autoptr (TesseraParams) params = ask (size > 0 && data[0] == 'P', text, strlen (text));
  g_autofree char *address = expect_address (params);

  g_assert_cmpuint (front.n_sent, ==, 1);
  g_assert_cmpuint (front.n_interactions, <=, 1);
  g_assert_cmpint (front.location != NULL, ==, address != NULL);
  g_assert_cmpint (front.n_pages == 1, ==, address == NULL);
  if (address != NULL)
    check_location (front.location, address, params);
  g_free (front.location);
  front = (Front){ 0 };
  return 0;
}
