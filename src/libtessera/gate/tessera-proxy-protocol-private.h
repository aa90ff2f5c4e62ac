/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define TESSERA_PROXY_PROTOCOL_MAX 1024 /* bytes; what proxies send is below 600 */

/* What a proxy says of a connection before the client's first byte (PROXY protocol, version 2). The
 * caller has made sure that it is a proxy of ours, for anybody can say it. */
typedef struct
{
  gboolean known;          /* it speaks for a client with an internet address: @address and @port */
  gboolean secure;         /* the client came to the proxy by TLS */
  GSocketFamily family;    /* IPv4 also for IPv4 that is mapped into IPv6 */
  guint8 address[16];      /* 4 or 16 bytes */
  guint16 port;            /* the client's */
  gsize length;            /* bytes of it all; PARTIAL: bytes that are needed to go on */
  const char *description; /* of a refusal, static */
} TesseraProxyProtocol;

typedef enum
{
  TESSERA_PROXY_PROTOCOL_PARTIAL,
  TESSERA_PROXY_PROTOCOL_COMPLETE,
  TESSERA_PROXY_PROTOCOL_REFUSED, /* the connection ends without an answer */
} TesseraProxyProtocolState;

/* Reads it from the start of @bytes, anew with more after PARTIAL. Complete and not @known: the
 * connection is the proxy's own (a health check), or of a kind without such addresses; it then
 * comes from where it comes from. */
TesseraProxyProtocolState
tessera_proxy_protocol_parse (TesseraProxyProtocol *self, const guint8 *bytes, gsize length);

/* When @known. */
GSocketAddress *tessera_proxy_protocol_dup_address (const TesseraProxyProtocol *self);

G_END_DECLS
