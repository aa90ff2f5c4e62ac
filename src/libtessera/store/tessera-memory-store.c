/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A store that forgets everything when its process ends: for tests, and for programs that ask for
 * it. */

#include "store/tessera-memory-store-private.h"

#include "base/tessera-error.h"
#include "model/tessera-client-private.h"

#include <string.h>

#define REDEEMED_CODE_MEMORY_MS (G_GINT64_CONSTANT (24) * 60 * 60 * 1000)

typedef void *(*RowCopy) (const void *row);

/* Rows are never changed once they are in a table, only replaced: so the row that was there before
 * is all that a rollback needs. */
typedef struct
{
  GHashTable *rows;     /* char *key -> row */
  GHashTable *by_grant; /* char *grant_id -> (GHashTable of char *key); NULL: not kept */
  GDestroyNotify free_row;
  const char *(*get_grant) (gconstpointer row);
} Table;

typedef struct
{
  Table *table;
  char *key;
  gpointer row; /* NULL: there was none */
} Undo;

typedef struct
{
  char *grant_id;
  TesseraRotation rotation;
} RotationRow;

struct _TesseraMemoryStore
{
  GObject parent_instance;

  Table codes;          /* TesseraAuthorizationCode, by digest */
  Table challenges;     /* grant_id, by client_id and code_challenge that was redeemed */
  Table grants;         /* TesseraGrant */
  Table numbers;        /* grant_id, by number */
  Table rotations;      /* RotationRow, likewise */
  Table sessions;       /* TesseraSession, by digest */
  Table consents;       /* TesseraConsent, by subject, client_id and redirect_uri */
  Table assertions;     /* gint64 expires_ms, by digest */
  Table participants;   /* TesseraParticipant, by session and client */
  Table logouts;        /* TesseraLogout, by number */
  Table initial_tokens; /* TesseraInitialAccessToken */
  Table clients;        /* TesseraClient */
  Table users;          /* TesseraUser */
  Table declared;       /* char *fingerprint */
  Table denials;        /* TesseraDenial, by generation */

  GArray *undo; /* Undo, of the transaction under way */
  TesseraStoreState state;
  TesseraStoreState state_at_begin;
  guint64 oldest_generation; /* no denial before it is left */
  guint64 oldest_at_begin;
  gint64 last_logout;
  gint64 last_grant;
  gboolean warned_of_logouts; /* that there was no room for */
  guint64 writes;
  guint64 writes_at_begin;
  guint64 syncs;
};

static void tessera_memory_store_iface_init (TesseraStoreInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraMemoryStore,
                               tessera_memory_store,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_TYPE_STORE,
                                                      tessera_memory_store_iface_init))

/* Tables. */

static void
table_init (Table *self, GDestroyNotify free_row, const char *(*get_grant) (gconstpointer row))
{
  self->rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_row);
  self->free_row = free_row;
  self->get_grant = get_grant;
  if (get_grant != NULL)
    self->by_grant = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                            (GDestroyNotify) g_hash_table_unref);
}

static void
table_clear (Table *self)
{
  g_clear_pointer (&self->rows, g_hash_table_unref);
  g_clear_pointer (&self->by_grant, g_hash_table_unref);
}

static const char *
table_get_grant (Table *self, gconstpointer row)
{
  return self->get_grant != NULL && row != NULL ? self->get_grant (row) : NULL;
}

static void
table_unindex (Table *self, const char *key, gconstpointer row)
{
  const char *grant_id = table_get_grant (self, row);
  GHashTable *keys = grant_id != NULL ? g_hash_table_lookup (self->by_grant, grant_id) : NULL;
  if (keys == NULL)
    return;
  g_hash_table_remove (keys, key);
  if (g_hash_table_size (keys) == 0)
    g_hash_table_remove (self->by_grant, grant_id);
}

static void
table_index (Table *self, const char *key, gconstpointer row)
{
  const char *grant_id = table_get_grant (self, row);
  if (grant_id == NULL)
    return;
  GHashTable *keys = g_hash_table_lookup (self->by_grant, grant_id);
  if (keys == NULL)
    {
      keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_hash_table_insert (self->by_grant, g_strdup (grant_id), keys);
    }
  g_hash_table_add (keys, g_strdup (key));
}

/* Takes @row (NULL: remove); gives back the row that was there. */
static gpointer
table_swap (Table *self, const char *key, gpointer row)
{
  char *old_key = NULL;
  gpointer old_row = NULL;
  if (g_hash_table_steal_extended (self->rows, key, (gpointer *) &old_key, &old_row))
    table_unindex (self, key, old_row);
  if (row != NULL)
    {
      g_hash_table_insert (self->rows, g_strdup (key), row);
      table_index (self, key, row);
    }
  g_free (old_key);
  return old_row;
}

/* Takes @row. All writing goes through here, so that it can be undone. */
static void
write_row (TesseraMemoryStore *self, Table *table, const char *key, gpointer row)
{
  if (row == NULL && !g_hash_table_contains (table->rows, key))
    return;

  Undo undo = { table, g_strdup (key), NULL };
  undo.row = table_swap (table, key, row);
  g_array_append_val (self->undo, undo);
  self->writes++;
}

/* Copies of the keys of all rows that belong to @grant_id. */
static GPtrArray *
list_keys_of_grant (Table *table, const char *grant_id)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);
  GHashTable *keys = g_hash_table_lookup (table->by_grant, grant_id);
  if (keys == NULL)
    return list;

  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, keys);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (list, g_strdup (key));
  return list;
}

typedef gboolean (*RowMatches) (gconstpointer row, gconstpointer data);

