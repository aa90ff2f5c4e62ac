/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does ThreadSanitizer still see a race, and none where a GMutex guards? With an argument it races:
 * for a "number", or for a "table" of GLib's. */

#include <glib.h>

#define TURNS 10000

static GMutex mutex;
static int shared;
static GHashTable *table;

static gpointer
write_both (gpointer data)
{
  for (int i = 0; i < TURNS; i++)
    {
      g_mutex_lock (&mutex);
      shared++;
      g_hash_table_replace (table, table, &shared);
      g_mutex_unlock (&mutex);
    }
  return NULL;
}

int
main (int argc, char **argv)
{
  const char *race = argc == 2 ? argv[1] : "";
  int seen = 0;

  table = g_hash_table_new (NULL, NULL);
  GThread *writer = g_thread_new ("writer", write_both, NULL);
  for (int i = 0; i < TURNS; i++)
    {
      if (*race == '\0')
        g_mutex_lock (&mutex);
      if (*race != 't')
        seen = MAX (seen, shared);
      if (*race != 'n')
        seen += g_hash_table_lookup (table, table) == NULL;
      if (*race == '\0')
        g_mutex_unlock (&mutex);
    }
  g_thread_join (writer);
  g_hash_table_unref (table);
  return seen < 0;
}
