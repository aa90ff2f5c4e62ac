/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_SESSION (tessera_session_get_type ())

/* A signed-in browser, as an administrator sees it. */
typedef struct _TesseraSession TesseraSession;

TESSERA_AVAILABLE_IN_1_0
GType tessera_session_get_type (void) G_GNUC_CONST;
TESSERA_AVAILABLE_IN_1_0
TesseraSession *tessera_session_copy (const TesseraSession *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_session_free (TesseraSession *self);

TESSERA_AVAILABLE_IN_1_0
const char *tessera_session_get_id (const TesseraSession *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_session_get_subject (const TesseraSession *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_session_get_began_at (const TesseraSession *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_session_get_last_seen_at (const TesseraSession *self);
TESSERA_AVAILABLE_IN_1_0
gint64 tessera_session_get_expires_at (const TesseraSession *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSession, tessera_session_free)

G_END_DECLS