static void
remove_rows (TesseraMemoryStore *self, Table *table, RowMatches matches, gconstpointer data)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer key, row;
  g_hash_table_iter_init (&iter, table->rows);
  while (g_hash_table_iter_next (&iter, &key, &row))
    if (matches (row, data))
      g_ptr_array_add (keys, g_strdup (key));
  for (guint i = 0; i < keys->len; i++)
    write_row (self, table, keys->pdata[i], NULL);
}

static void
digest_to_key (const TesseraDigest *digest, char key[2 * TESSERA_DIGEST_SIZE + 1])
{
  static const char digits[] = "0123456789abcdef";
  for (guint i = 0; i < TESSERA_DIGEST_SIZE; i++)
    {
      key[2 * i] = digits[digest->bytes[i] >> 4];
      key[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
  key[2 * TESSERA_DIGEST_SIZE] = '\0';
}

typedef char DigestKey[2 * TESSERA_DIGEST_SIZE + 1];

static void
rotation_row_free (RotationRow *row)
{
  g_free (row->grant_id);
  g_free (row);
}

static const char *
code_get_grant (gconstpointer row)
{
  return ((const TesseraAuthorizationCode *) row)->grant_id;
}

static const char *
grant_get_grant (gconstpointer row)
{
  return row;
}

static const char *
rotation_get_grant (gconstpointer row)
{
  return ((const RotationRow *) row)->grant_id;
}

static gboolean
refuse_taken (Table *table, const char *key, GError **error)
{
  if (!g_hash_table_contains (table->rows, key))
    return TRUE;
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                       "A record with this key is there already");
  return FALSE;
}

/* Transactions. */

static gboolean
tessera_memory_store_begin (TesseraStore *store, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  self->state_at_begin = self->state;
  self->oldest_at_begin = self->oldest_generation;
  self->writes_at_begin = self->writes;
  return TRUE;
}

static void
forget_undo (TesseraMemoryStore *self)
{
  for (guint i = 0; i < self->undo->len; i++)
    {
      Undo *undo = &g_array_index (self->undo, Undo, i);
      g_free (undo->key);
      if (undo->row != NULL)
        undo->table->free_row (undo->row);
    }
  g_array_set_size (self->undo, 0);
}

static gboolean
tessera_memory_store_commit (TesseraStore *store, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  forget_undo (self);
  if (self->writes != self->writes_at_begin)
    self->syncs++;
  return TRUE;
}

static void
tessera_memory_store_rollback (TesseraStore *store)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  for (guint i = self->undo->len; i > 0; i--)
    {
      Undo *undo = &g_array_index (self->undo, Undo, i - 1);
      gpointer row = table_swap (undo->table, undo->key, g_steal_pointer (&undo->row));
      if (row != NULL)
        undo->table->free_row (row);
    }
  forget_undo (self);
  self->state = self->state_at_begin;
  self->oldest_generation = self->oldest_at_begin;
  self->writes = self->writes_at_begin;
}

static void
tessera_memory_store_get_counts (TesseraStore *store, guint64 *out_writes, guint64 *out_syncs)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  *out_writes = self->writes;
  *out_syncs = self->syncs;
}

static gboolean
tessera_memory_store_get_state (TesseraStore *store, TesseraStoreState *out_state, GError **error)
{
  *out_state = TESSERA_MEMORY_STORE (store)->state;
  return TRUE;
}

static gboolean
tessera_memory_store_put_high_water (TesseraStore *store, gint64 high_water_ms, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  self->state.commits++;
  if (high_water_ms <= self->state.high_water_ms)
    return TRUE;
  self->state.high_water_ms = high_water_ms;
  self->writes++;
  return TRUE;
}

static void
make_id (TesseraMemoryStore *self)
{
  g_autofree char *id = tessera_identifier_new ();
  g_strlcpy (self->state.id, id, sizeof self->state.id);
}

static gboolean
tessera_memory_store_renew_id (TesseraStore *store, GError **error)
{
  make_id (TESSERA_MEMORY_STORE (store));
  return TRUE;
}

static gboolean
tessera_memory_store_raise_generation (TesseraStore *store, guint64 generation, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  self->state.generation = MAX (self->state.generation, generation);
  return TRUE;
}

static gboolean
tessera_memory_store_put_longest_lifetime (TesseraStore *store, gint64 lifetime_ms, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  if (lifetime_ms <= self->state.longest_lifetime_ms)
    return TRUE;
  self->state.longest_lifetime_ms = lifetime_ms;
  self->writes++;
  return TRUE;
}

/* Codes. */

static gboolean
tessera_memory_store_put_code (TesseraStore *store,
                               const TesseraAuthorizationCode *code,
                               GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;
  digest_to_key (&code->digest, key);
  if (!refuse_taken (&self->codes, key, error))
    return FALSE;
  write_row (self, &self->codes, key, tessera_authorization_code_copy (code));
  return TRUE;
}

static TesseraAuthorizationCode *
tessera_memory_store_lookup_code (TesseraStore *store, const TesseraDigest *digest, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;
  digest_to_key (digest, key);
  TesseraAuthorizationCode *code = g_hash_table_lookup (self->codes.rows, key);
  return code != NULL ? tessera_authorization_code_copy (code) : NULL;
}

static char *
challenge_to_key (const char *client_id, const char *code_challenge)
{
  return g_strconcat (code_challenge, "\n", client_id, NULL);
}

static gboolean
tessera_memory_store_redeem_code (TesseraStore *store,
                                  const TesseraAuthorizationCode *code,
                                  const char *grant_id,
                                  gint64 now_ms,
                                  GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;
  digest_to_key (&code->digest, key);
  if (!g_hash_table_contains (self->codes.rows, key))
    {
      g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                           "A code that is not kept is not redeemed");
      return FALSE;
    }
  TesseraAuthorizationCode *redeemed = tessera_authorization_code_copy (code);
  g_free (redeemed->grant_id);
  redeemed->grant_id = g_strdup (grant_id);
  redeemed->redeemed_ms = now_ms;
  write_row (self, &self->codes, key, redeemed);
  if (code->code_challenge == NULL)
    return TRUE;

  g_autofree char *challenge = challenge_to_key (code->client_id, code->code_challenge);
  write_row (self, &self->challenges, challenge, g_strdup (grant_id));
  return TRUE;
}

