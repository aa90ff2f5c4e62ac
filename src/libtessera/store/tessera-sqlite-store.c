/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store in a SQLite database (design.md §6). */

#include "store/tessera-sqlite-store-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-database-private.h"

#include <string.h>

#define REDEEMED_CODE_MEMORY_MS (G_GINT64_CONSTANT (24) * 60 * 60 * 1000)
#define PRUNE_ROWS 200 /* of anything else, removed in one go: whoever waits, waits for that */

/* What is read whole at the start, so that nothing is un-revoked; see also DENIALS. */
static const char *const vital_tables[] = { "state", "cut_offs", "ended_grants", NULL };
#define DENIALS "denials" /* so many that they are only read whole when the snapshot is lost */

/* Appending is cheap, a random key is not (facts.md): so an ended grant is one more row, and what
 * belonged to it is removed later, by prune. */
static const char *const migrations[] = {
  "CREATE TABLE state ("
  "  one INTEGER PRIMARY KEY CHECK (one = 1),"
  "  id TEXT NOT NULL,"
  "  generation INTEGER NOT NULL," /* the last one when denials were pruned last */
  "  high_water_ms INTEGER NOT NULL,"
  "  longest_lifetime_ms INTEGER NOT NULL,"
  "  checksum INTEGER NOT NULL) STRICT;"
  "CREATE TABLE denials ("
  "  generation INTEGER PRIMARY KEY,"
  "  kind INTEGER NOT NULL,"
  "  value TEXT NOT NULL,"
  "  instant_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  grant_id TEXT,"
  "  client_id TEXT,"
  "  checksum INTEGER NOT NULL) STRICT;"
  "CREATE TABLE grants ("
  "  grant_id TEXT PRIMARY KEY,"
  "  client_id TEXT NOT NULL,"
  "  subject TEXT NOT NULL,"
  "  session_id TEXT,"
  "  auth_time INTEGER NOT NULL,"
  "  acr TEXT,"
  "  amr TEXT,"
  "  scope TEXT,"
  "  resources TEXT,"
  "  began_ms INTEGER NOT NULL,"
  "  last_used_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL) STRICT;"
  "CREATE INDEX grants_by_subject ON grants (subject);"
  "CREATE INDEX grants_by_session ON grants (session_id);"
  "CREATE INDEX grants_by_expiry ON grants (expires_ms);"
  "CREATE TABLE ended_grants ("
  "  number INTEGER PRIMARY KEY,"
  "  grant_id TEXT NOT NULL) STRICT;"
  "CREATE TABLE codes ("
  "  digest BLOB PRIMARY KEY,"
  "  client_id TEXT NOT NULL,"
  "  redirect_uri TEXT NOT NULL,"
  "  redirect_uri_was_sent INTEGER NOT NULL,"
  "  code_challenge TEXT,"
  "  subject TEXT NOT NULL,"
  "  session_id TEXT,"
  "  auth_time INTEGER NOT NULL,"
  "  acr TEXT,"
  "  amr TEXT,"
  "  scope TEXT,"
  "  resources TEXT,"
  "  began_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  grant_id TEXT,"
  "  redeemed_ms INTEGER NOT NULL,"
  "  forget_ms INTEGER NOT NULL) STRICT;"
  "CREATE INDEX codes_by_grant ON codes (grant_id) WHERE grant_id IS NOT NULL;"
  "CREATE INDEX codes_by_challenge ON codes (code_challenge) WHERE grant_id IS NOT NULL;"
  "CREATE INDEX codes_by_end ON codes (forget_ms);"
  "CREATE TABLE refresh_tokens ("
  "  digest BLOB PRIMARY KEY,"
  "  grant_id TEXT NOT NULL,"
  "  issued_ms INTEGER NOT NULL,"
  "  superseded_ms INTEGER NOT NULL,"
  "  successor_used INTEGER NOT NULL,"
  "  predecessor BLOB) STRICT, WITHOUT ROWID;"
  "CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);"
  "CREATE TABLE sessions ("
  "  digest BLOB PRIMARY KEY,"
  "  subject TEXT NOT NULL,"
  "  session_id TEXT,"
  "  auth_time INTEGER NOT NULL,"
  "  acr TEXT,"
  "  amr TEXT,"
  "  began_ms INTEGER NOT NULL,"
  "  last_seen_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL) STRICT;"
  "CREATE INDEX sessions_by_subject ON sessions (subject);"
  "CREATE INDEX sessions_by_session ON sessions (session_id);"
  "CREATE INDEX sessions_by_expiry ON sessions (expires_ms);"
  "CREATE TABLE consents ("
  "  subject TEXT NOT NULL,"
  "  client_id TEXT NOT NULL,"
  "  redirect_uri TEXT NOT NULL,"
  "  scope TEXT,"
  "  resources TEXT,"
  "  given_ms INTEGER NOT NULL,"
  "  PRIMARY KEY (subject, client_id, redirect_uri)) STRICT;"
  "CREATE TABLE clients ("
  "  client_id TEXT PRIMARY KEY,"
  "  registration TEXT NOT NULL) STRICT;"
  "CREATE TABLE declared ("
  "  name TEXT PRIMARY KEY,"
  "  fingerprint TEXT NOT NULL) STRICT;",
  "ALTER TABLE state ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;",
  "CREATE TABLE users ("
  "  username TEXT PRIMARY KEY,"
  "  record TEXT NOT NULL) STRICT;",
  /* Denied tokens are many, and at start only the new ones are read; all else in the
   * deny-list is read whole, and has a table of its own for that. */
  "ALTER TABLE denials ADD COLUMN subject TEXT;"
  "CREATE TABLE cut_offs ("
  "  generation INTEGER PRIMARY KEY,"
  "  kind INTEGER NOT NULL,"
  "  value TEXT NOT NULL,"
  "  instant_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  checksum INTEGER NOT NULL) STRICT;"
  "INSERT INTO cut_offs SELECT generation, kind, value, instant_ms, expires_ms, checksum"
  "  FROM denials WHERE kind <> 0;"
  "DELETE FROM denials WHERE kind <> 0;",
  "ALTER TABLE grants ADD COLUMN claims TEXT;"
  "ALTER TABLE codes ADD COLUMN claims TEXT;"
  "ALTER TABLE sessions ADD COLUMN claims TEXT;",
  /* A random key costs a page, to find, to write and to remove: so there is one small index of
   * them, by the first 64 bits of a digest, and the tokens of a grant lie side by side. */
  "ALTER TABLE grants RENAME TO old_grants;"
  "CREATE TABLE grants ("
  "  number INTEGER PRIMARY KEY,"
  "  grant_id TEXT NOT NULL UNIQUE,"
  "  client_id TEXT NOT NULL,"
  "  subject TEXT NOT NULL,"
  "  session_id TEXT,"
  "  auth_time INTEGER NOT NULL,"
  "  acr TEXT,"
  "  amr TEXT,"
  "  scope TEXT,"
  "  resources TEXT,"
  "  began_ms INTEGER NOT NULL,"
  "  last_used_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  claims TEXT) STRICT;"
  "INSERT INTO grants (grant_id, client_id, subject, session_id, auth_time, acr, amr, scope,"
  "  resources, began_ms, last_used_ms, expires_ms, claims)"
  "  SELECT grant_id, client_id, subject, session_id, auth_time, acr, amr, scope, resources,"
  "  began_ms, last_used_ms, expires_ms, claims FROM old_grants;"
  "DROP TABLE old_grants;"
  "CREATE INDEX grants_by_subject ON grants (subject);"
  "CREATE INDEX grants_by_session ON grants (session_id);"
  "CREATE INDEX grants_by_expiry ON grants (expires_ms);"
  "ALTER TABLE refresh_tokens RENAME TO old_refresh_tokens;"
  "CREATE TABLE refresh_tokens ("
  "  grant_number INTEGER NOT NULL,"
  "  key BLOB NOT NULL,"  /* the first 8 bytes of the digest */
  "  rest BLOB NOT NULL," /* the others */
  "  issued_ms INTEGER NOT NULL,"
  "  superseded_ms INTEGER NOT NULL,"
  "  successor_used INTEGER NOT NULL,"
  "  predecessor BLOB," /* its key */
  "  PRIMARY KEY (grant_number, key)) STRICT, WITHOUT ROWID;"
  "INSERT INTO refresh_tokens SELECT number, substr(digest, 1, 8), substr(digest, 9), issued_ms,"
  "  superseded_ms, successor_used, substr(predecessor, 1, 8)"
  "  FROM grants CROSS JOIN old_refresh_tokens USING (grant_id);"
  "DROP TABLE old_refresh_tokens;"
  "CREATE UNIQUE INDEX refresh_tokens_by_key ON refresh_tokens (key);",
  /* OpenID Connect */
  "ALTER TABLE codes ADD COLUMN nonce TEXT;"
  "ALTER TABLE codes ADD COLUMN claims_request TEXT;"
  "ALTER TABLE grants ADD COLUMN claims_request TEXT;",
  "CREATE TABLE assertions ("
  "  digest BLOB PRIMARY KEY,"
  "  expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
  "CREATE INDEX assertions_by_end ON assertions (expires_ms);",
  /* What tokens call a person, when that is not the subject. */
  "ALTER TABLE codes ADD COLUMN sub TEXT;"
  "ALTER TABLE grants ADD COLUMN sub TEXT;"
  "ALTER TABLE sessions ADD COLUMN sub TEXT;"
  "CREATE INDEX grants_by_sub ON grants (sub) WHERE sub IS NOT NULL;"
  "CREATE INDEX sessions_by_sub ON sessions (sub) WHERE sub IS NOT NULL;",
  "CREATE TABLE initial_tokens ("
  "  id TEXT PRIMARY KEY,"
  "  digest BLOB NOT NULL UNIQUE,"
  "  note TEXT,"
  "  created_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  max_uses INTEGER NOT NULL,"
  "  uses INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
  /* OpenID Connect Back-Channel Logout */
  "CREATE TABLE participants ("
  "  session_id TEXT NOT NULL,"
  "  client_id TEXT NOT NULL,"
  "  subject TEXT NOT NULL,"
  "  sub TEXT,"
  "  began_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  PRIMARY KEY (session_id, client_id)) STRICT, WITHOUT ROWID;"
  "CREATE INDEX participants_by_subject ON participants (subject);"
  "CREATE INDEX participants_by_end ON participants (expires_ms);"
  "CREATE TABLE logouts ("
  "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
  "  client_id TEXT NOT NULL,"
  "  subject TEXT NOT NULL,"
  "  sub TEXT,"
  "  session_id TEXT NOT NULL,"
  "  attempts INTEGER NOT NULL) STRICT;"
  "CREATE INDEX logouts_by_client ON logouts (client_id);",
  /* A refresh token says which grant it is of and how many were before it, so that each grant has
   * one short row, in the order of the grants, and a rotation changes that alone. Those that said
   * nothing are forgotten with the table that knew them. */
  "ALTER TABLE grants ADD COLUMN nonce BLOB;"
  "UPDATE grants SET last_used_ms = max (last_used_ms,"
  "  ifnull ((SELECT max (issued_ms) FROM refresh_tokens WHERE grant_number = number), 0));"
  "DROP TABLE refresh_tokens;"
  "CREATE TABLE rotations ("
  "  grant_number INTEGER PRIMARY KEY,"
  "  turn INTEGER NOT NULL,"
  "  issued_ms INTEGER NOT NULL,"
  "  before_ms INTEGER NOT NULL) STRICT;",
  /* That a code was redeemed is one more short row, in the order of the codes: its own row does not
   * change, and no index but the one of challenges. */
  "ALTER TABLE codes RENAME TO old_codes;"
  "CREATE TABLE codes ("
  "  number INTEGER PRIMARY KEY,"
  "  digest BLOB NOT NULL UNIQUE,"
  "  client_id TEXT NOT NULL,"
  "  redirect_uri TEXT NOT NULL,"
  "  redirect_uri_was_sent INTEGER NOT NULL,"
  "  code_challenge TEXT,"
  "  subject TEXT NOT NULL,"
  "  session_id TEXT,"
  "  auth_time INTEGER NOT NULL,"
  "  acr TEXT,"
  "  amr TEXT,"
  "  claims TEXT,"
  "  sub TEXT,"
  "  scope TEXT,"
  "  resources TEXT,"
  "  began_ms INTEGER NOT NULL,"
  "  expires_ms INTEGER NOT NULL,"
  "  nonce TEXT,"
  "  claims_request TEXT) STRICT;"
  "CREATE TABLE redemptions ("
  "  code_number INTEGER PRIMARY KEY,"
  "  grant_id TEXT NOT NULL,"
  "  redeemed_ms INTEGER NOT NULL,"
  "  challenge_key TEXT) STRICT;" /* the first 11 characters, which are 66 bits */
  "INSERT INTO codes SELECT rowid, digest, client_id, redirect_uri, redirect_uri_was_sent,"
  "  code_challenge, subject, session_id, auth_time, acr, amr, claims, sub, scope, resources,"
  "  began_ms, expires_ms, nonce, claims_request FROM old_codes;"
  "INSERT INTO redemptions SELECT rowid, grant_id, redeemed_ms, substr (code_challenge, 1, 11)"
  "  FROM old_codes WHERE grant_id IS NOT NULL;"
  "DROP TABLE old_codes;"
  "CREATE INDEX redemptions_by_challenge ON redemptions (challenge_key)"
  "  WHERE challenge_key IS NOT NULL;",
  NULL
};

