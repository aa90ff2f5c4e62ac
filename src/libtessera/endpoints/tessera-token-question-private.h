/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-error-responder-private.h"
#include "grants/tessera-engine-private.h"
#include "model/tessera-client-private.h"
#include "model/tessera-explanation-private.h"

G_BEGIN_DECLS

/* What somebody wants of a token (RFC 7009 §2.1, RFC 7662 §2.1), from the form to the answer. */
typedef struct _TesseraTokenQuestion TesseraTokenQuestion;

/* One for each endpoint. */
typedef struct
{
  /* Whoever has the token may ask, without a word of who it is. */
  gboolean may_be_nobodys;
  /* May this client ask? NULL: each may. */
  gboolean (*check_client) (TesseraTokenQuestion *self, GError **error);
  /* Takes @self. */
  void (*answer) (TesseraTokenQuestion *self);
} TesseraTokenQuestionKind;

struct _TesseraTokenQuestion
{
  const TesseraTokenQuestionKind *kind;
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraParams *params;
  TesseraClient *client; /* NULL: nobody says who it is */
  const char *token;     /* of @params */
  TesseraExplanation explanation;
};

/* Reads the form, and who asks; what is refused is answered. */
void tessera_token_question_ask (TesseraEngine *engine,
                                 TesseraExchange *exchange,
                                 const TesseraTokenQuestionKind *static_kind);
void tessera_token_question_free (TesseraTokenQuestion *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTokenQuestion, tessera_token_question_free)

G_END_DECLS
