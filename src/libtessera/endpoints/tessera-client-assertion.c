/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client assertions: a JWT that a client signs to say who it is (RFC 7523 §2.2, §3; RFC 7521 §4.2,
 * §5.2; what rfc7523bis says of the audience). */

#include "endpoints/tessera-client-assertion-private.h"

#include "endpoints/tessera-client-statement-private.h"

#include <string.h>

#define ID_MAX_LENGTH 256

static const TesseraClientStatementRules rules = {
  .type = "client-authentication+jwt",
  .max_lifetime = TESSERA_CLIENT_ASSERTION_MAX_LIFETIME,
  .check_signature = tessera_client_check_assertion,
  .may_name_token_endpoint = TRUE,
};

const char *
tessera_client_assertion_get_client_id (const TesseraJwt *self)
{
  const char *iss = tessera_claims_get_string (self->claims, "iss");
  const char *sub = tessera_claims_get_string (self->claims, "sub");

  /* RFC 7523 §3, 2B: of a client, both are its client_id. */
  return iss != NULL && g_strcmp0 (iss, sub) == 0 ? iss : NULL;
}

static gboolean
has_right_id (const TesseraJwt *self)
{
  const char *jti = tessera_claims_get_string (self->claims, "jti");

  return jti != NULL && *jti != '\0' && strlen (jti) <= ID_MAX_LENGTH;
}

const char *
tessera_client_assertion_find_fault (const TesseraJwt *self,
                                     TesseraClient *client,
                                     TesseraKeySet *keys,
                                     const TesseraSettings *settings,
                                     gint64 now_seconds)
{
  if (g_strcmp0 (tessera_client_assertion_get_client_id (self), tessera_client_get_id (client))
      != 0)
    return "iss or sub of another client";
  const char *fault
      = tessera_client_statement_find_fault (self, &rules, client, keys, settings, now_seconds);
  if (fault != NULL)
    return fault;
  return has_right_id (self) ? NULL : "jti absent or too long";
}

TesseraDigest
tessera_client_assertion_get_digest (const TesseraJwt *self)
{
  const char *jti = tessera_claims_get_string (self->claims, "jti");
  g_autoptr (GString) text = g_string_new (tessera_client_assertion_get_client_id (self));

  /* No client_id has a NUL in it, so that no two pairs look the same. */
  g_string_append_c (text, '\0');
  g_string_append (text, jti);
  return tessera_digest (text->str, (gssize) text->len);
}

gint64
tessera_client_assertion_get_expiry_ms (const TesseraJwt *self)
{
  gint64 exp = 0;

  tessera_claims_get_int (self->claims, "exp", &exp);
  return exp * 1000;
}
