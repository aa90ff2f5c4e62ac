/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.tessera.Tessera1.Manager: clients, people, grants, sessions and tokens (design.md §9). */

#include "tessera-dbus-call-private.h"
#include "tessera-dbus-initial-tokens-private.h"
#include "tessera-dbus-interfaces.h"
#include "tessera-dbus-path-private.h"
#include "tessera-dbus-registration-private.h"
#include "tessera-dbus-state-private.h"

#include <string.h>

#define LIMIT_MAX 1000 /* entries a page */
/* A client has many members, and HTTP waits while they are written down: so long as for 250 or so.
 */
#define CLIENTS_MAX 250
/* After which a page ends: clients can have many keys and addresses. */
#define PAGE_BYTES (1024 * 1024)

static TesseraServer *
get_server (TesseraDBusCall *call)
{
  return tessera_dbus_call_get_server (call);
}

/* "" on D-Bus is nothing here. */
static const char *
or_null (const char *text)
{
  return *text != '\0' ? text : NULL;
}

#define ON_DONE(NAME, FINISH)                                                                      \
  static void NAME (GObject *source, GAsyncResult *result, gpointer data)                          \
  {                                                                                                \
    GError *error = NULL;                                                                          \
    gboolean done = FINISH (TESSERA_SERVER (source), result, &error);                              \
                                                                                                   \
    tessera_dbus_call_finish (data, done, error);                                                  \
  }

/* Clients */

static void
on_registered (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  char *secret = NULL;
  g_autofree char *id
      = tessera_server_register_client_finish (TESSERA_SERVER (source), result, &secret, &error);

  if (id == NULL)
    {
      tessera_dbus_call_fail (data, error);
      return;
    }
  tessera_dbus_call_return (data, g_variant_new ("(ss)", id, secret != NULL ? secret : ""));
  if (secret != NULL)
    explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

static void
register_client (gpointer data)
{
  TesseraDBusCall *call = data;
  GError *error = NULL;
  g_autoptr (GVariant) registration
      = g_variant_get_child_value (tessera_dbus_call_get_parameters (call), 0);
  g_autoptr (TesseraClient) client
      = tessera_dbus_registration_to_client (registration, NULL, &error);

  if (client == NULL)
    tessera_dbus_call_fail (call, error);
  else
    tessera_server_register_client_async (get_server (call), client, NULL, on_registered, call);
}

static void
list_clients (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *after = NULL;
  guint limit = 0;
  gsize size = 0;
  GVariantBuilder list;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&su)", &after, &limit);
  g_autoptr (GPtrArray) page
      = tessera_server_list_clients (get_server (call), after, MIN (limit, CLIENTS_MAX));
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->len && size < PAGE_BYTES; i++)
    {
      GVariant *registration = tessera_dbus_registration_from_client (page->pdata[i]);

      size += g_variant_get_size (registration);
      g_variant_builder_add_value (&list, registration);
    }
  tessera_dbus_call_return (call, g_variant_new ("(aa{sv})", &list));
}

static void
get_client (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *id = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s)", &id);
  g_autoptr (TesseraClient) client = tessera_server_lookup_client (get_server (call), id);
  if (client == NULL)
    {
      tessera_dbus_call_fail (call, g_error_new_literal (TESSERA_SETUP_ERROR,
                                                         TESSERA_SETUP_ERROR_NOT_FOUND,
                                                         "There is no such client."));
      return;
    }
  g_autofree char *path = tessera_dbus_path_new ("clients", id);
  tessera_dbus_call_return (call, g_variant_new ("(o)", path));
}

/* People */

ON_DONE (on_user_added, tessera_server_add_user_finish)
ON_DONE (on_claims_set, tessera_server_set_user_claims_finish)
ON_DONE (on_password_set, tessera_server_set_user_password_finish)
ON_DONE (on_user_disabled, tessera_server_disable_user_finish)
ON_DONE (on_user_removed, tessera_server_remove_user_finish)

static void
add_user (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *username = NULL, *password = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s&s)", &username, &password);
  tessera_server_add_user_async (get_server (call), username, password, NULL, on_user_added, call);
}

static void
set_user_claims (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *username = NULL;
  g_autoptr (GVariant) claims = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s@a{sv})", &username, &claims);
  tessera_server_set_user_claims_async (get_server (call), username, claims, NULL, on_claims_set,
                                        call);
}

static void
set_user_password (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *username = NULL, *password = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s&s)", &username, &password);
  tessera_server_set_user_password_async (get_server (call), username, password, NULL,
                                          on_password_set, call);
}

