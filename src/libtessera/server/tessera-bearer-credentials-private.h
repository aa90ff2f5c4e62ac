/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Where a request carries its Bearer token: in the one Authorization header (RFC 6750 §2.1); never
 * in the query or a form body (§2.2, §2.3). */

/* How often a request header of that name came. */
guint tessera_bearer_credentials_count_headers (SoupMessageHeaders *headers, const char *name);
/* RFC 6455 §4.2.1 */
gboolean tessera_bearer_credentials_is_handshake (SoupMessageHeaders *headers);
/* A browser cannot set Authorization on a WebSocket handshake. When it offers exactly two
 * protocols, from one of @allowed_origins, the second one is its token: it moves to the
 * Authorization header, so that neither libsoup nor the application can echo it. TRUE when it did.
 */
gboolean tessera_bearer_credentials_take_protocol_token (SoupMessageHeaders *headers,
                                                         const char *const *allowed_origins);

G_END_DECLS
