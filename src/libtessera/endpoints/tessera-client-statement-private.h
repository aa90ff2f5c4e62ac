/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-jwt-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-settings-private.h"

G_BEGIN_DECLS

/* A JWT that a client made for this server alone and for a short time: what client assertions and
 * request objects have in common. */

#define TESSERA_CLIENT_STATEMENT_LEEWAY 10 /* seconds; the client's clock is not ours */

/* What is asked of one kind. */
typedef struct
{
  const char *type;    /* media type; with another one, but JWT or none, it is of another kind */
  gint64 max_lifetime; /* seconds */
  gboolean (*check_signature) (TesseraClient *client, TesseraKeySet *keys, const TesseraJwt *jwt);
  gboolean may_list_audience;       /* in an array; of us alone all the same */
  gboolean may_name_token_endpoint; /* as the audience, where that is set */
} TesseraClientStatementRules;

/* What is wrong with it, in words for a log; NULL: nothing, it was made by @client, which has @keys
 * (tessera_client_keys_find(); NULL: none), for us, and not expired. */
const char *tessera_client_statement_find_fault (const TesseraJwt *self,
                                                 const TesseraClientStatementRules *rules,
                                                 TesseraClient *client,
                                                 TesseraKeySet *keys,
                                                 const TesseraSettings *settings,
                                                 gint64 now_seconds);

G_END_DECLS
