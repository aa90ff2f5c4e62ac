/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-jwt-private.h"
#include "model/tessera-access-token.h"
#include "model/tessera-records-private.h"
#include "model/tessera-token-profile-private.h"

G_BEGIN_DECLS

/* Whose tokens they are. Ours always have a UUIDv7 as jti; an issuer elsewhere may name them as it
 * likes: then iat counts as the instant of issue, which is never later. */
typedef enum
{
  TESSERA_TOKEN_OWN,
  TESSERA_TOKEN_FOREIGN
} TesseraTokenOrigin;

/* From a JWT whose signature was verified: the members RFC 9068 §2.2 demands, and issuer and times.
 * Audience and deny-list are asked by whoever accepts it. TESSERA_ERROR_INVALID_TOKEN. */
TesseraAccessToken *tessera_access_token_new (const TesseraJwt *jwt,
                                              TesseraTokenOrigin origin,
                                              const char *issuer,
                                              gint64 now_ms,
                                              GError **error);
/* The same of a token that was seen before: what its authorization says, and its own jti. Takes a
 * reference. */
TesseraAccessToken *tessera_access_token_new_seen (TesseraTokenProfile *profile,
                                                   const guint8 jti[16],
                                                   const char *issuer,
                                                   gint64 now_ms,
                                                   GError **error);
/* Borrowed from @self. */
void tessera_access_token_get_identity (TesseraAccessToken *self,
                                        TesseraTokenIdentity *out_identity);
/* When it was made, before anybody else sees it: it was accepted by a list that may lack
 * something. */
void tessera_access_token_set_stale (TesseraAccessToken *self);
gboolean tessera_access_token_has_audience (TesseraAccessToken *self, const char *audience);
TesseraClaims *tessera_access_token_get_claims (TesseraAccessToken *self);

G_END_DECLS
