/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-records-private.h"
#include "resource/tessera-shared-list.h"

G_BEGIN_DECLS

/* The question, for who has no TesseraAccessToken. Any thread. */
TesseraSharedListAnswer tessera_shared_list_lookup (TesseraSharedList *self,
                                                    const TesseraTokenIdentity *token);

G_END_DECLS
