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
#include "store/tessera-deny-rules-private.h"
#include "store/tessera-mirror-private.h"

#include <string.h>

#define MAX_TOKENS_DEFAULT (16 * 1024 * 1024)
/* The part of the limit that is one client's for its own tokens, and one person's. */
#define SHARES_OF_CLIENTS 64
#define SHARES_OF_SUBJECTS 4096
#define SHARE_MIN TESSERA_DENY_LIST_TOKENS_PER_GRANT
#define GENERATION_MAX (G_GUINT64_CONSTANT (1) << 53) /* that was ever reached */
#define PRUNE_INTERVAL_MS 500
#define LIFETIME_MAX_MS ((gint64) G_MAXINT32 * 1000)

/* How to take back what the batch under way did. */
typedef struct
{
  TesseraCutOffTable table;
  char *value; /* NULL: `token` was added or removed */
  gboolean existed;
  TesseraCutOff before;
  gboolean removed;
  TesseraDeniedToken token;
} Change;

struct _TesseraDenyList
{
  TesseraClock *clock;
  TesseraMirror *mirror; /* or NULL */
  TesseraDenyTail *tail;
  TesseraCommitter *committer;
  guint max_tokens;
  gboolean expects_past;
  gint64 longest_lifetime_ms; /* atomic */

  GRWLock lock; /* over what follows */
  TesseraDenyRules *rules;
  guint64 durable_generation;
  TesseraDeniedSet *tokens; /* of the rules */

  /* The committing thread's own: */
  GArray *changes;         /* Change, of the batch under way */
  TesseraStoreState state; /* as it will be after the batch */
  guint64 durable_commits;
  gboolean closing;
  gint rebuilding; /* atomic: the snapshot is damaged, and an operation that reads the rows waits */
  gint64 lifetime_put_ms;
  gint64 next_prune_ms;
  guint64 seen_generation; /* of the mirror, at the start */
  char id[64];             /* since the list was loaded */
};

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
  self->tail = tessera_deny_tail_new ();
  self->max_tokens = max_tokens > 0 ? max_tokens : MAX_TOKENS_DEFAULT;
  g_rw_lock_init (&self->lock);
  self->rules = tessera_deny_rules_new (&self->lock);
  self->tokens = tessera_deny_rules_get_tokens (self->rules);
  self->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (self->changes, (GDestroyNotify) change_clear);
  return self;
}

void
tessera_deny_list_free (TesseraDenyList *self)
{
  tessera_mirror_free (self->mirror);
  tessera_deny_tail_free (self->tail);
  tessera_deny_rules_free (self->rules);
  g_array_unref (self->changes);
  g_rw_lock_clear (&self->lock);
  tessera_clock_unref (self->clock);
  g_free (self);
}

/* The question. */

static void request_rebuild (TesseraDenyList *self);

gboolean
tessera_deny_list_check (TesseraDenyList *self, const TesseraTokenIdentity *token)
{
  TesseraDeniedName name;

  tessera_denied_name_init (&name, token);
  if (name.has_id)
    tessera_denied_set_expect (self->tokens, name.id);
  g_rw_lock_reader_lock (&self->lock);
  TesseraDenySnapshotAnswer answer = tessera_deny_rules_lookup (self->rules, token, &name);
  g_rw_lock_reader_unlock (&self->lock);
  /* What a damaged place would have said is unknown: refused until the rows were read. */
  if (answer == TESSERA_DENY_SNAPSHOT_UNKNOWN)
    request_rebuild (self);
  return answer != TESSERA_DENY_SNAPSHOT_ABSENT;
}

gboolean
tessera_deny_list_check_authorization (TesseraDenyList *self,
                                       const TesseraTokenIdentity *authorization)
{
  g_rw_lock_reader_lock (&self->lock);
  gboolean ended = authorization->issued_ms
                   <= tessera_deny_rules_get_authorization_instant (self->rules, authorization);
  g_rw_lock_reader_unlock (&self->lock);
  return ended;
}

/* Changing what is in memory. */

