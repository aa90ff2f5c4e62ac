/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-authorization-endpoint-private.h"
#include "server/tessera-server-private.h"

G_BEGIN_DECLS

/* What a person sees between an authorization request and its code: session, login transaction, the
 * pages. Holds the transactions in memory (20 minutes, bounded); sessions and consents are in the
 * store. Without libsoup: it speaks TesseraExchange. */
typedef struct _TesseraInteraction TesseraInteraction;

TesseraInteraction *tessera_interaction_new (TesseraServer *server);
void tessera_interaction_free (TesseraInteraction *self);
/* Forgets what only a second click would ask for. */
void tessera_interaction_prune (TesseraInteraction *self);
void tessera_interaction_set_theme_directory (TesseraInteraction *self, const char *directory);

/* The engine's hooks of the same names. */
void tessera_interaction_start (TesseraInteraction *self,
                                TesseraExchange *exchange,
                                TesseraAuthorizationRequest *request);
void tessera_interaction_show_error (TesseraInteraction *self,
                                     TesseraExchange *exchange,
                                     const GError *error);
void tessera_interaction_show_return (TesseraInteraction *self,
                                      TesseraExchange *exchange,
                                      TesseraAuthorizationRequest *request,
                                      const char *location);
void tessera_interaction_show_form (TesseraInteraction *self,
                                    TesseraExchange *exchange,
                                    TesseraAuthorizationRequest *request,
                                    const char *const *pairs);

/* /login (GET, POST), /consent (GET, POST), /logout (GET asks, POST ends), /account (GET, POST),
 * /tessera.css */
void tessera_interaction_handle_login (TesseraInteraction *self, TesseraExchange *exchange);
void tessera_interaction_handle_consent (TesseraInteraction *self, TesseraExchange *exchange);
void tessera_interaction_handle_logout (TesseraInteraction *self, TesseraExchange *exchange);
void tessera_interaction_handle_account (TesseraInteraction *self, TesseraExchange *exchange);
void tessera_interaction_handle_stylesheet (TesseraInteraction *self, TesseraExchange *exchange);

G_END_DECLS
