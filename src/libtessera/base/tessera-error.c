/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table of OAuth errors: wire name and HTTP status (RFC 6749 §4.1.2.1, §5.2; RFC 6750
 * §3.1). */
#include "base/tessera-error.h"

#include "base/tessera-metrics-private.h"

typedef struct
{
  const char *name;
  guint status;
} ErrorRow;

static const ErrorRow error_table[] = {
  [TESSERA_ERROR_INVALID_REQUEST] = { "invalid_request", 400 },
  [TESSERA_ERROR_INVALID_CLIENT] = { "invalid_client", 401 },
  [TESSERA_ERROR_INVALID_GRANT] = { "invalid_grant", 400 },
  [TESSERA_ERROR_UNAUTHORIZED_CLIENT] = { "unauthorized_client", 400 },
  [TESSERA_ERROR_UNSUPPORTED_GRANT_TYPE] = { "unsupported_grant_type", 400 },
  [TESSERA_ERROR_UNSUPPORTED_RESPONSE_TYPE] = { "unsupported_response_type", 400 },
  [TESSERA_ERROR_INVALID_SCOPE] = { "invalid_scope", 400 },
  [TESSERA_ERROR_INVALID_TARGET] = { "invalid_target", 400 },
  [TESSERA_ERROR_ACCESS_DENIED] = { "access_denied", 400 },
  [TESSERA_ERROR_LOGIN_REQUIRED] = { "login_required", 400 },
  [TESSERA_ERROR_CONSENT_REQUIRED] = { "consent_required", 400 },
  [TESSERA_ERROR_UNSUPPORTED_TOKEN_TYPE] = { "unsupported_token_type", 400 },
  [TESSERA_ERROR_INVALID_TOKEN] = { "invalid_token", 401 },
  [TESSERA_ERROR_INSUFFICIENT_SCOPE] = { "insufficient_scope", 403 },
  /* No registered code says 429; the status tells it from being overloaded. */
  [TESSERA_ERROR_TOO_MANY_REQUESTS] = { "temporarily_unavailable", 429 },
  [TESSERA_ERROR_TEMPORARILY_UNAVAILABLE] = { "temporarily_unavailable", 503 },
  [TESSERA_ERROR_SERVER_ERROR] = { "server_error", 500 },
  [TESSERA_ERROR_REQUEST_NOT_SUPPORTED] = { "request_not_supported", 400 },
  [TESSERA_ERROR_REQUEST_URI_NOT_SUPPORTED] = { "request_uri_not_supported", 400 },
  [TESSERA_ERROR_REGISTRATION_NOT_SUPPORTED] = { "registration_not_supported", 400 },
  [TESSERA_ERROR_INVALID_REQUEST_OBJECT] = { "invalid_request_object", 400 },
  [TESSERA_ERROR_INVALID_REDIRECT_URI] = { "invalid_redirect_uri", 400 },
  [TESSERA_ERROR_INVALID_CLIENT_METADATA] = { "invalid_client_metadata", 400 },
};

/* Each of them is counted under its own name. */
G_STATIC_ASSERT (G_N_ELEMENTS (error_table) == TESSERA_METRICS_ERRORS);

/**
 * tessera_error_quark:
 *
 * The domain of [error@Tessera.Error].
 *
 * Returns: the quark
 */
GQuark
tessera_error_quark (void)
{
  return g_quark_from_static_string ("tessera-error-quark");
}

/**
 * tessera_setup_error_quark:
 *
 * The domain of [error@Tessera.SetupError].
 *
 * Returns: the quark
 */
GQuark
tessera_setup_error_quark (void)
{
  return g_quark_from_static_string ("tessera-setup-error-quark");
}

static const ErrorRow *
lookup_row (TesseraError code)
{
  if ((guint) code >= G_N_ELEMENTS (error_table))
    return &error_table[TESSERA_ERROR_SERVER_ERROR];
  return &error_table[code];
}

/**
 * tessera_error_get_name:
 * @code: an error code
 *
 * What the wire calls the error: the value of `error` in a response (RFC 6749 §5.2). A code outside
 * the enumeration is `server_error`.
 *
 * Returns: (transfer none): the name, for example `invalid_grant`
 */
const char *
tessera_error_get_name (TesseraError code)
{
  return lookup_row (code)->name;
}

/**
 * tessera_error_get_status:
 * @code: an error code
 *
 * The HTTP status an error is answered with where it is not sent by redirect.
 *
 * Returns: the status, for example 400
 */
guint
tessera_error_get_status (TesseraError code)
{
  return lookup_row (code)->status;
}
