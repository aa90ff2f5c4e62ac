/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-params-private.h"
#include "grants/tessera-engine-private.h"
#include "model/tessera-explanation-private.h"

G_BEGIN_DECLS

/* A validated wish to be signed out (OpenID Connect RP-Initiated Logout §2). Each or NULL. */
typedef struct
{
  TesseraClient *client; /* that wishes it; NULL: the person alone does */
  char *redirect_uri;    /* of the client: where the browser goes then */
  char *state;
  char *ui_locales;
  char *subject;    /* of id_token_hint: who is to be signed out */
  char *session_id; /* of id_token_hint */
} TesseraLogoutRequest;

/* FALSE for parameters that say nothing of all that. */
gboolean tessera_logout_request_is_in (TesseraParams *params);
/* The parameters of a request as those of an address, behind @uri. */
void tessera_logout_request_append_params (GString *uri, TesseraParams *params);
/* NULL: TESSERA_ERROR, for the person: whoever sends a wrong request is told nothing. */
TesseraLogoutRequest *tessera_logout_request_parse (TesseraEngine *engine,
                                                    TesseraParams *params,
                                                    TesseraExplanation *explanation,
                                                    GError **error);
void tessera_logout_request_free (TesseraLogoutRequest *self);
/* Does the client know the very session that @login began? */
gboolean tessera_logout_request_is_about (const TesseraLogoutRequest *self,
                                          TesseraEngine *engine,
                                          const TesseraLogin *login);
/* Where the client wants the browser, with its state; redirect_uri is there. Owned. */
char *tessera_logout_request_dup_location (const TesseraLogoutRequest *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraLogoutRequest, tessera_logout_request_free)

G_END_DECLS
