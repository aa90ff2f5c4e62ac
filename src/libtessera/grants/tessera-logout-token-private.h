/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* Tells @client that the login @session_id of whom it calls @sub has ended (OpenID Connect
 * Back-Channel Logout §2.4). A new one for each attempt to tell. Owned; TESSERA_ERROR. */
char *tessera_logout_token_issue (TesseraEngine *engine,
                                  TesseraClient *client,
                                  const char *sub,
                                  const char *session_id,
                                  GError **error);

G_END_DECLS
