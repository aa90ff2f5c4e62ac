/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_USER (tessera_user_get_type ())

/* A person with a password of the server's own. Immutable. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraUser, tessera_user, TESSERA, USER, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *tessera_user_get_username (TesseraUser *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_user_get_subject (TesseraUser *self);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_user_is_disabled (TesseraUser *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_user_get_origin (TesseraUser *self);
TESSERA_AVAILABLE_IN_1_0
GVariant *tessera_user_dup_claims (TesseraUser *self);

G_END_DECLS
