/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place that authenticates a client (RFC 6749 §2.3, RFC 7617, RFC 7521 §4.2). */

#include "endpoints/tessera-client-authentication-private.h"

#include "base/tessera-secret-private.h"
#include "endpoints/tessera-client-assertion-private.h"
#include "endpoints/tessera-client-keys-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

/* What the request claims, whichever way it says it. */
typedef struct
{
  const char *method; /* static, NULL: nothing was said */
  char *client_id;
  char *secret;
  TesseraJwt *assertion; /* borrows from the parameters */
} Credentials;

static void
credentials_clear (Credentials *self)
{
  g_clear_pointer (&self->client_id, g_free);
  g_clear_pointer (&self->secret, tessera_secret_free);
  g_clear_pointer (&self->assertion, tessera_jwt_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Credentials, credentials_clear)

static gboolean
refuse (GError **error, TesseraError code, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, code, why);
  return FALSE;
}

static gboolean
refuse_client (GError **error)
{
  /* One text for an unknown client, a wrong secret and a method that is not its own. */
  return refuse (error, TESSERA_ERROR_INVALID_CLIENT, "Client authentication failed");
}

TesseraParams *
tessera_client_authentication_read_form (TesseraExchange *exchange, GError **error)
{
  g_autoptr (TesseraParams) params = NULL;

  if (exchange->query != NULL && *exchange->query != '\0')
    {
      refuse (error, TESSERA_ERROR_INVALID_REQUEST, "Parameters belong into the body");
      return NULL;
    }
  params = tessera_exchange_parse_form (exchange, error);
  if (params == NULL || !tessera_params_check_repeats (params, error))
    return NULL;
  return g_steal_pointer (&params);
}

static gboolean
read_basic (const char *encoded, Credentials *out, GError **error)
{
  gsize length = 0;
  char *decoded = (char *) tessera_base64_decode (encoded, strlen (encoded), &length);
  const char *colon = NULL;

  out->method = "client_secret_basic";
  if (decoded == NULL)
    return refuse_client (error);

  /* RFC 6749 §2.3.1: id and secret were form-encoded before they were put into Basic. */
  colon = memchr (decoded, ':', length);
  if (colon != NULL)
    {
      out->client_id = tessera_params_decode (decoded, (gsize) (colon - decoded));
      out->secret = tessera_params_decode (colon + 1, (gsize) (decoded + length - colon - 1));
    }
  explicit_bzero (decoded, length);
  g_free (decoded);
  return (out->client_id != NULL && out->secret != NULL) || refuse_client (error);
}

static gboolean
read_header (const char *header, Credentials *out, GError **error)
{
  static const char basic[] = "Basic ";

  if (g_ascii_strncasecmp (header, basic, strlen (basic)) != 0)
    return refuse_client (error);
  header += strlen (basic);
  while (*header == ' ')
    header++;
  return read_basic (header, out, error);
}

/* Which method it is, the algorithm says; whether the client has it, its registration. */
static TesseraJwt *
parse_assertion (const char *text, const char **out_method)
{
  TesseraJwt *assertion = tessera_jwt_parse (text, strlen (text), NULL);

  *out_method = "private_key_jwt";
  if (assertion != NULL)
    return assertion;
  *out_method = "client_secret_jwt";
  return tessera_jwt_parse_mac (text, strlen (text), NULL);
}

/* RFC 7521 §4.2: @client_id may be absent; what it says then is in the assertion. */
static gboolean
read_assertion (const char *assertion,
                const char *type,
                const char *client_id,
                Credentials *out,
                GError **error)
{
  const char *claimed = NULL;

  if (assertion == NULL || type == NULL)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST,
                   "client_assertion and client_assertion_type belong together");
  if (!g_str_equal (type, TESSERA_CLIENT_ASSERTION_TYPE))
    return refuse_client (error);
  out->assertion = parse_assertion (assertion, &out->method);
  if (out->assertion != NULL)
    claimed = tessera_client_assertion_get_client_id (out->assertion);
  if (claimed == NULL || (client_id != NULL && !g_str_equal (client_id, claimed)))
    return refuse_client (error);
  out->client_id = g_strdup (claimed);
  return TRUE;
}

