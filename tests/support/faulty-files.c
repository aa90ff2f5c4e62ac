/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See faulty-files.h. The definitions here stand before those of libc for the whole program, its
 * libraries included. Only in test builds.
 */

/* So that a function and its 64-bit name are two. */
#undef _FILE_OFFSET_BITS

#include "faulty-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static FaultyFiles own;
static FaultyFiles *faults = &own;

static void __attribute__ ((constructor)) follow_test_files (void)
{
  const char *path = g_getenv ("TESSERA_TEST_FILES");
  void *block = MAP_FAILED;
  int fd = -1;

  if (path == NULL)
    return;
  fd = open (path, O_RDWR | O_CLOEXEC);
  if (fd >= 0)
    block = mmap (NULL, sizeof (FaultyFiles), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (block == MAP_FAILED)
    g_error ("TESSERA_TEST_FILES=%s cannot be mapped", path);
  close (fd);
  faults = block;
}

FaultyFiles *
faulty_files_get (void)
{
  return faults;
}

void
faulty_files_reset (void)
{
  *faults = (FaultyFiles){ 0 };
}

/* Not a socket, a pipe or what the program itself prints to. */
static gboolean
is_stored (int fd)
{
  struct stat status;
  return fd > STDERR_FILENO && fstat (fd, &status) == 0
         && (S_ISREG (status.st_mode) || S_ISDIR (status.st_mode));
}

static gboolean
is_directory (int fd)
{
  struct stat status;
  return fstat (fd, &status) == 0 && S_ISDIR (status.st_mode);
}

static gboolean
fails (int kind)
{
  if ((__atomic_load_n (&faults->kinds, __ATOMIC_ACQUIRE) & kind) == 0)
    return FALSE;
  gint32 number = __atomic_fetch_add (&faults->seen, 1, __ATOMIC_ACQ_REL);
  if (number < faults->skip || (faults->count >= 0 && number >= faults->skip + faults->count))
    return FALSE;
  errno = faults->error;
  return TRUE;
}

static gboolean
file_fails (int kind, int fd)
{
  return (__atomic_load_n (&faults->kinds, __ATOMIC_ACQUIRE) & kind) != 0 && is_stored (fd)
         && fails (kind);
}

ssize_t
write (int fd, const void *data, size_t size)
{
  if (!file_fails (FAULTY_WRITE, fd))
    return syscall (SYS_write, fd, data, size);
  if (faults->torn)
    syscall (SYS_write, fd, data, size / 2);
  errno = faults->error;
  return -1;
}

ssize_t
pwrite64 (int fd, const void *data, size_t size, off64_t offset)
{
  if (!file_fails (FAULTY_WRITE, fd))
    return syscall (SYS_pwrite64, fd, data, size, offset);
  if (faults->torn)
    syscall (SYS_pwrite64, fd, data, size / 2, offset);
  errno = faults->error;
  return -1;
}

ssize_t
pwrite (int fd, const void *data, size_t size, off_t offset)
{
  return pwrite64 (fd, data, size, offset);
}

int
ftruncate64 (int fd, off64_t size)
{
  return file_fails (FAULTY_WRITE, fd) ? -1 : (int) syscall (SYS_ftruncate, fd, size);
}

int
ftruncate (int fd, off_t size)
{
  return ftruncate64 (fd, size);
}

int
fallocate64 (int fd, int mode, off64_t offset, off64_t size)
{
  return file_fails (FAULTY_WRITE, fd) ? -1 : (int) syscall (SYS_fallocate, fd, mode, offset, size);
}

int
fallocate (int fd, int mode, off_t offset, off_t size)
{
  return fallocate64 (fd, mode, offset, size);
}

int
posix_fallocate64 (int fd, off64_t offset, off64_t size)
{
  int kept = errno, code = 0;

  if (fallocate64 (fd, 0, offset, size) != 0)
    code = errno;
  errno = kept;
  return code;
}

int
posix_fallocate (int fd, off_t offset, off_t size)
{
  return posix_fallocate64 (fd, offset, size);
}

static int
sync_by (long number, int fd)
{
  gint32 delay_ms = __atomic_load_n (&faults->delay_ms, __ATOMIC_RELAXED);

  if (delay_ms > 0 && is_stored (fd))
    g_usleep ((gulong) delay_ms * 1000);
  if (file_fails (FAULTY_SYNC, fd) || (is_directory (fd) && file_fails (FAULTY_DIRECTORY_SYNC, fd)))
    return -1;
  return (int) syscall (number, fd);
}

int
fsync (int fd)
{
  return sync_by (SYS_fsync, fd);
}

int
fdatasync (int fd)
{
  return sync_by (SYS_fdatasync, fd);
}

int
rename (const char *from, const char *to)
{
  return fails (FAULTY_NAME) ? -1 : (int) syscall (SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink (const char *path)
{
  return fails (FAULTY_NAME) ? -1 : (int) syscall (SYS_unlinkat, AT_FDCWD, path, 0);
}
