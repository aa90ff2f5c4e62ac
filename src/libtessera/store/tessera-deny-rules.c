/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of the deny-list (design.md §5): which token an entry refuses. */

#include "store/tessera-deny-rules-private.h"

#include "base/tessera-secret-private.h"

#include <string.h>

struct _TesseraDenyRules
{
  GRWLock *lock; /* over what follows */
  TesseraDeniedSet *tokens;
  GHashTable *cut_offs[TESSERA_N_CUT_OFFS]; /* char *value -> TesseraCutOff */
};

TesseraDenyRules *
tessera_deny_rules_new (GRWLock *lock)
{
  TesseraDenyRules *self = g_new0 (TesseraDenyRules, 1);

  self->lock = lock;
  self->tokens = tessera_denied_set_new (lock);
  for (guint i = 0; i < TESSERA_N_CUT_OFFS; i++)
    self->cut_offs[i] = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return self;
}

void
tessera_deny_rules_free (TesseraDenyRules *self)
{
  if (self == NULL)
    return;
  tessera_denied_set_free (self->tokens);
  for (guint i = 0; i < TESSERA_N_CUT_OFFS; i++)
    g_hash_table_unref (self->cut_offs[i]);
  g_free (self);
}

void
tessera_deny_rules_set_lock (TesseraDenyRules *self, GRWLock *lock)
{
  self->lock = lock;
  tessera_denied_set_set_lock (self->tokens, lock);
}

/* The question. */

const TesseraCutOff *
tessera_deny_rules_lookup_cut_off (TesseraDenyRules *self,
                                   TesseraCutOffTable table,
                                   const char *value)
{
  if (value == NULL || g_hash_table_size (self->cut_offs[table]) == 0)
    return NULL;
  return g_hash_table_lookup (self->cut_offs[table], value);
}

static gint64
get_instant (TesseraDenyRules *self, TesseraCutOffTable table, const char *value)
{
  const TesseraCutOff *cut_off = tessera_deny_rules_lookup_cut_off (self, table, value);

  return cut_off != NULL ? cut_off->instant_ms : G_MININT64;
}

/* The maximum of all that end an authorization, and so all its tokens (design.md §5). */
gint64
tessera_deny_rules_get_authorization_instant (TesseraDenyRules *self,
                                              const TesseraTokenIdentity *token)
{
  gint64 instant = get_instant (self, TESSERA_CUT_OFF_ALL, "");

  instant = MAX (instant, get_instant (self, TESSERA_CUT_OFF_CLIENT, token->client_id));
  instant = MAX (instant, get_instant (self, TESSERA_CUT_OFF_SESSION, token->session_id));
  instant = MAX (instant, get_instant (self, TESSERA_CUT_OFF_GRANT, token->grant_id));
  /* A client's own token has the client as subject, which no person may be. */
  if (token->grant_id == NULL)
    return instant;
  return MAX (instant, get_instant (self, TESSERA_CUT_OFF_SUBJECT, token->subject));
}

/* The maximum of all that refuse a token by when it was issued. */
gint64
tessera_deny_rules_get_instant (TesseraDenyRules *self, const TesseraTokenIdentity *token)
{
  gint64 instant = tessera_deny_rules_get_authorization_instant (self, token);

  instant = MAX (instant, get_instant (self, TESSERA_CUT_OFF_KEY, token->kid));
  if (token->grant_id == NULL)
    return MAX (instant, get_instant (self, TESSERA_CUT_OFF_CLIENT_TOKENS, token->client_id));
  instant = MAX (instant, get_instant (self, TESSERA_CUT_OFF_SUBJECT_TOKENS, token->subject));
  return MAX (instant, get_instant (self, TESSERA_CUT_OFF_GRANT_TOKENS, token->grant_id));
}

/* A jti is a UUID of ours; anything else is known by its digest. */
void
tessera_deny_rules_get_token_id (const char *jti, guint8 out_id[16])
{
  gint64 ms;

  if (tessera_uuid_parse (jti, out_id, &ms))
    return;
  TesseraDigest digest = tessera_digest (jti, -1);
  memcpy (out_id, digest.bytes, 16);
}

void
tessera_denied_name_init (TesseraDeniedName *self, const TesseraTokenIdentity *token)
{
  self->has_id = token->jti != NULL;
  if (self->has_id)
    tessera_deny_rules_get_token_id (token->jti, self->id);
  self->grant_tag = tessera_denied_tokens_tag (token->grant_id);
}

/* While the instants are looked at, what the tokens need comes from memory. */
TesseraDenySnapshotAnswer
tessera_deny_rules_lookup (TesseraDenyRules *self,
                           const TesseraTokenIdentity *token,
                           const TesseraDeniedName *name)
{
  gboolean may_be_listed = name->has_id && tessera_denied_set_get_count (self->tokens) > 0;

  if (may_be_listed)
    tessera_denied_set_prefetch (self->tokens, name->id, name->grant_tag);
  if (token->issued_ms <= tessera_deny_rules_get_instant (self, token))
    return TESSERA_DENY_SNAPSHOT_PRESENT;
  return may_be_listed ? tessera_denied_set_lookup (self->tokens, name->id, name->grant_tag)
                       : TESSERA_DENY_SNAPSHOT_ABSENT;
}

