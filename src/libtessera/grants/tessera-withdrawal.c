/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A person takes back what they allowed a client (RFC 6749 §10.2 in the other direction, RFC 9700
 * §4.14: the grant with all its tokens). */

#include "grants/tessera-withdrawal-private.h"

#include "model/tessera-revocation-private.h"

#define PAGE 100

typedef struct
{
  char *grant_id;
  guint64 generation;
} Ended;

typedef struct
{
  TesseraEngine *engine;
  char *subject;
  char *client_id;
  GPtrArray *ended; /* Ended */
  TesseraWithdrawalDone done;
  gpointer data;
} Withdrawal;

static void
ended_free (Ended *self)
{
  g_free (self->grant_id);
  g_free (self);
}

static void
withdrawal_free (Withdrawal *self)
{
  g_free (self->subject);
  g_free (self->client_id);
  g_ptr_array_unref (self->ended);
  g_free (self);
}

static gboolean
end_grant (Withdrawal *self, TesseraStore *store, const char *grant_id, GError **error)
{
  Ended *ended = g_new0 (Ended, 1);

  ended->grant_id = g_strdup (grant_id);
  g_ptr_array_add (self->ended, ended);
  return tessera_deny_list_deny_grant (self->engine->deny_list, store, grant_id, &ended->generation,
                                       error);
}

/* *out_last: behind which the next page begins; NULL: there is none. */
static gboolean
end_page (Withdrawal *self,
          TesseraStore *store,
          const TesseraStoreFilter *filter,
          char **out_last,
          GError **error)
{
  g_autoptr (GPtrArray) page = tessera_store_list_grants (store, filter, error);

  g_clear_pointer (out_last, g_free);
  if (page == NULL)
    return FALSE;
  for (guint i = 0; i < page->len; i++)
    if (!end_grant (self, store, ((const TesseraGrant *) page->pdata[i])->grant_id, error))
      return FALSE;
  if (page->len > 0)
    *out_last = g_strdup (((const TesseraGrant *) page->pdata[page->len - 1])->grant_id);
  return TRUE;
}

/* In the committing thread. */
static gboolean
run (gpointer data, TesseraStore *store, GError **error)
{
  Withdrawal *self = data;
  gint64 now_ms = tessera_clock_get_ms (self->engine->clock);
  g_autofree char *last = g_strdup ("");

  g_ptr_array_set_size (self->ended, 0);
  while (last != NULL)
    {
      g_autofree char *after = g_steal_pointer (&last);
      TesseraStoreFilter filter = { .subject = self->subject,
                                    .client_id = self->client_id,
                                    .after = after,
                                    .limit = PAGE,
                                    /* Those too whose last token outlives them. */
                                    .now_ms = G_MININT64 };
      if (!end_page (self, store, &filter, &last, error))
        return FALSE;
    }
  return tessera_store_end_all (store, self->subject, self->client_id, now_ms, error);
}

static void
report (Withdrawal *self, const Ended *ended)
{
  g_autoptr (TesseraRevocation) revocation
      = tessera_revocation_new (NULL, NULL, NULL, TESSERA_REVOCATION_CAUSE_OWNER);

  tessera_revocation_set_outcome (revocation, TESSERA_REVOCATION_KIND_GRANT, ended->grant_id,
                                  ended->generation);
  if (self->engine->hooks.revoked != NULL)
    self->engine->hooks.revoked (self->engine->hooks_data, revocation);
}

static void
on_run (gpointer data, const GError *error)
{
  Withdrawal *self = data;

  for (guint i = 0; error == NULL && i < self->ended->len; i++)
    report (self, self->ended->pdata[i]);
  self->done (self->data, error);
  withdrawal_free (self);
}

void
tessera_withdrawal_start (TesseraEngine *engine,
                          const char *subject,
                          const char *client_id,
                          TesseraWithdrawalDone done,
                          gpointer data)
{
  Withdrawal *self = g_new0 (Withdrawal, 1);

  self->engine = engine;
  self->subject = g_strdup (subject);
  self->client_id = g_strdup (client_id);
  self->ended = g_ptr_array_new_with_free_func ((GDestroyNotify) ended_free);
  self->done = done;
  self->data = data;
  tessera_committer_submit (engine->committer, run, on_run, self);
}
