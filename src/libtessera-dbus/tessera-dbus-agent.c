/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that decides logins, as org.tessera.Tessera1.Agent (design.md §9). */

#include "tessera-dbus-agent-private.h"

#include "tessera-dbus-interfaces.h"

#include <string.h>

#define TIMEOUT_DEFAULT 60 /* seconds */
/* A held login lasts 120 s: another agent can still be asked, and an answer can still be given. */
#define TIMEOUT_MAX 110

/* FALSE: something that is no option, of a wrong type, or there twice. */
static gboolean
read_options (TesseraDBusAgent *self, GVariant *options, GError **error)
{
  gsize n_read = 0;

  if (g_variant_lookup (options, "priority", "i", &self->priority))
    n_read++;
  if (g_variant_lookup (options, "timeout", "u", &self->timeout))
    n_read++;
  if (n_read == g_variant_n_children (options) && self->timeout >= 1
      && self->timeout <= TIMEOUT_MAX)
    return TRUE;
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
               "The options are priority (i) and timeout (u, 1 to %d seconds)", TIMEOUT_MAX);
  return FALSE;
}

TesseraDBusAgent *
tessera_dbus_agent_new (GDBusConnection *connection,
                        const char *sender,
                        const char *path,
                        GVariant *options,
                        GError **error)
{
  g_autoptr (TesseraDBusAgent) self = g_new0 (TesseraDBusAgent, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->connection = g_object_ref (connection);
  self->sender = g_strdup (sender);
  self->path = g_strdup (path);
  self->timeout = TIMEOUT_DEFAULT;
  return read_options (self, options, error) ? g_steal_pointer (&self) : NULL;
}

TesseraDBusAgent *
tessera_dbus_agent_ref (TesseraDBusAgent *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
tessera_dbus_agent_unref (TesseraDBusAgent *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  tessera_dbus_agent_unwatch (self);
  g_object_unref (self->connection);
  g_free (self->sender);
  g_free (self->path);
  g_free (self);
}

gboolean
tessera_dbus_agent_is (TesseraDBusAgent *self,
                       GDBusConnection *connection,
                       const char *sender,
                       const char *path)
{
  return self->connection == connection && g_strcmp0 (self->sender, sender) == 0
         && g_str_equal (self->path, path);
}

char *
tessera_dbus_agent_dup_name (TesseraDBusAgent *self)
{
  return g_strconcat (self->sender != NULL ? self->sender : "peer", self->path, NULL);
}

/* Whether it is still there. */

static void
tell_gone (TesseraDBusAgent *self)
{
  TesseraDBusAgentGone gone = g_steal_pointer (&self->gone);

  if (gone != NULL)
    gone (self, self->data);
}

static void
on_name_vanished (GDBusConnection *connection, const char *name, gpointer data)
{
  tell_gone (data);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
  tell_gone (data);
}

void
tessera_dbus_agent_watch (TesseraDBusAgent *self, TesseraDBusAgentGone gone, gpointer data)
{
  self->gone = gone;
  self->data = data;
  self->closed = g_signal_connect (self->connection, "closed", G_CALLBACK (on_closed), self);
  if (self->sender != NULL && !g_dbus_connection_is_closed (self->connection))
    self->name_watch = g_bus_watch_name_on_connection (self->connection, self->sender,
                                                       G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                                       on_name_vanished, self, NULL);
}

void
tessera_dbus_agent_unwatch (TesseraDBusAgent *self)
{
  self->gone = NULL;
  g_clear_signal_handler (&self->closed, self->connection);
  g_clear_handle_id (&self->name_watch, g_bus_unwatch_name);
}

/* Calls */

static void
scrub_bytes (gpointer data)
{
  GByteArray *bytes = data;

  explicit_bzero (bytes->data, bytes->len);
  g_byte_array_unref (bytes);
}

/* The bytes are overwritten when they are not needed any more. */
static GVariant *
take_bytes (const GVariantType *type, GByteArray *bytes)
{
  return g_variant_new_from_data (type, bytes->data, bytes->len, TRUE, scrub_bytes, bytes);
}

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  if (text != NULL)
    g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text));
}

static void
add_secret (GVariantBuilder *builder, const char *name, const char *text)
{
  if (text == NULL)
    return;
  guint size = (guint) strlen (text) + 1;
  GByteArray *bytes = g_byte_array_sized_new (size);
  g_byte_array_append (bytes, (const guint8 *) text, size);
  g_variant_builder_add (builder, "{sv}", name, take_bytes (G_VARIANT_TYPE_STRING, bytes));
}

