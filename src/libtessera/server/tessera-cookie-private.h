/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "model/tessera-settings-private.h"

G_BEGIN_DECLS

/* The two cookies: who is signed in, and which browser began a login. With an https issuer they are
 * `__Host-…; Secure`; with http on a loopback address neither, because some browsers drop such
 * cookies there. Their values are secrets. */
typedef enum
{
  TESSERA_COOKIE_SESSION,
  TESSERA_COOKIE_BROWSER
} TesseraCookie;

/* NULL when it was not sent, was sent twice, or cannot be one of ours. */
char *tessera_cookie_dup (TesseraCookie cookie,
                          TesseraExchange *exchange,
                          const TesseraSettings *settings);
/* @value NULL: the browser is to forget it. */
void tessera_cookie_set (TesseraCookie cookie,
                         TesseraExchange *exchange,
                         const TesseraSettings *settings,
                         const char *value);

G_END_DECLS
