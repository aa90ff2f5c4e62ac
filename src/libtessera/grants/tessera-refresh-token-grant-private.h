/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-grant-type-private.h"

G_BEGIN_DECLS

/* What is known of a refresh token, from what it says and what its grant has come to. */
typedef struct
{
  gint64 issued_ms;        /* 0: of one whose successor was used nobody knows */
  gint64 superseded_ms;    /* when its successor was made; 0: it is the newest */
  gboolean successor_used; /* then a replay is reuse, inside the window too */
} TesseraRefreshToken;

/* In an operation: the first refresh token of @grant, which is in the store under its number and
 * nonce. A secret; NULL with a storage error. */
char *tessera_refresh_token_begin (const TesseraTokenKind *kind,
                                   TesseraStore *store,
                                   const TesseraGrant *grant,
                                   gint64 now_ms,
                                   GError **error);
/* Is it, by its form, one of ours? */
gboolean tessera_refresh_token_looks_like (const char *token);
/* In an operation: the grant of a refresh token, however old that is; NULL without an error when it
 * is not known. */
TesseraGrant *tessera_refresh_token_lookup (TesseraStore *store,
                                            const TesseraNumberedToken *token,
                                            TesseraRefreshToken *out_known,
                                            GError **error);
/* The same for one that could still be refreshed now. */
TesseraGrant *tessera_refresh_token_lookup_live (TesseraEngine *engine,
                                                 TesseraStore *store,
                                                 const TesseraNumberedToken *token,
                                                 TesseraRefreshToken *out_known,
                                                 GError **error);

G_END_DECLS
