/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"
#include "model/tessera-authorization-private.h"
#include "model/tessera-explanation-private.h"
#include "model/tessera-token-request-private.h"

G_BEGIN_DECLS

/* One token request under way, from the client's authentication to the minted token. */
typedef struct
{
  TesseraEngine *engine;
  TesseraTokenRequest *request;
  TesseraNumberedToken presented; /* what it brought, when that is one we wrote */

  TesseraAuthorization authorization; /* the grant's answer */
  TesseraExplanation explanation;     /* of a refusal, for the log */
  /* A replay ended this grant in the same commit. */
  char *replayed_grant_id;
  guint64 replay_generation;
} TesseraRedemption;

void tessera_redemption_clear (TesseraRedemption *self);
/* Forgets an answer given before: an operation may run twice. */
void tessera_redemption_reset (TesseraRedemption *self);
/* TESSERA_ERROR_INVALID_GRANT with one fixed text for whatever is wrong with a code or refresh
 * token: the reason goes to the log only. Returns FALSE. */
gboolean tessera_redemption_refuse (TesseraRedemption *self,
                                    const char *static_rule,
                                    const char *registered,
                                    const char *came,
                                    GError **error);
/* A code or refresh token was used twice by its rightful client: ends the grant and all its tokens
 * (RFC 9700 §2.1.1, §4.14.2), then refuses. */
gboolean tessera_redemption_refuse_replay (TesseraRedemption *self,
                                           TesseraStore *store,
                                           const char *static_rule,
                                           const char *grant_id,
                                           GError **error);

/* A grant type answers who authorised what, and mints nothing. */
typedef struct
{
  const char *name; /* grant_type on the wire */
  /* From memory, on the main loop: the parameters; for a grant without a store, the answer. */
  gboolean (*prepare) (TesseraRedemption *redemption, GError **error);
  /* In the committing thread; NULL when no store is needed. May run twice. */
  gboolean (*redeem) (TesseraRedemption *redemption, TesseraStore *store, GError **error);
} TesseraGrantType;

extern const TesseraGrantType tessera_authorization_code_grant;
extern const TesseraGrantType tessera_client_credentials_grant;
extern const TesseraGrantType tessera_refresh_token_grant;

const TesseraGrantType *tessera_grant_type_lookup (const char *name); /* NULL: not offered */
/* The names, NULL-terminated, as the metadata lists them. */
const char *const *tessera_grant_type_list (void);

G_END_DECLS
