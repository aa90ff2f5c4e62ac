/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See faulty-vfs.h. */

#include "faulty-vfs.h"

#include <sqlite3.h>
#include <string.h>

#define SECTOR 512

/* A file as it is, and as a power cut would surely leave it. */
typedef struct
{
  char *path;
  GByteArray *now;
  GByteArray *durable;
} Shadow;

typedef struct
{
  sqlite3_file base;
  Shadow *shadow;
  sqlite3_file *real;
} FaultyFile;

static sqlite3_vfs vfs;
static sqlite3_vfs *real_vfs;
static GMutex mutex;        /* over what follows */
static GHashTable *shadows; /* char *path -> Shadow */
static guint operations;
static guint failing_syncs;
static guint failing_database_syncs;
static guint failing_writes;
static guint failing_reads;
static FaultyVfsHook hook;
static gpointer hook_data;

static void
shadow_free (Shadow *shadow)
{
  g_byte_array_unref (shadow->now);
  g_byte_array_unref (shadow->durable);
  g_free (shadow->path);
  g_free (shadow);
}

/* Outside the lock: the hook may ask for a cut. */
static void
tell_hook (void)
{
  g_mutex_lock (&mutex);
  FaultyVfsHook func = hook;
  gpointer data = hook_data;
  guint operation = operations++;
  g_mutex_unlock (&mutex);
  if (func != NULL)
    func (operation, data);
}

static gboolean
take_fault (guint *faults)
{
  g_mutex_lock (&mutex);
  gboolean fails = *faults > 0;
  if (fails)
    (*faults)--;
  g_mutex_unlock (&mutex);
  return fails;
}

static void
resize (GByteArray *bytes, guint size)
{
  guint old = bytes->len;
  g_byte_array_set_size (bytes, size);
  if (size > old)
    memset (bytes->data + old, 0, size - old);
}

static sqlite3_file *
real (sqlite3_file *file)
{
  return ((FaultyFile *) file)->real;
}

static int
faulty_close (sqlite3_file *file)
{
  return real (file)->pMethods->xClose (real (file));
}

static int
faulty_read (sqlite3_file *file, void *buffer, int amount, sqlite3_int64 offset)
{
  if (take_fault (&failing_reads))
    return SQLITE_IOERR_READ;
  return real (file)->pMethods->xRead (real (file), buffer, amount, offset);
}

static int
faulty_write (sqlite3_file *file, const void *buffer, int amount, sqlite3_int64 offset)
{
  Shadow *shadow = ((FaultyFile *) file)->shadow;
  tell_hook ();
  if (take_fault (&failing_writes))
    return SQLITE_FULL;

  int code = real (file)->pMethods->xWrite (real (file), buffer, amount, offset);
  if (code != SQLITE_OK || shadow == NULL)
    return code;
  g_mutex_lock (&mutex);
  if (shadow->now->len < offset + amount)
    resize (shadow->now, (guint) (offset + amount));
  memcpy (shadow->now->data + offset, buffer, (gsize) amount);
  g_mutex_unlock (&mutex);
  return code;
}

static int
faulty_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  Shadow *shadow = ((FaultyFile *) file)->shadow;
  tell_hook ();
  int code = real (file)->pMethods->xTruncate (real (file), size);
  if (code != SQLITE_OK || shadow == NULL)
    return code;
  g_mutex_lock (&mutex);
  resize (shadow->now, (guint) size);
  g_mutex_unlock (&mutex);
  return code;
}

static int
faulty_sync (sqlite3_file *file, int flags)
{
  Shadow *shadow = ((FaultyFile *) file)->shadow;
  tell_hook ();
  if (take_fault (&failing_syncs)
      || (shadow != NULL && g_str_has_suffix (shadow->path, ".db")
          && take_fault (&failing_database_syncs)))
    return SQLITE_IOERR_FSYNC;

  /* The real sync is left out: the process does not lose power, and the test is quicker. */
  if (shadow == NULL)
    return SQLITE_OK;
  g_mutex_lock (&mutex);
  resize (shadow->durable, shadow->now->len);
  memcpy (shadow->durable->data, shadow->now->data, shadow->now->len);
  g_mutex_unlock (&mutex);
  return SQLITE_OK;
}

static int
faulty_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return real (file)->pMethods->xFileSize (real (file), size);
}

static int
faulty_lock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xLock (real (file), lock);
}

static int
faulty_unlock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xUnlock (real (file), lock);
}

static int
faulty_check_reserved_lock (sqlite3_file *file, int *result)
{
  return real (file)->pMethods->xCheckReservedLock (real (file), result);
}

static int
faulty_file_control (sqlite3_file *file, int op, void *argument)
{
  return real (file)->pMethods->xFileControl (real (file), op, argument);
}

static int
faulty_sector_size (sqlite3_file *file)
{
  return SECTOR;
}

