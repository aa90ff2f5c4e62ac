/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-access-token.h"

G_BEGIN_DECLS

#define TESSERA_TYPE_TOKEN_CHECKER (tessera_token_checker_get_type ())

TESSERA_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (TesseraTokenChecker, tessera_token_checker, TESSERA, TOKEN_CHECKER, GObject)

/**
 * TesseraTokenCheckerInterface:
 * @check: decides from memory whether an access token is good now
 * @recheck: whether a token that was good is still neither expired nor revoked
 *
 * Who decides about access tokens: the server itself, or a verifier elsewhere. Signal
 * #TesseraTokenChecker::changed says that a token may have stopped being good.
 */
struct _TesseraTokenCheckerInterface
{
  GTypeInterface parent_iface;

  TesseraAccessToken *(*check) (TesseraTokenChecker *self,
                                const char *token,
                                const char *audience,
                                GError **error);
  gboolean (*recheck) (TesseraTokenChecker *self, TesseraAccessToken *token, gboolean *out_expired);
  gboolean (*is_ready) (TesseraTokenChecker *self);
};

/* @audience NULL: any. Errors: TESSERA_ERROR_INVALID_TOKEN, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 */
TESSERA_AVAILABLE_IN_1_0
TesseraAccessToken *tessera_token_checker_check (TesseraTokenChecker *self,
                                                 const char *token,
                                                 const char *audience,
                                                 GError **error);
/* TRUE while @token is neither revoked nor expired; @out_expired tells which it is. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_token_checker_recheck (TesseraTokenChecker *self,
                                        TesseraAccessToken *token,
                                        gboolean *out_expired);
/* FALSE: not loaded yet; signal "changed" comes when it is. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_token_checker_is_ready (TesseraTokenChecker *self);
/* For implementations: emit "changed". */
TESSERA_AVAILABLE_IN_1_0
void tessera_token_checker_changed (TesseraTokenChecker *self);

G_END_DECLS
