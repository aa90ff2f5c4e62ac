/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-params-private.h"
#include "model/tessera-client.h"
#include "model/tessera-explanation-private.h"
#include "model/tessera-settings-private.h"

G_BEGIN_DECLS

/* Resource indicators (RFC 8707): which resource servers a token is for. In this code a set of them
 * is one text with single spaces between, as a scope is; NULL is "not said". */

/* The `resource` parameters. TESSERA_ERROR_INVALID_TARGET for what is no absolute URI. */
gboolean tessera_target_parse (TesseraParams *params, char **out_resources, GError **error);
/* Only what is registered for the client. TESSERA_ERROR_INVALID_TARGET, and @explanation for the
 * log. */
gboolean tessera_target_check_client (const char *resources,
                                      TesseraClient *client,
                                      TesseraExplanation *explanation,
                                      GError **error);
/* What was asked now is part of what was granted; NULL asked: all of it. Owned. */
gboolean tessera_target_narrow (const char *asked,
                                const char *granted,
                                char **out_resources,
                                TesseraExplanation *explanation,
                                GError **error);
/* The names of @scope that at least one of @resources offers (a resource without a scope list
 * offers all). Owned. @known: TesseraResource*. */
char *tessera_target_narrow_scope (const char *scope, const char *resources, GPtrArray *known);
/* Claim `aud`: @resources, else the client's usual audience, else the issuer (RFC 9068 §3). Owned.
 */
char **
tessera_target_dup_audience (const char *resources, TesseraClient *client, const char *issuer);
/* What is set for the only resource of @audience, or NULL. */
const TesseraResource *tessera_target_lookup (const char *const *audience, GPtrArray *known);

G_END_DECLS
