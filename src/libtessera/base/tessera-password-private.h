/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Passwords chosen by people: yescrypt, by crypt(3), in a bounded pool (threats.md §3). */
#define TESSERA_PASSWORD_MAX_LENGTH                                                                \
  511 /* bytes, the most crypt(3) takes; longer ones never match */
#define TESSERA_PASSWORD_QUEUE 32

typedef struct _TesseraPasswordPool TesseraPasswordPool;

/* Called on the context that was the thread's default when tessera_password_pool_new() ran. */
typedef void (*TesseraPasswordVerified) (gboolean matches, gpointer data);

TesseraPasswordPool *tessera_password_pool_new (void); /* one worker a core */
/* On the pool's context. Whoever still waits is told FALSE before this returns. */
void tessera_password_pool_free (TesseraPasswordPool *self);
/* Hashes @password with the salt of @hash; @hash NULL (an unknown user) costs the same and never
 * matches. FALSE when the queue is full: TESSERA_ERROR_TEMPORARILY_UNAVAILABLE, and @verified is
 * not called; else it is called exactly once. On the pool's context. */
gboolean tessera_password_pool_verify (TesseraPasswordPool *self,
                                       const char *password,
                                       const char *hash,
                                       TesseraPasswordVerified verified,
                                       gpointer data,
                                       GError **error);
guint64
tessera_password_pool_get_hash_count (TesseraPasswordPool *self); /* crypt(3) calls so far */

/* Blocking. */
char *tessera_password_hash (const char *password, GError **error);
gboolean tessera_password_matches (const char *password, const char *hash);
/* Is @hash a whole yescrypt hash? */
gboolean tessera_password_is_acceptable_hash (const char *hash);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraPasswordPool, tessera_password_pool_free)

G_END_DECLS
