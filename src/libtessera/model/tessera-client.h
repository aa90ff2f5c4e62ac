/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_CLIENT (tessera_client_get_type ())

TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraClient, tessera_client, TESSERA, CLIENT, GObject)

TESSERA_AVAILABLE_IN_1_0
TesseraClient *tessera_client_new (const char *id, const char *name);

TESSERA_AVAILABLE_IN_1_0
const char *tessera_client_get_id (TesseraClient *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_client_get_name (TesseraClient *self);
TESSERA_AVAILABLE_IN_1_0
const char *const *tessera_client_get_redirect_uris (TesseraClient *self);
TESSERA_AVAILABLE_IN_1_0
const char *const *tessera_client_get_grant_types (TesseraClient *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_client_get_scope (TesseraClient *self);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_client_is_confidential (TesseraClient *self);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_client_is_disabled (TesseraClient *self);

G_END_DECLS
