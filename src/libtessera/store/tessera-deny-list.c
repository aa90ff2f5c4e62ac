/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The deny-list (design.md §5): what refuses a token whose signature is good (RFC 7009, RFC 9700
 * §4.14).
 *
 * Only the committing thread writes, so it may read without the lock; all other threads read under
 * it. What takes long (growing, pruning the table of tokens) is done beside the table in use, which
 * is then exchanged under the lock. */

#include "store/tessera-deny-list-private.h"

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "store/tessera-denied-tokens-private.h"
#include "store/tessera-mirror-private.h"

#include <string.h>

#define MAX_TOKENS_DEFAULT 1000000
#define PRUNE_INTERVAL_MS 5000
#define LIFETIME_MAX_MS ((gint64) G_MAXINT32 * 1000)
#define ENDED G_MAXINT64 /* as an instant: whenever it was issued */

/* Up to which instant what belongs to one value is refused. */
typedef struct
{
  gint64 instant_ms;
  gint64 expires_ms;
} CutOff;

/* How many of its own tokens, those without a grant, a client has in the list. */
typedef struct
{
  char *client_id;
  guint32 index;
  guint count;
} Share;

typedef enum
{
  GRANTS,
  GRANT_TOKENS, /* the grant itself lives on */
  SESSIONS,
  SUBJECTS,
  CLIENTS,
  CLIENT_TOKENS,
  KEYS,
  ALL, /* one value: "" */
  N_CUT_OFFS
} CutOffTable;

/* How to take back what the batch under way did. */
typedef struct
{
  CutOffTable table;
  char *value; /* NULL: `token` was added or removed */
  gboolean existed;
  CutOff before;
  gboolean removed;
  TesseraDeniedToken token;
} Change;

struct _TesseraDenyList
{
  TesseraClock *clock;
  TesseraMirror *mirror; /* or NULL */
  TesseraCommitter *committer;
  guint max_tokens;
  gboolean expects_past;
  gint64 longest_lifetime_ms; /* atomic */

  GRWLock lock; /* over what follows */
  TesseraDeniedTokens *tokens;
  GHashTable *cut_offs[N_CUT_OFFS]; /* char *value -> CutOff */
  guint64 durable_generation;

  /* The committing thread's own: */
  GHashTable *shares;         /* char *client_id -> Share, owned by shares_by_index */
  GPtrArray *shares_by_index; /* Share; 0 is nobody's */
  GArray *changes;            /* Change, of the batch under way */
  TesseraStoreState state;    /* as it will be after the batch */
  guint64 durable_commits;
  gint64 lifetime_put_ms;
  gint64 next_prune_ms;
};

static void
share_free (Share *share)
{
  if (share == NULL)
    return;
  g_free (share->client_id);
  g_free (share);
}

static void
change_clear (Change *change)
{
  g_free (change->value);
}

TesseraDenyList *
tessera_deny_list_new (TesseraClock *clock, guint max_tokens, const char *mirror_path)
{
  TesseraDenyList *self = g_new0 (TesseraDenyList, 1);
  self->clock = tessera_clock_ref (clock);
  self->mirror = mirror_path != NULL ? tessera_mirror_new (mirror_path) : NULL;
  self->max_tokens = max_tokens > 0 ? max_tokens : MAX_TOKENS_DEFAULT;
  g_rw_lock_init (&self->lock);
  self->tokens = tessera_denied_tokens_new (0);
  for (guint i = 0; i < N_CUT_OFFS; i++)
    self->cut_offs[i] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  self->shares = g_hash_table_new (g_str_hash, g_str_equal);
  self->shares_by_index = g_ptr_array_new_with_free_func ((GDestroyNotify) share_free);
  g_ptr_array_add (self->shares_by_index, NULL);
  self->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (self->changes, (GDestroyNotify) change_clear);
  return self;
}

void
tessera_deny_list_free (TesseraDenyList *self)
{
  if (self == NULL)
    return;
  tessera_mirror_free (self->mirror);
  tessera_denied_tokens_free (self->tokens);
  for (guint i = 0; i < N_CUT_OFFS; i++)
    g_hash_table_unref (self->cut_offs[i]);
  g_hash_table_unref (self->shares);
  g_ptr_array_unref (self->shares_by_index);
  g_array_unref (self->changes);
  g_rw_lock_clear (&self->lock);
  tessera_clock_unref (self->clock);
  g_free (self);
}

