/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who decides about access tokens: the interface between the guard and the server or a verifier
 * (RFC 6750, RFC 9068 §4). */

#include "resource/tessera-token-checker.h"

/**
 * TesseraTokenChecker:
 *
 * Decides about access tokens, from memory: the [class@Server] itself, or a verifier elsewhere.
 */
G_DEFINE_INTERFACE (TesseraTokenChecker, tessera_token_checker, G_TYPE_OBJECT)

static guint changed_signal;

static void
tessera_token_checker_default_init (TesseraTokenCheckerInterface *iface)
{
  /**
   * TesseraTokenChecker::changed:
   * @self: the checker
   *
   * A token may have stopped being good, or the checker became ready. Whoever keeps something open
   * for a token asks [method@TokenChecker.recheck] again. Emitted on the main context of the
   * checker.
   */
  changed_signal = g_signal_new ("changed", TESSERA_TYPE_TOKEN_CHECKER, G_SIGNAL_RUN_LAST, 0, NULL,
                                 NULL, NULL, G_TYPE_NONE, 0);
}

/**
 * tessera_token_checker_check:
 * @self: a token checker
 * @token: an access token, as it came
 * @audience: (nullable): the resource server it must be for, or %NULL for any
 * @error: return location for an error
 *
 * Decides whether an access token is good now: signature, type, issuer, times, audience, and that
 * it is not revoked. Does not block.
 *
 * Errors: %TESSERA_ERROR_INVALID_TOKEN, and %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE while the
 * checker is not ready.
 *
 * Returns: (transfer full): what the token says
 */
TesseraAccessToken *
tessera_token_checker_check (TesseraTokenChecker *self,
                             const char *token,
                             const char *audience,
                             GError **error)
{
  g_return_val_if_fail (TESSERA_IS_TOKEN_CHECKER (self), NULL);
  g_return_val_if_fail (token != NULL, NULL);
  return TESSERA_TOKEN_CHECKER_GET_IFACE (self)->check (self, token, audience, error);
}

/**
 * tessera_token_checker_recheck:
 * @self: a token checker
 * @token: a token that this checker accepted before
 * @out_expired: (out) (optional): whether it is no longer good because its time is over
 *
 * Asks again about a token that was good, without its signature.
 *
 * Returns: %TRUE while it is neither revoked nor expired
 */
gboolean
tessera_token_checker_recheck (TesseraTokenChecker *self,
                               TesseraAccessToken *token,
                               gboolean *out_expired)
{
  gboolean expired = FALSE;

  g_return_val_if_fail (TESSERA_IS_TOKEN_CHECKER (self), FALSE);
  g_return_val_if_fail (TESSERA_IS_ACCESS_TOKEN (token), FALSE);

  gboolean good = TESSERA_TOKEN_CHECKER_GET_IFACE (self)->recheck (self, token, &expired);
  if (out_expired != NULL)
    *out_expired = expired;
  return good;
}

/**
 * tessera_token_checker_is_ready:
 * @self: a token checker
 *
 * Whether it has loaded what it needs to decide. [signal@TokenChecker::changed] tells when.
 *
 * Returns: %FALSE while every check would end in %TESSERA_ERROR_TEMPORARILY_UNAVAILABLE
 */
gboolean
tessera_token_checker_is_ready (TesseraTokenChecker *self)
{
  g_return_val_if_fail (TESSERA_IS_TOKEN_CHECKER (self), FALSE);
  return TESSERA_TOKEN_CHECKER_GET_IFACE (self)->is_ready (self);
}

/**
 * tessera_token_checker_changed:
 * @self: a token checker
 *
 * Emits [signal@TokenChecker::changed]. For implementations.
 */
void
tessera_token_checker_changed (TesseraTokenChecker *self)
{
  g_return_if_fail (TESSERA_IS_TOKEN_CHECKER (self));
  g_signal_emit (self, changed_signal, 0);
}
