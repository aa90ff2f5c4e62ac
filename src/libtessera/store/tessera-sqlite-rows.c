/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading rows of the SQLite store, and their checksums: a flipped bit must not un-revoke. */

#include "store/tessera-sqlite-tables-private.h"

/* One row or none of @query into @out_found. */
gboolean
tessera_sqlite_store_step_to_row (TesseraSqliteStore *self,
                                  TesseraQuery *query,
                                  gboolean *out_found,
                                  GError **error)
{
  g_autoptr (GError) problem = NULL;
  *out_found = query != NULL && tessera_database_step (self->database, query, &problem);
  if (problem == NULL)
    return query != NULL;
  g_propagate_error (error, g_steal_pointer (&problem));
  return FALSE;
}

void
tessera_sqlite_read_login (TesseraQuery *query, int column, TesseraLogin *out_login)
{
  out_login->subject = tessera_query_dup_text (query, column);
  out_login->session_id = tessera_query_dup_text (query, column + 1);
  out_login->auth_time = tessera_query_get_int (query, column + 2);
  out_login->acr = tessera_query_dup_text (query, column + 3);
  out_login->amr = tessera_query_dup_text (query, column + 4);
  out_login->claims = tessera_query_dup_text (query, column + 5);
  out_login->sub = tessera_query_dup_text (query, column + 6);
}

guint64
tessera_sqlite_sum_number (guint64 sum, guint64 number)
{
  for (guint i = 0; i < 8; i++, number >>= 8)
    sum = (sum ^ (number & 0xff)) * G_GUINT64_CONSTANT (0x100000001b3);
  return sum;
}

guint64
tessera_sqlite_sum_text (guint64 sum, const char *text)
{
  if (text == NULL)
    return tessera_sqlite_sum_number (sum, G_MAXUINT64);
  for (; *text != '\0'; text++)
    sum = (sum ^ (guint8) *text) * G_GUINT64_CONSTANT (0x100000001b3);
  return tessera_sqlite_sum_number (sum, 0);
}

gboolean
tessera_sqlite_fail_damaged (GError **error, const char *what)
{
  g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED,
               "The database is damaged: wrong checksum of %s", what);
  return FALSE;
}