/* Both parts of the deny-list. */
enum
{
  DENIED_TOKENS,
  CUT_OFFS,
  N_DENIALS
};

struct _TesseraSqliteStore
{
  GObject parent_instance;

  TesseraDatabase *database;
  TesseraStoreState state;
  TesseraStoreState state_at_begin;
  guint64 kept_generation; /* in the table `state` */
  guint64 kept_generation_at_begin;
  guint64 prune_cursors[N_DENIALS]; /* generations up to here were looked at */
  gboolean examined_denials;        /* the large table */
  gboolean warned_of_logouts;       /* that there was no room for */
  GHashTable *ended;                /* char *grant_id: rows of ended_grants */
  GPtrArray *ended_since_begin;     /* char *grant_id */
  GPtrArray *forgotten_since_begin; /* char *grant_id: left @ended by being pruned */
};

static void tessera_sqlite_store_iface_init (TesseraStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraSqliteStore,
                               tessera_sqlite_store,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_STORE,
                                                      tessera_sqlite_store_iface_init))

/* One row or none of @query into @out_found. */
static gboolean
step_to_row (TesseraSqliteStore *self, TesseraQuery *query, gboolean *out_found, GError **error)
{
  g_autoptr (GError) problem = NULL;
  *out_found = query != NULL && tessera_database_step (self->database, query, &problem);
  if (problem == NULL)
    return query != NULL;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

static gboolean
is_ended (TesseraSqliteStore *self, const char *grant_id)
{
  return grant_id != NULL && g_hash_table_contains (self->ended, grant_id);
}

/* Checksums: a flipped bit must not un-revoke. */

static guint64
sum_number (guint64 sum, guint64 number)
{
  for (guint i = 0; i < 8; i++, number >>= 8)
    sum = (sum ^ (number & 0xff)) * G_GUINT64_CONSTANT (0x100000001b3);
  return sum;
}

static guint64
sum_text (guint64 sum, const char *text)
{
  if (text == NULL)
    return sum_number (sum, G_MAXUINT64);
  for (; *text != '\0'; text++)
    sum = (sum ^ (guint8) *text) * G_GUINT64_CONSTANT (0x100000001b3);
  return sum_number (sum, 0);
}

static gint64
sum_denial (const TesseraDenial *denial, guint64 generation)
{
  guint64 sum = sum_number (G_GUINT64_CONSTANT (0xcbf29ce484222325), generation);
  sum = sum_number (sum, denial->kind);
  sum = sum_text (sum, denial->value);
  sum = sum_number (sum, (guint64) denial->instant_ms);
  sum = sum_number (sum, (guint64) denial->expires_ms);
  sum = sum_text (sum, denial->grant_id);
  sum = sum_text (sum, denial->client_id);
  if (denial->subject != NULL) /* rows from before there was one stay good */
    sum = sum_text (sum, denial->subject);
  return (gint64) (sum >> 32 ^ (sum & G_MAXUINT32));
}

static gint64
sum_state (const TesseraStoreState *state, guint64 kept_generation)
{
  guint64 sum = sum_text (G_GUINT64_CONSTANT (0xcbf29ce484222325), state->id);
  sum = sum_number (sum, kept_generation);
  sum = sum_number (sum, (guint64) state->high_water_ms);
  sum = sum_number (sum, (guint64) state->longest_lifetime_ms);
  if (state->commits != 0) /* the first schema did not count them */
    sum = sum_number (sum, state->commits);
  return (gint64) (sum >> 32 ^ (sum & G_MAXUINT32));
}

static gboolean
fail_damaged (GError **error, const char *what)
{
  g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED,
               "The database is damaged: wrong checksum of %s", what);
  return FALSE;
}

/* State. */

static gboolean
write_state (TesseraSqliteStore *self, GError **error)
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
  return write_state (self, error);
}

static gboolean
read_state_row (TesseraSqliteStore *self, gboolean *out_found, GError **error)
{
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT id, generation, high_water_ms, longest_lifetime_ms, commits, checksum FROM state",
      error, "");
  if (!step_to_row (self, query, out_found, error))
    return FALSE;
  if (!*out_found)
    return TRUE;

  g_strlcpy (self->state.id, tessera_query_get_text (query, 0), sizeof self->state.id);
  self->kept_generation = (guint64) tessera_query_get_int (query, 1);
  self->state.high_water_ms = tessera_query_get_int (query, 2);
  self->state.longest_lifetime_ms = tessera_query_get_int (query, 3);
  self->state.commits = (guint64) tessera_query_get_int (query, 4);
  return tessera_query_get_int (query, 5) == sum_state (&self->state, self->kept_generation)
         || fail_damaged (error, "the state");
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
  if (!step_to_row (self, query, &found, error))
    return FALSE;
  self->state.generation = MAX (self->kept_generation, (guint64) tessera_query_get_int (query, 0));
  return TRUE;
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
  return write_state (self, error);
}

