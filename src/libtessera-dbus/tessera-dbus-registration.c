/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients as dictionaries: RFC 7591 §2 beside the properties of TesseraClient. */

#include "tessera-dbus-registration-private.h"

#include <gio/gio.h>

typedef struct
{
  const char *name;     /* on D-Bus */
  const char *property; /* of TesseraClient */
  const char *type;
  gboolean read_only;
} Member;

static const Member members[] = {
  { "client_id", "id", "s", TRUE },
  { "client_name", "name", "s" },
  { "redirect_uris", "redirect-uris", "as" },
  { "post_logout_redirect_uris", "post-logout-redirect-uris", "as" },
  { "backchannel_logout_uri", "backchannel-logout-uri", "s" },
  { "backchannel_logout_session_required", "backchannel-logout-session-required", "b" },
  { "grant_types", "grant-types", "as" },
  { "scope", "scope", "s" },
  { "token_endpoint_auth_method", "token-endpoint-auth-method", "s" },
  { "token_endpoint_auth_signing_alg", "token-endpoint-auth-signing-alg", "s" },
  { "jwks", "jwks", "s" },
  { "request_object_signing_alg", "request-object-signing-alg", "s" },
  { "require_signed_request_object", "require-signed-request-object", "b" },
  { "application_type", "application-type", "s" },
  { "id_token_signed_response_alg", "id-token-signed-response-alg", "s" },
  { "userinfo_signed_response_alg", "userinfo-signed-response-alg", "s" },
  { "subject_type", "subject-type", "s" },
  { "sector_identifier_uri", "sector-identifier-uri", "s" },
  { "resources", "resources", "as" },
  { "audience", "audience", "as" },
  { "introspect", "introspect", "as" },
  { "allowed_origins", "allowed-origins", "as" },
  { "access_token_lifetime", "access-token-lifetime", "i" },
  { "refresh_token_lifetime", "refresh-token-lifetime", "i" },
  { "first_party", "first-party", "b" },
  { "require_pkce", "require-pkce", "b" },
  { "jwks_uri", "jwks-uri", "s" },
  { "client_names", "client-names", "as" },
  { "client_uri", "client-uri", "s" },
  { "logo_uri", "logo-uri", "s" },
  { "policy_uri", "policy-uri", "s" },
  { "tos_uri", "tos-uri", "s" },
  { "contacts", "contacts", "as" },
  { "software_id", "software-id", "s" },
  { "software_version", "software-version", "s" },
  { "initiate_login_uri", "initiate-login-uri", "s" },
  { "default_max_age", "default-max-age", "i" },
  { "require_auth_time", "require-auth-time", "b" },
  { "default_acr_values", "default-acr-values", "as" },
  { "disabled", "disabled", "b", TRUE },
  { "dynamic", "dynamic", "b", TRUE },
  { "registered_at", "registered-at", "x", TRUE },
  { "used_at", "used-at", "x", TRUE },
  { "origin", "origin", "s", TRUE },
};

/* What a number is when nobody has set it: mostly 0. */
static gboolean
is_unsaid (TesseraClient *client, const Member *member, int number)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (client), member->property);

  return number == G_PARAM_SPEC_INT (spec)->default_value;
}

/* NULL: there is nothing to say. */
static GVariant *
get_member (TesseraClient *client, const Member *member)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_object_get_property (G_OBJECT (client), member->property, &value);
  if (G_VALUE_HOLDS_STRING (&value))
    return g_value_get_string (&value) != NULL ? g_variant_new_string (g_value_get_string (&value))
                                               : NULL;
  if (G_VALUE_HOLDS_BOOLEAN (&value))
    return g_variant_new_boolean (g_value_get_boolean (&value));
  if (G_VALUE_HOLDS_INT64 (&value))
    return g_value_get_int64 (&value) != 0 ? g_variant_new_int64 (g_value_get_int64 (&value))
                                           : NULL;
  if (G_VALUE_HOLDS_INT (&value))
    return is_unsaid (client, member, g_value_get_int (&value))
               ? NULL
               : g_variant_new_int32 (g_value_get_int (&value));
  const char *const *list = g_value_get_boxed (&value);
  return list != NULL && *list != NULL ? g_variant_new_strv (list, -1) : NULL;
}

