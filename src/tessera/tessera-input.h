/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_PASSWORD_MAX 511 /* what crypt(3) takes */
#define TESSERA_TOKEN_MAX 16384

/* Secrets and answers. A secret is never an argument: it comes from a file, from standard input, or
 * from the terminal, which does not show it. */

/* The first line of @file, of standard input if that is “-”, or NULL if nothing is given: then of
 * standard input if it is no terminal, else what is asked for with @question, twice if @twice.
 * NULL: said on stderr. Free with tessera_scrub (). */
char *tessera_read_secret (const char *file, const char *question, gboolean twice, gsize max);
void tessera_scrub (char *secret);
/* @secret, scrubbed and set to NULL. */
#define tessera_clear_secret(secret) g_clear_pointer (secret, tessera_scrub)

/* 256 random bits as 43 characters of base64url; NULL: said on stderr. */
char *tessera_make_secret (void);
/* base64url without padding (RFC 7515 §2). */
char *tessera_encode_base64url (const guchar *bytes, gsize length);

/* A new file for its owner alone; -1: said on stderr. */
int tessera_create_secret_file (const char *path);
/* A line into it, synced, and closed; or it is removed. FALSE: said on stderr. */
gboolean tessera_write_secret_file (int fd, const char *path, const char *secret);
/* A secret that was made, told once: into @path, opened before as @fd, if that is not NULL; else on
 * a line of its own on standard output. FALSE: said on stderr. */
gboolean tessera_tell_secret (const char *what, const char *secret, int fd, const char *path);

/* All of @file, or of standard input if that is “-”. */
char *tessera_read_text (const char *file, GError **error);

/* Asks at a terminal, unless told --yes. FALSE: nothing is to be done, and that was said. */
gboolean tessera_confirm (const char *format, ...) G_GNUC_PRINTF (1, 2);

G_END_DECLS
