/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tessera-dbus.h>

G_BEGIN_DECLS

#define TESSERAD_TYPE_POLKIT_AUTHORITY (tesserad_polkit_authority_get_type ())
G_DECLARE_FINAL_TYPE (
    TesseradPolkitAuthority, tesserad_polkit_authority, TESSERAD, POLKIT_AUTHORITY, GObject)

/* For a system bus: root and the service's own user may do everything; of the others polkit says
 * who may. Without polkit they may not. */
TesseraDBusAuthority *tesserad_polkit_authority_new (void);

G_END_DECLS
