/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-visit-private.h"

G_BEGIN_DECLS

/* The page of an account, and the change of its password. Shared by their files only. Each of these
 * ends the visit, unless it says otherwise. */

typedef enum
{
  TESSERA_ACCOUNT_FAILURE_NONE,
  TESSERA_ACCOUNT_FAILURE_INCOMPLETE,
  TESSERA_ACCOUNT_FAILURE_CURRENT,  /* the current password is not right */
  TESSERA_ACCOUNT_FAILURE_REPEATED, /* the new one is not the same twice */
  TESSERA_ACCOUNT_FAILURE_LENGTH    /* the new one is too short or too long */
} TesseraAccountFailure;

#define TESSERA_ACCOUNT_PASSWORD_MIN_LENGTH 8 /* characters */

void tessera_account_page_show (TesseraVisit *visit, TesseraAccountFailure failure);
/* To the page, which says that @done is done (NULL: nothing). */
void tessera_account_page_go (TesseraVisit *visit, const char *done);

/* Has the person a password that they can change here? */
gboolean tessera_account_password_is_ours (TesseraVisit *visit);
/* A form with a new one came. */
void tessera_account_password_change (TesseraVisit *visit);

G_END_DECLS
