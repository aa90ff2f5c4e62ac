/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The claim set of a JWT (RFC 7519 §4), carried by libjwt; its .c is the only file that knows
 * libjwt (facts.md). Reference-counted; immutable once shared. */
typedef struct _TesseraClaims TesseraClaims;

#define TESSERA_CLAIMS_MAX_LENGTH 8192

TesseraClaims *tessera_claims_new (void);
/* Strict JSON object; TESSERA_ERROR_INVALID_TOKEN. */
TesseraClaims *tessera_claims_new_from_json (const char *json, gsize length, GError **error);
TesseraClaims *tessera_claims_ref (TesseraClaims *self);
void tessera_claims_unref (TesseraClaims *self);

void tessera_claims_set_string (TesseraClaims *self, const char *name, const char *value);
void tessera_claims_set_int (TesseraClaims *self, const char *name, gint64 value);
/* A string when there is one value, else an array (RFC 7519 §4.1.3; facts.md: HAProxy). */
void tessera_claims_set_strings (TesseraClaims *self, const char *name, const char *const *values);
/* Always an array (`amr`, RFC 8176). */
void tessera_claims_set_array (TesseraClaims *self, const char *name, const char *const *values);
/* Merges the members of a JSON object; FALSE when @json is no strict object or names a claim in
 * @protected_names. */
gboolean tessera_claims_merge_json (TesseraClaims *self,
                                    const char *json,
                                    const char *const *protected_names);

gboolean tessera_claims_has (TesseraClaims *self, const char *name);
const char *tessera_claims_get_string (TesseraClaims *self,
                                       const char *name); /* NULL unless a string */
/* FALSE unless an integer (D09: no strings, no fractions, no overflow). */
gboolean tessera_claims_get_int (TesseraClaims *self, const char *name, gint64 *out_value);
/* A string or an array of strings; NULL for anything else. Owned. */
char **tessera_claims_dup_strings (TesseraClaims *self, const char *name);
/* One member as JSON text (owned), or NULL. */
char *tessera_claims_dup_json (TesseraClaims *self, const char *name);
/* The whole set, compact. */
char *tessera_claims_to_json (TesseraClaims *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraClaims, tessera_claims_unref)

G_END_DECLS
