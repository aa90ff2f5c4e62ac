/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pkttyagent(1) beside the command, as systemctl(1) has it: it asks for the password that polkit
 * wants. */

#include "tessera-polkit-agent.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define READY_TIMEOUT 5000 /* milliseconds */

static GSubprocess *agent;

static gboolean
is_wanted (void)
{
  return agent == NULL && geteuid () != 0 && isatty (STDIN_FILENO) && isatty (STDERR_FILENO);
}

/* It closes its end when polkit knows it. */
static void
wait_until_ready (int fd)
{
  struct pollfd end = { .fd = fd, .events = POLLIN };

  if (poll (&end, 1, READY_TIMEOUT) == 0)
    tessera_polkit_agent_close ();
}

void
tessera_polkit_agent_open (void)
{
  g_autofree char *path = is_wanted () ? g_find_program_in_path ("pkttyagent") : NULL;
  int ends[2];

  if (path == NULL || pipe2 (ends, O_CLOEXEC) < 0)
    return;
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_INHERIT
                                                             | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_subprocess_launcher_take_fd (launcher, ends[1], 3);
  /* Where a desktop asks already, it stays quiet. */
  agent
      = g_subprocess_launcher_spawn (launcher, NULL, path, "--notify-fd", "3", "--fallback", NULL);
  g_object_unref (launcher);
  if (agent != NULL)
    wait_until_ready (ends[0]);
  close (ends[0]);
}

void
tessera_polkit_agent_close (void)
{
  if (agent == NULL)
    return;
  /* g_subprocess_send_signal () leaves it to a thread that may not come to it before the end. */
  const char *pid = g_subprocess_get_identifier (agent);
  if (pid != NULL)
    kill ((pid_t) g_ascii_strtoll (pid, NULL, 10), SIGTERM);
  g_clear_object (&agent);
}