static gboolean
tessera_memory_store_is_challenge_redeemed (TesseraStore *store,
                                            const char *client_id,
                                            const char *code_challenge,
                                            gboolean *out_redeemed,
                                            GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  g_autofree char *key = challenge_to_key (client_id, code_challenge);
  *out_redeemed = g_hash_table_contains (self->challenges.rows, key);
  return TRUE;
}

/* Numbers as keys: of denials, of logouts, and of grants. */

typedef char GenerationKey[24];

static void
generation_to_key (guint64 generation, GenerationKey key)
{
  g_snprintf (key, sizeof (GenerationKey), "%" G_GUINT64_FORMAT, generation);
}

/* Grants. */

static gboolean
tessera_memory_store_put_grant (TesseraStore *store,
                                const TesseraGrant *grant,
                                gint64 *out_number,
                                GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  if (!refuse_taken (&self->grants, grant->grant_id, error))
    return FALSE;
  GenerationKey key;
  TesseraGrant *row = tessera_grant_copy (grant);
  row->number = ++self->last_grant;
  generation_to_key ((guint64) row->number, key);
  write_row (self, &self->numbers, key, g_strdup (grant->grant_id));
  write_row (self, &self->grants, grant->grant_id, row);
  if (out_number != NULL)
    *out_number = row->number;
  return TRUE;
}

static TesseraGrant *
tessera_memory_store_lookup_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  TesseraGrant *grant = g_hash_table_lookup (self->grants.rows, grant_id);
  return grant != NULL ? tessera_grant_copy (grant) : NULL;
}

static void
use_grant (TesseraStore *store, const char *grant_id, gint64 now_ms)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  TesseraGrant *grant = tessera_memory_store_lookup_grant (store, grant_id, NULL);
  grant->last_used_ms = MAX (grant->last_used_ms, now_ms);
  write_row (self, &self->grants, grant_id, grant);
}

static gboolean
tessera_memory_store_end_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  Table *belongings[] = { &self->numbers, &self->rotations, &self->codes, &self->challenges };
  for (guint i = 0; i < G_N_ELEMENTS (belongings); i++)
    {
      g_autoptr (GPtrArray) keys = list_keys_of_grant (belongings[i], grant_id);
      for (guint k = 0; k < keys->len; k++)
        write_row (self, belongings[i], keys->pdata[k], NULL);
    }
  write_row (self, &self->grants, grant_id, NULL);
  return TRUE;
}

typedef struct
{
  const char *subject;    /* NULL: any */
  const char *client_id;  /* NULL: any */
  const char *session_id; /* NULL: any */
  gint64 began_ms;
} Range;

static gboolean
range_has (const Range *range, const TesseraLogin *login, const char *client_id, gint64 began_ms)
{
  return began_ms <= range->began_ms
         && (range->subject == NULL || g_strcmp0 (range->subject, login->subject) == 0)
         && (range->session_id == NULL || g_strcmp0 (range->session_id, login->session_id) == 0)
         && (range->client_id == NULL || g_strcmp0 (range->client_id, client_id) == 0);
}

static gboolean
code_in_range (gconstpointer row, gconstpointer range)
{
  const TesseraAuthorizationCode *code = row;
  return code->redeemed_ms == 0 && range_has (range, &code->login, code->client_id, code->began_ms);
}

static gboolean
session_in_range (gconstpointer row, gconstpointer range)
{
  const TesseraSession *session = row;
  return range_has (range, &session->login, NULL, session->began_ms);
}

static gboolean
consent_in_range (gconstpointer row, gconstpointer range)
{
  const TesseraConsent *consent = row;
  const TesseraLogin login = { .subject = consent->subject };
  return range_has (range, &login, consent->client_id, consent->given_ms);
}

static void
end_grants_in_range (TesseraMemoryStore *self, const Range *range)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer row;
  g_hash_table_iter_init (&iter, self->grants.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    {
      const TesseraGrant *grant = row;
      if (range_has (range, &grant->login, grant->client_id, grant->began_ms))
        g_ptr_array_add (ids, g_strdup (grant->grant_id));
    }
  for (guint i = 0; i < ids->len; i++)
    tessera_memory_store_end_grant (TESSERA_STORE (self), ids->pdata[i], NULL);
}

static gboolean
participant_in_range (gconstpointer row, gconstpointer range)
{
  const TesseraParticipant *participant = row;
  const TesseraLogin login
      = { .subject = participant->subject, .session_id = participant->session_id };
  return range_has (range, &login, NULL, participant->began_ms);
}