/* The question. */

static gint64
get_instant (TesseraDenyList *self, CutOffTable table, const char *value)
{
  const CutOff *cut_off = NULL;
  if (value != NULL && g_hash_table_size (self->cut_offs[table]) > 0)
    cut_off = g_hash_table_lookup (self->cut_offs[table], value);
  return cut_off != NULL ? cut_off->instant_ms : G_MININT64;
}

/* The maximum of all that end an authorization, and so all its tokens (design.md §5). */
static gint64
get_authorization_instant (TesseraDenyList *self, const TesseraTokenIdentity *token)
{
  gint64 instant = get_instant (self, ALL, "");
  instant = MAX (instant, get_instant (self, CLIENTS, token->client_id));
  instant = MAX (instant, get_instant (self, SESSIONS, token->session_id));
  instant = MAX (instant, get_instant (self, GRANTS, token->grant_id));
  /* A client's own token has the client as subject, which no person may be. */
  if (token->grant_id == NULL)
    return instant;
  return MAX (instant, get_instant (self, SUBJECTS, token->subject));
}

/* The maximum of all that refuse a token by when it was issued. */
static gint64
get_token_instant (TesseraDenyList *self, const TesseraTokenIdentity *token)
{
  gint64 instant = get_authorization_instant (self, token);
  instant = MAX (instant, get_instant (self, KEYS, token->kid));
  if (token->grant_id == NULL)
    return MAX (instant, get_instant (self, CLIENT_TOKENS, token->client_id));
  return MAX (instant, get_instant (self, GRANT_TOKENS, token->grant_id));
}

/* A jti is a UUID of ours; anything else is known by its digest. */
static void
jti_to_id (const char *jti, guint8 out_id[16])
{
  gint64 ms;
  if (tessera_uuid_parse (jti, out_id, &ms))
    return;
  TesseraDigest digest = tessera_digest (jti, -1);
  memcpy (out_id, digest.bytes, 16);
}

static gboolean
has_token (TesseraDenyList *self, const char *jti, const char *grant_id)
{
  if (jti == NULL || tessera_denied_tokens_get_count (self->tokens) == 0)
    return FALSE;

  guint8 id[16];
  jti_to_id (jti, id);
  if (tessera_denied_tokens_contains (self->tokens, id, 0))
    return TRUE;
  return grant_id != NULL
         && tessera_denied_tokens_contains (self->tokens, id, tessera_denied_tokens_tag (grant_id));
}

gboolean
tessera_deny_list_check (TesseraDenyList *self, const TesseraTokenIdentity *token)
{
  g_rw_lock_reader_lock (&self->lock);
  gboolean denied = token->issued_ms <= get_token_instant (self, token)
                    || has_token (self, token->jti, token->grant_id);
  g_rw_lock_reader_unlock (&self->lock);
  return denied;
}

gboolean
tessera_deny_list_check_authorization (TesseraDenyList *self,
                                       const TesseraTokenIdentity *authorization)
{
  g_rw_lock_reader_lock (&self->lock);
  gboolean ended = authorization->issued_ms <= get_authorization_instant (self, authorization);
  g_rw_lock_reader_unlock (&self->lock);
  return ended;
}

/* Shares. */

static guint32
get_share_index (TesseraDenyList *self, const char *client_id)
{
  if (client_id == NULL)
    return 0;
  Share *share = g_hash_table_lookup (self->shares, client_id);
  if (share == NULL)
    {
      share = g_new (Share, 1);
      *share = (Share){ g_strdup (client_id), self->shares_by_index->len, 0 };
      g_ptr_array_add (self->shares_by_index, share);
      g_hash_table_insert (self->shares, share->client_id, share);
    }
  return share->index;
}

static void
count_share (TesseraDenyList *self, const TesseraDeniedToken *token, int change)
{
  if (token->client != 0 && token->grant_tag == 0)
    ((Share *) self->shares_by_index->pdata[token->client])->count += (guint) change;
}

static Share *
find_largest_share (TesseraDenyList *self)
{
  Share *largest = NULL;
  for (guint i = 1; i < self->shares_by_index->len; i++)
    {
      Share *share = self->shares_by_index->pdata[i];
      if (largest == NULL || share->count > largest->count)
        largest = share;
    }
  return largest;
}

static void
recount_token (const TesseraDeniedToken *token, gpointer data)
{
  count_share (data, token, 1);
}