static gboolean
tessera_sqlite_store_put_longest_lifetime (TesseraStore *store, gint64 lifetime_ms, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (lifetime_ms <= self->state.longest_lifetime_ms)
    return TRUE;
  self->state.longest_lifetime_ms = lifetime_ms;
  return write_state (self, error);
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
  return write_state (self, error);
}

/* Transactions. */

static gboolean
tessera_sqlite_store_begin (TesseraStore *store, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  self->state_at_begin = self->state;
  self->kept_generation_at_begin = self->kept_generation;
  g_ptr_array_set_size (self->ended_since_begin, 0);
  g_ptr_array_set_size (self->forgotten_since_begin, 0);
  return tessera_database_begin (self->database, error);
}

static gboolean
tessera_sqlite_store_commit (TesseraStore *store, GError **error)
{
  return tessera_database_commit (TESSERA_SQLITE_STORE (store)->database, error);
}

static void
tessera_sqlite_store_rollback (TesseraStore *store)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);

  tessera_database_rollback (self->database);
  self->state = self->state_at_begin;
  self->kept_generation = self->kept_generation_at_begin;
  /* From memory: a disk that fails now must not revive a grant. */
  while (self->forgotten_since_begin->len > 0)
    g_hash_table_add (self->ended, g_ptr_array_steal_index_fast (self->forgotten_since_begin, 0));
  for (guint i = 0; i < self->ended_since_begin->len; i++)
    g_hash_table_remove (self->ended, self->ended_since_begin->pdata[i]);
  g_ptr_array_set_size (self->ended_since_begin, 0);
}

static void
tessera_sqlite_store_get_counts (TesseraStore *store, guint64 *out_writes, guint64 *out_syncs)
{
  tessera_database_get_counts (TESSERA_SQLITE_STORE (store)->database, out_writes, out_syncs);
}

/* Codes. */

static gboolean
tessera_sqlite_store_put_code (TesseraStore *store,
                               const TesseraAuthorizationCode *code,
                               GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  return tessera_database_put (
      self->database,
      "INSERT INTO codes (digest, client_id, redirect_uri, redirect_uri_was_sent, code_challenge,"
      " subject, session_id, auth_time, acr, amr, claims, sub, scope, resources, began_ms,"
      " expires_ms, nonce, claims_request)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      error,
      "dttittt"
      "ittttttiitt",
      &code->digest, code->client_id, code->redirect_uri, (gint64) code->redirect_uri_was_sent,
      code->code_challenge, code->login.subject, code->login.session_id, code->login.auth_time,
      code->login.acr, code->login.amr, code->login.claims, code->login.sub, code->scope,
      code->resources, code->began_ms, code->expires_ms, code->nonce, code->claims_request);
}

#define LOGIN_COLUMNS "subject, session_id, auth_time, acr, amr, claims, sub"

static void
read_login (TesseraQuery *query, int column, TesseraLogin *out_login)
{
  out_login->subject = tessera_query_dup_text (query, column);
  out_login->session_id = tessera_query_dup_text (query, column + 1);
  out_login->auth_time = tessera_query_get_int (query, column + 2);
  out_login->acr = tessera_query_dup_text (query, column + 3);
  out_login->amr = tessera_query_dup_text (query, column + 4);
  out_login->claims = tessera_query_dup_text (query, column + 5);
  out_login->sub = tessera_query_dup_text (query, column + 6);
}

static TesseraAuthorizationCode *
read_code (TesseraQuery *query)
{
  TesseraAuthorizationCode *code = g_new0 (TesseraAuthorizationCode, 1);
  tessera_query_get_digest (query, 0, &code->digest);
  code->client_id = tessera_query_dup_text (query, 1);
  code->redirect_uri = tessera_query_dup_text (query, 2);
  code->redirect_uri_was_sent = tessera_query_get_int (query, 3) != 0;
  code->code_challenge = tessera_query_dup_text (query, 4);
  read_login (query, 5, &code->login);
  code->scope = tessera_query_dup_text (query, 12);
  code->resources = tessera_query_dup_text (query, 13);
  code->began_ms = tessera_query_get_int (query, 14);
  code->expires_ms = tessera_query_get_int (query, 15);
  code->grant_id = tessera_query_dup_text (query, 16);
  code->redeemed_ms = tessera_query_get_int (query, 17);
  code->nonce = tessera_query_dup_text (query, 18);
  code->claims_request = tessera_query_dup_text (query, 19);
  code->number = tessera_query_get_int (query, 21);
  return code;
}

/* What was redeemed is remembered until its grant has ended. */
static gboolean
is_forgotten (TesseraSqliteStore *self, TesseraQuery *query)
{
  const char *grant_id = tessera_query_get_text (query, 16);
  return grant_id != NULL && (is_ended (self, grant_id) || !tessera_query_get_int (query, 20));
}

static TesseraAuthorizationCode *
tessera_sqlite_store_lookup_code (TesseraStore *store, const TesseraDigest *digest, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT digest, codes.client_id, redirect_uri, redirect_uri_was_sent, code_challenge,"
      " " LOGIN_COLUMNS ", scope, resources, began_ms, expires_ms, redemptions.grant_id,"
      " redeemed_ms, nonce, claims_request,"
      " EXISTS (SELECT 1 FROM grants WHERE grants.grant_id = redemptions.grant_id), codes.number"
      " FROM codes LEFT JOIN redemptions ON code_number = number WHERE digest = ?",
      error, "d", digest);
  if (!step_to_row (self, query, &found, error) || !found || is_forgotten (self, query))
    return NULL;
  return read_code (query);
}

#define CHALLENGE_KEY(CHALLENGE) "substr (" CHALLENGE ", 1, 11)"

/* A code that was not read from here could be redeemed again. */
static gboolean
fail_unknown_code (GError **error)
{
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                       "A code that is not kept is not redeemed");
  return FALSE;
}

/* One row that is all there: were it selected, SQLite would copy each page that it changes, to be
 * able to take back this statement alone. */
static gboolean
tessera_sqlite_store_redeem_code (TesseraStore *store,
                                  const TesseraAuthorizationCode *code,
                                  const char *grant_id,
                                  gint64 now_ms,
                                  GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);

  if (code->number == 0)
    return fail_unknown_code (error);
  return tessera_database_put (
      self->database,
      "INSERT INTO redemptions (code_number, grant_id, redeemed_ms, challenge_key)"
      " VALUES (?1, ?2, ?3, " CHALLENGE_KEY ("?4") ")",
      error, "itit", code->number, grant_id, now_ms, code->code_challenge);
}

static gboolean
tessera_sqlite_store_is_challenge_redeemed (TesseraStore *store,
                                            const char *client_id,
                                            const char *code_challenge,
                                            gboolean *out_redeemed,
                                            GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT grant_id FROM redemptions JOIN codes ON codes.number = code_number"
      " JOIN grants USING (grant_id)"
      " WHERE challenge_key = " CHALLENGE_KEY (
          "?1") " AND code_challenge = ?1 AND codes.client_id = ?2",
      error, "tt", code_challenge, client_id);

  *out_redeemed = FALSE;
  do
    {
      if (!step_to_row (self, query, &found, error))
        return FALSE;
      *out_redeemed = found && !is_ended (self, tessera_query_get_text (query, 0));
    }
  while (found && !*out_redeemed);
  return TRUE;
}

/* Grants. */

/* The column last_used_ms is as old as the grant: a rotation changes the other table alone. */
#define LAST_USED "max(last_used_ms, ifnull(issued_ms, 0))"
#define GRANTS_AND_ROTATIONS "grants LEFT JOIN rotations ON grant_number = number"

#define N_GRANT_COLUMNS 17
#define GRANT_COLUMNS(LAST_USED)                                                                   \
  "grant_id, client_id, " LOGIN_COLUMNS ", scope, resources, began_ms, " LAST_USED                 \
  ", expires_ms, claims_request, nonce"
#define SELECT_GRANT "SELECT " GRANT_COLUMNS (LAST_USED) ", number"

static gboolean
tessera_sqlite_store_put_grant (TesseraStore *store,
                                const TesseraGrant *grant,
                                gint64 *out_number,
                                GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (!tessera_database_put (
          self->database,
          "INSERT INTO grants (" GRANT_COLUMNS (
              "last_used_ms") ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          error, "ttttittttttiiitn", grant->grant_id, grant->client_id, grant->login.subject,
          grant->login.session_id, grant->login.auth_time, grant->login.acr, grant->login.amr,
          grant->login.claims, grant->login.sub, grant->scope, grant->resources, grant->began_ms,
          grant->last_used_ms, grant->expires_ms, grant->claims_request, &grant->nonce))
    return FALSE;
  if (out_number != NULL)
    *out_number = tessera_database_get_last_number (self->database);
  return TRUE;
}

static TesseraGrant *
read_grant (TesseraQuery *query)
{
  TesseraGrant *grant = g_new0 (TesseraGrant, 1);
  grant->grant_id = tessera_query_dup_text (query, 0);
  grant->client_id = tessera_query_dup_text (query, 1);
  read_login (query, 2, &grant->login);
  grant->scope = tessera_query_dup_text (query, 9);
  grant->resources = tessera_query_dup_text (query, 10);
  grant->began_ms = tessera_query_get_int (query, 11);
  grant->last_used_ms = tessera_query_get_int (query, 12);
  grant->expires_ms = tessera_query_get_int (query, 13);
  grant->claims_request = tessera_query_dup_text (query, 14);
  tessera_query_get_nonce (query, 15, &grant->nonce);
  grant->number = tessera_query_get_int (query, 16);
  return grant;
}

