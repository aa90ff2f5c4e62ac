/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A name with the addresses it had when they were checked, so that a second look-up cannot give
 * others (DNS rebinding). */

#include "outbound-pin.h"

#define ADDRESSES_MAX 4

typedef struct
{
  GNetworkAddress parent_instance;
  GPtrArray *addresses; /* GSocketAddress* */
} OutboundPin;

typedef struct
{
  GNetworkAddressClass parent_class;
} OutboundPinClass;

typedef struct
{
  GSocketAddressEnumerator parent_instance;
  GPtrArray *addresses;
  guint next;
} OutboundPinEnumerator;

typedef struct
{
  GSocketAddressEnumeratorClass parent_class;
} OutboundPinEnumeratorClass;

/* One address after the other */

GType outbound_pin_enumerator_get_type (void);
G_DEFINE_TYPE (OutboundPinEnumerator, outbound_pin_enumerator, G_TYPE_SOCKET_ADDRESS_ENUMERATOR)

static GSocketAddress *
next_address (GSocketAddressEnumerator *enumerator, GCancellable *cancellable, GError **error)
{
  OutboundPinEnumerator *self = (OutboundPinEnumerator *) enumerator;

  if (g_cancellable_set_error_if_cancelled (cancellable, error)
      || self->next == self->addresses->len)
    return NULL;
  return g_object_ref (self->addresses->pdata[self->next++]);
}

static void
outbound_pin_enumerator_finalize (GObject *object)
{
  g_ptr_array_unref (((OutboundPinEnumerator *) object)->addresses);
  G_OBJECT_CLASS (outbound_pin_enumerator_parent_class)->finalize (object);
}

static void
outbound_pin_enumerator_init (OutboundPinEnumerator *self)
{
}

/* Its next_async () answers with next () in its own way: at once, in the context. */
static void
outbound_pin_enumerator_class_init (OutboundPinEnumeratorClass *klass)
{
  G_SOCKET_ADDRESS_ENUMERATOR_CLASS (klass)->next = next_address;
  G_OBJECT_CLASS (klass)->finalize = outbound_pin_enumerator_finalize;
}

/* The pin */

static void pin_connectable_init (GSocketConnectableIface *iface);

G_DEFINE_TYPE_WITH_CODE (OutboundPin,
                         outbound_pin,
                         G_TYPE_NETWORK_ADDRESS,
                         G_IMPLEMENT_INTERFACE (G_TYPE_SOCKET_CONNECTABLE, pin_connectable_init))

static GSocketAddressEnumerator *
enumerate (GSocketConnectable *connectable)
{
  OutboundPinEnumerator *enumerator = g_object_new (outbound_pin_enumerator_get_type (), NULL);

  enumerator->addresses = g_ptr_array_ref (((OutboundPin *) connectable)->addresses);
  return G_SOCKET_ADDRESS_ENUMERATOR (enumerator);
}

static void
pin_connectable_init (GSocketConnectableIface *iface)
{
  iface->enumerate = enumerate;
  iface->proxy_enumerate = enumerate; /* never by another way */
}

static void
outbound_pin_finalize (GObject *object)
{
  g_ptr_array_unref (((OutboundPin *) object)->addresses);
  G_OBJECT_CLASS (outbound_pin_parent_class)->finalize (object);
}

static void
outbound_pin_init (OutboundPin *self)
{
  self->addresses = g_ptr_array_new_with_free_func (g_object_unref);
}

static void
outbound_pin_class_init (OutboundPinClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = outbound_pin_finalize;
}

static guint
count_family (GPtrArray *addresses, GSocketFamily family)
{
  guint count = 0;

  for (guint i = 0; i < addresses->len; i++)
    count += g_inet_address_get_family (addresses->pdata[i]) == family;
  return count;
}

/* Whoever names a hundred addresses does not get a hundred connections. */
static guint
get_limit (GPtrArray *addresses)
{
  gboolean has_both = count_family (addresses, G_SOCKET_FAMILY_IPV4) > 0
                      && count_family (addresses, G_SOCKET_FAMILY_IPV6) > 0;

  return has_both ? ADDRESSES_MAX / 2 : ADDRESSES_MAX;
}

GSocketConnectable *
outbound_pin_new (const char *host, guint16 port, GPtrArray *addresses)
{
  OutboundPin *self = g_object_new (OUTBOUND_TYPE_PIN, "hostname", host, "port", (guint) port,
                                    "scheme", "https", NULL);
  guint limit = get_limit (addresses);
  guint n_v4 = 0, n_v6 = 0;

  for (guint i = 0; i < addresses->len; i++)
    {
      GInetAddress *address = addresses->pdata[i];
      gboolean is_v6 = g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6;

      if ((is_v6 ? n_v6++ : n_v4++) < limit)
        g_ptr_array_add (self->addresses, g_inet_socket_address_new (address, port));
    }
  return G_SOCKET_CONNECTABLE (self);
}
