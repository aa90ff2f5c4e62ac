/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"

G_BEGIN_DECLS

#define TESSERA_TYPE_AUTHENTICATION (tessera_authentication_get_type ())

/* One attempt to log in. The verdict is what is called on it: accept, deny, ask one thing more; or
 * hold now and one of them later, from any thread. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (
    TesseraAuthentication, tessera_authentication, TESSERA, AUTHENTICATION, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *tessera_authentication_get_id (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
guint tessera_authentication_get_step (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_authentication_get_username (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_authentication_get_password (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_authentication_get_answer (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
TesseraClient *tessera_authentication_get_client (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
const char *const *tessera_authentication_get_scopes (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_authentication_get_remote_address (TesseraAuthentication *self);

/* @subject NULL: the user name. */
TESSERA_AVAILABLE_IN_1_0
void tessera_authentication_accept (TesseraAuthentication *self, const char *subject);
TESSERA_AVAILABLE_IN_1_0
void tessera_authentication_accept_with (TesseraAuthentication *self,
                                         const char *subject,
                                         const char *acr,
                                         const char *const *amr);
TESSERA_AVAILABLE_IN_1_0
void tessera_authentication_accept_full (TesseraAuthentication *self,
                                         const char *subject,
                                         const char *acr,
                                         const char *const *amr,
                                         GVariant *claims);
/* @prompt NULL: a one-time code. */
TESSERA_AVAILABLE_IN_1_0
void tessera_authentication_ask (TesseraAuthentication *self, const char *prompt, gboolean secret);
TESSERA_AVAILABLE_IN_1_0
void tessera_authentication_deny (TesseraAuthentication *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_authentication_hold (TesseraAuthentication *self);

G_END_DECLS
