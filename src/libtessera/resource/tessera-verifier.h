/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-access-token.h"
#include "resource/tessera-token-checker.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_VERIFIER (tessera_verifier_get_type ())

/* Checks the access tokens of an issuer elsewhere, from memory. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraVerifier, tessera_verifier, TESSERA, VERIFIER, GObject)

TESSERA_AVAILABLE_IN_1_0
TesseraVerifier *tessera_verifier_new (const char *issuer);
TESSERA_AVAILABLE_IN_1_0
void tessera_verifier_start (TesseraVerifier *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_verifier_stop (TesseraVerifier *self);

TESSERA_AVAILABLE_IN_1_0
TesseraAccessToken *tessera_verifier_check (TesseraVerifier *self,
                                            const char *token,
                                            const char *audience,
                                            const char *const *scopes,
                                            GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_verifier_check_async (TesseraVerifier *self,
                                   const char *token,
                                   const char *audience,
                                   const char *const *scopes,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
TesseraAccessToken *
tessera_verifier_check_finish (TesseraVerifier *self, GAsyncResult *result, GError **error);

TESSERA_AVAILABLE_IN_1_0
gboolean tessera_verifier_get_ready (TesseraVerifier *self);
TESSERA_AVAILABLE_IN_1_0
guint64 tessera_verifier_get_generation (TesseraVerifier *self);
TESSERA_AVAILABLE_IN_1_0
guint tessera_verifier_get_age (TesseraVerifier *self);
TESSERA_AVAILABLE_IN_1_0
char *tessera_verifier_dup_problem (TesseraVerifier *self);

G_END_DECLS
