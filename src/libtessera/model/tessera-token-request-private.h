/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-params-private.h"
#include "model/tessera-client.h"

G_BEGIN_DECLS

/* A token request (RFC 6749 §4.1.3, §4.4.2, §6) of an authenticated client: what all grants have in
 * common is read, the rest is in the parameters. */
typedef struct
{
  TesseraClient *client;
  TesseraParams *params;
  const char *grant_type; /* in params */
  char *scope;            /* NULL: not said */
  char *resources;        /* NULL: not said */
} TesseraTokenRequest;

/* Takes @params. The grant type is known to be offered; here: registered for the client
 * (TESSERA_ERROR_UNAUTHORIZED_CLIENT); scope and resource are well-formed. */
TesseraTokenRequest *
tessera_token_request_new (TesseraClient *client, TesseraParams *params, GError **error);
void tessera_token_request_free (TesseraTokenRequest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTokenRequest, tessera_token_request_free)

G_END_DECLS
