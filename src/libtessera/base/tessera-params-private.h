/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Parameters of a query or a form body, application/x-www-form-urlencoded (RFC 6749 appendix B),
 * read once and strictly: valid escapes, valid UTF-8 without NUL, `name=value` pairs, at most
 * TESSERA_PARAMS_MAX pairs. An empty value counts as absent (RFC 6749 §3.1, §3.2), but as a
 * repetition all the same. Names are compared after decoding. */
#define TESSERA_PARAMS_MAX 64

typedef struct _TesseraParams TesseraParams;

/* NULL or empty @form gives an empty set. Error: TESSERA_ERROR_INVALID_REQUEST. */
TesseraParams *tessera_params_parse (const char *form, gsize length, GError **error);
void tessera_params_free (TesseraParams *self);

/* The value, or NULL when absent or empty. Of a repeated parameter: the first. */
const char *tessera_params_get (const TesseraParams *self, const char *name);
/* All non-empty values, NULL-terminated, owned by @self; for what may repeat (`resource`, RFC 8707
 * §2). Never NULL. */
const char *const *tessera_params_get_all (TesseraParams *self, const char *name);
gboolean tessera_params_is_repeated (const TesseraParams *self, const char *name);
/* INVALID_REQUEST when anything but `resource` is repeated (RFC 6749 §3.1, §3.2). */
gboolean tessera_params_check_repeats (const TesseraParams *self, GError **error);

/* One name or value by the same rules, for where it stands alone (RFC 6749 §2.3.1); NULL when it is
 * not properly encoded. A secret, maybe. */
char *tessera_params_decode (const char *text, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraParams, tessera_params_free)

G_END_DECLS