static gboolean
read_credentials (TesseraExchange *exchange,
                  TesseraParams *params,
                  Credentials *out,
                  GError **error)
{
  const char *header = tessera_exchange_get_header (exchange, "Authorization");
  const char *client_id = tessera_params_get (params, "client_id");
  const char *client_secret = tessera_params_get (params, "client_secret");
  const char *assertion = tessera_params_get (params, "client_assertion");
  const char *assertion_type = tessera_params_get (params, "client_assertion_type");
  gboolean asserts = assertion != NULL || assertion_type != NULL;

  /* RFC 6749 §2.3: not more than one method a request. */
  if ((header != NULL) + (client_secret != NULL) + asserts > 1)
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST,
                   "Use one client authentication method only");
  if (header != NULL && !read_header (header, out, error))
    return FALSE;
  if (header != NULL && client_id != NULL && !g_str_equal (client_id, out->client_id))
    return refuse (error, TESSERA_ERROR_INVALID_REQUEST,
                   "client_id differs from the Authorization header");
  if (header != NULL)
    return TRUE;
  if (asserts)
    return read_assertion (assertion, assertion_type, client_id, out, error);

  out->client_id = g_strdup (client_id);
  out->secret = g_strdup (client_secret);
  out->method = client_secret != NULL ? "client_secret_post" : "none";
  return client_id != NULL || refuse_client (error);
}

static gboolean
check_throttle (TesseraEngine *engine,
                TesseraExchange *exchange,
                const char *client_id,
                GError **error)
{
  const char *address = exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (engine->clock);
  guint client_wait = tessera_throttle_check (engine->client_throttle, client_id, address, now_ms);
  guint flood_wait = tessera_throttle_check (engine->flood_throttle, NULL, address, now_ms);
  guint wait = MAX (client_wait, flood_wait);
  g_autofree char *seconds = NULL;

  if (wait == 0)
    return TRUE;
  seconds = g_strdup_printf ("%u", wait);
  tessera_exchange_add_header (exchange, "Retry-After", seconds);
  return refuse (error, TESSERA_ERROR_TOO_MANY_REQUESTS,
                 "Too many failed client authentications from there");
}

static gboolean
check_assertion (TesseraEngine *engine,
                 TesseraClient *client,
                 TesseraKeySet *keys,
                 const TesseraJwt *assertion,
                 const char **out_fault)
{
  *out_fault = tessera_client_assertion_find_fault (assertion, client, keys, engine->settings,
                                                    tessera_clock_get_seconds (engine->clock));
  return *out_fault == NULL;
}

/* *out_fault: what is wrong with an assertion of a client that may have one. */
static gboolean
check_credentials (TesseraEngine *engine,
                   TesseraClient *client,
                   TesseraKeySet *keys,
                   const Credentials *credentials,
                   const char **out_fault)
{
  if (client == NULL || !tessera_client_allows_auth_method (client, credentials->method))
    {
      /* The same work as for a known client (threats.md B18). */
      tessera_digest (credentials->secret != NULL ? credentials->secret : "", -1);
      return FALSE;
    }
  if (credentials->assertion != NULL)
    return check_assertion (engine, client, keys, credentials->assertion, out_fault);
  if (credentials->secret == NULL)
    return !tessera_client_has_credentials (client);
  return tessera_client_check_secret (client, credentials->secret);
}

/* Clients behind one address do not answer for each other, until there are so many failures from
 * there that others would be forgotten for them; nor is an unknown client told from a known one. */
static void
count_failure (TesseraEngine *engine, TesseraExchange *exchange, const char *client_id)
{
  const char *address = exchange->remote_address;
  gint64 now_ms = tessera_clock_get_ms (engine->clock);

  if (tessera_throttle_fail (engine->client_throttle, client_id, address, now_ms))
    tessera_throttle_fail (engine->flood_throttle, NULL, address, now_ms);
}

gboolean
tessera_client_authentication_is_present (TesseraExchange *exchange, TesseraParams *params)
{
  return tessera_exchange_get_header (exchange, "Authorization") != NULL
         || tessera_params_get (params, "client_id") != NULL
         || tessera_params_get (params, "client_secret") != NULL
         || tessera_params_get (params, "client_assertion") != NULL
         || tessera_params_get (params, "client_assertion_type") != NULL;
}

/* Who it is said to be, owned; NULL: nobody. FALSE: it cannot be looked at. */
static gboolean
identify (TesseraEngine *engine,
          TesseraExchange *exchange,
          TesseraParams *params,
          Credentials *credentials,
          TesseraClient **out_client,
          GError **error)
{
  if (!read_credentials (exchange, params, credentials, error))
    return FALSE;
  tessera_exchange_set_client_id (exchange, credentials->client_id);
  if (!check_throttle (engine, exchange, credentials->client_id, error))
    return FALSE;
  *out_client = tessera_client_registry_lookup (engine->clients, credentials->client_id);
  return TRUE;
}

/* Are they good? But an assertion may have been used before. */
static gboolean
check (TesseraEngine *engine,
       TesseraExchange *exchange,
       TesseraClient *client,
       TesseraKeySet *keys,
       const Credentials *credentials,
       TesseraExplanation *explanation,
       GError **error)
{
  const char *fault = NULL;

  if (check_credentials (engine, client, keys, credentials, &fault))
    return TRUE;
  count_failure (engine, exchange, credentials->client_id);
  if (fault != NULL)
    tessera_explanation_set (explanation, "client_assertion", "a fresh one for the issuer", fault);
  else
    tessera_explanation_set (explanation, "token_endpoint_auth_method",
                             client == NULL
                                 ? "unknown client"
                                 : tessera_client_get_token_endpoint_auth_method (client),
                             credentials->method);
  return refuse_client (error);
}

