/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Initial access tokens: who has one may register clients (RFC 7591 §1.2, §3). */

#include "model/tessera-initial-access-token-private.h"

#define MS_A_SECOND 1000

/**
 * TesseraInitialAccessToken:
 *
 * A permission to register clients (RFC 7591 §3), that is, all that is known of the token but the
 * token itself, of which only a digest is kept.
 *
 * It is good until it expires, was used as often as it may be, or is revoked. Immutable.
 */
G_DEFINE_BOXED_TYPE (TesseraInitialAccessToken,
                     tessera_initial_access_token,
                     tessera_initial_access_token_copy,
                     tessera_initial_access_token_free)

/**
 * tessera_initial_access_token_copy:
 * @self: a token
 *
 * Copies what is known of a token.
 *
 * Returns: (transfer full): the copy
 */
TesseraInitialAccessToken *
tessera_initial_access_token_copy (const TesseraInitialAccessToken *self)
{
  TesseraInitialAccessToken *copy = g_memdup2 (self, sizeof *self);

  copy->id = g_strdup (self->id);
  copy->note = g_strdup (self->note);
  return copy;
}

/**
 * tessera_initial_access_token_free:
 * @self: (nullable): a token
 *
 * Frees it.
 */
void
tessera_initial_access_token_free (TesseraInitialAccessToken *self)
{
  if (self == NULL)
    return;
  g_free (self->id);
  g_free (self->note);
  g_free (self);
}

gboolean
tessera_initial_access_token_is_good (const TesseraInitialAccessToken *self, gint64 now_ms)
{
  return now_ms < self->expires_ms && (self->max_uses == 0 || self->uses < self->max_uses);
}

/**
 * tessera_initial_access_token_get_id:
 * @self: a token
 *
 * By what it is revoked.
 *
 * Returns: the identifier
 */
const char *
tessera_initial_access_token_get_id (const TesseraInitialAccessToken *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->id;
}

/**
 * tessera_initial_access_token_get_note:
 * @self: a token
 *
 * What an administrator wrote down about it.
 *
 * Returns: (nullable): the note
 */
const char *
tessera_initial_access_token_get_note (const TesseraInitialAccessToken *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->note;
}

/**
 * tessera_initial_access_token_get_created_at:
 * @self: a token
 *
 * When it was made.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_initial_access_token_get_created_at (const TesseraInitialAccessToken *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->created_ms / MS_A_SECOND;
}

/**
 * tessera_initial_access_token_get_expires_at:
 * @self: a token
 *
 * When it stops being good.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_initial_access_token_get_expires_at (const TesseraInitialAccessToken *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->expires_ms / MS_A_SECOND;
}

/**
 * tessera_initial_access_token_get_max_uses:
 * @self: a token
 *
 * How many clients it can register.
 *
 * Returns: a number, 0 for any
 */
guint
tessera_initial_access_token_get_max_uses (const TesseraInitialAccessToken *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->max_uses;
}

/**
 * tessera_initial_access_token_get_uses:
 * @self: a token
 *
 * How many clients it has registered.
 *
 * Returns: a number
 */
guint
tessera_initial_access_token_get_uses (const TesseraInitialAccessToken *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->uses;
}
