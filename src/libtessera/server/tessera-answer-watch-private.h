/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"

G_BEGIN_DECLS

/* An exchange that stands in for another: what it is answered with goes to that one, and @answered
 * hears the status first. Owned by the caller. */
typedef void (*TesseraAnswered) (gpointer data, guint status);

TesseraExchange *tessera_answer_watch_new (TesseraExchange *original,
                                           TesseraAnswered answered,
                                           gpointer data,
                                           GDestroyNotify data_free);
/* Before the answer: it goes to @original from now on. Gives back who would have got it. */
TesseraExchange *tessera_answer_watch_replace (TesseraExchange *self, TesseraExchange *original);
/* After the answer: gives it to @other, too. */
void tessera_answer_watch_repeat (TesseraExchange *self, TesseraExchange *other);

G_END_DECLS
