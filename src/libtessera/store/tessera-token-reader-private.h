/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-access-token-private.h"
#include "store/tessera-seen-tokens-private.h"

G_BEGIN_DECLS

/* Reads access tokens: signature, type, issuer and times (RFC 9068 §4, RFC 8725 §3). The one place
 * that decides it, for the server's own tokens and for those of an issuer elsewhere. Audience and
 * deny-list are asked by whoever accepts the token. Borrowed parts; safe in any thread. */
typedef struct
{
  const char *issuer;
  TesseraTokenOrigin origin;
  TesseraSeenTokens *seen;
  /* A key that is published now, owned; NULL: none of that name. */
  TesseraKey *(*lookup_key) (gpointer data, const char *kid);
  /* The type that the token's audience was promised. */
  const char *(*get_type) (gpointer data, TesseraAccessToken *token);
  gpointer data;
  gint64 now_ms;
} TesseraTokenReader;

/* TESSERA_ERROR_INVALID_TOKEN. */
TesseraAccessToken *tessera_token_reader_read (const TesseraTokenReader *self,
                                               const char *token,
                                               gsize length,
                                               GError **error);

G_END_DECLS