static void
recount_shares (TesseraDenyList *self)
{
  for (guint i = 1; i < self->shares_by_index->len; i++)
    ((Share *) self->shares_by_index->pdata[i])->count = 0;
  tessera_denied_tokens_foreach (self->tokens, recount_token, self);
}

/* Changing what is in memory. */

/* Takes @tokens. */
static void
exchange_tokens (TesseraDenyList *self, TesseraDeniedTokens *tokens)
{
  g_rw_lock_writer_lock (&self->lock);
  TesseraDeniedTokens *old = self->tokens;
  self->tokens = tokens;
  g_rw_lock_writer_unlock (&self->lock);
  tessera_denied_tokens_free (old);
}

static void
add_token (TesseraDenyList *self, const TesseraDeniedToken *token)
{
  if (tessera_denied_tokens_is_full (self->tokens))
    exchange_tokens (self, tessera_denied_tokens_copy (self->tokens, 0, NULL, NULL));

  g_rw_lock_writer_lock (&self->lock);
  tessera_denied_tokens_add (self->tokens, token);
  g_rw_lock_writer_unlock (&self->lock);
  count_share (self, token, 1);
}

static void
remove_token (TesseraDenyList *self, const TesseraDeniedToken *token)
{
  g_rw_lock_writer_lock (&self->lock);
  gboolean removed = tessera_denied_tokens_remove (self->tokens, token->id, token->grant_tag);
  g_rw_lock_writer_unlock (&self->lock);
  if (removed)
    count_share (self, token, -1);
}

static void
note_token (TesseraDenyList *self, const TesseraDeniedToken *token, gboolean removed)
{
  Change change = { .token = *token, .removed = removed };
  g_array_append_val (self->changes, change);
}

/* With the writer lock. The later instant wins, so that nothing is un-revoked. */
static void
raise_cut_off (TesseraDenyList *self,
               CutOffTable table,
               const char *value,
               gint64 instant_ms,
               gint64 expires_ms)
{
  CutOff *cut_off = g_hash_table_lookup (self->cut_offs[table], value);
  if (cut_off == NULL)
    {
      cut_off = g_new (CutOff, 1);
      *cut_off = (CutOff){ instant_ms, expires_ms };
      g_hash_table_insert (self->cut_offs[table], g_strdup (value), cut_off);
      return;
    }
  cut_off->instant_ms = MAX (cut_off->instant_ms, instant_ms);
  cut_off->expires_ms = MAX (cut_off->expires_ms, expires_ms);
}

static void
note_cut_off (TesseraDenyList *self, CutOffTable table, const char *value)
{
  const CutOff *before = g_hash_table_lookup (self->cut_offs[table], value);
  Change change = { .table = table, .value = g_strdup (value), .existed = before != NULL };
  if (before != NULL)
    change.before = *before;
  g_array_append_val (self->changes, change);
}

static void
take_back (TesseraDenyList *self, const Change *change)
{
  if (change->value == NULL)
    {
      if (change->removed)
        add_token (self, &change->token);
      else
        remove_token (self, &change->token);
      return;
    }

  g_rw_lock_writer_lock (&self->lock);
  if (change->existed)
    {
      CutOff *cut_off = g_new (CutOff, 1);
      *cut_off = change->before;
      g_hash_table_replace (self->cut_offs[change->table], g_strdup (change->value), cut_off);
    }
  else
    g_hash_table_remove (self->cut_offs[change->table], change->value);
  g_rw_lock_writer_unlock (&self->lock);
}

/* Entries. */

static gint64
get_lifetime (TesseraDenyList *self)
{
  return __atomic_load_n (&self->longest_lifetime_ms, __ATOMIC_ACQUIRE);
}

/* When the last token that was issued until @instant_ms is of no use any more. */
static gint64
get_end (TesseraDenyList *self, gint64 instant_ms)
{
  return instant_ms + get_lifetime (self) + TESSERA_DENY_LIST_SKEW_MS;
}

static gboolean
append (TesseraDenyList *self,
        TesseraStore *store,
        const TesseraDenial *denial,
        guint64 *out_generation,
        GError **error)
{
  guint64 generation;
  if (!tessera_store_append_denial (store, denial, &generation, error))
    return FALSE;
  self->state.generation = generation;
  if (out_generation != NULL)
    *out_generation = generation;
  return TRUE;
}

