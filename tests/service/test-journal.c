/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log of a service whose stderr is the journal: what is said comes at once, the audit trail
 * through a thread of its own, which waits for a journal that is slow in everybody's place. */

#include "tesserad-log.h"

#include <stdio.h>
#include <string.h>

#define AUDIT_DOMAIN "Tessera-Audit"
#define SENT 9000 /* more than may wait */

/* The linker puts ours before GLib's. */
gboolean __wrap_g_log_writer_is_journald (int output_fd);
GLogWriterOutput __wrap_g_log_writer_journald (GLogLevelFlags flags,
                                               const GLogField *fields,
                                               gsize n_fields,
                                               gpointer user_data);

typedef struct
{
  GThread *thread;
  GLogLevelFlags level;
  char *message;
  char *detail; /* or NULL */
} Entry;

static GMutex mutex;     /* over what follows */
static GPtrArray *taken; /* Entry* */
static gboolean is_slow; /* it takes nothing */
static guint n_held;     /* that wait for it */
static GCond changed;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->message);
  g_free (entry->detail);
  g_free (entry);
}

gboolean
__wrap_g_log_writer_is_journald (int output_fd)
{
  return TRUE;
}

static char *
dup_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, key))
      return g_strdup (fields[i].value);
  return NULL;
}

GLogWriterOutput
__wrap_g_log_writer_journald (GLogLevelFlags level,
                              const GLogField *fields,
                              gsize n_fields,
                              gpointer user_data)
{
  Entry *entry = g_new (Entry, 1);

  *entry = (Entry){ g_thread_self (), level, dup_field (fields, n_fields, "MESSAGE"),
                    dup_field (fields, n_fields, "DETAIL") };
  g_mutex_lock (&mutex);
  n_held++;
  g_cond_broadcast (&changed);
  while (is_slow)
    g_cond_wait (&changed, &mutex);
  n_held--;
  g_ptr_array_add (taken, entry);
  g_mutex_unlock (&mutex);
  return G_LOG_WRITER_HANDLED;
}

static void
set_slow (gboolean slow)
{
  g_mutex_lock (&mutex);
  is_slow = slow;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&mutex);
}

static void
wait_until_it_holds_one (void)
{
  g_mutex_lock (&mutex);
  while (n_held == 0)
    g_cond_wait (&changed, &mutex);
  g_mutex_unlock (&mutex);
}

/* Nothing of it is ours any more when it comes to the journal. */
static void
record (guint number)
{
  char detail[32];

  g_snprintf (detail, sizeof detail, "of %u", number);
  g_log_structured (AUDIT_DOMAIN, G_LOG_LEVEL_MESSAGE, "DETAIL", detail, "MESSAGE", "record %u",
                    number);
  memset (detail, 'x', sizeof detail - 1);
}

static void
assert_record (const Entry *entry, guint number)
{
  g_autofree char *message = g_strdup_printf ("record %u", number);
  g_autofree char *detail = g_strdup_printf ("of %u", number);

  g_assert_cmpint (entry->level, ==, G_LOG_LEVEL_MESSAGE);
  g_assert_cmpstr (entry->message, ==, message);
  g_assert_cmpstr (entry->detail, ==, detail);
  g_assert_true (entry->thread != g_thread_self ());
}

static void
test_what_was_recorded_is_there_when_it_ends (void)
{
  tesserad_log_start_thread ();
  for (guint i = 0; i < 500; i++)
    record (i);
  tesserad_log_stop_thread ();
  g_assert_cmpuint (taken->len, ==, 500);
  for (guint i = 0; i < taken->len; i++)
    assert_record (g_ptr_array_index (taken, i), i);
}

static void
test_what_is_said_does_not_wait (void)
{
  tesserad_log_start_thread ();
  g_message ("said");
  g_assert_cmpuint (taken->len, ==, 1);
  const Entry *entry = g_ptr_array_index (taken, 0);
  g_assert_cmpstr (entry->message, ==, "said");
  g_assert_true (entry->thread == g_thread_self ());
  tesserad_log_stop_thread ();
}

static guint
read_loss (const char *message)
{
  guint n = 0;

  g_assert_cmpint (sscanf (message, "the journal is too slow: it did not get %u records", &n), ==,
                   1);
  return n;
}

/* So it holds up nobody, takes a bounded part of memory, and what it missed it is told. */
static void
test_a_slow_journal_misses_records_and_is_told_how_many (void)
{
  guint n_records = 0, n_lost = 0;

  set_slow (TRUE);
  tesserad_log_start_thread ();
  record (0);
  wait_until_it_holds_one ();
  for (guint i = 1; i < SENT; i++)
    record (i);
  set_slow (FALSE);
  tesserad_log_stop_thread ();
  for (guint i = 0; i < taken->len; i++)
    {
      const Entry *entry = g_ptr_array_index (taken, i);

      if (entry->level == G_LOG_LEVEL_MESSAGE)
        assert_record (entry, n_records++);
      else
        n_lost += read_loss (entry->message);
    }
  g_assert_cmpuint (n_lost, >, 0);
  g_assert_cmpuint (n_records, >, 1);
  g_assert_cmpuint (n_records + n_lost, ==, SENT);
}

static void
run (gconstpointer test)
{
  taken = g_ptr_array_new_with_free_func (entry_free);
  ((void (*) (void)) test) ();
  g_clear_pointer (&taken, g_ptr_array_unref);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
  tesserad_log_start ();
  g_test_add_data_func ("/journal/what-was-recorded-is-there-when-it-ends",
                        test_what_was_recorded_is_there_when_it_ends, run);
  g_test_add_data_func ("/journal/what-is-said-does-not-wait", test_what_is_said_does_not_wait,
                        run);
  g_test_add_data_func ("/journal/a-slow-journal-misses-records-and-is-told-how-many",
                        test_a_slow_journal_misses_records_and_is_told_how_many, run);
  return g_test_run ();
}
