/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounds what may wait on a D-Bus connection. GDBus queues whatever comes, 128 MiB a message and
 * without end; this stands before the queue, on the thread that reads. */

#include "tesserad-intake.h"

#define CALL_SIZE_MAX (512 * 1024) /* of the arguments */
#define CALL_FDS_MAX 1             /* a backup's file */
#define WAITING_MAX 256            /* calls that were not answered yet */
#define WAITING_OF_ONE_MAX 32      /* of one sender on a bus; a peer has a connection of its own */
#define CALLS_AT_ONCE 256          /* that are read as fast as they come … */
#define CALL_INTERVAL 500          /* … and then one in so many microseconds */
#define REFUSALS_MAX 10000         /* that their receivers did not read yet */

/* What waits for an answer: calls that were let in, and refusals until they are written. */
typedef struct
{
  GMutex lock;
  gboolean is_bus;
  GHashTable *waiting;  /* char *sender -> guint, never 0 */
  GHashTable *unwanted; /* char *"sender serial": answers that their callers do not want */
  guint n_waiting;
  gint64 due; /* when the calls so far would have come at that pace; of the thread that reads */
} TesseradIntake;

static void
intake_free (gpointer data)
{
  TesseradIntake *self = data;

  g_hash_table_unref (self->waiting);
  g_hash_table_unref (self->unwanted);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static const char *
name_party (TesseradIntake *self, const char *name)
{
  return self->is_bus && name != NULL ? name : "";
}

static guint
get_waiting (TesseradIntake *self, const char *party)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->waiting, party));
}

static void
count_in (TesseradIntake *self, const char *party)
{
  self->n_waiting++;
  g_hash_table_insert (self->waiting, g_strdup (party),
                       GUINT_TO_POINTER (get_waiting (self, party) + 1));
}

static void
count_out (TesseradIntake *self, const char *party)
{
  guint waiting = get_waiting (self, party);

  if (waiting == 0) /* an answer to nobody's call */
    return;
  self->n_waiting--;
  if (waiting == 1)
    g_hash_table_remove (self->waiting, party);
  else
    g_hash_table_insert (self->waiting, g_strdup (party), GUINT_TO_POINTER (waiting - 1));
}

/* Why @message cannot come in, or NULL. */
static const char *
find_fault (TesseradIntake *self, GDBusMessage *message, const char *party)
{
  GVariant *body = g_dbus_message_get_body (message);
  guint own_max = self->is_bus ? WAITING_OF_ONE_MAX : WAITING_MAX;

  if (body != NULL && g_variant_get_size (body) > CALL_SIZE_MAX)
    return "The arguments are too large";
  if (g_dbus_message_get_num_unix_fds (message) > CALL_FDS_MAX)
    return "There are too many descriptors";
  if (get_waiting (self, party) >= own_max || self->n_waiting >= WAITING_MAX)
    return "Too many calls are waiting for their answer";
  return NULL;
}

static gboolean
wants_answer (GDBusMessage *message)
{
  return (g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) == 0;
}

/* Counted as waiting until it is written: who reads nothing does not make us keep more and more. */
static void
refuse (TesseradIntake *self, GDBusConnection *connection, GDBusMessage *message, const char *fault)
{
  g_autoptr (GDBusMessage) answer = NULL;
  gboolean full = FALSE;

  if (!wants_answer (message))
    return;
  g_mutex_lock (&self->lock);
  full = self->n_waiting >= WAITING_MAX + REFUSALS_MAX;
  if (!full)
    count_in (self, name_party (self, g_dbus_message_get_sender (message)));
  g_mutex_unlock (&self->lock);

  if (full && !self->is_bus)
    g_dbus_connection_close (connection, NULL, NULL, NULL);
  if (full)
    return;
  answer = g_dbus_message_new_method_error_literal (message,
                                                    "org.freedesktop.DBus.Error.LimitsExceeded",
                                                    fault);
  g_dbus_connection_send_message (connection, answer, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}

static char *
name_answer (TesseradIntake *self, const char *party, guint32 serial)
{
  return g_strdup_printf ("%s %u", name_party (self, party), serial);
}

/* A call that wants no answer gets one all the same, which stays here: it says when the call is
 * over. Takes @message. */
static GDBusMessage *
ask_for_answer (TesseradIntake *self, GDBusMessage *message)
{
  g_autoptr (GDBusMessage) original = message;
  GDBusMessage *copy = g_dbus_message_copy (message, NULL);

  if (copy == NULL)
    return NULL;
  g_dbus_message_set_flags (copy, g_dbus_message_get_flags (copy)
                                      ^ G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_hash_table_add (self->unwanted, name_answer (self, g_dbus_message_get_sender (copy),
                                                 g_dbus_message_get_serial (copy)));
  return copy;
}

/* Whoever floods waits, since not reading is the one thing that slows a sender down: else it takes
 * the time of the machine, and of the main loop, from requests. */
static void
keep_pace (TesseradIntake *self)
{
  gint64 now = g_get_monotonic_time ();

  self->due = MAX (self->due, now - CALLS_AT_ONCE * CALL_INTERVAL) + CALL_INTERVAL;
  if (self->due > now)
    g_usleep ((gulong) (self->due - now));
}

/* Takes @message. */
static GDBusMessage *
receive (TesseradIntake *self, GDBusConnection *connection, GDBusMessage *message)
{
  const char *party = name_party (self, g_dbus_message_get_sender (message));
  const char *fault = NULL;

  keep_pace (self);
  g_mutex_lock (&self->lock);
  fault = find_fault (self, message, party);
  if (fault == NULL)
    {
      count_in (self, party);
      if (!wants_answer (message))
        message = ask_for_answer (self, message);
    }
  g_mutex_unlock (&self->lock);

  if (fault == NULL)
    return message;
  refuse (self, connection, message, fault);
  g_object_unref (message);
  return NULL;
}

/* Takes @message. */
static GDBusMessage *
answer (TesseradIntake *self, GDBusMessage *message)
{
  const char *party = name_party (self, g_dbus_message_get_destination (message));
  g_autofree char *name = name_answer (self, party, g_dbus_message_get_reply_serial (message));
  gboolean unwanted = FALSE;

  g_mutex_lock (&self->lock);
  count_out (self, party);
  unwanted = g_hash_table_remove (self->unwanted, name);
  g_mutex_unlock (&self->lock);

  if (!unwanted)
    return message;
  g_object_unref (message);
  return NULL;
}

static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  switch (g_dbus_message_get_message_type (message))
    {
    case G_DBUS_MESSAGE_TYPE_METHOD_CALL:
      return incoming ? receive (data, connection, message) : message;
    case G_DBUS_MESSAGE_TYPE_METHOD_RETURN:
    case G_DBUS_MESSAGE_TYPE_ERROR:
      return incoming ? message : answer (data, message);
    default:
      return message;
    }
}

void
tesserad_intake_guard (GDBusConnection *connection)
{
  TesseradIntake *self = g_new0 (TesseradIntake, 1);

  g_mutex_init (&self->lock);
  self->is_bus = g_dbus_connection_get_unique_name (connection) != NULL;
  self->waiting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->unwanted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_dbus_connection_add_filter (connection, on_message, self, intake_free);
}
