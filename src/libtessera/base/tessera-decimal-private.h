/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_DECIMAL_MAX 20 /* characters, without the NUL */

/* Writes @number and a NUL at @at, and returns where the NUL is. A format costs ten times as much.
 */
char *tessera_decimal_put (char *at, gint64 number);

G_END_DECLS
