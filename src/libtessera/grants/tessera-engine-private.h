/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-audit-private.h"
#include "base/tessera-metrics-private.h"
#include "base/tessera-throttle-private.h"
#include "store/tessera-seen-tokens-private.h"
#include "grants/tessera-status-publisher-private.h"
#include "grants/tessera-token-moulds-private.h"
#include "jose/tessera-key-ring-private.h"
#include "model/tessera-access-token-private.h"
#include "model/tessera-authorization-request-private.h"
#include "model/tessera-revocation-private.h"
#include "model/tessera-settings-private.h"
#include "store/tessera-client-registry-private.h"
#include "store/tessera-deny-list-private.h"
#include "store/tessera-user-registry-private.h"

G_BEGIN_DECLS

typedef struct _TesseraExchange TesseraExchange;
typedef struct _TesseraIssuance TesseraIssuance;
typedef struct _TesseraDenyFeed TesseraDenyFeed;
typedef struct _TesseraDenyExports TesseraDenyExports;
typedef struct _TesseraUserClaims TesseraUserClaims;
typedef struct _TesseraRegistration TesseraRegistration;
typedef struct _TesseraClientKeys TesseraClientKeys;

/* What lies at an address; NULL: nothing that could be read. @asked FALSE: for nobody was asked. */
typedef void (*TesseraFetched) (gpointer data, GBytes *document, gboolean asked);

/* What the layers to the right do for those to the left. All on the main loop; any may be NULL. */
typedef struct
{
  /* Before signing: add claims, narrow the scope, refuse. NULL while no handler is connected. */
  void (*issue_token) (gpointer data, TesseraIssuance *issuance);
  /* Adds what is known of a person. */
  void (*user_claims) (gpointer data, TesseraUserClaims *claims);
  void (*token_issued) (gpointer data, TesseraClaims *claims, gboolean refreshed);
  void (*revoked) (gpointer data, TesseraRevocation *revocation);
  void (*introspected) (gpointer data, const char *client_id, gboolean active);
  /* Log in, ask for consent; ends in tessera_authorization_endpoint_approve() or _refuse(). */
  void (*interact) (gpointer data, TesseraExchange *exchange, TesseraAuthorizationRequest *request);
  /* An error before the redirect_uri can be trusted: a page. */
  void (*show_error) (gpointer data, TesseraExchange *exchange, const GError *error);
  /* The answer leaves for a private-use scheme: a page that says so. */
  void (*show_return) (gpointer data,
                       TesseraExchange *exchange,
                       TesseraAuthorizationRequest *request,
                       const char *location);
  /* The answer goes to the client in a form, which the browser posts: a page that does it. @pairs:
   * names and values, one after the other, and NULL. */
  void (*show_form) (gpointer data,
                     TesseraExchange *exchange,
                     TesseraAuthorizationRequest *request,
                     const char *const *pairs);
  /* Makes a registration durable; ends in tessera_registration_done(). Takes it. */
  void (*register_client) (gpointer data, TesseraRegistration *registration);
  /* A client that registered itself was used, the first time for a day. */
  void (*client_used) (gpointer data, TesseraClient *client);
  /* Reads a document of one of @media_types, 64 KiB at most, from an https address. NULL: this
   * server reads none. */
  void (*fetch) (gpointer data,
                 const char *uri,
                 const char *const *media_types,
                 TesseraFetched fetched,
                 gpointer fetched_data);
} TesseraEngineHooks;

/* The parts of one server, as the grants and endpoints see them. Plain and borrowed: the server
 * owns what it points to. Before `ready` nothing but settings, clock and clients is there. */
typedef struct
{
  TesseraSettings *settings;
  GPtrArray *resources; /* TesseraResource* */
  TesseraClock *clock;
  gint clock_is_behind; /* atomic; so that it is said once */
  TesseraClientRegistry *clients;
  TesseraUserRegistry *users;
  TesseraThrottle *client_throttle;       /* failed client authentications by (client, address) */
  TesseraThrottle *flood_throttle;        /* failures that made it forget others, by address */
  TesseraThrottle *registration_throttle; /* attempts to register, by address */
  guint n_sector_checks;                  /* under way */
  TesseraClientKeys *client_keys;         /* those read from elsewhere; of the layer to the right */
  GBytes *metadata;                       /* serialised; whoever changes a setting clears it */
  TesseraMetrics *metrics;                /* or NULL, as the next */
  TesseraAudit *audit;

  gboolean ready;
  TesseraKeyRing *keys;
  TesseraDenyList *deny_list;
  TesseraCommitter *committer;
  TesseraSeenTokens *seen;
  TesseraTokenMoulds *moulds; /* or NULL: each token is made anew */
  TesseraStatusLists *status_lists;
  TesseraStatusPublisher *status_publisher;
  TesseraDenyFeed *feed; /* of the layer to the right, as the next */
  TesseraDenyExports *exports;

  TesseraEngineHooks hooks;
  gpointer hooks_data;
} TesseraEngine;

/* Seconds: the client's own, or the server's. */
gint64 tessera_engine_get_access_token_lifetime (TesseraEngine *self, TesseraClient *client);
gint64 tessera_engine_get_refresh_token_lifetime (TesseraEngine *self, TesseraClient *client);
/* The longest lifetime an access token of this server can have, in milliseconds. */
gint64 tessera_engine_get_longest_lifetime_ms (TesseraEngine *self);
/* Signature, type, issuer, times, key state and deny-list: the one place that accepts an access
 * token.
 * @audience NULL: any. TESSERA_ERROR_INVALID_TOKEN. */
TesseraAccessToken *tessera_engine_check_token (
    TesseraEngine *self, const char *token, gsize length, const char *audience, GError **error);
/* As above without the deny-list: for revocation, which must find what is denied already. */
TesseraAccessToken *
tessera_engine_verify_token (TesseraEngine *self, const char *token, gsize length, GError **error);
/* Was a token that was good revoked since, or its client removed? */
gboolean tessera_engine_is_denied (TesseraEngine *self, TesseraAccessToken *token);

G_END_DECLS
