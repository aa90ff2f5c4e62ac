/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* A signed-in browser, over the store. Everything is answered on the main loop, by @done, once; its
 * `error` means that the store could not be asked. */

/* Is it neither over, nor idle for too long, nor cut off? In any thread. */
gboolean
tessera_login_session_is_good (TesseraEngine *engine, const TesseraSession *session, gint64 now_ms);

/* Of the session whose cookie has this value, if it is good. @consent_for: also what its subject
 * once allowed this request's client (NULL: none). */
typedef void (*TesseraLoginSessionFound) (gpointer data,
                                          TesseraSession *session,
                                          TesseraConsent *consent,
                                          const GError *error);
void tessera_login_session_lookup (TesseraEngine *engine,
                                   const char *cookie,
                                   TesseraAuthorizationRequest *consent_for,
                                   TesseraLoginSessionFound found,
                                   gpointer data);

/* A new session of @login (without its session and time) with a value of its own; the ones that it
 * replaces (digests; either may be NULL) end. */
typedef void (*TesseraLoginSessionBegun) (gpointer data,
                                          const char *cookie,
                                          const TesseraSession *session,
                                          const GError *error);
void tessera_login_session_begin (TesseraEngine *engine,
                                  const TesseraLogin *login,
                                  gint64 attempted_ms,
                                  const char *replaced_cookie,
                                  const TesseraDigest *replaced,
                                  TesseraLoginSessionBegun begun,
                                  gpointer data);

/* The session goes, and with it every token that was issued in it. @request and @address, which may
 * be NULL, say who asked for it. */
typedef void (*TesseraLoginSessionEnded) (gpointer data, const GError *error);
void tessera_login_session_end (TesseraEngine *engine,
                                const TesseraSession *session,
                                const char *request,
                                const char *address,
                                TesseraLoginSessionEnded ended,
                                gpointer data);

/* Has what @subject (and @client_id, NULL: any) began at @began_ms been revoked since? */
gboolean tessera_login_session_is_cut_off (TesseraEngine *engine,
                                           const TesseraLogin *login,
                                           const char *client_id,
                                           gint64 began_ms);

G_END_DECLS
