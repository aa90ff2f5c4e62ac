/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ends with a session, with a person, with a client, and with everybody. */

#include "store/tessera-sqlite-tables-private.h"

/* Who has yet to hear that a login ended: first they are copied, then they take part no more. Of
 * each client as many as there is room for, and the first of all clients before the second of any.
 * What is put now is not among what is counted: the statement reads it all before. A negative
 * LIMIT would be none. */
#define PUT_LOGOUTS(WHICH)                                                                         \
  "INSERT INTO logouts (client_id, subject, sub, session_id, attempts)"                            \
  " SELECT client_id, subject, sub, session_id, 0"                                                 \
  " FROM (SELECT *, row_number() OVER (PARTITION BY client_id) AS place FROM participants"         \
  " WHERE " WHICH ")"                                                                              \
  " LEFT JOIN (SELECT client_id, COUNT(*) AS waiting FROM logouts GROUP BY client_id)"             \
  " USING (client_id) WHERE place + ifnull (waiting, 0) <= ?3"                                     \
  " ORDER BY place LIMIT max (0, ?4 - (SELECT COUNT(*) FROM logouts))"
#define PARTICIPANTS_OF_SESSION "session_id = ?1 AND ?2 = 0"
#define PARTICIPANTS_OF_SUBJECT "subject = ?1 AND began_ms <= ?2"
#define PARTICIPANTS_OF_ANYBODY "?1 IS NULL AND began_ms <= ?2"

static guint64
count_writes (TesseraSqliteStore *self)
{
  guint64 writes = 0;
  guint64 syncs = 0;

  tessera_database_get_counts (self->database, &writes, &syncs);
  return writes;
}

/* What is revoked is revoked, though there may be no room to tell of it. */
static gboolean
put_logouts (TesseraSqliteStore *self,
             const char *insertion,
             const char *deletion,
             const char *whose,
             gint64 began_ms,
             GError **error)
{
  g_autoptr (GError) problem = NULL;
  guint64 before = count_writes (self);

  if (!tessera_database_put (self->database, insertion, &problem, "tiii", whose, began_ms,
                             (gint64) TESSERA_STORE_LOGOUTS_OF_CLIENT,
                             (gint64) TESSERA_STORE_LOGOUTS)
      && !g_error_matches (problem, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_RESERVED))
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return FALSE;
    }
  guint64 between = count_writes (self);
  if (!tessera_database_execute (self->database, deletion, error, "ti", whose, began_ms))
    return FALSE;
  tessera_store_warn_of_logouts (&self->warned_of_logouts,
                                 count_writes (self) - between - (between - before));
  return TRUE;
}

/* The rows of a day lie there, and only the last can still be redeemed: looked at from the end, up
 * to one behind which none is that expires later than @NOW. A redeemed one that is left is of use
 * to nobody without its grant. */
#define RECENT_CODES(NOW)                                                                          \
  "number > ifnull ((SELECT number FROM codes WHERE expires_ms <= " NOW                            \
  " - " G_STRINGIFY (TESSERA_STORE_CODE_DISORDER_MS) " ORDER BY number DESC LIMIT 1), 0) AND "
/* The redemption goes with its code, whose number may be given again. */
#define CODES_OF "code_number IN (SELECT number FROM codes WHERE "

#define CODES_OF_SESSION RECENT_CODES ("?2") "session_id = ?1"

static gboolean
tessera_sqlite_store_end_session (TesseraStore *store,
                                  const char *session_id,
                                  gint64 now_ms,
                                  GError **error)
{
  TesseraDatabase *database = TESSERA_SQLITE_STORE (store)->database;
  return put_logouts (TESSERA_SQLITE_STORE (store), PUT_LOGOUTS (PARTICIPANTS_OF_SESSION),
                      "DELETE FROM participants WHERE " PARTICIPANTS_OF_SESSION, session_id, 0,
                      error)
         && tessera_database_execute (database,
                                      "DELETE FROM rotations WHERE grant_number IN"
                                      " (SELECT number FROM grants WHERE session_id = ?)",
                                      error, "t", session_id)
         && tessera_database_execute (database,
                                      "DELETE FROM redemptions WHERE " CODES_OF CODES_OF_SESSION
                                      ")",
                                      error, "ti", session_id, now_ms)
         && tessera_database_execute (database, "DELETE FROM grants WHERE session_id = ?", error,
                                      "t", session_id)
         && tessera_database_execute (database, "DELETE FROM codes WHERE " CODES_OF_SESSION, error,
                                      "ti", session_id, now_ms)
         && tessera_database_execute (database, "DELETE FROM sessions WHERE session_id = ?", error,
                                      "t", session_id);
}

/* The same deletions for a subject, where the index helps, and for everybody. */
#define NUMBERS_OF "grant_number IN (SELECT number FROM grants WHERE "
/* A code is as old as its grant, and for the same client and person. */
#define OF_CLIENT " AND (?2 IS NULL OR client_id = ?2) AND "
#define END_ALL(WHO)                                                                               \
  {                                                                                                \
    "DELETE FROM rotations WHERE " NUMBERS_OF WHO OF_CLIENT "began_ms <= ?3)",                     \
        "DELETE FROM redemptions WHERE " CODES_OF RECENT_CODES ("?3") WHO OF_CLIENT                \
        "began_ms <= ?3)",                                                                         \
        "DELETE FROM grants WHERE " WHO OF_CLIENT "began_ms <= ?3",                                \
        "DELETE FROM codes WHERE " RECENT_CODES ("?3") WHO OF_CLIENT "began_ms <= ?3",             \
        "DELETE FROM consents WHERE " WHO OF_CLIENT "given_ms <= ?3",                              \
        "DELETE FROM sessions WHERE ?2 IS NULL AND " WHO " AND began_ms <= ?3"                     \
  }

static gboolean
tessera_sqlite_store_end_all (TesseraStore *store,
                              const char *subject,
                              const char *client_id,
                              gint64 began_ms,
                              GError **error)
{
  static const char *const of_subject[] = END_ALL (TESSERA_SQLITE_OF_SUBJECT);
  static const char *const of_anybody[] = END_ALL (TESSERA_SQLITE_OF_ANYBODY);
  TesseraSqliteStore *self = TESSERA_SQLITE_STORE (store);
  const char *const *deletions = subject != NULL ? of_subject : of_anybody;

  for (guint i = 0; i < G_N_ELEMENTS (of_subject); i++)
    if (!tessera_database_execute (self->database, deletions[i], error, "tti", subject, client_id,
                                   began_ms))
      return FALSE;
  if (client_id != NULL)
    return TRUE;
  return subject != NULL ? put_logouts (self, PUT_LOGOUTS (PARTICIPANTS_OF_SUBJECT),
                                        "DELETE FROM participants WHERE " PARTICIPANTS_OF_SUBJECT,
                                        subject, began_ms, error)
                         : put_logouts (self, PUT_LOGOUTS (PARTICIPANTS_OF_ANYBODY),
                                        "DELETE FROM participants WHERE " PARTICIPANTS_OF_ANYBODY,
                                        NULL, began_ms, error);
}

void
tessera_sqlite_endings_implement (TesseraStoreInterface *iface)
{
  iface->end_session = tessera_sqlite_store_end_session;
  iface->end_all = tessera_sqlite_store_end_all;
}
