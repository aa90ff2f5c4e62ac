/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents of others, against a second reading: the keys of a client or of an issuer (RFC 7517
 * §5), the redirect URIs of a sector (OpenID Connect Core §8.1), what an issuer says of itself (RFC
 * 8414 §3.3), and the claims that a request asks for (OpenID Connect Core §5.5). Whatever is in
 * them, a signature is good by one of the keys alone, nothing is read where it could be another's,
 * and nothing is asked for that is not there.
 *
 * The input: a letter, and the document. `K` keys of a client, `R` the same where RSA keys are for
 * PS256, `P` keys of an issuer, `S` a sector, `M` and `L` what an issuer says (`L`: on this
 * machine), `C` claims. */

#include "base/tessera-json-private.h"
#include "fuzz.h"
#include "jose/tessera-key-set-private.h"
#include "model/tessera-claims-request-private.h"
#include "model/tessera-client-private.h"
#include "resource/tessera-issuer-metadata-private.h"
#include "token-kit.h"

#include <string.h>

#define DOCUMENT_MAX (64 * 1024)

static TesseraJwt *signed_by[2]; /* ES256 and EdDSA, without a kid */
static char *word_of[2];         /* of the keys they were signed with */
static TesseraClient *client;

static void
sign_with (TesseraKey *key, guint place)
{
  g_autoptr (json_t) jwk = tessera_key_to_jwk (key);
  g_autoptr (json_t) set = json_pack ("{s:[O]}", "keys", jwk);
  g_autofree char *text = tessera_json_dump (set);
  g_autoptr (TesseraKeySet) keys
      = tessera_key_set_parse_client (text, strlen (text), TESSERA_ALGORITHM_RS256, NULL);
  g_auto (GStrv) words = tessera_key_set_list_words (keys);
  g_autofree char *header
      = token_kit_fill_in ("{\"alg\":\"$alg\"}",
                           tessera_algorithm_get_name (tessera_key_get_algorithm (key)), "");
  char *token = token_kit_sign (key, header, "{}", 2); /* outlives what is parsed of it */

  g_assert_cmpuint (g_strv_length (words), ==, 1);
  word_of[place] = g_strdup (words[0]);
  signed_by[place] = tessera_jwt_parse (token, strlen (token), NULL);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  TesseraKeyRing *ring = token_kit_open_keys (clock);
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (ring);
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = entries->pdata[i];

      if (entry->state == TESSERA_KEY_ACTIVE
          && tessera_key_get_algorithm (entry->key) <= TESSERA_ALGORITHM_EDDSA)
        sign_with (entry->key, tessera_key_get_algorithm (entry->key));
    }
  tessera_key_ring_free (ring);
  g_assert_true (signed_by[0] != NULL && signed_by[1] != NULL);
  client = g_object_new (TESSERA_TYPE_CLIENT, "id", "c", "redirect-uris",
                         (const char *const[]){ "https://a.test/cb", "com.example.a:/cb", NULL },
                         NULL);
  return 0;
}

/* The document as JSON, as strictly; or NULL. */
static json_t *
read_json (const char *text, gsize length, gsize max_length)
{
  g_autofree char *copy = g_strndup (text, length);

  if (length > max_length || strlen (copy) != length)
    return NULL;
  g_autoptr (json_t) json = json_loads (copy, JSON_REJECT_DUPLICATES, NULL);
  return json == NULL || token_kit_measure_depth (json) > TESSERA_JSON_MAX_DEPTH
             ? NULL
             : g_steal_pointer (&json);
}

static const char *
get_string (const json_t *json, const char *name)
{
  return json_string_value (json_object_get (json, name));
}

/* --- keys --- */

static gboolean
is_private (const json_t *jwk)
{
  static const char *const members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (json_object_get (jwk, members[i]) != NULL)
      return TRUE;
  return FALSE;
}

static gboolean
expect_set (const json_t *json, gboolean is_client)
{
  const json_t *keys = json_object_get (json, "keys");
  gsize i;
  json_t *jwk;

  if (!json_is_array (keys) || json_array_size (keys) > (is_client ? 16 : 64))
    return FALSE;
  json_array_foreach (keys, i, jwk)
    if (is_client && is_private (jwk))
      return FALSE;
  return TRUE;
}

