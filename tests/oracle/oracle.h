/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What must be said of each access token that was ever issued, found by brute force: every token is
 * kept, and every revocation walks over all of them. It knows nothing of instants, generations or
 * tables: what was issued before a revocation and is meant by it is dead, and all else lives. */
typedef struct _Oracle Oracle;

typedef enum
{
  ORACLE_GOOD,
  ORACLE_DEAD,
  ORACLE_EITHER /* the server may refuse more than it was told, so as to stay small */
} OracleVerdict;

typedef struct
{
  char *text;
  char *jti;
  char *kid;
  char *client;
  char *subject;
  char *grant;   /* or NULL */
  char *session; /* or NULL */
  gint64 expires_s;
  OracleVerdict verdict;
  gboolean singled_out; /* revoked by itself */
} OracleToken;

Oracle *oracle_new (void);
void oracle_free (Oracle *self);

/* Reads what it needs from the text. Borrowed. */
OracleToken *oracle_issue (Oracle *self, const char *text);
guint oracle_count (Oracle *self);
OracleToken *oracle_get (Oracle *self, guint index);

void oracle_revoke_token (Oracle *self, OracleToken *token, gint64 now_s);
void oracle_revoke_grant (Oracle *self, const char *grant);
void oracle_revoke_session (Oracle *self, const char *session);
/* What a person allowed; a client's own tokens are nobody's. */
void oracle_revoke_subject (Oracle *self, const char *subject);
void oracle_revoke_client (Oracle *self, const char *client);
void oracle_revoke_key (Oracle *self, const char *kid);
void oracle_revoke_all (Oracle *self);

OracleVerdict oracle_judge (const OracleToken *token, gint64 now_s);
/* Forgets who expired so long ago that nothing can be learned of them. */
void oracle_prune (Oracle *self, gint64 now_s);
