/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SQLite, as durable as it can be: WAL, EXCLUSIVE, FULL, one connection (design.md §6, facts.md).
 */

#include "store/tessera-database-private.h"

#include "base/tessera-directory-private.h"
#include "base/tessera-error.h"
#include "store/tessera-checked-vfs-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define EXAMINED_WHOLE (16 * 1024 * 1024) /* a file up to so many bytes, at start */
#define RESERVE_SIZE (1024 * 1024)
/* So many pages the log may hold before they are moved; on a full disk, so that what is left of it
 * is not spent on the log. */
#define CHECKPOINT_FRAMES 4000
#define CHECKPOINT_FRAMES_FULL 32
#define LOG_FRAME_SIZE 4120 /* a page and its head */
#define LOG_STEP (512 * 1024)
#define LOG_PIECE (64 * 1024) /* SQLite's own VFS writes less than 128 KiB at once */
#define LOG_BUSY_FRAMES 64    /* so many pages in, it will grow */
#define COPY_PAGE 4096        /* bytes that the checksums are made for */
#define DAMAGE_MARK "damaged" /* a file beside the database: the next start examines all of it */
#define COPY_FRAMES_MAX 65536 /* so many pages the log may hold while the file is copied */

/* A page of the file does not fit its checksum: the log may hold it anew. */
typedef enum
{
  SUSPICION_NONE,
  SUSPICION_RAISED,
  SUSPICION_LOG_MOVED /* into the file; if it still does not fit, it is damaged */
} Suspicion;

typedef enum
{
  COPY_NONE,
  COPY_WANTED,
  COPY_RUNNING,
  COPY_GIVEN_UP
} CopyState;

struct _TesseraDatabase
{
  sqlite3 *handle;
  GHashTable *statements; /* const char *sql, by address -> sqlite3_stmt */
  char *path;
  char *reserve_path;
  gboolean has_reserve;
  gboolean examined;       /* the whole file: its pages, and what they say */
  gboolean pages_examined; /* else each page by itself, in pieces */
  gint64 examined_to;      /* so far */
  Suspicion suspicion;
  gboolean opened;
  char *mark_path;
  gboolean was_full; /* the last transaction found no room */
  int log_frames;
  gint64 log_room;            /* bytes that the file of the log has */
  gboolean checkpoint_failed; /* said once */
  GError *broken;             /* or NULL: nothing may be written any more */
  CopyState copy;
  gint64 copy_size;
  int lock_fd;
  guint64 changes_at_begin;
  guint64 undone_changes;
  guint64 syncs;
};

/* The reserve. */

static void
make_reserve (TesseraDatabase *self)
{
  int fd = open (self->reserve_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return;
  self->has_reserve = posix_fallocate (fd, 0, RESERVE_SIZE) == 0;
  close (fd);
  if (!self->has_reserve)
    g_unlink (self->reserve_path);
}

/* Twice its size, or it would be made of just what was given up for it. */
static gboolean
has_room (TesseraDatabase *self)
{
  struct statvfs info;
  return statvfs (self->path, &info) == 0
         && (guint64) info.f_bavail * info.f_frsize >= 2 * RESERVE_SIZE;
}

gboolean
tessera_database_restore_reserve (TesseraDatabase *self)
{
  if (self->has_reserve)
    return TRUE;
  if (has_room (self))
    make_reserve (self);
  if (self->has_reserve)
    g_message ("There is room on the disk again");
  return self->has_reserve;
}

static gboolean
check_room (TesseraDatabase *self, GError **error)
{
  if (G_LIKELY (self->has_reserve) || tessera_database_restore_reserve (self))
    return TRUE;
  g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_RESERVED,
                       "The disk is full");
  return FALSE;
}

/* So that revocations find room on a full disk. */
static void
give_up_reserve (TesseraDatabase *self)
{
  self->was_full = TRUE;
  if (!self->has_reserve)
    return;
  self->has_reserve = FALSE;
  g_unlink (self->reserve_path);
  g_warning ("The disk is full: the reserve of the state directory has been given up, and only "
             "revocations are stored until there is room again");
}

/* Errors. */

