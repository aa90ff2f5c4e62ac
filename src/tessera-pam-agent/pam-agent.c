/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers the service's questions: each login has a process of its own, and there are only so many
 * of them. */

#include "pam-agent.h"

#include "pam-login.h"
#include "tessera-dbus-interfaces.h"

#include <string.h>

#define AGENT_PATH "/org/tessera/PamAgent"
#define MANAGER_PATH "/org/tessera/Tessera1/manager"
#define MANAGER "org.tessera.Tessera1.Manager"
#define LOGINS_MAX 32
#define TEXT_MAX 1024 /* bytes, of each thing a person typed */
#define MARGIN_SECONDS 5

struct _PamAgent
{
  GDBusConnection *connection;
  const char *const *arguments;
  guint seconds;
  guint registration;
  char *service;
  GPtrArray *logins; /* PamLogin*, the oldest first */
};

static PamLogin *
find_login (PamAgent *self, const char *id)
{
  for (guint i = 0; i < self->logins->len; i++)
    if (g_str_equal (pam_login_get_id (self->logins->pdata[i]), id))
      return self->logins->pdata[i];
  return NULL;
}

static void
on_over (PamLogin *login, gpointer data)
{
  g_ptr_array_remove (((PamAgent *) data)->logins, login);
}

/* Whoever has not answered a question for the longest time makes room. */
static gboolean
make_room (PamAgent *self)
{
  for (guint i = 0; self->logins->len >= LOGINS_MAX && i < self->logins->len; i++)
    if (pam_login_is_idle (self->logins->pdata[i]))
      g_ptr_array_remove_index (self->logins, i);
  return self->logins->len < LOGINS_MAX;
}

static void
refuse (GDBusMethodInvocation *invocation, int code, const char *why)
{
  g_message ("refused: %s", why);
  g_dbus_method_invocation_return_error_literal (invocation, G_DBUS_ERROR, code, why);
}

static void
begin (PamAgent *self, const char *id, GVariant *details, GDBusMethodInvocation *invocation)
{
  g_autoptr (GError) error = NULL;
  const char *username = NULL, *password = NULL, *remote_address = "";
  PamLogin *login = NULL;

  g_variant_lookup (details, "remote_address", "&s", &remote_address);
  if (find_login (self, id) != NULL || !g_variant_lookup (details, "username", "&s", &username)
      || !g_variant_lookup (details, "password", "&s", &password)
      || MAX (strlen (username), strlen (password)) > TEXT_MAX
      || strlen (remote_address) > TEXT_MAX)
    {
      refuse (invocation, G_DBUS_ERROR_INVALID_ARGS, "Not a login");
      return;
    }
  if (!make_room (self))
    {
      refuse (invocation, G_DBUS_ERROR_LIMITS_EXCEEDED, "Too many logins are under way");
      return;
    }
  login = pam_login_new (id, self->arguments, self->seconds, on_over, self, &error);
  if (login == NULL)
    {
      refuse (invocation, G_DBUS_ERROR_FAILED, "No process for the login could be started");
      return;
    }
  g_ptr_array_add (self->logins, login);
  pam_login_begin (login, username, password, remote_address, invocation);
}

static void
go_on (PamAgent *self, const char *id, GVariant *details, GDBusMethodInvocation *invocation)
{
  PamLogin *login = find_login (self, id);
  const char *answer = NULL;

  if (login == NULL || !pam_login_is_idle (login)
      || !g_variant_lookup (details, "answer", "&s", &answer) || strlen (answer) > TEXT_MAX)
    refuse (invocation, G_DBUS_ERROR_INVALID_ARGS, "Not asked");
  else
    pam_login_answer (login, answer, invocation);
}

static void
authenticate (PamAgent *self, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  g_autoptr (GVariant) details = NULL;
  const char *id = NULL;
  guint32 step = 0;

  g_variant_get (parameters, "(&s@a{sv})", &id, &details);
  g_variant_lookup (details, "step", "u", &step);
  if (step == 0)
    begin (self, id, details, invocation);
  else
    go_on (self, id, details, invocation);
}

static void
cancel (PamAgent *self, GVariant *parameters)
{
  const char *id = NULL;

  g_variant_get (parameters, "(&s)", &id);
  PamLogin *login = find_login (self, id);
  if (login != NULL)
    g_ptr_array_remove (self->logins, login);
}

/* Others on the bus could guess passwords here without anybody counting. */
static gboolean
is_service (PamAgent *self, const char *sender)
{
  return g_dbus_connection_get_unique_name (self->connection) == NULL
         || (self->service != NULL && g_strcmp0 (sender, self->service) == 0);
}

static void
on_method_call (GDBusConnection *connection,
                const char *sender,
                const char *path,
                const char *interface,
                const char *method,
                GVariant *parameters,
                GDBusMethodInvocation *invocation,
                gpointer data)
{
  PamAgent *self = data;

  if (!is_service (self, sender))
    {
      refuse (invocation, G_DBUS_ERROR_ACCESS_DENIED, "Only the service may ask");
      return;
    }
  if (g_str_equal (method, "Authenticate"))
    {
      authenticate (self, parameters, invocation);
      return;
    }
  if (g_str_equal (method, "Cancel"))
    cancel (self, parameters);
  else
    g_ptr_array_set_size (self->logins, 0);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

void
pam_agent_free (PamAgent *self)
{
  g_dbus_connection_unregister_object (self->connection, self->registration);
  g_ptr_array_unref (self->logins);
  g_object_unref (self->connection);
  g_free (self->service);
  g_free (self);
}

PamAgent *
pam_agent_new (GDBusConnection *connection,
               const char *const *arguments,
               guint seconds,
               GError **error)
{
  static const GDBusInterfaceVTable vtable = { on_method_call, NULL, NULL, { NULL } };
  PamAgent *self = g_new0 (PamAgent, 1);

  self->connection = g_object_ref (connection);
  self->arguments = arguments;
  self->seconds = seconds;
  self->logins = g_ptr_array_new_with_free_func ((GDestroyNotify) pam_login_free);
  self->registration = g_dbus_connection_register_object (
      connection, AGENT_PATH, (GDBusInterfaceInfo *) &org_tessera_tessera1_agent_interface, &vtable,
      self, NULL, error);
  if (self->registration != 0)
    return self;
  pam_agent_free (self);
  return NULL;
}

void
pam_agent_set_service (PamAgent *self, const char *name)
{
  g_ptr_array_set_size (self->logins, 0);
  g_free (self->service);
  self->service = g_strdup (name);
}

gboolean
pam_agent_register (PamAgent *self, int priority, GError **error)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "priority", "i", priority);
  g_variant_dict_insert (&options, "timeout", "u", self->seconds + MARGIN_SECONDS);
  g_autoptr (GVariant) done = g_dbus_connection_call_sync (
      self->connection, self->service, MANAGER_PATH, MANAGER, "RegisterAgent",
      g_variant_new ("(o@a{sv})", AGENT_PATH, g_variant_dict_end (&options)), NULL,
      G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, error);
  return done != NULL;
}
