/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* People with passwords of the server's own: from a file, or kept by the store (RFC 6749 §1.1). */

#include "server/tessera-act-private.h"
#include "server/tessera-administration.h"

#include "base/tessera-json-variant-private.h"
#include "model/tessera-person-claims-private.h"

/* One user as it was and as it will be. */
typedef struct
{
  TesseraAct act;
  char *username;
  char *password; /* a new one, or NULL */
  char *hash;     /* of it */
  gboolean disabled;
  json_t *claims;      /* to change, or NULL */
  TesseraUser *before; /* NULL: new */
  TesseraUser *after;  /* NULL: gone */
  guint64 generation;  /* of the entry that ended sessions and tokens, or 0 */
} Change;

static void
change_clear (TesseraAct *act)
{
  Change *self = (Change *) act;
  g_clear_object (&self->before);
  g_clear_object (&self->after);
  tessera_secret_free (self->password);
  tessera_secret_free (self->hash);
  g_free (self->username);
  json_decref (self->claims);
}

/* The user as it is, whom only the file may change that declares it. */
static gboolean
find (Change *self, GError **error)
{
  TesseraUser *user = tessera_user_registry_lookup (self->act.server->users, self->username);
  if (user == NULL)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                           "There is no such user.");
      return FALSE;
    }
  if (tessera_user_get_origin (user) != NULL)
    {
      g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_DECLARED,
                   "User %s is declared by %s, which alone can change it.", self->username,
                   tessera_user_get_origin (user));
      return FALSE;
    }
  self->before = g_object_ref (user);
  return TRUE;
}

static gboolean
hash_password (TesseraAct *act, GError **error)
{
  Change *self = (Change *) act;
  self->hash = tessera_password_hash (self->password, error);
  return self->hash != NULL;
}

/* Whoever knows the old password, or was sent away, may sit at one of their browsers. What is known
 * of a person, and that they may come back, ends nothing. */
static gboolean
ends_tokens (Change *self)
{
  return self->before != NULL && self->claims == NULL
         && (self->after == NULL || tessera_user_is_disabled (self->after) || self->hash != NULL);
}

static gboolean
change_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  Change *self = (Change *) act;
  if (self->after != NULL ? !tessera_store_put_user (store, self->after, error)
                          : !tessera_store_remove_user (store, self->username, error))
    return FALSE;
  return !ends_tokens (self)
         || tessera_deny_list_deny_subject (act->server->engine.deny_list, store,
                                            tessera_user_get_subject (self->before),
                                            &self->generation, error);
}

static void
report (Change *self)
{
  g_autoptr (TesseraRevocation) revocation
      = tessera_revocation_new (NULL, NULL, NULL, TESSERA_REVOCATION_CAUSE_REMOVED);
  tessera_revocation_set_outcome (revocation, TESSERA_REVOCATION_KIND_SUBJECT,
                                  tessera_user_get_subject (self->before), self->generation);
  tessera_server_report_revocation (self->act.server, revocation);
}

/* What the server knows in memory: @user, or nobody of that name. */
static void
put_in_force (Change *self, TesseraUser *user)
{
  TesseraUserRegistry *users = self->act.server->users;

  tessera_user_registry_remove (users, self->username);
  if (user != NULL)
    tessera_user_registry_add (users, user, NULL);
}

static void
change_apply (TesseraAct *act)
{
  Change *self = (Change *) act;
  put_in_force (self, self->after);
}

static void
change_end (TesseraAct *act, const GError *error)
{
  Change *self = (Change *) act;
  if (error != NULL)
    put_in_force (self, self->before);
  else if (self->generation != 0)
    report (self);
}

/* For the pages */

TesseraUser *
tessera_server_get_kept_user (TesseraServer *self, const char *username)
{
  TesseraUser *user = tessera_user_registry_lookup (self->users, username);

  if (user == NULL || tessera_user_get_origin (user) != NULL || tessera_user_is_disabled (user))
    return NULL;
  return user;
}

