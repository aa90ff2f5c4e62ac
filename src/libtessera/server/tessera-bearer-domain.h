/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "resource/tessera-token-checker.h"
#include "server/tessera-server.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/**
 * TesseraExpiryPolicy:
 * @TESSERA_EXPIRY_POLICY_CLOSE: close the WebSocket (1008) when its token expires
 * @TESSERA_EXPIRY_POLICY_KEEP: a token that was good at the handshake is good for the connection, until revoked
 * @TESSERA_EXPIRY_POLICY_RENEW: as CLOSE, but the application may hand in a newer token
 */
typedef enum {
  TESSERA_EXPIRY_POLICY_CLOSE,
  TESSERA_EXPIRY_POLICY_KEEP,
  TESSERA_EXPIRY_POLICY_RENEW
} TesseraExpiryPolicy;

#define TESSERA_TYPE_BEARER_DOMAIN (tessera_bearer_domain_get_type ())

/* A SoupAuthDomain that demands a Bearer token (RFC 6750) on HTTP and WebSocket requests. Properties:
 * checker (construct-only), audience, scope (what every path needs), close-connection,
 * expiry-policy, websocket-protocol-token (token as second Sec-WebSocket-Protocol value, for
 * browsers), allowed-origins (strv, for those). Signals: token-validated (TesseraAccessToken,
 * SoupServerMessage) → gboolean, may narrow only; unauthorized (SoupServerMessage, error code). */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraBearerDomain, tessera_bearer_domain, TESSERA, BEARER_DOMAIN, SoupAuthDomain)

/* Guards every path; if @checker is a TesseraServer, all but its endpoints. Then
 * soup_server_add_auth_domain(). */
TESSERA_AVAILABLE_IN_1_0
TesseraBearerDomain *tessera_bearer_domain_new (TesseraTokenChecker *checker);
/* Of a request that passed the guard; NULL elsewhere. */
TESSERA_AVAILABLE_IN_1_0
TesseraAccessToken *tessera_get_access_token (SoupServerMessage *message);

/* As soup_server_add_websocket_handler(), and the connection is watched. */
TESSERA_AVAILABLE_IN_1_0
void tessera_bearer_domain_add_websocket_handler (TesseraBearerDomain *self,
                                                  SoupServer *server,
                                                  const char *path,
                                                  const char *origin,
                                                  char **protocols,
                                                  SoupServerWebsocketCallback callback,
                                                  gpointer user_data,
                                                  GDestroyNotify destroy);
/* For an application's own handler: closes @connection (1008) when its token is revoked, or expires. */
TESSERA_AVAILABLE_IN_1_0
void tessera_bearer_domain_watch_websocket (TesseraBearerDomain *self,
                                            SoupServerMessage *message,
                                            SoupWebsocketConnection *connection);
/* Policy RENEW: a newer token of the same subject and client replaces the connection's. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_bearer_domain_renew_websocket (TesseraBearerDomain *self,
                                                SoupWebsocketConnection *connection,
                                                const char *token,
                                                GError **error);

G_END_DECLS
