/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* @error NULL: it is good. */
typedef void (*TesseraSectorChecked) (gpointer data, const GError *error);

/* Does the document at the client's sector_identifier_uri (if it has one) name all its redirect
 * URIs (OpenID Connect Dynamic Client Registration §5)? TESSERA_ERROR_INVALID_CLIENT_METADATA, or
 * TESSERA_ERROR_TEMPORARILY_UNAVAILABLE while too many are looked at. */
void tessera_sector_check (TesseraEngine *engine,
                           TesseraClient *client,
                           TesseraSectorChecked done,
                           gpointer data);

G_END_DECLS
