/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-control.h"

G_BEGIN_DECLS

/* D-Bus without a bus: a unix socket on which root and the user of the service control it. */
typedef struct _TesseradPrivateSocket TesseradPrivateSocket;

TesseradPrivateSocket *
tesserad_private_socket_open (const char *path, TesseradControl *control, GError **error);
/* Connections close. */
void tesserad_private_socket_free (TesseradPrivateSocket *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradPrivateSocket, tesserad_private_socket_free)

G_END_DECLS