static void
note_token (TesseraDenyList *self, const TesseraDeniedToken *token, gboolean removed)
{
  Change change = { .token = *token, .removed = removed };
  g_array_append_val (self->changes, change);
}

static void
note_cut_off (TesseraDenyList *self, TesseraCutOffTable table, const char *value)
{
  const TesseraCutOff *before = tessera_deny_rules_lookup_cut_off (self->rules, table, value);
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
        tessera_denied_set_add (self->tokens, &change->token);
      else
        tessera_denied_set_remove (self->tokens, &change->token);
      return;
    }

  g_rw_lock_writer_lock (&self->lock);
  tessera_deny_rules_put (self->rules, change->table, change->value,
                          change->existed ? &change->before : NULL);
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
  TesseraDenial entry = *denial;
  entry.generation = generation;
  tessera_deny_tail_add (self->tail, &entry);
  if (out_generation != NULL)
    *out_generation = generation;
  return TRUE;
}

/* Visible at once, with the instant at which it becomes so; what is issued afterwards is later
 * (design.md §5). */
static gboolean
cut_off_now (TesseraDenyList *self,
             TesseraStore *store,
             TesseraCutOffTable table,
             const char *value,
             gint64 *out_instant_ms,
             guint64 *out_generation,
             GError **error)
{
  note_cut_off (self, table, value);

  g_rw_lock_writer_lock (&self->lock);
  gint64 instant = tessera_clock_get_ms (self->clock);
  TesseraCutOff cut_off = { instant, get_end (self, instant) };
  tessera_deny_rules_raise (self->rules, table, value, &cut_off);
  tessera_clock_advance (self->clock, instant + 1);
  g_rw_lock_writer_unlock (&self->lock);

  TesseraDenial denial = { .kind = tessera_cut_off_table_get_kind (table),
                           .value = value,
                           .instant_ms = instant,
                           .expires_ms = cut_off.expires_ms };
  if (out_instant_ms != NULL)
    *out_instant_ms = instant;
  return append (self, store, &denial, out_generation, error);
}

/* For ever, as far as its tokens are concerned. TRUE without a new entry when it is there. */
static gboolean
end_value (TesseraDenyList *self,
           TesseraStore *store,
           TesseraCutOffTable table,
           const char *value,
           gint64 expires_ms,
           guint64 *out_generation,
           GError **error)
{
  const TesseraCutOff ended = { TESSERA_CUT_OFF_ENDED, expires_ms };
  const TesseraCutOff *before = tessera_deny_rules_lookup_cut_off (self->rules, table, value);

  if (out_generation != NULL)
    *out_generation = 0;
  if (before != NULL && before->instant_ms == TESSERA_CUT_OFF_ENDED)
    return TRUE;

  note_cut_off (self, table, value);
  g_rw_lock_writer_lock (&self->lock);
  tessera_deny_rules_raise (self->rules, table, value, &ended);
  g_rw_lock_writer_unlock (&self->lock);

  TesseraDenial denial = { .kind = tessera_cut_off_table_get_kind (table),
                           .value = value,
                           .expires_ms = expires_ms };
  return append (self, store, &denial, out_generation, error);
}

/* Tokens, and what becomes of many. */

/* What one entry covers now, as far as it is in memory. */
static void
remove_tokens (TesseraDenyList *self, GArray *tokens)
{
  for (guint i = 0; i < tokens->len; i++)
    {
      TesseraDeniedToken *token = &g_array_index (tokens, TesseraDeniedToken, i);
      note_token (self, token, TRUE);
      tessera_denied_set_remove (self->tokens, token);
    }
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
  if (!cut_off_now (self, store, TESSERA_CUT_OFF_GRANT_TOKENS, grant_id, NULL, out_generation,
                    error))
    return FALSE;

  tessera_denied_set_list_grant (self->tokens, tessera_denied_tokens_tag (grant_id), tokens);
  remove_tokens (self, tokens);
  return TRUE;
}

