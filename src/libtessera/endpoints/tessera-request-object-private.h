/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-params-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-explanation-private.h"
#include "model/tessera-settings-private.h"

G_BEGIN_DECLS

#define TESSERA_REQUEST_OBJECT_TYPE "oauth-authz-req+jwt"
#define TESSERA_REQUEST_OBJECT_MAX_LIFETIME 3600 /* seconds */

/* The key that it names, owned; NULL: none, or it is malformed. Nothing is believed yet. */
char *tessera_request_object_dup_kid (const char *text);
/* The parameters that a request object of @client, which has @keys, says (RFC 9101 §4), as if they
 * had come in a query. Whatever stands beside it counts for nothing. NULL: TESSERA_ERROR, with an
 * explanation. */
TesseraParams *tessera_request_object_read (const char *text,
                                            TesseraClient *client,
                                            TesseraKeySet *keys,
                                            const TesseraSettings *settings,
                                            gint64 now_seconds,
                                            TesseraExplanation *explanation,
                                            GError **error);

G_END_DECLS
