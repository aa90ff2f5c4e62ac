/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins under way (RFC 9700 §4.7: bound to the browser that began them). */

#include "server/tessera-transaction-private.h"

#include "base/tessera-network-private.h"

/* What came from one network. */
typedef struct
{
  char *network;
  GQueue transactions; /* TesseraTransaction*, borrowed, oldest first */
  GList link;          /* among those that have as many */
} Share;

struct _TesseraTransactionTable
{
  guint max;
  guint max_of_one;   /* that a network may have; the unknown one may have all */
  GHashTable *by_id;  /* char *id (of the transaction) -> TesseraTransaction* */
  GQueue by_age;      /* TesseraTransaction*, borrowed, oldest first */
  GHashTable *shares; /* char *network (of the share) -> Share */
  GQueue *by_load;  /* Share*, by how many it has: as many as one may have, or more, are the last */
  guint heaviest;   /* nobody has more */
  GQueue by_answer; /* TesseraTransaction*, with an answer that is kept, oldest first */
};

/* How far from the oldest to look for one that nobody would miss. */
#define SEARCH_DEPTH 64

static TesseraTransaction *
transaction_new (TesseraAuthorizationRequest *request, const char *address, gint64 now_ms)
{
  TesseraTransaction *self = g_new0 (TesseraTransaction, 1);

  self->ref_count = 1;
  self->id = tessera_identifier_new ();
  self->network
      = address != NULL && *address != '\0' ? tessera_network_dup (address) : g_strdup ("");
  if (request != NULL)
    self->request = tessera_authorization_request_ref (request);
  self->began_ms = now_ms;
  self->by_age.data = self;
  self->by_network.data = self;
  self->by_answer.data = self;
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
  g_free (self->network);
  tessera_challenge_free (self->challenge);
  g_free (self->session_id);
  g_clear_pointer (&self->answered, tessera_exchange_unref);
  g_clear_pointer (&self->request, tessera_authorization_request_unref);
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

void
tessera_transaction_set_challenge (TesseraTransaction *self, TesseraChallenge *challenge)
{
  tessera_challenge_free (self->challenge);
  self->challenge = challenge;
}

void
tessera_challenge_free (TesseraChallenge *self)
{
  if (self == NULL)
    return;

  g_free (self->id);
  g_free (self->username);
  g_free (self->prompt);
  g_free (self);
}

/* Shares */

static void
share_free (Share *self)
{
  g_free (self->network);
  g_free (self);
}

static GQueue *
find_peers (TesseraTransactionTable *self, const Share *share)
{
  return &self->by_load[MIN (share->transactions.length, self->max_of_one)];
}

static Share *
get_share (TesseraTransactionTable *self, const char *network)
{
  Share *share = g_hash_table_lookup (self->shares, network);

  if (share != NULL)
    return share;
  share = g_new0 (Share, 1);
  share->network = g_strdup (network);
  share->link.data = share;
  g_queue_push_tail_link (find_peers (self, share), &share->link);
  g_hash_table_insert (self->shares, share->network, share);
  return share;
}

static void
share_add (TesseraTransactionTable *self, TesseraTransaction *transaction)
{
  Share *share = get_share (self, transaction->network);

  g_queue_unlink (find_peers (self, share), &share->link);
  g_queue_push_tail_link (&share->transactions, &transaction->by_network);
  g_queue_push_tail_link (find_peers (self, share), &share->link);
  self->heaviest = MAX (self->heaviest, MIN (share->transactions.length, self->max_of_one));
}

static void
share_remove (TesseraTransactionTable *self, TesseraTransaction *transaction)
{
  Share *share = get_share (self, transaction->network);

  g_queue_unlink (find_peers (self, share), &share->link);
  g_queue_unlink (&share->transactions, &transaction->by_network);
  if (share->transactions.length == 0)
    g_hash_table_remove (self->shares, share->network);
  else
    g_queue_push_tail_link (find_peers (self, share), &share->link);
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
  g_queue_init (&self->by_answer);
  self->max_of_one = MAX (max / TESSERA_TRANSACTION_SHARE, 1);
  self->shares = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) share_free);
  self->by_load = g_new0 (GQueue, self->max_of_one + 1);
  return self;
}