/* An assertion, which may wait twice: for the keys of its client, and for the committing thread to
 * say whether it was used before (RFC 7523 §3, 7). */
typedef struct
{
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraExplanation *explanation;
  TesseraClient *client;
  Credentials credentials;
  TesseraDigest digest;
  gint64 expires_ms;
  gboolean for_revocation;
  TesseraClientAuthenticated done;
  gpointer data;
} Use;

static void
use_free (Use *self)
{
  tessera_exchange_unref (self->exchange);
  g_object_unref (self->client);
  credentials_clear (&self->credentials);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Use, use_free)

static gboolean
run_use (gpointer data, TesseraStore *store, GError **error)
{
  Use *self = data;
  gboolean is_new = FALSE;

  return tessera_store_use_assertion (store, &self->digest, self->expires_ms, self->for_revocation,
                                      &is_new, error)
         && (is_new || refuse_client (error));
}

/* It may have been changed or removed meanwhile. */
static gboolean
is_registered_still (Use *self)
{
  g_autoptr (TesseraClient) client
      = tessera_client_registry_lookup (self->engine->clients,
                                        tessera_client_get_id (self->client));

  if (client == NULL || client == self->client)
    return client != NULL;
  g_autofree char *before = tessera_client_dup_fingerprint (self->client);
  g_autofree char *now = tessera_client_dup_fingerprint (client);
  return g_str_equal (before, now);
}

static void
on_used (gpointer data, const GError *error)
{
  g_autoptr (Use) self = data;
  g_autoptr (GError) gone = NULL;

  if (g_error_matches (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_CLIENT))
    {
      count_failure (self->engine, self->exchange, tessera_client_get_id (self->client));
      tessera_explanation_set (self->explanation, "client_assertion", "a fresh one for the issuer",
                               "jti of one that was used");
    }
  if (error == NULL && !is_registered_still (self))
    refuse_client (&gone);
  if (gone != NULL)
    error = gone;
  self->done (self->data, error == NULL ? self->client : NULL, error);
}

static void
on_keys_found (gpointer data, TesseraKeySet *keys)
{
  g_autoptr (Use) self = data;
  const TesseraJwt *assertion = self->credentials.assertion;
  TesseraCommitter *committer = self->engine->committer;
  g_autoptr (GError) error = NULL;

  /* Nothing was checked: it is no failure of the client's. */
  if (assertion->mac_bits == 0 && !tessera_client_keys_check (self->client, keys, &error))
    {
      self->done (self->data, NULL, error);
      return;
    }
  if (!check (self->engine, self->exchange, self->client, keys, &self->credentials,
              self->explanation, &error))
    {
      self->done (self->data, NULL, error);
      return;
    }
  self->digest = tessera_client_assertion_get_digest (assertion);
  self->expires_ms = tessera_client_assertion_get_expiry_ms (assertion);
  tessera_committer_submit (committer, run_use, on_used, g_steal_pointer (&self));
}

void
tessera_client_authentication_authenticate (TesseraEngine *engine,
                                            TesseraExchange *exchange,
                                            TesseraParams *params,
                                            TesseraExplanation *explanation,
                                            TesseraClientAuthenticated done,
                                            gpointer data)
{
  g_auto (Credentials) credentials = { 0 };
  g_autoptr (TesseraClient) client = NULL;
  g_autoptr (GError) error = NULL;

  if (!identify (engine, exchange, params, &credentials, &client, &error))
    {
      done (data, NULL, error);
      return;
    }
  if (credentials.assertion == NULL || client == NULL
      || !tessera_client_allows_auth_method (client, credentials.method))
    {
      gboolean good = check (engine, exchange, client, NULL, &credentials, explanation, &error);

      done (data, good ? client : NULL, error);
      return;
    }
  Use *use = g_new (Use, 1);
  *use = (Use){
    .engine = engine,
    .exchange = tessera_exchange_ref (exchange),
    .explanation = explanation,
    .client = g_object_ref (client),
    .credentials = credentials,
    /* A full disk does not keep anybody from revoking. */
    .for_revocation = exchange->endpoint == TESSERA_ENDPOINT_REVOCATION,
    .done = done,
    .data = data,
  };
  credentials = (Credentials){ 0 };
  /* Who signs with a secret needs no keys, and nobody is asked for any. */
  if (use->credentials.assertion->mac_bits != 0)
    on_keys_found (use, NULL);
  else
    tessera_client_keys_find (engine, client, TESSERA_CLIENT_KEYS_OF_ASSERTIONS,
                              use->credentials.assertion->kid, on_keys_found, use);
}
