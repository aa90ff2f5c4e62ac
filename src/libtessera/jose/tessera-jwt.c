/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compact JWS with a claim set (RFC 7515 §3.1, §5; RFC 7519 §7; RFC 8725). */
#include "jose/tessera-jwt-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define HEADER_MAX_LENGTH 2048
#define HEADER_MEMO_MAX 256
#define HEADER_SIGNED_MAX 512

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN, why);
  return FALSE;
}

/* A media type, so that it needs no escapes in JSON. */
static gboolean
is_type (const char *typ)
{
  for (const char *at = typ; *at != '\0'; at++)
    if (!g_ascii_isalnum (*at) && strchr ("!#$&-^_.+/", *at) == NULL)
      return FALSE;
  return typ[0] != '\0';
}

/* Its length; 0 when there is no room. */
static gsize
write_header (TesseraKey *key, const char *typ, char header[HEADER_SIGNED_MAX])
{
  const char *algorithm = tessera_algorithm_get_name (tessera_key_get_algorithm (key));
  const char *kid = tessera_key_get_id (key);
  char *at = header;

  if (strlen (algorithm) + strlen (kid) + strlen (typ) > HEADER_SIGNED_MAX - 64)
    return 0;
  at = stpcpy (stpcpy (at, "{\"alg\":\""), algorithm);
  at = stpcpy (stpcpy (at, "\",\"kid\":\""), kid);
  at = stpcpy (stpcpy (at, "\",\"typ\":\""), typ);
  return (gsize) (stpcpy (at, "\"}") - header);
}

char *
tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims_json, GError **error)
{
  char header[HEADER_SIGNED_MAX];
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize signature_length = 0;
  gsize header_length = write_header (key, typ, header);

  if (!is_type (typ) || header_length == 0)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED,
                           "The type of the token is not a media type.");
      return NULL;
    }

  gsize claims_length = strlen (claims_json);
  /* As large as it will be: more than a KiB would cost malloc() its short way. */
  g_autofree char *token = g_malloc (tessera_base64url_length (header_length)
                                     + tessera_base64url_length (claims_length)
                                     + tessera_base64url_length (tessera_key_get_size (key)) + 3);
  char *at = tessera_base64url_put (token, (const guint8 *) header, header_length);
  *at++ = '.';
  at = tessera_base64url_put (at, (const guint8 *) claims_json, claims_length);
  if (!tessera_key_sign (key, token, (gsize) (at - token), signature, &signature_length, error))
    return NULL;
  *at++ = '.';
  *tessera_base64url_put (at, signature, signature_length) = '\0';
  return g_steal_pointer (&token);
}

char *
tessera_jwt_sign (TesseraKey *key, const char *typ, TesseraClaims *claims, GError **error)
{
  g_autofree char *claims_json = tessera_claims_to_json (claims);
  return tessera_jwt_sign_text (key, typ, claims_json, error);
}

/* An optional member that must be a string. */
static gboolean
take_string (const json_t *header, const char *name, char **out_value)
{
  const json_t *member = json_object_get (header, name);

  *out_value = g_strdup (json_string_value (member));
  return member == NULL || *out_value != NULL;
}

static const struct
{
  const char *name;
  guint bits;
  const EVP_MD *(*digest) (void);
} macs[] = {
  { "HS256", 256, EVP_sha256 },
  { "HS384", 384, EVP_sha384 },
  { "HS512", 512, EVP_sha512 },
};

gboolean
tessera_jwt_parse_mac_name (const char *name, guint *out_bits)
{
  for (guint i = 0; i < G_N_ELEMENTS (macs); i++)
    if (g_strcmp0 (name, macs[i].name) == 0)
      {
        *out_bits = macs[i].bits;
        return TRUE;
      }
  return FALSE;
}

static gboolean
read_algorithm (TesseraJwt *self, const char *name, gboolean has_mac)
{
  return has_mac ? tessera_jwt_parse_mac_name (name, &self->mac_bits)
                 : tessera_algorithm_parse (name, &self->algorithm);
}