static TesseraStoreError
classify (int code)
{
  switch (code)
    {
    case SQLITE_IOERR_FSYNC: /* nobody knows what reached the disk: never retry (threats.md §2) */
    case SQLITE_IOERR_DIR_FSYNC:
      return TESSERA_STORE_ERROR_FATAL;
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA:
      return TESSERA_STORE_ERROR_DAMAGED;
    default:
      break;
    }
  switch (code & 0xff)
    {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return TESSERA_STORE_ERROR_DAMAGED;
    case SQLITE_FULL:
      return TESSERA_STORE_ERROR_FULL;
    default:
      return TESSERA_STORE_ERROR_FAILED;
    }
}

/* While it opens, the damage is met by the next start just as well, and the state is left as it
 * is. */
static void
note_damage (TesseraDatabase *self)
{
  if (!self->opened)
    return;
  int fd = open (self->mark_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0)
    close (fd);
}

static gboolean
fail (TesseraDatabase *self, GError **error)
{
  int code = sqlite3_extended_errcode (self->handle);
  TesseraStoreError kind = classify (code);
  if (kind == TESSERA_STORE_ERROR_FULL)
    give_up_reserve (self);
  else if (kind == TESSERA_STORE_ERROR_DAMAGED)
    note_damage (self);
  g_set_error (error, TESSERA_STORE_ERROR, (int) kind, "SQLite error %d: %s", code,
               code == SQLITE_IOERR_DATA ? "wrong checksum of a page"
                                         : sqlite3_errmsg (self->handle));
  return FALSE;
}

static gboolean
fail_errno (const char *path, GError **error)
{
  int code = errno;
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE, "Cannot use %s: %s", path,
               g_strerror (code));
  return FALSE;
}

static gboolean
fail_state (TesseraDatabase *self, GError **error, const char *reason)
{
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE, "The database %s %s",
               self->path, reason);
  return FALSE;
}

/* Statements. */

void
tessera_query_done (TesseraQuery *query)
{
  sqlite3_reset (query);
  sqlite3_clear_bindings (query);
}

static sqlite3_stmt *
prepare (TesseraDatabase *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, sql);
  if (statement != NULL)
    return statement;

  if (sqlite3_prepare_v3 (self->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL)
      != SQLITE_OK)
    {
      fail (self, error);
      return NULL;
    }
  g_hash_table_insert (self->statements, (gpointer) sql, statement);
  return statement;
}

static gboolean
bind_value (sqlite3_stmt *statement, int index, char type, va_list *values)
{
  switch (type)
    {
    case 't':
      return sqlite3_bind_text (statement, index, va_arg (*values, const char *), -1, SQLITE_STATIC)
             == SQLITE_OK;
    case 'i':
      return sqlite3_bind_int64 (statement, index, va_arg (*values, gint64)) == SQLITE_OK;
    case 'd':
      return sqlite3_bind_blob (statement, index, va_arg (*values, const TesseraDigest *),
                                TESSERA_DIGEST_SIZE, SQLITE_STATIC)
             == SQLITE_OK;
    case 'n':
      return sqlite3_bind_blob (statement, index, va_arg (*values, const TesseraNonce *),
                                TESSERA_NONCE_SIZE, SQLITE_STATIC)
             == SQLITE_OK;
    default:
      g_assert_not_reached ();
    }
}

static TesseraQuery *
query_va (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, va_list *values)
{
  g_autoptr (TesseraQuery) query = prepare (self, sql, error);
  if (query == NULL)
    return NULL;
  for (int i = 0; types[i] != '\0'; i++)
    if (!bind_value (query, i + 1, types[i], values))
      {
        fail (self, error);
        return NULL;
      }
  return g_steal_pointer (&query);
}

TesseraQuery *
tessera_database_query (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, ...)
{
  va_list values;
  va_start (values, types);
  TesseraQuery *query = query_va (self, sql, error, types, &values);
  va_end (values);
  return query;
}

gboolean
tessera_database_step (TesseraDatabase *self, TesseraQuery *query, GError **error)
{
  int code = sqlite3_step (query);
  if (code == SQLITE_ROW)
    return TRUE;
  if (code != SQLITE_DONE)
    fail (self, error);
  return FALSE;
}

static gboolean
finish (TesseraDatabase *self, TesseraQuery *query, GError **error)
{
  int code = sqlite3_step (query);
  while (code == SQLITE_ROW)
    code = sqlite3_step (query);
  return code == SQLITE_DONE || fail (self, error);
}

