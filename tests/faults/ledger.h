/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random operations on a store and its deny-list, each done in one go, and all that can be seen of
 * them afterwards, so that one state can be compared with another. */
#pragma once

#include "store/tessera-deny-list-private.h"

/* Where operations are done and looked at. */
typedef struct
{
  TesseraClock *clock;
  TesseraDenyList *list;
  TesseraStore *store; /* borrowed, while it is looked at */
  gboolean is_damaged; /* something could not be read */
} Books;

typedef struct _Ledger Ledger; /* the names that operations use */
typedef struct _Entry Entry;   /* one operation */

Ledger *ledger_new (guint32 seed);
void ledger_free (Ledger *self);

/* Another operation; what it does depends on the state it meets, and on nothing else. */
Entry *entry_new (Ledger *ledger, GRand *random);
void entry_free (Entry *self);
const char *entry_get_name (Entry *self);
gboolean entry_run (Entry *self, Books *books, TesseraStore *store, GError **error);

/* Numbers, always as many and in the same order: what each thing that the ledger names looks like.
 */
GArray *ledger_look (Ledger *self, Books *books); /* guint32 */
/* What the number at @index is about; owned. */
char *ledger_describe (Ledger *self, guint index);
