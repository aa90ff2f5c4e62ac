/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-key-private.h"

G_BEGIN_DECLS

/* Writes what an issuer publishes, word by word, so that a test can also write what none would. */

#define FEED_MAKER_ISSUER "https://id.test"

/* Whose it is, if not FEED_MAKER_ISSUER's. */
extern const char *feed_maker_issuer;

/* The first line. */
GString *feed_maker_head (const char *list, gint64 time_ms);
/* A line about a token, which expires in the far future. */
void feed_maker_add_token (GString *text, guint64 generation, const char *jti);
/* The last line, over all that is there. @typ: NULL for the right one. @more: JSON members that
 * take the place of the claims of these names ("" for none). */
void feed_maker_sign (GString *text,
                      TesseraKey *key,
                      const char *typ,
                      const char *list,
                      guint64 generation,
                      gint64 time_ms,
                      const char *more);
GBytes *feed_maker_compress (const char *text, gsize length);

G_END_DECLS