static const TesseraDenialKind kinds[N_CUT_OFFS] = {
  [GRANTS] = TESSERA_DENIAL_GRANT,     [GRANT_TOKENS] = TESSERA_DENIAL_GRANT, /* with an instant */
  [SESSIONS] = TESSERA_DENIAL_SESSION, [SUBJECTS] = TESSERA_DENIAL_SUBJECT,
  [CLIENTS] = TESSERA_DENIAL_CLIENT,   [CLIENT_TOKENS] = TESSERA_DENIAL_CLIENT_TOKENS,
  [KEYS] = TESSERA_DENIAL_KEY,         [ALL] = TESSERA_DENIAL_ALL,
};

/* Visible at once, with the instant at which it becomes so; what is issued afterwards is later
 * (design.md §5). */
static gboolean
cut_off_now (TesseraDenyList *self,
             TesseraStore *store,
             CutOffTable table,
             const char *value,
             gint64 *out_instant_ms,
             guint64 *out_generation,
             GError **error)
{
  note_cut_off (self, table, value);

  g_rw_lock_writer_lock (&self->lock);
  gint64 instant = tessera_clock_get_ms (self->clock);
  gint64 expires = get_end (self, instant);
  raise_cut_off (self, table, value, instant, expires);
  tessera_clock_advance (self->clock, instant + 1);
  g_rw_lock_writer_unlock (&self->lock);

  TesseraDenial denial
      = { .kind = kinds[table], .value = value, .instant_ms = instant, .expires_ms = expires };
  if (out_instant_ms != NULL)
    *out_instant_ms = instant;
  return append (self, store, &denial, out_generation, error);
}

/* For ever, as far as its tokens are concerned. TRUE without a new entry when it is there. */
static gboolean
end_value (TesseraDenyList *self,
           TesseraStore *store,
           CutOffTable table,
           const char *value,
           gint64 expires_ms,
           guint64 *out_generation,
           GError **error)
{
  if (out_generation != NULL)
    *out_generation = 0;
  if (get_instant (self, table, value) == ENDED)
    return TRUE;

  note_cut_off (self, table, value);
  g_rw_lock_writer_lock (&self->lock);
  raise_cut_off (self, table, value, ENDED, expires_ms);
  g_rw_lock_writer_unlock (&self->lock);

  TesseraDenial denial = { .kind = kinds[table], .value = value, .expires_ms = expires_ms };
  return append (self, store, &denial, out_generation, error);
}

/* Tokens, and what becomes of many. */

static guint32
to_seconds (gint64 ms)
{
  return (guint32) CLAMP (ms / 1000 + (ms % 1000 != 0), 1, (gint64) G_MAXUINT32);
}

/* More than so many tokens of one grant become one entry, which leaves the grant alive. */
static gboolean
coalesce_grant (TesseraDenyList *self,
                TesseraStore *store,
                const char *grant_id,
                guint64 *out_generation,
                GError **error)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (TesseraDeniedToken));
  if (!cut_off_now (self, store, GRANT_TOKENS, grant_id, NULL, out_generation, error))
    return FALSE;

  tessera_denied_tokens_list_grant (self->tokens, tessera_denied_tokens_tag (grant_id), tokens);
  for (guint i = 0; i < tokens->len; i++)
    {
      TesseraDeniedToken *token = &g_array_index (tokens, TesseraDeniedToken, i);
      note_token (self, token, TRUE);
      remove_token (self, token);
    }
  return TRUE;
}

typedef struct
{
  TesseraDenyList *list;
  guint32 client;
} Removal;

static gboolean
keep_others_tokens (const TesseraDeniedToken *token, gpointer data)
{
  const Removal *removal = data;
  return token->client != removal->client || token->grant_tag != 0;
}

static void
note_removal (const TesseraDeniedToken *token, gpointer data)
{
  const Removal *removal = data;
  if (!keep_others_tokens (token, data))
    note_token (removal->list, token, TRUE);
}

/* The list is full: whoever has most in it gets one entry for all its own tokens. */
static gboolean
coalesce_largest_share (TesseraDenyList *self, TesseraStore *store, GError **error)
{
  Share *share = find_largest_share (self);
  if (share == NULL || share->count < MAX (self->max_tokens / 64, 1))
    return TRUE;

  g_message ("The deny-list is full: all of client %u's own tokens issued until now are refused",
             share->index);
  if (!cut_off_now (self, store, CLIENT_TOKENS, share->client_id, NULL, NULL, error))
    return FALSE;
  Removal removal = { self, share->index };
  tessera_denied_tokens_foreach (self->tokens, note_removal, &removal);
  exchange_tokens (self,
                   tessera_denied_tokens_copy (self->tokens, 1, keep_others_tokens, &removal));
  share->count = 0;
  return TRUE;
}

