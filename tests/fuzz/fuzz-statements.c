/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clients sign: assertions that say who they are (RFC 7523 §3), and request objects (RFC 9101
 * §4 to §6), against a second judgement of the same rules. A good assertion is good once. What a
 * request object says is what the server reads, and nothing that stands beside it counts.
 *
 * The input: a line of `A` or `O` (assertion, request object), who signs, whose it is to be, and
 * options; then a line with the header, in which $alg and $kid are filled in, and claims, which are
 * signed as they are. With `a` or `o`, what follows the first line is the token. It is always the
 * same second. */

#include "endpoints/tessera-authorization-endpoint-private.h"
#include "endpoints/tessera-client-assertion-private.h"
#include "endpoints/tessera-client-authentication-private.h"
#include "endpoints/tessera-request-object-private.h"
#include "engine-fixture.h"
#include "fuzz.h"
#include "model/tessera-client-private.h"
#include "token-kit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define NOW G_GINT64_CONSTANT (1800000000)
#define LEEWAY 10
#define SHORT_SECRET "a-secret-of-a-client-that-signs-with-it" /* long enough for HS256 alone */
#define LONG_SECRET SHORT_SECRET "-and-with-every-algorithm-there-is"
#define USED_MAX 20000
#define BESIDE "beside"

/* Who can sign something: the holder of a key, or of what is taken for a secret. */
typedef struct
{
  TesseraKey *key; /* or */
  char *secret;    /* or neither: nobody signs */
  const char *alg;
  const char *kid;
} Signer;

/* A client, as the second judgement has it. */
typedef struct
{
  const char *id;
  const char *method; /* token_endpoint_auth_method */
  const char *alg;    /* the one it is registered for, or any */
  const char *request_alg;
  const char *secret;
  const char *keys; /* the numbers of its signers */
} Client;

static const Client clients[] = {
  { "k", "private_key_jwt", NULL, NULL, NULL, "0246" },
  { "e", "private_key_jwt", "ES256", "EdDSA", NULL, "02" },
  { "o", "private_key_jwt", NULL, NULL, NULL, "1357" },
  { "s", "client_secret_jwt", NULL, NULL, SHORT_SECRET, NULL },
  { "h", "client_secret_jwt", "HS512", NULL, LONG_SECRET, NULL },
  { "b", "client_secret_basic", NULL, "ES256", LONG_SECRET, "0" },
  { "n", "none", NULL, NULL, NULL, NULL },
};

static EngineFixture *fixture;
static TesseraKeyRing *ring;
static GPtrArray *signers; /* Signer* */
static GPtrArray *tokens;  /* char*, good ones, of all that can sign */
static GHashTable *used;   /* char *"iss jti" */

/* --- the beginning --- */

static void
add_signer (TesseraKey *key, const char *secret, const char *alg)
{
  Signer *signer = g_new0 (Signer, 1);

  signer->key = key != NULL ? tessera_key_ref (key) : NULL;
  signer->secret = g_strdup (secret);
  signer->alg = alg;
  signer->kid = key != NULL ? tessera_key_get_id (key) : "";
  g_ptr_array_add (signers, signer);
}

/* 0 to 7 are keys; then come secrets, the public half of a key as if it were one, and nobody. */
static void
add_signers (void)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();

  signers = g_ptr_array_new ();
  ring = token_kit_open_keys (clock);
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (ring);
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKey *key = ((TesseraKeyEntry *) entries->pdata[i])->key;
      add_signer (key, NULL, tessera_algorithm_get_name (tessera_key_get_algorithm (key)));
    }
  g_assert_cmpuint (signers->len, ==, 8);
  add_signer (NULL, SHORT_SECRET, "HS256");
  add_signer (NULL, LONG_SECRET, "HS256");
  add_signer (NULL, LONG_SECRET, "HS384");
  add_signer (NULL, LONG_SECRET, "HS512");
  g_autofree char *pem = tessera_key_dup_public_pem (((Signer *) signers->pdata[0])->key);
  add_signer (NULL, pem, "HS256");
  add_signer (NULL, NULL, "none");
}

