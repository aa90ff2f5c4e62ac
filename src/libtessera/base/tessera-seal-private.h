/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What has to be read again, kept where others may look: sealed with a key that is kept elsewhere,
 * for one purpose. AES-256-GCM (NIST SP 800-38D), a nonce of 96 random bits. */
#define TESSERA_SEAL_KEY_SIZE 32

/* @purpose: whatever it is opened with must be the same. Text, owned. */
char *
tessera_seal (const guint8 key[TESSERA_SEAL_KEY_SIZE], const char *secret, const char *purpose);
/* NULL: another key, another purpose, or no such thing. Release with tessera_secret_free(). */
char *
tessera_unseal (const guint8 key[TESSERA_SEAL_KEY_SIZE], const char *sealed, const char *purpose);

G_END_DECLS
