/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the configuration file means: read as a whole, rehearsed, then put into force at once. */

#include "tesserad-configuration.h"

#include "tesserad-log.h"
#include "tesserad-places.h"
#include "tesserad-properties.h"
#include "tesserad-registration.h"
#include "tesserad-schema.h"
#include "tesserad-secret-file.h"

#include <string.h>

#define CLIENT_GROUP "client "

static void
listener_settings_free (TesseradListenerSettings *self)
{
  g_free (self->name);
  g_free (self->address);
  g_free (self->certificate);
  g_free (self->private_key);
  g_free (self);
}

static void
resource_settings_free (TesseradResourceSettings *self)
{
  g_free (self->name);
  g_free (self->identifier);
  g_free (self->scope);
  g_free (self->token_type);
  g_free (self->signing_algorithm);
  g_free (self);
}

void
tesserad_configuration_free (TesseradConfiguration *self)
{
  g_clear_pointer (&self->key_file, tesserad_key_file_free);
  g_free (self->issuer);
  g_free (self->state_directory);
  g_free (self->key_directory);
  g_free (self->users_file);
  tesserad_audit_settings_clear (&self->audit);
  tesserad_outbound_settings_clear (&self->outbound);
  g_free (self->metrics_address);
  g_clear_pointer (&self->bus, tesserad_bus_settings_free);
  g_ptr_array_unref (self->listeners);
  g_ptr_array_unref (self->resources);
  g_ptr_array_unref (self->clients);
  g_clear_object (&self->registration_policy);
  g_ptr_array_unref (self->trusted_proxies);
  g_hash_table_unref (self->values);
  g_hash_table_unref (self->limits);
  g_ptr_array_unref (self->notices);
  g_free (self);
}

static gboolean
read_path (
    TesseradKeyFile *key_file, const char *group, const char *key, char **out_path, GError **error)
{
  g_autofree char *text = NULL;

  if (!tesserad_key_file_get_string (key_file, group, key, &text, error))
    return FALSE;
  if (text != NULL)
    *out_path = tesserad_key_file_resolve (key_file, group, key, text);
  return TRUE;
}

