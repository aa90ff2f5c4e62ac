/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"

G_BEGIN_DECLS

/* One answer for everybody who pressed the same button: a browser drops the answer to the first of
 * two clicks, and a second code must not be made for it. The first exchange is answered through a
 * stand-in; those that join get the same answer, now or when it is there. */
typedef struct _TesseraAnswerRelay TesseraAnswerRelay;

TesseraAnswerRelay *tessera_answer_relay_new (void);
TesseraAnswerRelay *tessera_answer_relay_ref (TesseraAnswerRelay *self);
void tessera_answer_relay_unref (TesseraAnswerRelay *self);

/* The stand-in to answer instead of @exchange. Owned by the caller. */
TesseraExchange *tessera_answer_relay_begin (TesseraAnswerRelay *self, TesseraExchange *exchange);
/* Between begin and the answer, and after an answer that was not an error of ours. */
gboolean tessera_answer_relay_has_begun (TesseraAnswerRelay *self);
void tessera_answer_relay_join (TesseraAnswerRelay *self, TesseraExchange *exchange);
/* Forgets the answer: it holds a code. */
void tessera_answer_relay_clear (TesseraAnswerRelay *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAnswerRelay, tessera_answer_relay_unref)

G_END_DECLS
