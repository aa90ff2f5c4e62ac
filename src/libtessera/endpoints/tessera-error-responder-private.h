/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "base/tessera-error.h"
#include "model/tessera-explanation-private.h"

G_BEGIN_DECLS

/* The one place where an error becomes an answer and a record of the audit trail, whose message is
 * one line. */

/* JSON error of RFC 6749 §5.2: status from the error table, WWW-Authenticate with 401, Retry-After
 * with 429 and 503. Any domain but TESSERA_ERROR is answered as server_error with a fixed text. One
 * escaped log line. @explanation may be NULL. */
void tessera_exchange_respond_error (TesseraExchange *self,
                                     const GError *error,
                                     const TesseraExplanation *explanation);
/* The same with another status (405, 413, 415): what the HTTP front refuses. */
void tessera_exchange_respond_http_error (TesseraExchange *self,
                                          guint status,
                                          const char *static_description);
/* Only the log line: `refused request=ID error=NAME rule=… registered=… came=… client=… from=…`. */
void tessera_exchange_log_refusal (TesseraExchange *self,
                                   const GError *error,
                                   const TesseraExplanation *explanation);

G_END_DECLS