static void
set_user_disabled (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *username = NULL;
  gboolean disabled = FALSE;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&sb)", &username, &disabled);
  tessera_server_disable_user_async (get_server (call), username, disabled, NULL, on_user_disabled,
                                     call);
}

static void
remove_user (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *username = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s)", &username);
  tessera_server_remove_user_async (get_server (call), username, NULL, on_user_removed, call);
}

static void
add_text (GVariantBuilder *builder, const char *name, const char *text)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_string (text != NULL ? text : ""));
}

static void
add_time (GVariantBuilder *builder, const char *name, gint64 seconds)
{
  g_variant_builder_add (builder, "{sv}", name, g_variant_new_int64 (seconds));
}

static void
add_user_members (GVariantBuilder *builder, TesseraUser *user)
{
  add_text (builder, "username", tessera_user_get_username (user));
  add_text (builder, "subject", tessera_user_get_subject (user));
  g_variant_builder_add (builder, "{sv}", "disabled",
                         g_variant_new_boolean (tessera_user_is_disabled (user)));
  add_text (builder, "origin", tessera_user_get_origin (user));
}

static void
add_listed_user (GVariantBuilder *list, TesseraUser *user)
{
  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  add_user_members (list, user);
  g_variant_builder_close (list);
}

static void
get_user (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *username = NULL;
  GVariantBuilder members;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s)", &username);
  g_autoptr (TesseraUser) user = tessera_server_lookup_user (get_server (call), username);
  if (user == NULL)
    {
      tessera_dbus_call_fail (call, g_error_new_literal (TESSERA_SETUP_ERROR,
                                                         TESSERA_SETUP_ERROR_NOT_FOUND,
                                                         "There is no such user."));
      return;
    }
  g_autoptr (GVariant) claims = tessera_user_dup_claims (user);
  g_variant_builder_init (&members, G_VARIANT_TYPE_VARDICT);
  add_user_members (&members, user);
  g_variant_builder_add (&members, "{sv}", "claims", claims);
  tessera_dbus_call_return (call, g_variant_new ("(a{sv})", &members));
}

static void
list_users (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *after = NULL;
  guint limit = 0;
  GVariantBuilder list;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&su)", &after, &limit);
  g_autoptr (GPtrArray) page
      = tessera_server_list_users (get_server (call), after, MIN (limit, LIMIT_MAX));
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->len; i++)
    add_listed_user (&list, page->pdata[i]);
  tessera_dbus_call_return (call, g_variant_new ("(aa{sv})", &list));
}

/* Grants and sessions */

static void
add_grant (GVariantBuilder *list, const TesseraGrant *grant)
{
  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  add_text (list, "grant_id", tessera_grant_get_id (grant));
  add_text (list, "client_id", tessera_grant_get_client_id (grant));
  add_text (list, "subject", tessera_grant_get_subject (grant));
  add_text (list, "sid", tessera_grant_get_session_id (grant));
  add_text (list, "scope", tessera_grant_get_scope (grant));
  add_time (list, "began_at", tessera_grant_get_began_at (grant));
  add_time (list, "last_used_at", tessera_grant_get_last_used_at (grant));
  add_time (list, "expires_at", tessera_grant_get_expires_at (grant));
  g_variant_builder_close (list);
}

static void
add_session (GVariantBuilder *list, const TesseraSession *session)
{
  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  add_text (list, "sid", tessera_session_get_id (session));
  add_text (list, "subject", tessera_session_get_subject (session));
  add_time (list, "began_at", tessera_session_get_began_at (session));
  add_time (list, "last_seen_at", tessera_session_get_last_seen_at (session));
  add_time (list, "expires_at", tessera_session_get_expires_at (session));
  g_variant_builder_close (list);
}

static void
on_grants (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) page
      = tessera_server_list_grants_finish (TESSERA_SERVER (source), result, &error);
  GVariantBuilder list;

  if (page == NULL)
    {
      tessera_dbus_call_fail (data, error);
      return;
    }
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->len; i++)
    add_grant (&list, page->pdata[i]);
  tessera_dbus_call_return (data, g_variant_new ("(aa{sv})", &list));
}

static void
list_grants (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *subject = NULL, *client_id = NULL, *after = NULL;
  guint limit = 0;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s&s&su)", &subject, &client_id, &after,
                 &limit);
  tessera_server_list_grants_async (get_server (call), or_null (subject), or_null (client_id),
                                    after, CLAMP (limit, 1, LIMIT_MAX), NULL, on_grants, call);
}

