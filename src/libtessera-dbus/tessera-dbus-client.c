/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.tessera.Tessera1.Client: one client, to look at and to change. */

#include "tessera-dbus-call-private.h"
#include "tessera-dbus-interfaces.h"
#include "tessera-dbus-path-private.h"
#include "tessera-dbus-registration-private.h"

#include <string.h>

static char *
dup_client_id (TesseraDBusCall *call)
{
  return tessera_dbus_path_dup_id (g_dbus_method_invocation_get_object_path (call->invocation));
}

static void
get_registration (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *client_id = dup_client_id (call);
  g_autoptr (TesseraClient) client
      = tessera_server_lookup_client (tessera_dbus_call_get_server (call), client_id);

  if (client == NULL)
    tessera_dbus_call_fail (call,
                            g_error_new_literal (TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                                                 "There is no such client."));
  else
    tessera_dbus_call_return (call, g_variant_new ("(@a{sv})",
                                                   tessera_dbus_registration_from_client (client)));
}

static void
on_updated (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  if (tessera_server_update_client_finish (TESSERA_SERVER (source), result, &error))
    tessera_dbus_call_return (data, NULL);
  else
    tessera_dbus_call_fail (data, error);
}

static void
update (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *client_id = dup_client_id (call);
  g_autoptr (GVariant) registration
      = g_variant_get_child_value (tessera_dbus_call_get_parameters (call), 0);
  GError *error = NULL;
  g_autoptr (TesseraClient) client
      = tessera_dbus_registration_to_client (registration, client_id, &error);

  if (client == NULL)
    tessera_dbus_call_fail (call, error);
  else
    tessera_server_update_client_async (tessera_dbus_call_get_server (call), client, NULL,
                                        on_updated, call);
}

static void
on_disabled (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  if (tessera_server_disable_client_finish (TESSERA_SERVER (source), result, &error))
    tessera_dbus_call_return (data, NULL);
  else
    tessera_dbus_call_fail (data, error);
}

static void
set_disabled (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *client_id = dup_client_id (call);
  gboolean disabled = FALSE;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(b)", &disabled);
  tessera_server_disable_client_async (tessera_dbus_call_get_server (call), client_id, disabled,
                                       NULL, on_disabled, call);
}

static void
on_rotated (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  char *secret
      = tessera_server_rotate_client_secret_finish (TESSERA_SERVER (source), result, &error);

  if (secret == NULL)
    {
      tessera_dbus_call_fail (data, error);
      return;
    }
  tessera_dbus_call_return (data, g_variant_new ("(s)", secret));
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

static void
rotate_secret (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *client_id = dup_client_id (call);
  gboolean keep_previous = FALSE;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(b)", &keep_previous);
  tessera_server_rotate_client_secret_async (tessera_dbus_call_get_server (call), client_id,
                                             keep_previous, NULL, on_rotated, call);
}

static void
on_removed (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  if (tessera_server_remove_client_finish (TESSERA_SERVER (source), result, &error))
    tessera_dbus_call_return (data, NULL);
  else
    tessera_dbus_call_fail (data, error);
}

/* What a file declares only the file can remove: it would be back with the next start. */
static gboolean
is_declared (TesseraDBusCall *call, const char *client_id)
{
  g_autoptr (TesseraClient) client
      = tessera_server_lookup_client (tessera_dbus_call_get_server (call), client_id);
  g_autofree char *origin = NULL;

  if (client == NULL)
    return FALSE;
  g_object_get (client, "origin", &origin, NULL);
  if (origin == NULL)
    return FALSE;
  tessera_dbus_call_fail (call,
                          g_error_new (TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED,
                                       "Client %s is declared by %s, which alone can remove it.",
                                       client_id, origin));
  return TRUE;
}

static void
remove_client (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *client_id = dup_client_id (call);

  if (!is_declared (call, client_id))
    tessera_server_remove_client_async (tessera_dbus_call_get_server (call), client_id, NULL,
                                        on_removed, call);
}

static const TesseraDBusMethod methods[] = {
  { "GetRegistration", TESSERA_DBUS_ACTION_READ, get_registration },
  { "Update", TESSERA_DBUS_ACTION_MANAGE_CLIENTS, update, TESSERA_DBUS_ABOUT_PATH },
  { "SetDisabled", TESSERA_DBUS_ACTION_MANAGE_CLIENTS, set_disabled, TESSERA_DBUS_ABOUT_PATH },
  { "RotateSecret", TESSERA_DBUS_ACTION_MANAGE_CLIENTS, rotate_secret, TESSERA_DBUS_ABOUT_PATH },
  { "Remove", TESSERA_DBUS_ACTION_MANAGE_CLIENTS, remove_client, TESSERA_DBUS_ABOUT_PATH },
  { NULL },
};

const TesseraDBusInterface tessera_dbus_client
    = { &org_tessera_tessera1_client_interface, methods, NULL };
