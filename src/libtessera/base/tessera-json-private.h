/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

#define TESSERA_JSON_MAX_DEPTH 16

/* One JSON object, strictly: no duplicate members, no NUL, at most @max_length bytes and
 * TESSERA_JSON_MAX_DEPTH levels. Error: TESSERA_ERROR_INVALID_REQUEST. */
json_t *tessera_json_parse (const char *text, gsize length, gsize max_length, GError **error);
/* Whether @text stays within TESSERA_JSON_MAX_DEPTH; looks at brackets outside strings only. */
gboolean tessera_json_is_shallow (const char *text, gsize length);
/* Compact, members in insertion order. The result is released with g_free(). */
char *tessera_json_dump (const json_t *json);

/* Appends @value as a JSON string, quotes included: for texts that are written in great numbers. */
void tessera_json_append_string (GString *text, const char *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (json_t, json_decref)

G_END_DECLS
