/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-jwt-private.h"
#include "model/tessera-status-list-private.h"

G_BEGIN_DECLS

/* A Status List Token as a resource server got it (Token Status List §5.1, §8.3), verified. Read in
 * bounded time and memory; whatever is not as it should be refuses the token it is asked about. */
typedef struct _TesseraStatusListToken TesseraStatusListToken;

#define TESSERA_STATUS_LIST_TOKEN_MAX_LENGTH (1024 * 1024)

/* NULL: it is not known. Owned. */
typedef TesseraKey *(*TesseraStatusKeyLookup) (const char *kid, gpointer data);

/* @uri: where the token that is to be checked says its list is. TESSERA_ERROR_INVALID_TOKEN. */
TesseraStatusListToken *tessera_status_list_token_read (const char *token,
                                                        gsize length,
                                                        const char *uri,
                                                        gint64 now_s,
                                                        TesseraStatusKeyLookup lookup_key,
                                                        gpointer data,
                                                        GError **error);
void tessera_status_list_token_free (TesseraStatusListToken *self);

const TesseraStatusList *tessera_status_list_token_get_list (const TesseraStatusListToken *self);
/* Seconds since 1970 from which on another copy should be got. */
gint64 tessera_status_list_token_get_stale (const TesseraStatusListToken *self);
/* Is the token with this place still good? TESSERA_ERROR_INVALID_TOKEN: no, or it cannot be said.
 */
gboolean tessera_status_list_token_check (const TesseraStatusListToken *self,
                                          guint64 index,
                                          gint64 now_s,
                                          GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraStatusListToken, tessera_status_list_token_free)

G_END_DECLS
