/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens for fuzz targets (RFC 7515 §3.1, §5.2). */

#include "token-kit.h"

#include "base/tessera-secret-private.h"
#include "fuzz.h"

#include <glib/gstdio.h>
#include <string.h>

/* --- the keys --- */

/* Key files must not be readable by others, which a checkout cannot say. */
static char *
copy_keys (const char *from)
{
  char *to = g_dir_make_tmp ("tessera-fuzz-XXXXXX", NULL);
  g_autoptr (GDir) dir = g_dir_open (from, 0, NULL);
  const char *name = NULL;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *source = g_build_filename (from, name, NULL);
      g_autofree char *target = g_build_filename (to, name, NULL);
      g_autofree char *text = NULL;
      gsize length = 0;

      g_assert_true (g_file_get_contents (source, &text, &length, NULL));
      g_assert_true (
          g_file_set_contents_full (target, text, length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
  return to;
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name = NULL;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_unlink (file);
    }
  g_rmdir (path);
}

TesseraKeyRing *
token_kit_open_keys (TesseraClock *clock)
{
  g_autofree char *folder = copy_keys (FUZZ_FOLDER "/keys");
  g_autoptr (GError) error = NULL;
  TesseraKeyRing *keys
      = tessera_key_ring_open (folder, TESSERA_ALGORITHM_ES256, FALSE, clock, &error);

  g_assert_no_error (error);
  remove_folder (folder);
  return keys;
}

/* --- tokens --- */

GString *
token_kit_begin (const char *header, const char *payload, gsize payload_length)
{
  GString *token = g_string_new (NULL);

  tessera_base64url_append (token, (const guint8 *) header, strlen (header));
  g_string_append_c (token, '.');
  tessera_base64url_append (token, (const guint8 *) payload, payload_length);
  return token;
}

char *
token_kit_sign (TesseraKey *key, const char *header, const char *payload, gsize payload_length)
{
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;
  GString *token = token_kit_begin (header, payload, payload_length);

  g_assert_true (tessera_key_sign (key, token->str, token->len, signature, &length, NULL));
  g_string_append_c (token, '.');
  tessera_base64url_append (token, signature, length);
  return g_string_free (token, FALSE);
}

char *
token_kit_fill_in (const char *header, const char *alg, const char *kid)
{
  GString *filled = g_string_new (header);

  g_string_replace (filled, "$alg", alg, 0);
  g_string_replace (filled, "$kid", kid, 0);
  return g_string_free (filled, FALSE);
}

/* --- the second reading --- */

char *
token_kit_decode (const char *text, gsize *out_length)
{
  g_autoptr (GString) padded = g_string_new (text);

  if (strspn (text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
      != padded->len)
    return NULL;
  g_strdelimit (padded->str, "-", '+');
  g_strdelimit (padded->str, "_", '/');
  while (padded->len % 4 != 0)
    g_string_append_c (padded, '=');
  g_autofree guchar *bytes = g_base64_decode (padded->str, out_length);
  g_autofree char *again = g_base64_encode (bytes, *out_length);
  if (!g_str_equal (again, padded->str))
    return NULL;
  char *decoded = g_malloc0 (*out_length + 1);
  memcpy (decoded, bytes, *out_length);
  return decoded;
}

guint
token_kit_measure_depth (json_t *json)
{
  const char *name;
  gsize i;
  json_t *child;
  guint deepest = 0;

  if (json_is_object (json))
    json_object_foreach (json, name, child)
      deepest = MAX (deepest, token_kit_measure_depth (child));
  else if (json_is_array (json))
    json_array_foreach (json, i, child)
      deepest = MAX (deepest, token_kit_measure_depth (child));
  else
    return 0;
  return deepest + 1;
}

json_t *
token_kit_decode_object (const char *text, gsize max_length)
{
  gsize length = 0;
  g_autofree char *bytes = token_kit_decode (text, &length);

  if (bytes == NULL || length > max_length || strlen (bytes) != length)
    return NULL;
  g_autoptr (json_t) json = json_loads (bytes, JSON_REJECT_DUPLICATES, NULL);
  if (!json_is_object (json) || token_kit_measure_depth (json) > TESSERA_JSON_MAX_DEPTH)
    return NULL;
  return g_steal_pointer (&json);
}

gboolean
token_kit_has_extension (const json_t *header)
{
  static const char *const extensions[] = { "crit", "b64", "zip", "enc" };

  for (guint i = 0; i < G_N_ELEMENTS (extensions); i++)
    if (json_object_get (header, extensions[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* --- for a mutator --- */

/* Another spelling of the last character: in base64 its low bits may mean nothing. */
static void
change_tail (char *part, guint seed)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  gsize length = strlen (part);
  const char *at = length > 0 ? strchr (alphabet, part[length - 1]) : NULL;

  if (at != NULL && *at != '\0')
    part[length - 1] = alphabet[((guint) (at - alphabet) ^ (1 + seed % 3)) & 63];
}

/* The part as bytes, changed, and spelled again. */
static char *
change_bytes (const char *part)
{
  uint8_t bytes[2048];
  gsize length = 0;
  g_autofree char *decoded = token_kit_decode (part, &length);

  if (decoded == NULL || length > sizeof bytes / 2)
    return g_strdup (part);
  memcpy (bytes, decoded, length);
  length = LLVMFuzzerMutate (bytes, length, sizeof bytes);
  return tessera_base64url_encode (bytes, length);
}

static void
change_part (char **part, const char *other, guint seed)
{
  char *changed = NULL;

  switch (seed % 5)
    {
    case 0:
      changed = g_strdup (other);
      break;
    case 1:
      change_tail (*part, seed / 5);
      return;
    case 2:
      changed = g_strconcat (*part, seed & 32 ? "=" : "A", NULL);
      break;
    default:
      changed = change_bytes (*part);
      break;
    }
  g_free (*part);
  *part = changed;
}

static const char *
pick (const GPtrArray *tokens, guint seed)
{
  return tokens->pdata[seed % tokens->len];
}

char *
token_kit_change (const char *text, const GPtrArray *tokens, guint seed)
{
  g_auto (GStrv) parts = g_strsplit (text, ".", -1);
  g_auto (GStrv) others = g_strsplit (pick (tokens, seed >> 8), ".", -1);
  guint which = (seed >> 16) % 3;

  if (seed % 16 == 0 || g_strv_length (parts) != 3)
    return g_strdup (pick (tokens, seed >> 4));
  change_part (&parts[which], others[which], seed / 16);
  return g_strjoinv (seed % 64 == 1 ? ".." : ".", parts);
}
