/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"
#include "model/tessera-authorization-request-private.h"

G_BEGIN_DECLS

/* An engine with real parts and without HTTP: for tests of grants and endpoints that need to look
 * at the store, or to do two things at once. Clients: `c1` and `c2` (confidential, scope "a b", all
 * grants), `p1` (public). */
typedef struct
{
  TesseraEngine engine;
  TesseraStore *store; /* borrowed; belongs to the committing thread */
  char *directory;     /* of the SQLite store, or NULL */
  gint64 offset_ms;    /* of the clock */
  /* What the hooks saw */
  guint n_revoked;
  TesseraRevocationCause last_cause;
  gboolean last_revoked;
  /* An authorization request that waits for somebody to decide */
  TesseraExchange *held;
  TesseraAuthorizationRequest *held_request;
} EngineFixture;

#define ENGINE_FIXTURE_ISSUER "http://127.0.0.1:8417"
#define ENGINE_FIXTURE_SECRET "a-secret-of-at-least-128-bits-of-length"
#define ENGINE_FIXTURE_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define ENGINE_FIXTURE_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

EngineFixture *engine_fixture_new (gboolean sqlite);
void engine_fixture_free (EngineFixture *self);

typedef struct
{
  guint status;
  json_t *json; /* of the body, or NULL */
  char *location;
  gboolean done;
} Answer;

void answer_free (Answer *self);
const char *answer_get (Answer *self, const char *name);

/* Posts a form of @client_id (with its secret) and returns at once; the answer comes with the loop.
 */
Answer *engine_fixture_post (EngineFixture *self,
                             const char *path,
                             const char *client_id,
                             const char *form);
void engine_fixture_wait (EngineFixture *self, Answer *answer);
/* Both. */
Answer *
engine_fixture_ask (EngineFixture *self, const char *path, const char *client_id, const char *form);
/* An authorization request; returns once it was answered, or waits in @self->held. */
Answer *engine_fixture_authorize (EngineFixture *self, const char *query);
/* Of what waits: @subject allows it in session `s1`. */
void engine_fixture_approve (EngineFixture *self, Answer *answer, const char *subject);
/* A code of @client_id for alice, scope "a b", as if she had allowed it just now; owned. */
char *engine_fixture_put_code (EngineFixture *self, const char *client_id);
/* Allowed at @began_ms. */
char *engine_fixture_put_code_of (EngineFixture *self, const char *client_id, gint64 began_ms);
/* The code's tokens. */
Answer *engine_fixture_redeem (EngineFixture *self, const char *client_id, const char *code);
gboolean engine_fixture_is_active (EngineFixture *self, const char *token);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EngineFixture, engine_fixture_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Answer, answer_free)

G_END_DECLS
