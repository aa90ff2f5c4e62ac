/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-access-token.h"

G_BEGIN_DECLS

/**
 * TesseraSharedListAnswer:
 * @TESSERA_SHARED_LIST_ANSWER_GOOD: nothing refuses the token
 * @TESSERA_SHARED_LIST_ANSWER_REFUSED: it was revoked
 * @TESSERA_SHARED_LIST_ANSWER_UNKNOWN: the list is too old to tell, or has ended: to be treated
 *   like a refused one, but the token may be good later (503, not 401)
 *
 * What a shared deny-list says about a token.
 */
typedef enum
{
  TESSERA_SHARED_LIST_ANSWER_GOOD,
  TESSERA_SHARED_LIST_ANSWER_REFUSED,
  TESSERA_SHARED_LIST_ANSWER_UNKNOWN
} TesseraSharedListAnswer;

#define TESSERA_TYPE_SHARED_LIST_ANSWER (tessera_shared_list_answer_get_type ())
#define TESSERA_TYPE_SHARED_LIST (tessera_shared_list_get_type ())

TESSERA_AVAILABLE_IN_1_0
GType tessera_shared_list_answer_get_type (void);

/* Property: max-staleness (seconds, 10). */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraSharedList, tessera_shared_list, TESSERA, SHARED_LIST, GObject)

/* @fd stays the caller's. TESSERA_SETUP_ERROR_UNSUPPORTED. */
TESSERA_AVAILABLE_IN_1_0
TesseraSharedList *tessera_shared_list_new (int fd, GError **error);
TESSERA_AVAILABLE_IN_1_0
TesseraSharedListAnswer tessera_shared_list_check (TesseraSharedList *self,
                                                   TesseraAccessToken *token);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_shared_list_is_moved (TesseraSharedList *self);
TESSERA_AVAILABLE_IN_1_0
guint64 tessera_shared_list_get_generation (TesseraSharedList *self);
TESSERA_AVAILABLE_IN_1_0
guint tessera_shared_list_get_count (TesseraSharedList *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_shared_list_get_age_ms (TesseraSharedList *self); /* G_MAXINT64: it has ended */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_shared_list_get_list (TesseraSharedList *self);

G_END_DECLS
