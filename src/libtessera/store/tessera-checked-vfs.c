/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A checksum on every page of the database, so that not one flipped bit of it un-revokes anything
 * (threats.md §2). */

#include "store/tessera-checked-vfs-private.h"

#include "store/tessera-gathered-file-private.h"

#include <sqlite3.h>
#include <string.h>

#define PAGE_SIZE_MAX 65536
#define RESERVE_AT 20 /* in the header of a database: how many bytes a page has in reserve */
#define HEADER_SIZE 100

typedef struct
{
  sqlite3_file base;
  sqlite3_file *real;
  gboolean checked; /* it has the reserve */
  guint8 *page;     /* room for one that is written */
} CheckedFile;

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;

static sqlite3_file *
real (sqlite3_file *file)
{
  return ((CheckedFile *) file)->real;
}

/* Each step is a bijection of the sum and of the word, so that no single flip goes unnoticed. The
 * offset goes in, so that a page in the wrong place does not fit. */
static guint64
sum_page (const guint8 *page, int size, sqlite3_int64 offset)
{
  guint64 sum = G_GUINT64_CONSTANT (0xcbf29ce484222325) ^ (guint64) offset;
  for (int at = 0; at < size - TESSERA_CHECKED_VFS_RESERVE; at += 8)
    {
      guint64 word;
      memcpy (&word, page + at, sizeof word);
      sum = (sum ^ GUINT64_FROM_LE (word)) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
      sum ^= sum >> 32;
    }
  return GUINT64_TO_LE (sum);
}

/* A page that was made and given up again was never written: a hole in the file. */
static gboolean
is_hole (const guint8 *page, int size)
{
  return page[0] == 0 && memcmp (page, page + 1, (gsize) size - 1) == 0;
}

static gboolean
is_good (const guint8 *page, int size, sqlite3_int64 offset)
{
  guint64 sum = sum_page (page, size, offset);
  return memcmp (page + size - TESSERA_CHECKED_VFS_RESERVE, &sum, sizeof sum) == 0
         || is_hole (page, size);
}

/* SQLite also reads its header in pieces. */
static gboolean
is_page (int amount, sqlite3_int64 offset)
{
  return amount >= 512 && amount <= PAGE_SIZE_MAX && (amount & (amount - 1)) == 0
         && offset % amount == 0;
}

static void
note_header (CheckedFile *self, const guint8 *page)
{
  self->checked = page[RESERVE_AT] == TESSERA_CHECKED_VFS_RESERVE;
}

static int
checked_read (sqlite3_file *file, void *buffer, int amount, sqlite3_int64 offset)
{
  CheckedFile *self = (CheckedFile *) file;
  int code = real (file)->pMethods->xRead (real (file), buffer, amount, offset);

  if (code != SQLITE_OK || !is_page (amount, offset))
    return code;
  if (offset == 0)
    note_header (self, buffer);
  return !self->checked || is_good (buffer, amount, offset) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int
checked_write (sqlite3_file *file, const void *buffer, int amount, sqlite3_int64 offset)
{
  CheckedFile *self = (CheckedFile *) file;

  if (offset == 0 && amount >= HEADER_SIZE)
    note_header (self, buffer);
  if (!self->checked || !is_page (amount, offset))
    return tessera_vfs_write (real (file), buffer, amount, offset);

  guint64 sum = sum_page (buffer, amount, offset);
  if (self->page == NULL)
    self->page = g_malloc (PAGE_SIZE_MAX);
  memcpy (self->page, buffer, (gsize) amount);
  memcpy (self->page + amount - TESSERA_CHECKED_VFS_RESERVE, &sum, sizeof sum);
  return tessera_vfs_write (real (file), self->page, amount, offset);
}

/* What passes through as it is. */

static int
checked_close (sqlite3_file *file)
{
  g_clear_pointer (&((CheckedFile *) file)->page, g_free);
  return real (file)->pMethods->xClose (real (file));
}

static int
checked_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  return real (file)->pMethods->xTruncate (real (file), size);
}

static int
checked_sync (sqlite3_file *file, int flags)
{
  return real (file)->pMethods->xSync (real (file), flags);
}

static int
checked_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return real (file)->pMethods->xFileSize (real (file), size);
}

static int
checked_lock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xLock (real (file), lock);
}

static int
checked_unlock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xUnlock (real (file), lock);
}

static int
checked_check_reserved_lock (sqlite3_file *file, int *result)
{
  return real (file)->pMethods->xCheckReservedLock (real (file), result);
}

static int
checked_file_control (sqlite3_file *file, int op, void *argument)
{
  return real (file)->pMethods->xFileControl (real (file), op, argument);
}

static int
checked_sector_size (sqlite3_file *file)
{
  return real (file)->pMethods->xSectorSize (real (file));
}

static int
checked_device_characteristics (sqlite3_file *file)
{
  return real (file)->pMethods->xDeviceCharacteristics (real (file));
}

/* Version 1: no shared memory, which EXCLUSIVE does not need, and no mapping around us. */
static const sqlite3_io_methods methods = {
  .iVersion = 1,
  .xClose = checked_close,
  .xRead = checked_read,
  .xWrite = checked_write,
  .xTruncate = checked_truncate,
  .xSync = checked_sync,
  .xFileSize = checked_file_size,
  .xLock = checked_lock,
  .xUnlock = checked_unlock,
  .xCheckReservedLock = checked_check_reserved_lock,
  .xFileControl = checked_file_control,
  .xSectorSize = checked_sector_size,
  .xDeviceCharacteristics = checked_device_characteristics,
};

static int
checked_open (
    sqlite3_vfs *self, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
  CheckedFile *checked = (CheckedFile *) file;

  if (flags & SQLITE_OPEN_WAL)
    return tessera_gathered_file_open (real_vfs, path, file, flags, out_flags);
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
    return real_vfs->xOpen (real_vfs, path, file, flags, out_flags);

  *checked = (CheckedFile){ .real = (sqlite3_file *) (checked + 1) };
  int code = real_vfs->xOpen (real_vfs, path, checked->real, flags, out_flags);
  if (checked->real->pMethods != NULL) /* SQLite closes what has methods, even after an error */
    file->pMethods = &methods;
  return code;
}

static gpointer
register_vfs (gpointer data)
{
  real_vfs = sqlite3_vfs_find (NULL);
  vfs = *real_vfs;
  vfs.pNext = NULL;
  vfs.zName = "tessera-checked";
  vfs.szOsFile = (int) MAX (sizeof (CheckedFile), TESSERA_GATHERED_FILE_SIZE) + real_vfs->szOsFile;
  vfs.xOpen = checked_open;
  sqlite3_vfs_register (&vfs, 0);
  return NULL;
}

const char *
tessera_checked_vfs_get_name (void)
{
  static GOnce once = G_ONCE_INIT;
  g_once (&once, register_vfs, NULL);
  return vfs.zName;
}
