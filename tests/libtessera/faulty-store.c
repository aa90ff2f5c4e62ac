/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See faulty-store.h. Only the slots that the committer and the deny-list use are passed on. */

#include "faulty-store.h"

static void faulty_store_iface_init (TesseraStoreInterface *iface);

G_DEFINE_TYPE_WITH_CODE (FaultyStore,
                         faulty_store,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (TESSERA_TYPE_STORE, faulty_store_iface_init))

static TesseraStore *
inner (TesseraStore *store)
{
  return ((FaultyStore *) store)->inner;
}

static gboolean
fails (int *count, GError **error)
{
  if (*count == 0)
    return FALSE;
  (*count)--;
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED, "injected");
  return TRUE;
}

/* Of those that may succeed first. */
static gboolean
fails_now (TesseraStore *store, int *count, GError **error)
{
  FaultyStore *self = (FaultyStore *) store;

  if (*count == 0 || self->good_calls == 0)
    return fails (count, error);
  self->good_calls--;
  return FALSE;
}

static gboolean
faulty_begin (TesseraStore *store, GError **error)
{
  return tessera_store_begin (inner (store), error);
}

static gboolean
faulty_commit (TesseraStore *store, GError **error)
{
  FaultyStore *self = (FaultyStore *) store;
  g_atomic_int_inc (&self->commits);
  if (self->fail_commits == 0)
    return tessera_store_commit (self->inner, error);
  self->fail_commits--;
  g_set_error_literal (error, TESSERA_STORE_ERROR, self->fail_code, "injected");
  return FALSE;
}

static void
faulty_rollback (TesseraStore *store)
{
  g_atomic_int_inc (&((FaultyStore *) store)->rollbacks);
  tessera_store_rollback (inner (store));
}

static gboolean
faulty_prune (TesseraStore *store, gint64 now_ms, GError **error)
{
  return tessera_store_prune (inner (store), now_ms, error);
}

static void
faulty_get_counts (TesseraStore *store, guint64 *out_writes, guint64 *out_syncs)
{
  tessera_store_get_counts (inner (store), out_writes, out_syncs);
}

static gboolean
faulty_get_state (TesseraStore *store, TesseraStoreState *out_state, GError **error)
{
  return tessera_store_get_state (inner (store), out_state, error);
}

static gboolean
faulty_put_high_water (TesseraStore *store, gint64 high_water_ms, GError **error)
{
  return tessera_store_put_high_water (inner (store), high_water_ms, error);
}

static gboolean
faulty_renew_id (TesseraStore *store, GError **error)
{
  return tessera_store_renew_id (inner (store), error);
}

static gboolean
faulty_raise_generation (TesseraStore *store, guint64 generation, GError **error)
{
  return tessera_store_raise_generation (inner (store), generation, error);
}

static gboolean
faulty_put_longest_lifetime (TesseraStore *store, gint64 lifetime_ms, GError **error)
{
  return tessera_store_put_longest_lifetime (inner (store), lifetime_ms, error);
}

static gboolean
faulty_end_session (TesseraStore *store, const char *session_id, gint64 now_ms, GError **error)
{
  return tessera_store_end_session (inner (store), session_id, now_ms, error);
}

static gboolean
faulty_put_declared (TesseraStore *store, const char *name, const char *fingerprint, GError **error)
{
  return tessera_store_put_declared (inner (store), name, fingerprint, error);
}

static GHashTable *
faulty_dup_declared (TesseraStore *store, GError **error)
{
  return tessera_store_dup_declared (inner (store), error);
}

static GPtrArray *
faulty_list_logouts (TesseraStore *store, gint64 after, guint limit, GError **error)
{
  if (fails (&((FaultyStore *) store)->fail_lists, error))
    return NULL;
  return tessera_store_list_logouts (inner (store), after, limit, error);
}

static gboolean
faulty_end_grant (TesseraStore *store, const char *grant_id, GError **error)
{
  return tessera_store_end_grant (inner (store), grant_id, error);
}

