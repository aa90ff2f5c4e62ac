/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The end of a login on this machine: a server on a loopback address that waits for the one answer
 * that bears our state (RFC 8252 §7.3). */
typedef struct _TesseraLoopback TesseraLoopback;

/* As long as it lives an interrupt ends the wait, not the program. @redirect_uri: http with
 * 127.0.0.1, [::1] or localhost; without a port a free one is taken. */
TesseraLoopback *tessera_loopback_new (const char *redirect_uri, const char *state, GError **error);
void tessera_loopback_free (TesseraLoopback *self);
/* With the port. */
const char *tessera_loopback_get_redirect_uri (TesseraLoopback *self);
/* The parameters of the answer, char * -> char *; NULL with an error when it takes longer than
 * @seconds, or when it is interrupted. */
GHashTable *tessera_loopback_wait (TesseraLoopback *self, guint seconds, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraLoopback, tessera_loopback_free)

G_END_DECLS