static TesseraGrant *
tessera_sqlite_store_lookup_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  if (is_ended (self, grant_id))
    return NULL;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                SELECT_GRANT " FROM " GRANTS_AND_ROTATIONS " WHERE grant_id = ?",
                                error, "t", grant_id);
  if (!step_to_row (self, query, &found, error) || !found)
    return NULL;
  return read_grant (query);
}

static gboolean
tessera_sqlite_store_end_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (is_ended (self, grant_id))
    return TRUE;
  if (!tessera_database_execute (self->database, "INSERT INTO ended_grants (grant_id) VALUES (?)",
                                 error, "t", grant_id))
    return FALSE;
  g_hash_table_add (self->ended, g_strdup (grant_id));
  g_ptr_array_add (self->ended_since_begin, g_strdup (grant_id));
  return TRUE;
}

/* Who has yet to hear that a login ended: first they are copied, then they take part no more. Of
 * each client as many as there is room for, and the first of all clients before the second of any.
 * What is put now is not among what is counted: the statement reads it all before. A negative
 * LIMIT would be none. */
#define PUT_LOGOUTS(WHICH)                                                                         \
  "INSERT INTO logouts (client_id, subject, sub, session_id, attempts)"                            \
  " SELECT client_id, subject, sub, session_id, 0"                                                 \
  " FROM (SELECT *, row_number() OVER (PARTITION BY client_id) AS place FROM participants"         \
  " WHERE " WHICH ")"                                                                              \
  " LEFT JOIN (SELECT client_id, COUNT(*) AS waiting FROM logouts GROUP BY client_id)"             \
  " USING (client_id) WHERE place + ifnull (waiting, 0) <= ?3"                                     \
  " ORDER BY place LIMIT max (0, ?4 - (SELECT COUNT(*) FROM logouts))"
#define PARTICIPANTS_OF_SESSION "session_id = ?1 AND ?2 = 0"
#define PARTICIPANTS_OF_SUBJECT "subject = ?1 AND began_ms <= ?2"
#define PARTICIPANTS_OF_ANYBODY "?1 IS NULL AND began_ms <= ?2"

static guint64
count_writes (TesseraSqliteStore *self)
{
  guint64 writes = 0;
  guint64 syncs = 0;

  tessera_database_get_counts (self->database, &writes, &syncs);
  return writes;
}

/* What is revoked is revoked, though there may be no room to tell of it. */
static gboolean
put_logouts (TesseraSqliteStore *self,
             const char *insertion,
             const char *deletion,
             const char *whose,
             gint64 began_ms,
             GError **error)
{
  g_autoptr (GError) problem = NULL;
  guint64 before = count_writes (self);

  if (!tessera_database_put (self->database, insertion, &problem, "tiii", whose, began_ms,
                             (gint64) TESSERA_STORE_LOGOUTS_OF_CLIENT,
                             (gint64) TESSERA_STORE_LOGOUTS)
      && !g_error_matches (problem, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_RESERVED))
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  guint64 between = count_writes (self);
  if (!tessera_database_execute (self->database, deletion, error, "ti", whose, began_ms))
    return FALSE;
  tessera_store_warn_of_logouts (&self->warned_of_logouts,
                                 count_writes (self) - between - (between - before));
  return TRUE;
}

/* The rows of a day lie there, and only the last can still be redeemed: looked at from the end, up
 * to one behind which none is that expires later than @NOW. A redeemed one that is left is of use
 * to nobody without its grant. */
#define RECENT_CODES(NOW)                                                                          \
  "number > ifnull ((SELECT number FROM codes WHERE expires_ms <= " NOW                            \
  " - " G_STRINGIFY (TESSERA_STORE_CODE_DISORDER_MS) " ORDER BY number DESC LIMIT 1), 0) AND "
/* The redemption goes with its code, whose number may be given again. */
#define CODES_OF "code_number IN (SELECT number FROM codes WHERE "

#define CODES_OF_SESSION RECENT_CODES ("?2") "session_id = ?1"

static gboolean
tessera_sqlite_store_end_session (TesseraStore *store,
                                  const char *session_id,
                                  gint64 now_ms,
                                  GError **error)
{
  TesseraDatabase *database = TESSERA_SQLITE_STORE (store)->database;
  return put_logouts (TESSERA_SQLITE_STORE (store), PUT_LOGOUTS (PARTICIPANTS_OF_SESSION),
                      "DELETE FROM participants WHERE " PARTICIPANTS_OF_SESSION, session_id, 0,
                      error)
         && tessera_database_execute (database,
                                      "DELETE FROM rotations WHERE grant_number IN"
                                      " (SELECT number FROM grants WHERE session_id = ?)",
                                      error, "t", session_id)
         && tessera_database_execute (database,
                                      "DELETE FROM redemptions WHERE " CODES_OF CODES_OF_SESSION
                                      ")",
                                      error, "ti", session_id, now_ms)
         && tessera_database_execute (database, "DELETE FROM grants WHERE session_id = ?", error,
                                      "t", session_id)
         && tessera_database_execute (database, "DELETE FROM codes WHERE " CODES_OF_SESSION, error,
                                      "ti", session_id, now_ms)
         && tessera_database_execute (database, "DELETE FROM sessions WHERE session_id = ?", error,
                                      "t", session_id);
}

/* The same deletions for a subject, where the index helps, and for everybody. */
#define NUMBERS_OF "grant_number IN (SELECT number FROM grants WHERE "
/* A code is as old as its grant, and for the same client and person. */
#define OF_CLIENT " AND (?2 IS NULL OR client_id = ?2) AND "
#define OF_ANYBODY "?1 IS NULL"
#define OF_SUBJECT "subject = ?1"
#define END_ALL(WHO)                                                                               \
  {                                                                                                \
    "DELETE FROM rotations WHERE " NUMBERS_OF WHO OF_CLIENT "began_ms <= ?3)",                     \
        "DELETE FROM redemptions WHERE " CODES_OF RECENT_CODES ("?3") WHO OF_CLIENT                \
        "began_ms <= ?3)",                                                                         \
        "DELETE FROM grants WHERE " WHO OF_CLIENT "began_ms <= ?3",                                \
        "DELETE FROM codes WHERE " RECENT_CODES ("?3") WHO OF_CLIENT "began_ms <= ?3",             \
        "DELETE FROM consents WHERE " WHO OF_CLIENT "given_ms <= ?3",                              \
        "DELETE FROM sessions WHERE ?2 IS NULL AND " WHO " AND began_ms <= ?3"                     \
  }

static gboolean
tessera_sqlite_store_end_all (TesseraStore *store,
                              const char *subject,
                              const char *client_id,
                              gint64 began_ms,
                              GError **error)
{
  static const char *const of_subject[] = END_ALL (OF_SUBJECT);
  static const char *const of_anybody[] = END_ALL (OF_ANYBODY);
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  const char *const *deletions = subject != NULL ? of_subject : of_anybody;

  for (guint i = 0; i < G_N_ELEMENTS (of_subject); i++)
    if (!tessera_database_execute (self->database, deletions[i], error, "tti", subject, client_id,
                                   began_ms))
      return FALSE;
  if (client_id != NULL)
    return TRUE;
  return subject != NULL ? put_logouts (self, PUT_LOGOUTS (PARTICIPANTS_OF_SUBJECT),
                                        "DELETE FROM participants WHERE " PARTICIPANTS_OF_SUBJECT,
                                        subject, began_ms, error)
                         : put_logouts (self, PUT_LOGOUTS (PARTICIPANTS_OF_ANYBODY),
                                        "DELETE FROM participants WHERE " PARTICIPANTS_OF_ANYBODY,
                                        NULL, began_ms, error);
}

static gboolean
tessera_sqlite_store_put_participant (TesseraStore *store,
                                      const TesseraParticipant *participant,
                                      GError **error)
{
  return tessera_database_put (TESSERA_SQLITE_STORE (store)->database,
                               "INSERT INTO participants (session_id, client_id, subject, sub,"
                               " began_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?)"
                               " ON CONFLICT DO UPDATE SET"
                               " expires_ms = max (expires_ms, excluded.expires_ms)",
                               error, "ttttii", participant->session_id, participant->client_id,
                               participant->subject, participant->sub, participant->began_ms,
                               participant->expires_ms);
}

static TesseraLogout *
read_logout (TesseraQuery *query)
{
  TesseraLogout *logout = g_new0 (TesseraLogout, 1);
  logout->number = tessera_query_get_int (query, 0);
  logout->client_id = tessera_query_dup_text (query, 1);
  logout->subject = tessera_query_dup_text (query, 2);
  logout->sub = tessera_query_dup_text (query, 3);
  logout->session_id = tessera_query_dup_text (query, 4);
  logout->attempts = (guint) tessera_query_get_int (query, 5);
  return logout;
}

