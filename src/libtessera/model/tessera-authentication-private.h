/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-authentication.h"
#include "model/tessera-records-private.h"

G_BEGIN_DECLS

#define TESSERA_AUTHENTICATION_MAX_STEP 5
#define TESSERA_ANSWER_MAX_LENGTH 1024 /* bytes */

typedef enum
{
  TESSERA_VERDICT_NONE,
  TESSERA_VERDICT_HELD,
  TESSERA_VERDICT_ACCEPTED,
  TESSERA_VERDICT_ASKED,
  TESSERA_VERDICT_DENIED
} TesseraVerdict;

/* Exactly once, on @context: immediately when accept, deny or ask is called there, else invoked
 * there.
 */
typedef void (*TesseraAuthenticationDecided) (TesseraAuthentication *self, gpointer data);

TesseraAuthentication *tessera_authentication_new (const char *username,
                                                   const char *password,
                                                   TesseraClient *client,
                                                   const char *scope,
                                                   const char *remote_address);
/* The answer to what was asked at the step before. */
TesseraAuthentication *tessera_authentication_new_step (const char *id,
                                                        guint step,
                                                        const char *username,
                                                        const char *answer,
                                                        TesseraClient *client,
                                                        const char *scope,
                                                        const char *remote_address);
/* Who hears of the verdict; set before the signal is emitted. */
void tessera_authentication_on_decided (TesseraAuthentication *self,
                                        TesseraAuthenticationDecided decided,
                                        gpointer data);
/* Hears, in the thread that calls accept, deny, ask or hold, that the first of them was called;
 * NULL: nobody. */
typedef void (*TesseraAuthenticationSettled) (TesseraAuthentication *self, gpointer data);
void tessera_authentication_on_settled (TesseraAuthentication *self,
                                        TesseraAuthenticationSettled settled,
                                        gpointer data);
TesseraVerdict tessera_authentication_get_verdict (TesseraAuthentication *self);
/* After the emission: no verdict becomes denied with one warning that names the mistake; a held one
 * is denied after @deadline_ms, or when the last reference of the handler is dropped. */
void tessera_authentication_close_emission (TesseraAuthentication *self, guint deadline_ms);
/* On the context, by the first that hears of the verdict: an accepted login is denied all the same.
 */
void tessera_authentication_overrule (TesseraAuthentication *self);
/* Denied because too many logins wait to be verified: to be answered with 503 (threats.md B46). */
void tessera_authentication_set_busy (TesseraAuthentication *self);
gboolean tessera_authentication_is_busy (TesseraAuthentication *self);
/* Of an accepted one: subject, acr, amr and claims. Borrowed. */
const TesseraLogin *tessera_authentication_get_login (TesseraAuthentication *self);
/* What is asked; NULL: a one-time code. */
const char *tessera_authentication_get_prompt (TesseraAuthentication *self);
gboolean tessera_authentication_asks_secret (TesseraAuthentication *self);

G_END_DECLS
