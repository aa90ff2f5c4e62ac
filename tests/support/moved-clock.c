/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lets a test move the time of a service: the file that TESSERA_TEST_CLOCK names holds the offset,
 * eight bytes, a signed number of milliseconds in the machine's byte order. Only in the test build.
 */

#include "base/tessera-clock-private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void __attribute__ ((constructor)) follow_test_clock (void)
{
  const char *path = g_getenv ("TESSERA_TEST_CLOCK");
  void *offset = MAP_FAILED;
  int fd = -1;

  if (path == NULL)
    return;
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0)
    offset = mmap (NULL, sizeof (gint64), PROT_READ, MAP_SHARED, fd, 0);
  if (offset == MAP_FAILED)
    {
      g_printerr ("TESSERA_TEST_CLOCK=%s cannot be mapped\n", path);
      exit (EXIT_FAILURE);
    }
  close (fd);
  tessera_clock_follow_offset (offset);
  tessera_clock_follow_elapsed_offset (offset); /* time that passes, passes there too */
}
