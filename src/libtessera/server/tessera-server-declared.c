/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program declares at each start (clients, users) held against what it declared before:
 * whoever is gone or changed loses their tokens (design.md §10). */

#include "server/tessera-server-object-private.h"

#include "grants/tessera-id-token-private.h"
#include "model/tessera-client-private.h"

#include <string.h>

#define CLIENT_PREFIX "client:"
#define USER_PREFIX "user:"

/* One comparison, as an operation of the committing thread. */
typedef struct
{
  TesseraDenyList *deny_list;
  TesseraKeyRing *keys;
  TesseraDeclared scope;
  GPtrArray *clients; /* TesseraClient*; registered ones had their keys made with them */
  GHashTable *now;    /* char *name -> char *fingerprint */
  GPtrArray *removed; /* TesseraRevocation* */
} Comparison;

static void
comparison_free (Comparison *self)
{
  g_ptr_array_unref (self->clients);
  g_hash_table_unref (self->now);
  g_ptr_array_unref (self->removed);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Comparison, comparison_free)

static void
add_clients (Comparison *comparison)
{
  for (guint i = 0; i < comparison->clients->len; i++)
    {
      TesseraClient *client = comparison->clients->pdata[i];
      g_hash_table_insert (comparison->now,
                           g_strconcat (CLIENT_PREFIX, tessera_client_get_id (client), NULL),
                           tessera_client_dup_fingerprint (client));
    }
}

static void
add_users (TesseraServer *self, GHashTable *now)
{
  g_autoptr (GHashTable) users = tessera_user_registry_dup_fingerprints (self->users);
  GHashTableIter iter;
  gpointer name, fingerprint;

  g_hash_table_iter_init (&iter, users);
  while (g_hash_table_iter_next (&iter, &name, &fingerprint))
    g_hash_table_insert (now, g_strconcat (USER_PREFIX, name, NULL), g_strdup (fingerprint));
}

static Comparison *
comparison_new (TesseraServer *self, TesseraDeclared scope)
{
  Comparison *comparison = g_new0 (Comparison, 1);
  comparison->deny_list = self->engine.deny_list;
  comparison->keys = self->engine.keys;
  comparison->clients
      = tessera_client_registry_list (self->engine.clients, TESSERA_CLIENTS_DECLARED);
  comparison->scope = scope;
  comparison->now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  comparison->removed = g_ptr_array_new_with_free_func (g_object_unref);
  if (scope & TESSERA_DECLARED_CLIENTS)
    add_clients (comparison);
  if (scope & TESSERA_DECLARED_USERS)
    add_users (self, comparison->now);
  return comparison;
}

static gboolean
is_client (const char *name)
{
  return g_str_has_prefix (name, CLIENT_PREFIX);
}

static gboolean
is_in_scope (Comparison *self, const char *name)
{
  return (self->scope & (is_client (name) ? TESSERA_DECLARED_CLIENTS : TESSERA_DECLARED_USERS))
         != 0;
}

/* A client that rotates one of its secrets is still the same one. */
static gboolean
is_unchanged (const char *name, const char *before, const char *now)
{
  if (now == NULL)
    return FALSE;
  return is_client (name) ? tessera_client_fingerprint_matches (before, now)
                          : strcmp (before, now) == 0;
}

static gboolean
deny (Comparison *self, TesseraStore *store, const char *name, GError **error)
{
  const char *id = strchr (name, ':') + 1;
  TesseraRevocationKind kind
      = is_client (name) ? TESSERA_REVOCATION_KIND_CLIENT : TESSERA_REVOCATION_KIND_SUBJECT;
  guint64 generation = 0;

  if (kind == TESSERA_REVOCATION_KIND_CLIENT
          ? !tessera_deny_list_deny_client (self->deny_list, store, id, &generation, error)
          : !tessera_deny_list_deny_subject (self->deny_list, store, id, &generation, error))
    return FALSE;
  TesseraRevocation *revocation
      = tessera_revocation_new (NULL, NULL, NULL, TESSERA_REVOCATION_CAUSE_REMOVED);
  tessera_revocation_set_outcome (revocation, kind, id, generation);
  g_ptr_array_add (self->removed, revocation);
  return TRUE;
}

