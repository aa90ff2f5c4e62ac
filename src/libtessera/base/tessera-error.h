/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-version-macros.h"

G_BEGIN_DECLS

#define TESSERA_ERROR (tessera_error_quark ())
#define TESSERA_SETUP_ERROR (tessera_setup_error_quark ())

/**
 * TesseraError:
 * @TESSERA_ERROR_INVALID_REQUEST: a parameter is missing, repeated or malformed (RFC 6749 §4.1.2.1,
 * §5.2)
 * @TESSERA_ERROR_INVALID_CLIENT: client authentication failed (RFC 6749 §5.2)
 * @TESSERA_ERROR_INVALID_GRANT: the code or refresh token is not good (RFC 6749 §5.2)
 * @TESSERA_ERROR_UNAUTHORIZED_CLIENT: the client may not use this grant type (RFC 6749 §5.2)
 * @TESSERA_ERROR_UNSUPPORTED_GRANT_TYPE: the grant type is not offered (RFC 6749 §5.2)
 * @TESSERA_ERROR_UNSUPPORTED_RESPONSE_TYPE: only `code` is offered (RFC 6749 §4.1.2.1)
 * @TESSERA_ERROR_INVALID_SCOPE: a scope is unknown, malformed or not allowed (RFC 6749 §5.2)
 * @TESSERA_ERROR_INVALID_TARGET: a resource is unknown or not allowed (RFC 8707 §2)
 * @TESSERA_ERROR_ACCESS_DENIED: the resource owner or the server refused (RFC 6749 §4.1.2.1)
 * @TESSERA_ERROR_LOGIN_REQUIRED: `prompt=none`, and nobody is signed in (OpenID Connect Core
 * §3.1.2.6)
 * @TESSERA_ERROR_CONSENT_REQUIRED: `prompt=none`, and consent must be asked (OpenID Connect Core
 * §3.1.2.6)
 * @TESSERA_ERROR_UNSUPPORTED_TOKEN_TYPE: the token's kind cannot be revoked (RFC 7009 §2.2.1)
 * @TESSERA_ERROR_INVALID_TOKEN: the access token is expired, revoked or malformed (RFC 6750 §3.1)
 * @TESSERA_ERROR_INSUFFICIENT_SCOPE: the access token lacks a scope (RFC 6750 §3.1)
 * @TESSERA_ERROR_TOO_MANY_REQUESTS: too many failures from there, see `Retry-After` (RFC 6585 §4)
 * @TESSERA_ERROR_TEMPORARILY_UNAVAILABLE: try again, see `Retry-After` (RFC 6749 §4.1.2.1)
 * @TESSERA_ERROR_SERVER_ERROR: anything else that went wrong inside (RFC 6749 §4.1.2.1)
 * @TESSERA_ERROR_REQUEST_NOT_SUPPORTED: request objects of this kind are not offered (OpenID
 * Connect Core §3.1.2.6)
 * @TESSERA_ERROR_REQUEST_URI_NOT_SUPPORTED: request objects are not fetched (OpenID Connect Core
 * §3.1.2.6)
 * @TESSERA_ERROR_REGISTRATION_NOT_SUPPORTED: a request cannot register its client (OpenID Connect
 * Core §3.1.2.6)
 * @TESSERA_ERROR_INVALID_REQUEST_OBJECT: the request object is not the client's, or not for here
 * and now (RFC 9101 §7)
 * @TESSERA_ERROR_INVALID_REDIRECT_URI: a client cannot be registered with such a redirect URI (RFC
 * 7591 §3.2.2)
 * @TESSERA_ERROR_INVALID_CLIENT_METADATA: a client cannot be registered like this (RFC 7591 §3.2.2)
 *
 * The error codes of OAuth 2. The message of such a #GError is what the wire calls
 * `error_description`: printable ASCII, without secrets, and never an echo of the input.
 */
