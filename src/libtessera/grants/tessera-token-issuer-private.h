/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"
#include "model/tessera-authorization-private.h"

G_BEGIN_DECLS

typedef struct
{
  char *access_token; /* a secret */
  char *jti;          /* its name */
  char *id_token;     /* or NULL: nobody asked who logged in */
  gint64 expires_in;  /* seconds */
  char *scope;        /* what the token really has */
} TesseraIssuedToken;

void tessera_issued_token_clear (TesseraIssuedToken *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraIssuedToken, tessera_issued_token_clear)

/* The only place that mints. Asks the deny-list first: what was revoked between the commit of the
 * grant and now gives TESSERA_ERROR_INVALID_GRANT. No write, no I/O. */
gboolean tessera_token_issuer_issue (TesseraEngine *engine,
                                     const TesseraAuthorization *authorization,
                                     TesseraIssuedToken *out_token,
                                     GError **error);

G_END_DECLS
