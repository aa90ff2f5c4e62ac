/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signing keys: rotated, retired, revoked (design.md §4). */

#include "server/tessera-act-private.h"
#include "server/tessera-administration.h"

#include "model/tessera-revocation-private.h"

typedef struct
{
  TesseraAct act;
  char *kid;
  gboolean now;
  gint64 lifetime_ms; /* of the tokens that a retired key has signed */
  guint64 generation; /* of the entry that ended the key's tokens, or 0 */
} KeyAct;

static void
key_clear (TesseraAct *act)
{
  g_free (((KeyAct *) act)->kid);
}

/* In a thread, since a key is made. The ring is safe there. What no token needs any more leaves
 * first: who rotates often must not publish more keys than others will read. */
static gboolean
rotate_work (TesseraAct *act, GError **error)
{
  KeyAct *self = (KeyAct *) act;
  TesseraEngine *engine = &act->server->engine;
  return tessera_key_ring_prune (engine->keys, self->lifetime_ms, error)
         && tessera_key_ring_rotate (engine->keys, engine->settings->jwks_max_age, self->now,
                                     error);
}

static gboolean
retire_work (TesseraAct *act, GError **error)
{
  return tessera_key_ring_retire (act->server->engine.keys, ((KeyAct *) act)->kid, error);
}

static gboolean
revoke_work (TesseraAct *act, GError **error)
{
  return tessera_key_ring_revoke (act->server->engine.keys, ((KeyAct *) act)->kid, error);
}

static void
rotate_end (TesseraAct *act, const GError *error)
{
  if (error == NULL)
    tessera_server_emit (act->server, TESSERA_SIGNAL_KEYS_CHANGED);
}

/* Whoever holds a token of that key is asked again. */
static void
retire_end (TesseraAct *act, const GError *error)
{
  tessera_token_checker_changed (TESSERA_TOKEN_CHECKER (act->server));
  rotate_end (act, error);
}

static void
revoke_apply (TesseraAct *act)
{
  tessera_seen_tokens_clear (act->server->engine.seen);
}

static gboolean
revoke_run (TesseraAct *act, TesseraStore *store, GError **error)
{
  KeyAct *self = (KeyAct *) act;
  return tessera_deny_list_deny_key (act->server->engine.deny_list, store, self->kid,
                                     &self->generation, error);
}

static void
revoke_end (TesseraAct *act, const GError *error)
{
  KeyAct *self = (KeyAct *) act;
  if (error != NULL)
    return;
  g_autoptr (TesseraRevocation) revocation
      = tessera_revocation_new (NULL, NULL, NULL, TESSERA_REVOCATION_CAUSE_API);
  tessera_revocation_set_outcome (revocation, TESSERA_REVOCATION_KIND_KEY, self->kid,
                                  self->generation);
  tessera_server_report_revocation (act->server, revocation);
  tessera_server_emit (act->server, TESSERA_SIGNAL_KEYS_CHANGED);
}

static const TesseraActClass rotate_class
    = { .size = sizeof (KeyAct), .work = rotate_work, .end = rotate_end, .clear = key_clear };
static const TesseraActClass retire_class
    = { .size = sizeof (KeyAct), .work = retire_work, .end = retire_end, .clear = key_clear };
static const TesseraActClass revoke_class = {
  .size = sizeof (KeyAct),
  .always = TRUE,
  .work = revoke_work,
  .apply = revoke_apply,
  .run = revoke_run,
  .end = revoke_end,
  .clear = key_clear,
};

static KeyAct *
key_act_new (const TesseraActClass *klass, TesseraServer *server, const char *kid)
{
  KeyAct *self = tessera_act_new (klass, server);
  self->kid = g_strdup (kid);
  return self;
}

static gboolean
perform (KeyAct *key_act, GError **error)
{
  g_autoptr (TesseraAct) act = &key_act->act;
  return tessera_act_perform (act, error);
}

static KeyAct *
rotation_new (TesseraServer *self, gboolean now)
{
  KeyAct *key_act = key_act_new (&rotate_class, self, NULL);
  key_act->now = now;
  key_act->lifetime_ms = tessera_engine_get_longest_lifetime_ms (&self->engine);
  return key_act;
}

/**
 * tessera_server_rotate_key:
 * @self: a server
 * @now: whether not to wait until others can know the next key
 * @error: return location for an error
 *
 * Lets the next key sign, and makes another next one; the same with the keys of ID tokens, when
 * they have another algorithm. What the old keys signed stays good. Blocks while keys are made.
 *
 * Errors: %TESSERA_SETUP_ERROR_TOO_EARLY with the seconds left, while one of the next keys was
 * published for less than [property@Server:jwks-max-age], unless @now.
 *
 * Returns: %TRUE when rotated
 */
gboolean
tessera_server_rotate_key (TesseraServer *self, gboolean now, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);

  KeyAct *key_act = rotation_new (self, now);
  return perform (key_act, error);
}

