/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bearer tokens as HTTP carries them: the one Authorization header (RFC 6750 §2.1) and the
 * challenge (§3). */

/* b64token, what a Bearer token may look like. */
gboolean tessera_bearer_is_token (const char *text);
/* The token of an Authorization header; NULL for another scheme. "" for a Bearer header that is
 * malformed: no token can ever equal it. Owned, a secret. */
char *tessera_bearer_parse (const char *authorization);
/* `Bearer error="…", error_description="…", scope="…", resource_metadata="…", realm="…"`, without
 * what is NULL. */
char *tessera_bearer_dup_challenge (const char *error,
                                    const char *description,
                                    const char *scope,
                                    const char *resource_metadata,
                                    const char *realm);

G_END_DECLS
