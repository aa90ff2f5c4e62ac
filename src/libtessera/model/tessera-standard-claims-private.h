/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-claims-request-private.h"

G_BEGIN_DECLS

/* What is told of a person (OpenID Connect Core §5.1, §5.4, §5.5). */

/* The members of @known that the scopes (at userinfo alone) or the claims request ask for. Owned.
 */
json_t *tessera_standard_claims_select (json_t *known,
                                        const char *scope,
                                        const TesseraClaimsRequest *request,
                                        TesseraClaimsPlace place);
/* Their names, NULL-terminated, as the metadata lists them. */
const char *const *tessera_standard_claims_list (void);
/* The scopes that ask for some, and `openid` itself. */
const char *const *tessera_standard_claims_list_scopes (void);

G_END_DECLS
