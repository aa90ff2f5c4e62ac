/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "oracle.h"

#include <libsoup/soup.h>

#include "resource/tessera-verifier.h"
#include "server/tessera-server.h"

/* One server on real SQLite, its clients and people, and what they do at random; and the oracle
 * that is told of it. */
typedef struct
{
  GRand *random;
  guint64 step;
  gint64 offset_ms; /* of all clocks */
  gint64 latest_ms; /* that was seen: time goes only forwards */

  char *directory;
  char *issuer;
  SoupServer *soup;
  TesseraServer *server;
  TesseraVerifier *verifier; /* of a resource server somewhere else */
  guint64 verifiers;         /* that there were */

  Oracle *oracle;
  GPtrArray *grants;
  GPtrArray *sessions; /* char*, of each person: the one that goes on */
} World;

/* How often what was done. */
typedef struct
{
  const char *name;
  guint weight; /* of 1000 */
  void (*run) (World *self);
  guint64 count;
} WorldAct;

World *world_new (guint32 seed);
void world_free (World *self);

/* One thing at random. */
void world_step (World *self);
gint64 world_get_seconds (World *self);
/* A token at random, or NULL; rather a young one. */
OracleToken *world_choose_token (World *self);
/* What the server says at its introspection endpoint. */
gboolean world_introspect (World *self, const OracleToken *token);
/* What the verifier says once it heard of all that was revoked. */
gboolean world_verify (World *self, const OracleToken *token);
const WorldAct *world_get_acts (guint *out_count);