static gboolean
owns (const Client *client, const Signer *signer)
{
  for (const char *number = client->keys; number != NULL && *number != '\0'; number++)
    if (signers->pdata[*number - '0'] == signer)
      return TRUE;
  return FALSE;
}

static char *
make_jwks (const Client *client)
{
  json_t *keys = json_array ();
  g_autoptr (json_t) set = json_pack ("{s:o}", "keys", keys);

  for (guint i = 0; i < signers->len; i++)
    if (owns (client, signers->pdata[i]))
      json_array_append_new (keys, tessera_key_to_jwk (((Signer *) signers->pdata[i])->key));
  return client->keys != NULL ? tessera_json_dump (set) : NULL;
}

static void
add_client (const Client *client)
{
  g_autofree char *jwks = make_jwks (client);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) object = g_object_new (
      TESSERA_TYPE_CLIENT, "id", client->id, "secret", client->secret, "jwks", jwks,
      "token-endpoint-auth-method", client->method, "token-endpoint-auth-signing-alg", client->alg,
      "request-object-signing-alg", client->request_alg, "scope", "a b", "redirect-uris",
      (const char *const[]){ "https://c.test/cb", "https://c.test/" BESIDE, NULL }, NULL);

  tessera_client_check (object, &error);
  g_assert_no_error (error);
  tessera_client_registry_add (fixture->engine.clients, object, TRUE, &error);
  g_assert_no_error (error);
}

static void
on_interact (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request);
static void on_show_error (gpointer data, TesseraExchange *exchange, const GError *error);
static void on_show_form (gpointer data,
                          TesseraExchange *exchange,
                          TesseraAuthorizationRequest *request,
                          const char *const *pairs);

/* Anew when so many were used that they cost memory. */
static void
start (void)
{
  g_clear_pointer (&fixture, engine_fixture_free);
  fixture = engine_fixture_new (FALSE);
  fixture->engine.hooks.interact = on_interact;
  fixture->engine.hooks.show_error = on_show_error;
  fixture->engine.hooks.show_form = on_show_form;
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    add_client (&clients[i]);
  g_hash_table_remove_all (used);
}

/* --- a token --- */

static char *
sign (const Signer *signer, const char *header, const char *claims, gsize length)
{
  guint8 mac[EVP_MAX_MD_SIZE];
  unsigned int mac_length = 0;

  if (signer->key != NULL)
    return token_kit_sign (signer->key, header, claims, length);
  GString *token = token_kit_begin (header, claims, length);
  const EVP_MD *digest = g_str_equal (signer->alg, "HS512")   ? EVP_sha512 ()
                         : g_str_equal (signer->alg, "HS384") ? EVP_sha384 ()
                                                              : EVP_sha256 ();
  if (signer->secret != NULL)
    HMAC (digest, signer->secret, (int) strlen (signer->secret), (const guint8 *) token->str,
          token->len, mac, &mac_length);
  g_string_append_c (token, '.');
  tessera_base64url_append (token, mac, mac_length);
  return g_string_free (token, FALSE);
}

static const char *const good_claims[] = {
  "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"" ENGINE_FIXTURE_ISSUER
  "\",\"jti\":\"raw\",\"exp\":1800000060}",
  "{\"iss\":\"%s\",\"client_id\":\"%s\",\"aud\":\"" ENGINE_FIXTURE_ISSUER
  "\",\"exp\":1800000060,\"response_type\":\"code\",\"redirect_uri\":\"https://c.test/cb\"}"
};

/* Of each client, by each that can sign, of both kinds. */
static void
make_tokens (void)
{
  tokens = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    for (guint j = 0; j < signers->len; j++)
      for (guint k = 0; k < G_N_ELEMENTS (good_claims); k++)
        {
          const Signer *signer = signers->pdata[j];
          g_autofree char *header
              = token_kit_fill_in ("{\"alg\":\"$alg\",\"kid\":\"$kid\"}", signer->alg, signer->kid);
          g_auto (GStrv) parts = g_strsplit (good_claims[k], "%s", -1);
          g_autofree char *claims = g_strjoinv (clients[i].id, parts);

          g_ptr_array_add (tokens, sign (signer, header, claims, strlen (claims)));
        }
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  add_signers ();
  make_tokens ();
  start ();
  return 0;
}

