/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "resource/tessera-token-checker.h"
#include "server/tessera-server.h"

#include <libsoup/soup.h>

G_BEGIN_DECLS

/**
 * TesseraExpiryPolicy:
 * @TESSERA_EXPIRY_POLICY_CLOSE: close the WebSocket (1008) when its token expires
 * @TESSERA_EXPIRY_POLICY_KEEP: a token that was good at the handshake is good for the connection,
 * until revoked
 * @TESSERA_EXPIRY_POLICY_RENEW: as CLOSE, but the application may hand in a newer token
 *
 * What becomes of an open WebSocket when its access token expires. When the token is revoked, the
 * connection is closed under every policy. An expired token by itself cannot be revoked any more: a
 * connection that was kept ends with its grant, session, person, client or key.
 */
typedef enum
{
  TESSERA_EXPIRY_POLICY_CLOSE,
  TESSERA_EXPIRY_POLICY_KEEP,
  TESSERA_EXPIRY_POLICY_RENEW
} TesseraExpiryPolicy;

#define TESSERA_TYPE_EXPIRY_POLICY (tessera_expiry_policy_get_type ())
#define TESSERA_TYPE_BEARER_DOMAIN (tessera_bearer_domain_get_type ())

TESSERA_AVAILABLE_IN_1_0
GType tessera_expiry_policy_get_type (void);

/* A SoupAuthDomain that demands a Bearer token (RFC 6750) on HTTP and WebSocket requests.
 * Properties: checker (construct-only), audience, scope (what every path needs), resource and
 * resource-name, resource-documentation, scopes-supported, authorization-servers (its metadata,
 * RFC 9728), close-connection,
 * expiry-policy, websocket-protocol-token (token as second Sec-WebSocket-Protocol value, for
 * browsers), allowed-origins (strv, for those). Signals: token-validated (TesseraAccessToken,
 * nullable SoupServerMessage) → gboolean, may narrow only; unauthorized (SoupServerMessage,
 * nullable error code). */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (
    TesseraBearerDomain, tessera_bearer_domain, TESSERA, BEARER_DOMAIN, SoupAuthDomain)

TESSERA_AVAILABLE_IN_1_0
TesseraBearerDomain *tessera_bearer_domain_new (TesseraTokenChecker *checker);
TESSERA_AVAILABLE_IN_1_0
TesseraAccessToken *tessera_get_access_token (SoupServerMessage *message);

TESSERA_AVAILABLE_IN_1_0
void tessera_bearer_domain_add_websocket_handler (TesseraBearerDomain *self,
                                                  SoupServer *server,
                                                  const char *path,
                                                  const char *origin,
                                                  char **protocols,
                                                  SoupServerWebsocketCallback callback,
                                                  gpointer user_data,
                                                  GDestroyNotify destroy);
TESSERA_AVAILABLE_IN_1_0
void tessera_bearer_domain_watch_websocket (TesseraBearerDomain *self,
                                            SoupServerMessage *message,
                                            SoupWebsocketConnection *connection);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_bearer_domain_renew_websocket (TesseraBearerDomain *self,
                                                SoupWebsocketConnection *connection,
                                                const char *token,
                                                GError **error);

G_END_DECLS
