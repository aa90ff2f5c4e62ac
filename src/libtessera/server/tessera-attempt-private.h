/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-visit-private.h"

G_BEGIN_DECLS

/* Guesses at a password, or at what is asked besides, are counted by account and address, whatever
 * page they come from (threats.md A37, B46). */

/* FALSE, without an answer: go on. TRUE: too many failed from there, and they were told; @path is
 * where they try again. */
gboolean tessera_attempt_is_throttled (TesseraVisit *visit, const char *username, const char *path);
/* Before it is looked at, so that attempts at the same time count too. */
void tessera_attempt_count (TesseraVisit *visit, const char *username);
void tessera_attempt_succeed (TesseraVisit *visit, const char *username);
/* Also recorded. */
void tessera_attempt_fail (TesseraVisit *visit);
/* Too many wait to be looked at: ends the visit. */
void tessera_attempt_put_off (TesseraVisit *visit, const char *path);
/* In the audit trail and the figures; without the name that was given, because people type
 * passwords there. @subject: who it is, once that is proved. */
void tessera_attempt_record (TesseraVisit *visit, TesseraLoginOutcome outcome, const char *subject);

G_END_DECLS
