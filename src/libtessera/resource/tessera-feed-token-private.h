/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* The access token with which the deny-list is read: how it is asked for (RFC 6749 §4.4), and what
 * is answered. */

#define TESSERA_FEED_TOKEN_ANSWER_MAX (64 * 1024) /* bytes */

/* NULL when @endpoint is no URI. */
SoupMessage *tessera_feed_token_ask (const char *endpoint,
                                     const char *client_id,
                                     const char *secret,
                                     GError **error);
/* @out_token: released with tessera_secret_free(). @out_lifetime_s: how long it is good. */
gboolean tessera_feed_token_read (
    const char *answer, gsize length, char **out_token, guint *out_lifetime_s, GError **error);

G_END_DECLS