static void
on_sessions (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autoptr (GPtrArray) page
      = tessera_server_list_sessions_finish (TESSERA_SERVER (source), result, &error);
  GVariantBuilder list;

  if (page == NULL)
    {
      tessera_dbus_call_fail (data, error);
      return;
    }
  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < page->len; i++)
    add_session (&list, page->pdata[i]);
  tessera_dbus_call_return (data, g_variant_new ("(aa{sv})", &list));
}

static void
list_sessions (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *subject = NULL, *after = NULL;
  guint limit = 0;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s&su)", &subject, &after, &limit);
  tessera_server_list_sessions_async (get_server (call), or_null (subject), after,
                                      CLAMP (limit, 1, LIMIT_MAX), NULL, on_sessions, call);
}

/* Tokens */

ON_DONE (on_session_ended, tessera_server_end_session_finish)
ON_DONE (on_jti_revoked, tessera_server_revoke_token_id_finish)
ON_DONE (on_grant_revoked, tessera_server_revoke_grant_finish)
ON_DONE (on_subject_revoked, tessera_server_revoke_subject_finish)
ON_DONE (on_client_revoked, tessera_server_revoke_client_finish)

/* Calls START with the one string that the call brought. */
#define REVOKE(NAME, START, DONE)                                                                  \
  static void NAME (gpointer data)                                                                 \
  {                                                                                                \
    TesseraDBusCall *call = data;                                                                  \
    const char *value = NULL;                                                                      \
                                                                                                   \
    g_variant_get (tessera_dbus_call_get_parameters (call), "(&s)", &value);                       \
    START (get_server (call), value, NULL, DONE, call);                                            \
  }

REVOKE (end_session, tessera_server_end_session_async, on_session_ended)
REVOKE (revoke_jti, tessera_server_revoke_token_id_async, on_jti_revoked)
REVOKE (revoke_grant, tessera_server_revoke_grant_async, on_grant_revoked)
REVOKE (revoke_subject, tessera_server_revoke_subject_async, on_subject_revoked)
REVOKE (revoke_client, tessera_server_revoke_client_async, on_client_revoked)

static void
on_token_revoked (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean revoked = FALSE;

  if (tessera_server_revoke_token_finish (TESSERA_SERVER (source), result, &revoked, &error))
    tessera_dbus_call_return (data, g_variant_new ("(b)", revoked));
  else
    tessera_dbus_call_fail (data, error);
}

static void
revoke_token (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *token = NULL, *hint = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s&s)", &token, &hint);
  tessera_server_revoke_token_async (get_server (call), token, or_null (hint), NULL,
                                     on_token_revoked, call);
}

static void
on_introspected (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  g_autofree char *json
      = tessera_server_introspect_finish (TESSERA_SERVER (source), result, &error);

  if (json != NULL)
    tessera_dbus_call_return (data, g_variant_new ("(s)", json));
  else
    tessera_dbus_call_fail (data, error);
}

static void
introspect (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *token = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&s)", &token);
  tessera_server_introspect_async (get_server (call), token, NULL, on_introspected, call);
}

/* Programs that decide logins */

static void
register_agent (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *path = NULL;
  g_autoptr (GVariant) options = NULL;
  GError *error = NULL;

  if (call->export->registrations->len == 0)
    {
      tessera_dbus_call_fail (call, g_error_new_literal (G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED,
                                                         "The service has left"));
      return;
    }
  g_variant_get (tessera_dbus_call_get_parameters (call), "(&o@a{sv})", &path, &options);
  gboolean done
      = tessera_dbus_agents_add (call->export->agents, call->export->connection,
                                 tessera_dbus_get_sender (call->invocation), path, options, &error);
  tessera_dbus_call_finish (call, done, error);
}

static void
unregister_agent (gpointer data)
{
  TesseraDBusCall *call = data;
  const char *path = NULL;
  GError *error = NULL;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(&o)", &path);
  gboolean done
      = tessera_dbus_agents_remove (call->export->agents, call->export->connection,
                                    tessera_dbus_get_sender (call->invocation), path, &error);
  tessera_dbus_call_finish (call, done, error);
}

/* The program around it */

static void
reload (gpointer data)
{
  TesseraDBusCall *call = data;
  GError *error = NULL;
  gboolean done = tessera_dbus_export_reload (call->export, &error);

  tessera_dbus_call_finish (call, done, error);
}