static GVariant *
describe (TesseraAuthentication *authentication)
{
  TesseraClient *client = tessera_authentication_get_client (authentication);
  GVariantBuilder details;

  g_variant_builder_init (&details, G_VARIANT_TYPE_VARDICT);
  add_text (&details, "username", tessera_authentication_get_username (authentication));
  add_secret (&details, "password", tessera_authentication_get_password (authentication));
  add_secret (&details, "answer", tessera_authentication_get_answer (authentication));
  add_text (&details, "client_id", client != NULL ? tessera_client_get_id (client) : NULL);
  add_text (&details, "client_name", client != NULL ? tessera_client_get_name (client) : NULL);
  add_text (&details, "remote_address", tessera_authentication_get_remote_address (authentication));
  g_variant_builder_add (&details, "{sv}", "scopes",
                         g_variant_new_strv (tessera_authentication_get_scopes (authentication),
                                             -1));
  g_variant_builder_add (&details, "{sv}", "step",
                         g_variant_new_uint32 (tessera_authentication_get_step (authentication)));
  return g_variant_builder_end (&details);
}

/* GDBus makes a message of it, whose bytes are out of our hands; all before them we overwrite. */
static GVariant *
make_question (TesseraAuthentication *authentication)
{
  g_autoptr (GVariant) tree = g_variant_ref_sink (g_variant_new (
      "(s@a{sv})", tessera_authentication_get_id (authentication), describe (authentication)));
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_set_size (bytes, (guint) g_variant_get_size (tree));
  g_variant_store (tree, bytes->data);
  return take_bytes (G_VARIANT_TYPE ("(sa{sv})"), bytes);
}

void
tessera_dbus_agent_authenticate (TesseraDBusAgent *self,
                                 TesseraAuthentication *authentication,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer data)
{
  g_autoptr (GDBusMessage) message
      = g_dbus_message_new_method_call (self->sender, self->path,
                                        org_tessera_tessera1_agent_interface.name, "Authenticate");

  g_dbus_message_set_flags (message, G_DBUS_MESSAGE_FLAGS_NO_AUTO_START);
  g_dbus_message_set_body (message, make_question (authentication));
  g_dbus_connection_send_message_with_reply (self->connection, message,
                                             G_DBUS_SEND_MESSAGE_FLAGS_NONE, G_MAXINT, NULL,
                                             cancellable, callback, data);
}

/* The bus itself says that the agent has gone; it allows nothing. */
static gboolean
is_from_bus (GDBusMessage *reply)
{
  return g_dbus_message_get_message_type (reply) == G_DBUS_MESSAGE_TYPE_ERROR
         && g_strcmp0 (g_dbus_message_get_sender (reply), "org.freedesktop.DBus") == 0;
}

/* GDBus takes whatever has the number of the question for its answer, and a session bus lets
 * everybody send that. */
GVariant *
tessera_dbus_agent_authenticate_finish (TesseraDBusAgent *self,
                                        GAsyncResult *result,
                                        GError **error)
{
  g_autoptr (GDBusMessage) reply
      = g_dbus_connection_send_message_with_reply_finish (self->connection, result, error);
  GVariant *body = NULL;

  if (reply == NULL)
    return NULL;
  if (self->sender != NULL && g_strcmp0 (g_dbus_message_get_sender (reply), self->sender) != 0
      && !is_from_bus (reply))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "from somebody else");
      return NULL;
    }
  if (g_dbus_message_to_gerror (reply, error))
    return NULL;
  body = g_dbus_message_get_body (reply);
  if (body != NULL && g_variant_is_of_type (body, G_VARIANT_TYPE ("(sa{sv})")))
    return g_variant_ref (body);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "of a wrong type");
  return NULL;
}

/* NoReply is what a bus says when the callee has left. Objects that are not there have no methods,
 * as GDBus and others say it. */
gboolean
tessera_dbus_agent_is_unreachable (const GError *error)
{
  static const int dbus_codes[] = { G_DBUS_ERROR_SERVICE_UNKNOWN,  G_DBUS_ERROR_NAME_HAS_NO_OWNER,
                                    G_DBUS_ERROR_NO_REPLY,         G_DBUS_ERROR_DISCONNECTED,
                                    G_DBUS_ERROR_UNKNOWN_OBJECT,   G_DBUS_ERROR_UNKNOWN_METHOD,
                                    G_DBUS_ERROR_UNKNOWN_INTERFACE };

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (dbus_codes); i++)
    if (g_error_matches (error, G_DBUS_ERROR, dbus_codes[i]))
      return TRUE;
  return FALSE;
}

/* What no answer is wanted to. */
static void
tell (TesseraDBusAgent *self, const char *method, GVariant *floating)
{
  g_dbus_connection_call (self->connection, self->sender, self->path,
                          org_tessera_tessera1_agent_interface.name, method, floating, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL, NULL);
}

void
tessera_dbus_agent_cancel (TesseraDBusAgent *self, const char *id)
{
  tell (self, "Cancel", g_variant_new ("(s)", id));
}

void
tessera_dbus_agent_release (TesseraDBusAgent *self)
{
  tell (self, "Release", NULL);
}
