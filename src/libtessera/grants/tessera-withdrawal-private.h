/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* @subject takes back all that was allowed to @client_id: grants with their tokens, codes on their
 * way, and the remembered consent, in one operation. Each grant is reported as the revoker does
 * (cause OWNER) before @done, which comes on the main loop. */
typedef void (*TesseraWithdrawalDone) (gpointer data, const GError *error);
void tessera_withdrawal_start (TesseraEngine *engine,
                               const char *subject,
                               const char *client_id,
                               TesseraWithdrawalDone done,
                               gpointer data);

G_END_DECLS
