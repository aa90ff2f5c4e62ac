/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The row that says which state this is, and the grants that have ended (design.md §5). */

#include "store/tessera-sqlite-tables-private.h"

static gint64
sum_state (const TesseraStoreState *state, guint64 kept_generation)
{
  guint64 sum = tessera_sqlite_sum_text (G_GUINT64_CONSTANT (0xcbf29ce484222325), state->id);
  sum = tessera_sqlite_sum_number (sum, kept_generation);
  sum = tessera_sqlite_sum_number (sum, (guint64) state->high_water_ms);
  sum = tessera_sqlite_sum_number (sum, (guint64) state->longest_lifetime_ms);
  if (state->commits != 0) /* the first schema did not count them */
    sum = tessera_sqlite_sum_number (sum, state->commits);
  return (gint64) (sum >> 32 ^ (sum & G_MAXUINT32));
}

gboolean
tessera_sqlite_store_write_state (TesseraSqliteStore *self, GError **error)
{
  return tessera_database_execute (
      self->database,
      "INSERT OR REPLACE INTO state (one, id, generation, high_water_ms, longest_lifetime_ms,"
      " commits, checksum) VALUES (1, ?, ?, ?, ?, ?, ?)",
      error, "tiiiii", self->state.id, (gint64) self->kept_generation, self->state.high_water_ms,
      self->state.longest_lifetime_ms, (gint64) self->state.commits,
      sum_state (&self->state, self->kept_generation));
}

static gboolean
make_state (TesseraSqliteStore *self, GError **error)
{
  g_autofree char *id = tessera_identifier_new ();
  g_strlcpy (self->state.id, id, sizeof self->state.id);
  return tessera_sqlite_store_write_state (self, error);
}

static gboolean
read_state_row (TesseraSqliteStore *self, gboolean *out_found, GError **error)
{
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT id, generation, high_water_ms, longest_lifetime_ms, commits, checksum FROM state",
      error, "");
  if (!tessera_sqlite_store_step_to_row (self, query, out_found, error))
    return FALSE;
  if (!*out_found)
    return TRUE;

  g_strlcpy (self->state.id, tessera_query_get_text (query, 0), sizeof self->state.id);
  self->kept_generation = (guint64) tessera_query_get_int (query, 1);
  self->state.high_water_ms = tessera_query_get_int (query, 2);
  self->state.longest_lifetime_ms = tessera_query_get_int (query, 3);
  self->state.commits = (guint64) tessera_query_get_int (query, 4);
  return tessera_query_get_int (query, 5) == sum_state (&self->state, self->kept_generation)
         || tessera_sqlite_fail_damaged (error, "the state");
}

static gboolean
read_generation (TesseraSqliteStore *self, GError **error)
{
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT max(ifnull((SELECT max(generation) FROM denials), 0),"
                                " ifnull((SELECT max(generation) FROM cut_offs), 0))",
                                error, "");
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
    return FALSE;
  self->state.generation = MAX (self->kept_generation, (guint64) tessera_query_get_int (query, 0));
  return TRUE;
}

gboolean
tessera_sqlite_store_is_ended (TesseraSqliteStore *self, const char *grant_id)
{
  return grant_id != NULL && g_hash_table_contains (self->ended, grant_id);
}

static gboolean
read_ended (TesseraSqliteStore *self, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT grant_id FROM ended_grants", error, "");
  while (query != NULL && tessera_database_step (self->database, query, &problem))
    g_hash_table_add (self->ended, tessera_query_dup_text (query, 0));
  if (problem == NULL)
    return query != NULL;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static gboolean
tessera_sqlite_store_get_state (TesseraStore *store, TesseraStoreState *out_state, GError **error)
{
  *out_state = TESSERA_SQLITE_STORE (store)->state;
  return TRUE;
}

static gboolean
tessera_sqlite_store_put_high_water (TesseraStore *store, gint64 high_water_ms, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  self->state.high_water_ms = MAX (self->state.high_water_ms, high_water_ms);
  self->state.commits++;
  return tessera_sqlite_store_write_state (self, error);
}

static gboolean
tessera_sqlite_store_put_longest_lifetime (TesseraStore *store, gint64 lifetime_ms, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (lifetime_ms <= self->state.longest_lifetime_ms)
    return TRUE;
  self->state.longest_lifetime_ms = lifetime_ms;
  return tessera_sqlite_store_write_state (self, error);
}

static gboolean
tessera_sqlite_store_renew_id (TesseraStore *store, GError **error)
{
  return make_state (TESSERA_SQLITE_STORE (store), error);
}

static gboolean
tessera_sqlite_store_raise_generation (TesseraStore *store, guint64 generation, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (generation <= self->state.generation)
    return TRUE;
  self->state.generation = generation;
  self->kept_generation = generation;
  return tessera_sqlite_store_write_state (self, error);
}

gboolean
tessera_sqlite_store_load_state (TesseraSqliteStore *self, GError **error)
{
  gboolean found;
  if (!read_state_row (self, &found, error))
    return FALSE;
  if (!found && !make_state (self, error))
    return FALSE;
  return read_generation (self, error) && read_ended (self, error);
}

void
tessera_sqlite_state_implement (TesseraStoreInterface *iface)
{
  iface->get_state = tessera_sqlite_store_get_state;
  iface->put_high_water = tessera_sqlite_store_put_high_water;
  iface->put_longest_lifetime = tessera_sqlite_store_put_longest_lifetime;
  iface->renew_id = tessera_sqlite_store_renew_id;
  iface->raise_generation = tessera_sqlite_store_raise_generation;
}
