/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* People whose password hash the server knows (design.md §10, group users). */

#include "store/tessera-user-registry-private.h"

#include "base/tessera-error.h"
#include "base/tessera-password-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

#define USER_NAME_MAX_LENGTH 255

struct _TesseraUserRegistry
{
  GHashTable *hashes; /* char *name -> char *hash */
};

static GHashTable *
new_hashes (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                (GDestroyNotify) tessera_secret_free);
}

TesseraUserRegistry *
tessera_user_registry_new (void)
{
  TesseraUserRegistry *self = g_new (TesseraUserRegistry, 1);
  self->hashes = new_hashes ();
  return self;
}

void
tessera_user_registry_free (TesseraUserRegistry *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->hashes);
  g_free (self);
}

static gboolean
is_name (const char *name)
{
  gsize length = strlen (name);
  if (length == 0 || length > USER_NAME_MAX_LENGTH || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    if (*c == ':' || g_unichar_iscntrl (g_utf8_get_char (c)))
      return FALSE;
  return TRUE;
}

/* Takes nothing; says why not, for a person, without the hash. */
static const char *
add_user (GHashTable *hashes, const char *name, const char *hash)
{
  if (!is_name (name))
    return "the user name is empty, too long or malformed";
  if (!tessera_password_is_acceptable_hash (hash))
    return "the password hash is malformed or not by yescrypt";
  if (g_hash_table_contains (hashes, name))
    return "the user is there already";
  g_hash_table_insert (hashes, g_strdup (name), g_strdup (hash));
  return NULL;
}

/* `name:hash`; empty lines and lines that begin with # say nothing. */
static const char *
add_line (GHashTable *hashes, const char *line)
{
  if (*line == '\0' || *line == '#')
    return NULL;
  const char *colon = strchr (line, ':');
  if (colon == NULL)
    return "expected name:hash";
  g_autofree char *name = g_strndup (line, (gsize) (colon - line));
  return add_user (hashes, name, colon + 1);
}

gboolean
tessera_user_registry_replace (TesseraUserRegistry *self, const char *text, GError **error)
{
  g_autoptr (GHashTable) hashes = new_hashes ();
  guint number = 0;

  while (*text != '\0')
    {
      gsize length = strcspn (text, "\n");
      g_autofree char *line = g_strndup (text, length);
      const char *problem = add_line (hashes, g_strchomp (line));
      explicit_bzero (line, strlen (line));
      number++;
      if (problem != NULL)
        {
          g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER, "Line %u: %s", number,
                       problem);
          return FALSE;
        }
      text += length + (text[length] == '\n');
    }

  g_hash_table_unref (self->hashes);
  self->hashes = g_steal_pointer (&hashes);
  return TRUE;
}

gboolean
tessera_user_registry_add (TesseraUserRegistry *self,
                           const char *name,
                           const char *hash,
                           GError **error)
{
  const char *problem = add_user (self->hashes, name, hash);
  if (problem == NULL)
    return TRUE;
  g_set_error (error, TESSERA_SETUP_ERROR,
               g_hash_table_contains (self->hashes, name) ? TESSERA_SETUP_ERROR_EXISTS
                                                          : TESSERA_SETUP_ERROR_USER,
               "User refused: %s", problem);
  return FALSE;
}

const char *
tessera_user_registry_get_hash (TesseraUserRegistry *self, const char *name)
{
  return g_hash_table_lookup (self->hashes, name);
}

guint
tessera_user_registry_get_count (TesseraUserRegistry *self)
{
  return g_hash_table_size (self->hashes);
}

GHashTable *
tessera_user_registry_dup_fingerprints (TesseraUserRegistry *self)
{
  GHashTable *fingerprints = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer name, hash;
  g_hash_table_iter_init (&iter, self->hashes);
  while (g_hash_table_iter_next (&iter, &name, &hash))
    {
      TesseraDigest digest = tessera_digest (hash, -1);
      g_hash_table_insert (fingerprints, g_strdup (name),
                           tessera_base64url_encode (digest.bytes, TESSERA_DIGEST_SIZE));
    }
  return fingerprints;
}
