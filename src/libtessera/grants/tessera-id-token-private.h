/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"
#include "model/tessera-authorization-private.h"

G_BEGIN_DECLS

/* The key that signs what @client is told, made when the first client needs it: blocks then, in any
 * thread. TRUE for one that asks for nothing. */
gboolean tessera_id_token_make_key (TesseraKeyRing *keys, TesseraClient *client, GError **error);

/* Says who logged in, to the client alone (OpenID Connect Core §2, §3.1.3.6). @issued_ms and
 * @lifetime (seconds) are those of @access_token. Owned; TESSERA_ERROR. */
char *tessera_id_token_issue (TesseraEngine *engine,
                              const TesseraAuthorization *authorization,
                              const char *scope,
                              const char *access_token,
                              gint64 issued_ms,
                              gint64 lifetime,
                              GError **error);
/* What is known of the person: what is kept of the user, then what the login said, then what the
 * application says; who speaks last is right. Owned. */
TesseraUserClaims *tessera_id_token_ask_claims (TesseraEngine *engine,
                                                const TesseraLogin *login,
                                                TesseraClient *client,
                                                const char *scope);
/* Whom an ID token of ours speaks of (id_token_hint): it may have expired, but its signature is
 * good, and @client_id (NULL: any) is its audience. Owned, as @out_client_id, which is its
 * audience, and @out_session_id (NULL: either is not wanted); TESSERA_ERROR_INVALID_REQUEST. */
char *tessera_id_token_read_subject (TesseraEngine *engine,
                                     const char *id_token,
                                     const char *client_id,
                                     char **out_client_id,
                                     char **out_session_id,
                                     GError **error);
/* Does it look like one of ours, but name a key that has left the ring? Then nothing of it can be
 * believed; but nothing says either that somebody made it up. */
gboolean tessera_id_token_names_lost_key (TesseraEngine *engine, const char *id_token);

G_END_DECLS