static guint
count_logouts (TesseraMemoryStore *self, const char *client_id)
{
  GHashTableIter iter;
  gpointer row;
  guint count = 0;
  g_hash_table_iter_init (&iter, self->logouts.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    count += g_str_equal (((const TesseraLogout *) row)->client_id, client_id);
  return count;
}

/* FALSE: there is no room. */
static gboolean
put_logout (TesseraMemoryStore *self, const TesseraParticipant *participant)
{
  GenerationKey key;
  TesseraLogout *logout = NULL;

  if (g_hash_table_size (self->logouts.rows) >= TESSERA_STORE_LOGOUTS
      || count_logouts (self, participant->client_id) >= TESSERA_STORE_LOGOUTS_OF_CLIENT)
    return FALSE;
  logout = g_new0 (TesseraLogout, 1);
  logout->number = ++self->last_logout;
  logout->client_id = g_strdup (participant->client_id);
  logout->subject = g_strdup (participant->subject);
  logout->sub = g_strdup (participant->sub);
  logout->session_id = g_strdup (participant->session_id);
  generation_to_key ((guint64) logout->number, key);
  write_row (self, &self->logouts, key, logout);
  return TRUE;
}

static void
put_logouts (TesseraMemoryStore *self, const Range *range)
{
  GHashTableIter iter;
  gpointer row;
  guint64 lost = 0;
  g_hash_table_iter_init (&iter, self->participants.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    if (participant_in_range (row, range) && !put_logout (self, row))
      lost++;
  tessera_store_warn_of_logouts (&self->warned_of_logouts, lost);
  remove_rows (self, &self->participants, participant_in_range, range);
}

static gboolean
tessera_memory_store_end_session (TesseraStore *store,
                                  const char *session_id,
                                  gint64 now_ms,
                                  GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  Range range = { NULL, NULL, session_id, G_MAXINT64 };
  end_grants_in_range (self, &range);
  remove_rows (self, &self->codes, code_in_range, &range);
  remove_rows (self, &self->sessions, session_in_range, &range);
  put_logouts (self, &range);
  return TRUE;
}

static gboolean
tessera_memory_store_end_all (TesseraStore *store,
                              const char *subject,
                              const char *client_id,
                              gint64 began_ms,
                              GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  Range range = { subject, client_id, NULL, began_ms };
  end_grants_in_range (self, &range);
  remove_rows (self, &self->codes, code_in_range, &range);
  remove_rows (self, &self->consents, consent_in_range, &range);
  if (client_id != NULL)
    return TRUE;
  remove_rows (self, &self->sessions, session_in_range, &range);
  put_logouts (self, &range);
  return TRUE;
}

static gboolean
tessera_memory_store_put_participant (TesseraStore *store,
                                      const TesseraParticipant *participant,
                                      GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  g_autofree char *key = g_strjoin (" ", participant->session_id, participant->client_id, NULL);
  TesseraParticipant *row = tessera_participant_copy (participant);
  const TesseraParticipant *before = g_hash_table_lookup (self->participants.rows, key);

  if (before != NULL)
    row->expires_ms = MAX (row->expires_ms, before->expires_ms);
  write_row (self, &self->participants, key, row);
  return TRUE;
}

static int
compare_logouts (gconstpointer a, gconstpointer b)
{
  const TesseraLogout *one = *(const TesseraLogout *const *) a;
  const TesseraLogout *other = *(const TesseraLogout *const *) b;
  return (one->number > other->number) - (one->number < other->number);
}

static GPtrArray *
tessera_memory_store_list_logouts (TesseraStore *store, gint64 after, guint limit, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GPtrArray *page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_logout_free);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->logouts.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    if (((const TesseraLogout *) row)->number > after)
      g_ptr_array_add (page, tessera_logout_copy (row));
  g_ptr_array_sort (page, compare_logouts);
  if (page->len > limit)
    g_ptr_array_set_size (page, (int) limit);
  return page;
}

static gboolean
tessera_memory_store_put_logout_attempts (TesseraStore *store,
                                          gint64 number,
                                          guint attempts,
                                          GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GenerationKey key;
  const TesseraLogout *found = NULL;
  TesseraLogout *row = NULL;

  generation_to_key ((guint64) number, key);
  found = g_hash_table_lookup (self->logouts.rows, key);
  if (found == NULL)
    return TRUE;
  row = tessera_logout_copy (found);
  row->attempts = attempts;
  write_row (self, &self->logouts, key, row);
  return TRUE;
}

static gboolean
tessera_memory_store_remove_logout (TesseraStore *store, gint64 number, GError **error)
{
  GenerationKey key;

  generation_to_key ((guint64) number, key);
  write_row (TESSERA_MEMORY_STORE (store), &TESSERA_MEMORY_STORE (store)->logouts, key, NULL);
  return TRUE;
}

/* Rotations. */

static gboolean
tessera_memory_store_begin_rotation (TesseraStore *store,
                                     gint64 number,
                                     gint64 issued_ms,
                                     GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GenerationKey key;
  generation_to_key ((guint64) number, key);
  if (!refuse_taken (&self->rotations, key, error))
    return FALSE;
  RotationRow *row = g_new0 (RotationRow, 1);
  row->grant_id = g_strdup (g_hash_table_lookup (self->numbers.rows, key));
  row->rotation.issued_ms = issued_ms;
  write_row (self, &self->rotations, key, row);
  use_grant (store, row->grant_id, issued_ms);
  return TRUE;
}

static TesseraGrant *
tessera_memory_store_lookup_rotation (TesseraStore *store,
                                      gint64 number,
                                      TesseraRotation *out_rotation,
                                      GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GenerationKey key;
  generation_to_key ((guint64) number, key);
  const RotationRow *row = g_hash_table_lookup (self->rotations.rows, key);
  if (row == NULL)
    return NULL;
  *out_rotation = row->rotation;
  return tessera_memory_store_lookup_grant (store, row->grant_id, error);
}

static gboolean
tessera_memory_store_rotate (TesseraStore *store, gint64 number, gint64 issued_ms, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GenerationKey key;
  generation_to_key ((guint64) number, key);
  const RotationRow *before = g_hash_table_lookup (self->rotations.rows, key);
  if (before == NULL)
    return TRUE;
  RotationRow *row = g_new0 (RotationRow, 1);
  row->grant_id = g_strdup (before->grant_id);
  row->rotation.turn = before->rotation.turn + 1;
  row->rotation.issued_ms = issued_ms;
  row->rotation.before_ms = before->rotation.issued_ms;
  write_row (self, &self->rotations, key, row);
  use_grant (store, row->grant_id, issued_ms);
  return TRUE;
}

/* Sessions and consents. */

static gboolean
tessera_memory_store_put_session (TesseraStore *store,
                                  const TesseraSession *session,
                                  GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;
  digest_to_key (&session->digest, key);
  if (!refuse_taken (&self->sessions, key, error))
    return FALSE;
  write_row (self, &self->sessions, key, tessera_session_copy (session));
  return TRUE;
}

static TesseraSession *
tessera_memory_store_lookup_session (TesseraStore *store,
                                     const TesseraDigest *digest,
                                     GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;
  digest_to_key (digest, key);
  TesseraSession *session = g_hash_table_lookup (self->sessions.rows, key);
  return session != NULL ? tessera_session_copy (session) : NULL;
}

static gboolean
tessera_memory_store_touch_session (TesseraStore *store,
                                    const TesseraDigest *digest,
                                    gint64 last_seen_ms,
                                    GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  TesseraSession *session = tessera_memory_store_lookup_session (store, digest, NULL);
  if (session == NULL)
    return TRUE;
  DigestKey key;
  digest_to_key (digest, key);
  session->last_seen_ms = last_seen_ms;
  write_row (self, &self->sessions, key, session);
  return TRUE;
}

static gboolean
tessera_memory_store_remove_session (TesseraStore *store,
                                     const TesseraDigest *digest,
                                     GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;
  digest_to_key (digest, key);
  write_row (self, &self->sessions, key, NULL);
  return TRUE;
}

/* No newline can be part of a client_id or a URI, and the subject comes last. */
static char *
consent_to_key (const char *subject, const char *client_id, const char *redirect_uri)
{
  return g_strconcat (client_id, "\n", redirect_uri, "\n", subject, NULL);
}

static gboolean
tessera_memory_store_put_consent (TesseraStore *store,
                                  const TesseraConsent *consent,
                                  GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  g_autofree char *key
      = consent_to_key (consent->subject, consent->client_id, consent->redirect_uri);
  write_row (self, &self->consents, key, tessera_consent_copy (consent));
  return TRUE;
}

static TesseraConsent *
tessera_memory_store_lookup_consent (TesseraStore *store,
                                     const char *subject,
                                     const char *client_id,
                                     const char *redirect_uri,
                                     GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  g_autofree char *key = consent_to_key (subject, client_id, redirect_uri);
  TesseraConsent *consent = g_hash_table_lookup (self->consents.rows, key);
  return consent != NULL ? tessera_consent_copy (consent) : NULL;
}

static GPtrArray *
tessera_memory_store_list_consents (TesseraStore *store, const char *subject, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_consent_free);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->consents.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    if (g_str_equal (((const TesseraConsent *) row)->subject, subject))
      g_ptr_array_add (list, tessera_consent_copy (row));
  return list;
}

