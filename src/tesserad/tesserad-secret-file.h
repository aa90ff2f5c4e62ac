/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A file with something secret in it: named by its path, or `credential:NAME` for one that systemd
 * hands over (systemd.exec(5), $CREDENTIALS_DIRECTORY). */

#define TESSERAD_CREDENTIAL_PREFIX "credential:"
#define TESSERAD_SECRET_MIN_LENGTH 16 /* 128 bits, if every byte counted in full */

/* The path, once it is certain that nobody else can read the file. Owned. */
char *tesserad_secret_file_check (const char *name, GError **error);
/* The one line in it, without its line end: UTF-8 without control characters, at least
 * TESSERAD_SECRET_MIN_LENGTH bytes. Released with tesserad_secret_free(). */
char *tesserad_secret_file_read (const char *name, GError **error);
/* Overwrites before it frees. */
void tesserad_secret_free (char *secret);

G_END_DECLS