static gboolean
is_to_verify (const json_t *jwk)
{
  const json_t *operations = json_object_get (jwk, "key_ops");
  gsize i;
  json_t *one;

  json_array_foreach (operations, i, one)
    if (g_strcmp0 (json_string_value (one), "verify") == 0)
      return TRUE;
  return operations == NULL;
}

/* The key itself is read by what the target jwk is about; here is the rest. */
static TesseraKey *
read_key (const json_t *jwk, const char *rsa)
{
  g_autoptr (json_t) copy = json_copy ((json_t *) jwk);
  const char *kty = get_string (jwk, "kty");

  if (!json_is_object (jwk) || !is_to_verify (jwk))
    return NULL;
  if (rsa != NULL && json_object_get (jwk, "alg") == NULL)
    json_object_set_new (copy, "alg",
                         json_string (g_strcmp0 (kty, "RSA") == 0   ? rsa
                                      : g_strcmp0 (kty, "OKP") == 0 ? "EdDSA"
                                                                    : "ES256"));
  return tessera_key_new_from_jwk (copy, NULL);
}

/* Its name: the one it is given, or that of its contents. Owned; NULL: none. */
static char *
read_name (const json_t *jwk, TesseraKey *key, gboolean is_client)
{
  const char *kid = get_string (jwk, "kid");

  if (kid != NULL)
    return g_strdup (kid);
  return is_client && key != NULL && json_object_get (jwk, "kid") == NULL
             ? g_strdup (tessera_key_get_id (key))
             : NULL;
}

static void
unref_key (gpointer key)
{
  if (key != NULL)
    tessera_key_unref (key);
}

/* char* -> TesseraKey*, NULL where there is none that is usable, or more than one of that name. */
static GHashTable *
expect_keys (const json_t *json, const char *rsa)
{
  GHashTable *named = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unref_key);
  gsize i;
  json_t *jwk;

  json_array_foreach (json_object_get (json, "keys"), i, jwk)
    {
      TesseraKey *key = read_key (jwk, rsa);
      char *name = read_name (jwk, key, rsa != NULL);

      if (name == NULL || *name == '\0' || strlen (name) > 128
          || g_hash_table_contains (named, name))
        g_clear_pointer (&key, tessera_key_unref);
      if (name != NULL)
        g_hash_table_replace (named, name, key);
      else
        unref_key (key);
    }
  return named;
}

static gboolean
has_rsa (const json_t *json)
{
  gsize i;
  json_t *jwk;

  json_array_foreach (json_object_get (json, "keys"), i, jwk)
    if (g_strcmp0 (get_string (jwk, "kty"), "RSA") == 0)
      return TRUE;
  return FALSE;
}

static void
check_keys (TesseraKeySet *self, const json_t *json, const char *rsa)
{
  g_autoptr (GHashTable) named = expect_keys (json, rsa);
  /* Whether a modulus is the product of two primes OpenSSL finds out by chance. */
  gboolean by_chance = has_rsa (json);
  GHashTableIter iter;
  gpointer name, key;
  guint n = 0;

  g_hash_table_iter_init (&iter, named);
  while (g_hash_table_iter_next (&iter, &name, &key))
    {
      TesseraKey *its = tessera_key_set_lookup (self, name);

      if (!by_chance)
        g_assert_cmpint (its != NULL, ==, key != NULL);
      if (its != NULL && key != NULL)
        g_assert_cmpint (tessera_key_get_algorithm (its), ==, tessera_key_get_algorithm (key));
      n += its != NULL;
    }
  if (!by_chance)
    g_assert_cmpuint (tessera_key_set_get_count (self), ==, n);
}

/* Only by the key it was signed with, whatever else is in the set. */
static void
check_signatures (TesseraKeySet *self)
{
  g_auto (GStrv) words = tessera_key_set_list_words (self);

  g_assert_cmpuint (g_strv_length (words), ==, tessera_key_set_get_count (self));
  for (guint i = 0; i < G_N_ELEMENTS (signed_by); i++)
    g_assert_cmpint (tessera_key_set_verify (self, signed_by[i]), ==,
                     g_strv_contains ((const char *const *) words, word_of[i]));
  g_assert_true (tessera_key_set_is_within (self, self));
}