/* A file that nobody else may read, or a credential; its path. */
static gboolean
read_private_path (
    TesseradKeyFile *key_file, const char *group, const char *key, char **out_path, GError **error)
{
  g_autoptr (GError) inner = NULL;
  g_autofree char *text = NULL;
  g_autofree char *name = NULL;

  if (!tesserad_key_file_get_string (key_file, group, key, &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  name = g_str_has_prefix (text, TESSERAD_CREDENTIAL_PREFIX)
             ? g_strdup (text)
             : tesserad_key_file_resolve (key_file, group, key, text);
  *out_path = tesserad_secret_file_check (name, &inner);
  return *out_path != NULL
         || tesserad_key_file_propagate (key_file, group, key, g_steal_pointer (&inner), error);
}

static gboolean
read_server (TesseradConfiguration *self, GError **error)
{
  g_autofree char *theme = NULL;

  if (!tesserad_key_file_has (self->key_file, "server", "issuer"))
    return tesserad_key_file_refuse (self->key_file, "server", "issuer", error, "is missing");
  if (!tesserad_key_file_get_string (self->key_file, "server", "issuer", &self->issuer, error)
      || !read_path (self->key_file, "server", "state-directory", &self->state_directory, error)
      || !read_path (self->key_file, "keys", "directory", &self->key_directory, error)
      || !read_path (self->key_file, "server", "theme-directory", &theme, error)
      || !tesserad_key_file_get_boolean (self->key_file, "server", "direct-endpoints",
                                         &self->direct_endpoints, error))
    return FALSE;

  if (theme != NULL && !g_file_test (theme, G_FILE_TEST_IS_DIR))
    return tesserad_key_file_refuse (self->key_file, "server", "theme-directory", error,
                                     "%s is not a folder", theme);
  if (self->state_directory == NULL)
    self->state_directory = tesserad_places_dup_state_directory ();
  if (self->key_directory == NULL)
    self->key_directory = g_build_filename (self->state_directory, "keys", NULL);
  g_hash_table_insert (self->values, (gpointer) "theme-directory", g_steal_pointer (&theme));
  return TRUE;
}

/* The limits are the front door's, but for how many the server lets follow. */
static gboolean
is_of_gate (const TesseradSetting *setting)
{
  return g_str_equal (setting->group, "limits") && !g_str_equal (setting->key, "feed-subscribers");
}

/* The values of [endpoints], [tokens], [session], [keys] and [limits] as text, with the defaults of
 * the table. */
static gboolean
read_values (TesseradConfiguration *self, GError **error)
{
  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    {
      g_autofree char *text = g_strdup (setting->fallback);

      if (setting->property == NULL || g_str_equal (setting->group, "client")
          || g_str_equal (setting->group, "registration"))
        continue;
      if (!tesserad_key_file_get_string (self->key_file, setting->group, setting->key, &text,
                                         error))
        return FALSE;
      g_hash_table_insert (is_of_gate (setting) ? self->limits : self->values,
                           (gpointer) setting->property, g_steal_pointer (&text));
    }
  return TRUE;
}

static gboolean
is_plain_path (const char *path)
{
  if (path[0] != '/' || path[1] == '\0' || strlen (path) > 256 || strstr (path, "//") != NULL
      || strstr (path, "/.") != NULL || g_str_has_suffix (path, "/"))
    return FALSE;
  for (const char *c = path; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("-._~/", *c) == NULL)
      return FALSE;
  return TRUE;
}

/* Every endpoint needs an address of its own that no proxy rewrites. */
static gboolean
check_paths (TesseradConfiguration *self, GError **error)
{
  static const char *const pages[] = { "/login", "/consent", "/logout", "/tessera.css" };
  g_autoptr (GHashTable) taken = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    g_hash_table_add (taken, (gpointer) pages[i]);
  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    {
      const char *path = NULL;

      if (!g_str_equal (setting->group, "endpoints") || setting->kind != TESSERAD_KIND_STRING)
        continue;
      path = g_hash_table_lookup (self->values, setting->property);
      if (!is_plain_path (path))
        return tesserad_key_file_refuse (
            self->key_file, "endpoints", setting->key, error,
            "must be a path such as /oauth2/token: letters, digits and -._~/ only");
      if (!g_hash_table_add (taken, (gpointer) path))
        return tesserad_key_file_refuse (self->key_file, "endpoints", setting->key, error,
                                         "%s is taken by another endpoint or page", path);
    }
  return TRUE;
}

static gboolean
check_algorithm (
    TesseradKeyFile *key_file, const char *group, const char *key, const char *name, GError **error)
{
  TesseraAlgorithm algorithm;

  return name == NULL || tessera_algorithm_parse (name, &algorithm)
         || tesserad_key_file_refuse (key_file, group, key, error,
                                      "must be ES256, EdDSA, RS256 or PS256");
}

/* unix:PATH gets its path resolved; other addresses stay as they are. NULL: there is none. */
static gboolean
read_address (TesseradConfiguration *self, const char *group, char **out_address, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *path = NULL;

  if (!tesserad_key_file_has (self->key_file, group, "address"))
    return TRUE;
  if (!tesserad_key_file_get_string (self->key_file, group, "address", &text, error))
    return FALSE;
  if (!g_str_has_prefix (text, "unix:"))
    {
      *out_address = g_steal_pointer (&text);
      return TRUE;
    }
  path = tesserad_key_file_resolve (self->key_file, group, "address", text + strlen ("unix:"));
  *out_address = g_strconcat ("unix:", path, NULL);
  return TRUE;
}

static gboolean
read_tls (TesseradConfiguration *self,
          const char *group,
          TesseradListenerSettings *listener,
          GError **error)
{
  gboolean separate_key = tesserad_key_file_has (self->key_file, group, "private-key");

  if (separate_key && !tesserad_key_file_has (self->key_file, group, "certificate"))
    return tesserad_key_file_refuse (self->key_file, group, "private-key", error,
                                     "needs a certificate beside it");
  if (separate_key)
    return read_path (self->key_file, group, "certificate", &listener->certificate, error)
           && read_private_path (self->key_file, group, "private-key", &listener->private_key,
                                 error);
  /* Then the key is in the certificate's file. */
  return read_private_path (self->key_file, group, "certificate", &listener->certificate, error);
}

/* As the peer of a connection is written: 127.0.0.1, ::1, or "unix". */
static char *
parse_proxy (const char *text)
{
  g_autoptr (GInetAddress) address = NULL;

  if (g_str_equal (text, "unix"))
    return g_strdup (text);
  address = g_inet_address_new_from_string (text);
  return address != NULL ? g_inet_address_to_string (address) : NULL;
}

static gboolean
read_trusted_proxies (TesseradConfiguration *self, const char *group, GError **error)
{
  g_auto (GStrv) texts = NULL;

  if (!tesserad_key_file_get_strings (self->key_file, group, "trusted-proxies", &texts, error))
    return FALSE;
  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      char *proxy = parse_proxy (texts[i]);

      if (proxy == NULL)
        return tesserad_key_file_refuse (self->key_file, group, "trusted-proxies", error,
                                         "must be a list of addresses in digits, or unix");
      g_ptr_array_add (self->trusted_proxies, proxy);
    }
  return TRUE;
}

static gboolean
read_proxy_protocol (TesseradConfiguration *self,
                     const char *group,
                     gboolean *out_expected,
                     GError **error)
{
  if (!tesserad_key_file_get_boolean (self->key_file, group, "proxy-protocol", out_expected, error))
    return FALSE;
  if (!*out_expected || self->trusted_proxies->len > 0)
    return TRUE;
  return tesserad_key_file_refuse (self->key_file, group, "proxy-protocol", error,
                                   "needs trusted-proxies beside it: nobody else could connect");
}

static gboolean
read_listener (TesseradConfiguration *self, const char *group, const char *name, GError **error)
{
  TesseradListenerSettings *listener = g_new0 (TesseradListenerSettings, 1);

  g_ptr_array_add (self->listeners, listener);
  listener->name = g_strdup (name);
  if (!tesserad_key_file_has (self->key_file, group, "address"))
    return tesserad_key_file_refuse (self->key_file, group, "address", error, "is missing");
  return read_address (self, group, &listener->address, error)
         && read_tls (self, group, listener, error) && read_trusted_proxies (self, group, error)
         && read_proxy_protocol (self, group, &listener->proxy_protocol, error);
}

static gboolean
read_resource (TesseradConfiguration *self, const char *group, const char *name, GError **error)
{
  TesseradResourceSettings *resource = g_new0 (TesseradResourceSettings, 1);
  g_auto (GStrv) scopes = NULL;

  g_ptr_array_add (self->resources, resource);
  resource->name = g_strdup (name);
  if (!tesserad_key_file_has (self->key_file, group, "identifier"))
    return tesserad_key_file_refuse (self->key_file, group, "identifier", error, "is missing");
  if (!tesserad_key_file_get_string (self->key_file, group, "identifier", &resource->identifier,
                                     error)
      || !tesserad_key_file_get_strings (self->key_file, group, "scopes", &scopes, error)
      || !tesserad_key_file_get_string (self->key_file, group, "token-type", &resource->token_type,
                                        error)
      || !tesserad_key_file_get_string (self->key_file, group, "signing-algorithm",
                                        &resource->signing_algorithm, error))
    return FALSE;
  if (scopes != NULL)
    resource->scope = g_strjoinv (" ", scopes);
  return check_algorithm (self->key_file, group, "signing-algorithm", resource->signing_algorithm,
                          error);
}

static gboolean
read_secret (TesseradKeyFile *key_file,
             const char *group,
             const char *name,
             const char *property,
             TesseradProperties *properties,
             GError **error)
{
  g_autoptr (GError) inner = NULL;
  g_autofree char *path
      = g_str_has_prefix (name, TESSERAD_CREDENTIAL_PREFIX)
            ? g_strdup (name)
            : tesserad_key_file_resolve (key_file, group, "client_secret_file", name);
  char *secret = tesserad_secret_file_read (path, &inner);

  if (secret == NULL)
    return tesserad_key_file_propagate (key_file, group, "client_secret_file",
                                        g_steal_pointer (&inner), error);
  g_value_set_string (tesserad_properties_add (properties, property, G_TYPE_STRING), secret);
  tesserad_secret_free (secret);
  return TRUE;
}

/* One secret; two while a client moves from the old one to the new one. */
static gboolean
read_secrets (TesseradKeyFile *key_file,
              const char *group,
              TesseradProperties *properties,
              GError **error)
{
  static const char *const names[] = { "secret", "previous-secret" };
  g_auto (GStrv) files = NULL;

  if (!tesserad_key_file_get_strings (key_file, group, "client_secret_file", &files, error))
    return FALSE;
  if (files != NULL && (g_strv_length (files) == 0 || g_strv_length (files) > G_N_ELEMENTS (names)))
    return tesserad_key_file_refuse (key_file, group, "client_secret_file", error,
                                     "must name one file, or two while the secret changes");
  for (guint i = 0; files != NULL && files[i] != NULL; i++)
    if (!read_secret (key_file, group, files[i], names[i], properties, error))
      return FALSE;
  return TRUE;
}

/* Public keys: nothing that has to be kept secret. */
static gboolean
read_jwks (TesseradKeyFile *key_file,
           const char *group,
           TesseradProperties *properties,
           GError **error)
{
  g_autofree char *path = NULL;
  g_autofree char *jwks = NULL;
  g_autoptr (GError) inner = NULL;

  if (!read_path (key_file, group, "jwks_file", &path, error))
    return FALSE;
  if (path == NULL)
    return TRUE;
  if (!g_file_get_contents (path, &jwks, NULL, &inner))
    return tesserad_key_file_propagate (key_file, group, "jwks_file", g_steal_pointer (&inner),
                                        error);
  g_value_set_string (tesserad_properties_add (properties, "jwks", G_TYPE_STRING), jwks);
  return TRUE;
}

/* Overwrites the copies that the property values held. */
static void
scrub (TesseradProperties *properties)
{
  for (guint i = 0; properties->names != NULL && i < properties->names->len; i++)
    {
      const GValue *value = &g_array_index (properties->values, GValue, i);
      char *text = G_VALUE_HOLDS_STRING (value) ? (char *) g_value_get_string (value) : NULL;

      if (text != NULL && g_str_has_suffix (g_ptr_array_index (properties->names, i), "secret"))
        explicit_bzero (text, strlen (text));
    }
}

/* The client of @group; as if @left_out were not there, unless that is NULL. */
static TesseraClient *
build_client (TesseradKeyFile *key_file, const char *group, const char *left_out, GError **error)
{
  g_auto (TesseradProperties) properties = { NULL };
  TesseraClient *client = NULL;

  g_value_set_string (tesserad_properties_add (&properties, "id", G_TYPE_STRING),
                      tesserad_schema_get_name (group));
  g_value_take_string (tesserad_properties_add (&properties, "origin", G_TYPE_STRING),
                       tesserad_key_file_dup_place (key_file, group, NULL));
  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    if (g_str_equal (setting->group, "client") && setting->property != NULL
        && g_strcmp0 (setting->key, left_out) != 0
        && tesserad_key_file_has (key_file, group, setting->key)
        && !tesserad_properties_read (&properties, key_file, group, setting, error))
      return NULL;
  if (g_strcmp0 (left_out, "client_secret_file") != 0
      && !read_secrets (key_file, group, &properties, error))
    return NULL;
  if (g_strcmp0 (left_out, "jwks_file") != 0 && !read_jwks (key_file, group, &properties, error))
    return NULL;

  client = TESSERA_CLIENT (tesserad_properties_new_object (&properties, TESSERA_TYPE_CLIENT));
  scrub (&properties);
  return client;
}

static gboolean
read_client (TesseradConfiguration *self, const char *group, const char *name, GError **error)
{
  gboolean require_pkce = TRUE;
  TesseraClient *client = build_client (self->key_file, group, NULL, error);

  if (client == NULL)
    return FALSE;
  g_ptr_array_add (self->clients, client);
  if (!tesserad_key_file_get_boolean (self->key_file, group, "require_pkce", &require_pkce, error))
    return FALSE;
  if (!require_pkce)
    g_ptr_array_add (self->notices,
                     g_strdup_printf ("client %s may do without PKCE (require_pkce=false): its "
                                      "codes are protected by its secret only",
                                      name));
  return TRUE;
}

static gboolean
read_named_groups (TesseradConfiguration *self, GError **error)
{
  g_auto (GStrv) groups = tesserad_key_file_list_groups (self->key_file);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      const char *name = tesserad_schema_get_name (groups[i]);

      if (name == NULL)
        continue;
      if (g_str_has_prefix (groups[i], "listener ")
          && !read_listener (self, groups[i], name, error))
        return FALSE;
      if (g_str_has_prefix (groups[i], "resource ")
          && !read_resource (self, groups[i], name, error))
        return FALSE;
      if (g_str_has_prefix (groups[i], CLIENT_GROUP) && !read_client (self, groups[i], name, error))
        return FALSE;
    }
  if (self->listeners->len == 0)
    return tesserad_key_file_refuse (self->key_file, NULL, NULL, error,
                                     "there is no [listener NAME]: nobody could reach the service");
  return TRUE;
}