static gboolean
put_token (TesseraDenyList *self,
           TesseraStore *store,
           const TesseraTokenIdentity *token,
           gint64 expires_ms,
           guint64 *out_generation,
           GError **error)
{
  TesseraDeniedToken entry = { .grant_tag = tessera_denied_tokens_tag (token->grant_id),
                               .expires_s = to_seconds (expires_ms),
                               .client = get_share_index (self, token->client_id) };
  jti_to_id (token->jti, entry.id);
  note_token (self, &entry, FALSE);
  add_token (self, &entry);

  TesseraDenial denial = { .kind = TESSERA_DENIAL_TOKEN,
                           .value = token->jti,
                           .expires_ms = expires_ms,
                           .grant_id = token->grant_id,
                           .client_id = token->client_id };
  return append (self, store, &denial, out_generation, error);
}

gboolean
tessera_deny_list_deny_token (TesseraDenyList *self,
                              TesseraStore *store,
                              const TesseraTokenIdentity *token,
                              guint64 *out_generation,
                              GError **error)
{
  gint64 now = tessera_clock_get_ms (self->clock);
  gint64 expires = MIN (token->expires_ms, G_MAXINT64 / 2) + TESSERA_DENY_LIST_SKEW_MS;

  if (out_generation != NULL)
    *out_generation = 0;
  if (expires < now || tessera_deny_list_check (self, token))
    return TRUE;
  /* Entries with an instant must outlive every token, whatever the settings were when it was
   * issued. */
  tessera_deny_list_set_longest_lifetime (self, CLAMP (token->expires_ms - token->issued_ms, 0,
                                                       LIFETIME_MAX_MS));

  if (token->grant_id != NULL
      && tessera_denied_tokens_count_grant (
             self->tokens, tessera_denied_tokens_tag (token->grant_id), (guint32) (now / 1000))
             >= TESSERA_DENY_LIST_TOKENS_PER_GRANT)
    return coalesce_grant (self, store, token->grant_id, out_generation, error);

  if (tessera_denied_tokens_get_count (self->tokens) >= self->max_tokens
      && !coalesce_largest_share (self, store, error))
    return FALSE;
  return put_token (self, store, token, expires, out_generation, error);
}

gboolean
tessera_deny_list_deny_grant (TesseraDenyList *self,
                              TesseraStore *store,
                              const char *grant_id,
                              guint64 *out_generation,
                              GError **error)
{
  gint64 expires = get_end (self, tessera_clock_get_ms (self->clock));
  return tessera_store_end_grant (store, grant_id, error)
         && end_value (self, store, GRANTS, grant_id, expires, out_generation, error);
}

gboolean
tessera_deny_list_deny_session (TesseraDenyList *self,
                                TesseraStore *store,
                                const char *session_id,
                                guint64 *out_generation,
                                GError **error)
{
  gint64 expires = get_end (self, tessera_clock_get_ms (self->clock));
  return tessera_store_end_session (store, session_id, error)
         && end_value (self, store, SESSIONS, session_id, expires, out_generation, error);
}

gboolean
tessera_deny_list_deny_subject (TesseraDenyList *self,
                                TesseraStore *store,
                                const char *subject,
                                guint64 *out_generation,
                                GError **error)
{
  gint64 instant;
  return cut_off_now (self, store, SUBJECTS, subject, &instant, out_generation, error)
         && tessera_store_end_all (store, subject, NULL, instant, error);
}

gboolean
tessera_deny_list_deny_client (TesseraDenyList *self,
                               TesseraStore *store,
                               const char *client_id,
                               guint64 *out_generation,
                               GError **error)
{
  gint64 instant;
  return cut_off_now (self, store, CLIENTS, client_id, &instant, out_generation, error)
         && tessera_store_end_all (store, NULL, client_id, instant, error);
}

gboolean
tessera_deny_list_deny_all (TesseraDenyList *self,
                            TesseraStore *store,
                            guint64 *out_generation,
                            GError **error)
{
  gint64 instant;
  return cut_off_now (self, store, ALL, "", &instant, out_generation, error)
         && tessera_store_end_all (store, NULL, NULL, instant, error);
}