/**
 * tessera_server_rotate_key_async:
 * @self: a server
 * @now: whether not to wait until others can know the next key
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is done
 * @user_data: for @callback
 *
 * Rotates as [method@Server.rotate_key] does, without blocking.
 */
void
tessera_server_rotate_key_async (TesseraServer *self,
                                 gboolean now,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));

  KeyAct *key_act = rotation_new (self, now);
  tessera_act_start (&key_act->act, tessera_server_rotate_key_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_rotate_key_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.rotate_key_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_TOO_EARLY, unless `now` was set.
 *
 * Returns: %TRUE when it is done
 */
gboolean
tessera_server_rotate_key_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_rotate_key_async, error) != NULL;
}

/**
 * tessera_server_retire_key:
 * @self: a server
 * @kid: a key that does not sign any more
 * @error: return location for an error
 *
 * Takes a key out of the key set before its time. What it signed is not good any more wherever the
 * key set is read.
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND; %TESSERA_SETUP_ERROR_KEY for the active key.
 *
 * Returns: %TRUE when it is out
 */
gboolean
tessera_server_retire_key (TesseraServer *self, const char *kid, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (kid != NULL, FALSE);
  return perform (key_act_new (&retire_class, self, kid), error);
}

/**
 * tessera_server_retire_key_async:
 * @self: a server
 * @kid: a key that does not sign any more
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is done
 * @user_data: for @callback
 *
 * Retires a key as [method@Server.retire_key] does, without blocking.
 */
void
tessera_server_retire_key_async (TesseraServer *self,
                                 const char *kid,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (kid != NULL);

  KeyAct *key_act = key_act_new (&retire_class, self, kid);
  tessera_act_start (&key_act->act, tessera_server_retire_key_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_retire_key_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.retire_key_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND; %TESSERA_SETUP_ERROR_KEY for the active key.
 *
 * Returns: %TRUE when it is done
 */
gboolean
tessera_server_retire_key_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_retire_key_async, error) != NULL;
}

/**
 * tessera_server_revoke_key:
 * @self: a server
 * @kid: a key, such as one that was stolen
 * @error: return location for an error
 *
 * Takes a key out of the key set, and refuses every token of it for ever. If it was the active key,
 * the next one signs at once. Blocks until that is durable.
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is revoked
 */
gboolean
tessera_server_revoke_key (TesseraServer *self, const char *kid, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (kid != NULL, FALSE);
  return perform (key_act_new (&revoke_class, self, kid), error);
}

/**
 * tessera_server_revoke_key_async:
 * @self: a server
 * @kid: a key, such as one that was stolen
 * @cancellable: (nullable): a cancellable
 * @callback: (scope async): called when it is done
 * @user_data: for @callback
 *
 * Revokes a key as [method@Server.revoke_key] does, without blocking.
 */
void
tessera_server_revoke_key_async (TesseraServer *self,
                                 const char *kid,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (kid != NULL);

  KeyAct *key_act = key_act_new (&revoke_class, self, kid);
  tessera_act_start (&key_act->act, tessera_server_revoke_key_async, cancellable, callback,
                     user_data);
}

/**
 * tessera_server_revoke_key_finish:
 * @self: a server
 * @result: the result given to the callback
 * @error: return location for an error
 *
 * Finishes [method@Server.revoke_key_async].
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND, %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE.
 *
 * Returns: %TRUE when it is done
 */
gboolean
tessera_server_revoke_key_finish (TesseraServer *self, GAsyncResult *result, GError **error)
{
  return tessera_act_finish (self, result, tessera_server_revoke_key_async, error) != NULL;
}

static const char *
get_state_name (TesseraKeyState state)
{
  static const char *const names[] = {
    [TESSERA_KEY_NEXT] = "next",
    [TESSERA_KEY_ACTIVE] = "active",
    [TESSERA_KEY_RETIRED] = "retired",
    [TESSERA_KEY_REVOKED] = "revoked",
  };
  return names[state];
}

/**
 * tessera_server_list_keys:
 * @self: a server
 *
 * Lists the keys, each as `KID ALGORITHM STATE`, where the state is `next`, `active`, `retired` or
 * `revoked`.
 *
 * Returns: (transfer full) (array zero-terminated=1): the keys; none while the server is not ready
 */
char **
tessera_server_list_keys (TesseraServer *self)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);

  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();
  g_autoptr (GPtrArray) entries
      = self->engine.ready ? tessera_key_ring_list (self->engine.keys) : NULL;
  for (guint i = 0; entries != NULL && i < entries->len; i++)
    {
      TesseraKeyEntry *entry = entries->pdata[i];
      g_autofree char *line
          = g_strdup_printf ("%s %s %s", tessera_key_get_id (entry->key),
                             tessera_algorithm_get_name (tessera_key_get_algorithm (entry->key)),
                             get_state_name (entry->state));
      g_strv_builder_add (lines, line);
    }
  return g_strv_builder_end (lines);
}
