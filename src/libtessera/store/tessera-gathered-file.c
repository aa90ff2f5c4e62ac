/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One write for all that a commit puts into the log (design.md §6). */

#include "store/tessera-gathered-file-private.h"

#include <errno.h>
#include <string.h>

#define PIECES_MAX (64 * 1024) /* bytes; SQLite's own VFS writes less than 128 KiB at once */

int
tessera_vfs_write (sqlite3_file *real, const void *buffer, int amount, sqlite3_int64 offset)
{
  int code = real->pMethods->xWrite (real, buffer, amount, offset);

  return code == SQLITE_IOERR_WRITE && errno == EDQUOT ? SQLITE_FULL : code;
}

static sqlite3_file *
real (sqlite3_file *file)
{
  return ((TesseraGatheredFile *) file)->real;
}

/* What could not be written is given up: SQLite takes back the commit it belongs to. */
static int
flush (TesseraGatheredFile *self)
{
  int length = self->length;

  self->length = 0;
  if (length == 0)
    return SQLITE_OK;
  return tessera_vfs_write (self->real, self->pieces, length, self->offset);
}

static gboolean
continues (const TesseraGatheredFile *self, int amount, sqlite3_int64 offset)
{
  return self->length > 0 && offset == self->offset + self->length
         && amount <= PIECES_MAX - self->length;
}

static int
gathered_write (sqlite3_file *file, const void *buffer, int amount, sqlite3_int64 offset)
{
  TesseraGatheredFile *self = (TesseraGatheredFile *) file;

  if (!continues (self, amount, offset))
    {
      int code = flush (self);
      if (code != SQLITE_OK)
        return code;
      if (amount >= PIECES_MAX)
        return tessera_vfs_write (self->real, buffer, amount, offset);
      self->offset = offset;
    }
  if (self->pieces == NULL)
    self->pieces = g_malloc (PIECES_MAX);
  memcpy (self->pieces + self->length, buffer, (gsize) amount);
  self->length += amount;
  return SQLITE_OK;
}

/* What needs the file as it is to be. */

static int
gathered_read (sqlite3_file *file, void *buffer, int amount, sqlite3_int64 offset)
{
  int code = flush ((TesseraGatheredFile *) file);
  return code != SQLITE_OK ? code
                           : real (file)->pMethods->xRead (real (file), buffer, amount, offset);
}

static int
gathered_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  int code = flush ((TesseraGatheredFile *) file);
  return code != SQLITE_OK ? code : real (file)->pMethods->xTruncate (real (file), size);
}

static int
gathered_sync (sqlite3_file *file, int flags)
{
  int code = flush ((TesseraGatheredFile *) file);
  return code != SQLITE_OK ? code : real (file)->pMethods->xSync (real (file), flags);
}

static int
gathered_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  int code = flush ((TesseraGatheredFile *) file);
  return code != SQLITE_OK ? code : real (file)->pMethods->xFileSize (real (file), size);
}

/* Of a commit that was not made. */
static int
gathered_close (sqlite3_file *file)
{
  g_clear_pointer (&((TesseraGatheredFile *) file)->pieces, g_free);
  return real (file)->pMethods->xClose (real (file));
}

/* What passes through as it is. */

static int
gathered_lock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xLock (real (file), lock);
}

static int
gathered_unlock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xUnlock (real (file), lock);
}

static int
gathered_check_reserved_lock (sqlite3_file *file, int *result)
{
  return real (file)->pMethods->xCheckReservedLock (real (file), result);
}

static int
gathered_file_control (sqlite3_file *file, int op, void *argument)
{
  return real (file)->pMethods->xFileControl (real (file), op, argument);
}

static int
gathered_sector_size (sqlite3_file *file)
{
  return real (file)->pMethods->xSectorSize (real (file));
}

static int
gathered_device_characteristics (sqlite3_file *file)
{
  return real (file)->pMethods->xDeviceCharacteristics (real (file));
}

static const sqlite3_io_methods methods = {
  .iVersion = 1,
  .xClose = gathered_close,
  .xRead = gathered_read,
  .xWrite = gathered_write,
  .xTruncate = gathered_truncate,
  .xSync = gathered_sync,
  .xFileSize = gathered_file_size,
  .xLock = gathered_lock,
  .xUnlock = gathered_unlock,
  .xCheckReservedLock = gathered_check_reserved_lock,
  .xFileControl = gathered_file_control,
  .xSectorSize = gathered_sector_size,
  .xDeviceCharacteristics = gathered_device_characteristics,
};

int
tessera_gathered_file_open (
    sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
  TesseraGatheredFile *self = (TesseraGatheredFile *) file;

  *self = (TesseraGatheredFile){ .real = (sqlite3_file *) (self + 1) };
  int code = vfs->xOpen (vfs, path, self->real, flags, out_flags);
  if (self->real->pMethods != NULL) /* SQLite closes what has methods, even after an error */
    self->base.pMethods = &methods;
  return code;
}