gboolean
tessera_deny_list_deny_key (TesseraDenyList *self,
                            TesseraStore *store,
                            const char *kid,
                            guint64 *out_generation,
                            GError **error)
{
  return end_value (self, store, KEYS, kid, G_MAXINT64, out_generation, error);
}

/* Loading. */

static gboolean
kind_to_table (TesseraDenialKind kind, CutOffTable *out_table)
{
  for (guint i = 0; i < N_CUT_OFFS; i++)
    if (kinds[i] == kind)
      {
        *out_table = (CutOffTable) i;
        return TRUE;
      }
  return FALSE;
}

static void
load_cut_off (const TesseraDenial *denial, gpointer data)
{
  TesseraDenyList *self = data;
  CutOffTable table;
  if (!kind_to_table (denial->kind, &table))
    return;
  if (table == GRANTS && denial->instant_ms != 0)
    table = GRANT_TOKENS;
  gint64 instant = denial->instant_ms != 0 ? denial->instant_ms : ENDED;
  raise_cut_off (self, table, denial->value, instant, denial->expires_ms);
}

/* After the cut-offs, so that what was coalesced stays so. */
static void
load_token (const TesseraDenial *denial, gpointer data)
{
  TesseraDenyList *self = data;
  if (denial->kind != TESSERA_DENIAL_TOKEN)
    return;

  TesseraTokenIdentity identity
      = { .jti = denial->value, .grant_id = denial->grant_id, .client_id = denial->client_id };
  guint8 id[16];
  if (!tessera_uuid_parse (denial->value, id, &identity.issued_ms))
    identity.issued_ms = G_MAXINT64 - 1;
  if (tessera_deny_list_check (self, &identity))
    return;

  TesseraDeniedToken entry = { .grant_tag = tessera_denied_tokens_tag (denial->grant_id),
                               .expires_s = to_seconds (denial->expires_ms),
                               .client = get_share_index (self, denial->client_id) };
  jti_to_id (denial->value, entry.id);
  add_token (self, &entry);
}

/* Was the database deleted, exchanged or restored from a backup since the mirror was written? */
static gboolean
is_rolled_back (TesseraDenyList *self, gboolean *out_rolled_back, GError **error)
{
  TesseraStoreState mirrored;
  g_autoptr (GError) problem = NULL;

  *out_rolled_back = FALSE;
  if (self->mirror == NULL)
    return TRUE;
  if (!tessera_mirror_load (self->mirror, &mirrored, &problem))
    {
      if (problem != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&problem));
          return FALSE;
        }
      /* A database that has been in use always has a high-water time. */
      *out_rolled_back = self->expects_past || self->state.high_water_ms != 0;
      return TRUE;
    }

  *out_rolled_back = strcmp (mirrored.id, self->state.id) != 0
                     || mirrored.generation > self->state.generation
                     || mirrored.commits > self->state.commits;
  tessera_clock_advance (self->clock, mirrored.high_water_ms);
  return TRUE;
}

static gboolean
load_entries (TesseraDenyList *self, TesseraStore *store, gboolean *out_rolled_back, GError **error)
{
  if (!tessera_store_get_state (store, &self->state, error))
    return FALSE;
  tessera_clock_advance (self->clock, self->state.high_water_ms);
  tessera_deny_list_set_longest_lifetime (self, self->state.longest_lifetime_ms);
  if (!is_rolled_back (self, out_rolled_back, error))
    return FALSE;

  return tessera_store_prune (store, tessera_clock_get_ms (self->clock), error)
         && tessera_store_foreach_denial (store, 0, load_cut_off, self, error)
         && tessera_store_foreach_denial (store, 0, load_token, self, error);
}

static gboolean
put_state (TesseraDenyList *self, TesseraStore *store, GError **error)
{
  gint64 now = tessera_clock_get_ms (self->clock);
  gint64 lifetime = get_lifetime (self);

  if (!tessera_store_put_high_water (store, now, error)
      || !tessera_store_get_state (store, &self->state, error))
    return FALSE;
  if (lifetime == self->lifetime_put_ms)
    return TRUE;
  self->lifetime_put_ms = lifetime;
  return tessera_store_put_longest_lifetime (store, lifetime, error);
}

