/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-dbus-call-private.h"

G_BEGIN_DECLS

/* Methods of the manager that concern the state as a whole. */
void tessera_dbus_state_back_up (gpointer call);
void tessera_dbus_state_purge (gpointer call);
void tessera_dbus_state_export (gpointer call);
void tessera_dbus_state_import (gpointer call);

G_END_DECLS