gboolean
tessera_server_verify_password (TesseraServer *self,
                                TesseraUser *user,
                                const char *password,
                                TesseraPasswordVerified verified,
                                gpointer data,
                                GError **error)
{
  /* Whoever is kept out costs what an unknown one does, and is told the same. */
  const char *hash
      = user != NULL && !tessera_user_is_disabled (user) ? tessera_user_get_hash (user) : NULL;

  if (self->passwords == NULL)
    self->passwords = tessera_password_pool_new ();
  return tessera_password_pool_verify (self->passwords, password, hash, verified, data, error);
}

/* Adding */

static gboolean
add_begin (TesseraAct *act, GError **error)
{
  Change *self = (Change *) act;
  /* A token of a person must never look like a client's own (RFC 9700 §4.15). */
  if (!tessera_client_registry_is_taken (act->server->engine.clients, self->username)
      && tessera_user_registry_lookup (act->server->users, self->username) == NULL)
    return TRUE;
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS,
                       "There is a user or a client of that name already.");
  return FALSE;
}

static gboolean
add_work (TesseraAct *act, GError **error)
{
  Change *self = (Change *) act;
  if (!hash_password (act, error))
    return FALSE;
  self->after = tessera_user_new (self->username, self->hash, NULL, error);
  return self->after != NULL;
}

/* Changing */

static gboolean
change_begin (TesseraAct *act, GError **error)
{
  return find ((Change *) act, error);
}

static gboolean
password_work (TesseraAct *act, GError **error)
{
  Change *self = (Change *) act;
  if (!hash_password (act, error))
    return FALSE;
  self->after = tessera_user_copy_with_hash (self->before, self->hash, error);
  return self->after != NULL;
}

static gboolean
disable_begin (TesseraAct *act, GError **error)
{
  Change *self = (Change *) act;
  if (!find (self, error))
    return FALSE;
  self->after = tessera_user_copy_with_disabled (self->before, self->disabled);
  return TRUE;
}

/* An act may come between, so what is known is read only now. */
static gboolean
claims_begin (TesseraAct *act, GError **error)
{
  Change *self = (Change *) act;
  gint64 now = tessera_clock_get_ms (act->server->engine.clock) / 1000;

  if (!find (self, error))
    return FALSE;
  if (self->claims == NULL)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER,
                           "The claims cannot be written as JSON.");
      return FALSE;
    }
  g_autoptr (json_t) claims
      = tessera_person_claims_change (tessera_user_get_claims (self->before), self->claims, error);
  if (claims == NULL)
    return FALSE;
  self->after = tessera_user_copy_with_claims (self->before, claims, now);
  return TRUE;
}

/* Whoever is added is not there before; a file may declare the name while its password is hashed.
 */
#define CHANGE_CLASS(BEGIN, WORK, EXAMINE, ALWAYS)                                                 \
  {                                                                                                \
    .size = sizeof (Change), .always = ALWAYS, .begin = BEGIN, .work = WORK, .examine = EXAMINE,   \
    .apply = change_apply, .run = change_run, .end = change_end, .clear = change_clear             \
  }

static const TesseraActClass add_class = CHANGE_CLASS (add_begin, add_work, add_begin, FALSE);
static const TesseraActClass password_class
    = CHANGE_CLASS (change_begin, password_work, NULL, FALSE);
static const TesseraActClass disable_class = CHANGE_CLASS (disable_begin, NULL, NULL, TRUE);
static const TesseraActClass claims_class = CHANGE_CLASS (claims_begin, NULL, NULL, FALSE);
static const TesseraActClass remove_class = CHANGE_CLASS (change_begin, NULL, NULL, TRUE);

static Change *
change_new (const TesseraActClass *klass,
            TesseraServer *server,
            const char *username,
            const char *password)
{
  Change *self = tessera_act_new (klass, server);
  self->username = g_strdup (username);
  self->password = g_strdup (password);
  return self;
}

