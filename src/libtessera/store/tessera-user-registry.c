/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* People whose password hash the server knows (design.md §10, group users): declared ones and those
 * that the store keeps. */

#include "store/tessera-user-registry-private.h"

#include "base/tessera-page-private.h"

#include <string.h>

struct _TesseraUserRegistry
{
  GHashTable *users; /* name, of the user -> TesseraUser */
};

static GHashTable *
new_users (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
}

static void
insert (GHashTable *users, TesseraUser *user)
{
  g_hash_table_replace (users, (gpointer) tessera_user_get_username (user), g_object_ref (user));
}

TesseraUserRegistry *
tessera_user_registry_new (void)
{
  TesseraUserRegistry *self = g_new (TesseraUserRegistry, 1);
  self->users = new_users ();
  return self;
}

void
tessera_user_registry_free (TesseraUserRegistry *self)
{
  g_hash_table_unref (self->users);
  g_free (self);
}

static gboolean
add (GHashTable *users, TesseraUser *user, GError **error)
{
  if (g_hash_table_contains (users, tessera_user_get_username (user)))
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                           "the user is there already");
      return FALSE;
    }
  insert (users, user);
  return TRUE;
}

/* Empty lines and lines that begin with # say nothing. */
static gboolean
add_line (GHashTable *users, const char *line, const char *origin, GError **error)
{
  if (*line == '\0' || *line == '#')
    return TRUE;
  g_autoptr (TesseraUser) user = tessera_user_new_from_line (line, origin, error);
  return user != NULL && add (users, user, error);
}

static GHashTable *
dup_kept (TesseraUserRegistry *self)
{
  GHashTable *kept = new_users ();
  GHashTableIter iter;
  gpointer user;

  g_hash_table_iter_init (&iter, self->users);
  while (g_hash_table_iter_next (&iter, NULL, &user))
    if (tessera_user_get_origin (user) == NULL)
      insert (kept, user);
  return kept;
}

gboolean
tessera_user_registry_replace_declared (TesseraUserRegistry *self,
                                        const char *text,
                                        const char *origin,
                                        GError **error)
{
  g_autoptr (GHashTable) users = dup_kept (self);
  guint number = 0;

  while (*text != '\0')
    {
      gsize length = strcspn (text, "\n");
      g_autofree char *line = g_strndup (text, length);
      gboolean good = add_line (users, g_strchomp (line), origin, error);
      explicit_bzero (line, strlen (line));
      number++;
      if (!good)
        {
          g_prefix_error (error, "Line %u: ", number);
          return FALSE;
        }
      text += length + (text[length] == '\n');
    }

  g_hash_table_unref (self->users);
  self->users = g_steal_pointer (&users);
  return TRUE;
}

GHashTable *
tessera_user_registry_ref_users (TesseraUserRegistry *self)
{
  return g_hash_table_ref (self->users);
}

void
tessera_user_registry_put_back (TesseraUserRegistry *self, GHashTable *users)
{
  g_hash_table_ref (users);
  g_hash_table_unref (self->users);
  self->users = users;
}

gboolean
tessera_user_registry_add (TesseraUserRegistry *self, TesseraUser *user, GError **error)
{
  return add (self->users, user, error);
}

gboolean
tessera_user_registry_remove (TesseraUserRegistry *self, const char *name)
{
  return g_hash_table_remove (self->users, name);
}

TesseraUser *
tessera_user_registry_lookup (TesseraUserRegistry *self, const char *name)
{
  return g_hash_table_lookup (self->users, name);
}

guint
tessera_user_registry_get_count (TesseraUserRegistry *self)
{
  return g_hash_table_size (self->users);
}

GPtrArray *
tessera_user_registry_list (TesseraUserRegistry *self, const char *after, guint limit)
{
  GPtrArray *page = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) names = tessera_page_of_keys (self->users, after, limit);

  for (guint i = 0; i < names->len; i++)
    g_ptr_array_add (page, g_object_ref (g_hash_table_lookup (self->users, names->pdata[i])));
  return page;
}

GHashTable *
tessera_user_registry_dup_fingerprints (TesseraUserRegistry *self)
{
  GHashTable *fingerprints = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer user;

  g_hash_table_iter_init (&iter, self->users);
  while (g_hash_table_iter_next (&iter, NULL, &user))
    if (tessera_user_get_origin (user) != NULL)
      g_hash_table_insert (fingerprints, g_strdup (tessera_user_get_username (user)),
                           tessera_user_dup_fingerprint (user));
  return fingerprints;
}
