/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <tessera.h>

G_BEGIN_DECLS

/* A client as a dictionary of RFC 7591's names. No secret is in it. Floating. */
GVariant *tessera_dbus_registration_from_client (TesseraClient *client);
/* The other way; @client_id: what it will be called, or NULL when one will be made. NULL with
 * G_DBUS_ERROR_INVALID_ARGS for a name that is unknown, or a value of a wrong type. */
TesseraClient *
tessera_dbus_registration_to_client (GVariant *registration, const char *client_id, GError **error);

G_END_DECLS