/* Assertions. */

static gboolean
tessera_memory_store_use_assertion (TesseraStore *store,
                                    const TesseraDigest *digest,
                                    gint64 expires_ms,
                                    gboolean for_revocation,
                                    gboolean *out_is_new,
                                    GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  DigestKey key;

  digest_to_key (digest, key);
  *out_is_new = !g_hash_table_contains (self->assertions.rows, key);
  if (*out_is_new)
    write_row (self, &self->assertions, key, g_memdup2 (&expires_ms, sizeof expires_ms));
  return TRUE;
}

/* Initial access tokens, which are few. */

static gboolean
tessera_memory_store_put_initial_token (TesseraStore *store,
                                        const TesseraInitialAccessToken *token,
                                        GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);

  write_row (self, &self->initial_tokens, token->id, tessera_initial_access_token_copy (token));
  return TRUE;
}

static TesseraInitialAccessToken *
tessera_memory_store_lookup_initial_token (TesseraStore *store,
                                           const TesseraDigest *digest,
                                           GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->initial_tokens.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    if (tessera_digest_equal (&((TesseraInitialAccessToken *) row)->digest, digest))
      return tessera_initial_access_token_copy (row);
  return NULL;
}

static gboolean
tessera_memory_store_remove_initial_token (TesseraStore *store,
                                           const char *id,
                                           gboolean *out_removed,
                                           GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);

  *out_removed = g_hash_table_contains (self->initial_tokens.rows, id);
  write_row (self, &self->initial_tokens, id, NULL);
  return TRUE;
}

static int
compare_initial_tokens (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(TesseraInitialAccessToken *const *) a)->id,
                 (*(TesseraInitialAccessToken *const *) b)->id);
}

static GPtrArray *
tessera_memory_store_list_initial_tokens (TesseraStore *store,
                                          const TesseraStoreFilter *filter,
                                          GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GPtrArray *page
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_initial_access_token_free);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->initial_tokens.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    {
      const TesseraInitialAccessToken *token = row;
      if (strcmp (token->id, filter->after) > 0
          && tessera_initial_access_token_is_good (token, filter->now_ms))
        g_ptr_array_add (page, tessera_initial_access_token_copy (token));
    }
  g_ptr_array_sort (page, compare_initial_tokens);
  if (page->len > filter->limit)
    g_ptr_array_set_size (page, (int) filter->limit);
  return page;
}

/* Clients and what was declared. */

static gboolean
tessera_memory_store_put_client (TesseraStore *store, TesseraClient *client, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  write_row (self, &self->clients, tessera_client_get_id (client), g_object_ref (client));
  return TRUE;
}

static gboolean
tessera_memory_store_remove_client (TesseraStore *store, const char *client_id, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  write_row (self, &self->clients, client_id, NULL);
  return TRUE;
}

static gboolean
tessera_memory_store_foreach_client (TesseraStore *store,
                                     TesseraClientFunc func,
                                     gpointer data,
                                     GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  g_autoptr (GList) clients = g_hash_table_get_values (self->clients.rows);
  for (GList *l = clients; l != NULL; l = l->next)
    func (l->data, data);
  return TRUE;
}