typedef enum
{
  TESSERA_ERROR_INVALID_REQUEST,
  TESSERA_ERROR_INVALID_CLIENT,
  TESSERA_ERROR_INVALID_GRANT,
  TESSERA_ERROR_UNAUTHORIZED_CLIENT,
  TESSERA_ERROR_UNSUPPORTED_GRANT_TYPE,
  TESSERA_ERROR_UNSUPPORTED_RESPONSE_TYPE,
  TESSERA_ERROR_INVALID_SCOPE,
  TESSERA_ERROR_INVALID_TARGET,
  TESSERA_ERROR_ACCESS_DENIED,
  TESSERA_ERROR_LOGIN_REQUIRED,
  TESSERA_ERROR_CONSENT_REQUIRED,
  TESSERA_ERROR_UNSUPPORTED_TOKEN_TYPE,
  TESSERA_ERROR_INVALID_TOKEN,
  TESSERA_ERROR_INSUFFICIENT_SCOPE,
  TESSERA_ERROR_TOO_MANY_REQUESTS,
  TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
  TESSERA_ERROR_SERVER_ERROR,
  TESSERA_ERROR_REQUEST_NOT_SUPPORTED,
  TESSERA_ERROR_REQUEST_URI_NOT_SUPPORTED,
  TESSERA_ERROR_REGISTRATION_NOT_SUPPORTED,
  TESSERA_ERROR_INVALID_REQUEST_OBJECT,
  TESSERA_ERROR_INVALID_REDIRECT_URI,
  TESSERA_ERROR_INVALID_CLIENT_METADATA
} TesseraError;

/**
 * TesseraSetupError:
 * @TESSERA_SETUP_ERROR_ISSUER: the issuer is not usable (https, or http on a loopback address)
 * @TESSERA_SETUP_ERROR_CLIENT: a client's registration is contradictory or unsafe
 * @TESSERA_SETUP_ERROR_EXISTS: the identifier is already taken
 * @TESSERA_SETUP_ERROR_NOT_FOUND: there is nothing of that name
 * @TESSERA_SETUP_ERROR_KEY: a key file is missing, readable by others, or damaged
 * @TESSERA_SETUP_ERROR_TOO_EARLY: a rotation before resource servers can know the next key
 * @TESSERA_SETUP_ERROR_STATE: the state directory is damaged or from a newer release
 * @TESSERA_SETUP_ERROR_LOCKED: another process uses the state directory
 * @TESSERA_SETUP_ERROR_USER: a user's name or password hash is not usable
 * @TESSERA_SETUP_ERROR_UNSUPPORTED: this build or this platform cannot do it
 * @TESSERA_SETUP_ERROR_DECLARED: a file or the application declares it, and alone can change it
 *
 * Why a server could not be set up, or an administrative call was refused. Never seen on the wire.
 */
typedef enum
{
  TESSERA_SETUP_ERROR_ISSUER,
  TESSERA_SETUP_ERROR_CLIENT,
  TESSERA_SETUP_ERROR_EXISTS,
  TESSERA_SETUP_ERROR_NOT_FOUND,
  TESSERA_SETUP_ERROR_KEY,
  TESSERA_SETUP_ERROR_TOO_EARLY,
  TESSERA_SETUP_ERROR_STATE,
  TESSERA_SETUP_ERROR_LOCKED,
  TESSERA_SETUP_ERROR_USER,
  TESSERA_SETUP_ERROR_UNSUPPORTED,
  TESSERA_SETUP_ERROR_DECLARED
} TesseraSetupError;

TESSERA_AVAILABLE_IN_1_0
GQuark tessera_error_quark (void);
TESSERA_AVAILABLE_IN_1_0
GQuark tessera_setup_error_quark (void);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_error_get_name (TesseraError code);
TESSERA_AVAILABLE_IN_1_0
guint tessera_error_get_status (TesseraError code);

G_END_DECLS