/* --- the second judgement --- */

/* What is asked. */
typedef struct
{
  gboolean is_assertion;
  const Signer *signer;  /* NULL: whoever it was */
  const Client *client;  /* whose it is to be; NULL: that of nobody who is known */
  gboolean is_lenient;   /* the token endpoint may be the audience */
  gboolean names_client; /* beside the assertion */
  char *text;
} Case;

static const char *
get_string (const json_t *json, const char *name)
{
  return json_string_value (json_object_get (json, name));
}

static gboolean
is_text_or_absent (const json_t *json, const char *name)
{
  return json_object_get (json, name) == NULL || get_string (json, name) != NULL;
}

static gboolean
is_mac (const char *alg)
{
  return g_strcmp0 (alg, "HS256") == 0 || g_strcmp0 (alg, "HS384") == 0
         || g_strcmp0 (alg, "HS512") == 0;
}

static gboolean
expect_header (const Case *self, const json_t *header)
{
  static const char *const types[] = { "JWT", "application/JWT", "client-authentication+jwt",
                                       "application/client-authentication+jwt", NULL };
  static const char *const request_types[] = { "JWT", "application/JWT", "oauth-authz-req+jwt",
                                               "application/oauth-authz-req+jwt", NULL };
  const char *typ = get_string (header, "typ"), *kid = get_string (header, "kid");
  gboolean matches = typ == NULL;

  for (const char *const *type = self->is_assertion ? types : request_types; *type != NULL; type++)
    matches |= typ != NULL && g_ascii_strcasecmp (typ, *type) == 0;
  return matches && !token_kit_has_extension (header) && is_text_or_absent (header, "typ")
         && is_text_or_absent (header, "kid") && (kid == NULL || strlen (kid) <= 128);
}

/* By whom, that is known; is it what the header says, and what the client is registered for? */
static gboolean
expect_signature (const Case *self, const json_t *header)
{
  const Signer *signer = self->signer;
  const Client *client = self->client;
  const char *alg = get_string (header, "alg"), *kid = get_string (header, "kid");
  const char *registered = self->is_assertion ? client->alg : client->request_alg;

  if (g_strcmp0 (alg, signer->alg) != 0 || (registered != NULL && !g_str_equal (alg, registered)))
    return FALSE;
  if (signer->key != NULL)
    return owns (client, signer) && (kid == NULL || g_str_equal (kid, signer->kid));
  return signer->secret != NULL && g_strcmp0 (signer->secret, client->secret) == 0;
}

static gboolean
is_of_us (const Case *self, const json_t *audience)
{
  const char *text = json_string_value (audience);

  return g_strcmp0 (text, ENGINE_FIXTURE_ISSUER) == 0
         || (self->is_assertion && self->is_lenient
             && g_strcmp0 (text, ENGINE_FIXTURE_ISSUER "/token") == 0);
}

static gboolean
expect_audience (const Case *self, const json_t *aud)
{
  gboolean may_list = !self->is_assertion || self->is_lenient;
  gsize i;
  json_t *one;

  if (!json_is_array (aud))
    return is_of_us (self, aud);
  json_array_foreach (aud, i, one)
    if (!is_of_us (self, one))
      return FALSE;
  return may_list && json_array_size (aud) > 0;
}

static gboolean
expect_times (const Case *self, const json_t *claims)
{
  const json_t *exp = json_object_get (claims, "exp");
  gint64 latest = NOW + (self->is_assertion ? 300 : 3600) + LEEWAY;

  for (guint i = 0; i < 2; i++)
    {
      const json_t *past = json_object_get (claims, i == 0 ? "iat" : "nbf");
      if (past != NULL && (!json_is_integer (past) || json_integer_value (past) > NOW + LEEWAY))
        return FALSE;
    }
  return json_is_integer (exp) && json_integer_value (exp) > NOW
         && json_integer_value (exp) <= latest;
}

