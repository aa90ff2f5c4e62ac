/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"

G_BEGIN_DECLS

/* Of a dictionary (a{sv}, a{ss}, …): texts, booleans, numbers, and arrays and dictionaries of
 * these, at most TESSERA_JSON_MAX_DEPTH levels. TESSERA_ERROR_INVALID_REQUEST. */
json_t *tessera_json_from_variant (GVariant *dictionary, GError **error);
/* Of an object: a{sv}, in which integers are x, numbers d, arrays av. What JSON has and a variant
 * has not (null) is left out. Floating. */
GVariant *tessera_json_to_variant (json_t *object);

G_END_DECLS
