/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"
#include "server/tessera-outbound-private.h"

G_BEGIN_DECLS

/* Tells clients that sessions have ended (OpenID Connect Back-Channel Logout §2.5): what the store
 * has written down for it, a few at a time, again and again for a while where nobody hears. Nobody
 * waits for it. Main loop only. */
typedef struct _TesseraLogoutNotifier TesseraLogoutNotifier;

/* @engine is ready. */
TesseraLogoutNotifier *tessera_logout_notifier_new (TesseraEngine *engine);
/* What is under way is given up, and stays written down. */
void tessera_logout_notifier_free (TesseraLogoutNotifier *self);
/* NULL: there is no way there now, and what is to be told waits. */
void tessera_logout_notifier_set_outbound (TesseraLogoutNotifier *self, TesseraOutbound *outbound);
/* Sessions may have ended. */
void tessera_logout_notifier_wake (TesseraLogoutNotifier *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraLogoutNotifier, tessera_logout_notifier_free)

G_END_DECLS
