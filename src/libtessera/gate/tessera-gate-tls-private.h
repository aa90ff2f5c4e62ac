/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gate/tessera-gate-addresses-private.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* TLS of connections that are read and written without blocking. It is OpenSSL, not a
 * GTlsConnection, whose handshake occupies a thread for as long as the client likes: here one
 * costs a thread only while there is something to compute, and an idle connection has no buffers.
 * TLS 1.2 and 1.3, ALPN http/1.1, no renegotiation, no resumption, no compression. */

/* A certificate and its key, of many connections. Immutable; atomically counted. */
typedef struct _TesseraTlsContext TesseraTlsContext;

/* @certificate: with its chain and a private key that can be read. Errors: G_TLS_ERROR. */
TesseraTlsContext *tessera_tls_context_new (GTlsCertificate *certificate, GError **error);
TesseraTlsContext *tessera_tls_context_ref (TesseraTlsContext *self);
void tessera_tls_context_unref (TesseraTlsContext *self);

typedef enum
{
  TESSERA_TLS_WANTS_READ,  /* goes on when there is something to read */
  TESSERA_TLS_WANTS_WRITE, /* … room to write */
  TESSERA_TLS_READY,       /* the handshake is over */
  TESSERA_TLS_FAILED,
} TesseraTlsState;

/* One connection's. Its functions are called in the thread that made it. */
typedef struct _TesseraTls TesseraTls;

/* @fd: of a connected socket that does not block; it stays its owner's, and outlives @self.
 * @address: who comes by it. */
TesseraTls *tessera_tls_new (TesseraTlsContext *context, int fd, const TesseraGateAddress *address);
/* Good at any time; a step under way is not heard of any more, and the descriptor is free. */
void tessera_tls_free (TesseraTls *self);

/* Called once a step, from the main context that was the thread's default in _new. @self may be
 * freed in it. */
typedef void (*TesseraTlsFunc) (TesseraTls *self, TesseraTlsState state, gpointer owner);

/* Goes on with the handshake as far as the bytes that are there allow, in one of few threads, and
 * says by @done what it waits for; then call it again. Until the first record of a ClientHello is
 * wholly there (which is all of it, as clients send it) nothing begins and no thread is asked, nor
 * is the caller woken by less: the socket's low-water mark is raised (SO_RCVLOWAT). @done is called
 * later, never from in here. The deadline is the caller's. Addresses wait in turns; where too many
 * wait, FAILED is for the last of the address with most of them. */
void tessera_tls_handshake (TesseraTls *self, TesseraTlsFunc done, gpointer owner);
#define TESSERA_TLS_LATER (-1) /* nothing now, or no room: wait as tessera_tls_get_wish () says */
#define TESSERA_TLS_BROKEN (-2)

/* Bytes, 0 at the end (said by the client, or not), LATER or BROKEN. Only when READY. */
gssize tessera_tls_read (TesseraTls *self, void *buffer, gsize count);
/* Bytes taken, LATER or BROKEN. */
gssize tessera_tls_write (TesseraTls *self, const void *bytes, gsize count);
/* What the last LATER waits for: WANTS_READ or WANTS_WRITE. */
TesseraTlsState tessera_tls_get_wish (TesseraTls *self);
/* Is there something to read that the descriptor does not tell of? Read until LATER before you wait
 * for the descriptor. */
gboolean tessera_tls_has_pending (TesseraTls *self);
/* Bytes that it takes of OpenSSL's memory now, at most. */
gsize tessera_tls_get_size (TesseraTls *self);
/* Until the handshake is over, and afterwards while nothing is half read or half written. */
gsize tessera_tls_get_handshake_size (void);
gsize tessera_tls_get_idle_size (void);
/* Says good-bye (close_notify), as far as there is room; nothing is written behind it. */
void tessera_tls_say_goodbye (TesseraTls *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTlsContext, tessera_tls_context_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTls, tessera_tls_free)

G_END_DECLS
