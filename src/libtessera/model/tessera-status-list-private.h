/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

G_BEGIN_DECLS

/* The draft that all of this follows. Its number stands here and nowhere else. */
#define TESSERA_STATUS_LIST_DRAFT "draft-ietf-oauth-status-list-21"

/* A Status List (section 4): the statuses of many tokens by index, some bits each. Ours have one
 * bit: an access token is good or it was revoked, and never comes back; more bits would say more
 * about people to everybody who may read the list (section 12.8). */
typedef struct _TesseraStatusList TesseraStatusList;

#define TESSERA_STATUS_VALID 0
#define TESSERA_STATUS_INVALID 1

#define TESSERA_STATUS_LIST_BYTES_MAX (4 * 1024 * 1024) /* of one that is read, unpacked */

/* All valid. @bits: 1, 2, 4 or 8. */
TesseraStatusList *tessera_status_list_new (guint bits, guint32 size);
void tessera_status_list_free (TesseraStatusList *self);

guint tessera_status_list_get_bits (const TesseraStatusList *self);
guint32 tessera_status_list_get_size (const TesseraStatusList *self); /* tokens there is room for */
void tessera_status_list_set (TesseraStatusList *self, guint32 index, guint8 status);
/* FALSE: the list is shorter; then nothing may be believed of the token. */
gboolean tessera_status_list_get (const TesseraStatusList *self, guint64 index, guint8 *out_status);
gboolean tessera_status_list_equal (const TesseraStatusList *a, const TesseraStatusList *b);

/* `lst` (section 4.2): zlib at its best, base64url. */
char *tessera_status_list_encode (const TesseraStatusList *self);
/* Of a list that somebody else made: in bounded time and memory. TESSERA_ERROR_INVALID_TOKEN. */
TesseraStatusList *
tessera_status_list_decode (guint bits, const char *lst, gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraStatusList, tessera_status_list_free)

G_END_DECLS
