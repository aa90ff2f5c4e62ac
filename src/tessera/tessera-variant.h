/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

G_BEGIN_DECLS

/* A value as JSON has it; dictionaries are objects. */
json_t *tessera_json_from_variant (GVariant *value);
/* An object as a dictionary (a{sv}), floating; lists are av, and what is null is left out. */
GVariant *tessera_json_to_variant (json_t *object);

G_END_DECLS
