/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-authentication.h"

G_BEGIN_DECLS

typedef enum
{
  TESSERA_VERDICT_NONE,
  TESSERA_VERDICT_HELD,
  TESSERA_VERDICT_ACCEPTED,
  TESSERA_VERDICT_DENIED
} TesseraVerdict;

/* Exactly once, on @context: immediately when accept or deny is called there, else invoked there.
 */
typedef void (*TesseraAuthenticationDecided) (TesseraAuthentication *self, gpointer data);

TesseraAuthentication *tessera_authentication_new (const char *username,
                                                   const char *password,
                                                   TesseraClient *client,
                                                   const char *scope,
                                                   const char *remote_address);
/* Who hears of the verdict; set before the signal is emitted. */
void tessera_authentication_on_decided (TesseraAuthentication *self,
                                        TesseraAuthenticationDecided decided,
                                        gpointer data);
/* Hears, in the thread that calls accept, deny or hold, that the first of them was called; NULL:
 * nobody. */
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
const char *tessera_authentication_get_subject (TesseraAuthentication *self);
const char *tessera_authentication_get_acr (TesseraAuthentication *self); /* or NULL */
char *tessera_authentication_dup_amr (TesseraAuthentication *self); /* joined by spaces, or NULL */

G_END_DECLS
