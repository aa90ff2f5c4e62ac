/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_INITIAL_ACCESS_TOKEN (tessera_initial_access_token_get_type ())

/* A permission to register clients, as an administrator sees it. */
typedef struct _TesseraInitialAccessToken TesseraInitialAccessToken;

TESSERA_AVAILABLE_IN_1_0
GType tessera_initial_access_token_get_type (void) G_GNUC_CONST;
TESSERA_AVAILABLE_IN_1_0
TesseraInitialAccessToken *
tessera_initial_access_token_copy (const TesseraInitialAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_initial_access_token_free (TesseraInitialAccessToken *self);

TESSERA_AVAILABLE_IN_1_0
const char *tessera_initial_access_token_get_id (const TesseraInitialAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_initial_access_token_get_note (const TesseraInitialAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_initial_access_token_get_created_at (const TesseraInitialAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_initial_access_token_get_expires_at (const TesseraInitialAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
guint tessera_initial_access_token_get_max_uses (const TesseraInitialAccessToken *self);
TESSERA_AVAILABLE_IN_1_0
guint tessera_initial_access_token_get_uses (const TesseraInitialAccessToken *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraInitialAccessToken, tessera_initial_access_token_free)

G_END_DECLS