static gboolean
faulty_end_all (TesseraStore *store,
                const char *subject,
                const char *client_id,
                gint64 began_ms,
                GError **error)
{
  return tessera_store_end_all (inner (store), subject, client_id, began_ms, error);
}

static gboolean
faulty_lookup_subject (TesseraStore *store, const char *sub, char **out_subject, GError **error)
{
  if (fails_now (store, &((FaultyStore *) store)->fail_lookups, error))
    return FALSE;
  return tessera_store_lookup_subject (inner (store), sub, out_subject, error);
}

static GPtrArray *
faulty_list_subs (TesseraStore *store, const char *subject, GError **error)
{
  if (fails_now (store, &((FaultyStore *) store)->fail_lookups, error))
    return NULL;
  return tessera_store_list_subs (inner (store), subject, error);
}

static gboolean
faulty_append_denial (TesseraStore *store,
                      const TesseraDenial *denial,
                      guint64 *out_generation,
                      GError **error)
{
  if (fails_now (store, &((FaultyStore *) store)->fail_appends, error))
    return FALSE;
  return tessera_store_append_denial (inner (store), denial, out_generation, error);
}

static gboolean
faulty_foreach_denial (TesseraStore *store,
                       guint64 since,
                       guint limit,
                       TesseraDenialFunc func,
                       gpointer data,
                       GError **error)
{
  return tessera_store_foreach_denial (inner (store), since, limit, func, data, error);
}

static gboolean
faulty_foreach_cut_off (TesseraStore *store, TesseraDenialFunc func, gpointer data, GError **error)
{
  return tessera_store_foreach_cut_off (inner (store), func, data, error);
}

typedef struct
{
  FaultyStore *store;
  TesseraDenialFunc func;
  gpointer data;
} Giving;

static void
give_denied_token (const TesseraDenial *denial, gpointer data)
{
  Giving *giving = data;
  g_atomic_int_inc (&giving->store->denied_tokens_given);
  giving->func (denial, giving->data);
}

static gboolean
faulty_foreach_denied_token (
    TesseraStore *store, guint64 since, TesseraDenialFunc func, gpointer data, GError **error)
{
  Giving giving = { (FaultyStore *) store, func, data };
  return tessera_store_foreach_denied_token (inner (store), since, give_denied_token, &giving,
                                             error);
}

static void
faulty_store_finalize (GObject *object)
{
  g_object_unref (((FaultyStore *) object)->inner);
  G_OBJECT_CLASS (faulty_store_parent_class)->finalize (object);
}

static void
faulty_store_class_init (FaultyStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = faulty_store_finalize;
}

static void
faulty_store_init (FaultyStore *self)
{
  self->inner = tessera_memory_store_new ();
}

static void
faulty_store_iface_init (TesseraStoreInterface *iface)
{
  iface->begin = faulty_begin;
  iface->commit = faulty_commit;
  iface->rollback = faulty_rollback;
  iface->prune = faulty_prune;
  iface->get_counts = faulty_get_counts;
  iface->get_state = faulty_get_state;
  iface->renew_id = faulty_renew_id;
  iface->raise_generation = faulty_raise_generation;
  iface->put_high_water = faulty_put_high_water;
  iface->put_declared = faulty_put_declared;
  iface->dup_declared = faulty_dup_declared;
  iface->end_grant = faulty_end_grant;
  iface->list_logouts = faulty_list_logouts;
  iface->put_longest_lifetime = faulty_put_longest_lifetime;
  iface->end_session = faulty_end_session;
  iface->end_all = faulty_end_all;
  iface->lookup_subject = faulty_lookup_subject;
  iface->list_subs = faulty_list_subs;
  iface->append_denial = faulty_append_denial;
  iface->foreach_denial = faulty_foreach_denial;
  iface->foreach_cut_off = faulty_foreach_cut_off;
  iface->foreach_denied_token = faulty_foreach_denied_token;
}

FaultyStore *
faulty_store_new (void)
{
  return g_object_new (faulty_store_get_type (), NULL);
}