/* Of the tokens that are covered by an entry already, none counts. */
static gint64
get_covered_ms (TesseraDenyList *self, const char *grant_id)
{
  const TesseraCutOff *cut_off
      = tessera_deny_rules_lookup_cut_off (self->rules, TESSERA_CUT_OFF_GRANT_TOKENS, grant_id);
  return cut_off != NULL ? cut_off->instant_ms : -1;
}

static gboolean
is_grant_full (TesseraDenyList *self, const char *grant_id, gint64 now_ms)
{
  return grant_id != NULL
         && tessera_denied_set_count_grant (self->tokens, tessera_denied_tokens_tag (grant_id),
                                            now_ms, get_covered_ms (self, grant_id))
                >= TESSERA_DENY_LIST_TOKENS_PER_GRANT;
}

/* Whose share a token takes: a person's, or for its own tokens a client's. */
typedef struct
{
  TesseraCutOffTable table; /* of the entry that its tokens become */
  const char *name;         /* or NULL: nobody's */
  guint32 owner;
  guint limit;
} Share;

static Share
get_share (TesseraDenyList *self, const char *grant_id, const char *subject, const char *client_id)
{
  Share share
      = { TESSERA_CUT_OFF_CLIENT_TOKENS, client_id, 0, self->max_tokens / SHARES_OF_CLIENTS };
  if (grant_id != NULL)
    share = (Share){ TESSERA_CUT_OFF_SUBJECT_TOKENS, subject, 0,
                     self->max_tokens / SHARES_OF_SUBJECTS };
  share.limit = MAX (share.limit, SHARE_MIN);
  if (share.name != NULL)
    share.owner
        = tessera_denied_set_get_owner (self->tokens, grant_id != NULL ? 's' : 'c', share.name);
  return share;
}

static void
settle (TesseraDenyList *self,
        TesseraCutOffTable table,
        const char *name,
        const TesseraCutOff *cut_off)
{
  char kind = table == TESSERA_CUT_OFF_SUBJECT_TOKENS ? 's' : 'c';
  guint32 owner = tessera_denied_set_get_owner (self->tokens, kind, name);
  tessera_denied_set_settle (self->tokens, owner, cut_off->instant_ms, cut_off->expires_ms);
}

/* Somebody's share is full: one entry for all of theirs, and nobody else's, that were issued until
 * now. */
static gboolean
coalesce_share (TesseraDenyList *self,
                TesseraStore *store,
                const Share *share,
                guint64 *out_generation,
                GError **error)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (TesseraDeniedToken));

  g_message ("A share of the deny-list is full: of one %s, all tokens issued until now are refused",
             share->table == TESSERA_CUT_OFF_CLIENT_TOKENS ? "client" : "person");
  if (!cut_off_now (self, store, share->table, share->name, NULL, out_generation, error))
    return FALSE;
  tessera_denied_set_list_owner (self->tokens, share->owner, tokens);
  remove_tokens (self, tokens);
  settle (self, share->table, share->name,
          tessera_deny_rules_lookup_cut_off (self->rules, share->table, share->name));
  return TRUE;
}

