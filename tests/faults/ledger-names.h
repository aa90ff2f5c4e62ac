/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operations of a ledger, and who looks at them, call people and things. */
#pragma once

#include "ledger.h"

#include "base/tessera-secret-private.h"

#define N_PEOPLE 4
#define N_CLIENTS 4
#define N_SESSIONS 12
#define N_CODES 48 /* and so many grants */
#define N_TOKENS 64
#define N_KEYS 4
#define N_ASSERTIONS 64
#define N_INITIAL_TOKENS 3
#define N_PARTICIPANTS (N_SESSIONS * N_CLIENTS)
#define LONG_MS (24 * 3600 * 1000)

struct _Ledger
{
  char *tag;
  gint64 began_ms;
  char *tokens[N_TOKENS]; /* jti */
};

/* Names: of person 2, code 7, … */
char *ledger_name (Ledger *self, const char *kind, guint number);
TesseraDigest ledger_digest (Ledger *self, const char *kind, guint number);

guint ledger_person_of (guint session);
guint ledger_client_of (guint code);
/* Who takes part in which session: all of both. */
guint ledger_session_of_participant (guint participant);
guint ledger_client_of_participant (guint participant);
/* What the client is told of the person, when that is not the subject; or NULL. */
char *ledger_sub_of_participant (Ledger *self, guint participant);
