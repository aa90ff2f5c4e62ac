/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients and users from one server to another, as lines of JSON. */

#include "server/tessera-act-private.h"
#include "server/tessera-administration.h"

#include "base/tessera-json-private.h"
#include "grants/tessera-id-token-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-client-secrets-private.h"

#include <string.h>

#define VERSION 1
#define LINE_MAX_LENGTH (256 * 1024)

/* Export */

typedef struct
{
  TesseraServer *server;
  GPtrArray *users; /* TesseraUser*, that the store keeps */
} Export;

static void
export_free (Export *self)
{
  g_object_unref (self->server);
  g_ptr_array_unref (self->users);
  g_free (self);
}

static Export *
export_new (TesseraServer *server)
{
  Export *self = g_new (Export, 1);
  g_autoptr (GPtrArray) users = tessera_user_registry_list (server->users, "", G_MAXUINT);

  self->server = g_object_ref (server);
  self->users = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < users->len; i++)
    if (tessera_user_get_origin (users->pdata[i]) == NULL)
      g_ptr_array_add (self->users, g_object_ref (users->pdata[i]));
  return self;
}

/* Takes @record. */
static void
add_line (GString *text, const char *kind, json_t *record)
{
  g_autoptr (json_t) line = json_pack ("{s:o}", kind, record);
  g_autofree char *dump = tessera_json_dump (line);

  g_string_append_printf (text, "%s\n", dump);
}

/* Nouns do not change, so that a thread can read them. */
static void
export_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Export *self = data;
  GString *text = g_string_new (NULL);
  g_autoptr (GPtrArray) clients
      = tessera_client_registry_list (self->server->engine.clients, TESSERA_CLIENTS_REGISTERED);

  add_line (text, "tessera_export", json_integer (VERSION));
  for (guint i = 0; i < clients->len; i++)
    add_line (text, "client", tessera_client_to_json (clients->pdata[i]));
  for (guint i = 0; i < self->users->len; i++)
    add_line (text, "user", tessera_user_to_json (self->users->pdata[i]));
  g_task_return_pointer (task, g_string_free (text, FALSE), g_free);
}

static void
export_when_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  TesseraServer *self = TESSERA_SERVER (source);
  GError *error = NULL;

  if (!tessera_server_wait_ready_finish (self, result, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  g_task_set_task_data (task, export_new (self), (GDestroyNotify) export_free);
  g_task_run_in_thread (task, export_in_thread);
}

/**
 * tessera_server_export_async:
 * @self: a server
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the text
 * @user_data: for @callback
 *
 * Writes down the clients and users that the store keeps, for another server's
 * [method@Server.import_async]. What a file or the application declares is not among them.
 */
void
tessera_server_export_async (TesseraServer *self,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));

  GTask *task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, tessera_server_export_async);
  tessera_server_wait_ready_async (self, cancellable, export_when_ready, task);
}

/**
 * tessera_server_export_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.export_async].
 *
 * Returns: (transfer full): lines of JSON. Secrets and passwords are in it as the store has them:
 *   as digests and hashes, which are worth guarding all the same; those of `client_secret_jwt`
 * sealed with a key that is not in it
 */
char *
tessera_server_export_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Import: all of it, or nothing. */

typedef struct
{
  TesseraAct act;
  char *text;
  gsize length;
  GPtrArray *clients; /* TesseraClient* */
  GPtrArray *users;   /* TesseraUser* */
  GHashTable *names;  /* char*: of both, since no user may be called as a client is */
  guint line;
} Import;

static void
import_clear (TesseraAct *act)
{
  Import *self = (Import *) act;

  explicit_bzero (self->text, self->length); /* it came apart into lines */
  g_free (self->text);
  g_ptr_array_unref (self->clients);
  g_ptr_array_unref (self->users);
  g_hash_table_unref (self->names);
}

static gboolean
refuse (const Import *self, int code, const char *reason, GError **error)
{
  g_set_error (error, TESSERA_SETUP_ERROR, code, "Line %u: %s", self->line, reason);
  return FALSE;
}

static gboolean
take_client (Import *self, const char *json, GError **error)
{
  g_autoptr (TesseraClient) client = tessera_client_new_from_json (json, strlen (json), NULL);

  if (client == NULL)
    return refuse (self, TESSERA_SETUP_ERROR_CLIENT, "this is no client.", error);
  if (!tessera_client_check (client, error))
    return FALSE;
  if (!g_hash_table_add (self->names, g_strdup (tessera_client_get_id (client))))
    return refuse (self, TESSERA_SETUP_ERROR_EXISTS, "its name is taken.", error);
  g_ptr_array_add (self->clients, g_steal_pointer (&client));
  return TRUE;
}

static gboolean
take_user (Import *self, const char *json, GError **error)
{
  g_autoptr (TesseraUser) user = tessera_user_new_from_json (json, strlen (json), NULL);

  if (user == NULL)
    return refuse (self, TESSERA_SETUP_ERROR_USER, "this is no user.", error);
  if (!g_hash_table_add (self->names, g_strdup (tessera_user_get_username (user))))
    return refuse (self, TESSERA_SETUP_ERROR_EXISTS, "its name is taken.", error);
  g_ptr_array_add (self->users, g_steal_pointer (&user));
  return TRUE;
}

