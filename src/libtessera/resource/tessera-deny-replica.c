/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A copy of an issuer's deny-list and its age (design.md §5, docs/denylist-feed.md). */

#include "resource/tessera-deny-replica-private.h"

#include "base/tessera-secret-private.h"
#include "store/tessera-deny-rules-private.h"

#include <string.h>

#define NEVER G_MININT64

struct _TesseraDenyReplica
{
  TesseraClock *clock;
  gsize max_entries;
  gint64 fresh_ms; /* atomic: the elapsed time at which the age was 0, or NEVER */

  GRWLock lock; /* over what follows; the following thread may read without it */
  TesseraDenyRules *rules;
  gboolean closed; /* everything is refused */
  char *list;      /* or NULL */
  guint64 generation;

  gint64 newest_ms; /* the following thread's: of the issuer's times that were believed */
};

struct _TesseraDenyStage
{
  TesseraDenyReplica *replica;
  GRWLock lock;
  TesseraDenyRules *rules;
  gboolean closed;
};

TesseraDenyReplica *
tessera_deny_replica_new (TesseraClock *clock)
{
  TesseraDenyReplica *self = g_new0 (TesseraDenyReplica, 1);

  self->clock = tessera_clock_ref (clock);
  self->max_entries = TESSERA_DENY_REPLICA_MAX_ENTRIES;
  self->fresh_ms = NEVER;
  g_rw_lock_init (&self->lock);
  self->rules = tessera_deny_rules_new (&self->lock);
  self->closed = TRUE;
  return self;
}

void
tessera_deny_replica_free (TesseraDenyReplica *self)
{
  if (self == NULL)
    return;
  tessera_deny_rules_free (self->rules);
  g_rw_lock_clear (&self->lock);
  tessera_clock_unref (self->clock);
  g_free (self->list);
  g_free (self);
}

void
tessera_deny_replica_set_max_entries (TesseraDenyReplica *self, gsize max_entries)
{
  self->max_entries = max_entries;
}

/* Asking. */

gboolean
tessera_deny_replica_check (TesseraDenyReplica *self, const TesseraTokenIdentity *token)
{
  TesseraDeniedName name;

  tessera_denied_name_init (&name, token);
  g_rw_lock_reader_lock (&self->lock);
  gboolean refused
      = self->closed
        || tessera_deny_rules_lookup (self->rules, token, &name) != TESSERA_DENY_SNAPSHOT_ABSENT;
  g_rw_lock_reader_unlock (&self->lock);
  return refused;
}

guint64
tessera_deny_replica_get_generation (TesseraDenyReplica *self)
{
  g_rw_lock_reader_lock (&self->lock);
  guint64 generation = self->generation;
  g_rw_lock_reader_unlock (&self->lock);
  return generation;
}

guint
tessera_deny_replica_get_count (TesseraDenyReplica *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gsize count = tessera_deny_rules_get_count (self->rules);
  g_rw_lock_reader_unlock (&self->lock);
  return (guint) count;
}

char *
tessera_deny_replica_dup_list (TesseraDenyReplica *self)
{
  g_rw_lock_reader_lock (&self->lock);
  char *list = g_strdup (self->list);
  g_rw_lock_reader_unlock (&self->lock);
  return list;
}

gsize
tessera_deny_replica_get_memory (TesseraDenyReplica *self)
{
  g_rw_lock_reader_lock (&self->lock);
  gsize size = tessera_denied_set_get_memory (tessera_deny_rules_get_tokens (self->rules));
  g_rw_lock_reader_unlock (&self->lock);
  return size;
}

typedef struct
{
  void (*func) (const TesseraDenial *denial, gpointer data);
  gpointer data;
  TesseraCutOffTable table;
} Visit;

static void
visit_token (const TesseraDeniedToken *token, gpointer data)
{
  const Visit *visit = data;
  char value[TESSERA_UUID_LENGTH + 1];
  TesseraDenial denial = { .kind = TESSERA_DENIAL_TOKEN,
                           .value = value,
                           .expires_ms = token->expires_s == G_MAXUINT32
                                             ? G_MAXINT64
                                             : token->expires_s * G_GINT64_CONSTANT (1000) };

  tessera_uuid_write (token->id, value);
  if (!tessera_uuid_parse (value, NULL, NULL))
    for (guint i = 0; i < sizeof token->id; i++)
      g_snprintf (value + 2 * i, 3, "%02x", token->id[i]);
  visit->func (&denial, visit->data);
}

