/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client authentication (RFC 6749 §2.3, RFC 7617) against a second reading of the same rules. The
 * input: the value of the Authorization header in the first line (an empty one: no header), the
 * form in what follows. */

#include "endpoints/tessera-client-authentication-private.h"
#include "fuzz.h"
#include "model/tessera-client-private.h"

#include <string.h>

typedef struct
{
  const char *id;
  const char *secret;
  const char *method; /* NULL: not said */
} Known;

static const Known known[] = {
  { "c1", "a:secret%with+every é sign", "client_secret_basic" },
  { "c2", "a-secret-of-a-client-that-posts", "client_secret_post" },
  { "c3", "a-secret-of-either-way", NULL },
  { "cl ient:4", "an-identifier-that-needs-escapes", "client_secret_basic" },
  { "p1", NULL, NULL },
};

static TesseraEngine engine;

typedef struct
{
  const char *authorization;
} Request;

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  const Request *request = exchange->front_data;

  return g_ascii_strcasecmp (name, "Authorization") == 0 ? request->authorization : NULL;
}

static void
on_send (TesseraExchange *exchange)
{
}

static const TesseraExchangeFront front = { get_header, on_send };

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  engine.clock = tessera_clock_new ();
  engine.clients = tessera_client_registry_new ();
  engine.client_throttle = tessera_throttle_new (G_MAXUINT);
  engine.flood_throttle = tessera_throttle_new (G_MAXUINT);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    {
      g_autoptr (TesseraClient) client
          = g_object_new (TESSERA_TYPE_CLIENT, "id", known[i].id, "secret", known[i].secret,
                          "token-endpoint-auth-method", known[i].method, "redirect-uris",
                          (const char *const[]){ "http://127.0.0.1/cb", NULL }, NULL);
      g_assert_true (tessera_client_registry_add (engine.clients, client, TRUE, NULL));
    }
  return 0;
}

/* What the request says about who it is. */
typedef struct
{
  const char *method; /* NULL: nothing that can be used */
  char *id;
  char *secret;
} Claim;

static void
claim_clear (Claim *self)
{
  g_free (self->id);
  g_free (self->secret);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Claim, claim_clear)

static char *
decode_form_text (const char *text)
{
  g_autofree char *spaced = g_strdelimit (g_strdup (text), "+", ' ');
  g_autofree char *decoded = g_uri_unescape_string (spaced, NULL);

  return decoded != NULL && g_utf8_validate (decoded, -1, NULL) ? g_steal_pointer (&decoded) : NULL;
}

/* The one spelling of these bytes in base64 (RFC 4648 §4), or nothing. */
static char *
decode_base64 (const char *text)
{
  gsize length = 0;
  g_autofree guchar *bytes = g_base64_decode (text, &length);
  g_autofree char *again = g_base64_encode (bytes, length);

  if (length == 0 || !g_str_equal (again, text) || memchr (bytes, '\0', length) != NULL)
    return NULL;
  return g_strndup ((const char *) bytes, length);
}

static void
expect_basic (const char *header, Claim *claim)
{
  g_auto (GStrv) words = g_strsplit (header, " ", 2);

  if (g_strv_length (words) != 2 || g_ascii_strcasecmp (words[0], "Basic") != 0)
    return;
  g_autofree char *text = decode_base64 (words[1] + strspn (words[1], " "));
  char *colon = text != NULL ? strchr (text, ':') : NULL;
  if (colon == NULL)
    return;
  *colon = '\0';
  claim->id = decode_form_text (text);
  claim->secret = decode_form_text (colon + 1);
  if (claim->id != NULL && claim->secret != NULL)
    claim->method = "client_secret_basic";
}

static void
expect_claim (const char *header, TesseraParams *params, Claim *claim)
{
  const char *id = tessera_params_get (params, "client_id");
  const char *secret = tessera_params_get (params, "client_secret");
  gboolean asserts = tessera_params_get (params, "client_assertion") != NULL
                     || tessera_params_get (params, "client_assertion_type") != NULL;

  if (header != NULL)
    {
      expect_basic (header, claim);
      if (secret != NULL || asserts || (id != NULL && g_strcmp0 (claim->id, id) != 0))
        claim->method = NULL;
      return;
    }
  claim->id = g_strdup (id);
  claim->secret = g_strdup (secret);
  if (id != NULL && !asserts)
    claim->method = secret != NULL ? "client_secret_post" : "none";
}

static gboolean
is_registered_method (const Known *client, const char *method)
{
  if (client->method != NULL)
    return g_str_equal (client->method, method);
  return g_str_equal (method, "none") == (client->secret == NULL);
}

/* Whom the request may speak for, or NULL. */
static const char *
expect_client (const Claim *claim)
{
  for (guint i = 0; claim->method != NULL && i < G_N_ELEMENTS (known); i++)
    if (g_strcmp0 (known[i].id, claim->id) == 0 && is_registered_method (&known[i], claim->method)
        && g_strcmp0 (known[i].secret, claim->secret) == 0)
      return known[i].id;
  return NULL;
}

/* Nobody here signs assertions, so that it is told at once. */
typedef struct
{
  guint count;
  char *client_id;
  char *message;
} Outcome;

static void
on_authenticated (gpointer data, TesseraClient *client, const GError *error)
{
  Outcome *self = data;

  self->count++;
  self->client_id = client != NULL ? g_strdup (tessera_client_get_id (client)) : NULL;
  self->message = error != NULL ? g_strdup (error->message) : NULL;
}

static void
check (TesseraExchange *exchange, const char *header)
{
  Outcome outcome = { 0 };
  g_autoptr (TesseraParams) params = tessera_client_authentication_read_form (exchange, NULL);
  g_auto (TesseraExplanation) explanation = { 0 };
  g_auto (Claim) claim = { 0 };

  if (params == NULL)
    return;
  expect_claim (header, params, &claim);
  tessera_client_authentication_authenticate (&engine, exchange, params, &explanation,
                                              on_authenticated, &outcome);
  g_assert_cmpuint (outcome.count, ==, 1);
  g_assert_cmpstr (outcome.client_id, ==, expect_client (&claim));
  g_assert_cmpint (outcome.client_id == NULL, ==, outcome.message != NULL);
  if (header != NULL || claim.id != NULL || claim.secret != NULL)
    g_assert_true (tessera_client_authentication_is_present (exchange, params));
  /* What goes to the wire never repeats what came. */
  if (outcome.message != NULL)
    g_assert_true (g_str_is_ascii (outcome.message));
  g_free (outcome.client_id);
  g_free (outcome.message);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  g_autofree char *header = fuzz_input_take_line (&input);
  Request request = { header[0] != '\0' ? header : NULL };
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, &request, NULL);

  exchange->method = "POST";
  exchange->path = "/token";
  exchange->body = fuzz_input_take_rest (&input, &exchange->body_length);
  exchange->remote_address = "192.0.2.1";
  check (exchange, request.authorization);
  tessera_exchange_respond (exchange, 204, NULL, NULL);
  return 0;
}
