/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Methods of the manager, about who may register clients; @data: TesseraDBusCall. */
void tessera_dbus_initial_tokens_create (gpointer data);
void tessera_dbus_initial_tokens_list (gpointer data);
void tessera_dbus_initial_tokens_revoke (gpointer data);

G_END_DECLS
