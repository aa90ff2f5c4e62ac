/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <arpa/inet.h>
#include <glib.h>

G_BEGIN_DECLS

/* For whom a proxy speaks. */
typedef struct
{
  char address[INET6_ADDRSTRLEN]; /* in digits, canonical */
  gboolean secure;                /* it came to the proxy by TLS */
} TesseraForwarded;

/* Which of the two headers our proxies write. Never both: the other one comes from the client, past
 * a proxy that does not know it. */
typedef enum
{
  TESSERA_FORWARDED_X_FORWARDED_FOR, /* a list of addresses */
  TESSERA_FORWARDED_RFC7239,
} TesseraForwardedForm;

typedef gboolean (*TesseraForwardedIsProxy) (const char *address, gpointer data);

/* Goes along the list from its end, where the nearest proxy wrote, as long as the addresses are
 * proxies of ours: the first that is not is whom they speak for. What is left of it the client may
 * have written itself. FALSE: there is none, since the list is empty or says what is no address at
 * a place that counts, or, in Forwarded, breaks the syntax anywhere. */
gboolean tessera_forwarded_read (TesseraForwarded *self,
                                 TesseraForwardedForm form,
                                 const char *list,
                                 TesseraForwardedIsProxy is_proxy,
                                 gpointer data);

G_END_DECLS