static GPtrArray *
tessera_sqlite_store_list_logouts (TesseraStore *store, gint64 after, guint limit, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_logout_free);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT number, client_id, subject, sub, session_id, attempts"
                                " FROM logouts WHERE number > ? ORDER BY number LIMIT ?",
                                error, "ii", after, (gint64) limit);
  gboolean found = TRUE;

  while (found)
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_ptr_array_add (page, read_logout (query));
    }
  return g_steal_pointer (&page);
}

static gboolean
tessera_sqlite_store_put_logout_attempts (TesseraStore *store,
                                          gint64 number,
                                          guint attempts,
                                          GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "UPDATE logouts SET attempts = ?2 WHERE number = ?1", error,
                                   "ii", number, (gint64) attempts);
}

static gboolean
tessera_sqlite_store_remove_logout (TesseraStore *store, gint64 number, GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM logouts WHERE number = ?", error, "i", number);
}

/* Rotations. */

static gboolean
tessera_sqlite_store_begin_rotation (TesseraStore *store,
                                     gint64 number,
                                     gint64 issued_ms,
                                     GError **error)
{
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT INTO rotations (grant_number, turn, issued_ms, before_ms) VALUES (?, 0, ?, 0)", error,
      "ii", number, issued_ms);
}

static TesseraGrant *
tessera_sqlite_store_lookup_rotation (TesseraStore *store,
                                      gint64 number,
                                      TesseraRotation *out_rotation,
                                      GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                SELECT_GRANT ", turn, issued_ms, before_ms FROM rotations"
                                             " CROSS JOIN grants ON number = grant_number"
                                             " WHERE grant_number = ?",
                                error, "i", number);
  if (!step_to_row (self, query, &found, error) || !found
      || is_ended (self, tessera_query_get_text (query, 0)))
    return NULL;
  out_rotation->turn = tessera_query_get_int (query, N_GRANT_COLUMNS);
  out_rotation->issued_ms = tessera_query_get_int (query, N_GRANT_COLUMNS + 1);
  out_rotation->before_ms = tessera_query_get_int (query, N_GRANT_COLUMNS + 2);
  return read_grant (query);
}

static gboolean
tessera_sqlite_store_rotate (TesseraStore *store, gint64 number, gint64 issued_ms, GError **error)
{
  return tessera_database_put (TESSERA_SQLITE_STORE (store)->database,
                               "UPDATE rotations SET turn = turn + 1, issued_ms = ?2,"
                               " before_ms = issued_ms WHERE grant_number = ?1",
                               error, "ii", number, issued_ms);
}

/* What tokens call people. */

static gboolean
tessera_sqlite_store_lookup_subject (TesseraStore *store,
                                     const char *sub,
                                     char **out_subject,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT subject FROM grants WHERE sub = ?1 UNION ALL"
                                " SELECT subject FROM sessions WHERE sub = ?1 LIMIT 1",
                                error, "t", sub);

  *out_subject = NULL;
  if (!step_to_row (self, query, &found, error))
    return FALSE;
  if (found)
    *out_subject = tessera_query_dup_text (query, 0);
  return TRUE;
}

static GPtrArray *
tessera_sqlite_store_list_subs (TesseraStore *store, const char *subject, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) subs = g_ptr_array_new_with_free_func (g_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT DISTINCT sub FROM grants"
                                " WHERE subject = ? AND sub IS NOT NULL ORDER BY sub",
                                error, "t", subject);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_ptr_array_add (subs, tessera_query_dup_text (query, 0));
    }
  while (found);
  return g_steal_pointer (&subs);
}

/* Sessions and consents. */

#define SESSION_COLUMNS "digest, " LOGIN_COLUMNS ", began_ms, last_seen_ms, expires_ms"

static gboolean
tessera_sqlite_store_put_session (TesseraStore *store,
                                  const TesseraSession *session,
                                  GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  return tessera_database_put (
      self->database,
      "INSERT INTO sessions (" SESSION_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", error,
      "dttittttiii", &session->digest, session->login.subject, session->login.session_id,
      session->login.auth_time, session->login.acr, session->login.amr, session->login.claims,
      session->login.sub, session->began_ms, session->last_seen_ms, session->expires_ms);
}

static TesseraSession *
read_session (TesseraQuery *query)
{
  TesseraSession *session = g_new0 (TesseraSession, 1);
  tessera_query_get_digest (query, 0, &session->digest);
  read_login (query, 1, &session->login);
  session->began_ms = tessera_query_get_int (query, 8);
  session->last_seen_ms = tessera_query_get_int (query, 9);
  session->expires_ms = tessera_query_get_int (query, 10);
  return session;
}

static TesseraSession *
tessera_sqlite_store_lookup_session (TesseraStore *store,
                                     const TesseraDigest *digest,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT " SESSION_COLUMNS " FROM sessions WHERE digest = ?", error,
                                "d", digest);
  if (!step_to_row (self, query, &found, error) || !found)
    return NULL;
  return read_session (query);
}

static gboolean
tessera_sqlite_store_touch_session (TesseraStore *store,
                                    const TesseraDigest *digest,
                                    gint64 last_seen_ms,
                                    GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "UPDATE sessions SET last_seen_ms = ? WHERE digest = ?", error,
                                   "id", last_seen_ms, digest);
}

static gboolean
tessera_sqlite_store_remove_session (TesseraStore *store,
                                     const TesseraDigest *digest,
                                     GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM sessions WHERE digest = ?", error, "d", digest);
}

static gboolean
tessera_sqlite_store_put_consent (TesseraStore *store,
                                  const TesseraConsent *consent,
                                  GError **error)
{
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT OR REPLACE INTO consents (subject, client_id, redirect_uri, scope, resources,"
      " given_ms) VALUES (?, ?, ?, ?, ?, ?)",
      error, "ttttti", consent->subject, consent->client_id, consent->redirect_uri, consent->scope,
      consent->resources, consent->given_ms);
}

static TesseraConsent *
tessera_sqlite_store_lookup_consent (TesseraStore *store,
                                     const char *subject,
                                     const char *client_id,
                                     const char *redirect_uri,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT scope, resources, given_ms FROM consents"
                                " WHERE subject = ? AND client_id = ? AND redirect_uri = ?",
                                error, "ttt", subject, client_id, redirect_uri);
  if (!step_to_row (self, query, &found, error) || !found)
    return NULL;

  TesseraConsent *consent = g_new0 (TesseraConsent, 1);
  consent->subject = g_strdup (subject);
  consent->client_id = g_strdup (client_id);
  consent->redirect_uri = g_strdup (redirect_uri);
  consent->scope = tessera_query_dup_text (query, 0);
  consent->resources = tessera_query_dup_text (query, 1);
  consent->given_ms = tessera_query_get_int (query, 2);
  return consent;
}

static GPtrArray *
tessera_sqlite_store_list_consents (TesseraStore *store, const char *subject, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) list
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_consent_free);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT client_id, redirect_uri, scope, resources, given_ms FROM consents WHERE subject = ?",
      error, "t", subject);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (!found)
        break;
      TesseraConsent *consent = g_new0 (TesseraConsent, 1);
      consent->subject = g_strdup (subject);
      consent->client_id = tessera_query_dup_text (query, 0);
      consent->redirect_uri = tessera_query_dup_text (query, 1);
      consent->scope = tessera_query_dup_text (query, 2);
      consent->resources = tessera_query_dup_text (query, 3);
      consent->given_ms = tessera_query_get_int (query, 4);
      g_ptr_array_add (list, consent);
    }
  while (found);
  return g_steal_pointer (&list);
}

/* Assertions. */

static gboolean
is_assertion_used (TesseraSqliteStore *self,
                   const TesseraDigest *digest,
                   gboolean *out_used,
                   GError **error)
{
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT 1 FROM assertions WHERE digest = ?", error,
                                "d", digest);
  return step_to_row (self, query, out_used, error);
}

static gboolean
tessera_sqlite_store_use_assertion (TesseraStore *store,
                                    const TesseraDigest *digest,
                                    gint64 expires_ms,
                                    gboolean for_revocation,
                                    gboolean *out_is_new,
                                    GError **error)
{
  static const char insertion[] = "INSERT INTO assertions (digest, expires_ms) VALUES (?, ?)";
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean used;

  if (!is_assertion_used (self, digest, &used, error))
    return FALSE;
  *out_is_new = !used;
  if (used)
    return TRUE;
  if (for_revocation)
    return tessera_database_execute (self->database, insertion, error, "di", digest, expires_ms);
  return tessera_database_put (self->database, insertion, error, "di", digest, expires_ms);
}

/* Initial access tokens, which are few. */

#define INITIAL_TOKEN "SELECT id, digest, note, created_ms, expires_ms, max_uses, uses"

static TesseraInitialAccessToken *
read_initial_token (TesseraQuery *query)
{
  TesseraInitialAccessToken *token = g_new0 (TesseraInitialAccessToken, 1);

  token->id = tessera_query_dup_text (query, 0);
  tessera_query_get_digest (query, 1, &token->digest);
  token->note = tessera_query_dup_text (query, 2);
  token->created_ms = tessera_query_get_int (query, 3);
  token->expires_ms = tessera_query_get_int (query, 4);
  token->max_uses = (guint) tessera_query_get_int (query, 5);
  token->uses = (guint) tessera_query_get_int (query, 6);
  return token;
}

