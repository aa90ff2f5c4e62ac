/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The published keys of an issuer (RFC 7517 §5). */

#include "resource/tessera-key-set-private.h"

#include "base/tessera-json-private.h"

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

/* @names: how often each was met. */
static void
add_key (TesseraKeySet *self, const json_t *jwk, GHashTable *names)
{
  const char *kid = json_string_value (json_object_get (jwk, "kid"));
  TesseraKey *key = NULL;

  if (kid == NULL)
    return;
  /* Which of two is meant cannot be told: neither is. */
  if (!g_hash_table_add (names, g_strdup (kid)))
    {
      g_hash_table_remove (self->keys, kid);
      return;
    }
  key = may_verify (jwk) ? tessera_key_new_from_foreign_jwk (jwk, NULL) : NULL;
  if (key != NULL)
    g_hash_table_insert (self->keys, (gpointer) tessera_key_get_id (key), key);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, why);
  return FALSE;
}

TesseraKeySet *
tessera_key_set_parse (const char *text, gsize length, GError **error)
{
  g_autoptr (json_t) json = tessera_json_parse (text, length, TESSERA_KEY_SET_MAX_LENGTH, NULL);
  const json_t *keys = json_object_get (json, "keys");
  gsize index;
  json_t *jwk;

  if (!json_is_array (keys))
    {
      refuse (error, "its key set is malformed");
      return NULL;
    }
  if (json_array_size (keys) > TESSERA_KEY_SET_MAX_KEYS)
    {
      refuse (error, "its key set has too many keys");
      return NULL;
    }
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  TesseraKeySet *self = g_new0 (TesseraKeySet, 1);
  self->ref_count = 1;
  self->keys
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) tessera_key_unref);
  json_array_foreach (keys, index, jwk)
    add_key (self, jwk, names);
  return self;
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
