/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does ThreadSanitizer still see a race, and none where a GMutex guards? With an argument it races.
 */

#include <glib.h>

#define TURNS 10000

static GMutex mutex;
static int shared;

static gpointer
write_it (gpointer data)
{
  for (int i = 0; i < TURNS; i++)
    {
      g_mutex_lock (&mutex);
      shared++;
      g_mutex_unlock (&mutex);
    }
  return NULL;
}

int
main (int argc, char **argv)
{
  GThread *writer = g_thread_new ("writer", write_it, NULL);
  int seen = 0;

  for (int i = 0; i < TURNS; i++)
    {
      if (argc == 1)
        g_mutex_lock (&mutex);
      seen = MAX (seen, shared);
      if (argc == 1)
        g_mutex_unlock (&mutex);
    }
  g_thread_join (writer);
  return seen < 0;
}