/* Cut-offs. */

void
tessera_deny_rules_put (TesseraDenyRules *self,
                        TesseraCutOffTable table,
                        const char *value,
                        const TesseraCutOff *cut_off)
{
  if (cut_off == NULL)
    g_hash_table_remove (self->cut_offs[table], value);
  else
    g_hash_table_replace (self->cut_offs[table], g_strdup (value),
                          g_memdup2 (cut_off, sizeof *cut_off));
}

void
tessera_deny_rules_raise (TesseraDenyRules *self,
                          TesseraCutOffTable table,
                          const char *value,
                          const TesseraCutOff *cut_off)
{
  TesseraCutOff *before = g_hash_table_lookup (self->cut_offs[table], value);

  if (before == NULL)
    {
      tessera_deny_rules_put (self, table, value, cut_off);
      return;
    }
  before->instant_ms = MAX (before->instant_ms, cut_off->instant_ms);
  before->expires_ms = MAX (before->expires_ms, cut_off->expires_ms);
}

void
tessera_deny_rules_foreach_cut_off (TesseraDenyRules *self,
                                    TesseraCutOffTable table,
                                    void (*func) (const char *value,
                                                  const TesseraCutOff *cut_off,
                                                  gpointer data),
                                    gpointer data)
{
  GHashTableIter iter;
  gpointer value, cut_off;

  g_hash_table_iter_init (&iter, self->cut_offs[table]);
  while (g_hash_table_iter_next (&iter, &value, &cut_off))
    func (value, cut_off, data);
}

static gboolean
is_expired (gpointer value, gpointer cut_off, gpointer now_ms)
{
  return ((const TesseraCutOff *) cut_off)->expires_ms < *(const gint64 *) now_ms;
}

void
tessera_deny_rules_prune_cut_offs (TesseraDenyRules *self, gint64 now_ms)
{
  g_rw_lock_writer_lock (self->lock);
  for (guint i = 0; i < TESSERA_N_CUT_OFFS; i++)
    g_hash_table_foreach_remove (self->cut_offs[i], is_expired, &now_ms);
  g_rw_lock_writer_unlock (self->lock);
}

/* Tokens. */

TesseraDeniedSet *
tessera_deny_rules_get_tokens (TesseraDenyRules *self)
{
  return self->tokens;
}

guint32
tessera_deny_rules_get_expiry (gint64 expires_ms)
{
  return (guint32) CLAMP (expires_ms / 1000 + (expires_ms % 1000 != 0), 1, (gint64) G_MAXUINT32);
}

gsize
tessera_deny_rules_get_count (TesseraDenyRules *self)
{
  gsize count = tessera_denied_set_get_count (self->tokens);

  for (guint i = 0; i < TESSERA_N_CUT_OFFS; i++)
    count += g_hash_table_size (self->cut_offs[i]);
  return count;
}

/* Entries. */

static const TesseraDenialKind kinds[TESSERA_N_CUT_OFFS] = {
  [TESSERA_CUT_OFF_GRANT] = TESSERA_DENIAL_GRANT,
  [TESSERA_CUT_OFF_GRANT_TOKENS] = TESSERA_DENIAL_GRANT, /* with an instant */
  [TESSERA_CUT_OFF_SESSION] = TESSERA_DENIAL_SESSION,
  [TESSERA_CUT_OFF_SUBJECT] = TESSERA_DENIAL_SUBJECT,
  [TESSERA_CUT_OFF_SUBJECT_TOKENS] = TESSERA_DENIAL_SUBJECT_TOKENS,
  [TESSERA_CUT_OFF_CLIENT] = TESSERA_DENIAL_CLIENT,
  [TESSERA_CUT_OFF_CLIENT_TOKENS] = TESSERA_DENIAL_CLIENT_TOKENS,
  [TESSERA_CUT_OFF_KEY] = TESSERA_DENIAL_KEY,
  [TESSERA_CUT_OFF_ALL] = TESSERA_DENIAL_ALL,
};

TesseraDenialKind
tessera_cut_off_table_get_kind (TesseraCutOffTable table)
{
  return kinds[table];
}

gboolean
tessera_cut_off_table_of (const TesseraDenial *denial,
                          TesseraCutOffTable *out_table,
                          TesseraCutOff *out_cut_off)
{
  guint table = 0;

  while (table < TESSERA_N_CUT_OFFS && kinds[table] != denial->kind)
    table++;
  if (table == TESSERA_N_CUT_OFFS)
    return FALSE;
  if (table == TESSERA_CUT_OFF_GRANT && denial->instant_ms != 0)
    table = TESSERA_CUT_OFF_GRANT_TOKENS;
  *out_table = (TesseraCutOffTable) table;
  *out_cut_off = (TesseraCutOff){ .instant_ms = denial->instant_ms != 0 ? denial->instant_ms
                                                                        : TESSERA_CUT_OFF_ENDED,
                                  .expires_ms = denial->expires_ms };
  return TRUE;
}