static gboolean
load_in_transaction (TesseraDenyList *self,
                     TesseraStore *store,
                     gboolean *out_rolled_back,
                     GError **error)
{
  if (!load_entries (self, store, out_rolled_back, error))
    return FALSE;
  if (*out_rolled_back && !tessera_deny_list_deny_all (self, store, NULL, error))
    return FALSE;
  /* The mirror first: a crash in between leaves a fresh database beside a mirror that agrees. */
  if (self->mirror != NULL && !*out_rolled_back
      && !tessera_mirror_create (self->mirror, &self->state, error))
    return FALSE;
  return put_state (self, store, error);
}

void
tessera_deny_list_expect_past (TesseraDenyList *self)
{
  self->expects_past = TRUE;
}

gboolean
tessera_deny_list_load (TesseraDenyList *self,
                        TesseraStore *store,
                        gint64 longest_lifetime_ms,
                        gboolean *out_rolled_back,
                        GError **error)
{
  gboolean rolled_back = FALSE;

  tessera_deny_list_set_longest_lifetime (self, longest_lifetime_ms);
  if (!tessera_store_begin (store, error))
    return FALSE;
  if (!load_in_transaction (self, store, &rolled_back, error)
      || !tessera_store_commit (store, error))
    {
      tessera_store_rollback (store);
      tessera_store_explain_damage (error);
      return FALSE;
    }
  /* After a rollback the old mirror stands until the cut-off is durable. */
  if (rolled_back && !tessera_mirror_create (self->mirror, &self->state, error))
    return FALSE;

  g_array_set_size (self->changes, 0);
  self->durable_generation = self->state.generation;
  self->durable_commits = self->state.commits;
  if (out_rolled_back != NULL)
    *out_rolled_back = rolled_back;
  return TRUE;
}

/* With the committer. */

static gboolean
keep_unexpired (const TesseraDeniedToken *token, gpointer data)
{
  return token->expires_s >= *(const guint32 *) data;
}

typedef struct
{
  guint32 now_s;
  gsize count;
} Expired;

static void
count_expired (const TesseraDeniedToken *token, gpointer data)
{
  Expired *expired = data;
  if (token->expires_s < expired->now_s)
    expired->count++;
}

/* Copying costs as much as all that stays, so it must be worth it. */
static void
prune_tokens (TesseraDenyList *self, gint64 now_ms)
{
  Expired expired = { (guint32) (now_ms / 1000), 0 };
  tessera_denied_tokens_foreach (self->tokens, count_expired, &expired);
  if (expired.count == 0 || expired.count < tessera_denied_tokens_get_count (self->tokens) / 8)
    return;
  exchange_tokens (self,
                   tessera_denied_tokens_copy (self->tokens, 0, keep_unexpired, &expired.now_s));
  recount_shares (self);
}

static gboolean
is_expired_cut_off (gpointer value, gpointer cut_off, gpointer now_ms)
{
  return ((const CutOff *) cut_off)->expires_ms < *(const gint64 *) now_ms;
}

static gboolean
run_prune (gpointer data, TesseraStore *store, GError **error)
{
  TesseraDenyList *self = data;
  gint64 now = tessera_clock_get_ms (self->clock);

  prune_tokens (self, now);
  g_rw_lock_writer_lock (&self->lock);
  for (guint i = 0; i < N_CUT_OFFS; i++)
    g_hash_table_foreach_remove (self->cut_offs[i], is_expired_cut_off, &now);
  g_rw_lock_writer_unlock (&self->lock);
  return tessera_store_prune (store, now, error);
}

static void
prune_when_due (TesseraDenyList *self)
{
  gint64 now = tessera_clock_get_ms (self->clock);
  if (now < self->next_prune_ms)
    return;
  self->next_prune_ms = now + PRUNE_INTERVAL_MS;
  tessera_committer_submit (self->committer, run_prune, NULL, self);
}

/* Not one commit may be missing from the database later, whatever it was about: a redeemed code
 * would be good again. */
static void
save_mirror (TesseraDenyList *self)
{
  g_autoptr (GError) error = NULL;

  if (self->state.commits == self->durable_commits)
    return;
  self->durable_commits = self->state.commits;
  if (self->mirror != NULL && !tessera_mirror_save (self->mirror, &self->state, &error))
    tessera_committer_fail (self->committer, error);
}

