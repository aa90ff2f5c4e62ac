/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The notification socket of systemd, by hand: one datagram a message (sd_notify(3)). */

#include "tesserad-notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
tesserad_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = path != NULL ? strlen (path) : 0;
  int fd = -1;

  if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;

  memcpy (address.sun_path, path, length);
  if (path[0] == '@') /* the abstract namespace, unix(7) */
    address.sun_path[0] = '\0';
  if (sendto (fd, state, strlen (state), MSG_NOSIGNAL, (const struct sockaddr *) &address,
              (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length))
      < 0)
    g_debug ("systemd could not be told: %s", g_strerror (errno));
  close (fd);
}

void
tesserad_notify_reloading (void)
{
  g_autofree char *state
      = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());
  tesserad_notify (state);
}

/* Half of WatchdogSec=, in milliseconds; 0: nobody watches us (sd_watchdog_enabled(3)). */
static guint
get_watchdog_interval (void)
{
  const char *pid = g_getenv ("WATCHDOG_PID");
  const char *usec = g_getenv ("WATCHDOG_USEC");
  guint64 value = 0;

  if (usec == NULL)
    return 0;
  if (pid != NULL
      && (!g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT32, &value, NULL)
          || (pid_t) value != getpid ()))
    return 0;
  if (!g_ascii_string_to_unsigned (usec, 10, 2000, G_MAXINT32 * G_GUINT64_CONSTANT (1000), &value,
                                   NULL))
    return 0;
  return (guint) (value / 2000);
}

static gboolean
on_feeding_time (gpointer data)
{
  tesserad_notify ("WATCHDOG=1");
  return G_SOURCE_CONTINUE;
}

guint
tesserad_notify_feed_watchdog (void)
{
  guint interval = get_watchdog_interval ();

  return interval > 0 ? g_timeout_add (interval, on_feeding_time, NULL) : 0;
}