gboolean
tessera_database_execute (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, ...)
{
  va_list values;
  va_start (values, types);
  g_autoptr (TesseraQuery) query = query_va (self, sql, error, types, &values);
  va_end (values);
  return query != NULL && finish (self, query, error);
}

gboolean
tessera_database_put (
    TesseraDatabase *self, const char *sql, GError **error, const char *types, ...)
{
  va_list values;

  if (!check_room (self, error))
    return FALSE;
  va_start (values, types);
  g_autoptr (TesseraQuery) query = query_va (self, sql, error, types, &values);
  va_end (values);
  return query != NULL && finish (self, query, error);
}

gboolean
tessera_database_run_script (TesseraDatabase *self, const char *sql, GError **error)
{
  return sqlite3_exec (self->handle, sql, NULL, NULL, NULL) == SQLITE_OK || fail (self, error);
}

const char *
tessera_query_get_text (TesseraQuery *query, int column)
{
  return (const char *) sqlite3_column_text (query, column);
}

char *
tessera_query_dup_text (TesseraQuery *query, int column)
{
  return g_strdup (tessera_query_get_text (query, column));
}

gint64
tessera_query_get_int (TesseraQuery *query, int column)
{
  return sqlite3_column_int64 (query, column);
}

static void
get_bytes (TesseraQuery *query, int column, guint8 *out_bytes, int size)
{
  const void *bytes = sqlite3_column_blob (query, column);
  memset (out_bytes, 0, (gsize) size);
  if (bytes != NULL && sqlite3_column_bytes (query, column) == size)
    memcpy (out_bytes, bytes, (gsize) size);
}

void
tessera_query_get_digest (TesseraQuery *query, int column, TesseraDigest *out_digest)
{
  get_bytes (query, column, out_digest->bytes, TESSERA_DIGEST_SIZE);
}

void
tessera_query_get_nonce (TesseraQuery *query, int column, TesseraNonce *out_nonce)
{
  get_bytes (query, column, out_nonce->bytes, TESSERA_NONCE_SIZE);
}

gint64
tessera_database_get_last_number (TesseraDatabase *self)
{
  return sqlite3_last_insert_rowid (self->handle);
}

/* Transactions. */

static guint64
get_changes (TesseraDatabase *self)
{
  return (guint64) sqlite3_total_changes64 (self->handle);
}

static int
on_log_grown (gpointer data, sqlite3 *handle, const char *name, int frames)
{
  ((TesseraDatabase *) data)->log_frames = frames;
  return SQLITE_OK;
}

/* Moves what the log holds into the database, so that the log begins anew. What was committed is
 * durable either way, so that a failure is told at the next begin. SQLite's own automatic
 * checkpoint would not tell at all. */
