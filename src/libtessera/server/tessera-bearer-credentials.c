/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Bearer token of a request, and the challenge to one without (RFC 6750 §2, §3). */

#include "server/tessera-bearer-credentials-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 §2.1) */
static gboolean
is_b64token (const char *text)
{
  gsize length = strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._~+/");

  return length > 0 && text[length + strspn (text + length, "=")] == '\0';
}

char *
tessera_bearer_credentials_parse (const char *authorization)
{
  gsize scheme_length = strcspn (authorization, " ");
  const char *token = authorization + scheme_length;

  /* A scheme is case-insensitive (RFC 7235 §2.1). */
  if (scheme_length != strlen ("Bearer")
      || g_ascii_strncasecmp (authorization, "Bearer", scheme_length) != 0)
    return NULL;
  token += strspn (token, " ");
  return g_strdup (is_b64token (token) ? token : "");
}

guint
tessera_bearer_credentials_count_headers (SoupMessageHeaders *headers, const char *name)
{
  SoupMessageHeadersIter iter;
  const char *each, *value;
  guint count = 0;

  soup_message_headers_iter_init (&iter, headers);
  while (soup_message_headers_iter_next (&iter, &each, &value))
    count += g_ascii_strcasecmp (each, name) == 0;
  return count;
}

gboolean
tessera_bearer_credentials_is_handshake (SoupMessageHeaders *headers)
{
  return soup_message_headers_header_contains (headers, "Upgrade", "websocket");
}

static gboolean
is_from_allowed_origin (SoupMessageHeaders *headers, const char *const *allowed_origins)
{
  const char *origin = soup_message_headers_get_one (headers, "Origin");

  return origin != NULL && allowed_origins != NULL
         && tessera_bearer_credentials_count_headers (headers, "Origin") == 1
         && g_strv_contains (allowed_origins, origin);
}

static void
free_protocols (GSList *protocols)
{
  for (GSList *each = protocols; each != NULL; each = each->next)
    tessera_secret_free (each->data);
  g_slist_free (protocols);
}

static void
move_token (SoupMessageHeaders *headers, const char *protocol, const char *token)
{
  g_autoptr (TesseraSecret) authorization = g_strconcat ("Bearer ", token, NULL);

  soup_message_headers_replace (headers, "Sec-WebSocket-Protocol", protocol);
  soup_message_headers_replace (headers, "Authorization", authorization);
}

gboolean
tessera_bearer_credentials_take_protocol_token (SoupMessageHeaders *headers,
                                                const char *const *allowed_origins)
{
  const char *list = soup_message_headers_get_list (headers, "Sec-WebSocket-Protocol");
  GSList *protocols;
  gboolean taken;

  if (list == NULL || soup_message_headers_get_one (headers, "Authorization") != NULL
      || !is_from_allowed_origin (headers, allowed_origins))
    return FALSE;
  protocols = soup_header_parse_list (list);
  taken = g_slist_length (protocols) == 2 && is_b64token (protocols->next->data);
  if (taken)
    move_token (headers, protocols->data, protocols->next->data);
  free_protocols (protocols);
  return taken;
}

static void
append_param (GString *challenge, const char *name, const char *value)
{
  if (value == NULL)
    return;
  g_string_append (challenge, challenge->len == strlen ("Bearer") ? " " : ", ");
  g_string_append_printf (challenge, "%s=\"", name);
  for (const char *c = value; *c != '\0'; c++)
    {
      /* %x20-21 / %x23-5B / %x5D-7E (RFC 6750 §3) */
      if (g_ascii_isprint (*c) && *c != '"' && *c != '\\')
        g_string_append_c (challenge, *c);
    }
  g_string_append_c (challenge, '"');
}

char *
tessera_bearer_credentials_dup_challenge (const char *error,
                                          const char *description,
                                          const char *scope,
                                          const char *realm)
{
  GString *challenge = g_string_new ("Bearer");

  append_param (challenge, "error", error);
  append_param (challenge, "error_description", description);
  append_param (challenge, "scope", scope);
  append_param (challenge, "realm", realm);
  return g_string_free (challenge, FALSE);
}
