/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initial access tokens: made, listed and revoked by an administrator (RFC 7591 §3). */

#include "server/tessera-act-private.h"
#include "server/tessera-administration.h"

#include "model/tessera-initial-access-token-private.h"

#include <string.h>

#define MS_A_SECOND 1000

typedef struct
{
  TesseraAct act;
  /* To make */
  TesseraInitialAccessToken *token;
  char *secret;
  /* To list */
  char *after;
  guint limit;
  GPtrArray *page;
  /* To revoke */
  char *id;
} Tokens;

static void
tokens_clear (TesseraAct *act)
{
  Tokens *self = (Tokens *) act;

  tessera_initial_access_token_free (self->token);
  tessera_secret_free (self->secret);
  g_clear_pointer (&self->page, g_ptr_array_unref);
  g_free (self->after);
  g_free (self->id);
}

/* Making */

static gboolean
create_begin (TesseraAct *act, GError **error)
{
  Tokens *self = (Tokens *) act;
  const char *note = self->token->note;

  if (note == NULL
      || (strlen (note) <= TESSERA_INITIAL_ACCESS_TOKEN_NOTE_MAX_LENGTH
          && g_utf8_validate (note, -1, NULL)))
    return TRUE;
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                       "The note is too long, or not UTF-8");
  return FALSE;
}

static gboolean
create_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  return tessera_store_put_initial_token (store, ((Tokens *) act)->token, error);
}

static const TesseraActClass create_class = {
  .size = sizeof (Tokens),
  .begin = create_begin,
  .run = create_run,
  .clear = tokens_clear,
};

/**
 * tessera_server_create_initial_access_token_async:
 * @self: a server
 * @note: (nullable): what it is for, to be found in the list
 * @lifetime: for how many seconds it is good
 * @max_uses: how many clients it can register, 0 for any number
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Makes an initial access token: whoever has it can register clients (RFC 7591 §3) while
 * [property@Server:registration-enabled] is set.
 */
void
tessera_server_create_initial_access_token_async (TesseraServer *self,
                                                  const char *note,
                                                  guint lifetime,
                                                  guint max_uses,
                                                  GCancellable *cancellable,
                                                  GAsyncReadyCallback callback,
                                                  gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (lifetime > 0);

  Tokens *create = tessera_act_new (&create_class, self);
  create->token = g_new0 (TesseraInitialAccessToken, 1);
  create->secret = tessera_secret_new (TESSERA_INITIAL_ACCESS_TOKEN_PREFIX);
  create->token->id = tessera_identifier_new ();
  create->token->digest = tessera_digest (create->secret, -1);
  create->token->note = note != NULL && *note != '\0' ? g_strdup (note) : NULL;
  create->token->created_ms = tessera_clock_get_ms (self->engine.clock);
  create->token->expires_ms = create->token->created_ms + (gint64) lifetime * MS_A_SECOND;
  create->token->max_uses = max_uses;
  tessera_act_start (&create->act, tessera_server_create_initial_access_token_async, cancellable,
                     callback, user_data);
}

/**
 * tessera_server_create_initial_access_token_finish:
 * @self: a server
 * @result: the result given to the callback
 * @out_id: (out) (optional) (transfer full): its identifier, by which it can be revoked
 * @error: return location for an error
 *
 * Finishes [method@Server.create_initial_access_token_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_CLIENT, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer full): the token, to be told once: only its digest is kept
 */
char *
tessera_server_create_initial_access_token_finish (TesseraServer *self,
                                                   GAsyncResult *result,
                                                   char **out_id,
                                                   GError **error)
{
  Tokens *create
      = tessera_act_finish (self, result, tessera_server_create_initial_access_token_async, error);

  if (create == NULL)
    return NULL;
  if (out_id != NULL)
    *out_id = g_strdup (create->token->id);
  return g_steal_pointer (&create->secret);
}

/* Listing */

static gboolean
list_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  Tokens *self = (Tokens *) act;
  const TesseraStoreFilter filter = {
    .after = self->after,
    .limit = self->limit,
    .now_ms = tessera_clock_get_ms (act->server->engine.clock),
  };

  g_clear_pointer (&self->page, g_ptr_array_unref);
  self->page = tessera_store_list_initial_tokens (store, &filter, error);
  return self->page != NULL;
}

static const TesseraActClass list_class
    = { .size = sizeof (Tokens), .always = TRUE, .run = list_run, .clear = tokens_clear };

/**
 * tessera_server_list_initial_access_tokens_async:
 * @self: a server
 * @after: (nullable): the last identifier of the page before, or %NULL for the first page
 * @limit: how many at most
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called with the page
 * @user_data: for @callback
 *
 * Lists the initial access tokens that are still good, a page at a time.
 */
void
tessera_server_list_initial_access_tokens_async (TesseraServer *self,
                                                 const char *after,
                                                 guint limit,
                                                 GCancellable *cancellable,
                                                 GAsyncReadyCallback callback,
                                                 gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (limit > 0);

  Tokens *list = tessera_act_new (&list_class, self);
  list->after = g_strdup (after != NULL ? after : "");
  list->limit = limit;
  tessera_act_start (&list->act, tessera_server_list_initial_access_tokens_async, cancellable,
                     callback, user_data);
}

/**
 * tessera_server_list_initial_access_tokens_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.list_initial_access_tokens_async].
 *
 * Errors: %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: (transfer container) (element-type TesseraInitialAccessToken): the tokens; an empty page
 * is the end
 */
GPtrArray *
tessera_server_list_initial_access_tokens_finish (TesseraServer *self,
                                                  GAsyncResult *result,
                                                  GError **error)
{
  Tokens *list
      = tessera_act_finish (self, result, tessera_server_list_initial_access_tokens_async, error);

  return list != NULL ? g_steal_pointer (&list->page) : NULL;
}

/* Revoking */

static gboolean
revoke_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  gboolean removed = FALSE;

  if (!tessera_store_remove_initial_token (store, ((Tokens *) act)->id, &removed, error))
    return FALSE;
  if (!removed)
    g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                         "There is no such initial access token.");
  return removed;
}

static const TesseraActClass revoke_class
    = { .size = sizeof (Tokens), .always = TRUE, .run = revoke_run, .clear = tokens_clear };

/**
 * tessera_server_revoke_initial_access_token_async:
 * @self: a server
 * @id: the identifier of a token
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is durable
 * @user_data: for @callback
 *
 * Revokes an initial access token: it registers no more clients. Those that it registered stay.
 */
void
tessera_server_revoke_initial_access_token_async (TesseraServer *self,
                                                  const char *id,
                                                  GCancellable *cancellable,
                                                  GAsyncReadyCallback callback,
                                                  gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (id != NULL);

  Tokens *revoke = tessera_act_new (&revoke_class, self);
  revoke->id = g_strdup (id);
  tessera_act_start (&revoke->act, tessera_server_revoke_initial_access_token_async, cancellable,
                     callback, user_data);
}

/**
 * tessera_server_revoke_initial_access_token_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_initial_access_token_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is revoked
 */
gboolean
tessera_server_revoke_initial_access_token_finish (TesseraServer *self,
                                                   GAsyncResult *result,
                                                   GError **error)
{
  return tessera_act_finish (self, result, tessera_server_revoke_initial_access_token_async, error)
         != NULL;
}
