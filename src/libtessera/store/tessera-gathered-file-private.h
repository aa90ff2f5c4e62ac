/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

/* A file of a SQLite VFS around one of another VFS, for the write-ahead log. SQLite writes each
 * page of a commit in two pieces, one behind the other: here they are gathered, and written at once
 * by whatever needs them in the file, which is the sync at the latest. So a write may fail as late
 * as that; SQLite takes a commit for made after the sync only.
 *
 * In memory, @file has TESSERA_GATHERED_FILE_SIZE bytes and behind them those of @vfs. Version 1:
 * a log is neither mapped nor locked. */
#define TESSERA_GATHERED_FILE_SIZE (sizeof (TesseraGatheredFile))

typedef struct
{
  sqlite3_file base;
  sqlite3_file *real;
  guint8 *pieces;       /* that are still to be written; or NULL */
  int length;           /* of them */
  sqlite3_int64 offset; /* their place */
} TesseraGatheredFile;

/* xWrite of @real. A quota that is used up is a full disk, of which SQLite does not know. */
int tessera_vfs_write (sqlite3_file *real, const void *buffer, int amount, sqlite3_int64 offset);

/* As xOpen of @vfs. */
int tessera_gathered_file_open (
    sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags);

G_END_DECLS
