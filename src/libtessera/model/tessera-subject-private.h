/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What tokens call a person, where that is not the subject that the login was accepted with
 * (OpenID Connect Core §2, §8). Either form is 45 ASCII characters; a subject that looks like one
 * is never told as it is, so that nobody can pass for another. Owned. */

/* The sub that every client is told: NULL when the subject can be told as it is, being 1 to 255
 * visible ASCII characters and spaces. Else a digest without a key: it hides nothing, as the
 * subject itself would not, and stays the same whatever is lost. */
char *tessera_subject_dup_public (const char *subject);
/* The sub that the clients of one sector are told, and no others (§8.1). @key: 32 bytes. */
char *tessera_subject_dup_pairwise (const guint8 *key, const char *sector, const char *subject);

G_END_DECLS