static gboolean
tessera_sqlite_store_put_initial_token (TesseraStore *store,
                                        const TesseraInitialAccessToken *token,
                                        GError **error)
{
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT OR REPLACE INTO initial_tokens (id, digest, note, created_ms,"
      " expires_ms, max_uses, uses) VALUES (?, ?, ?, ?, ?, ?, ?)",
      error, "tdtiiii", token->id, &token->digest, token->note, token->created_ms,
      token->expires_ms, (gint64) token->max_uses, (gint64) token->uses);
}

static TesseraInitialAccessToken *
tessera_sqlite_store_lookup_initial_token (TesseraStore *store,
                                           const TesseraDigest *digest,
                                           GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database, INITIAL_TOKEN " FROM initial_tokens WHERE digest = ?", error, "d", digest);

  return step_to_row (self, query, &found, error) && found ? read_initial_token (query) : NULL;
}

static gboolean
tessera_sqlite_store_remove_initial_token (TesseraStore *store,
                                           const char *id,
                                           gboolean *out_removed,
                                           GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT 1 FROM initial_tokens WHERE id = ?", error,
                                "t", id);

  return step_to_row (self, query, out_removed, error)
         && tessera_database_execute (self->database, "DELETE FROM initial_tokens WHERE id = ?",
                                      error, "t", id);
}

static GPtrArray *
tessera_sqlite_store_list_initial_tokens (TesseraStore *store,
                                          const TesseraStoreFilter *filter,
                                          GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_initial_access_token_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                INITIAL_TOKEN " FROM initial_tokens WHERE id > ? AND expires_ms > ?"
                                              " AND (max_uses = 0 OR uses < max_uses) ORDER BY id",
                                error, "ti", filter->after, filter->now_ms);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (found && page->len < filter->limit)
        g_ptr_array_add (page, read_initial_token (query));
    }
  while (found && page->len < filter->limit);
  return g_steal_pointer (&page);
}

/* Clients and what was declared. */

static gboolean
tessera_sqlite_store_put_client (TesseraStore *store, TesseraClient *client, GError **error)
{
  g_autoptr (json_t) json = tessera_client_to_json (client);
  g_autofree char *registration = tessera_json_dump (json);
  return tessera_database_put (
      TESSERA_SQLITE_STORE (store)->database,
      "INSERT OR REPLACE INTO clients (client_id, registration) VALUES (?, ?)", error, "tt",
      tessera_client_get_id (client), registration);
}

static gboolean
tessera_sqlite_store_remove_client (TesseraStore *store, const char *client_id, GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM clients WHERE client_id = ?", error, "t",
                                   client_id);
}

static gboolean
give_client (TesseraQuery *query, TesseraClientFunc func, gpointer data, GError **error)
{
  const char *text = tessera_query_get_text (query, 0);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraClient) client = tessera_client_new_from_json (text, strlen (text), &problem);
  if (client == NULL)
    {
      g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                   "A stored client cannot be used: %s", problem->message);
      return FALSE;
    }
  func (client, data);
  return TRUE;
}

static gboolean
tessera_sqlite_store_foreach_client (TesseraStore *store,
                                     TesseraClientFunc func,
                                     gpointer data,
                                     GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT registration FROM clients ORDER BY client_id", error, "");
  do
    {
      if (!step_to_row (self, query, &found, error))
        return FALSE;
      if (found && !give_client (query, func, data, error))
        return FALSE;
    }
  while (found);
  return TRUE;
}

static gboolean
tessera_sqlite_store_foreach_client_record (TesseraStore *store,
                                            gint64 *position,
                                            guint limit,
                                            TesseraClientRecordFunc func,
                                            gpointer data,
                                            GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  guint n = 0;
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT rowid, client_id, registration FROM clients"
                                " WHERE rowid > ? ORDER BY rowid LIMIT ?",
                                error, "ii", *position, (gint64) limit);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return FALSE;
      if (!found)
        break;
      n++;
      *position = tessera_query_get_int (query, 0);
      func (tessera_query_get_text (query, 1), tessera_query_get_text (query, 2), data);
    }
  while (n < limit);
  if (n < limit)
    {
      *position = -1;
      tessera_database_release_memory (self->database); /* nobody reads those pages again */
    }
  return TRUE;
}

static gboolean
tessera_sqlite_store_has_client (TesseraStore *store,
                                 const char *client_id,
                                 gboolean *out_has,
                                 GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT 1 FROM clients WHERE client_id = ?", error,
                                "t", client_id);

  return step_to_row (self, query, out_has, error);
}

/* People. */

static gboolean
tessera_sqlite_store_put_user (TesseraStore *store, TesseraUser *user, GError **error)
{
  g_autoptr (json_t) json = tessera_user_to_json (user);
  g_autofree char *record = tessera_json_dump (json);
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "INSERT OR REPLACE INTO users (username, record) VALUES (?, ?)",
                                   error, "tt", tessera_user_get_username (user), record);
}

static gboolean
tessera_sqlite_store_remove_user (TesseraStore *store, const char *username, GError **error)
{
  return tessera_database_execute (TESSERA_SQLITE_STORE (store)->database,
                                   "DELETE FROM users WHERE username = ?", error, "t", username);
}

static gboolean
give_user (TesseraQuery *query, TesseraUserFunc func, gpointer data, GError **error)
{
  const char *text = tessera_query_get_text (query, 0);
  g_autoptr (GError) problem = NULL;
  g_autoptr (TesseraUser) user = tessera_user_new_from_json (text, strlen (text), &problem);
  if (user == NULL)
    {
      g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                   "A stored user cannot be used: %s", problem->message);
      return FALSE;
    }
  func (user, data);
  return TRUE;
}

static gboolean
tessera_sqlite_store_foreach_user (TesseraStore *store,
                                   TesseraUserFunc func,
                                   gpointer data,
                                   GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT record FROM users ORDER BY username", error,
                                "");
  do
    {
      if (!step_to_row (self, query, &found, error))
        return FALSE;
      if (found && !give_user (query, func, data, error))
        return FALSE;
    }
  while (found);
  return TRUE;
}

/* Lists. */

#define GRANTS_BEHIND(WHO)                                                                         \
  SELECT_GRANT " FROM " GRANTS_AND_ROTATIONS " WHERE " WHO                                         \
               " AND (?2 IS NULL OR client_id = ?2) AND grant_id > ?3 AND expires_ms > ?4"         \
               " ORDER BY grant_id"

static GPtrArray *
tessera_sqlite_store_list_grants (TesseraStore *store,
                                  const TesseraStoreFilter *filter,
                                  GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_grant_free);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      filter->subject != NULL ? GRANTS_BEHIND (OF_SUBJECT) : GRANTS_BEHIND (OF_ANYBODY), error,
      "ttti", filter->subject, filter->client_id, filter->after, filter->now_ms);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (found && !is_ended (self, tessera_query_get_text (query, 0)))
        g_ptr_array_add (page, read_grant (query));
    }
  while (found && page->len < filter->limit);
  return g_steal_pointer (&page);
}

#define SESSIONS_BEHIND(WHO)                                                                       \
  "SELECT " SESSION_COLUMNS " FROM sessions WHERE " WHO                                            \
  " AND session_id > ?2 AND expires_ms > ?3 ORDER BY session_id"

static GPtrArray *
tessera_sqlite_store_list_sessions (TesseraStore *store,
                                    const TesseraStoreFilter *filter,
                                    GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  g_autoptr (GPtrArray) page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_session_free);
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                filter->subject != NULL ? SESSIONS_BEHIND (OF_SUBJECT)
                                                        : SESSIONS_BEHIND (OF_ANYBODY),
                                error, "tti", filter->subject, filter->after, filter->now_ms);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_ptr_array_add (page, read_session (query));
    }
  while (found && page->len < filter->limit);
  return g_steal_pointer (&page);
}

static GHashTable *
tessera_sqlite_store_dup_declared (TesseraStore *store, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (GHashTable) declared = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT name, fingerprint FROM declared", error,
                                "");
  do
    {
      if (!step_to_row (self, query, &found, error))
        return NULL;
      if (found)
        g_hash_table_insert (declared, tessera_query_dup_text (query, 0),
                             tessera_query_dup_text (query, 1));
    }
  while (found);
  return g_steal_pointer (&declared);
}

static gboolean
tessera_sqlite_store_put_declared (TesseraStore *store,
                                   const char *name,
                                   const char *fingerprint,
                                   GError **error)
{
  TesseraDatabase *database = TESSERA_SQLITE_STORE (store)->database;
  if (fingerprint == NULL)
    return tessera_database_execute (database, "DELETE FROM declared WHERE name = ?", error, "t",
                                     name);
  return tessera_database_execute (
      database, "INSERT OR REPLACE INTO declared (name, fingerprint) VALUES (?, ?)", error, "tt",
      name, fingerprint);
}

/* The deny-list. */

