/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line on the terminal that says that something takes long. */

#include "tessera-progress.h"

#include <unistd.h>

static guint seconds;
static gint64 shown_at; /* monotonic; 0: the line is empty */
static gint64 began_at;

static void
show (const char *text)
{
  shown_at = g_get_monotonic_time ();
  g_printerr ("\r%s\033[K", text);
}

void
tessera_progress_tick (void)
{
  if (!isatty (STDERR_FILENO))
    return;
  g_autofree char *text = g_strdup_printf ("Waiting for the service: %u s", ++seconds);
  show (text);
}

static void
empty_line (void)
{
  if (shown_at != 0)
    g_printerr ("\r\033[K");
  shown_at = 0;
}

void
tessera_progress_tock (void)
{
  if (seconds > 0)
    empty_line ();
  seconds = 0;
}

/* Four times a second, and not at all for what is quickly done. */
void
tessera_progress_count (guint64 count)
{
  gint64 now = g_get_monotonic_time ();

  if (began_at == 0)
    began_at = now;
  if (!isatty (STDERR_FILENO) || now - MAX (began_at, shown_at) < G_USEC_PER_SEC / 4)
    return;
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT " so far", count);
  show (text);
}

void
tessera_progress_clear (void)
{
  empty_line ();
  began_at = 0;
}
