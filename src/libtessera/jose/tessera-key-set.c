/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published keys of an issuer, the registered keys of a client (RFC 7517 §5). */

#include "jose/tessera-key-set-private.h"

#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"

#include <gio/gio.h>
#include <string.h>

struct _TesseraKeySet
{
  gint ref_count;
  GHashTable *keys; /* const char *kid, of the key -> TesseraKey* */
};

/* RFC 7517 §4.3: what it may be used for, if it says so. */
static gboolean
may_verify (const json_t *jwk)
{
  const json_t *operations = json_object_get (jwk, "key_ops");
  gsize index;
  json_t *operation;

  if (operations == NULL)
    return TRUE;
  json_array_foreach (operations, index, operation)
    if (g_strcmp0 (json_string_value (operation), "verify") == 0)
      return TRUE;
  return FALSE;
}

/* Takes @key (or NULL), which is called @kid. @names: those that were met before. */
static void
add_key (TesseraKeySet *self, const char *kid, TesseraKey *key, GHashTable *names)
{
  g_autoptr (TesseraKey) owned = key;

  /* Which of two is meant cannot be told: neither is. */
  if (!g_hash_table_add (names, g_strdup (kid)))
    {
      g_hash_table_remove (self->keys, kid);
      return;
    }
  if (key != NULL)
    g_hash_table_insert (self->keys, (gpointer) tessera_key_get_id (key), g_steal_pointer (&owned));
}

static void
add_published_key (TesseraKeySet *self, const json_t *jwk, GHashTable *names)
{
  const char *kid = json_string_value (json_object_get (jwk, "kid"));

  if (kid != NULL)
    add_key (self, kid, may_verify (jwk) ? tessera_key_new_from_foreign_jwk (jwk, NULL) : NULL,
             names);
}

/* RFC 7517 §4.4: a key may leave open what it is for; but then its kind says it. */
static TesseraAlgorithm
guess_algorithm (const json_t *jwk, TesseraAlgorithm rsa)
{
  const char *kty = json_string_value (json_object_get (jwk, "kty"));

  if (g_strcmp0 (kty, "RSA") == 0)
    return rsa;
  return g_strcmp0 (kty, "OKP") == 0 ? TESSERA_ALGORITHM_EDDSA : TESSERA_ALGORITHM_ES256;
}

static TesseraKey *
read_client_key (const json_t *jwk, TesseraAlgorithm rsa)
{
  g_autoptr (json_t) whole = json_copy ((json_t *) jwk);

  if (!may_verify (jwk))
    return NULL;
  if (json_object_get (jwk, "alg") == NULL)
    json_object_set_new (whole, "alg",
                         json_string (tessera_algorithm_get_name (guess_algorithm (jwk, rsa))));
  return json_object_get (jwk, "kid") != NULL ? tessera_key_new_from_foreign_jwk (whole, NULL)
                                              : tessera_key_new_from_jwk (whole, NULL);
}

static void
add_client_key (TesseraKeySet *self, const json_t *jwk, TesseraAlgorithm rsa, GHashTable *names)
{
  TesseraKey *key = read_client_key (jwk, rsa);
  const char *kid = json_string_value (json_object_get (jwk, "kid"));

  if (kid == NULL && key != NULL)
    kid = tessera_key_get_id (key);
  if (kid != NULL)
    add_key (self, kid, key, names);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, why);
  return FALSE;
}

/* The set as JSON, owned; its member `keys` is an array. */
static json_t *
parse (const char *text, gsize length, guint max_keys, GError **error)
{
  g_autoptr (json_t) json = tessera_json_parse (text, length, TESSERA_KEY_SET_MAX_LENGTH, NULL);
  const json_t *keys = json_object_get (json, "keys");

  if (!json_is_array (keys))
    {
      refuse (error, "its key set is malformed");
      return NULL;
    }
  if (json_array_size (keys) > max_keys)
    {
      refuse (error, "its key set has too many keys");
      return NULL;
    }
  return g_steal_pointer (&json);
}

static TesseraKeySet *
key_set_new (void)
{
  TesseraKeySet *self = g_new0 (TesseraKeySet, 1);

  self->ref_count = 1;
  self->keys
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) tessera_key_unref);
  return self;
}

