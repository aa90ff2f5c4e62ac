/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-params-private.h"
#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* Whether it wants nothing that this server does not offer. Asked before anything else is missed:
 * with request_uri the other parameters may be left out (RFC 9101 §5). FALSE: TESSERA_ERROR. */
gboolean tessera_authentication_request_check_offered (TesseraParams *params, GError **error);

/* What OpenID Connect adds to an authorization request (Core §3.1.2.1); its scope is known already.
 * FALSE: TESSERA_ERROR, for the client. */
gboolean tessera_authentication_request_read (TesseraEngine *engine,
                                              TesseraParams *params,
                                              TesseraAuthorizationRequest *request,
                                              GError **error);

G_END_DECLS
