/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signals of a server (design.md §8). */

#include "server/tessera-server-object-private.h"

#include "model/tessera-issuance-private.h"
#include "model/tessera-user-claims-private.h"
#include "server/tessera-page-private.h"

#include <stdarg.h>

static guint signals[TESSERA_N_SIGNALS];

guint
tessera_server_get_signal (TesseraServerSignal signal)
{
  return signals[signal];
}

gboolean
tessera_server_has_handler (TesseraServer *self, TesseraServerSignal signal)
{
  return g_signal_has_handler_pending (self, signals[signal], 0, FALSE);
}

void
tessera_server_emit (TesseraServer *self, TesseraServerSignal signal, ...)
{
  va_list args;
  va_start (args, signal);
  g_signal_emit_valist (self, signals[signal], 0, args);
  va_end (args);
}

static guint
new_signal (const char *name, guint n_params, GType first, GType second)
{
  return g_signal_new (name, TESSERA_TYPE_SERVER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                       G_TYPE_NONE, n_params, first, second);
}

static void
install_login_signals (GCallback authenticate)
{
  /**
   * TesseraServer::authenticate:
   * @self: the server
   * @authentication: who wants to log in
   *
   * Somebody wants to log in: decide by calling [method@Authentication.accept],
   * [method@Authentication.deny], [method@Authentication.ask] or [method@Authentication.hold] on
   * @authentication. The first handler that does ends the emission. When none does, the users of
   * [method@Server.load_users] are asked; and when there are none, the login is denied.
   *
   * The answer to what was asked comes as another emission, for which
   * [method@Authentication.get_step] is not 0.
   */
  signals[TESSERA_SIGNAL_AUTHENTICATE]
      = g_signal_new_class_handler ("authenticate", TESSERA_TYPE_SERVER, G_SIGNAL_RUN_LAST,
                                    authenticate, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                    TESSERA_TYPE_AUTHENTICATION);
  /**
   * TesseraServer::render-page:
   * @self: the server
   * @page: the page
   *
   * A page is about to be sent; its HTML can be replaced.
   */
  signals[TESSERA_SIGNAL_RENDER_PAGE] = new_signal ("render-page", 1, TESSERA_TYPE_PAGE, 0);
  /**
   * TesseraServer::before-request:
   * @self: the server
   * @request: the request
   *
   * A request to one of the endpoints or pages is about to be served; it can be answered instead.
   */
  signals[TESSERA_SIGNAL_BEFORE_REQUEST]
      = new_signal ("before-request", 1, TESSERA_TYPE_REQUEST, 0);
}

static void
install_token_signals (void)
{
  /**
   * TesseraServer::after-revoke-token:
   * @self: the server
   * @revocation: what became of it
   *
   * Something was to be revoked: exactly once for each attempt, whoever made it, when the outcome
   * is durable; also when there was nothing to revoke.
   */
  signals[TESSERA_SIGNAL_AFTER_REVOKE_TOKEN]
      = new_signal ("after-revoke-token", 1, TESSERA_TYPE_REVOCATION, 0);
  /**
   * TesseraServer::issue-token:
   * @self: the server
   * @issuance: the token
   *
   * An access token is about to be signed: claims can be added, its scope narrowed, or it be
   * refused.
   */
  signals[TESSERA_SIGNAL_ISSUE_TOKEN] = new_signal ("issue-token", 1, TESSERA_TYPE_ISSUANCE, 0);
  /**
   * TesseraServer::user-claims:
   * @self: the server
   * @claims: what is known of a person
   *
   * A client is about to be told what it may know of a person, in an ID token or at the userinfo
   * endpoint (OpenID Connect Core §5.3): the application adds what it knows.
   */
  signals[TESSERA_SIGNAL_USER_CLAIMS] = new_signal ("user-claims", 1, TESSERA_TYPE_USER_CLAIMS, 0);
  /**
   * TesseraServer::token-issued:
   * @self: the server
   * @claims: the claims of the access token, as a JSON object
   *
   * A token was issued for a code or for client credentials.
   */
  signals[TESSERA_SIGNAL_TOKEN_ISSUED] = new_signal ("token-issued", 1, G_TYPE_STRING, 0);
  /**
   * TesseraServer::token-refreshed:
   * @self: the server
   * @claims: the claims of the access token, as a JSON object
   *
   * A token was issued for a refresh token.
   */
  signals[TESSERA_SIGNAL_TOKEN_REFRESHED] = new_signal ("token-refreshed", 1, G_TYPE_STRING, 0);
  /**
   * TesseraServer::introspect:
   * @self: the server
   * @client_id: who asked
   * @active: what it was told
   *
   * A client introspected a token (RFC 7662).
   */
  signals[TESSERA_SIGNAL_INTROSPECT] = new_signal ("introspect", 2, G_TYPE_STRING, G_TYPE_BOOLEAN);
}

static void
install_state_signals (void)
{
  /**
   * TesseraServer::response-error:
   * @self: the server
   * @path: of the request, without its query
   * @error: the error code on the wire, such as `invalid_grant`
   *
   * A request was refused. The log has one line that says why.
   */
  signals[TESSERA_SIGNAL_RESPONSE_ERROR]
      = new_signal ("response-error", 2, G_TYPE_STRING, G_TYPE_STRING);
  /**
   * TesseraServer::ready:
   * @self: the server
   *
   * Keys and store are ready.
   */
  signals[TESSERA_SIGNAL_READY] = new_signal ("ready", 0, 0, 0);
  /**
   * TesseraServer::keys-changed:
   * @self: the server
   *
   * A signing key was rotated, retired or revoked: see [method@Server.list_keys].
   */
  signals[TESSERA_SIGNAL_KEYS_CHANGED] = new_signal ("keys-changed", 0, 0, 0);
  /**
   * TesseraServer::failed:
   * @self: the server
   * @error: why
   *
   * The server could not be made ready, every request gets 503; or its store failed for good while
   * it ran, and what has to be stored gets 503 until the program is started anew.
   */
  signals[TESSERA_SIGNAL_FAILED] = new_signal ("failed", 1, G_TYPE_ERROR, 0);
}

void
tessera_server_install_signals (GCallback authenticate)
{
  install_login_signals (authenticate);
  install_token_signals ();
  install_state_signals ();
}