static gboolean
put_token (TesseraDenyList *self,
           TesseraStore *store,
           const TesseraTokenIdentity *token,
           const Share *share,
           gint64 expires_ms,
           guint64 *out_generation,
           GError **error)
{
  TesseraDeniedToken entry = { .grant_tag = tessera_denied_tokens_tag (token->grant_id),
                               .expires_s = tessera_deny_rules_get_expiry (expires_ms),
                               .owner = share->owner };
  tessera_deny_rules_get_token_id (token->jti, entry.id);
  note_token (self, &entry, FALSE);
  tessera_denied_set_add (self->tokens, &entry);

  TesseraDenial denial = { .kind = TESSERA_DENIAL_TOKEN,
                           .value = token->jti,
                           .expires_ms = expires_ms,
                           .grant_id = token->grant_id,
                           .client_id = token->client_id,
                           .subject = token->grant_id != NULL ? token->subject : NULL };
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
  TesseraDeniedName name;

  if (out_generation != NULL)
    *out_generation = 0;
  tessera_denied_name_init (&name, token);
  /* Where the snapshot is damaged, nobody knows whether there is a row. */
  if (expires < now
      || tessera_deny_rules_lookup (self->rules, token, &name) == TESSERA_DENY_SNAPSHOT_PRESENT)
    return TRUE;
  /* Entries with an instant must outlive every token, whatever the settings were when it was
   * issued. */
  tessera_deny_list_set_longest_lifetime (self, CLAMP (token->expires_ms - token->issued_ms, 0,
                                                       LIFETIME_MAX_MS));

  Share share = get_share (self, token->grant_id, token->subject, token->client_id);
  if (is_grant_full (self, token->grant_id, now))
    {
      if (!coalesce_grant (self, store, token->grant_id, out_generation, error))
        return FALSE;
    }
  else if (share.owner != 0
           && tessera_denied_set_is_share_full (self->tokens, share.owner, share.limit, now))
    {
      if (!coalesce_share (self, store, &share, out_generation, error))
        return FALSE;
    }
  if (token->issued_ms <= tessera_deny_rules_get_instant (self->rules, token))
    return TRUE;
  return put_token (self, store, token, &share, expires, out_generation, error);
}

gboolean
tessera_deny_list_deny_token_id (TesseraDenyList *self,
                                 TesseraStore *store,
                                 const char *jti,
                                 guint64 *out_generation,
                                 gboolean *out_known,
                                 GError **error)
{
  TesseraTokenIdentity token = { .jti = jti };
  guint8 bytes[16];

  *out_known = tessera_uuid_parse (jti, bytes, &token.issued_ms);
  if (!*out_known)
    return TRUE;
  token.expires_ms = token.issued_ms + get_lifetime (self);
  *out_known = get_end (self, token.issued_ms) >= tessera_clock_get_ms (self->clock);
  return tessera_deny_list_deny_token (self, store, &token, out_generation, error);
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
         && end_value (self, store, TESSERA_CUT_OFF_GRANT, grant_id, expires, out_generation,
                       error);
}

gboolean
tessera_deny_list_deny_session (TesseraDenyList *self,
                                TesseraStore *store,
                                const char *session_id,
                                guint64 *out_generation,
                                GError **error)
{
  gint64 now = tessera_clock_get_ms (self->clock);
  return tessera_store_end_session (store, session_id, now, error)
         && end_value (self, store, TESSERA_CUT_OFF_SESSION, session_id, get_end (self, now),
                       out_generation, error);
}

/* Verifiers know people by the sub of tokens alone. Behind the entry for the subject, which the
 * issuer asks for: whatever was signed before that was visible is older than these. */
static gboolean
cut_off_subs (TesseraDenyList *self,
              TesseraStore *store,
              const char *subject,
              guint64 *out_generation,
              GError **error)
{
  g_autoptr (GPtrArray) subs = tessera_store_list_subs (store, subject, error);

  if (subs == NULL)
    return FALSE;
  for (guint i = 0; i < subs->len; i++)
    if (!cut_off_now (self, store, TESSERA_CUT_OFF_SUBJECT, subs->pdata[i], NULL, out_generation,
                      error))
      return FALSE;
  return TRUE;
}

static gboolean
deny_person (TesseraDenyList *self,
             TesseraStore *store,
             const char *subject,
             guint64 *out_generation,
             GError **error)
{
  gint64 instant;
  return cut_off_now (self, store, TESSERA_CUT_OFF_SUBJECT, subject, &instant, out_generation,
                      error)
         && cut_off_subs (self, store, subject, out_generation, error)
         && tessera_store_end_all (store, subject, NULL, instant, error);
}

gboolean
tessera_deny_list_deny_subject (TesseraDenyList *self,
                                TesseraStore *store,
                                const char *subject,
                                guint64 *out_generation,
                                GError **error)
{
  g_autofree char *person = NULL;

  /* It may be what tokens call somebody; and what it says, it says in any case. */
  if (!tessera_store_lookup_subject (store, subject, &person, error))
    return FALSE;
  if (person != NULL && !deny_person (self, store, person, out_generation, error))
    return FALSE;
  return deny_person (self, store, subject, out_generation, error);
}