static gboolean
tessera_memory_store_foreach_client_record (TesseraStore *store,
                                            gint64 *position,
                                            guint limit,
                                            TesseraClientRecordFunc func,
                                            gpointer data,
                                            GError **error)
{
  g_autoptr (GList) clients = g_hash_table_get_values (TESSERA_MEMORY_STORE (store)->clients.rows);

  for (GList *l = clients; l != NULL; l = l->next)
    {
      g_autoptr (json_t) json = tessera_client_to_json (l->data);
      g_autofree char *record = tessera_json_dump (json);
      func (tessera_client_get_id (l->data), record, data);
    }
  *position = -1; /* all at once: there are few */
  return TRUE;
}

static gboolean
tessera_memory_store_has_client (TesseraStore *store,
                                 const char *client_id,
                                 gboolean *out_has,
                                 GError **error)
{
  *out_has = g_hash_table_contains (TESSERA_MEMORY_STORE (store)->clients.rows, client_id);
  return TRUE;
}

static gboolean
tessera_memory_store_put_user (TesseraStore *store, TesseraUser *user, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  write_row (self, &self->users, tessera_user_get_username (user), g_object_ref (user));
  return TRUE;
}

static gboolean
tessera_memory_store_remove_user (TesseraStore *store, const char *username, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  write_row (self, &self->users, username, NULL);
  return TRUE;
}

static gboolean
tessera_memory_store_foreach_user (TesseraStore *store,
                                   TesseraUserFunc func,
                                   gpointer data,
                                   GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  g_autoptr (GList) users = g_hash_table_get_values (self->users.rows);
  for (GList *l = users; l != NULL; l = l->next)
    func (l->data, data);
  return TRUE;
}

/* What tokens call people. */

static gboolean
tessera_memory_store_lookup_subject (TesseraStore *store,
                                     const char *sub,
                                     char **out_subject,
                                     GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  const TesseraLogin *found = NULL;
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->grants.rows);
  while (found == NULL && g_hash_table_iter_next (&iter, NULL, &row))
    if (g_strcmp0 (((const TesseraGrant *) row)->login.sub, sub) == 0)
      found = &((const TesseraGrant *) row)->login;
  g_hash_table_iter_init (&iter, self->sessions.rows);
  while (found == NULL && g_hash_table_iter_next (&iter, NULL, &row))
    if (g_strcmp0 (((const TesseraSession *) row)->login.sub, sub) == 0)
      found = &((const TesseraSession *) row)->login;
  *out_subject = found != NULL ? g_strdup (found->subject) : NULL;
  return TRUE;
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
tessera_memory_store_list_subs (TesseraStore *store, const char *subject, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GPtrArray *subs = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->grants.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    {
      const TesseraLogin *login = &((const TesseraGrant *) row)->login;
      if (login->sub != NULL && g_strcmp0 (login->subject, subject) == 0
          && !g_ptr_array_find_with_equal_func (subs, login->sub, g_str_equal, NULL))
        g_ptr_array_add (subs, g_strdup (login->sub));
    }
  g_ptr_array_sort (subs, compare_texts);
  return subs;
}

/* Lists. */

static int
compare_grants (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const TesseraGrant *const *) a)->grant_id,
                 (*(const TesseraGrant *const *) b)->grant_id);
}

static int
compare_sessions (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const TesseraSession *const *) a)->login.session_id,
                 (*(const TesseraSession *const *) b)->login.session_id);
}

static gboolean
is_wanted (const char *wanted, const char *value)
{
  return wanted == NULL || g_strcmp0 (wanted, value) == 0;
}

static GPtrArray *
tessera_memory_store_list_grants (TesseraStore *store,
                                  const TesseraStoreFilter *filter,
                                  GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GPtrArray *page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_grant_free);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->grants.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    {
      const TesseraGrant *grant = row;
      if (is_wanted (filter->subject, grant->login.subject)
          && is_wanted (filter->client_id, grant->client_id) && grant->expires_ms > filter->now_ms
          && strcmp (grant->grant_id, filter->after) > 0)
        g_ptr_array_add (page, tessera_grant_copy (grant));
    }
  g_ptr_array_sort (page, compare_grants);
  g_ptr_array_set_size (page, (int) MIN (page->len, filter->limit));
  return page;
}

static GPtrArray *
tessera_memory_store_list_sessions (TesseraStore *store,
                                    const TesseraStoreFilter *filter,
                                    GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GPtrArray *page = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_session_free);
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->sessions.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    {
      const TesseraSession *session = row;
      if (is_wanted (filter->subject, session->login.subject)
          && session->expires_ms > filter->now_ms
          && strcmp (session->login.session_id, filter->after) > 0)
        g_ptr_array_add (page, tessera_session_copy (session));
    }
  g_ptr_array_sort (page, compare_sessions);
  g_ptr_array_set_size (page, (int) MIN (page->len, filter->limit));
  return page;
}

static GHashTable *
tessera_memory_store_dup_declared (TesseraStore *store, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  GHashTable *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer name, fingerprint;
  g_hash_table_iter_init (&iter, self->declared.rows);
  while (g_hash_table_iter_next (&iter, &name, &fingerprint))
    g_hash_table_insert (copy, g_strdup (name), g_strdup (fingerprint));
  return copy;
}

static gboolean
tessera_memory_store_put_declared (TesseraStore *store,
                                   const char *name,
                                   const char *fingerprint,
                                   GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  write_row (self, &self->declared, name, g_strdup (fingerprint));
  return TRUE;
}

/* The deny-list. */