TesseraKeySet *
tessera_key_set_parse (const char *text, gsize length, GError **error)
{
  g_autoptr (json_t) json = parse (text, length, TESSERA_KEY_SET_MAX_KEYS, error);
  gsize index;
  json_t *jwk;

  if (json == NULL)
    return NULL;
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  TesseraKeySet *self = key_set_new ();
  json_array_foreach (json_object_get (json, "keys"), index, jwk)
    add_published_key (self, jwk, names);
  return self;
}

/* RFC 7518 §6.2.2, §6.3.2, §6.4.1. */
static gboolean
is_secret (const json_t *jwk)
{
  static const char *const members[] = { "d", "k", "p", "q", "dp", "dq", "qi", "oth", NULL };

  for (guint i = 0; members[i] != NULL; i++)
    if (json_object_get (jwk, members[i]) != NULL)
      return TRUE;
  return FALSE;
}

TesseraKeySet *
tessera_key_set_parse_client (const char *text, gsize length, TesseraAlgorithm rsa, GError **error)
{
  g_autoptr (json_t) json = parse (text, length, TESSERA_KEY_SET_MAX_CLIENT_KEYS, error);
  g_autoptr (TesseraKeySet) self = NULL;
  gsize index;
  json_t *jwk;

  if (json == NULL)
    return NULL;
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self = key_set_new ();
  json_array_foreach (json_object_get (json, "keys"), index, jwk)
    {
      if (is_secret (jwk))
        {
          refuse (error, "its key set holds private keys");
          return NULL;
        }
      add_client_key (self, jwk, rsa, names);
    }
  return g_steal_pointer (&self);
}

TesseraKeySet *
tessera_key_set_ref (TesseraKeySet *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_key_set_unref (TesseraKeySet *self)
{
  if (self == NULL || !g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_hash_table_unref (self->keys);
  g_free (self);
}

TesseraKey *
tessera_key_set_lookup (TesseraKeySet *self, const char *kid)
{
  return g_hash_table_lookup (self->keys, kid);
}

guint
tessera_key_set_get_count (TesseraKeySet *self)
{
  return g_hash_table_size (self->keys);
}

gboolean
tessera_key_set_has_algorithm (TesseraKeySet *self, TesseraAlgorithm algorithm)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->keys);
  while (g_hash_table_iter_next (&iter, NULL, &key))
    if (tessera_key_get_algorithm (key) == algorithm)
      return TRUE;
  return FALSE;
}

static char *
dup_word (TesseraKey *key)
{
  g_autofree char *pem = tessera_key_dup_public_pem (key);
  TesseraDigest digest = tessera_digest (pem, -1);
  g_autofree char *text = tessera_base64url_encode (digest.bytes, TESSERA_DIGEST_SIZE);

  return g_strconcat (tessera_algorithm_get_name (tessera_key_get_algorithm (key)), ":", text,
                      NULL);
}

static int
compare_words (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
tessera_key_set_list_words (TesseraKeySet *self)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->keys);
  while (g_hash_table_iter_next (&iter, NULL, &key))
    g_ptr_array_add (words, dup_word (key));
  g_ptr_array_sort (words, compare_words);
  g_ptr_array_add (words, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&words), FALSE);
}

gboolean
tessera_key_set_verify (TesseraKeySet *self, const TesseraJwt *jwt)
{
  GHashTableIter iter;
  gpointer key;

  /* Of those with another name, or another algorithm, none is even tried. */
  g_hash_table_iter_init (&iter, self->keys);
  while (g_hash_table_iter_next (&iter, NULL, &key))
    if (tessera_jwt_verify (jwt, key))
      return TRUE;
  return FALSE;
}

static gboolean
is_same (TesseraKey *a, TesseraKey *b)
{
  g_autofree char *text_a = tessera_key_dup_public_pem (a);
  g_autofree char *text_b = tessera_key_dup_public_pem (b);

  return tessera_key_get_algorithm (a) == tessera_key_get_algorithm (b)
         && g_strcmp0 (text_a, text_b) == 0;
}

gboolean
tessera_key_set_is_within (TesseraKeySet *self, TesseraKeySet *other)
{
  GHashTableIter iter;
  gpointer kid, key;

  g_hash_table_iter_init (&iter, self->keys);
  while (g_hash_table_iter_next (&iter, &kid, &key))
    {
      TesseraKey *its = tessera_key_set_lookup (other, kid);
      if (its == NULL || !is_same (key, its))
        return FALSE;
    }
  return TRUE;
}