static gboolean
has_unix_listener (TesseradConfiguration *self)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      TesseradListenerSettings *listener = g_ptr_array_index (self->listeners, i);

      if (g_str_has_prefix (listener->address, "unix:"))
        return TRUE;
    }
  return FALSE;
}

/* Failures are counted by address, and behind a proxy that may not name them all have the same. */
static void
note_shared_address (TesseradConfiguration *self)
{
  if (!has_unix_listener (self)
      || g_ptr_array_find_with_equal_func (self->trusted_proxies, "unix", g_str_equal, NULL))
    return;
  g_ptr_array_add (self->notices,
                   g_strdup ("a listener is a unix socket and trusted-proxies does not have unix: "
                             "everybody behind it counts as one address when logins fail"));
}

static TesseradConfiguration *
configuration_new (void)
{
  TesseradConfiguration *self = g_new0 (TesseradConfiguration, 1);

  self->listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) listener_settings_free);
  self->resources = g_ptr_array_new_with_free_func ((GDestroyNotify) resource_settings_free);
  self->clients = g_ptr_array_new_with_free_func (g_object_unref);
  self->trusted_proxies = g_ptr_array_new_with_free_func (g_free);
  self->notices = g_ptr_array_new_with_free_func (g_free);
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  self->limits = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  return self;
}