static void
visit_cut_off (const char *value, const TesseraCutOff *cut_off, gpointer data)
{
  const Visit *visit = data;
  TesseraDenial denial
      = { .kind = tessera_cut_off_table_get_kind (visit->table),
          .value = value,
          .instant_ms = cut_off->instant_ms == TESSERA_CUT_OFF_ENDED ? 0 : cut_off->instant_ms,
          .expires_ms = cut_off->expires_ms };

  visit->func (&denial, visit->data);
}

void
tessera_deny_replica_foreach (TesseraDenyReplica *self,
                              void (*func) (const TesseraDenial *denial, gpointer data),
                              gpointer data)
{
  Visit visit = { func, data, 0 };

  g_rw_lock_reader_lock (&self->lock);
  tessera_denied_set_foreach (tessera_deny_rules_get_tokens (self->rules), visit_token, &visit);
  for (guint i = 0; i < TESSERA_N_CUT_OFFS; i++)
    {
      visit.table = (TesseraCutOffTable) i;
      tessera_deny_rules_foreach_cut_off (self->rules, visit.table, visit_cut_off, &visit);
    }
  g_rw_lock_reader_unlock (&self->lock);
}

/* Age. */

gboolean
tessera_deny_replica_is_loaded (TesseraDenyReplica *self)
{
  return __atomic_load_n (&self->fresh_ms, __ATOMIC_ACQUIRE) != NEVER;
}

gint64
tessera_deny_replica_get_age_ms (TesseraDenyReplica *self)
{
  gint64 fresh = __atomic_load_n (&self->fresh_ms, __ATOMIC_ACQUIRE);

  if (fresh == NEVER)
    return G_MAXINT64;
  return MAX (tessera_clock_get_elapsed_ms () - fresh, 0);
}

/* The issuer's time counts, not when it came: what was held up on the way is as old as it is. Only
 * what is newer than all before makes fresh, so that nothing old can be played again. */
static gboolean
freshen (TesseraDenyReplica *self, gint64 time_ms)
{
  gint64 now = tessera_clock_get_ms (self->clock);

  if (time_ms <= self->newest_ms || time_ms > now + TESSERA_DENY_REPLICA_MAX_LEAD_MS)
    return FALSE;
  self->newest_ms = time_ms;
  __atomic_store_n (&self->fresh_ms, tessera_clock_get_elapsed_ms () - MAX (now - time_ms, 0),
                    __ATOMIC_RELEASE);
  /* The issuer has forgotten the entries of what is over by its clock: a clock behind it must not
   * take that for good. */
  tessera_clock_advance (self->clock, time_ms);
  return TRUE;
}

/* Entries. */

static gboolean
is_time (gint64 ms)
{
  return ms >= 0 && ms <= TESSERA_CLOCK_MAX_MS;
}

static gboolean
is_understood (const TesseraDenial *denial, TesseraCutOffTable *out_table, TesseraCutOff *out)
{
  if (!is_time (denial->instant_ms)
      || !(is_time (denial->expires_ms) || denial->expires_ms == G_MAXINT64))
    return FALSE;
  if (denial->kind == TESSERA_DENIAL_ALL)
    return tessera_cut_off_table_of (denial, out_table, out);
  return denial->value != NULL && denial->value[0] != '\0'
         && (denial->kind == TESSERA_DENIAL_TOKEN
             || tessera_cut_off_table_of (denial, out_table, out));
}

static void
put_token (TesseraDenyRules *rules, const TesseraDenial *denial)
{
  TesseraDeniedSet *tokens = tessera_deny_rules_get_tokens (rules);
  TesseraDeniedToken token = { .expires_s = tessera_deny_rules_get_expiry (denial->expires_ms) };

  tessera_deny_rules_get_token_id (denial->value, token.id);
  if (!tessera_denied_set_is_new (tokens, token.id, 0))
    tessera_denied_set_add (tokens, &token);
}

