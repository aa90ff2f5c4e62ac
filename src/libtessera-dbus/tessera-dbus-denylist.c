/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.tessera.Tessera1.DenyList: what is refused, to follow (design.md §5, §9). */

#include "tessera-dbus-call-private.h"
#include "tessera-dbus-interfaces.h"

#define LIMIT_MAX 10000 /* entries an answer */

/* Up to when tokens were issued that are refused, or else until when it matters; 0: for ever. */
static guint64
get_time (const TesseraDenial *denial)
{
  gint64 instant = tessera_denial_get_instant_ms (denial);
  gint64 expires = tessera_denial_get_expires_ms (denial);

  if (instant != 0)
    return (guint64) instant;
  return expires != G_MAXINT64 ? (guint64) expires : 0;
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  TesseraDBusCall *call = data;
  GError *error = NULL;
  guint64 cursor = 0;
  gboolean reset = FALSE;
  g_autoptr (GPtrArray) denials
      = tessera_server_list_denials_finish (TESSERA_SERVER (source), result, &cursor, &reset,
                                            &error);
  GVariantBuilder entries;

  if (denials == NULL)
    {
      tessera_dbus_call_fail (call, error);
      return;
    }
  g_variant_builder_init (&entries, G_VARIANT_TYPE ("a(tsst)"));
  for (guint i = 0; i < denials->len; i++)
    {
      const TesseraDenial *denial = denials->pdata[i];
      g_variant_builder_add (&entries, "(tsst)", tessera_denial_get_generation (denial),
                             tessera_denial_get_rule (denial), tessera_denial_get_value (denial),
                             get_time (denial));
    }
  tessera_dbus_call_return (call, g_variant_new ("(a(tsst)tb)", &entries, cursor, reset));
}

static void
changes (gpointer data)
{
  TesseraDBusCall *call = data;
  guint64 since = 0;
  guint limit = 0;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(tu)", &since, &limit);
  tessera_server_list_denials_async (tessera_dbus_call_get_server (call), since,
                                     CLAMP (limit, 1, LIMIT_MAX), NULL, on_listed, call);
}

static void
on_shared (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  int fd = tessera_server_share_denials_finish (TESSERA_SERVER (source), result, &error);

  if (fd < 0)
    tessera_dbus_call_fail (data, error);
  else
    tessera_dbus_call_return_fd (data, fd);
}

static void
open_shared (gpointer data)
{
  tessera_server_share_denials_async (tessera_dbus_call_get_server (data), NULL, on_shared, data);
}

static const TesseraDBusMethod methods[] = {
  { "Changes", TESSERA_DBUS_ACTION_READ, changes },
  { "OpenShared", TESSERA_DBUS_ACTION_FOLLOW, open_shared },
  { NULL },
};

static GVariant *
get_property (TesseraDBusExport *export, const char *id, const char *name)
{
  guint64 value = g_str_equal (name, "Cursor") ? tessera_server_get_generation (export->server)
                                               : tessera_server_get_n_denials (export->server);

  return g_variant_ref_sink (g_variant_new_uint64 (value));
}

const TesseraDBusInterface tessera_dbus_denylist
    = { &org_tessera_tessera1_deny_list_interface, methods, get_property };
