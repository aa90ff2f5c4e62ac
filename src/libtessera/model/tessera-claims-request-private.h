/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"

G_BEGIN_DECLS

/* The parameter `claims` of an authentication request (OpenID Connect Core §5.5): which claims a
 * client asks for by name, and where it wants to find them. Kept as text in codes and grants, read
 * when it matters. */
typedef struct _TesseraClaimsRequest TesseraClaimsRequest;

#define TESSERA_CLAIMS_REQUEST_MAX_LENGTH 4096

typedef enum
{
  TESSERA_CLAIMS_USERINFO,
  TESSERA_CLAIMS_ID_TOKEN
} TesseraClaimsPlace;

/* @text NULL: asks for nothing. TESSERA_ERROR_INVALID_REQUEST. */
TesseraClaimsRequest *tessera_claims_request_parse (const char *text, GError **error);
void tessera_claims_request_free (TesseraClaimsRequest *self);

/* Whether @name is asked for, and with `value` or `values` that @value is one of. */
gboolean tessera_claims_request_wants (const TesseraClaimsRequest *self,
                                       TesseraClaimsPlace place,
                                       const char *name,
                                       const json_t *value);
/* The names that are asked for, wherever; some may be there twice. Owned. */
char **tessera_claims_request_list_names (const TesseraClaimsRequest *self);
/* Asks for @name no more. */
void tessera_claims_request_remove (TesseraClaimsRequest *self, const char *name);
/* On one line. Owned. */
char *tessera_claims_request_dup_text (const TesseraClaimsRequest *self);
/* The one string that `sub` of the ID token or of userinfo must be, or NULL. Borrowed. */
const char *tessera_claims_request_get_subject (const TesseraClaimsRequest *self);
/* The values of `acr` without which the client does not want an answer (§5.5.1.1), separated by
 * single spaces; or NULL. Owned. */
char *tessera_claims_request_dup_essential_acr (const TesseraClaimsRequest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraClaimsRequest, tessera_claims_request_free)

G_END_DECLS