static gboolean
expect_names (const Case *self, const json_t *claims)
{
  const char *id = self->client->id;
  const char *jti = get_string (claims, "jti");

  if (g_strcmp0 (get_string (claims, "iss"), id) != 0)
    return FALSE;
  if (!self->is_assertion)
    return g_strcmp0 (get_string (claims, "client_id"), id) == 0
           && g_strcmp0 (get_string (claims, "sub"), id) != 0
           && json_object_get (claims, "request") == NULL
           && json_object_get (claims, "request_uri") == NULL;
  return g_strcmp0 (get_string (claims, "sub"), id) == 0 && jti != NULL && *jti != '\0'
         && strlen (jti) <= 256;
}

/* Does the way it is made go with how the client is registered? */
static gboolean
expect_method (const Case *self, const json_t *header)
{
  gboolean mac = is_mac (get_string (header, "alg"));

  if (!self->is_assertion)
    return self->client->keys != NULL && !mac;
  return g_str_equal (self->client->method, mac ? "client_secret_jwt" : "private_key_jwt");
}

static const Client *
lookup_client (const char *id)
{
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    if (g_strcmp0 (clients[i].id, id) == 0)
      return &clients[i];
  return NULL;
}

/* The claims of a good one, or NULL. */
static json_t *
expect (Case *self)
{
  g_auto (GStrv) parts = g_strsplit (self->text, ".", -1);

  if (strlen (self->text) > TESSERA_JWT_MAX_LENGTH || g_strv_length (parts) != 3
      || parts[2][0] == '\0')
    return NULL;
  g_autoptr (json_t) header = token_kit_decode_object (parts[0], TOKEN_KIT_HEADER_MAX);
  g_autoptr (json_t) claims = token_kit_decode_object (parts[1], TESSERA_CLAIMS_MAX_LENGTH);
  /* Where nothing else says it, the assertion does (RFC 7521 §4.2). */
  if (self->is_assertion && !self->names_client)
    self->client = lookup_client (claims != NULL ? get_string (claims, "iss") : NULL);
  if (header == NULL || claims == NULL || self->client == NULL || !expect_header (self, header)
      || !expect_method (self, header) || !expect_names (self, claims)
      || !expect_audience (self, json_object_get (claims, "aud")) || !expect_times (self, claims)
      || (self->signer != NULL && !expect_signature (self, header)))
    return NULL;
  return g_steal_pointer (&claims);
}

/* Only what was signed here is ever good; of the signature itself ECDSA has two. */
static void
assert_is_ours (const Case *self)
{
  gsize length = (gsize) (strrchr (self->text, '.') - self->text) + 1;

  if (self->signer != NULL)
    return;
  for (guint i = 0; i < tokens->len; i++)
    if (strncmp (tokens->pdata[i], self->text, length) == 0)
      return;
  g_assert_not_reached ();
}

/* --- an exchange --- */

typedef struct
{
  guint n_sent;
  guint n_interactions;
  guint n_pages;
  char *redirect_uri; /* of what a person would be asked; as the rest */
  char *state;
  char *scope;
  char *nonce;
} Front;

static Front front;

static void
front_clear (void)
{
  g_free (front.redirect_uri);
  g_free (front.state);
  g_free (front.scope);
  g_free (front.nonce);
  front = (Front){ 0 };
}

static const char *
get_header (TesseraExchange *exchange, const char *name)
{
  return NULL;
}

static void
on_send (TesseraExchange *exchange)
{
  front.n_sent++;
}

static const TesseraExchangeFront exchange_front = { get_header, on_send };

static TesseraExchange *
exchange_new (const char *method, const char *path, const char *query)
{
  TesseraExchange *exchange = tessera_exchange_new (&exchange_front, NULL, NULL);

  exchange->method = method;
  exchange->path = path;
  exchange->query = query;
  exchange->remote_address = "192.0.2.1";
  return exchange;
}

/* With no failures of clients before it. */
static void
forgive (void)
{
  tessera_throttle_free (fixture->engine.client_throttle);
  fixture->engine.client_throttle = tessera_throttle_new (10);
}

/* --- assertions --- */

typedef struct
{
  gboolean done;
  char *id; /* who it is, or NULL */
  gboolean is_client_error;
} Verdict;