static const TesseraDBusMethod methods[] = {
  { "RegisterClient", TESSERA_DBUS_ACTION_MANAGE_CLIENTS, register_client },
  { "ListClients", TESSERA_DBUS_ACTION_READ, list_clients },
  { "GetClient", TESSERA_DBUS_ACTION_READ, get_client },
  { "CreateInitialAccessToken", TESSERA_DBUS_ACTION_MANAGE_CLIENTS,
    tessera_dbus_initial_tokens_create },
  { "ListInitialAccessTokens", TESSERA_DBUS_ACTION_READ, tessera_dbus_initial_tokens_list },
  { "RevokeInitialAccessToken", TESSERA_DBUS_ACTION_MANAGE_CLIENTS,
    tessera_dbus_initial_tokens_revoke, TESSERA_DBUS_ABOUT_ARGUMENT },
  { "AddUser", TESSERA_DBUS_ACTION_MANAGE_USERS, add_user, TESSERA_DBUS_ABOUT_PERSON },
  { "ListUsers", TESSERA_DBUS_ACTION_READ, list_users },
  { "GetUser", TESSERA_DBUS_ACTION_READ, get_user },
  { "SetUserClaims", TESSERA_DBUS_ACTION_MANAGE_USERS, set_user_claims, TESSERA_DBUS_ABOUT_PERSON },
  { "SetUserPassword", TESSERA_DBUS_ACTION_MANAGE_USERS, set_user_password,
    TESSERA_DBUS_ABOUT_PERSON },
  { "SetUserDisabled", TESSERA_DBUS_ACTION_MANAGE_USERS, set_user_disabled,
    TESSERA_DBUS_ABOUT_PERSON },
  { "RemoveUser", TESSERA_DBUS_ACTION_MANAGE_USERS, remove_user, TESSERA_DBUS_ABOUT_PERSON },
  { "ListGrants", TESSERA_DBUS_ACTION_READ, list_grants },
  { "ListSessions", TESSERA_DBUS_ACTION_READ, list_sessions },
  { "EndSession", TESSERA_DBUS_ACTION_REVOKE, end_session, TESSERA_DBUS_ABOUT_ARGUMENT },
  { "RevokeToken", TESSERA_DBUS_ACTION_REVOKE, revoke_token },
  { "RevokeJti", TESSERA_DBUS_ACTION_REVOKE, revoke_jti, TESSERA_DBUS_ABOUT_ARGUMENT },
  { "RevokeGrant", TESSERA_DBUS_ACTION_REVOKE, revoke_grant, TESSERA_DBUS_ABOUT_ARGUMENT },
  { "RevokeSubject", TESSERA_DBUS_ACTION_REVOKE, revoke_subject, TESSERA_DBUS_ABOUT_PERSON },
  { "RevokeClient", TESSERA_DBUS_ACTION_REVOKE, revoke_client, TESSERA_DBUS_ABOUT_ARGUMENT },
  { "Introspect", TESSERA_DBUS_ACTION_READ, introspect },
  { "RegisterAgent", TESSERA_DBUS_ACTION_REGISTER_AGENT, register_agent },
  { "UnregisterAgent", TESSERA_DBUS_ACTION_REGISTER_AGENT, unregister_agent },
  { "Backup", TESSERA_DBUS_ACTION_BACKUP, tessera_dbus_state_back_up },
  { "Purge", TESSERA_DBUS_ACTION_BACKUP, tessera_dbus_state_purge },
  { "Export", TESSERA_DBUS_ACTION_BACKUP, tessera_dbus_state_export },
  { "Import", TESSERA_DBUS_ACTION_BACKUP, tessera_dbus_state_import },
  { "Reload", TESSERA_DBUS_ACTION_RELOAD, reload },
  { NULL },
};

static GVariant *
get_property (TesseraDBusExport *export, const char *id, const char *name)
{
  g_autofree char *issuer = NULL;

  if (g_str_equal (name, "Version"))
    return g_variant_ref_sink (g_variant_new_string (TESSERA_VERSION));
  if (g_str_equal (name, "Statistics"))
    return g_variant_ref_sink (tessera_server_get_statistics (export->server));
  g_object_get (export->server, "issuer", &issuer, NULL);
  return g_variant_ref_sink (g_variant_new_string (issuer));
}

const TesseraDBusInterface tessera_dbus_manager
    = { &org_tessera_tessera1_manager_interface, methods, get_property };
