/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-denial-private.h"
#include "model/tessera-records-private.h"
#include "store/tessera-denied-set-private.h"

G_BEGIN_DECLS

/* What the entries of a deny-list refuse (design.md §5): cut-offs and denied tokens in memory, and
 * the one question. The server's list and the copies that follow it decide by it, so that they
 * cannot differ.
 *
 * Questions and getters are for any thread that holds the lock for reading, or for the one that
 * writes. raise, put and prune are for the writer: raise and put with the lock held for writing. */
typedef struct _TesseraDenyRules TesseraDenyRules;

#define TESSERA_CUT_OFF_ENDED G_MAXINT64 /* as an instant: whenever it was issued */

/* Up to which instant what belongs to one value is refused. */
typedef struct
{
  gint64 instant_ms;
  gint64 expires_ms;
} TesseraCutOff;

typedef enum
{
  TESSERA_CUT_OFF_GRANT,
  TESSERA_CUT_OFF_GRANT_TOKENS, /* the grant itself lives on */
  TESSERA_CUT_OFF_SESSION,
  TESSERA_CUT_OFF_SUBJECT,
  TESSERA_CUT_OFF_SUBJECT_TOKENS, /* its grants live on */
  TESSERA_CUT_OFF_CLIENT,
  TESSERA_CUT_OFF_CLIENT_TOKENS,
  TESSERA_CUT_OFF_KEY,
  TESSERA_CUT_OFF_ALL, /* one value: "" */
  TESSERA_N_CUT_OFFS
} TesseraCutOffTable;

TesseraDenyRules *tessera_deny_rules_new (GRWLock *lock);
void tessera_deny_rules_free (TesseraDenyRules *self);
/* While nobody else can see it. */
void tessera_deny_rules_set_lock (TesseraDenyRules *self, GRWLock *lock);

/* As what a token would be listed. */
typedef struct
{
  gboolean has_id;
  guint8 id[16];
  guint64 grant_tag;
} TesseraDeniedName;

/* The question; @name: of @token, which needs no lock. */
void tessera_denied_name_init (TesseraDeniedName *self, const TesseraTokenIdentity *token);
TesseraDenySnapshotAnswer tessera_deny_rules_lookup (TesseraDenyRules *self,
                                                     const TesseraTokenIdentity *token,
                                                     const TesseraDeniedName *name);
/* Up to which instant it refuses this token, without asking for its jti; G_MININT64: none. */
gint64 tessera_deny_rules_get_instant (TesseraDenyRules *self, const TesseraTokenIdentity *token);
/* The same of what ends the authorization too, and so all its tokens. */
gint64 tessera_deny_rules_get_authorization_instant (TesseraDenyRules *self,
                                                     const TesseraTokenIdentity *authorization);

/* Cut-offs. NULL: there is none. */
const TesseraCutOff *tessera_deny_rules_lookup_cut_off (TesseraDenyRules *self,
                                                        TesseraCutOffTable table,
                                                        const char *value);
/* The later instant wins, so that nothing is un-revoked. */
void tessera_deny_rules_raise (TesseraDenyRules *self,
                               TesseraCutOffTable table,
                               const char *value,
                               const TesseraCutOff *cut_off);
/* Exactly this one; NULL: none. For taking back. */
void tessera_deny_rules_put (TesseraDenyRules *self,
                             TesseraCutOffTable table,
                             const char *value,
                             const TesseraCutOff *cut_off);
void tessera_deny_rules_foreach_cut_off (TesseraDenyRules *self,
                                         TesseraCutOffTable table,
                                         void (*func) (const char *value,
                                                       const TesseraCutOff *cut_off,
                                                       gpointer data),
                                         gpointer data);
/* Takes the lock itself. */
void tessera_deny_rules_prune_cut_offs (TesseraDenyRules *self, gint64 now_ms);

/* Tokens. */
TesseraDeniedSet *tessera_deny_rules_get_tokens (TesseraDenyRules *self);
/* Under which id a denied token is kept: its UUID, or the digest of any other jti. */
void tessera_deny_rules_get_token_id (const char *jti, guint8 out_id[16]);
/* Seconds, rounded up; never 0. */
guint32 tessera_deny_rules_get_expiry (gint64 expires_ms);

gsize tessera_deny_rules_get_count (TesseraDenyRules *self);

/* An entry, as it is kept and published. */
TesseraDenialKind tessera_cut_off_table_get_kind (TesseraCutOffTable table);
/* Where an entry belongs; FALSE when it is about a token. */
gboolean tessera_cut_off_table_of (const TesseraDenial *denial,
                                   TesseraCutOffTable *out_table,
                                   TesseraCutOff *out_cut_off);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDenyRules, tessera_deny_rules_free)

G_END_DECLS