static gboolean
read_header (TesseraJwt *self, const char *text, gsize length, gboolean has_mac, GError **error)
{
  /* crit: nothing is understood here that could be critical (RFC 7515 §4.1.11). b64, zip and enc
   * would change what the other parts are. jku, jwk, x5u and x5c are not looked at. */
  static const char *const refused[] = { "crit", "b64", "zip", "enc" };
  gsize json_length = 0;
  g_autofree guint8 *json = tessera_base64url_decode (text, length, &json_length);
  g_autoptr (json_t) header = NULL;

  if (json != NULL)
    header = tessera_json_parse ((const char *) json, json_length, HEADER_MAX_LENGTH, NULL);
  if (header == NULL)
    return refuse (error, "The header of the token is malformed.");
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      if (json_object_get (header, refused[i]) != NULL)
        return refuse (error, "The header of the token asks for an extension.");
    }
  if (!read_algorithm (self, json_string_value (json_object_get (header, "alg")), has_mac))
    return refuse (error, "The algorithm of the token is not accepted.");
  if (!take_string (header, "typ", &self->typ) || !take_string (header, "kid", &self->kid)
      || (self->kid != NULL && strlen (self->kid) > TESSERA_KEY_ID_MAX_LENGTH))
    return refuse (error, "The header of the token is malformed.");
  return TRUE;
}

/* The header read last by this thread. All tokens of a key have the same one, and reading it anew
 * costs a fifth of what a token costs that was seen before. */
typedef struct
{
  char text[HEADER_MEMO_MAX];
  gsize length;
  TesseraJwt jwt; /* its typ, kid and algorithm */
} HeaderMemo;

static void
header_memo_free (gpointer data)
{
  HeaderMemo *memo = data;

  g_free (memo->jwt.typ);
  g_free (memo->jwt.kid);
  g_free (memo);
}

static GPrivate header_memo = G_PRIVATE_INIT (header_memo_free);

static void
copy_header (const TesseraJwt *from, TesseraJwt *to)
{
  g_free (to->typ);
  g_free (to->kid);
  to->typ = g_strdup (from->typ);
  to->kid = g_strdup (from->kid);
  to->algorithm = from->algorithm;
}

static void
remember_header (const TesseraJwt *jwt, const char *text, gsize length)
{
  HeaderMemo *memo = g_private_get (&header_memo);

  if (length > HEADER_MEMO_MAX)
    return;
  if (memo == NULL)
    {
      memo = g_new0 (HeaderMemo, 1);
      g_private_set (&header_memo, memo);
    }
  memcpy (memo->text, text, length);
  memo->length = length;
  copy_header (jwt, &memo->jwt);
}

static gboolean
parse_header (TesseraJwt *self, const char *text, gsize length, GError **error)
{
  const HeaderMemo *memo = g_private_get (&header_memo);

  if (memo != NULL && memo->length == length && memcmp (memo->text, text, length) == 0)
    {
      copy_header (&memo->jwt, self);
      return TRUE;
    }
  if (!read_header (self, text, length, FALSE, error))
    return FALSE;
  remember_header (self, text, length);
  return TRUE;
}

static gboolean
parse_payload (TesseraJwt *self, const char *text, gsize length, GError **error)
{
  self->payload = (char *) tessera_base64url_decode (text, length, &self->payload_length);
  return self->payload != NULL || refuse (error, "The claims of the token are malformed.");
}

static gboolean
parse_signature (TesseraJwt *self, const char *text, gsize length, GError **error)
{
  g_autofree guint8 *bytes = tessera_base64url_decode (text, length, &self->signature_length);

  if (bytes == NULL || self->signature_length == 0
      || self->signature_length > TESSERA_SIGNATURE_MAX)
    return refuse (error, "The signature of the token is malformed.");
  memcpy (self->signature, bytes, self->signature_length);
  return TRUE;
}

