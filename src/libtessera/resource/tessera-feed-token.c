/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Client credentials for the scope of the deny-list (RFC 6749 §2.3.1, §4.4, §5.1). */
#include "resource/tessera-feed-token-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

#define BODY "grant_type=client_credentials&scope=denylist"
#define TOKEN_MAX_LENGTH 8192
#define LIFETIME_UNSAID_S 60
#define LIFETIME_MAX_S (24 * 60 * 60)

/* RFC 6749 §2.3.1: both are form-encoded before they are joined. */
static char *
dup_authorization (const char *client_id, const char *secret)
{
  g_autofree char *id = g_uri_escape_string (client_id, NULL, FALSE);
  g_autoptr (TesseraSecret) password = g_uri_escape_string (secret, NULL, FALSE);
  g_autoptr (TesseraSecret) pair = g_strconcat (id, ":", password, NULL);
  g_autoptr (TesseraSecret) encoded = g_base64_encode ((const guchar *) pair, strlen (pair));

  return g_strconcat ("Basic ", encoded, NULL);
}

SoupMessage *
tessera_feed_token_ask (const char *endpoint,
                        const char *client_id,
                        const char *secret,
                        GError **error)
{
  SoupMessage *message = soup_message_new (SOUP_METHOD_POST, endpoint);

  if (message == NULL)
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR,
                           "The token endpoint is no URI.");
      return NULL;
    }
  g_autoptr (TesseraSecret) authorization = dup_authorization (client_id, secret);
  g_autoptr (GBytes) body = g_bytes_new_static (BODY, strlen (BODY));
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Authorization", authorization);
  soup_message_headers_replace (headers, "Accept", "application/json");
  soup_message_set_request_body_from_bytes (message, SOUP_FORM_MIME_TYPE_URLENCODED, body);
  return message;
}

/* RFC 6750 §2.1: what may stand in a header, which keeps line ends out of it. */
static gboolean
is_token (const char *token)
{
  gsize length = token != NULL ? strlen (token) : 0;

  return length > 0 && length <= TOKEN_MAX_LENGTH
         && strspn (token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                           "0123456789-._~+/=")
                == length;
}

gboolean
tessera_feed_token_read (
    const char *answer, gsize length, char **out_token, guint *out_lifetime_s, GError **error)
{
  g_autoptr (json_t) json
      = tessera_json_parse (answer, length, TESSERA_FEED_TOKEN_ANSWER_MAX, NULL);
  const char *token = json_string_value (json_object_get (json, "access_token"));
  const char *type = json_string_value (json_object_get (json, "token_type"));
  const json_t *lifetime = json_object_get (json, "expires_in");

  if (!is_token (token) || type == NULL || g_ascii_strcasecmp (type, "Bearer") != 0
      || (lifetime != NULL && !json_is_integer (lifetime)))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR,
                           "The answer of the token endpoint is malformed.");
      return FALSE;
    }
  json_int_t seconds = lifetime != NULL ? json_integer_value (lifetime) : LIFETIME_UNSAID_S;
  *out_lifetime_s = (guint) CLAMP (seconds, 1, LIFETIME_MAX_S);
  *out_token = g_strdup (token);
  return TRUE;
}
