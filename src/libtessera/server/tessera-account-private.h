/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* What a person allowed, and where they are signed in. */
typedef struct
{
  char *subject;
  GPtrArray *applications; /* TesseraAccountApplication, used last first */
  GPtrArray *sessions;     /* TesseraSession, seen last first; only good ones */
} TesseraAccount;

/* All that one client was allowed. */
typedef struct
{
  char *client_id;
  char *scope;
  gint64 began_ms;
  gint64 last_used_ms; /* 0: not since it was allowed */
} TesseraAccountApplication;

void tessera_account_free (TesseraAccount *self);
/* NULL: nothing was allowed to that client, or it is no session of this person. Borrowed. */
const TesseraAccountApplication *tessera_account_lookup_application (const TesseraAccount *self,
                                                                     const char *client_id);
const TesseraSession *tessera_account_lookup_session (const TesseraAccount *self,
                                                      const char *session_id);

/* On the main loop, once; @account is the callee's, NULL with @error. */
typedef void (*TesseraAccountLoaded) (gpointer data, TesseraAccount *account, const GError *error);
void tessera_account_load (TesseraEngine *engine,
                           const char *subject,
                           TesseraAccountLoaded loaded,
                           gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAccount, tessera_account_free)

G_END_DECLS
