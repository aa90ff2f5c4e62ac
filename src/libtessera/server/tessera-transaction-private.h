/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-secret-private.h"
#include "endpoints/tessera-exchange-private.h"
#include "model/tessera-authorization-request-private.h"

G_BEGIN_DECLS

/* A login under way: the authorization request that waits for a person, kept here so that no
 * address and no form carries any of it. It belongs to one browser. */
#define TESSERA_TRANSACTION_LIFETIME_MS (20 * 60 * G_GINT64_CONSTANT (1000))
/* An expired one is remembered so that it can start again. */
#define TESSERA_TRANSACTION_MEMORY_MS (12 * 60 * 60 * G_GINT64_CONSTANT (1000))
#define TESSERA_TRANSACTION_MAX 10000
/* So long is the answer that ended one kept, for a second click: as long as codes usually live. */
#define TESSERA_TRANSACTION_ANSWER_MS (60 * G_GINT64_CONSTANT (1000))
/* How many of them one address may have, or one network of IPv6. */
#define TESSERA_TRANSACTION_SHARE 16 /* a sixteenth */

/* What a login under way was asked beyond user name and password. */
typedef struct
{
  char *id;   /* of the authentication */
  guint step; /* of the answer */
  char *username;
  char *prompt; /* NULL: a one-time code */
  gboolean is_secret;
  gboolean is_repeated;  /* asked for the second time: the answer was not right */
  gboolean is_answering; /* somebody looks at an answer */
  gint64 attempted_ms;   /* when the password came */
} TesseraChallenge;

typedef struct
{
  guint ref_count;
  char *id;
  char *network; /* that it came from; "" when that is not known */
  GList by_age;  /* its places in the table */
  GList by_network;
  GList by_answer;
  gboolean is_claimed;                  /* no browser yet: it began with a POST from another site */
  TesseraDigest browser;                /* of its cookie */
  TesseraAuthorizationRequest *request; /* NULL: no application waits */
  gint64 began_ms;
  gboolean was_restarted;
  gboolean leads_to_account; /* not an application, but a page of ours waits */

  TesseraChallenge *challenge; /* what is to be answered next, or NULL */
  char *session_id;            /* of the login that took place here, or NULL */
  TesseraDigest session;

  gboolean is_finished;       /* a code was made, or a refusal sent: there is no second one */
  gconstpointer finished_by;  /* the exchange of that */
  TesseraExchange *answering; /* the stand-in of a POST under way, borrowed; or NULL */
  TesseraDigest answering_to; /* of all that it said */
  TesseraExchange *answered;  /* what ended it, while that may be said again; or NULL */
  gint64 answered_ms;
} TesseraTransaction;

TesseraTransaction *tessera_transaction_ref (TesseraTransaction *self);
void tessera_transaction_unref (TesseraTransaction *self);
gboolean tessera_transaction_is_expired (const TesseraTransaction *self, gint64 now_ms);
void tessera_transaction_claim (TesseraTransaction *self, const char *browser_cookie);
gboolean tessera_transaction_belongs_to (const TesseraTransaction *self,
                                         const char *browser_cookie);
void tessera_transaction_set_session (TesseraTransaction *self,
                                      const char *session_id,
                                      const TesseraDigest *session);
/* Takes @challenge; NULL: nothing is to be answered. */
void tessera_transaction_set_challenge (TesseraTransaction *self, TesseraChallenge *challenge);
void tessera_challenge_free (TesseraChallenge *self);

/* All of them, in memory and bounded: when it is full the oldest goes of whoever has most, one in
 * which nobody has signed in before one in which somebody has. Main loop only. */
typedef struct _TesseraTransactionTable TesseraTransactionTable;

TesseraTransactionTable *tessera_transaction_table_new (guint max);
void tessera_transaction_table_free (TesseraTransactionTable *self);
/* @request NULL: no application waits. @browser_cookie NULL: to be claimed. Borrowed. */
TesseraTransaction *tessera_transaction_table_add (TesseraTransactionTable *self,
                                                   TesseraAuthorizationRequest *request,
                                                   const char *browser_cookie,
                                                   const char *address,
                                                   gint64 now_ms);
TesseraTransaction *tessera_transaction_table_lookup (TesseraTransactionTable *self,
                                                      const char *id); /* borrowed */
/* Keeps @answer, which ended @transaction, for a while; not where that is forgotten itself. */
void tessera_transaction_table_keep_answer (TesseraTransactionTable *self,
                                            TesseraTransaction *transaction,
                                            TesseraExchange *answer,
                                            gint64 now_ms);
void tessera_transaction_table_forget_answers (TesseraTransactionTable *self, gint64 now_ms);
/* Borrowed; NULL: it is kept no longer. */
TesseraExchange *tessera_transaction_get_answer (TesseraTransaction *self, gint64 now_ms);
guint tessera_transaction_table_get_count (TesseraTransactionTable *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraChallenge, tessera_challenge_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTransaction, tessera_transaction_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTransactionTable, tessera_transaction_table_free)

G_END_DECLS