static gboolean
compare_before (Comparison *self, TesseraStore *store, GHashTable *before, GError **error)
{
  GHashTableIter iter;
  gpointer name, fingerprint;

  g_hash_table_iter_init (&iter, before);
  while (g_hash_table_iter_next (&iter, &name, &fingerprint))
    {
      const char *now = g_hash_table_lookup (self->now, name);
      if (!is_in_scope (self, name) || g_strcmp0 (fingerprint, now) == 0)
        continue;
      if (!is_unchanged (name, fingerprint, now) && !deny (self, store, name, error))
        return FALSE;
      if (!tessera_store_put_declared (store, name, now, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
put_new (Comparison *self, TesseraStore *store, GHashTable *before, GError **error)
{
  GHashTableIter iter;
  gpointer name, fingerprint;

  g_hash_table_iter_init (&iter, self->now);
  while (g_hash_table_iter_next (&iter, &name, &fingerprint))
    if (!g_hash_table_contains (before, name)
        && !tessera_store_put_declared (store, name, fingerprint, error))
      return FALSE;
  return TRUE;
}

static gboolean
make_keys (Comparison *self, GError **error)
{
  for (guint i = 0; i < self->clients->len; i++)
    if (!tessera_id_token_make_key (self->keys, self->clients->pdata[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
comparison_run (gpointer data, TesseraStore *store, GError **error)
{
  Comparison *self = data;
  g_ptr_array_set_size (self->removed, 0);
  g_autoptr (GHashTable) before = tessera_store_dup_declared (store, error);
  return before != NULL && make_keys (self, error) && compare_before (self, store, before, error)
         && put_new (self, store, before, error);
}

static void
report (TesseraServer *self, Comparison *comparison)
{
  for (guint i = 0; i < comparison->removed->len; i++)
    tessera_server_report_revocation (self, comparison->removed->pdata[i]);
}

gboolean
tessera_server_settle (TesseraServer *self, GError **error)
{
  return tessera_server_settle_only (self, TESSERA_DECLARED_CLIENTS | TESSERA_DECLARED_USERS,
                                     error);
}

gboolean
tessera_server_settle_only (TesseraServer *self, TesseraDeclared what, GError **error)
{
  TesseraDeclared scope = self->unsettled & what;
  if (G_LIKELY (scope == 0))
    return TRUE;
  g_autoptr (Comparison) comparison = comparison_new (self, scope);
  if (!tessera_committer_submit_and_wait (self->engine.committer, comparison_run, comparison,
                                          error))
    return FALSE;
  self->unsettled &= ~scope;
  report (self, comparison);
  /* A handler may have closed the server. */
  return tessera_server_check_ready (self, error);
}

static gboolean
on_settle (gpointer data)
{
  TesseraServer *self = data;
  g_autoptr (GError) error = NULL;

  g_object_ref (self);
  g_clear_pointer (&self->setup_source, g_source_unref);
  if (!tessera_server_settle (self, &error))
    g_warning ("What was declared could not be stored: %s", error->message);
  tessera_server_drain_waiting (self);
  g_object_unref (self);
  return G_SOURCE_REMOVE;
}

void
tessera_server_unsettle (TesseraServer *self, TesseraDeclared what)
{
  if (self->state != TESSERA_SERVER_READY)
    return;
  if (!self->in_memory)
    self->unsettled |= what;
  if (self->setup_source != NULL)
    return;
  self->setup_source = g_idle_source_new ();
  g_source_set_callback (self->setup_source, on_settle, self, NULL);
  g_source_set_priority (self->setup_source, G_PRIORITY_DEFAULT);
  g_source_attach (self->setup_source, self->context);
}
