/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TESSERA_CLAIM_TEXT_MAX 16 /* claims; with more it is given up */

/* The JSON text of a claim set that is being built, written down claim by claim: to have a whole
 * set written from its parts costs more than all else of a token but its signature. It knows only
 * plain values, each set once; else it is given up, and whoever has the set has to write it. */
typedef struct
{
  GString *text; /* `"name":value` one behind the other; NULL: nothing */
  struct
  {
    gsize at, length;
  } members[TESSERA_CLAIM_TEXT_MAX];
  guint n_members;
  gboolean given_up;
} TesseraClaimText;

void tessera_claim_text_add_string (TesseraClaimText *self, const char *name, const char *value);
void tessera_claim_text_add_int (TesseraClaimText *self, const char *name, gint64 value);
void
tessera_claim_text_add_array (TesseraClaimText *self, const char *name, const char *const *values);
/* Has it one spelling in JSON, which is itself? */
gboolean tessera_claim_text_is_plain (const char *value);
void tessera_claim_text_give_up (TesseraClaimText *self);
/* The object with its names in order; NULL: it is empty or was given up. */
char *tessera_claim_text_dup_json (const TesseraClaimText *self);
void tessera_claim_text_clear (TesseraClaimText *self);

G_END_DECLS