static gboolean
insert_denial (TesseraSqliteStore *self,
               const TesseraDenial *denial,
               guint64 generation,
               GError **error)
{
  if (denial->kind == TESSERA_DENIAL_TOKEN)
    return tessera_database_execute (
        self->database,
        "INSERT INTO denials (generation, kind, value, instant_ms, expires_ms, grant_id,"
        " client_id, subject, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        error, "iitiittti", (gint64) generation, (gint64) denial->kind, denial->value,
        denial->instant_ms, denial->expires_ms, denial->grant_id, denial->client_id,
        denial->subject, sum_denial (denial, generation));
  return tessera_database_execute (
      self->database,
      "INSERT INTO cut_offs (generation, kind, value, instant_ms, expires_ms, checksum)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      error, "iitiii", (gint64) generation, (gint64) denial->kind, denial->value,
      denial->instant_ms, denial->expires_ms, sum_denial (denial, generation));
}

static gboolean
tessera_sqlite_store_append_denial (TesseraStore *store,
                                    const TesseraDenial *denial,
                                    guint64 *out_generation,
                                    GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  guint64 generation = self->state.generation + 1;
  if (!insert_denial (self, denial, generation, error))
    return FALSE;
  self->state.generation = generation;
  if (out_generation != NULL)
    *out_generation = generation;
  return TRUE;
}

static gboolean
give_denial (TesseraQuery *query, TesseraDenialFunc func, gpointer data, GError **error)
{
  TesseraDenial denial = { .generation = (guint64) tessera_query_get_int (query, 0),
                           .kind = (TesseraDenialKind) tessera_query_get_int (query, 1),
                           .value = tessera_query_get_text (query, 2),
                           .instant_ms = tessera_query_get_int (query, 3),
                           .expires_ms = tessera_query_get_int (query, 4),
                           .grant_id = tessera_query_get_text (query, 5),
                           .client_id = tessera_query_get_text (query, 6),
                           .subject = tessera_query_get_text (query, 7) };
  if (tessera_query_get_int (query, 8) != sum_denial (&denial, denial.generation))
    return fail_damaged (error, "an entry of the deny-list");
  func (&denial, data);
  return TRUE;
}

static gboolean
give_denials (TesseraSqliteStore *self,
              const char *sql,
              guint64 since,
              guint limit,
              TesseraDenialFunc func,
              gpointer data,
              GError **error)
{
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, sql, error, "ii", (gint64) since, (gint64) limit);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return FALSE;
      if (found && !give_denial (query, func, data, error))
        return FALSE;
    }
  while (found);
  return TRUE;
}

#define TOKEN_COLUMNS                                                                              \
  "generation, kind, value, instant_ms, expires_ms, grant_id, client_id, subject, checksum"
#define CUT_OFF_COLUMNS                                                                            \
  "generation, kind, value, instant_ms, expires_ms, NULL, NULL, NULL, checksum"

static gboolean
tessera_sqlite_store_foreach_denial (TesseraStore *store,
                                     guint64 since,
                                     guint limit,
                                     TesseraDenialFunc func,
                                     gpointer data,
                                     GError **error)
{
  return give_denials (TESSERA_SQLITE_STORE (store),
                       "SELECT " TOKEN_COLUMNS " FROM denials WHERE generation > ?1 UNION ALL"
                       " SELECT " CUT_OFF_COLUMNS
                       " FROM cut_offs WHERE generation > ?1 ORDER BY 1 LIMIT ?2",
                       since, limit, func, data, error);
}

static gboolean
tessera_sqlite_store_foreach_cut_off (TesseraStore *store,
                                      TesseraDenialFunc func,
                                      gpointer data,
                                      GError **error)
{
  return give_denials (TESSERA_SQLITE_STORE (store),
                       "SELECT " CUT_OFF_COLUMNS
                       " FROM cut_offs WHERE generation > ?1 ORDER BY generation LIMIT ?2",
                       0, G_MAXUINT, func, data, error);
}

/* From the end, so that no damaged page on the way to @since can hide a newer row. */
static gboolean
tessera_sqlite_store_foreach_denied_token (
    TesseraStore *store, guint64 since, TesseraDenialFunc func, gpointer data, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  if (since == 0 && !self->examined_denials
      && !tessera_database_examine (self->database, DENIALS, error))
    return FALSE;
  self->examined_denials |= since == 0;
  return give_denials (self,
                       "SELECT " TOKEN_COLUMNS
                       " FROM denials WHERE generation > ?1 ORDER BY generation DESC LIMIT ?2",
                       since, G_MAXUINT, func, data, error);
}

/* A copy. */

static void
tessera_sqlite_store_request_copy (TesseraStore *store)
{
  tessera_database_request_copy (TESSERA_SQLITE_STORE (store)->database);
}

static gboolean
tessera_sqlite_store_read_copy (
    TesseraStore *store, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error)
{
  return tessera_database_read_copy (TESSERA_SQLITE_STORE (store)->database, offset, bytes,
                                     out_size, error);
}

static void
tessera_sqlite_store_end_copy (TesseraStore *store)
{
  tessera_database_end_copy (TESSERA_SQLITE_STORE (store)->database);
}

static gboolean
tessera_sqlite_store_examine (TesseraStore *store, guint pages, gboolean *out_more, GError **error)
{
  return tessera_database_examine_pages (TESSERA_SQLITE_STORE (store)->database, pages, out_more,
                                         error);
}

/* Pruning: a little at a time, so that nobody waits long. */

/* How far to look this time; G_MAXINT64: to the end. */
static gboolean
find_prune_end (TesseraSqliteStore *self, guint part, gint64 *out_end, GError **error)
{
  static const char *const questions[N_DENIALS] = {
    "SELECT generation FROM denials WHERE generation > ? ORDER BY generation LIMIT 1 OFFSET ?",
    "SELECT generation FROM cut_offs WHERE generation > ? ORDER BY generation LIMIT 1 OFFSET ?",
  };
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, questions[part], error, "ii",
                                (gint64) self->prune_cursors[part],
                                (gint64) TESSERA_STORE_PRUNED_DENIALS - 1);
  if (!step_to_row (self, query, &found, error))
    return FALSE;
  *out_end = found ? tessera_query_get_int (query, 0) : G_MAXINT64;
  return TRUE;
}

static gboolean
prune_denials (TesseraSqliteStore *self, guint part, gint64 now_ms, GError **error)
{
  static const char *const deletions[N_DENIALS] = {
    "DELETE FROM denials WHERE generation > ? AND generation <= ? AND expires_ms < ?",
    "DELETE FROM cut_offs WHERE generation > ? AND generation <= ? AND expires_ms < ?",
  };
  gint64 end;
  guint64 writes, syncs, writes_after;

  if (!find_prune_end (self, part, &end, error))
    return FALSE;
  tessera_database_get_counts (self->database, &writes, &syncs);
  if (!tessera_database_execute (self->database, deletions[part], error, "iii",
                                 (gint64) self->prune_cursors[part], end, now_ms))
    return FALSE;
  tessera_database_get_counts (self->database, &writes_after, &syncs);
  self->prune_cursors[part] = end == G_MAXINT64 ? 0 : (guint64) end;
  if (writes_after == writes)
    return TRUE;
  /* So that no generation is given twice, whatever was pruned. */
  self->kept_generation = self->state.generation;
  return write_state (self, error);
}

#define FIRST_ENDED " (SELECT grant_id FROM ended_grants ORDER BY number LIMIT ?1)"
#define FIRST_EXPIRED " FROM grants WHERE expires_ms < ?2 ORDER BY expires_ms LIMIT ?1)"

static gboolean
forget_ended (TesseraSqliteStore *self, gint64 count, GError **error)
{
  gboolean found;
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database,
                                "SELECT grant_id FROM ended_grants ORDER BY number LIMIT ?1", error,
                                "i", count);
  do
    {
      if (!step_to_row (self, query, &found, error))
        return FALSE;
      if (found && g_hash_table_remove (self->ended, tessera_query_get_text (query, 0)))
        g_ptr_array_add (self->forgotten_since_begin, tessera_query_dup_text (query, 0));
    }
  while (found);
  return TRUE;
}

static gboolean
prune_ended_grants (TesseraSqliteStore *self, GError **error)
{
  /* More of them when many have ended, so that it never lags behind. */
  gint64 count = PRUNE_ROWS + g_hash_table_size (self->ended) / 80;
  if (g_hash_table_size (self->ended) == 0)
    return TRUE;
  return tessera_database_execute (self->database,
                                   "DELETE FROM rotations WHERE grant_number IN (SELECT"
                                   " number FROM grants WHERE grant_id IN" FIRST_ENDED ")",
                                   error, "i", count)
         && tessera_database_execute (self->database,
                                      "DELETE FROM grants WHERE grant_id IN" FIRST_ENDED, error,
                                      "i", count)
         && forget_ended (self, count, error)
         && tessera_database_execute (self->database,
                                      "DELETE FROM ended_grants WHERE number IN"
                                      " (SELECT number FROM ended_grants ORDER BY number LIMIT ?1)",
                                      error, "i", count);
}

/* Each stays as long as one of its tokens may live: without it nobody knows what they call the
 * person, nor can the person take them back. */
