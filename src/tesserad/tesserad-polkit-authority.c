/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks polkit what a caller on the system bus may do (org.freedesktop.PolicyKit1.Authority). The
 * caller is named by its unique name, which the bus never gives to anybody else. */

#include "tesserad-polkit-authority.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define ALLOW_USER_INTERACTION 1u
/* So long a person may look for their password. */
#define ANSWER_MS (5 * 60 * 1000)
/* A system bus lets us wait for 128 answers at once (max_replies_per_connection); nobody is to have
 * them all. */
#define QUESTIONS_MAX 96
#define QUESTIONS_OF_USER_MAX 16

struct _TesseradPolkitAuthority
{
  GObject parent_instance;

  TesseraDBusAuthority *credentials;
  guint64 last_id;
  guint n_open;             /* questions that polkit has not answered */
  GHashTable *open_of_user; /* uid -> guint */
};

static void authority_iface_init (TesseraDBusAuthorityInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseradPolkitAuthority,
                               tesserad_polkit_authority,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (TESSERA_DBUS_TYPE_AUTHORITY,
                                                      authority_iface_init))

typedef struct
{
  GDBusMethodInvocation *invocation;
  TesseradPolkitAuthority *authority; /* borrowed: held by the task */
  char *action;                       /* as polkit calls it */
  char *id;                           /* to take the question back */
  gboolean open;
  guint32 uid; /* of the caller, once it is open */
} Question;

static guint
get_open (TesseradPolkitAuthority *self, guint32 uid)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (self->open_of_user, GUINT_TO_POINTER (uid)));
}

static void
count (TesseradPolkitAuthority *self, guint32 uid, int change)
{
  guint now = (guint) ((int) get_open (self, uid) + change);

  self->n_open = (guint) ((int) self->n_open + change);
  if (now == 0)
    g_hash_table_remove (self->open_of_user, GUINT_TO_POINTER (uid));
  else
    g_hash_table_insert (self->open_of_user, GUINT_TO_POINTER (uid), GUINT_TO_POINTER (now));
}

static gboolean
question_open (Question *self, guint32 uid)
{
  if (self->authority->n_open >= QUESTIONS_MAX
      || get_open (self->authority, uid) >= QUESTIONS_OF_USER_MAX)
    return FALSE;
  self->uid = uid;
  self->open = TRUE;
  count (self->authority, uid, 1);
  return TRUE;
}

static void
question_close (Question *self)
{
  if (self->open)
    count (self->authority, self->uid, -1);
  self->open = FALSE;
}

static void
question_free (Question *self)
{
  g_object_unref (self->invocation);
  g_free (self->action);
  g_free (self->id);
  g_free (self);
}

/* Nobody waits for the answer any more; a dialogue that is open closes. */
static void
take_back (Question *question, GDBusConnection *connection)
{
  g_dbus_connection_call (connection, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE,
                          "CancelCheckAuthorization", g_variant_new ("(s)", question->id), NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL, NULL);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GDBusConnection *connection = G_DBUS_CONNECTION (source);
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (connection, result, &error);
  gboolean may = FALSE;

  question_close (g_task_get_task_data (task));
  if (reply == NULL)
    {
      if (!g_dbus_error_is_remote_error (error))
        take_back (g_task_get_task_data (task), connection);
      g_task_return_error (task, error);
      return;
    }
  g_variant_get (reply, "((bb@a{ss}))", &may, NULL, NULL);
  g_task_return_boolean (task, may);
}

static GVariant *
describe_caller (const char *sender)
{
  GVariantBuilder details;

  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&details, "{sv}", "name", g_variant_new_string (sender));
  return g_variant_new ("(sa{sv})", "system-bus-name", &details);
}

