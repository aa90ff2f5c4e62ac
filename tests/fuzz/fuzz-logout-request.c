/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wishes to be signed out (OpenID Connect RP-Initiated Logout §2, §3) with the ID token that says
 * whose (Core §3.1.2.1, id_token_hint), against a second judgement of the same rules: the browser
 * goes nowhere but to an address that the client registered, and a session ends unasked only where
 * an ID token of ours names it.
 *
 * The input: the number of who signs; in lines a header, in which $alg and $kid are filled in, and
 * the query, in which $hint is the token; then its claims. */

#include "base/tessera-uri-private.h"
#include "endpoints/tessera-logout-request-private.h"
#include "fuzz.h"
#include "jose/tessera-jwt-private.h"
#include "model/tessera-client-private.h"
#include "token-kit.h"

#include <string.h>

#define ISSUER "https://id.test"
#define N_KEYS                                                                                     \
  8 /* of ours; who comes behind them signs as the first of them, with a key of its own */

typedef struct
{
  const char *id;
  const char *uris[3];
} Client;

static const Client clients[] = {
  { "a", { "https://a.test/out", "https://a.test/out?x=1", NULL } },
  { "b", { "com.example.b:/out", NULL } },
  { "n", { NULL } },
};

static TesseraEngine engine;
static GPtrArray *keys; /* TesseraKey* */

static void
add_client (const Client *client)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) object
      = g_object_new (TESSERA_TYPE_CLIENT, "id", client->id, "redirect-uris",
                      (const char *const[]){ "https://c.test/cb", NULL },
                      "post-logout-redirect-uris", client->uris, NULL);

  tessera_client_registry_add (engine.clients, object, TRUE, &error);
  g_assert_no_error (error);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  engine.settings = tessera_settings_new (ISSUER);
  engine.clock = tessera_clock_new ();
  engine.clients = tessera_client_registry_new ();
  engine.keys = token_kit_open_keys (engine.clock);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    add_client (&clients[i]);

  keys = g_ptr_array_new ();
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (engine.keys);
  for (guint i = 0; i < entries->len; i++)
    g_ptr_array_add (keys, tessera_key_ref (((TesseraKeyEntry *) entries->pdata[i])->key));
  g_assert_cmpuint (keys->len, ==, N_KEYS);
  g_ptr_array_add (keys, tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL));
  return 0;
}

/* --- the second judgement --- */

typedef struct
{
  TesseraParams *params;
  guint signer;
  char *hint; /* what was signed */
} Case;

/* Each or NULL, as in the request. */
typedef struct
{
  char *client_id;
  char *subject;
  char *session_id;
  const char *redirect_uri;
} Wish;

static void
wish_clear (Wish *self)
{
  g_free (self->client_id);
  g_free (self->subject);
  g_free (self->session_id);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Wish, wish_clear)

static const char *
get_string (const json_t *json, const char *name)
{
  return json_string_value (json_object_get (json, name));
}

static const Client *
lookup_client (const char *id)
{
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    if (g_strcmp0 (clients[i].id, id) == 0)
      return &clients[i];
  return NULL;
}

static const char *
get_alg (guint signer)
{
  return tessera_algorithm_get_name (tessera_key_get_algorithm (keys->pdata[signer]));
}

static gboolean
has_right_type (const json_t *header)
{
  const char *typ = get_string (header, "typ");

  return typ != NULL
         && (g_ascii_strcasecmp (typ, "JWT") == 0
             || g_ascii_strcasecmp (typ, "application/JWT") == 0);
}

static gboolean
expect_header (const Case *self, const json_t *header)
{
  return !token_kit_has_extension (header) && has_right_type (header) && self->signer < N_KEYS
         && g_strcmp0 (get_string (header, "alg"), get_alg (self->signer)) == 0
         && g_strcmp0 (get_string (header, "kid"), tessera_key_get_id (keys->pdata[self->signer]))
                == 0;
}

