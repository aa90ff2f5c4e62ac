/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Assertions, good once (RFC 7523 §3). */

#include "store/tessera-sqlite-tables-private.h"

static gboolean
is_assertion_used (TesseraSqliteStore *self,
                   const TesseraDigest *digest,
                   gboolean *out_used,
                   GError **error)
{
  g_autoptr (TesseraQuery) query
      = tessera_database_query (self->database, "SELECT 1 FROM assertions WHERE digest = ?", error,
                                "d", digest);
  return tessera_sqlite_store_step_to_row (self, query, out_used, error);
}

static gboolean
tessera_sqlite_store_use_assertion (TesseraStore *store,
                                    const TesseraDigest *digest,
                                    gint64 expires_ms,
                                    gboolean for_revocation,
                                    gboolean *out_is_new,
                                    GError **error)
{
  static const char insertion[] = "INSERT INTO assertions (digest, expires_ms) VALUES (?, ?)";
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean used;

  if (!is_assertion_used (self, digest, &used, error))
    return FALSE;
  *out_is_new = !used;
  if (used)
    return TRUE;
  if (for_revocation)
    return tessera_database_execute (self->database, insertion, error, "di", digest, expires_ms);
  return tessera_database_put (self->database, insertion, error, "di", digest, expires_ms);
}

void
tessera_sqlite_assertions_implement (TesseraStoreInterface *iface)
{
  iface->use_assertion = tessera_sqlite_store_use_assertion;
}