gboolean
tessera_deny_list_deny_client (TesseraDenyList *self,
                               TesseraStore *store,
                               const char *client_id,
                               guint64 *out_generation,
                               GError **error)
{
  gint64 instant;
  return cut_off_now (self, store, TESSERA_CUT_OFF_CLIENT, client_id, &instant, out_generation,
                      error)
         && tessera_store_end_all (store, NULL, client_id, instant, error);
}

gboolean
tessera_deny_list_deny_all (TesseraDenyList *self,
                            TesseraStore *store,
                            guint64 *out_generation,
                            GError **error)
{
  gint64 instant;
  return cut_off_now (self, store, TESSERA_CUT_OFF_ALL, "", &instant, out_generation, error)
         && tessera_store_end_all (store, NULL, NULL, instant, error);
}

gboolean
tessera_deny_list_deny_key (TesseraDenyList *self,
                            TesseraStore *store,
                            const char *kid,
                            guint64 *out_generation,
                            GError **error)
{
  return end_value (self, store, TESSERA_CUT_OFF_KEY, kid, G_MAXINT64, out_generation, error);
}

/* Loading. */

static void
load_cut_off (const TesseraDenial *denial, gpointer data)
{
  TesseraDenyList *self = data;
  TesseraCutOffTable table;
  TesseraCutOff cut_off;
  if (tessera_cut_off_table_of (denial, &table, &cut_off)
      && denial->expires_ms >= tessera_clock_get_ms (self->clock))
    tessera_deny_rules_raise (self->rules, table, table == TESSERA_CUT_OFF_ALL ? "" : denial->value,
                              &cut_off);
}

static void
settle_subject (const char *name, const TesseraCutOff *cut_off, gpointer self)
{
  settle (self, TESSERA_CUT_OFF_SUBJECT_TOKENS, name, cut_off);
}

static void
settle_client (const char *name, const TesseraCutOff *cut_off, gpointer self)
{
  settle (self, TESSERA_CUT_OFF_CLIENT_TOKENS, name, cut_off);
}

static void
settle_all (TesseraDenyList *self)
{
  tessera_deny_rules_foreach_cut_off (self->rules, TESSERA_CUT_OFF_SUBJECT_TOKENS, settle_subject,
                                      self);
  tessera_deny_rules_foreach_cut_off (self->rules, TESSERA_CUT_OFF_CLIENT_TOKENS, settle_client,
                                      self);
}

/* Whatever else refuses it: that may be taken back. */
static void
load_token_again (const TesseraDenial *denial, gpointer data)
{
  TesseraDenyList *self = data;
  TesseraDeniedToken entry = { .grant_tag = tessera_denied_tokens_tag (denial->grant_id),
                               .expires_s = tessera_deny_rules_get_expiry (denial->expires_ms) };
  tessera_deny_rules_get_token_id (denial->value, entry.id);
  if (denial->expires_ms < tessera_clock_get_ms (self->clock)
      || tessera_denied_set_is_new (self->tokens, entry.id, entry.grant_tag))
    return;
  entry.owner = get_share (self, denial->grant_id, denial->subject, denial->client_id).owner;
  tessera_denied_set_add (self->tokens, &entry);
}

/* After the cut-offs, so that what was coalesced stays so. */
static void
load_token (const TesseraDenial *denial, gpointer data)
{
  TesseraDenyList *self = data;
  TesseraTokenIdentity identity = { .grant_id = denial->grant_id,
                                    .client_id = denial->client_id,
                                    .subject = denial->subject };
  guint8 id[16];
  if (!tessera_uuid_parse (denial->value, id, &identity.issued_ms))
    identity.issued_ms = G_MAXINT64 - 1;
  if (identity.issued_ms > tessera_deny_rules_get_instant (self->rules, &identity))
    load_token_again (denial, self);
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
  if (!tessera_mirror_load (self->mirror, &mirrored, NULL, &problem))
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
  self->seen_generation = mirrored.generation;
  return TRUE;
}