static void
check_key_set (const char *text, gsize length, const char *rsa)
{
  g_autoptr (json_t) json = read_json (text, length, DOCUMENT_MAX);
  gboolean good = expect_set (json, rsa != NULL);
  g_autoptr (GError) error = NULL;
  TesseraAlgorithm algorithm
      = g_strcmp0 (rsa, "PS256") == 0 ? TESSERA_ALGORITHM_PS256 : TESSERA_ALGORITHM_RS256;
  g_autoptr (TesseraKeySet) set
      = rsa != NULL ? tessera_key_set_parse_client (text, length, algorithm, &error)
                    : tessera_key_set_parse (text, length, &error);

  g_assert_cmpint (set != NULL, ==, good);
  g_assert_cmpint (error == NULL, ==, good);
  if (set == NULL)
    return;
  check_keys (set, json, rsa);
  check_signatures (set);
}

/* --- a sector --- */

static gboolean
lists (const json_t *json, const char *text)
{
  gsize i;
  json_t *one;

  json_array_foreach (json, i, one)
    if (g_strcmp0 (json_string_value (one), text) == 0)
      return TRUE;
  return FALSE;
}

static void
check_sector (const char *text, gsize length)
{
  g_autoptr (json_t) json = read_json (text, length, DOCUMENT_MAX);

  g_assert_cmpint (tessera_client_is_in_sector (client, text, length), ==,
                   lists (json, "https://a.test/cb") && lists (json, "com.example.a:/cb"));
}

/* --- an issuer --- */

static void
check_place (const char *issuer, const char *uri)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GUri) parsed = uri != NULL ? g_uri_parse (uri, G_URI_FLAGS_NONE, &error) : NULL;

  if (uri == NULL)
    return;
  g_assert_no_error (error);
  g_assert_nonnull (g_uri_get_host (parsed));
  g_assert_null (g_uri_get_userinfo (parsed));
  g_assert_null (g_uri_get_fragment (parsed));
  if (g_str_equal (g_uri_get_scheme (parsed), "https"))
    return;
  /* What is not encrypted stays on the machine. */
  g_assert_cmpstr (g_uri_get_scheme (parsed), ==, "http");
  g_assert_true (g_str_has_prefix (issuer, "http://127.0.0.1:"));
  g_assert_true (g_str_equal (g_uri_get_host (parsed), "127.0.0.1")
                 || g_str_equal (g_uri_get_host (parsed), "::1")
                 || g_ascii_strcasecmp (g_uri_get_host (parsed), "localhost") == 0);
}

static void
check_metadata (const char *issuer, const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraIssuerMetadata) metadata
      = tessera_issuer_metadata_parse (issuer, text, length, &error);
  g_autoptr (json_t) json = read_json (text, length, DOCUMENT_MAX);

  g_assert_cmpint (metadata == NULL, ==, error != NULL);
  if (metadata == NULL)
    return;
  g_assert_cmpstr (get_string (json, "issuer"), ==, issuer);
  g_assert_nonnull (metadata->jwks_uri);
  g_assert_cmpstr (metadata->jwks_uri, ==, get_string (json, "jwks_uri"));
  g_assert_cmpstr (metadata->token_endpoint, ==, get_string (json, "token_endpoint"));
  g_assert_cmpstr (metadata->deny_list_uri, ==, get_string (json, "tessera_deny_list_endpoint"));
  g_assert_cmpstr (metadata->deny_list_events, ==,
                   get_string (json, "tessera_deny_list_events_endpoint"));
  check_place (issuer, metadata->jwks_uri);
  check_place (issuer, metadata->token_endpoint);
  check_place (issuer, metadata->deny_list_uri);
  check_place (issuer, metadata->deny_list_events);
}

/* --- claims --- */

static gboolean
expect_claim (const json_t *claim)
{
  const json_t *essential = json_object_get (claim, "essential");
  const json_t *values = json_object_get (claim, "values");

  return json_is_null (claim)
         || (json_is_object (claim) && (essential == NULL || json_is_boolean (essential))
             && (values == NULL || json_is_array (values)));
}

