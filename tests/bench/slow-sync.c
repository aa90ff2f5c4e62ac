/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loaded before libc (LD_PRELOAD): each sync of a file takes SLOW_SYNC_MS longer, as on a slower
 * disk. */

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void
delay (void)
{
  static long ms = -1;

  if (ms < 0)
    {
      const char *text = getenv ("SLOW_SYNC_MS");
      ms = text != NULL ? atol (text) : 0;
    }
  struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
  nanosleep (&wait, NULL);
}

int
fsync (int fd)
{
  delay ();
  return (int) syscall (SYS_fsync, fd);
}

int
fdatasync (int fd)
{
  delay ();
  return (int) syscall (SYS_fdatasync, fd);
}
