/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a client says in a JWT of its own making (RFC 7523 §3, RFC 9101 §4, RFC 8725 §3): is it the
 * client's, of the kind that is wanted, for us, and not expired? */

#include "endpoints/tessera-client-statement-private.h"

/* A token of another kind must not pass for one (RFC 8725 §3.11). None and JWT are what most
 * clients write, for both kinds. */
static gboolean
has_right_type (const TesseraJwt *self, const char *type)
{
  return self->typ == NULL || tessera_jwt_has_type (self, "JWT")
         || tessera_jwt_has_type (self, type);
}

static gboolean
is_ours (const TesseraSettings *settings, const char *audience, gboolean may_be_token_endpoint)
{
  g_autofree char *token_endpoint = tessera_settings_dup_url (settings, settings->token_path);

  return g_str_equal (audience, settings->issuer)
         || (may_be_token_endpoint && g_str_equal (audience, token_endpoint));
}

/* rfc7523bis: the issuer and nothing else, as a string. Any other audience could be that of another
 * server, to which a malicious one made the client send it. Where older clients are let in, all
 * that they name must still be of this server. */
static gboolean
has_right_audience (const TesseraJwt *self,
                    const TesseraClientStatementRules *rules,
                    const TesseraSettings *settings)
{
  gboolean is_lenient = rules->may_name_token_endpoint && settings->assertions_for_token_endpoint;

  if (!is_lenient && !rules->may_list_audience)
    return g_strcmp0 (tessera_claims_get_string (self->claims, "aud"), settings->issuer) == 0;

  g_auto (GStrv) audiences = tessera_claims_dup_strings (self->claims, "aud");
  if (audiences == NULL || audiences[0] == NULL)
    return FALSE;
  for (char **audience = audiences; *audience != NULL; audience++)
    if (!is_ours (settings, *audience, is_lenient))
      return FALSE;
  return TRUE;
}

/* RFC 7523 §3, 4: `exp` is required; and it is near, for so long it can be used by whoever saw it.
 */
static gboolean
has_right_expiry (const TesseraJwt *self, gint64 max_lifetime, gint64 now)
{
  const gint64 latest = now + max_lifetime + TESSERA_CLIENT_STATEMENT_LEEWAY;
  gint64 exp;

  return tessera_claims_get_int (self->claims, "exp", &exp) && exp > now && exp <= latest;
}

/* RFC 7523 §3, 5 and 6: absent, or past. */
static gboolean
is_past (const TesseraJwt *self, const char *claim, gint64 now)
{
  gint64 time;

  if (!tessera_claims_has (self->claims, claim))
    return TRUE;
  return tessera_claims_get_int (self->claims, claim, &time)
         && time <= now + TESSERA_CLIENT_STATEMENT_LEEWAY;
}

const char *
tessera_client_statement_find_fault (const TesseraJwt *self,
                                     const TesseraClientStatementRules *rules,
                                     TesseraClient *client,
                                     TesseraKeySet *keys,
                                     const TesseraSettings *settings,
                                     gint64 now_seconds)
{
  if (!has_right_type (self, rules->type))
    return "another typ";
  if (!rules->check_signature (client, keys, self))
    return "no signature by a registered key and algorithm";
  if (!has_right_audience (self, rules, settings))
    return "another aud";
  if (!has_right_expiry (self, rules->max_lifetime, now_seconds))
    return "exp absent, past or too far ahead";
  if (!is_past (self, "iat", now_seconds) || !is_past (self, "nbf", now_seconds))
    return "iat or nbf in the future";
  return NULL;
}
