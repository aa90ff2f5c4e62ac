/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* The one place that revokes: finds what is meant, denies it, and reports once it is durable (the
 * `revoked` hook, exactly once per order, before @done). */

typedef struct
{
  /* A token as somebody sent it … */
  const char *token;
  const char *token_type_hint; /* or NULL; only a hint (RFC 7009 §2.1) */
  /* … or what is meant by name: grant_id, sid, subject, client_id, kid; "" for everything. */
  TesseraRevocationKind kind;
  const char *value;

  TesseraClient *client; /* who asks, and then only its own tokens; NULL: any */
  TesseraRevocationCause cause;
  const char *request; /* the id of the request it came with, and from where; or NULL */
  const char *address;
} TesseraRevocationOrder;

/* @revoked FALSE without an error: there was nothing of that client to revoke. */
typedef void (*TesseraRevokerDone) (gpointer data, gboolean revoked, const GError *error);

/* Copies what it needs of @order. @done (may be NULL) comes on the main loop, perhaps before this
 * returns. */
void tessera_revoker_revoke (TesseraEngine *engine,
                             const TesseraRevocationOrder *order,
                             TesseraRevokerDone done,
                             gpointer data);
/* Waits for the committing thread; for the main loop's thread, outside operations. */
gboolean tessera_revoker_revoke_and_wait (TesseraEngine *engine,
                                          const TesseraRevocationOrder *order,
                                          gboolean *out_revoked,
                                          GError **error);
/* A grant was ended inside another operation (a replayed code, a reused refresh token): reports it.
 */
void tessera_revoker_report_replay (TesseraEngine *engine,
                                    const char *grant_id,
                                    const char *client_id,
                                    guint64 generation,
                                    const char *request,
                                    const char *address);

G_END_DECLS