/**
 * tessera_server_add_user_async:
 * @self: a server
 * @username: the name to log in with, at most 255 bytes, without colons
 * @password: the password, at most 511 bytes; only a hash of it is kept
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when the user is stored or not
 * @user_data: for @callback
 *
 * Adds a person whom the store keeps, and who can log in when no handler of
 * [signal@Server::authenticate] decides.
 */
void
tessera_server_add_user_async (TesseraServer *self,
                               const char *username,
                               const char *password,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (username != NULL);
  g_return_if_fail (password != NULL);
  tessera_act_start (&change_new (&add_class, self, username, password)->act,
                     tessera_server_add_user_async, cancellable, callback, user_data);
}

/**
 * tessera_server_add_user_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.add_user_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_EXISTS, %TESSERA_SETUP_ERROR_USER,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when the user is there
 */
gboolean
tessera_server_add_user_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_add_user_async, error) != NULL;
}

/**
 * tessera_server_set_user_password_async:
 * @self: a server
 * @username: a user that the store keeps
 * @password: the new password, at most 511 bytes
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Changes a password. Whoever logged in with the old one is logged out everywhere, and loses the
 * tokens.
 */
void
tessera_server_set_user_password_async (TesseraServer *self,
                                        const char *username,
                                        const char *password,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (username != NULL);
  g_return_if_fail (password != NULL);
  tessera_act_start (&change_new (&password_class, self, username, password)->act,
                     tessera_server_set_user_password_async, cancellable, callback, user_data);
}

/**
 * tessera_server_set_user_password_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.set_user_password_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED, %TESSERA_SETUP_ERROR_USER,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when only the new password is good
 */
gboolean
tessera_server_set_user_password_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_set_user_password_async, error) != NULL;
}

/**
 * tessera_server_disable_user_async:
 * @self: a server
 * @username: a user that the store keeps
 * @disabled: %TRUE to keep the person out, %FALSE to let them log in again
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Keeps a person out for the time being: they are logged out everywhere, and lose their tokens.
 */
void
tessera_server_disable_user_async (TesseraServer *self,
                                   const char *username,
                                   gboolean disabled,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (username != NULL);

  Change *change = change_new (&disable_class, self, username, NULL);
  change->disabled = disabled;
  tessera_act_start (&change->act, tessera_server_disable_user_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_disable_user_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.disable_user_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is done
 */
gboolean
tessera_server_disable_user_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_disable_user_async, error) != NULL;
}

/**
 * tessera_server_set_user_claims_async:
 * @self: a server
 * @username: a user that the store keeps
 * @claims: (transfer none): a dictionary (a{sv}; consumed when it is floating) of what changes
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Writes down what is known of a person, such as `name`, `email` or `address` (OpenID Connect Core
 * §5.1). Each of @claims replaces the one of its name, an empty text takes it away, and what is not
 * named stays. Clients are told at the next userinfo request, as far as they may know it; nobody is
 * signed out.
 *
 * Standard claims are held against their types. Others may have any name, with any value of texts,
 * booleans, numbers, lists and dictionaries, but not one that the server says itself, such as `sub`
 * or `updated_at`, which is the time of this change. A name can end in `#` and a language tag. All
 * together are at most 8192 bytes of JSON.
 */
void
tessera_server_set_user_claims_async (TesseraServer *self,
                                      const char *username,
                                      GVariant *claims,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (username != NULL);
  g_return_if_fail (claims != NULL);

  g_autoptr (GVariant) owned = g_variant_ref_sink (claims);
  Change *change = change_new (&claims_class, self, username, NULL);
  change->claims = tessera_json_from_variant (owned, NULL);
  tessera_act_start (&change->act, tessera_server_set_user_claims_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_set_user_claims_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.set_user_claims_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED, %TESSERA_SETUP_ERROR_USER
 * with the claim that cannot be, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE. Nothing has changed then.
 *
 * Returns: %TRUE when it is done
 */
gboolean
tessera_server_set_user_claims_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_set_user_claims_async, error) != NULL;
}

