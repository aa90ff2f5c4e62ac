/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initial access tokens, as the manager makes, lists and revokes them (RFC 7591 §3). */

#include "tessera-dbus-initial-tokens-private.h"

#include "tessera-dbus-call-private.h"

#include <string.h>

#define LIMIT_MAX 1000 /* entries a page */
#define USUAL_LIFETIME (7 * 24 * 60 * 60)

typedef struct
{
  const char *note; /* borrowed; or NULL */
  guint lifetime;
  guint max_uses;
} Options;

static gboolean
refuse (GError **error, const char *name, const char *reason)
{
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "%s %s", name, reason);
  return FALSE;
}

static gboolean
read_option (Options *self, const char *name, GVariant *value, GError **error)
{
  gboolean number = g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32);

  if (g_str_equal (name, "note") && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    self->note = g_variant_get_string (value, NULL);
  else if (g_str_equal (name, "lifetime") && number && g_variant_get_uint32 (value) > 0)
    self->lifetime = g_variant_get_uint32 (value);
  else if (g_str_equal (name, "max_uses") && number)
    self->max_uses = g_variant_get_uint32 (value);
  else
    return refuse (error, name, "is no option, or has a value of the wrong type");
  return TRUE;
}

static gboolean
read_options (Options *self, GVariant *options, GError **error)
{
  gsize n = g_variant_n_children (options);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) value = NULL;
      const char *name = NULL;

      g_variant_get_child (options, i, "{&sv}", &name, &value);
      if (!read_option (self, name, value, error))
        return FALSE;
    }
  return TRUE;
}

static void
on_created (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autofree char *id = NULL;
  char *token = tessera_server_create_initial_access_token_finish (TESSERA_SERVER (source), result,
                                                                   &id, &error);

  if (token == NULL)
    {
      tessera_dbus_call_fail (data, error);
      return;
    }
  tessera_dbus_call_return (data, g_variant_new ("(ss)", id, token));
  explicit_bzero (token, strlen (token));
  g_free (token);
}

void
tessera_dbus_initial_tokens_create (gpointer data)
{
  TesseraDBusCall *call = data;
  g_autoptr (GVariant) dictionary
      = g_variant_get_child_value (tessera_dbus_call_get_parameters (call), 0);
  Options options = { NULL, USUAL_LIFETIME, 1 };
  GError *error = NULL;

  if (!read_options (&options, dictionary, &error))
    tessera_dbus_call_fail (call, error);
  else
    tessera_server_create_initial_access_token_async (tessera_dbus_call_get_server (call),
                                                      options.note, options.lifetime,
                                                      options.max_uses, NULL, on_created, call);
}

static void
add_token (GVariantBuilder *list, const TesseraInitialAccessToken *token)
{
  const char *note = tessera_initial_access_token_get_note (token);

  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (list, "{sv}", "id",
                         g_variant_new_string (tessera_initial_access_token_get_id (token)));
  g_variant_builder_add (list, "{sv}", "note", g_variant_new_string (note != NULL ? note : ""));
  g_variant_builder_add (list, "{sv}", "created_at",
                         g_variant_new_int64 (tessera_initial_access_token_get_created_at (token)));
  g_variant_builder_add (list, "{sv}", "expires_at",
                         g_variant_new_int64 (tessera_initial_access_token_get_expires_at (token)));
  g_variant_builder_add (list, "{sv}", "max_uses",
                         g_variant_new_uint32 (tessera_initial_access_token_get_max_uses (token)));
  g_variant_builder_add (list, "{sv}", "uses",
                         g_variant_new_uint32 (tessera_initial_access_token_get_uses (token)));
  g_variant_builder_close (list);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) page
      = tessera_server_list_initial_access_tokens_finish (TESSERA_SERVER (source), result, &error);
  GVariantBuilder list;

  if (page == NULL)
    {
      tessera_dbus_call_fail (data, error);
      return;
    }
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->len; i++)
    add_token (&list, page->pdata[i]);
  tessera_dbus_call_return (data, g_variant_new ("(aa{sv})", &list));
}

void
tessera_dbus_initial_tokens_list (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *after = NULL;
  guint limit = 0;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&su)", &after, &limit);
  tessera_server_list_initial_access_tokens_async (tessera_dbus_call_get_server (call), after,
                                                   CLAMP (limit, 1, LIMIT_MAX), NULL, on_listed,
                                                   call);
}

static void
on_revoked (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  if (tessera_server_revoke_initial_access_token_finish (TESSERA_SERVER (source), result, &error))
    tessera_dbus_call_return (data, NULL);
  else
    tessera_dbus_call_fail (data, error);
}

void
tessera_dbus_initial_tokens_revoke (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *id = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s)", &id);
  tessera_server_revoke_initial_access_token_async (tessera_dbus_call_get_server (call), id, NULL,
                                                    on_revoked, call);
}