static gboolean
read_bus (TesseradConfiguration *self, GError **error)
{
  self->bus = tesserad_bus_settings_read (self->key_file, self->state_directory, error);
  return self->bus != NULL;
}

TesseradConfiguration *
tesserad_configuration_load (const char *path, GError **error)
{
  g_autoptr (TesseradConfiguration) self = configuration_new ();

  self->key_file = tesserad_key_file_load (path, error);
  if (self->key_file == NULL || !tesserad_schema_check (self->key_file, error)
      || !read_server (self, error) || !read_values (self, error) || !check_paths (self, error)
      || !check_algorithm (self->key_file, "tokens", "signing-algorithm",
                           g_hash_table_lookup (self->values, "signing-algorithm"), error)
      || !read_named_groups (self, error)
      || !tesserad_registration_read (self->key_file, &self->registration_policy, error)
      || !read_private_path (self->key_file, "users", "file", &self->users_file, error)
      || !tesserad_audit_settings_read (&self->audit, self->key_file, error)
      || !tesserad_outbound_settings_read (&self->outbound, self->key_file, path, error)
      || !read_address (self, "metrics", &self->metrics_address, error) || !read_bus (self, error))
    return NULL;
  note_shared_address (self);
  return g_steal_pointer (&self);
}

/* Sets a property from its text, whatever its type. The texts were checked when they were read. */
static void
set_from_text (GObject *object, const char *property, const char *text)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (object), property);
  TesseraAlgorithm algorithm = TESSERA_ALGORITHM_ES256;

  g_return_if_fail (spec != NULL);

  if (spec->value_type == G_TYPE_STRING)
    g_object_set (object, property, text, NULL);
  else if (spec->value_type == G_TYPE_BOOLEAN)
    g_object_set (object, property, (gboolean) g_str_equal (text, "true"), NULL);
  else if (spec->value_type == G_TYPE_INT || spec->value_type == G_TYPE_UINT)
    g_object_set (object, property, (guint) g_ascii_strtoull (text, NULL, 10), NULL);
  else if (tessera_algorithm_parse (text, &algorithm))
    g_object_set (object, property, algorithm, NULL);
}

