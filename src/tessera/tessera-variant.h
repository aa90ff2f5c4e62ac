/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

G_BEGIN_DECLS

/* A value as JSON has it; dictionaries are objects. */
json_t *tessera_json_from_variant (GVariant *value);

G_END_DECLS