static gboolean
tessera_memory_store_append_denial (TesseraStore *store,
                                    const TesseraDenial *denial,
                                    guint64 *out_generation,
                                    GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  TesseraDenial *copy = tessera_denial_copy (denial);
  copy->generation = ++self->state.generation;

  GenerationKey key;
  generation_to_key (copy->generation, key);
  write_row (self, &self->denials, key, copy);
  if (out_generation != NULL)
    *out_generation = copy->generation;
  return TRUE;
}

typedef gboolean (*DenialFilter) (const TesseraDenial *denial);

static gboolean
is_any (const TesseraDenial *denial)
{
  return TRUE;
}

static gboolean
is_token (const TesseraDenial *denial)
{
  return denial->kind == TESSERA_DENIAL_TOKEN;
}

static gboolean
is_cut_off (const TesseraDenial *denial)
{
  return !is_token (denial);
}

static gboolean
give_denials (TesseraStore *store,
              guint64 since,
              guint limit,
              DenialFilter filter,
              TesseraDenialFunc func,
              gpointer data)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  guint64 g = MAX (since + 1, self->oldest_generation);
  for (guint given = 0; g <= self->state.generation && given < limit; g++)
    {
      GenerationKey key;
      generation_to_key (g, key);
      const TesseraDenial *denial = g_hash_table_lookup (self->denials.rows, key);
      if (denial == NULL || !filter (denial))
        continue;
      func (denial, data);
      given++;
    }
  return TRUE;
}

static gboolean
tessera_memory_store_foreach_denial (TesseraStore *store,
                                     guint64 since,
                                     guint limit,
                                     TesseraDenialFunc func,
                                     gpointer data,
                                     GError **error)
{
  return give_denials (store, since, limit, is_any, func, data);
}

static gboolean
tessera_memory_store_foreach_cut_off (TesseraStore *store,
                                      TesseraDenialFunc func,
                                      gpointer data,
                                      GError **error)
{
  return give_denials (store, 0, G_MAXUINT, is_cut_off, func, data);
}

static gboolean
tessera_memory_store_foreach_denied_token (
    TesseraStore *store, guint64 since, TesseraDenialFunc func, gpointer data, GError **error)
{
  return give_denials (store, since, G_MAXUINT, is_token, func, data);
}

/* Pruning. */

static gboolean
code_is_useless (gconstpointer row, gconstpointer now_ms)
{
  const TesseraAuthorizationCode *code = row;
  gint64 end
      = code->redeemed_ms > 0 ? code->redeemed_ms + REDEEMED_CODE_MEMORY_MS : code->expires_ms;
  return end < *(const gint64 *) now_ms;
}

static gboolean
session_is_useless (gconstpointer row, gconstpointer now_ms)
{
  return ((const TesseraSession *) row)->expires_ms < *(const gint64 *) now_ms;
}

static gboolean
denial_is_useless (gconstpointer row, gconstpointer now_ms)
{
  return ((const TesseraDenial *) row)->expires_ms < *(const gint64 *) now_ms;
}

static gboolean
assertion_is_useless (gconstpointer row, gconstpointer now_ms)
{
  return *(const gint64 *) row < *(const gint64 *) now_ms;
}

static gboolean
initial_token_is_useless (gconstpointer row, gconstpointer now_ms)
{
  return ((const TesseraInitialAccessToken *) row)->expires_ms < *(const gint64 *) now_ms;
}

static gboolean
participant_is_useless (gconstpointer row, gconstpointer now_ms)
{
  return ((const TesseraParticipant *) row)->expires_ms < *(const gint64 *) now_ms;
}

static gboolean
challenge_is_useless (gconstpointer row, gconstpointer codes)
{
  return !g_hash_table_contains (((const Table *) codes)->by_grant, row);
}

/* Each stays as long as one of its tokens may live. */
static void
prune_grants (TesseraMemoryStore *self, gint64 now_ms)
{
  gint64 then_ms = now_ms - self->state.longest_lifetime_ms - TESSERA_STORE_TOKEN_SKEW_MS;
  g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer row;
  g_hash_table_iter_init (&iter, self->grants.rows);
  while (g_hash_table_iter_next (&iter, NULL, &row))
    {
      const TesseraGrant *grant = row;
      if (grant->expires_ms < then_ms)
        g_ptr_array_add (ids, g_strdup (grant->grant_id));
    }
  for (guint i = 0; i < ids->len; i++)
    tessera_memory_store_end_grant (TESSERA_STORE (self), ids->pdata[i], NULL);
}

static void
skip_pruned_denials (TesseraMemoryStore *self)
{
  GenerationKey key;
  for (; self->oldest_generation <= self->state.generation; self->oldest_generation++)
    {
      generation_to_key (self->oldest_generation, key);
      if (g_hash_table_contains (self->denials.rows, key))
        return;
    }
}

static gboolean
tessera_memory_store_prune (TesseraStore *store, gint64 now_ms, GError **error)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (store);
  prune_grants (self, now_ms);
  remove_rows (self, &self->codes, code_is_useless, &now_ms);
  remove_rows (self, &self->challenges, challenge_is_useless, &self->codes);
  remove_rows (self, &self->sessions, session_is_useless, &now_ms);
  remove_rows (self, &self->assertions, assertion_is_useless, &now_ms);
  remove_rows (self, &self->initial_tokens, initial_token_is_useless, &now_ms);
  remove_rows (self, &self->participants, participant_is_useless, &now_ms);
  remove_rows (self, &self->denials, denial_is_useless, &now_ms);
  skip_pruned_denials (self);
  return TRUE;
}

/* The object. */