GVariant *
tessera_dbus_registration_from_client (TesseraClient *client)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      GVariant *value = get_member (client, &members[i]);
      if (value != NULL)
        g_variant_builder_add (&builder, "{sv}", members[i].name, value);
    }
  return g_variant_builder_end (&builder);
}

static const Member *
find_member (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (g_str_equal (members[i].name, name))
      return &members[i];
  return NULL;
}

#define AUTH_METHOD "token_endpoint_auth_method"

/* Names and values for g_object_new_with_properties (). */
typedef struct
{
  GPtrArray *names; /* static */
  GArray *values;
} Properties;

static GValue *
add_property (Properties *self, const char *name, GType type)
{
  GValue empty = G_VALUE_INIT;
  g_array_append_val (self->values, empty);
  GValue *value = &g_array_index (self->values, GValue, self->values->len - 1);

  g_ptr_array_add (self->names, (gpointer) name);
  return g_value_init (value, type);
}

static gboolean
refuse (GError **error, const char *name, const char *reason)
{
  g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "%s %s", name, reason);
  return FALSE;
}

static gboolean
take_member (Properties *self, const char *name, GVariant *value, GError **error)
{
  const Member *member = find_member (name);

  if (member == NULL)
    return refuse (error, name, "is not a member of a registration");
  if (member->read_only)
    return TRUE; /* so that what was read can be sent back, changed */
  if (g_ptr_array_find (self->names, member->property, NULL))
    return refuse (error, name, "is there twice");
  if (!g_variant_is_of_type (value, (const GVariantType *) member->type))
    return refuse (error, name, "has a value of the wrong type");
  switch (member->type[0])
    {
    case 's':
      g_value_set_string (add_property (self, member->property, G_TYPE_STRING),
                          g_variant_get_string (value, NULL));
      break;
    case 'b':
      g_value_set_boolean (add_property (self, member->property, G_TYPE_BOOLEAN),
                           g_variant_get_boolean (value));
      break;
    case 'i':
      if (g_variant_get_int32 (value) < 0)
        return refuse (error, name, "is negative");
      g_value_set_int (add_property (self, member->property, G_TYPE_INT),
                       g_variant_get_int32 (value));
      break;
    default:
      g_value_take_boxed (add_property (self, member->property, G_TYPE_STRV),
                          g_variant_dup_strv (value, NULL));
    }
  return TRUE;
}

static void
clear_properties (Properties *self)
{
  g_ptr_array_unref (self->names);
  g_array_unref (self->values);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Properties, clear_properties)

TesseraClient *
tessera_dbus_registration_to_client (GVariant *registration, const char *client_id, GError **error)
{
  g_auto (Properties) properties
      = { g_ptr_array_new (), g_array_new (FALSE, FALSE, sizeof (GValue)) };
  g_autoptr (GVariant) value = NULL;
  const char *name;
  GVariantIter iter;

  g_array_set_clear_func (properties.values, (GDestroyNotify) g_value_unset);
  if (client_id != NULL)
    g_value_set_string (add_property (&properties, "id", G_TYPE_STRING), client_id);
  g_variant_iter_init (&iter, registration);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    if (!take_member (&properties, name, value, error))
      return NULL;
  if (!g_variant_lookup (registration, AUTH_METHOD, "&s", &name))
    g_value_set_static_string (add_property (&properties, "token-endpoint-auth-method",
                                             G_TYPE_STRING),
                               "client_secret_basic"); /* RFC 7591 §2 */
  return TESSERA_CLIENT (g_object_new_with_properties (TESSERA_TYPE_CLIENT, properties.names->len,
                                                       (const char **) properties.names->pdata,
                                                       (const GValue *) properties.values->data));
}