static void
on_authenticated (gpointer data, TesseraClient *client, const GError *error)
{
  Verdict *verdict = data;

  g_assert_false (verdict->done);
  g_assert_cmpint (client == NULL, ==, error != NULL);
  verdict->done = TRUE;
  verdict->id = client != NULL ? g_strdup (tessera_client_get_id (client)) : NULL;
  verdict->is_client_error
      = g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT)
        || g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST);
}

/* Whom the server takes it for, owned; or NULL. */
static char *
authenticate (const Case *self)
{
  g_autofree char *escaped = g_uri_escape_string (self->text, NULL, FALSE);
  g_autofree char *form
      = g_strconcat ("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A"
                     "jwt-bearer&client_assertion=",
                     escaped, self->names_client ? "&client_id=" : "",
                     self->names_client ? self->client->id : "", NULL);
  g_autoptr (TesseraParams) params = tessera_params_parse (form, strlen (form), NULL);
  g_autoptr (TesseraExchange) exchange = exchange_new ("POST", "/token", NULL);
  g_auto (TesseraExplanation) explanation = { 0 };
  Verdict verdict = { 0 };

  if (params == NULL)
    return NULL;
  forgive ();
  tessera_client_authentication_authenticate (&fixture->engine, exchange, params, &explanation,
                                              on_authenticated, &verdict);
  while (!verdict.done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (verdict.id != NULL || verdict.is_client_error);
  tessera_exchange_respond (exchange, 204, NULL, NULL);
  return verdict.id;
}

static void
check_assertion (Case *self)
{
  g_autoptr (json_t) claims = expect (self);
  g_autofree char *name = claims != NULL ? g_strconcat (get_string (claims, "iss"), " ",
                                                        get_string (claims, "jti"), NULL)
                                         : NULL;
  gboolean good = claims != NULL && !g_hash_table_contains (used, name);
  g_autofree char *id = authenticate (self);

  if (self->signer != NULL)
    g_assert_cmpint (id != NULL, ==, good);
  if (id == NULL)
    return;
  g_assert_true (good);
  assert_is_ours (self);
  g_assert_cmpstr (id, ==, self->client->id);
  g_hash_table_add (used, g_steal_pointer (&name));
  g_autofree char *again = authenticate (self);
  g_assert_null (again); /* RFC 7523 §3, 7 */
  if (g_hash_table_size (used) > USED_MAX)
    start ();
}

/* --- request objects --- */

static const char *const text_members[]
    = { "response_type", "response_mode", "client_id",      "redirect_uri",
        "scope",         "state",         "nonce",          "display",
        "prompt",        "ui_locales",    "claims_locales", "id_token_hint",
        "login_hint",    "acr_values",    "code_challenge", "code_challenge_method" };

static const char *
none_if_empty (const char *text)
{
  return text != NULL && *text != '\0' ? text : NULL;
}

static gsize
count (const json_t *member)
{
  return member == NULL ? 0 : json_is_array (member) ? json_array_size (member) : 1;
}

static gboolean
are_texts (const json_t *list)
{
  gsize i;
  json_t *one;

  json_array_foreach (list, i, one)
    if (!json_is_string (one))
      return FALSE;
  return TRUE;
}

/* Can all of it be parameters? */
static gboolean
expect_members (const json_t *claims)
{
  const json_t *max_age = json_object_get (claims, "max_age");
  const json_t *resource = json_object_get (claims, "resource");
  gsize n = count (max_age) + count (resource);

  for (guint i = 0; i < G_N_ELEMENTS (text_members); i++)
    {
      n += count (json_object_get (claims, text_members[i])) > 0;
      if (!is_text_or_absent (claims, text_members[i]))
        return FALSE;
    }
  for (guint i = 0; i < 2; i++)
    {
      const json_t *object = json_object_get (claims, i == 0 ? "claims" : "registration");
      n += object != NULL;
      if (object != NULL && !json_is_object (object))
        return FALSE;
    }
  if (resource != NULL && !json_is_string (resource)
      && (!json_is_array (resource) || !are_texts (resource)))
    return FALSE;
  return n <= TESSERA_PARAMS_MAX
         && (max_age == NULL || json_is_integer (max_age) || json_is_string (max_age));
}

static void
check_resources (TesseraParams *params, const json_t *resource)
{
  const char *const *values = tessera_params_get_all (params, "resource");
  gsize i;
  json_t *one;

  if (json_is_string (resource))
    g_assert_cmpstr (values[0], ==, none_if_empty (json_string_value (resource)));
  json_array_foreach (resource, i, one)
    if (*json_string_value (one) != '\0')
      g_assert_cmpstr (*values++, ==, json_string_value (one));
  if (!json_is_string (resource))
    g_assert_null (*values);
}

static void
check_objects (TesseraParams *params, const json_t *claims, const char *name)
{
  const json_t *object = json_object_get (claims, name);
  const char *text = tessera_params_get (params, name);
  g_autoptr (json_t) read = text != NULL ? json_loads (text, JSON_REJECT_DUPLICATES, NULL) : NULL;

  g_assert_cmpint (object != NULL, ==, text != NULL);
  if (object != NULL)
    g_assert_true (json_equal (read, object));
}

/* What is read is what it says, and there is no more of it. */
static void
check_members (TesseraParams *params, const json_t *claims)
{
  static const char *const others[]
      = { "request", "request_uri", "iss", "sub", "aud", "exp", "jti", "client_secret" };
  const json_t *max_age = json_object_get (claims, "max_age");

  for (guint i = 0; i < G_N_ELEMENTS (text_members); i++)
    {
      g_assert_cmpstr (tessera_params_get (params, text_members[i]), ==,
                       none_if_empty (get_string (claims, text_members[i])));
      g_assert_false (tessera_params_is_repeated (params, text_members[i]));
    }
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_null (tessera_params_get (params, others[i]));
  if (json_is_integer (max_age))
    g_assert_cmpint (g_ascii_strtoll (tessera_params_get (params, "max_age"), NULL, 10), ==,
                     json_integer_value (max_age));
  else
    g_assert_cmpstr (tessera_params_get (params, "max_age"), ==,
                     none_if_empty (json_string_value (max_age)));
  check_resources (params, json_object_get (claims, "resource"));
  check_objects (params, claims, "claims");
  check_objects (params, claims, "registration");
}

static void
on_interact (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request)
{
  front.n_interactions++;
  front.redirect_uri = g_strdup (request->redirect_uri);
  front.state = g_strdup (request->state);
  front.scope = g_strdup (request->scope);
  front.nonce = g_strdup (request->nonce);
  tessera_exchange_respond (exchange, 204, NULL, NULL);
}

static void
on_show_error (gpointer data, TesseraExchange *exchange, const GError *error)
{
  front.n_pages++;
  tessera_exchange_respond (exchange, 400, NULL, NULL);
}

static void
on_show_form (gpointer data,
              TesseraExchange *exchange,
              TesseraAuthorizationRequest *request,
              const char *const *pairs)
{
  tessera_exchange_respond (exchange, 200, NULL, NULL);
}

/* With other things beside it that would be good by themselves. */
static void
ask (const Case *self)
{
  g_autofree char *escaped = g_uri_escape_string (self->text, NULL, FALSE);
  g_autofree char *query = g_strconcat ("response_type=code&client_id=", self->client->id,
                                        "&redirect_uri=https%3A%2F%2Fc.test%2F" BESIDE
                                        "&state=" BESIDE "&scope=a&nonce=" BESIDE "&request=",
                                        escaped, NULL);
  g_autoptr (TesseraExchange) exchange = exchange_new ("GET", "/authorize", query);

  front_clear ();
  tessera_authorization_endpoint_handle (&fixture->engine, exchange);
  while (front.n_sent == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (front.n_sent, ==, 1);
}

/* RFC 9101 §6.3 */
static void
check_nothing_beside_counts (const Case *self, const json_t *claims)
{
  if (self->client == NULL || self->text[0] == '\0')
    return;
  ask (self);
  if (claims == NULL)
    g_assert_cmpuint (front.n_interactions, ==, 0);
  if (front.n_interactions == 0)
    return;
  g_assert_cmpstr (front.redirect_uri, ==, get_string (claims, "redirect_uri"));
  g_assert_cmpstr (front.state, ==, none_if_empty (get_string (claims, "state")));
  g_assert_cmpstr (get_string (claims, "response_type"), ==, "code");
  g_assert_null (json_object_get (claims, "registration"));
  g_assert_cmpstr (front.nonce, ==, NULL); /* of OpenID Connect, which these clients do not speak */
  if (none_if_empty (get_string (claims, "scope")) == NULL)
    g_assert_cmpstr (front.scope, ==, "a b"); /* all they may ask for */
}

static TesseraParams *
read_object (const Case *self)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (fixture->engine.clients, self->client->id);
  g_auto (TesseraExplanation) explanation = { 0 };
  g_autoptr (GError) error = NULL;
  TesseraParams *params = tessera_request_object_read (
      self->text, client, tessera_client_get_keys (client, TESSERA_CLIENT_KEYS_OF_REQUESTS),
      fixture->engine.settings, NOW, &explanation, &error);

  g_assert_cmpint (params == NULL, ==, error != NULL);
  g_assert_true (error == NULL
                 || g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST_OBJECT)
                 || g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_REQUEST_NOT_SUPPORTED));
  return params;
}