/**
 * tessera_server_remove_user_async:
 * @self: a server
 * @username: a user that the store keeps
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Removes a person, with everything they allowed.
 */
void
tessera_server_remove_user_async (TesseraServer *self,
                                  const char *username,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (username != NULL);
  tessera_act_start (&change_new (&remove_class, self, username, NULL)->act,
                     tessera_server_remove_user_async, cancellable, callback, user_data);
}

/**
 * tessera_server_remove_user_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.remove_user_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_SETUP_ERROR_DECLARED,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when the user is gone
 */
gboolean
tessera_server_remove_user_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_remove_user_async, error) != NULL;
}

/**
 * tessera_server_lookup_user:
 * @self: a server
 * @username: a name
 *
 * Looks for a user, from a file or kept by the store.
 *
 * Returns: (transfer full) (nullable): the user, or %NULL if there is none
 */
TesseraUser *
tessera_server_lookup_user (TesseraServer *self, const char *username)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (username != NULL, NULL);

  TesseraUser *user = tessera_user_registry_lookup (self->users, username);
  return user != NULL ? g_object_ref (user) : NULL;
}

/**
 * tessera_server_list_users:
 * @self: a server
 * @after: (nullable): the last name of the page before, or %NULL for the first page
 * @limit: how many at most
 *
 * Lists users, from a file and kept by the store, by name, a page at a time.
 *
 * Returns: (transfer container) (element-type TesseraUser): the users; an empty page is the end
 */
GPtrArray *
tessera_server_list_users (TesseraServer *self, const char *after, guint limit)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  return tessera_user_registry_list (self->users, after != NULL ? after : "", limit);
}

/**
 * tessera_server_load_users:
 * @self: a server
 * @file: (type filename): a file with `name:hash` a line, as [func@hash_password] makes hashes, or
 *   `name:hash:claims`, where claims are a JSON object of what is known of the person
 * @error: return location for an error
 *
 * Loads people with passwords of the server's own, and forgets those loaded before. They are asked
 * when no handler of [signal@Server::authenticate] decides. Whoever is gone, or has another
 * password, loses their tokens; on a running server before this returns. What is known of them can
 * change, and ends nothing.
 *
 * Errors: %TESSERA_SETUP_ERROR_USER, %TESSERA_SETUP_ERROR_EXISTS for a name that the store keeps,
 * %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE when it cannot be stored whose tokens end, or of
 * %G_FILE_ERROR; then nothing changed.
 *
 * Returns: %TRUE when they were loaded
 */
gboolean
tessera_server_load_users (TesseraServer *self, const char *file, GError **error)
{
  g_autofree char *text = NULL;

  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (file != NULL, FALSE);

  g_autoptr (GHashTable) before = tessera_user_registry_ref_users (self->users);
  if (!g_file_get_contents (file, &text, NULL, error)
      || !tessera_user_registry_replace_declared (self->users, text, file, error))
    return FALSE;
  tessera_server_unsettle (self, TESSERA_DECLARED_USERS);
  if (self->state != TESSERA_SERVER_READY
      || tessera_server_settle_only (self, TESSERA_DECLARED_USERS, error))
    return TRUE;
  if (self->unsettled & TESSERA_DECLARED_USERS)
    tessera_user_registry_put_back (self->users, before);
  return FALSE;
}

/**
 * tessera_hash_password:
 * @password: a password
 * @error: return location for an error
 *
 * Hashes a password for a file of [method@Server.load_users], by yescrypt. Blocks for some 30 ms:
 * that is what it is for.
 *
 * Errors: %TESSERA_SETUP_ERROR_USER when @password is longer than 511 bytes, which is all that
 * crypt(3) takes.
 *
 * Returns: (transfer full): the hash
 */
char *
tessera_hash_password (const char *password, GError **error)
{
  g_return_val_if_fail (password != NULL, NULL);
  return tessera_password_hash (password, error);
}
