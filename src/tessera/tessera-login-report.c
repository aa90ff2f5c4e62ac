/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came of a login: the answer of the token endpoint (RFC 6749 §5.1), and what is in its token.
 */

#include "tessera-login-report.h"

#include "tessera-command.h"
#include "tessera-output.h"
#include "tessera-token.h"

#include <string.h>

/* A part of a JWT; NULL for what is none. */
static json_t *
read_part (const char *part)
{
  static const char *const padding[] = { "", "===", "==", "=" };
  g_autofree char *text = g_strconcat (part, padding[strlen (part) % 4], NULL);
  g_autofree guchar *bytes = NULL;
  gsize size = 0;

  g_strdelimit (text, "-", '+');
  g_strdelimit (text, "_", '/');
  bytes = g_base64_decode (text, &size);
  return json_loadb ((const char *) bytes, size, JSON_REJECT_DUPLICATES, NULL);
}

/* To look at: whether they are true, a resource server checks. */
static json_t *
read_claims (const char *token)
{
  g_auto (GStrv) parts = g_strsplit (token, ".", 4);
  json_t *claims = NULL;

  if (g_strv_length (parts) == 3)
    claims = read_part (parts[1]);
  if (json_is_object (claims))
    return claims;
  json_decref (claims);
  return NULL;
}

void
tessera_login_report_tokens (json_t *report, json_t *tokens, gboolean show)
{
  const char *token = json_string_value (json_object_get (tokens, "access_token"));
  json_t *claims = read_claims (token);

  json_object_set (report, "token_type", json_object_get (tokens, "token_type"));
  json_object_set (report, "expires_in", json_object_get (tokens, "expires_in"));
  json_object_set (report, "scope", json_object_get (tokens, "scope"));
  json_object_set_new (report, "has_refresh_token",
                       json_boolean (json_object_get (tokens, "refresh_token") != NULL));
  if (claims != NULL)
    json_object_set_new (report, "claims", claims);
  if (!show)
    return;
  json_object_set (report, "access_token", json_object_get (tokens, "access_token"));
  json_object_set (report, "refresh_token", json_object_get (tokens, "refresh_token"));
}

static const TesseraColumn report_columns[] = {
  { "Issuer", "issuer" },
  { "Client ID", "client_id" },
  { "Token type", "token_type" },
  { "Expires in", "expires_in", TESSERA_COLUMN_SECONDS },
  { "Scope", "scope" },
  { "Can be refreshed", "has_refresh_token", TESSERA_COLUMN_FLAG },
  { "Access token", "access_token" },
  { "Refresh token", "refresh_token" },
  { "Refreshed", "refreshed", TESSERA_COLUMN_FLAG },
  { "Revoked", "revoked", TESSERA_COLUMN_FLAG },
  { NULL },
};

static void
print_part (json_t *report, const char *member, const char *title)
{
  json_t *part = json_object_get (report, member);

  if (part == NULL)
    return;
  tessera_output_line ("%s", "");
  tessera_output_line ("%s", title);
  tessera_output_object (json_incref (part), tessera_token_columns);
}

void
tessera_login_report_print (json_t *report)
{
  tessera_output_object (json_incref (report), report_columns);
  if (tessera_options.json)
    return;
  print_part (report, "claims", "Claims of the access token");
  print_part (report, "introspection", "What the issuer says of it");
  print_part (report, "introspection_after", "What it says of it now");
}
