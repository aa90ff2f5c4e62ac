/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* Asking an issuer for one document over HTTP: of a bounded size, in a bounded time, from the place
 * that was asked and no other. For one thread: that whose default context it was sent from. */
typedef struct _TesseraFetch TesseraFetch;

/* @body: of a 200; or NULL with @error. The fetch is over, and is still to be dropped. */
typedef void (*TesseraFetchDone) (GBytes *body,
                                  SoupMessage *message,
                                  const GError *error,
                                  gpointer data);

/* Before a thread of its own sends anything, in the thread that begins it. */
void tessera_fetch_prepare_types (void);

/* A session that speaks for nobody: no cookies, no passwords, no encodings. @tls_database: or NULL
 * for the system's. */
SoupSession *tessera_fetch_session_new (GTlsDatabase *tls_database);

TesseraFetch *tessera_fetch_send (
    SoupSession *session, const char *uri, gsize max_length, TesseraFetchDone done, gpointer data);
/* Ends it, at any time; nothing is called any more. NULL is fine. */
void tessera_fetch_drop (TesseraFetch *self);
/* Seconds for which an answer may be kept (RFC 9111 §5.2.2): at most @most, which is also what it
 * is when the answer does not say, and at least @least. */
guint tessera_fetch_get_max_age (SoupMessage *message, guint least, guint most);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraFetch, tessera_fetch_drop)

G_END_DECLS