static void
tessera_memory_store_finalize (GObject *object)
{
  TesseraMemoryStore *self = TESSERA_MEMORY_STORE (object);
  Table *tables[]
      = { &self->codes,        &self->challenges, &self->grants,     &self->rotations,
          &self->sessions,     &self->consents,   &self->clients,    &self->users,
          &self->declared,     &self->denials,    &self->assertions, &self->initial_tokens,
          &self->participants, &self->logouts,    &self->numbers };

  forget_undo (self);
  g_array_unref (self->undo);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    table_clear (tables[i]);
  G_OBJECT_CLASS (tessera_memory_store_parent_class)->finalize (object);
}

static void
tessera_memory_store_class_init (TesseraMemoryStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_memory_store_finalize;
}

static void
tessera_memory_store_init (TesseraMemoryStore *self)
{
  table_init (&self->codes, (GDestroyNotify) tessera_authorization_code_free, code_get_grant);
  table_init (&self->challenges, g_free, grant_get_grant);
  table_init (&self->numbers, g_free, grant_get_grant);
  table_init (&self->grants, (GDestroyNotify) tessera_grant_free, NULL);
  table_init (&self->rotations, (GDestroyNotify) rotation_row_free, rotation_get_grant);
  table_init (&self->sessions, (GDestroyNotify) tessera_session_free, NULL);
  table_init (&self->consents, (GDestroyNotify) tessera_consent_free, NULL);
  table_init (&self->assertions, g_free, NULL);
  table_init (&self->initial_tokens, (GDestroyNotify) tessera_initial_access_token_free, NULL);
  table_init (&self->participants, (GDestroyNotify) tessera_participant_free, NULL);
  table_init (&self->logouts, (GDestroyNotify) tessera_logout_free, NULL);
  table_init (&self->clients, g_object_unref, NULL);
  table_init (&self->users, g_object_unref, NULL);
  table_init (&self->declared, g_free, NULL);
  table_init (&self->denials, (GDestroyNotify) tessera_denial_free, NULL);
  self->undo = g_array_new (FALSE, FALSE, sizeof (Undo));
  self->oldest_generation = 1;

  make_id (self);
}

static void
tessera_memory_store_iface_init (TesseraStoreInterface *iface)
{
  iface->begin = tessera_memory_store_begin;
  iface->commit = tessera_memory_store_commit;
  iface->rollback = tessera_memory_store_rollback;
  iface->prune = tessera_memory_store_prune;
  iface->get_counts = tessera_memory_store_get_counts;
  iface->get_state = tessera_memory_store_get_state;
  iface->renew_id = tessera_memory_store_renew_id;
  iface->raise_generation = tessera_memory_store_raise_generation;
  iface->put_high_water = tessera_memory_store_put_high_water;
  iface->put_longest_lifetime = tessera_memory_store_put_longest_lifetime;
  iface->put_code = tessera_memory_store_put_code;
  iface->lookup_code = tessera_memory_store_lookup_code;
  iface->redeem_code = tessera_memory_store_redeem_code;
  iface->is_challenge_redeemed = tessera_memory_store_is_challenge_redeemed;
  iface->put_grant = tessera_memory_store_put_grant;
  iface->lookup_grant = tessera_memory_store_lookup_grant;
  iface->end_grant = tessera_memory_store_end_grant;
  iface->end_session = tessera_memory_store_end_session;
  iface->end_all = tessera_memory_store_end_all;
  iface->begin_rotation = tessera_memory_store_begin_rotation;
  iface->lookup_rotation = tessera_memory_store_lookup_rotation;
  iface->rotate = tessera_memory_store_rotate;
  iface->lookup_subject = tessera_memory_store_lookup_subject;
  iface->list_subs = tessera_memory_store_list_subs;
  iface->put_session = tessera_memory_store_put_session;
  iface->lookup_session = tessera_memory_store_lookup_session;
  iface->touch_session = tessera_memory_store_touch_session;
  iface->remove_session = tessera_memory_store_remove_session;
  iface->put_consent = tessera_memory_store_put_consent;
  iface->lookup_consent = tessera_memory_store_lookup_consent;
  iface->list_consents = tessera_memory_store_list_consents;
  iface->put_participant = tessera_memory_store_put_participant;
  iface->list_logouts = tessera_memory_store_list_logouts;
  iface->put_logout_attempts = tessera_memory_store_put_logout_attempts;
  iface->remove_logout = tessera_memory_store_remove_logout;
  iface->use_assertion = tessera_memory_store_use_assertion;
  iface->put_initial_token = tessera_memory_store_put_initial_token;
  iface->lookup_initial_token = tessera_memory_store_lookup_initial_token;
  iface->remove_initial_token = tessera_memory_store_remove_initial_token;
  iface->list_initial_tokens = tessera_memory_store_list_initial_tokens;
  iface->put_client = tessera_memory_store_put_client;
  iface->remove_client = tessera_memory_store_remove_client;
  iface->foreach_client = tessera_memory_store_foreach_client;
  iface->foreach_client_record = tessera_memory_store_foreach_client_record;
  iface->has_client = tessera_memory_store_has_client;
  iface->put_user = tessera_memory_store_put_user;
  iface->remove_user = tessera_memory_store_remove_user;
  iface->foreach_user = tessera_memory_store_foreach_user;
  iface->list_grants = tessera_memory_store_list_grants;
  iface->list_sessions = tessera_memory_store_list_sessions;
  iface->dup_declared = tessera_memory_store_dup_declared;
  iface->put_declared = tessera_memory_store_put_declared;
  iface->append_denial = tessera_memory_store_append_denial;
  iface->foreach_denial = tessera_memory_store_foreach_denial;
  iface->foreach_cut_off = tessera_memory_store_foreach_cut_off;
  iface->foreach_denied_token = tessera_memory_store_foreach_denied_token;
}

TesseraStore *
tessera_memory_store_new (void)
{
  return g_object_new (TESSERA_TYPE_MEMORY_STORE, NULL);
}
