/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who sends a request: the address at the other end, or whom a trusted proxy names (RFC 7239,
 * X-Forwarded-For). */

#include "server/tessera-caller-private.h"

#include "server/tessera-forwarded-private.h"

#include <string.h>

/* IPv4 over an IPv6 socket is IPv4. */
static void
put_address (GInetAddress *inet, char out[INET6_ADDRSTRLEN])
{
  const guint8 *bytes = g_inet_address_to_bytes (inet);
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };

  if (g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV6
      && memcmp (bytes, mapped, sizeof mapped) == 0)
    inet_ntop (AF_INET, bytes + sizeof mapped, out, INET6_ADDRSTRLEN);
  else
    inet_ntop (g_inet_address_get_family (inet), bytes, out, INET6_ADDRSTRLEN);
}

void
tessera_caller_init (TesseraCaller *self, GSocketAddress *remote, gboolean secure)
{
  self->secure = secure;
  if (G_IS_INET_SOCKET_ADDRESS (remote))
    put_address (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote)), self->address);
  else
    g_strlcpy (self->address, "unix", sizeof self->address);
}

static gboolean
is_proxy (const char *address, gpointer server)
{
  return tessera_server_trusts_proxy (server, address);
}

static gboolean
read_forwarded (TesseraServer *server,
                TesseraCallerGetList get_list,
                gpointer request,
                TesseraForwarded *forwarded)
{
  gboolean standard = tessera_server_reads_forwarded (server);
  const char *list = get_list (request, standard ? "Forwarded" : "X-Forwarded-For");

  if (list == NULL
      || !tessera_forwarded_read (
          forwarded, standard ? TESSERA_FORWARDED_RFC7239 : TESSERA_FORWARDED_X_FORWARDED_FOR, list,
          is_proxy, server))
    return FALSE;
  if (!standard)
    forwarded->secure = g_strcmp0 (get_list (request, "X-Forwarded-Proto"), "https") == 0;
  return TRUE;
}

void
tessera_caller_look_behind_proxy (TesseraCaller *self,
                                  TesseraServer *server,
                                  TesseraCallerGetList get_list,
                                  gpointer request)
{
  TesseraForwarded forwarded;

  if (!tessera_server_trusts_proxy (server, self->address)
      || !read_forwarded (server, get_list, request, &forwarded))
    return;
  g_strlcpy (self->address, forwarded.address, sizeof self->address);
  self->secure |= forwarded.secure;
}
