/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-version-macros.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_OUTBOUND (tessera_outbound_get_type ())

/* The way to other machines: the program tessera-outbound, which alone connects to them. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraOutbound, tessera_outbound, TESSERA, OUTBOUND, GObject)

TESSERA_AVAILABLE_IN_1_0
TesseraOutbound *tessera_outbound_new_for_program (const char *const *argv);
TESSERA_AVAILABLE_IN_1_0
TesseraOutbound *tessera_outbound_new_for_socket (const char *path);

G_END_DECLS