static int
faulty_device_characteristics (sqlite3_file *file)
{
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory, which EXCLUSIVE does not need. */
static const sqlite3_io_methods methods = {
  .iVersion = 1,
  .xClose = faulty_close,
  .xRead = faulty_read,
  .xWrite = faulty_write,
  .xTruncate = faulty_truncate,
  .xSync = faulty_sync,
  .xFileSize = faulty_file_size,
  .xLock = faulty_lock,
  .xUnlock = faulty_unlock,
  .xCheckReservedLock = faulty_check_reserved_lock,
  .xFileControl = faulty_file_control,
  .xSectorSize = faulty_sector_size,
  .xDeviceCharacteristics = faulty_device_characteristics,
};

/* What the file holds when it is opened counts as durable. */
static Shadow *
add_shadow (const char *path)
{
  Shadow *shadow = g_new0 (Shadow, 1);
  g_autofree char *content = NULL;
  gsize length = 0;

  g_file_get_contents (path, &content, &length, NULL);
  shadow->path = g_strdup (path);
  shadow->now = g_byte_array_new ();
  shadow->durable = g_byte_array_new ();
  g_byte_array_append (shadow->now, (const guint8 *) content, (guint) length);
  g_byte_array_append (shadow->durable, (const guint8 *) content, (guint) length);
  g_mutex_lock (&mutex);
  g_hash_table_replace (shadows, shadow->path, shadow);
  g_mutex_unlock (&mutex);
  return shadow;
}

static int
faulty_open (
    sqlite3_vfs *self, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
  FaultyFile *faulty = (FaultyFile *) file;
  faulty->real = (sqlite3_file *) (faulty + 1);
  faulty->shadow = NULL;
  file->pMethods = NULL;

  int code = real_vfs->xOpen (real_vfs, path, faulty->real, flags, out_flags);
  if (code != SQLITE_OK)
    return code;
  if (path != NULL)
    faulty->shadow = add_shadow (path);
  file->pMethods = &methods;
  return SQLITE_OK;
}

/* SQLite closes a file before it deletes it. */
static int
faulty_delete (sqlite3_vfs *self, const char *path, int sync_directory)
{
  g_mutex_lock (&mutex);
  g_hash_table_remove (shadows, path);
  g_mutex_unlock (&mutex);
  return real_vfs->xDelete (real_vfs, path, sync_directory);
}

void
faulty_vfs_install (void)
{
  real_vfs = sqlite3_vfs_find (NULL);
  vfs = *real_vfs;
  vfs.zName = "faulty";
  vfs.szOsFile = (int) sizeof (FaultyFile) + real_vfs->szOsFile;
  vfs.xOpen = faulty_open;
  vfs.xDelete = faulty_delete;
  shadows = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) shadow_free);
  sqlite3_vfs_register (&vfs, 1);
}

void
faulty_vfs_reset (void)
{
  g_mutex_lock (&mutex);
  g_hash_table_remove_all (shadows);
  operations = failing_syncs = failing_database_syncs = failing_writes = failing_reads = 0;
  hook = NULL;
  g_mutex_unlock (&mutex);
}

void
faulty_vfs_set_hook (FaultyVfsHook func, gpointer data)
{
  g_mutex_lock (&mutex);
  hook = func;
  hook_data = data;
  g_mutex_unlock (&mutex);
}

void
faulty_vfs_fail_syncs (guint count)
{
  g_mutex_lock (&mutex);
  failing_syncs = count;
  g_mutex_unlock (&mutex);
}

void
faulty_vfs_fail_database_syncs (guint count)
{
  g_mutex_lock (&mutex);
  failing_database_syncs = count;
  g_mutex_unlock (&mutex);
}

void
faulty_vfs_fail_reads (guint count)
{
  g_mutex_lock (&mutex);
  failing_reads = count;
  g_mutex_unlock (&mutex);
}

void
faulty_vfs_fail_writes (guint count)
{
  g_mutex_lock (&mutex);
  failing_writes = count;
  g_mutex_unlock (&mutex);
}

static GByteArray *
mix (const Shadow *shadow, GRand *random)
{
  GByteArray *mixed = g_byte_array_new ();
  const GByteArray *old = shadow->durable, *now = shadow->now;
  g_byte_array_append (mixed, old->data, old->len);
  resize (mixed, g_rand_boolean (random) ? now->len : old->len);
  for (guint at = 0; at < MIN (mixed->len, now->len); at += SECTOR)
    if (g_rand_boolean (random))
      memcpy (mixed->data + at, now->data + at, MIN (SECTOR, MIN (mixed->len, now->len) - at));
  return mixed;
}

void
faulty_vfs_cut_power (const char *directory, GRand *random)
{
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&mutex);
  g_hash_table_iter_init (&iter, shadows);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const Shadow *shadow = value;
      g_autofree char *name = g_path_get_basename (shadow->path);
      g_autofree char *path = g_build_filename (directory, name, NULL);
      g_autoptr (GByteArray) left = mix (shadow, random);
      g_assert_true (
          g_file_set_contents (path, (const char *) left->data, (gssize) left->len, NULL));
    }
  g_mutex_unlock (&mutex);
}
