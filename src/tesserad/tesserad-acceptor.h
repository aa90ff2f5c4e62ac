/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Accepts connections of one listening socket and hands them to a SoupServer. libsoup's own
 * listener goes deaf for good when one accept fails (no descriptors left, a client that gave up),
 * asserts internet addresses on unix sockets, and cannot be stopped while a TLS handshake is under
 * way. */
typedef struct _TesseradAcceptor TesseradAcceptor;

/* With @tls connections begin with a handshake for the certificate that @soup has at that time. */
TesseradAcceptor *tesserad_acceptor_new (GSocket *socket, SoupServer *soup, gboolean tls);
void tesserad_acceptor_free (TesseradAcceptor *self);
/* Accepts nobody any more and gives up handshakes; @self stays until those have ended. */
void tesserad_acceptor_stop (TesseradAcceptor *self);
guint tesserad_acceptor_count_handshakes (TesseradAcceptor *self);

/* Lets @soup keep connections alive that an acceptor gave it: without a listener of its own it
 * closes each after one answer. FALSE: no descriptors left. */
gboolean tesserad_acceptor_prepare (SoupServer *soup, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradAcceptor, tesserad_acceptor_free)

G_END_DECLS