/* The clock only goes forwards: a time that cannot be would be there for ever. */
static gboolean
check_state (TesseraDenyList *self, GError **error)
{
  if (self->state.high_water_ms >= 0 && self->state.high_water_ms <= TESSERA_CLOCK_MAX_MS
      && self->state.longest_lifetime_ms >= 0 && self->state.longest_lifetime_ms <= LIFETIME_MAX_MS)
    return TRUE;
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED,
                       "The database is damaged: its times cannot be");
  return FALSE;
}

static gboolean
load_entries (TesseraDenyList *self, TesseraStore *store, gboolean *out_rolled_back, GError **error)
{
  if (!tessera_store_get_state (store, &self->state, error) || !check_state (self, error))
    return FALSE;
  tessera_clock_advance (self->clock, self->state.high_water_ms);
  tessera_deny_list_set_longest_lifetime (self, self->state.longest_lifetime_ms);
  if (!is_rolled_back (self, out_rolled_back, error))
    return FALSE;

  gboolean is_ahead;
  if (!tessera_denied_set_open (self->tokens, &self->state, !*out_rolled_back, &is_ahead, error)
      || !tessera_store_foreach_cut_off (store, load_cut_off, self, error))
    return FALSE;
  *out_rolled_back |= is_ahead;
  settle_all (self);
  return tessera_store_foreach_denied_token (store,
                                             tessera_denied_set_get_generation (self->tokens),
                                             load_token, self, error);
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

/* Whoever follows the list has come as far as the list that was lost: what comes now lies behind
 * that, so that nobody misses it. */
static gboolean
deny_what_was (TesseraDenyList *self, TesseraStore *store, GError **error)
{
  guint64 seen = self->seen_generation <= GENERATION_MAX ? self->seen_generation : 0;

  /* And it is another list: what is missing from this one, nobody may believe to have read. */
  return tessera_store_renew_id (store, error)
         && tessera_store_raise_generation (store, seen, error)
         && tessera_deny_list_deny_all (self, store, NULL, error);
}

static void
add_to_tail (const TesseraDenial *denial, gpointer data)
{
  tessera_deny_tail_add (data, denial);
}

/* So that who followed the list before a restart finds there what it missed. A row that cannot be
 * read is met by who needs it. */
static void
fill_tail (TesseraDenyList *self, TesseraStore *store)
{
  guint64 last = self->state.generation;
  guint64 before = last - MIN (last, TESSERA_DENY_TAIL_LENGTH);

  tessera_deny_tail_begin (self->tail, before, last);
  if (!tessera_store_foreach_denial (store, before, TESSERA_DENY_TAIL_LENGTH, add_to_tail,
                                     self->tail, NULL))
    tessera_deny_tail_begin (self->tail, last, last);
}

static gboolean
load_in_transaction (TesseraDenyList *self,
                     TesseraStore *store,
                     gboolean *out_rolled_back,
                     GError **error)
{
  if (!load_entries (self, store, out_rolled_back, error))
    return FALSE;
  if (*out_rolled_back && !deny_what_was (self, store, error))
    return FALSE;
  /* The mirror first: a crash in between leaves a fresh database beside a mirror that agrees. */
  if (self->mirror != NULL && !*out_rolled_back
      && !tessera_mirror_create (self->mirror, &self->state, error))
    return FALSE;
  if (!put_state (self, store, error))
    return FALSE;
  fill_tail (self, store);
  return TRUE;
}

void
tessera_deny_list_keep_snapshot (TesseraDenyList *self, const char *path, guint least)
{
  tessera_denied_set_set_file (self->tokens, path, least);
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
  if (rolled_back && self->mirror != NULL
      && !tessera_mirror_create (self->mirror, &self->state, error))
    return FALSE;

  g_array_set_size (self->changes, 0);
  tessera_deny_tail_end_batch (self->tail, TRUE);
  g_strlcpy (self->id, self->state.id, sizeof self->id);
  self->durable_generation = self->state.generation;
  self->durable_commits = self->state.commits;
  if (out_rolled_back != NULL)
    *out_rolled_back = rolled_back;
  return TRUE;
}

/* With the committer. */

gboolean
tessera_deny_list_prune (TesseraDenyList *self, TesseraStore *store, GError **error)
{
  gint64 now = tessera_clock_get_ms (self->clock);

  tessera_denied_set_prune (self->tokens, now);
  tessera_deny_rules_prune_cut_offs (self->rules, now);
  return tessera_store_prune (store, now, error);
}

static gboolean
run_prune (gpointer data, TesseraStore *store, GError **error)
{
  return tessera_deny_list_prune (data, store, error);
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

/* The rows are the truth: all of them come into memory again, and the next snapshot is made of
 * that. */
static gboolean
run_rebuild (gpointer data, TesseraStore *store, GError **error)
{
  TesseraDenyList *self = data;
  tessera_denied_set_end_snapshot (self->tokens, tessera_clock_get_ms (self->clock), TRUE);
  gboolean done = !tessera_denied_set_is_damaged (self->tokens)
                  || (tessera_store_foreach_denied_token (store, 0, load_token_again, self, error)
                      && tessera_denied_set_drop_snapshot (self->tokens, error));
  g_atomic_int_set (&self->rebuilding, FALSE);
  return done;
}

static void
request_rebuild (TesseraDenyList *self)
{
  if (self->committer == NULL
      || !g_atomic_int_compare_and_exchange (&self->rebuilding, FALSE, TRUE))
    return;
  g_warning ("The snapshot of the deny-list is damaged; it is made anew from the database");
  tessera_committer_submit (self->committer, run_rebuild, NULL, self);
}

/* Between two batches, when all that is in memory is durable. */
static void
care_for_snapshot (TesseraDenyList *self)
{
  gint64 now = tessera_clock_get_ms (self->clock);

  tessera_denied_set_end_snapshot (self->tokens, now, self->closing);
  if (tessera_denied_set_is_damaged (self->tokens) && !self->closing)
    request_rebuild (self);
  if (!tessera_denied_set_is_due (self->tokens, now, self->closing))
    return;
  tessera_denied_set_begin_snapshot (self->tokens, &self->state, now);
  if (self->closing)
    tessera_denied_set_end_snapshot (self->tokens, now, TRUE);
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
  /* The mirror first: what somebody has heard of is to be known there. */
  save_mirror (self);
  tessera_deny_tail_end_batch (self->tail, TRUE);
  care_for_snapshot (self);
  prune_when_due (self);
}

static void
on_undone (TesseraDenyList *self)
{
  for (guint i = self->changes->len; i > 0; i--)
    take_back (self, &g_array_index (self->changes, Change, i - 1));
  g_array_set_size (self->changes, 0);
  tessera_deny_tail_end_batch (self->tail, FALSE);
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
  ((TesseraDenyList *) data)->closing = closing;
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

const char *
tessera_deny_list_get_id (TesseraDenyList *self)
{
  return self->id;
}

TesseraDenyTail *
tessera_deny_list_get_tail (TesseraDenyList *self)
{
  return self->tail;
}

guint
tessera_deny_list_get_count (TesseraDenyList *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gsize count = tessera_deny_rules_get_count (self->rules);
  g_rw_lock_reader_unlock (&self->lock);
  return (guint) count;
}

guint64
tessera_deny_list_get_snapshot_generation (TesseraDenyList *self)
{
  g_rw_lock_reader_lock (&self->lock);
  guint64 generation = tessera_denied_set_get_generation (self->tokens);
  g_rw_lock_reader_unlock (&self->lock);
  return generation;
}

gsize
tessera_deny_list_get_memory (TesseraDenyList *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gsize size = tessera_denied_set_get_memory (self->tokens);
  g_rw_lock_reader_unlock (&self->lock);
  return size;
}