static gboolean
expect_hint (const Case *self, const char *hint, Wish *out)
{
  g_auto (GStrv) parts = g_strsplit (hint, ".", -1);

  /* Anything else has no signature of ours, or has it in another spelling. */
  if (!g_str_equal (hint, self->hint) || strlen (hint) > TESSERA_JWT_MAX_LENGTH)
    return FALSE;
  g_autoptr (json_t) header = token_kit_decode_object (parts[0], TOKEN_KIT_HEADER_MAX);
  g_autoptr (json_t) claims = token_kit_decode_object (parts[1], TESSERA_CLAIMS_MAX_LENGTH);
  const char *aud = get_string (claims, "aud");
  if (header == NULL || claims == NULL || !expect_header (self, header)
      || g_strcmp0 (get_string (claims, "iss"), ISSUER) != 0
      || !json_is_integer (json_object_get (claims, "exp")) || get_string (claims, "sub") == NULL
      || json_object_get (claims, "jti") != NULL || aud == NULL
      || (out->client_id != NULL && !g_str_equal (aud, out->client_id)))
    return FALSE;
  g_free (out->client_id);
  out->client_id = g_strdup (aud);
  out->subject = g_strdup (get_string (claims, "sub"));
  out->session_id = g_strdup (get_string (claims, "sid"));
  return TRUE;
}

/* Of a key that the ring has no more, as far as anybody can see: it counts for nothing. What a JWT
 * is, another target judges. */
static gboolean
is_lost (const char *hint)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (hint, strlen (hint), NULL);
  g_auto (GStrv) parts = g_strsplit (hint, ".", -1);

  if (jwt == NULL)
    return FALSE;
  g_autoptr (json_t) header = token_kit_decode_object (parts[0], TOKEN_KIT_HEADER_MAX);
  g_autoptr (json_t) claims = token_kit_decode_object (parts[1], TESSERA_CLAIMS_MAX_LENGTH);
  const char *kid = get_string (header, "kid");
  for (guint i = 0; i < N_KEYS; i++)
    if (g_strcmp0 (kid, tessera_key_get_id (keys->pdata[i])) == 0)
      return FALSE;
  return kid != NULL && has_right_type (header)
         && g_strcmp0 (get_string (claims, "iss"), ISSUER) == 0;
}

static gboolean
expect_state (const char *state)
{
  for (const char *c = state; c != NULL && *c != '\0'; c++)
    if ((guchar) *c < 0x20 || *c == 0x7f)
      return FALSE;
  return state == NULL || strlen (state) <= 2048;
}

static gboolean
expect (const Case *self, Wish *out)
{
  const char *hint = tessera_params_get (self->params, "id_token_hint");
  const char *uri = tessera_params_get (self->params, "post_logout_redirect_uri");
  gboolean counts = hint != NULL && !is_lost (hint);

  out->client_id = g_strdup (tessera_params_get (self->params, "client_id"));
  if (!tessera_params_check_repeats (self->params, NULL)
      || (counts && !expect_hint (self, hint, out)))
    return FALSE;
  const Client *client = lookup_client (out->client_id);
  if (out->client_id != NULL && client == NULL)
    return FALSE;
  if (uri != NULL && client == NULL && hint != NULL && !counts)
    uri = NULL;
  if (uri != NULL && (client == NULL || !g_strv_contains (client->uris, uri)))
    return FALSE;
  out->redirect_uri = uri;
  return expect_state (tessera_params_get (self->params, "state"));
}

/* --- properties --- */

static void
check_location (const TesseraLogoutRequest *request)
{
  g_autofree char *location = tessera_logout_request_dup_location (request);
  gsize length = strlen (request->redirect_uri);

  g_assert_true (g_str_is_ascii (location) && strpbrk (location, "\r\n \"<>") == NULL);
  g_assert_true (strncmp (location, request->redirect_uri, length) == 0);
  if (request->state == NULL)
    {
      g_assert_cmpstr (location, ==, request->redirect_uri);
      return;
    }
  g_assert_true (location[length] == (strchr (request->redirect_uri, '?') != NULL ? '&' : '?'));
  g_autoptr (TesseraParams) params
      = tessera_params_parse (location + length + 1, strlen (location + length + 1), NULL);
  g_assert_cmpstr (tessera_params_get (params, "state"), ==, request->state);
}