static void
checkpoint (TesseraDatabase *self)
{
  g_autoptr (GError) error = NULL;
  int code = sqlite3_wal_checkpoint_v2 (self->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

  if (code == SQLITE_OK)
    {
      self->checkpoint_failed = FALSE;
      return;
    }
  fail (self, &error);
  if (g_error_matches (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FATAL)
      || g_error_matches (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED))
    self->broken = g_steal_pointer (&error);
  else if (!self->checkpoint_failed)
    g_warning ("The log of the database cannot be cut short: %s", error->message);
  self->checkpoint_failed = TRUE;
}

static gboolean
log_is_long (TesseraDatabase *self)
{
  if (self->copy == COPY_RUNNING)
    return FALSE;
  return self->log_frames >= (self->has_reserve ? CHECKPOINT_FRAMES : CHECKPOINT_FRAMES_FULL);
}

/* A copy: everything that was committed is moved into the file, and then the file stays as it is,
 * since what is committed later goes to the log. */
static void
begin_copy (TesseraDatabase *self)
{
  sqlite3_file *file = NULL;
  int frames = -1, moved = -1;
  sqlite3_int64 size = 0;

  self->copy = COPY_GIVEN_UP;
  if (sqlite3_wal_checkpoint_v2 (self->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved)
          != SQLITE_OK
      || frames != moved)
    return;
  sqlite3_file_control (self->handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
  if (file->pMethods->xFileSize (file, &size) != SQLITE_OK)
    return;
  self->copy_size = size;
  self->copy = COPY_RUNNING;
}

/* The log cannot wait for ever, and least of all on a disk that is full. */
static void
tend_copy (TesseraDatabase *self)
{
  if (self->copy == COPY_WANTED)
    begin_copy (self);
  else if (self->copy == COPY_RUNNING
           && (self->log_frames >= COPY_FRAMES_MAX || !self->has_reserve))
    self->copy = COPY_GIVEN_UP;
}

/* A copy that is being made needs the file as it is, and is waited for. */
static void
tend_suspicion (TesseraDatabase *self)
{
  if (G_LIKELY (self->suspicion != SUSPICION_RAISED) || self->copy == COPY_RUNNING)
    return;
  checkpoint (self);
  if (!self->checkpoint_failed)
    self->suspicion = SUSPICION_LOG_MOVED;
}

void
tessera_database_request_copy (TesseraDatabase *self)
{
  self->copy = COPY_WANTED;
}

void
tessera_database_end_copy (TesseraDatabase *self)
{
  self->copy = COPY_NONE;
}

gboolean
tessera_database_read_copy (
    TesseraDatabase *self, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error)
{
  sqlite3_file *file = NULL;

  if (self->copy != COPY_RUNNING)
    {
      g_set_error_literal (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                           "The copy of the database was given up");
      return FALSE;
    }
  *out_size = self->copy_size;
  sqlite3_file_control (self->handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
  for (guint i = 0; i < bytes->len; i += COPY_PAGE)
    {
      int code = file->pMethods->xRead (file, bytes->data + i, COPY_PAGE, offset + i);
      if (code == SQLITE_OK)
        continue;
      g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FAILED,
                   "Cannot copy the database: %s", sqlite3_errstr (code));
      return FALSE;
    }
  return TRUE;
}

/* Zeros behind the end of the log, which are no page of it: a file that grows by a page with each
 * commit has its length and its blocks written with each sync, which doubles what the sync costs;
 * one that has room is only written over. For speed alone, so that nobody needs to know when it
 * cannot be done. */
static void
make_room_in_log (TesseraDatabase *self)
{
  sqlite3_file *log = NULL;
  sqlite3_int64 size;
  gint64 needed = (gint64) (self->log_frames + LOG_BUSY_FRAMES) * LOG_FRAME_SIZE;

  if (self->log_frames < LOG_BUSY_FRAMES || needed <= self->log_room || !self->has_reserve)
    return;
  sqlite3_file_control (self->handle, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log == NULL || log->pMethods == NULL || log->pMethods->xFileSize (log, &size) != SQLITE_OK)
    return;
  if (size < needed)
    {
      g_autofree guint8 *zeros = g_malloc0 (LOG_PIECE);
      for (int written = 0; written < LOG_STEP; written += LOG_PIECE)
        if (log->pMethods->xWrite (log, zeros, LOG_PIECE, size + written) != SQLITE_OK)
          break;
      size += LOG_STEP; /* or not: it is tried again when that was used up */
    }
  self->log_room = size;
}

gboolean
tessera_database_begin (TesseraDatabase *self, GError **error)
{
  if (self->was_full) /* the log has room for more once it begins anew */
    {
      self->was_full = FALSE;
      if (self->copy == COPY_RUNNING)
        self->copy = COPY_GIVEN_UP;
      checkpoint (self);
    }
  if (self->broken != NULL)
    {
      g_propagate_error (error, g_error_copy (self->broken));
      return FALSE;
    }
  if (!sqlite3_get_autocommit (self->handle))
    tessera_database_rollback (self); /* it could not be when it failed */
  self->changes_at_begin = get_changes (self);
  return tessera_database_execute (self, "BEGIN", error, "");
}

gboolean
tessera_database_commit (TesseraDatabase *self, GError **error)
{
  if (!tessera_database_execute (self, "COMMIT", error, ""))
    return FALSE;
  tend_copy (self);
  tend_suspicion (self);
  if (get_changes (self) == self->changes_at_begin)
    return TRUE;
  self->syncs++;
  if (log_is_long (self))
    checkpoint (self);
  else
    make_room_in_log (self);
  return TRUE;
}

/* SQLite rolls back by itself after some errors. */
void
tessera_database_rollback (TesseraDatabase *self)
{
  g_autoptr (GError) error = NULL;
  self->undone_changes += get_changes (self) - self->changes_at_begin;
  self->changes_at_begin = get_changes (self);
  if (!sqlite3_get_autocommit (self->handle)
      && !tessera_database_execute (self, "ROLLBACK", &error, ""))
    g_warning ("Cannot roll back: %s", error->message);
}

void
tessera_database_release_memory (TesseraDatabase *self)
{
  sqlite3_db_release_memory (self->handle);
}

void
tessera_database_get_counts (TesseraDatabase *self, guint64 *out_writes, guint64 *out_syncs)
{
  *out_writes = get_changes (self) - self->undone_changes;
  *out_syncs = self->syncs;
}

/* Opening. */

/* EXCLUSIVE keeps other SQLite users out, but not before the first access, and it does not say why.
 */
int
tessera_database_lock (const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, "lock", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    {
      fail_errno (path, error);
      return -1;
    }
  if (flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  close (fd);
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_LOCKED,
               "Another process uses the state directory %s", directory);
  return -1;
}

/* Made by us, so that it is never readable by others, not for a moment; SQLite gives the same mode
 * to the files it puts beside it. */
static gboolean
make_file (TesseraDatabase *self, gboolean *out_is_new, GError **error)
{
  struct stat info;
  int fd = open (self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return fail_errno (self->path, error);
  gboolean made = fstat (fd, &info) == 0 && fchmod (fd, 0600) == 0;
  close (fd);
  if (!made)
    return fail_errno (self->path, error);
  *out_is_new = info.st_size == 0;
  return TRUE;
}

/* One text or number that a pragma answers. */
static char *
ask (TesseraDatabase *self, const char *sql, GError **error)
{
  g_autoptr (TesseraQuery) query = tessera_database_query (self, sql, error, "");
  if (query == NULL || !tessera_database_step (self, query, error))
    return NULL;
  return tessera_query_dup_text (query, 0);
}

/* Room for a checksum on each page. @out_checked: it has that already, or is empty. */
static gboolean
reserve_checksums (TesseraDatabase *self, gboolean *out_checked, GError **error)
{
  int reserve = -1;
  if (!tessera_database_run_script (self, "PRAGMA locking_mode = EXCLUSIVE", error))
    return FALSE;
  g_autofree char *pages = ask (self, "PRAGMA page_count", error);
  if (pages == NULL)
    return FALSE;

  sqlite3_file_control (self->handle, NULL, SQLITE_FCNTL_RESERVE_BYTES, &reserve);
  *out_checked = reserve == TESSERA_CHECKED_VFS_RESERVE || strcmp (pages, "0") == 0;
  reserve = TESSERA_CHECKED_VFS_RESERVE;
  sqlite3_file_control (self->handle, NULL, SQLITE_FCNTL_RESERVE_BYTES, &reserve);
  return TRUE;
}

static gboolean
configure (TesseraDatabase *self, GError **error)
{
  return tessera_database_run_script (self,
                                      "PRAGMA trusted_schema = OFF;"
                                      "PRAGMA cell_size_check = ON;"
                                      "PRAGMA journal_mode = WAL;"
                                      "PRAGMA synchronous = FULL;"
                                      "PRAGMA temp_store = MEMORY;"
                                      "PRAGMA cache_size = -16384",
                                      error);
}

/* The first text that @sql answers, which is not kept prepared. */
static char *
ask_once (TesseraDatabase *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;
  char *text = NULL;

  if (sqlite3_prepare_v2 (self->handle, sql, -1, &statement, NULL) == SQLITE_OK
      && sqlite3_step (statement) == SQLITE_ROW)
    text = g_strdup ((const char *) sqlite3_column_text (statement, 0));
  if (text == NULL)
    fail (self, error);
  sqlite3_finalize (statement);
  return text;
}

/* @table NULL: all of the file. */
static gboolean
quick_check (TesseraDatabase *self, const char *table, GError **error)
{
  g_autofree char *sql = table != NULL ? g_strdup_printf ("PRAGMA quick_check('%s')", table)
                                       : g_strdup ("PRAGMA quick_check(1)");
  g_autofree char *verdict = ask_once (self, sql, error);
  if (verdict == NULL)
    return FALSE;
  if (strcmp (verdict, "ok") == 0)
    return TRUE;
  g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED,
               "The database %s is damaged: %s", self->path, g_strdelimit (verdict, "\n", ' '));
  return FALSE;
}

gboolean
tessera_database_examine (TesseraDatabase *self, const char *table, GError **error)
{
  return self->examined || quick_check (self, table, error);
}

/* In pieces. */

/* @out_good: the page at @offset fits its checksum. */
static gboolean
examine_page (
    TesseraDatabase *self, sqlite3_file *file, gint64 offset, gboolean *out_good, GError **error)
{
  guint8 page[COPY_PAGE];
  int code = file->pMethods->xRead (file, page, sizeof page, offset);

  *out_good = code == SQLITE_OK;
  if (code == SQLITE_OK || code == SQLITE_IOERR_DATA)
    return TRUE;
  g_set_error (error, TESSERA_STORE_ERROR, (int) classify (code), "Cannot examine the database: %s",
               sqlite3_errstr (code));
  return FALSE;
}

static gboolean
fail_page (TesseraDatabase *self, GError **error)
{
  note_damage (self);
  g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED,
               "The database %s is damaged: wrong checksum of the page at %" G_GINT64_FORMAT,
               self->path, self->examined_to);
  return FALSE;
}

gboolean
tessera_database_examine_pages (TesseraDatabase *self,
                                guint pages,
                                gboolean *out_more,
                                GError **error)
{
  sqlite3_file *file = NULL;
  sqlite3_int64 size = 0;

  *out_more = FALSE;
  if (self->examined || self->pages_examined)
    return TRUE;
  sqlite3_file_control (self->handle, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
  if (file->pMethods->xFileSize (file, &size) != SQLITE_OK)
    return fail (self, error);
  for (; pages > 0 && self->examined_to < size; pages--)
    {
      gboolean good;
      if (!examine_page (self, file, self->examined_to, &good, error))
        return FALSE;
      if (!good && self->suspicion == SUSPICION_LOG_MOVED)
        return fail_page (self, error);
      self->suspicion = good ? SUSPICION_NONE : SUSPICION_RAISED;
      if (!good) /* looked at again, when this transaction is over */
        break;
      self->examined_to += COPY_PAGE;
    }
  *out_more = self->examined_to < size;
  self->pages_examined = !*out_more;
  return TRUE;
}

/* At the start. */

static gboolean
is_small (TesseraDatabase *self)
{
  struct stat info;
  return stat (self->path, &info) == 0 && info.st_size <= EXAMINED_WHOLE;
}

/* Nobody would wait for all of a large one each time: but when damage was met there, and before it
 * is brought to another schema. */
static gboolean
must_examine_whole (TesseraDatabase *self, const char *const *migrations)
{
  g_autoptr (GError) ignored = NULL;
  g_autofree char *version = ask (self, "PRAGMA user_version", &ignored);

  return is_small (self) || g_access (self->mark_path, F_OK) == 0 || version == NULL
         || g_ascii_strtoull (version, NULL, 10) != g_strv_length ((char **) migrations);
}

static gboolean
examine_whole (TesseraDatabase *self, GError **error)
{
  self->examined = quick_check (self, NULL, error);
  if (self->examined)
    g_unlink (self->mark_path);
  return self->examined;
}

static gboolean
examine (TesseraDatabase *self,
         const char *const *migrations,
         const char *const *vital,
         GError **error)
{
  g_autofree char *mode = ask (self, "PRAGMA journal_mode", error);
  if (mode == NULL)
    return FALSE;
  if (strcmp (mode, "wal") != 0)
    return fail_state (self, error, "cannot use a write-ahead log on this file system");

  if (must_examine_whole (self, migrations))
    return examine_whole (self, error);
  for (; *vital != NULL; vital++)
    if (!quick_check (self, *vital, error))
      return FALSE;
  return TRUE;
}

static gboolean
migrate_from (TesseraDatabase *self, guint version, const char *const *migrations, GError **error)
{
  if (!tessera_database_begin (self, error))
    return FALSE;
  for (; migrations[version] != NULL; version++)
    if (!tessera_database_run_script (self, migrations[version], error))
      {
        tessera_database_rollback (self);
        return FALSE;
      }
  g_autofree char *pragma = g_strdup_printf ("PRAGMA user_version = %u", version);
  if (tessera_database_run_script (self, pragma, error) && tessera_database_commit (self, error))
    return TRUE;
  tessera_database_rollback (self);
  return FALSE;
}

static gboolean
migrate (TesseraDatabase *self, const char *const *migrations, gboolean is_new, GError **error)
{
  g_autofree char *text = ask (self, "PRAGMA user_version", error);
  if (text == NULL)
    return FALSE;

  guint64 version = g_ascii_strtoull (text, NULL, 10);
  guint newest = g_strv_length ((char **) migrations);
  if (version > newest)
    return fail_state (self, error, "was written by a newer release");
  if (version == newest)
    return TRUE;

  g_autofree char *tables = ask (self, "SELECT count(*) FROM sqlite_schema", error);
  if (tables == NULL)
    return FALSE;
  if (version == 0 && strcmp (tables, "0") != 0)
    return fail_state (self, error, "is not one of ours");
  return migrate_from (self, (guint) version, migrations, error);
}

static gboolean
open_handle (TesseraDatabase *self, GError **error)
{
  int flags
      = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  int code = sqlite3_open_v2 (self->path, &self->handle, flags, tessera_checked_vfs_get_name ());
  if (self->handle == NULL)
    g_error ("SQLite has no memory");
  if (code != SQLITE_OK)
    return fail (self, error);
  sqlite3_wal_hook (self->handle, on_log_grown, self);
  return TRUE;
}

static gboolean
open_and_migrate (TesseraDatabase *self,
                  const char *directory,
                  const char *const *migrations,
                  const char *const *vital,
                  gboolean *out_is_new,
                  GError **error)
{
  gboolean checked;
  self->lock_fd = tessera_database_lock (directory, error);
  if (self->lock_fd < 0 || !make_file (self, out_is_new, error))
    return FALSE;
  return open_handle (self, error) && reserve_checksums (self, &checked, error)
         && configure (self, error)
         && examine (self, migrations, vital, error)
         /* Of the first schema: every page is written anew, in one transaction. */
         && (checked || tessera_database_run_script (self, "VACUUM", error))
         && migrate (self, migrations, *out_is_new, error)
         && (tessera_directory_sync (directory) || fail_errno (directory, error));
}

static void
finalize_statement (gpointer statement)
{
  sqlite3_finalize (statement);
}

/* The directory may lie behind symbolic links, as a home may; SQLite is told to follow none. */
static char *
make_directory (const char *directory, GError **error)
{
  if (!tessera_directory_make (directory))
    {
      fail_errno (directory, error);
      return NULL;
    }
  char *resolved = realpath (directory, NULL);
  if (resolved == NULL)
    fail_errno (directory, error);
  return resolved;
}

TesseraDatabase *
tessera_database_open (const char *directory,
                       const char *const *migrations,
                       const char *const *vital,
                       gboolean *out_is_new,
                       GError **error)
{
  g_autofree char *resolved = make_directory (directory, error);
  if (resolved == NULL)
    return NULL;

  g_autoptr (TesseraDatabase) self = g_new0 (TesseraDatabase, 1);
  self->lock_fd = -1;
  self->statements = g_hash_table_new_full (NULL, NULL, NULL, finalize_statement);
  self->path = g_build_filename (resolved, "tessera.db", NULL);
  self->reserve_path = g_build_filename (resolved, "reserve", NULL);
  self->mark_path = g_build_filename (resolved, DAMAGE_MARK, NULL);

  if (!open_and_migrate (self, resolved, migrations, vital, out_is_new, error))
    {
      tessera_store_explain_damage (error);
      return NULL;
    }
  self->opened = TRUE;
  make_reserve (self);
  if (!self->has_reserve)
    g_warning ("The disk is nearly full: only revocations are stored until there is room");
  return g_steal_pointer (&self);
}

void
tessera_database_free (TesseraDatabase *self)
{
  if (self == NULL)
    return;
  g_hash_table_unref (self->statements);
  sqlite3_close (self->handle);
  if (self->lock_fd >= 0)
    close (self->lock_fd);
  g_clear_error (&self->broken);
  g_free (self->path);
  g_free (self->reserve_path);
  g_free (self->mark_path);
  g_free (self);
}
