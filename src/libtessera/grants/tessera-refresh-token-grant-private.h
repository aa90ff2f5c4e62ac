/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-grant-type-private.h"

G_BEGIN_DECLS

#define TESSERA_REFRESH_TOKEN_PREFIX "tsr_"

/* In an operation: the first refresh token of a grant. A secret; NULL with a storage error. */
char *tessera_refresh_token_begin (TesseraStore *store,
                                   const char *grant_id,
                                   gint64 now_ms,
                                   GError **error);
/* Is it, by its form, one of ours? */
gboolean tessera_refresh_token_looks_like (const char *token);
/* In an operation: the grant of a refresh token that could still be refreshed now; NULL without an
 * error when there is none. */
TesseraGrant *tessera_refresh_token_lookup_live (TesseraEngine *engine,
                                                 TesseraStore *store,
                                                 const char *token,
                                                 TesseraRefreshToken **out_record,
                                                 GError **error);

G_END_DECLS
