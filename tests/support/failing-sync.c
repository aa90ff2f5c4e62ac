/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets a test fail the disk of a service: while the first byte of the file that TESSERA_TEST_SYNC
 * names is not 0, fsync() and fdatasync() say EIO, as a broken disk does. Only in the test build.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const volatile guint8 *failing;

static void __attribute__ ((constructor)) follow_test_sync (void)
{
  const char *path = g_getenv ("TESSERA_TEST_SYNC");
  void *flag = MAP_FAILED;
  int fd = -1;

  if (path == NULL)
    return;
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0)
    flag = mmap (NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
  if (flag == MAP_FAILED)
    g_error ("TESSERA_TEST_SYNC=%s cannot be mapped", path);
  close (fd);
  failing = flag;
}

static int
sync_by (long number, int fd)
{
  if (failing != NULL && *failing != 0)
    {
      errno = EIO;
      return -1;
    }
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