static gboolean
take_line (Import *self, const char *text, GError **error)
{
  g_autoptr (json_t) line = tessera_json_parse (text, strlen (text), LINE_MAX_LENGTH, NULL);
  json_t *client = line != NULL ? json_object_get (line, "client") : NULL;
  json_t *user = line != NULL ? json_object_get (line, "user") : NULL;

  if (line == NULL || json_object_size (line) != 1)
    return refuse (self, TESSERA_SETUP_ERROR_STATE, "this is not of an export.", error);
  if (self->line == 1)
    return json_integer_value (json_object_get (line, "tessera_export")) == VERSION
           || refuse (self, TESSERA_SETUP_ERROR_STATE, "this is no export that can be read.",
                      error);
  if (!json_is_object (client != NULL ? client : user))
    return refuse (self, TESSERA_SETUP_ERROR_STATE, "neither a client nor a user.", error);
  g_autofree char *json = tessera_json_dump (client != NULL ? client : user);
  return client != NULL ? take_client (self, json, error) : take_user (self, json, error);
}

/* In a thread: there may be much of it. */
static gboolean
import_work (TesseraAct *act, GError **error)
{
  Import *self = (Import *) act;
  char *rest = NULL;

  for (char *line = strtok_r (self->text, "\n", &rest); line != NULL;
       line = strtok_r (NULL, "\n", &rest))
    {
      self->line++;
      if (!take_line (self, line, error))
        return FALSE;
    }
  if (self->line > 0)
    return TRUE;
  return refuse (self, TESSERA_SETUP_ERROR_STATE, "there is nothing.", error);
}

/* Whoever is here already stays as it is. */
static gboolean
find_taken (Import *self, GError **error)
{
  GHashTableIter iter;
  const char *name;

  g_hash_table_iter_init (&iter, self->names);
  while (g_hash_table_iter_next (&iter, (gpointer *) &name, NULL))
    {
      if (!tessera_client_registry_is_taken (self->act.server->engine.clients, name)
          && tessera_user_registry_lookup (self->act.server->users, name) == NULL)
        continue;
      g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                   "There is a client or a user %s already.", name);
      return TRUE;
    }
  return FALSE;
}

static gboolean
import_examine (TesseraAct *act, GError **error)
{
  return !find_taken ((Import *) act, error);
}

static gboolean
import_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  Import *self = (Import *) act;

  for (guint i = 0; i < self->clients->len; i++)
    tessera_client_secrets_unseal (self->clients->pdata[i], act->server->engine.keys);
  for (guint i = 0; i < self->clients->len; i++)
    if (!tessera_id_token_make_key (act->server->engine.keys, self->clients->pdata[i], error)
        || !tessera_store_put_client (store, self->clients->pdata[i], error))
      return FALSE;
  for (guint i = 0; i < self->users->len; i++)
    if (!tessera_store_put_user (store, self->users->pdata[i], error))
      return FALSE;
  return TRUE;
}

/* They exist from the moment they are durable. */
static void
import_end (TesseraAct *act, const GError *error)
{
  Import *self = (Import *) act;

  if (error != NULL)
    return;
  for (guint i = 0; i < self->clients->len; i++)
    tessera_client_registry_add (act->server->engine.clients, self->clients->pdata[i], FALSE, NULL);
  for (guint i = 0; i < self->users->len; i++)
    tessera_user_registry_add (act->server->users, self->users->pdata[i], NULL);
  tessera_server_settings_changed (act->server);
}

static const TesseraActClass import_class = {
  .size = sizeof (Import),
  .work = import_work,
  .examine = import_examine,
  .run = import_run,
  .end = import_end,
  .clear = import_clear,
};

/**
 * tessera_server_import_async:
 * @self: a server
 * @text: what [method@Server.export_finish] gave
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Takes over the clients and users of another server: all of them, or none.
 */
void
tessera_server_import_async (TesseraServer *self,
                             const char *text,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (text != NULL);

  Import *import = tessera_act_new (&import_class, self);
  import->length = strlen (text);
  import->text = g_strndup (text, import->length);
  import->clients = g_ptr_array_new_with_free_func (g_object_unref);
  import->users = g_ptr_array_new_with_free_func (g_object_unref);
  import->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  tessera_act_start (&import->act, tessera_server_import_async, cancellable, callback, user_data);
}

/**
 * tessera_server_import_finish:
 * @self: a server
 * @result: the result given to the callback
 * @out_clients: (out) (optional): how many clients came
 * @out_users: (out) (optional): how many users came
 * @error: return location for an error
 *
 * Finishes [method@Server.import_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_STATE with the line that cannot be read, %TESSERA_SETUP_ERROR_EXISTS
 * with the name that is taken, %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_SETUP_ERROR_USER,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE. Nothing has changed then.
 *
 * Returns: %TRUE when all are there
 */
gboolean
tessera_server_import_finish (
    TesseraServer *self, GAsyncResult *result, guint *out_clients, guint *out_users, GError **error)
{
  Import *import = tessera_act_finish (self, result, tessera_server_import_async, error);

  if (import == NULL)
    return FALSE;
  if (out_clients != NULL)
    *out_clients = import->clients->len;
  if (out_users != NULL)
    *out_users = import->users->len;
  return TRUE;
}
