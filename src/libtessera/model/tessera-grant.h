/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_GRANT (tessera_grant_get_type ())

/* What a resource owner allowed a client to do, as an administrator sees it. */
typedef struct _TesseraGrant TesseraGrant;

TESSERA_AVAILABLE_IN_1_0
GType tessera_grant_get_type (void) G_GNUC_CONST;
TESSERA_AVAILABLE_IN_1_0
TesseraGrant *tessera_grant_copy (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_grant_free (TesseraGrant *self);

TESSERA_AVAILABLE_IN_1_0
const char *tessera_grant_get_id (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_grant_get_client_id (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_grant_get_subject (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_grant_get_session_id (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_grant_get_scope (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_grant_get_began_at (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_grant_get_last_used_at (const TesseraGrant *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_grant_get_expires_at (const TesseraGrant *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraGrant, tessera_grant_free)

G_END_DECLS