static gboolean
expect_claims (json_t *json)
{
  const char *name;
  json_t *place, *claim;

  json_object_foreach (json, name, place)
    {
      if (!g_str_equal (name, "userinfo") && !g_str_equal (name, "id_token"))
        continue;
      if (!json_is_null (place) && !json_is_object (place))
        return FALSE;
      const char *inner;
      json_object_foreach (place, inner, claim)
        if (!expect_claim (claim))
          return FALSE;
    }
  return json_is_object (json);
}

/* What is asked for by value is wanted with that value alone. */
static void
check_wants (const TesseraClaimsRequest *self,
             TesseraClaimsPlace where,
             const json_t *place,
             const char *name)
{
  const json_t *claim = json_object_get (place, name);
  const json_t *value = json_object_get (claim, "value");
  const json_t *values = json_object_get (claim, "values");
  g_autoptr (json_t) other = json_string ("a value that nobody thinks of, 7f0c");
  gboolean wants = tessera_claims_request_wants (self, where, name, other);

  if (claim == NULL || value != NULL || values != NULL)
    g_assert_false (wants);
  else
    g_assert_true (wants);
  if (value != NULL && values == NULL)
    g_assert_true (tessera_claims_request_wants (self, where, name, value));
  if (value == NULL && json_array_size (values) > 0)
    g_assert_true (tessera_claims_request_wants (self, where, name, json_array_get (values, 0)));
}

static void
check_words (const char *text)
{
  g_auto (GStrv) words = text != NULL ? g_strsplit (text, " ", -1) : NULL;

  for (guint i = 0; words != NULL && words[i] != NULL; i++)
    g_assert_cmpint (words[i][0], !=, '\0');
  g_assert_true (words == NULL || words[0] != NULL);
}

static void
check_claims (const char *text, gsize length)
{
  g_autofree char *copy = g_strndup (text, length);
  g_autoptr (json_t) json = read_json (copy, strlen (copy), TESSERA_CLAIMS_REQUEST_MAX_LENGTH);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (copy, &error);

  g_assert_cmpint (request != NULL, ==, expect_claims (json));
  g_assert_cmpint (request == NULL, ==, error != NULL);
  if (request == NULL)
    return;
  g_autofree char *essential = tessera_claims_request_dup_essential_acr (request);
  check_words (essential);
  g_autofree char *told = tessera_claims_request_dup_text (request);
  g_autoptr (json_t) again = json_loads (told, JSON_REJECT_DUPLICATES, NULL);
  g_assert_true (json_equal (again, json));

  g_auto (GStrv) names = tessera_claims_request_list_names (request);
  for (guint i = 0; names[i] != NULL; i++)
    {
      const json_t *userinfo = json_object_get (json, "userinfo");
      const json_t *id_token = json_object_get (json, "id_token");

      g_assert_true (json_object_get (userinfo, names[i]) != NULL
                     || json_object_get (id_token, names[i]) != NULL);
      check_wants (request, TESSERA_CLAIMS_USERINFO, userinfo, names[i]);
      check_wants (request, TESSERA_CLAIMS_ID_TOKEN, id_token, names[i]);
    }
  for (guint i = 0; names[i] != NULL; i++)
    {
      tessera_claims_request_remove (request, names[i]);
      check_wants (request, TESSERA_CLAIMS_USERINFO, NULL, names[i]);
      check_wants (request, TESSERA_CLAIMS_ID_TOKEN, NULL, names[i]);
    }
  g_auto (GStrv) left = tessera_claims_request_list_names (request);
  g_assert_null (left[0]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data + 1;

  if (size == 0)
    return 0;
  if (data[0] == 'K' || data[0] == 'R')
    check_key_set (text, size - 1, data[0] == 'K' ? "RS256" : "PS256");
  else if (data[0] == 'P')
    check_key_set (text, size - 1, NULL);
  else if (data[0] == 'S')
    check_sector (text, size - 1);
  else if (data[0] == 'M' || data[0] == 'L')
    check_metadata (data[0] == 'M' ? "https://id.test/a" : "http://127.0.0.1:8417", text, size - 1);
  else if (data[0] == 'C')
    check_claims (text, size - 1);
  return 0;
}
