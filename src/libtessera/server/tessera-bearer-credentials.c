/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a request over libsoup carries its Bearer token (RFC 6750 §2, RFC 6455 §4.2.1). */

#include "server/tessera-bearer-credentials-private.h"
#include "base/tessera-bearer-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

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
  taken = g_slist_length (protocols) == 2 && tessera_bearer_is_token (protocols->next->data);
  if (taken)
    move_token (headers, protocols->data, protocols->next->data);
  free_protocols (protocols);
  return taken;
}