static gboolean
prune_expired_grants (TesseraSqliteStore *self, gint64 now_ms, GError **error)
{
  static const char *const deletions[] = {
    "DELETE FROM rotations WHERE grant_number IN (SELECT number" FIRST_EXPIRED,
    "DELETE FROM grants WHERE number IN (SELECT number" FIRST_EXPIRED,
  };
  gint64 then_ms = now_ms - self->state.longest_lifetime_ms - TESSERA_STORE_TOKEN_SKEW_MS;

  for (guint i = 0; i < G_N_ELEMENTS (deletions); i++)
    if (!tessera_database_execute (self->database, deletions[i], error, "ii", (gint64) PRUNE_ROWS,
                                   then_ms))
      return FALSE;
  return TRUE;
}

/* They expire in the order in which they were put, nearly: so up to the first that is still of use,
 * which is the first of all most of the time. One that was redeemed is of use with its grant. */
#define CODE_ENDS                                                                                  \
  "ifnull ((SELECT redeemed_ms + ?3 FROM redemptions JOIN grants USING (grant_id)"                 \
  " WHERE code_number = codes.number), expires_ms)"

static gboolean
prune_codes (TesseraSqliteStore *self, gint64 now_ms, GError **error)
{
  static const char codes[]
      = "DELETE FROM codes WHERE " CODE_ENDS " < ?2 AND number < ifnull ("
        "(SELECT number FROM (SELECT number, expires_ms FROM codes ORDER BY number LIMIT ?1)"
        " AS codes WHERE " CODE_ENDS " >= ?2 ORDER BY number LIMIT 1),"
        " ifnull ((SELECT number FROM codes ORDER BY number LIMIT 1 OFFSET ?1), ?4))";
  static const char redemptions[]
      = "DELETE FROM redemptions"
        " WHERE code_number < ifnull ((SELECT min (number) FROM codes), ?1)";
  return tessera_database_execute (self->database, codes, error, "iiii", (gint64) PRUNE_ROWS,
                                   now_ms, REDEEMED_CODE_MEMORY_MS, G_MAXINT64)
         && tessera_database_execute (self->database, redemptions, error, "i", G_MAXINT64);
}

static gboolean
prune_expired (TesseraSqliteStore *self, gint64 now_ms, GError **error)
{
  static const char *const deletions[] = {
    "DELETE FROM sessions WHERE rowid IN"
    " (SELECT rowid FROM sessions WHERE expires_ms < ?2 LIMIT ?1)",
    /* By far the most, where there are any. */
    "DELETE FROM assertions WHERE digest IN"
    " (SELECT digest FROM assertions WHERE expires_ms < ?2 LIMIT ?1 * 10)",
    "DELETE FROM initial_tokens WHERE id IN"
    " (SELECT id FROM initial_tokens WHERE expires_ms < ?2 LIMIT ?1)",
    "DELETE FROM participants WHERE (session_id, client_id) IN"
    " (SELECT session_id, client_id FROM participants WHERE expires_ms < ?2 LIMIT ?1)",
  };
  for (guint i = 0; i < G_N_ELEMENTS (deletions); i++)
    if (!tessera_database_execute (self->database, deletions[i], error, "ii", (gint64) PRUNE_ROWS,
                                   now_ms))
      return FALSE;
  return TRUE;
}

static gboolean
tessera_sqlite_store_prune (TesseraStore *store, gint64 now_ms, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  tessera_database_restore_reserve (self->database);
  return prune_denials (self, DENIED_TOKENS, now_ms, error)
         && prune_denials (self, CUT_OFFS, now_ms, error) && prune_ended_grants (self, error)
         && prune_expired_grants (self, now_ms, error) && prune_codes (self, now_ms, error)
         && prune_expired (self, now_ms, error);
}

/* The object. */

static void
tessera_sqlite_store_finalize (GObject *object)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (object);
  g_clear_pointer (&self->database, tessera_database_free);
  g_hash_table_unref (self->ended);
  g_ptr_array_unref (self->ended_since_begin);
  g_ptr_array_unref (self->forgotten_since_begin);
  G_OBJECT_CLASS (tessera_sqlite_store_parent_class)->finalize (object);
}

static void
tessera_sqlite_store_class_init (TesseraSqliteStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_sqlite_store_finalize;
}

static void
tessera_sqlite_store_init (TesseraSqliteStore *self)
{
  self->ended = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->ended_since_begin = g_ptr_array_new_with_free_func (g_free);
  self->forgotten_since_begin = g_ptr_array_new_with_free_func (g_free);
}

static void
tessera_sqlite_store_iface_init (TesseraStoreInterface *iface)
{
  iface->begin = tessera_sqlite_store_begin;
  iface->commit = tessera_sqlite_store_commit;
  iface->rollback = tessera_sqlite_store_rollback;
  iface->prune = tessera_sqlite_store_prune;
  iface->request_copy = tessera_sqlite_store_request_copy;
  iface->read_copy = tessera_sqlite_store_read_copy;
  iface->end_copy = tessera_sqlite_store_end_copy;
  iface->examine = tessera_sqlite_store_examine;
  iface->get_counts = tessera_sqlite_store_get_counts;
  iface->get_state = tessera_sqlite_store_get_state;
  iface->renew_id = tessera_sqlite_store_renew_id;
  iface->raise_generation = tessera_sqlite_store_raise_generation;
  iface->put_high_water = tessera_sqlite_store_put_high_water;
  iface->put_longest_lifetime = tessera_sqlite_store_put_longest_lifetime;
  iface->put_code = tessera_sqlite_store_put_code;
  iface->lookup_code = tessera_sqlite_store_lookup_code;
  iface->redeem_code = tessera_sqlite_store_redeem_code;
  iface->is_challenge_redeemed = tessera_sqlite_store_is_challenge_redeemed;
  iface->put_grant = tessera_sqlite_store_put_grant;
  iface->lookup_grant = tessera_sqlite_store_lookup_grant;
  iface->end_grant = tessera_sqlite_store_end_grant;
  iface->end_session = tessera_sqlite_store_end_session;
  iface->end_all = tessera_sqlite_store_end_all;
  iface->begin_rotation = tessera_sqlite_store_begin_rotation;
  iface->lookup_rotation = tessera_sqlite_store_lookup_rotation;
  iface->rotate = tessera_sqlite_store_rotate;
  iface->lookup_subject = tessera_sqlite_store_lookup_subject;
  iface->list_subs = tessera_sqlite_store_list_subs;
  iface->put_session = tessera_sqlite_store_put_session;
  iface->lookup_session = tessera_sqlite_store_lookup_session;
  iface->touch_session = tessera_sqlite_store_touch_session;
  iface->remove_session = tessera_sqlite_store_remove_session;
  iface->put_consent = tessera_sqlite_store_put_consent;
  iface->lookup_consent = tessera_sqlite_store_lookup_consent;
  iface->list_consents = tessera_sqlite_store_list_consents;
  iface->put_participant = tessera_sqlite_store_put_participant;
  iface->list_logouts = tessera_sqlite_store_list_logouts;
  iface->put_logout_attempts = tessera_sqlite_store_put_logout_attempts;
  iface->remove_logout = tessera_sqlite_store_remove_logout;
  iface->use_assertion = tessera_sqlite_store_use_assertion;
  iface->put_initial_token = tessera_sqlite_store_put_initial_token;
  iface->lookup_initial_token = tessera_sqlite_store_lookup_initial_token;
  iface->remove_initial_token = tessera_sqlite_store_remove_initial_token;
  iface->list_initial_tokens = tessera_sqlite_store_list_initial_tokens;
  iface->put_client = tessera_sqlite_store_put_client;
  iface->remove_client = tessera_sqlite_store_remove_client;
  iface->foreach_client = tessera_sqlite_store_foreach_client;
  iface->foreach_client_record = tessera_sqlite_store_foreach_client_record;
  iface->has_client = tessera_sqlite_store_has_client;
  iface->put_user = tessera_sqlite_store_put_user;
  iface->remove_user = tessera_sqlite_store_remove_user;
  iface->foreach_user = tessera_sqlite_store_foreach_user;
  iface->list_grants = tessera_sqlite_store_list_grants;
  iface->list_sessions = tessera_sqlite_store_list_sessions;
  iface->dup_declared = tessera_sqlite_store_dup_declared;
  iface->put_declared = tessera_sqlite_store_put_declared;
  iface->append_denial = tessera_sqlite_store_append_denial;
  iface->foreach_denial = tessera_sqlite_store_foreach_denial;
  iface->foreach_cut_off = tessera_sqlite_store_foreach_cut_off;
  iface->foreach_denied_token = tessera_sqlite_store_foreach_denied_token;
}

static gboolean
load (TesseraSqliteStore *self, GError **error)
{
  gboolean found;
  if (!read_state_row (self, &found, error))
    return FALSE;
  if (!found && !make_state (self, error))
    return FALSE;
  return read_generation (self, error) && read_ended (self, error);
}

TesseraStore *
tessera_sqlite_store_open (const char *directory, gboolean *out_is_new, GError **error)
{
  g_autoptr (TesseraSqliteStore) self = g_object_new (TESSERA_TYPE_SQLITE_STORE, NULL);
  gboolean is_new = FALSE;

  self->database = tessera_database_open (directory, migrations, vital_tables, &is_new, error);
  if (self->database == NULL)
    return NULL;
  if (!load (self, error))
    {
      tessera_store_explain_damage (error);
      return NULL;
    }
  if (out_is_new != NULL)
    *out_is_new = is_new;
  return TESSERA_STORE (g_steal_pointer (&self));
}
