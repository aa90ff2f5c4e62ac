/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-claims-request-private.h"

G_BEGIN_DECLS

/* What is told of a person (OpenID Connect Core §5.1, §5.4, §5.5). */

/* What a claim's value is. */
typedef enum
{
  TESSERA_CLAIM_OTHER, /* none of the standard ones: any value */
  TESSERA_CLAIM_TEXT,
  TESSERA_CLAIM_URL,
  TESSERA_CLAIM_DATE,
  TESSERA_CLAIM_ZONE,
  TESSERA_CLAIM_LOCALE,
  TESSERA_CLAIM_TIME, /* seconds since 1970 */
  TESSERA_CLAIM_EMAIL,
  TESSERA_CLAIM_FLAG,
  TESSERA_CLAIM_ADDRESS, /* an object */
  TESSERA_CLAIM_PHONE
} TesseraClaimKind;

/* Of a claim's name, which may end in # and a language tag (§5.2). */
TesseraClaimKind tessera_standard_claims_get_kind (const char *claim);
/* Is it one that only the server says in a token, so that nobody may say it of a person? */
gboolean tessera_standard_claims_are_own (const char *claim);

/* By name a client is told no more than it could ask for by scope: takes out of @request what
 * belongs to no scope that is @registered for the client. */
void tessera_standard_claims_narrow (TesseraClaimsRequest *request, const char *registered);
/* @scope, and the scopes whose claims are asked for by name: what a person is asked to allow.
 * @claims_request is text, or NULL. Owned. */
char *tessera_standard_claims_dup_asked_scope (const char *scope, const char *claims_request);
/* The members of @known that the scopes (at userinfo alone) or the claims request ask for, as far
 * as
 * @registered allows these. Owned. */
json_t *tessera_standard_claims_select (json_t *known,
                                        const char *scope,
                                        const char *registered,
                                        const TesseraClaimsRequest *request,
                                        TesseraClaimsPlace place);
/* Their names, NULL-terminated, as the metadata lists them. */
const char *const *tessera_standard_claims_list (void);
/* The scopes that ask for some, and `openid` itself. */
const char *const *tessera_standard_claims_list_scopes (void);

G_END_DECLS
