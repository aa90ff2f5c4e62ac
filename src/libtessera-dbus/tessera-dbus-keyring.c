/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.tessera.Tessera1.KeyRing and .Key: the signing keys, to rotate, retire and revoke. */

#include "tessera-dbus-call-private.h"
#include "tessera-dbus-interfaces.h"
#include "tessera-dbus-path-private.h"

static void
on_rotated (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = tessera_server_rotate_key_finish (TESSERA_SERVER (source), result, &error);

  tessera_dbus_call_finish (data, done, error);
}

static void
rotate (gpointer data)
{
  TesseraDBusCall *call = data;
  gboolean now = FALSE;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(b)", &now);
  tessera_server_rotate_key_async (tessera_dbus_call_get_server (call), now, NULL, on_rotated,
                                   call);
}

static const TesseraDBusMethod keyring_methods[] = {
  { "Rotate", TESSERA_DBUS_ACTION_MANAGE_KEYS, rotate },
  { NULL },
};

const TesseraDBusInterface tessera_dbus_keyring
    = { &org_tessera_tessera1_key_ring_interface, keyring_methods, NULL };

static char *
dup_kid (TesseraDBusCall *call)
{
  return tessera_dbus_path_dup_id (g_dbus_method_invocation_get_object_path (call->invocation));
}

static void
on_retired (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = tessera_server_retire_key_finish (TESSERA_SERVER (source), result, &error);

  tessera_dbus_call_finish (data, done, error);
}

static void
retire (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *kid = dup_kid (call);

  tessera_server_retire_key_async (tessera_dbus_call_get_server (call), kid, NULL, on_retired,
                                   call);
}

static void
on_revoked (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = tessera_server_revoke_key_finish (TESSERA_SERVER (source), result, &error);

  tessera_dbus_call_finish (data, done, error);
}

static void
revoke_key (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autofree char *kid = dup_kid (call);

  tessera_server_revoke_key_async (tessera_dbus_call_get_server (call), kid, NULL, on_revoked,
                                   call);
}

static const TesseraDBusMethod key_methods[] = {
  { "Retire", TESSERA_DBUS_ACTION_MANAGE_KEYS, retire, TESSERA_DBUS_ABOUT_PATH },
  { "Revoke", TESSERA_DBUS_ACTION_MANAGE_KEYS, revoke_key, TESSERA_DBUS_ABOUT_PATH },
  { NULL },
};

/* "KID ALGORITHM STATE", split; NULL: there is no such key. */
static char **
find_key (TesseraServer *server, const char *kid)
{
  g_auto (GStrv) keys = tessera_server_list_keys (server);

  for (guint i = 0; keys[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (keys[i], " ", 3);
      if (g_str_equal (words[0], kid))
        return g_steal_pointer (&words);
    }
  return NULL;
}

static GVariant *
get_key_property (TesseraDBusExport *export, const char *kid, const char *name)
{
  g_auto (GStrv) words = find_key (export->server, kid);

  if (words == NULL)
    return NULL;
  if (g_str_equal (name, "Kid"))
    return g_variant_ref_sink (g_variant_new_string (words[0]));
  if (g_str_equal (name, "Algorithm"))
    return g_variant_ref_sink (g_variant_new_string (words[1]));
  return g_variant_ref_sink (g_variant_new_string (words[2]));
}

const TesseraDBusInterface tessera_dbus_key
    = { &org_tessera_tessera1_key_interface, key_methods, get_key_property };