static void
on_committed (TesseraDenyList *self)
{
  g_array_set_size (self->changes, 0);
  if (self->state.generation != self->durable_generation)
    {
      g_rw_lock_writer_lock (&self->lock);
      self->durable_generation = self->state.generation;
      g_rw_lock_writer_unlock (&self->lock);
    }
  save_mirror (self);
  prune_when_due (self);
}

static void
on_undone (TesseraDenyList *self)
{
  for (guint i = self->changes->len; i > 0; i--)
    take_back (self, &g_array_index (self->changes, Change, i - 1));
  g_array_set_size (self->changes, 0);
  self->state.generation = self->durable_generation;
  self->state.commits = self->durable_commits;
  self->lifetime_put_ms = 0;
}

static void
on_batch (gboolean committed, gpointer data)
{
  if (committed)
    on_committed (data);
  else
    on_undone (data);
}

static gboolean
on_prepare (TesseraStore *store, gboolean closing, gpointer data, GError **error)
{
  return put_state (data, store, error);
}

void
tessera_deny_list_attach (TesseraDenyList *self, TesseraCommitter *committer)
{
  self->committer = committer;
  self->next_prune_ms = tessera_clock_get_ms (self->clock) + PRUNE_INTERVAL_MS;
  tessera_committer_add_prepare (committer, on_prepare, self);
  tessera_committer_add_listener (committer, on_batch, self);
}

static gboolean
run_put_state (gpointer data, TesseraStore *store, GError **error)
{
  return put_state (data, store, error);
}

void
tessera_deny_list_set_longest_lifetime (TesseraDenyList *self, gint64 lifetime_ms)
{
  gint64 longest = get_lifetime (self);

  if (longest >= lifetime_ms)
    return;
  while (longest < lifetime_ms
         && !__atomic_compare_exchange_n (&self->longest_lifetime_ms, &longest, lifetime_ms, FALSE,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    ;
  /* Issuing writes nothing, and after a crash entries must still outlive what was issued. */
  if (self->committer != NULL)
    tessera_committer_submit (self->committer, run_put_state, NULL, self);
}

guint64
tessera_deny_list_get_generation (TesseraDenyList *self)
{
  g_rw_lock_reader_lock (&self->lock);
  guint64 generation = self->durable_generation;
  g_rw_lock_reader_unlock (&self->lock);
  return generation;
}

guint
tessera_deny_list_get_count (TesseraDenyList *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gsize count = tessera_denied_tokens_get_count (self->tokens);
  for (guint i = 0; i < N_CUT_OFFS; i++)
    count += g_hash_table_size (self->cut_offs[i]);
  g_rw_lock_reader_unlock (&self->lock);
  return (guint) count;
}

gsize
tessera_deny_list_get_memory (TesseraDenyList *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gsize size = tessera_denied_tokens_get_size (self->tokens);
  g_rw_lock_reader_unlock (&self->lock);
  return size;
}

typedef struct
{
  guint64 since;
  GArray *denials; /* TesseraDenial, with texts of their own */
} Reading;

static void
denial_clear (TesseraDenial *denial)
{
  g_free ((char *) denial->value);
  g_free ((char *) denial->grant_id);
  g_free ((char *) denial->client_id);
}

static void
copy_denial (const TesseraDenial *denial, gpointer data)
{
  Reading *reading = data;
  TesseraDenial copy = *denial;
  copy.value = g_strdup (denial->value);
  copy.grant_id = g_strdup (denial->grant_id);
  copy.client_id = g_strdup (denial->client_id);
  g_array_append_val (reading->denials, copy);
}

static gboolean
run_reading (gpointer data, TesseraStore *store, GError **error)
{
  Reading *reading = data;
  g_array_set_size (reading->denials, 0);
  return tessera_store_foreach_denial (store, reading->since, copy_denial, reading, error);
}

gboolean
tessera_deny_list_foreach (
    TesseraDenyList *self, guint64 since, TesseraDenialFunc func, gpointer data, GError **error)
{
  g_autoptr (GArray) denials = g_array_new (FALSE, FALSE, sizeof (TesseraDenial));
  Reading reading = { since, denials };

  g_array_set_clear_func (denials, (GDestroyNotify) denial_clear);
  if (!tessera_committer_submit_and_wait (self->committer, run_reading, &reading, error))
    return FALSE;
  for (guint i = 0; i < denials->len; i++)
    func (&g_array_index (denials, TesseraDenial, i), data);
  return TRUE;
}