/* @has_mac: and then only with one. */
static TesseraJwt *
split (const char *token, gsize length, gsize max_length, gboolean has_mac, GError **error)
{
  if (length > max_length)
    {
      refuse (error, "The token is too long.");
      return NULL;
    }
  const char *end = token + length;
  const char *first = memchr (token, '.', length);
  const char *second = first == NULL ? NULL : memchr (first + 1, '.', (gsize) (end - (first + 1)));
  if (second == NULL)
    {
      refuse (error, "The token is not a signed JWT.");
      return NULL;
    }

  /* A third dot, as in a JWE, is no base64url and is refused with the signature. */
  g_autoptr (TesseraJwt) self = g_new0 (TesseraJwt, 1);
  self->signing_input = token;
  self->signing_input_length = (gsize) (second - token);
  gsize header_length = (gsize) (first - token);
  if (!(has_mac ? read_header (self, token, header_length, TRUE, error)
                : parse_header (self, token, header_length, error))
      || !parse_payload (self, first + 1, (gsize) (second - (first + 1)), error)
      || !parse_signature (self, second + 1, (gsize) (end - (second + 1)), error))
    return NULL;
  return g_steal_pointer (&self);
}

TesseraJwt *
tessera_jwt_split (const char *token, gsize length, GError **error)
{
  return split (token, length, TESSERA_JWT_MAX_LENGTH, FALSE, error);
}

TesseraJwt *
tessera_jwt_split_long (const char *token, gsize length, gsize max_length, GError **error)
{
  return split (token, length, max_length, FALSE, error);
}

gboolean
tessera_jwt_read_claims (TesseraJwt *self, GError **error)
{
  self->claims = tessera_claims_new_from_json (self->payload, self->payload_length, error);
  return self->claims != NULL;
}

TesseraJwt *
tessera_jwt_parse (const char *token, gsize length, GError **error)
{
  g_autoptr (TesseraJwt) self = tessera_jwt_split (token, length, error);

  if (self == NULL || !tessera_jwt_read_claims (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

TesseraJwt *
tessera_jwt_parse_mac (const char *token, gsize length, GError **error)
{
  g_autoptr (TesseraJwt) self = split (token, length, TESSERA_JWT_MAX_LENGTH, TRUE, error);

  if (self == NULL || !tessera_jwt_read_claims (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

const char *
tessera_jwt_get_mac_name (const TesseraJwt *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (macs); i++)
    if (macs[i].bits == self->mac_bits)
      return macs[i].name;
  return NULL;
}

gboolean
tessera_jwt_verify_mac (const TesseraJwt *self, const char *secret)
{
  const EVP_MD *digest = NULL;
  guint8 expected[EVP_MAX_MD_SIZE];
  unsigned int length = 0;

  for (guint i = 0; i < G_N_ELEMENTS (macs); i++)
    if (macs[i].bits == self->mac_bits)
      digest = macs[i].digest ();
  if (digest == NULL || strlen (secret) * 8 < self->mac_bits)
    return FALSE;
  return HMAC (digest, secret, (int) strlen (secret), (const guint8 *) self->signing_input,
               self->signing_input_length, expected, &length)
             != NULL
         && length == self->signature_length
         && CRYPTO_memcmp (expected, self->signature, length) == 0;
}

gboolean
tessera_jwt_verify (const TesseraJwt *self, TesseraKey *key)
{
  /* The key says which algorithm it is for; the token cannot choose (RFC 8725 §3.1). */
  if (self->mac_bits != 0 || self->algorithm != tessera_key_get_algorithm (key))
    return FALSE;
  if (self->kid != NULL && strcmp (self->kid, tessera_key_get_id (key)) != 0)
    return FALSE;
  return tessera_key_verify (key, self->signing_input, self->signing_input_length, self->signature,
                             self->signature_length);
}

void
tessera_jwt_free (TesseraJwt *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->claims, tessera_claims_unref);
  g_free (self->payload);
  g_free (self->typ);
  g_free (self->kid);
  g_free (self);
}

static const char *
skip_application (const char *typ)
{
  static const char prefix[] = "application/";

  return g_ascii_strncasecmp (typ, prefix, strlen (prefix)) == 0 ? typ + strlen (prefix) : typ;
}

gboolean
tessera_jwt_is_type (const char *typ, const char *wanted)
{
  return g_ascii_strcasecmp (skip_application (typ), skip_application (wanted)) == 0;
}

gboolean
tessera_jwt_has_type (const TesseraJwt *self, const char *typ)
{
  return self->typ != NULL && tessera_jwt_is_type (self->typ, typ);
}
