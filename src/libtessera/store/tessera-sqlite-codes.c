/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authorization codes, redeemed once (RFC 6749 §4.1.2). */

#include "store/tessera-sqlite-tables-private.h"

static gboolean
tessera_sqlite_store_put_code (TesseraStore *store,
                               const TesseraAuthorizationCode *code,
                               GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  return tessera_database_put (
      self->database,
      "INSERT INTO codes (digest, client_id, redirect_uri, redirect_uri_was_sent, code_challenge,"
      " subject, session_id, auth_time, acr, amr, claims, sub, scope, resources, began_ms,"
      " expires_ms, nonce, claims_request)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      error,
      "dttittt"
      "ittttttiitt",
      &code->digest, code->client_id, code->redirect_uri, (gint64) code->redirect_uri_was_sent,
      code->code_challenge, code->login.subject, code->login.session_id, code->login.auth_time,
      code->login.acr, code->login.amr, code->login.claims, code->login.sub, code->scope,
      code->resources, code->began_ms, code->expires_ms, code->nonce, code->claims_request);
}

static TesseraAuthorizationCode *
read_code (TesseraQuery *query)
{
  TesseraAuthorizationCode *code = g_new0 (TesseraAuthorizationCode, 1);
  tessera_query_get_digest (query, 0, &code->digest);
  code->client_id = tessera_query_dup_text (query, 1);
  code->redirect_uri = tessera_query_dup_text (query, 2);
  code->redirect_uri_was_sent = tessera_query_get_int (query, 3) != 0;
  code->code_challenge = tessera_query_dup_text (query, 4);
  tessera_sqlite_read_login (query, 5, &code->login);
  code->scope = tessera_query_dup_text (query, 12);
  code->resources = tessera_query_dup_text (query, 13);
  code->began_ms = tessera_query_get_int (query, 14);
  code->expires_ms = tessera_query_get_int (query, 15);
  code->grant_id = tessera_query_dup_text (query, 16);
  code->redeemed_ms = tessera_query_get_int (query, 17);
  code->nonce = tessera_query_dup_text (query, 18);
  code->claims_request = tessera_query_dup_text (query, 19);
  code->number = tessera_query_get_int (query, 21);
  return code;
}

/* What was redeemed is remembered until its grant has ended. */
static gboolean
is_forgotten (TesseraSqliteStore *self, TesseraQuery *query)
{
  const char *grant_id = tessera_query_get_text (query, 16);
  return grant_id != NULL
         && (tessera_sqlite_store_is_ended (self, grant_id) || !tessera_query_get_int (query, 20));
}

static TesseraAuthorizationCode *
tessera_sqlite_store_lookup_code (TesseraStore *store, const TesseraDigest *digest, GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT digest, codes.client_id, redirect_uri, redirect_uri_was_sent, code_challenge,"
      " " TESSERA_SQLITE_LOGIN_COLUMNS
      ", scope, resources, began_ms, expires_ms, redemptions.grant_id,"
      " redeemed_ms, nonce, claims_request,"
      " EXISTS (SELECT 1 FROM grants WHERE grants.grant_id = redemptions.grant_id), codes.number"
      " FROM codes LEFT JOIN redemptions ON code_number = number WHERE digest = ?",
      error, "d", digest);
  if (!tessera_sqlite_store_step_to_row (self, query, &found, error) || !found
      || is_forgotten (self, query))
    return NULL;
  return read_code (query);
}

#define CHALLENGE_KEY(CHALLENGE) "substr (" CHALLENGE ", 1, 11)"

/* A code that was not read from here could be redeemed again. */
static gboolean
fail_unknown_code (GError **error)
{
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                       "A code that is not kept is not redeemed");
  return FALSE;
}

/* One row that is all there: were it selected, SQLite would copy each page that it changes, to be
 * able to take back this statement alone. */
static gboolean
tessera_sqlite_store_redeem_code (TesseraStore *store,
                                  const TesseraAuthorizationCode *code,
                                  const char *grant_id,
                                  gint64 now_ms,
                                  GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);

  if (code->number == 0)
    return fail_unknown_code (error);
  return tessera_database_put (
      self->database,
      "INSERT INTO redemptions (code_number, grant_id, redeemed_ms, challenge_key)"
      " VALUES (?1, ?2, ?3, " CHALLENGE_KEY ("?4") ")",
      error, "itit", code->number, grant_id, now_ms, code->code_challenge);
}

static gboolean
tessera_sqlite_store_is_challenge_redeemed (TesseraStore *store,
                                            const char *client_id,
                                            const char *code_challenge,
                                            gboolean *out_redeemed,
                                            GError **error)
{
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  gboolean found;
  g_autoptr (TesseraQuery) query = tessera_database_query (
      self->database,
      "SELECT grant_id FROM redemptions JOIN codes ON codes.number = code_number"
      " JOIN grants USING (grant_id)"
      " WHERE challenge_key = " CHALLENGE_KEY (
          "?1") " AND code_challenge = ?1 AND codes.client_id = ?2",
      error, "tt", code_challenge, client_id);

  *out_redeemed = FALSE;
  do
    {
      if (!tessera_sqlite_store_step_to_row (self, query, &found, error))
        return FALSE;
      *out_redeemed
          = found && !tessera_sqlite_store_is_ended (self, tessera_query_get_text (query, 0));
    }
  while (found && !*out_redeemed);
  return TRUE;
}

void
tessera_sqlite_codes_implement (TesseraStoreInterface *iface)
{
  iface->put_code = tessera_sqlite_store_put_code;
  iface->lookup_code = tessera_sqlite_store_lookup_code;
  iface->redeem_code = tessera_sqlite_store_redeem_code;
  iface->is_challenge_redeemed = tessera_sqlite_store_is_challenge_redeemed;
}