const char **
tesserad_configuration_list_proxies (TesseradConfiguration *self)
{
  GPtrArray *proxies = g_ptr_array_new ();

  g_ptr_array_extend (proxies, self->trusted_proxies, NULL, NULL);
  g_ptr_array_add (proxies, NULL);
  return (const char **) g_ptr_array_free (proxies, FALSE);
}

static void
apply_trusted_proxies (TesseradConfiguration *self, TesseraServer *server)
{
  g_autofree const char **proxies = tesserad_configuration_list_proxies (self);

  g_object_set (server, "trusted-proxies", proxies, NULL);
}

void
tesserad_configuration_apply (TesseradConfiguration *self, TesseraServer *server)
{
  GHashTableIter iter;
  gpointer property = NULL;
  gpointer text = NULL;

  g_hash_table_iter_init (&iter, self->values);
  while (g_hash_table_iter_next (&iter, &property, &text))
    set_from_text (G_OBJECT (server), property, text);
  apply_trusted_proxies (self, server);
  g_object_set (server, "registration-policy", self->registration_policy, NULL);
}

void
tesserad_configuration_apply_to_gate (TesseradConfiguration *self, TesseraListener *gate)
{
  GHashTableIter iter;
  gpointer property = NULL;
  gpointer text = NULL;

  g_hash_table_iter_init (&iter, self->limits);
  while (g_hash_table_iter_next (&iter, &property, &text))
    {
      /* The file says seconds, the library milliseconds. */
      guint factor = g_str_has_suffix (property, "-timeout") ? 1000 : 1;

      g_object_set (gate, property, (guint) g_ascii_strtoull (text, NULL, 10) * factor, NULL);
    }
  g_object_set (gate, "direct-endpoints", self->direct_endpoints, NULL);
}