void
tessera_transaction_table_free (TesseraTransactionTable *self)
{
  g_hash_table_unref (self->shares);
  g_hash_table_unref (self->by_id);
  g_free (self->by_load);
  g_free (self);
}

/* Answers */

static gboolean
has_old_answer (const TesseraTransaction *transaction, gint64 now_ms)
{
  return now_ms - transaction->answered_ms >= TESSERA_TRANSACTION_ANSWER_MS;
}

static void
forget_answer (TesseraTransactionTable *self, TesseraTransaction *transaction)
{
  if (transaction->answered == NULL)
    return;

  g_queue_unlink (&self->by_answer, &transaction->by_answer);
  g_clear_pointer (&transaction->answered, tessera_exchange_unref);
}

TesseraExchange *
tessera_transaction_get_answer (TesseraTransaction *self, gint64 now_ms)
{
  return has_old_answer (self, now_ms) ? NULL : self->answered;
}

void
tessera_transaction_table_forget_answers (TesseraTransactionTable *self, gint64 now_ms)
{
  while (self->by_answer.head != NULL && has_old_answer (self->by_answer.head->data, now_ms))
    forget_answer (self, self->by_answer.head->data);
}

void
tessera_transaction_table_keep_answer (TesseraTransactionTable *self,
                                       TesseraTransaction *transaction,
                                       TesseraExchange *answer,
                                       gint64 now_ms)
{
  tessera_transaction_table_forget_answers (self, now_ms);
  if (tessera_transaction_table_lookup (self, transaction->id) != transaction)
    return;

  transaction->answered = tessera_exchange_ref (answer);
  transaction->answered_ms = now_ms;
  g_queue_push_tail_link (&self->by_answer, &transaction->by_answer);
}

/* Room */

static void
forget (TesseraTransactionTable *self, TesseraTransaction *transaction)
{
  forget_answer (self, transaction);
  share_remove (self, transaction);
  g_queue_unlink (&self->by_age, &transaction->by_age);
  g_hash_table_remove (self->by_id, transaction->id);
}

static gboolean
is_missed (const TesseraTransaction *transaction)
{
  return (transaction->session_id != NULL || transaction->challenge != NULL)
         && !transaction->is_finished;
}

static void
forget_oldest (TesseraTransactionTable *self, GQueue *queue)
{
  GList *link = queue->head;

  for (guint i = 0; i < SEARCH_DEPTH && link != NULL; i++, link = link->next)
    if (!is_missed (link->data))
      {
        forget (self, link->data);
        return;
      }
  forget (self, queue->head->data);
}

/* Whoever has most makes way, so that nobody loses a login because of somebody else's, however
 * many addresses that one has. */
static void
forget_of_heaviest (TesseraTransactionTable *self)
{
  Share *share = NULL;

  while (self->by_load[self->heaviest].length == 0)
    self->heaviest--;
  share = self->by_load[self->heaviest].head->data;
  forget_oldest (self, self->heaviest > 1 ? &share->transactions : &self->by_age);
}

static void
make_room (TesseraTransactionTable *self, const char *network, gint64 now_ms)
{
  Share *share;

  while (self->by_age.head != NULL
         && now_ms - ((TesseraTransaction *) self->by_age.head->data)->began_ms
                >= TESSERA_TRANSACTION_MEMORY_MS)
    forget (self, self->by_age.head->data);
  share = g_hash_table_lookup (self->shares, network);
  if (*network != '\0' && share != NULL && share->transactions.length >= self->max_of_one)
    forget_oldest (self, &share->transactions);
  while (self->by_age.length >= self->max)
    forget_of_heaviest (self);
}

TesseraTransaction *
tessera_transaction_table_add (TesseraTransactionTable *self,
                               TesseraAuthorizationRequest *request,
                               const char *browser_cookie,
                               const char *address,
                               gint64 now_ms)
{
  TesseraTransaction *transaction = transaction_new (request, address, now_ms);

  make_room (self, transaction->network, now_ms);
  if (browser_cookie != NULL)
    tessera_transaction_claim (transaction, browser_cookie);
  g_hash_table_insert (self->by_id, transaction->id, transaction);
  g_queue_push_tail_link (&self->by_age, &transaction->by_age);
  share_add (self, transaction);
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