static void
check_request_object (Case *self)
{
  g_autoptr (json_t) claims = expect (self);
  gboolean good = claims != NULL && expect_members (claims);
  g_autoptr (TesseraParams) params = self->client != NULL ? read_object (self) : NULL;

  if (self->signer != NULL)
    g_assert_cmpint (params != NULL, ==, good);
  if (params != NULL)
    {
      g_assert_true (good);
      assert_is_ours (self);
      check_members (params, claims);
    }
  check_nothing_beside_counts (self, params != NULL ? claims : NULL);
}

/* --- the input --- */

static void
read_case (FuzzInput *input, Case *self)
{
  g_autofree char *line = fuzz_input_take_line (input);
  gsize n = strlen (line), length;
  guchar options = n > 3 ? (guchar) line[3] : 0;
  guint client = n > 2 ? (guchar) line[2] : 0;

  self->is_assertion = line[0] == 'A' || line[0] == 'a';
  self->client = client % 8 < G_N_ELEMENTS (clients) ? &clients[client % 8] : NULL;
  self->is_lenient = (options & 1) != 0;
  self->names_client = (options & 2) != 0 && self->client != NULL;
  if (g_ascii_isupper (line[0]))
    {
      self->signer = signers->pdata[(n > 1 ? (guchar) line[1] : 0) % signers->len];
      g_autofree char *pattern = fuzz_input_take_line (input);
      g_autofree char *header = token_kit_fill_in (pattern, self->signer->alg, self->signer->kid);
      const char *claims = fuzz_input_take_rest (input, &length);
      self->text = sign (self->signer, header, claims, length);
      return;
    }
  const char *token = fuzz_input_take_rest (input, &length);
  self->text = g_strndup (token, length);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  Case self = { 0 };

  /* Each begins at the same instant. */
  tessera_clock_unref (fixture->engine.clock);
  fixture->engine.clock = tessera_clock_new ();
  __atomic_store_n (&fixture->offset_ms, NOW * 1000 - g_get_real_time () / 1000, __ATOMIC_RELAXED);
  read_case (&input, &self);
  fixture->engine.settings->assertions_for_token_endpoint = self.is_lenient;
  if (self.is_assertion)
    check_assertion (&self);
  else
    check_request_object (&self);
  front_clear ();
  g_free (self.text);
  return 0;
}

/* --- the mutator --- */

size_t
LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
  const uint8_t *feed = size > 0 ? memchr (data, '\n', size) : NULL;
  gsize head = feed != NULL ? (gsize) (feed - data) + 1 : 0;

  if (feed == NULL || !g_ascii_islower (data[0]) || seed % 4 == 0)
    return LLVMFuzzerMutate (data, size, max_size);
  g_autofree char *text = g_strndup ((const char *) data + head, size - head);
  g_autofree char *changed = token_kit_change (text, tokens, seed / 4);
  gsize length = MIN (strlen (changed), max_size - head);

  memcpy (data + head, changed, length);
  return head + length;
}