/* Takes @task. */
static void
ask (GTask *task)
{
  Question *question = g_task_get_task_data (task);
  GDBusMessage *message = g_dbus_method_invocation_get_message (question->invocation);
  GDBusMessageFlags flags = g_dbus_message_get_flags (message);
  gboolean interactive = (flags & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;
  const char *sender = g_dbus_method_invocation_get_sender (question->invocation);

  g_dbus_connection_call (g_dbus_method_invocation_get_connection (question->invocation),
                          POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
                          g_variant_new ("(@(sa{sv})s@a{ss}us)", describe_caller (sender),
                                         question->action,
                                         g_variant_new_array (G_VARIANT_TYPE ("{ss}"), NULL, 0),
                                         interactive ? ALLOW_USER_INTERACTION : 0u, question->id),
                          G_VARIANT_TYPE ("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE, ANSWER_MS,
                          g_task_get_cancellable (task), on_answer, task);
}

static void
on_uid (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  guint32 uid = 0;

  if (reply == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  g_variant_get (reply, "(u)", &uid);
  if (question_open (g_task_get_task_data (task), uid))
    ask (g_steal_pointer (&task));
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_BUSY,
                             "Too many questions of user %u are open", uid);
}

/* Takes @task. Whose questions these are: a user can have many connections. */
static void
ask_whose (GTask *task)
{
  Question *question = g_task_get_task_data (task);

  g_dbus_connection_call (
      g_dbus_method_invocation_get_connection (question->invocation), "org.freedesktop.DBus",
      "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixUser",
      g_variant_new ("(s)", g_dbus_method_invocation_get_sender (question->invocation)),
      G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, g_task_get_cancellable (task), on_uid,
      task);
}

static gboolean
is_on_bus (GDBusMethodInvocation *invocation)
{
  return g_dbus_connection_get_unique_name (g_dbus_method_invocation_get_connection (invocation))
         != NULL;
}

/* An error here is a caller that has gone: no reason to ask anybody else. */
static void
on_credentials (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Question *question = g_task_get_task_data (task);
  GError *error = NULL;
  gboolean may
      = tessera_dbus_authority_check_finish (TESSERA_DBUS_AUTHORITY (source), result, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else if (may || !is_on_bus (question->invocation))
    g_task_return_boolean (task, may);
  else
    ask_whose (g_steal_pointer (&task));
}

static void
check_async (TesseraDBusAuthority *authority,
             GDBusMethodInvocation *invocation,
             const char *action,
             GCancellable *cancellable,
             GAsyncReadyCallback callback,
             gpointer user_data)
{
  TesseradPolkitAuthority *self = TESSERAD_POLKIT_AUTHORITY (authority);
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Question *question = g_new0 (Question, 1);

  question->authority = self;
  question->invocation = g_object_ref (invocation);
  question->action = g_strconcat (TESSERA_DBUS_NAME ".", action, NULL);
  question->id = g_strdup_printf ("tesserad-%" G_GUINT64_FORMAT, ++self->last_id);
  g_task_set_task_data (task, question, (GDestroyNotify) question_free);
  tessera_dbus_authority_check_async (self->credentials, invocation, action, cancellable,
                                      on_credentials, task);
}

static gboolean
check_finish (TesseraDBusAuthority *authority, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
authority_iface_init (TesseraDBusAuthorityInterface *iface)
{
  iface->check_async = check_async;
  iface->check_finish = check_finish;
}

static void
tesserad_polkit_authority_finalize (GObject *object)
{
  TesseradPolkitAuthority *self = TESSERAD_POLKIT_AUTHORITY (object);

  g_clear_object (&self->credentials);
  g_clear_pointer (&self->open_of_user, g_hash_table_unref);
  G_OBJECT_CLASS (tesserad_polkit_authority_parent_class)->finalize (object);
}

static void
tesserad_polkit_authority_class_init (TesseradPolkitAuthorityClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tesserad_polkit_authority_finalize;
}

static void
tesserad_polkit_authority_init (TesseradPolkitAuthority *self)
{
  self->credentials = tessera_dbus_credentials_authority_new ();
  self->open_of_user = g_hash_table_new (NULL, NULL);
}

TesseraDBusAuthority *
tesserad_polkit_authority_new (void)
{
  return g_object_new (TESSERAD_TYPE_POLKIT_AUTHORITY, NULL);
}
