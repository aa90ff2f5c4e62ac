/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-attempt-private.h"

G_BEGIN_DECLS

/* The steps of a login: the page that asks for user name and password, the attempt, the page that
 * asks for more. Shared by their files only. Each of these ends the visit. */

typedef enum
{
  TESSERA_LOGIN_FAILURE_NONE,
  TESSERA_LOGIN_FAILURE_INCOMPLETE,
  TESSERA_LOGIN_FAILURE_REFUSED,
  TESSERA_LOGIN_FAILURE_ANSWER /* what was asked for was not right */
} TesseraLoginFailure;

/* @username NULL: what the application said. */
void
tessera_login_page_show (TesseraVisit *visit, TesseraLoginFailure failure, const char *username);
/* To the login page, which shows what is due. */
void tessera_login_page_go (TesseraVisit *visit);

/* Counts the attempt, has it decided, and answers. */
void tessera_login_attempt_begin (TesseraVisit *visit, TesseraAuthentication *authentication);

/* The transaction has a challenge. */
void tessera_challenge_page_show (TesseraVisit *visit, gboolean is_incomplete);
/* A form of it came. */
void tessera_challenge_page_answer (TesseraVisit *visit);

G_END_DECLS
