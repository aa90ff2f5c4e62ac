/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "store/tessera-store-private.h"

#include <sqlite3.h>

G_BEGIN_DECLS

/* One SQLite file, one connection: opened, locked, examined, migrated; statements that stay
 * prepared (facts.md). Used by one thread at a time. */
typedef struct _TesseraDatabase TesseraDatabase;

/* Blocking. @migrations[n] leads from user_version n to n + 1. A small file is examined whole. Of a
 * large one, for which nobody would wait, only the tables @vital, NULL-terminated; each page that
 * is read has its checksum, the other pages are for tessera_database_examine_pages, and whoever
 * reads another table whole calls tessera_database_examine first. Errors:
 * TESSERA_SETUP_ERROR_LOCKED, TESSERA_SETUP_ERROR_STATE, TESSERA_STORE_ERROR. */
TesseraDatabase *tessera_database_open (const char *directory,
                                        const char *const *migrations,
                                        const char *const *vital,
                                        gboolean *out_is_new,
                                        GError **error);
void tessera_database_free (TesseraDatabase *self);
/* Keeps others out of @directory until the descriptor is closed; -1 with
 * TESSERA_SETUP_ERROR_LOCKED. */
int tessera_database_lock (const char *directory, GError **error);
/* TESSERA_STORE_ERROR_DAMAGED. */
gboolean tessera_database_examine (TesseraDatabase *self, const char *table, GError **error);
/* The next @pages of what was not examined at the start; @out_more: there are others. What is
 * damaged, TESSERA_STORE_ERROR_DAMAGED, is remembered: the next start examines everything. */
gboolean tessera_database_examine_pages (TesseraDatabase *self,
                                         guint pages,
                                         gboolean *out_more,
                                         GError **error);

/* A statement in use; g_autoptr hands it back. */
typedef sqlite3_stmt TesseraQuery;
void tessera_query_done (TesseraQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraQuery, tessera_query_done)

/* @sql is static: its address is the key under which the statement is kept. @types has a letter for
 * each value: t text (NULL: null), i gint64, d TesseraDigest, n TesseraNonce. Values are borrowed
 * until the statement is handed back. NULL with an error of TESSERA_STORE_ERROR. */
TesseraQuery *tessera_database_query (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, ...);
/* FALSE without an error: no more rows. */
gboolean tessera_database_step (TesseraDatabase *self, TesseraQuery *query, GError **error);
/* Runs to the end. */
gboolean tessera_database_execute (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, ...);
/* The same for what is no revocation: TESSERA_STORE_ERROR_RESERVED while the reserve is given up.
 */
gboolean tessera_database_put (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, ...);
/* Several statements without values. */
gboolean tessera_database_run_script (TesseraDatabase *self, const char *sql, GError **error);

char *tessera_query_dup_text (TesseraQuery *query, int column); /* NULL for null */
const char *tessera_query_get_text (TesseraQuery *query, int column);
gint64 tessera_query_get_int (TesseraQuery *query, int column);
/* Both all zeros when the column is no such thing. */
void tessera_query_get_digest (TesseraQuery *query, int column, TesseraDigest *out_digest);
void tessera_query_get_nonce (TesseraQuery *query, int column, TesseraNonce *out_nonce);
/* Of the row that was inserted last. */
gint64 tessera_database_get_last_number (TesseraDatabase *self);

gboolean tessera_database_begin (TesseraDatabase *self, GError **error);
gboolean tessera_database_commit (TesseraDatabase *self, GError **error);
void tessera_database_rollback (TesseraDatabase *self);
void tessera_database_get_counts (TesseraDatabase *self, guint64 *out_writes, guint64 *out_syncs);
/* Pages that are kept to be read again. */
void tessera_database_release_memory (TesseraDatabase *self);
/* Puts back what was given up when the disk was full, if there is room again. */
gboolean tessera_database_restore_reserve (TesseraDatabase *self);

/* A copy of the file while others go on writing: from the end of the transaction in which it is
 * requested the file stays as it is, until the copy is ended. */
void tessera_database_request_copy (TesseraDatabase *self);
/* Fills @bytes, whose length is a number of pages that lie in the file from @offset on; @out_size:
 * of the file. An error when the copy could not begin, or was given up: the log became too long. */
gboolean tessera_database_read_copy (
    TesseraDatabase *self, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error);
void tessera_database_end_copy (TesseraDatabase *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDatabase, tessera_database_free)

G_END_DECLS