static void
check_about (const TesseraLogoutRequest *request)
{
  static const TesseraLogin login
      = { .subject = (char *) "alice", .session_id = (char *) "s1", .auth_time = 1 };

  g_assert_cmpint (tessera_logout_request_is_about (request, &engine, &login), ==,
                   g_strcmp0 (request->subject, "alice") == 0
                       && g_strcmp0 (request->session_id, "s1") == 0);
}

static void
check_request (const Case *self, const TesseraLogoutRequest *request, const Wish *wish)
{
  g_assert_cmpstr (request->client != NULL ? tessera_client_get_id (request->client) : NULL, ==,
                   wish->client_id);
  g_assert_cmpstr (request->subject, ==, wish->subject);
  g_assert_cmpstr (request->session_id, ==, wish->session_id);
  g_assert_cmpstr (request->redirect_uri, ==, wish->redirect_uri);
  g_assert_cmpstr (request->state, ==, tessera_params_get (self->params, "state"));
  g_assert_cmpstr (request->ui_locales, ==, tessera_params_get (self->params, "ui_locales"));
  check_about (request);
  if (request->redirect_uri != NULL)
    check_location (request);
}

/* What a page sends on is the same wish. */
static void
check_survives (const Case *self, const Wish *wish)
{
  g_autoptr (GString) uri = g_string_new (ISSUER "/logout");
  g_auto (TesseraExplanation) explanation = { 0 };

  tessera_logout_request_append_params (uri, self->params);
  const char *query = strchr (uri->str, '?');
  g_assert_cmpint (query != NULL, ==, tessera_logout_request_is_in (self->params));
  query = query != NULL ? query + 1 : "";
  Case again = { tessera_params_parse (query, strlen (query), NULL), self->signer, self->hint };
  g_assert_nonnull (again.params);
  g_autoptr (TesseraLogoutRequest) request
      = tessera_logout_request_parse (&engine, again.params, &explanation, NULL);
  g_assert_nonnull (request);
  check_request (self, request, wish);
  tessera_params_free (again.params);
}

static void
check (const Case *self)
{
  g_auto (Wish) wish = { 0 };
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean good = expect (self, &wish);
  g_autoptr (TesseraLogoutRequest) request
      = tessera_logout_request_parse (&engine, self->params, &explanation, &error);

  g_assert_cmpint (request != NULL, ==, good);
  g_assert_cmpint (error == NULL, ==, good);
  if (!good)
    {
      g_assert_true (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST));
      return;
    }
  check_request (self, request, &wish);
  check_survives (self, &wish);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data + (size > 0), size - (size > 0));
  Case self = { .signer = (size > 0 ? data[0] : 0) % keys->len };
  TesseraKey *named = keys->pdata[self.signer < N_KEYS ? self.signer : 0];
  g_autofree char *pattern = fuzz_input_take_line (&input);
  g_autofree char *header
      = token_kit_fill_in (pattern, get_alg (self.signer), tessera_key_get_id (named));
  g_autofree char *line = fuzz_input_take_line (&input);
  g_autoptr (GString) query = g_string_new (line);
  gsize length;
  const char *claims = fuzz_input_take_rest (&input, &length);

  self.hint = token_kit_sign (keys->pdata[self.signer], header, claims, length);
  g_string_replace (query, "$hint", self.hint, 0);
  self.params = tessera_params_parse (query->str, query->len, NULL);
  if (self.params != NULL)
    check (&self);
  g_clear_pointer (&self.params, tessera_params_free);
  g_free (self.hint);
  return 0;
}