static gboolean
put_entry (TesseraDenyRules *rules, GRWLock *lock, gsize max_entries, const TesseraDenial *denial)
{
  TesseraCutOffTable table;
  TesseraCutOff cut_off;

  if (!is_understood (denial, &table, &cut_off)
      || tessera_deny_rules_get_count (rules) >= max_entries)
    return FALSE;
  if (denial->kind == TESSERA_DENIAL_TOKEN)
    {
      put_token (rules, denial);
      return TRUE;
    }
  g_rw_lock_writer_lock (lock);
  tessera_deny_rules_raise (rules, table, table == TESSERA_CUT_OFF_ALL ? "" : denial->value,
                            &cut_off);
  g_rw_lock_writer_unlock (lock);
  return TRUE;
}

gboolean
tessera_deny_replica_apply (TesseraDenyReplica *self, const TesseraDenial *denial)
{
  if (denial->generation <= self->generation)
    return TRUE;
  gboolean understood = put_entry (self->rules, &self->lock, self->max_entries, denial);

  g_rw_lock_writer_lock (&self->lock);
  self->generation = denial->generation;
  self->closed |= !understood;
  g_rw_lock_writer_unlock (&self->lock);
  return understood;
}

void
tessera_deny_replica_mark (TesseraDenyReplica *self,
                           const char *list,
                           guint64 generation,
                           gint64 time_ms)
{
  if (g_strcmp0 (list, self->list) != 0)
    return;
  g_rw_lock_writer_lock (&self->lock);
  self->generation = MAX (self->generation, generation);
  g_rw_lock_writer_unlock (&self->lock);
  freshen (self, time_ms);
}

void
tessera_deny_replica_close (TesseraDenyReplica *self)
{
  g_rw_lock_writer_lock (&self->lock);
  self->closed = TRUE;
  g_rw_lock_writer_unlock (&self->lock);
}

void
tessera_deny_replica_prune (TesseraDenyReplica *self)
{
  gint64 now = tessera_clock_get_ms (self->clock);

  tessera_denied_set_prune (tessera_deny_rules_get_tokens (self->rules), now);
  tessera_deny_rules_prune_cut_offs (self->rules, now);
}

/* A whole list. */

TesseraDenyStage *
tessera_deny_replica_begin (TesseraDenyReplica *self)
{
  TesseraDenyStage *stage = g_new0 (TesseraDenyStage, 1);

  stage->replica = self;
  g_rw_lock_init (&stage->lock);
  stage->rules = tessera_deny_rules_new (&stage->lock);
  return stage;
}

gboolean
tessera_deny_stage_add (TesseraDenyStage *stage, const TesseraDenial *denial)
{
  gboolean understood = put_entry (stage->rules, &stage->lock, stage->replica->max_entries, denial);

  stage->closed |= !understood;
  return understood;
}

/* An old list that is signed is no new list: it would un-revoke. */
static gboolean
is_newer (TesseraDenyReplica *self, const char *list, guint64 generation, gint64 time_ms)
{
  if (self->list == NULL)
    return TRUE;
  return strcmp (list, self->list) == 0 ? generation >= self->generation
                                        : time_ms > self->newest_ms;
}

gboolean
tessera_deny_stage_commit (TesseraDenyStage *stage,
                           const char *list,
                           guint64 generation,
                           gint64 time_ms)
{
  TesseraDenyReplica *self = stage->replica;

  g_return_val_if_fail (list != NULL && stage->rules != NULL, FALSE);
  if (!is_newer (self, list, generation, time_ms))
    return FALSE;

  gboolean is_another = g_strcmp0 (list, self->list) != 0;
  TesseraDenyRules *old = self->rules;
  g_rw_lock_writer_lock (&self->lock);
  self->rules = g_steal_pointer (&stage->rules);
  tessera_deny_rules_set_lock (self->rules, &self->lock);
  self->closed = stage->closed;
  g_free (self->list);
  self->list = g_strdup (list);
  self->generation = generation;
  g_rw_lock_writer_unlock (&self->lock);
  tessera_deny_rules_free (old);
  /* How fresh the list before was says nothing of this one. */
  if (!freshen (self, time_ms) && is_another)
    __atomic_store_n (&self->fresh_ms, NEVER, __ATOMIC_RELEASE);
  return TRUE;
}

void
tessera_deny_stage_free (TesseraDenyStage *stage)
{
  if (stage == NULL)
    return;
  tessera_deny_rules_free (stage->rules);
  g_rw_lock_clear (&stage->lock);
  g_free (stage);
}
