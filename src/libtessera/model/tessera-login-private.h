/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-records-private.h"

G_BEGIN_DECLS

#define TESSERA_LOGIN_CLAIMS_MAX_LENGTH 4096 /* bytes, as JSON */

/* What a verdict says of a login, held against its limits. @claims (a{sv}): or NULL. The error's
 * message names the limit and repeats nothing. */
gboolean tessera_login_init (TesseraLogin *self,
                             const char *subject,
                             const char *acr,
                             const char *const *amr,
                             GVariant *claims,
                             GError **error);

G_END_DECLS