gboolean
tesserad_configuration_load_users (TesseradConfiguration *self,
                                   TesseraServer *server,
                                   GError **error)
{
  g_autoptr (GError) inner = NULL;

  if (tessera_server_load_users (server, self->users_file != NULL ? self->users_file : "/dev/null",
                                 &inner))
    return TRUE;
  return tesserad_key_file_propagate (self->key_file, "users", "file", g_steal_pointer (&inner),
                                      error);
}

static gboolean
resources_equal (const TesseradResourceSettings *a, const TesseradResourceSettings *b)
{
  return g_str_equal (a->identifier, b->identifier) && g_strcmp0 (a->scope, b->scope) == 0
         && g_strcmp0 (a->token_type, b->token_type) == 0
         && g_strcmp0 (a->signing_algorithm, b->signing_algorithm) == 0;
}

static gboolean
has_resource (TesseradConfiguration *self, const TesseradResourceSettings *resource)
{
  for (guint i = 0; self != NULL && i < self->resources->len; i++)
    if (resources_equal (g_ptr_array_index (self->resources, i), resource))
      return TRUE;
  return FALSE;
}

static gboolean
add_resource (TesseradConfiguration *self,
              const TesseradResourceSettings *resource,
              TesseraServer *server,
              const char *signing_algorithm,
              GError **error)
{
  g_autofree char *group = g_strconcat ("resource ", resource->name, NULL);
  g_autoptr (GError) inner = NULL;
  const char *key = NULL;

  if (tessera_server_add_resource_full (server, resource->identifier, resource->scope,
                                        resource->token_type, signing_algorithm, &inner))
    return TRUE;
  key = inner->domain == TESSERA_ERROR ? "scopes" : "identifier";
  return tesserad_key_file_propagate (self->key_file, group, key, g_steal_pointer (&inner), error);
}

