/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"
#include "model/tessera-records-private.h"

G_BEGIN_DECLS

/* Who authorised what: the answer of a grant, and all that the token issuer needs. A value. */
typedef struct
{
  TesseraClient *client;  /* a reference */
  const char *grant_type; /* static */
  TesseraLogin login;     /* subject; of a client's own token: the client_id and nothing else */
  char *grant_id;         /* NULL: a client's own token */
  gint64 began_ms;        /* when it was authorised: a cut-off at or after it ends it */
  char *scope;
  char *resources;      /* what this token is for; NULL: the client's usual audience */
  char *nonce;          /* for the ID token of a code; or NULL */
  char *claims_request; /* the claims parameter of OpenID Connect; or NULL */
  char *refresh_token;  /* to hand out beside the access token, or NULL; a secret */
} TesseraAuthorization;

void tessera_authorization_clear (TesseraAuthorization *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseraAuthorization, tessera_authorization_clear)

G_END_DECLS
