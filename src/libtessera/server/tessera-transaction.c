/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins under way (RFC 9700 §4.7: bound to the browser that began them). */

#include "server/tessera-transaction-private.h"

struct _TesseraTransactionTable
{
  guint max;
  GHashTable *by_id; /* char *id (of the transaction) -> TesseraTransaction* */
  GQueue by_age;     /* TesseraTransaction*, borrowed, oldest first */
};

/* How far from the oldest to look for one in which nobody has signed in. */
#define SEARCH_DEPTH 64

static TesseraTransaction *
transaction_new (TesseraAuthorizationRequest *request, gint64 now_ms)
{
  TesseraTransaction *self = g_new0 (TesseraTransaction, 1);

  self->ref_count = 1;
  self->id = tessera_identifier_new ();
  self->request = tessera_authorization_request_ref (request);
  self->began_ms = now_ms;
  return self;
}

TesseraTransaction *
tessera_transaction_ref (TesseraTransaction *self)
{
  self->ref_count++;
  return self;
}

void
tessera_transaction_unref (TesseraTransaction *self)
{
  if (--self->ref_count > 0)
    return;

  g_free (self->id);
  g_free (self->session_id);
  tessera_authorization_request_unref (self->request);
  g_free (self);
}

gboolean
tessera_transaction_is_expired (const TesseraTransaction *self, gint64 now_ms)
{
  return now_ms - self->began_ms >= TESSERA_TRANSACTION_LIFETIME_MS;
}

void
tessera_transaction_claim (TesseraTransaction *self, const char *browser_cookie)
{
  self->browser = tessera_digest (browser_cookie, -1);
  self->is_claimed = TRUE;
}

gboolean
tessera_transaction_belongs_to (const TesseraTransaction *self, const char *browser_cookie)
{
  TesseraDigest digest = tessera_digest (browser_cookie, -1);

  return self->is_claimed && tessera_digest_equal (&self->browser, &digest);
}

void
tessera_transaction_set_session (TesseraTransaction *self,
                                 const char *session_id,
                                 const TesseraDigest *session)
{
  g_free (self->session_id);
  self->session_id = g_strdup (session_id);
  self->session = *session;
}

/* The table */

TesseraTransactionTable *
tessera_transaction_table_new (guint max)
{
  TesseraTransactionTable *self = g_new0 (TesseraTransactionTable, 1);

  self->max = max;
  self->by_id = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                       (GDestroyNotify) tessera_transaction_unref);
  g_queue_init (&self->by_age);
  return self;
}

void
tessera_transaction_table_free (TesseraTransactionTable *self)
{
  if (self == NULL)
    return;

  g_queue_clear (&self->by_age);
  g_hash_table_unref (self->by_id);
  g_free (self);
}

static void
remove_link (TesseraTransactionTable *self, GList *link)
{
  TesseraTransaction *transaction = link->data;

  g_queue_delete_link (&self->by_age, link);
  g_hash_table_remove (self->by_id, transaction->id);
}

static void
forget_oldest (TesseraTransactionTable *self)
{
  GList *link = self->by_age.head;

  for (guint i = 0; i < SEARCH_DEPTH && link != NULL; i++, link = link->next)
    if (((TesseraTransaction *) link->data)->session_id == NULL)
      {
        remove_link (self, link);
        return;
      }
  remove_link (self, self->by_age.head);
}

static void
make_room (TesseraTransactionTable *self, gint64 now_ms)
{
  while (self->by_age.head != NULL
         && now_ms - ((TesseraTransaction *) self->by_age.head->data)->began_ms
                >= TESSERA_TRANSACTION_MEMORY_MS)
    remove_link (self, self->by_age.head);
  while (self->by_age.length >= self->max)
    forget_oldest (self);
}

TesseraTransaction *
tessera_transaction_table_add (TesseraTransactionTable *self,
                               TesseraAuthorizationRequest *request,
                               const char *browser_cookie,
                               gint64 now_ms)
{
  TesseraTransaction *transaction;

  make_room (self, now_ms);
  transaction = transaction_new (request, now_ms);
  if (browser_cookie != NULL)
    tessera_transaction_claim (transaction, browser_cookie);
  g_hash_table_insert (self->by_id, transaction->id, transaction);
  g_queue_push_tail (&self->by_age, transaction);
  return transaction;
}

TesseraTransaction *
tessera_transaction_table_lookup (TesseraTransactionTable *self, const char *id)
{
  return g_hash_table_lookup (self->by_id, id);
}

guint
tessera_transaction_table_get_count (TesseraTransactionTable *self)
{
  return self->by_age.length;
}