gboolean
tesserad_configuration_add_resources (TesseradConfiguration *self,
                                      TesseradConfiguration *old,
                                      TesseraServer *server,
                                      GError **error)
{
  for (guint i = 0; i < self->resources->len; i++)
    {
      const TesseradResourceSettings *resource = g_ptr_array_index (self->resources, i);

      if (!has_resource (old, resource)
          && !add_resource (self, resource, server, resource->signing_algorithm, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
tesserad_configuration_replace_clients (TesseradConfiguration *self,
                                        TesseraServer *server,
                                        GError **error)
{
  g_autoptr (GError) inner = NULL;

  if (tessera_server_replace_clients (server, (TesseraClient **) self->clients->pdata,
                                      self->clients->len, &inner))
    return TRUE;
  if (!g_error_matches (inner, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS)
      && !g_error_matches (inner, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT))
    {
      g_propagate_error (error, g_steal_pointer (&inner));
      return FALSE;
    }
  return tesserad_key_file_propagate (self->key_file, NULL, NULL, g_steal_pointer (&inner), error);
}

static gboolean
same_listeners (TesseradConfiguration *a, TesseradConfiguration *b)
{
  if (a->listeners->len != b->listeners->len)
    return FALSE;
  for (guint i = 0; i < a->listeners->len; i++)
    {
      const TesseradListenerSettings *one = g_ptr_array_index (a->listeners, i);
      const TesseradListenerSettings *other = g_ptr_array_index (b->listeners, i);

      if (g_strcmp0 (one->name, other->name) != 0 || g_strcmp0 (one->address, other->address) != 0
          || g_strcmp0 (one->certificate, other->certificate) != 0
          || g_strcmp0 (one->private_key, other->private_key) != 0
          || one->proxy_protocol != other->proxy_protocol)
        return FALSE;
    }
  return TRUE;
}

/* The rehearsal does not know what the store keeps. */
static gboolean
check_new_clients (TesseradConfiguration *self, TesseraServer *server, GError **error)
{
  for (guint i = 0; i < self->clients->len; i++)
    {
      const char *id = tessera_client_get_id (g_ptr_array_index (self->clients, i));
      g_autofree char *group = g_strconcat (CLIENT_GROUP, id, NULL);
      g_autoptr (TesseraClient) known = tessera_server_lookup_client (server, id);
      g_autofree char *origin = NULL;

      if (known == NULL)
        continue;
      g_object_get (known, "origin", &origin, NULL);
      if (origin == NULL)
        return tesserad_key_file_refuse (self->key_file, group, NULL, error,
                                         "a client of this id is registered already");
    }
  return TRUE;
}

gboolean
tesserad_configuration_check_reload (TesseradConfiguration *self,
                                     TesseradConfiguration *old,
                                     TesseraServer *server,
                                     GError **error)
{
  static const char *const restart = "only a restart can change it";

  if (!g_str_equal (self->issuer, old->issuer))
    return tesserad_key_file_refuse (self->key_file, "server", "issuer", error, "%s", restart);
  if (!g_str_equal (self->state_directory, old->state_directory))
    return tesserad_key_file_refuse (self->key_file, "server", "state-directory", error, "%s",
                                     restart);
  if (!g_str_equal (self->key_directory, old->key_directory))
    return tesserad_key_file_refuse (self->key_file, "keys", "directory", error, "%s", restart);
  if (g_strcmp0 (self->metrics_address, old->metrics_address) != 0)
    return tesserad_key_file_refuse (self->key_file, "metrics", "address", error, "%s", restart);
  if (!same_listeners (self, old))
    return tesserad_key_file_refuse (self->key_file, NULL, NULL, error,
                                     "a [listener NAME] changed: only a restart can change "
                                     "listeners (their certificates are read again)");
  if (!tesserad_bus_settings_equal (self->bus, old->bus))
    return tesserad_key_file_refuse (self->key_file, "dbus", NULL, error, "%s", restart);
  for (guint i = 0; i < old->resources->len; i++)
    {
      const TesseradResourceSettings *resource = g_ptr_array_index (old->resources, i);

      if (!has_resource (self, resource))
        return tesserad_key_file_refuse (self->key_file, NULL, NULL, error,
                                         "[resource %s] changed or is gone: only a restart can do "
                                         "that (a new one can be added)",
                                         resource->name);
    }
  return check_new_clients (self, server, error);
}

/* The key without which the client would do: the one that the complaint is about. */
static const char *
find_culprit (TesseradConfiguration *self, TesseraServer *server, const char *group)
{
  for (const TesseradSetting *setting = tesserad_settings; setting->group != NULL; setting++)
    {
      g_autoptr (TesseraClient) client = NULL;

      if (!g_str_equal (setting->group, "client")
          || !tesserad_key_file_has (self->key_file, group, setting->key))
        continue;
      client = build_client (self->key_file, group, setting->key, NULL);
      if (client != NULL && tessera_server_add_client_object (server, client, NULL))
        return setting->key;
    }
  return NULL;
}

/* Without their algorithms, so that no key is made for a rehearsal. */
static gboolean
rehearse_resources (TesseradConfiguration *self, TesseraServer *server, GError **error)
{
  for (guint i = 0; i < self->resources->len; i++)
    if (!add_resource (self, g_ptr_array_index (self->resources, i), server, NULL, error))
      return FALSE;
  return TRUE;
}

static gboolean
rehearse_clients (TesseradConfiguration *self, TesseraServer *server, GError **error)
{
  for (guint i = 0; i < self->clients->len; i++)
    {
      TesseraClient *client = g_ptr_array_index (self->clients, i);
      g_autofree char *group = g_strconcat (CLIENT_GROUP, tessera_client_get_id (client), NULL);
      g_autoptr (GError) inner = NULL;

      if (!tessera_server_add_client_object (server, client, &inner))
        return tesserad_key_file_propagate (self->key_file, group,
                                            find_culprit (self, server, group),
                                            g_steal_pointer (&inner), error);
    }
  return TRUE;
}

GTlsCertificate *
tesserad_configuration_load_certificate (const TesseradListenerSettings *listener, GError **error)
{
  const char *key = listener->private_key != NULL ? listener->private_key : listener->certificate;

  return g_tls_certificate_new_from_files (listener->certificate, key, error);
}

static gboolean
rehearse_certificate (const TesseradListenerSettings *listener, GError **error)
{
  g_autoptr (SoupServer) soup = soup_server_new (NULL, NULL);
  g_autoptr (TesseraListener) gate = tessera_listener_new (soup);
  g_autoptr (GTlsCertificate) certificate
      = tesserad_configuration_load_certificate (listener, error);

  return certificate != NULL && tessera_listener_set_certificate (gate, NULL, certificate, error);
}

static gboolean
rehearse_tls (TesseradConfiguration *self, GError **error)
{
  for (guint i = 0; i < self->listeners->len; i++)
    {
      const TesseradListenerSettings *listener = g_ptr_array_index (self->listeners, i);
      g_autofree char *group = g_strconcat ("listener ", listener->name, NULL);
      g_autoptr (GError) inner = NULL;

      if (listener->certificate != NULL && !rehearse_certificate (listener, &inner))
        return tesserad_key_file_propagate (self->key_file, group, "certificate",
                                            g_steal_pointer (&inner), error);
    }
  return TRUE;
}

static gboolean
rehearse_on (TesseradConfiguration *self, TesseraServer *server, GError **error)
{
  g_autoptr (GError) inner = NULL;

  if (!tessera_server_wait_ready (server, &inner))
    return tesserad_key_file_propagate (self->key_file, "server", "issuer",
                                        g_steal_pointer (&inner), error);
  return rehearse_resources (self, server, error) && rehearse_clients (self, server, error)
         && tesserad_configuration_load_users (self, server, error)
         && tesserad_audit_settings_rehearse (&self->audit, self->key_file, server, error)
         && rehearse_tls (self, error);
}

gboolean
tesserad_configuration_rehearse (TesseradConfiguration *self, GError **error)
{
  g_autoptr (TesseraServer) server = NULL;
  gboolean good = FALSE;

  tesserad_log_hush (TRUE);
  server = tessera_server_new_in_memory (self->issuer);
  tesserad_outbound_settings_apply (&self->outbound, server); /* nobody is asked yet */
  good = rehearse_on (self, server, error);
  tessera_server_close (server);
  tesserad_log_hush (FALSE);
  return good;
}

gboolean
tesserad_configuration_check_keys (TesseradConfiguration *self, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (self->key_directory, 0, NULL);
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (self->key_directory, name, NULL);
      g_autofree char *checked = NULL;
      g_autoptr (GError) inner = NULL;

      if (!g_str_has_suffix (name, ".pem"))
        continue;
      checked = tesserad_secret_file_check (file, &inner);
      if (checked == NULL)
        return tesserad_key_file_propagate (self->key_file, "keys", "directory",
                                            g_steal_pointer (&inner), error);
    }
  return TRUE;
}
