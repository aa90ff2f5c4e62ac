/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-server.h"

G_BEGIN_DECLS

/* The deny-list of a server in memory that other processes read (resource/tessera-shared-table):
 * filled when somebody asks for the first time, and kept right from then on. All of it happens on
 * the server's context. */
typedef struct _TesseraSharing TesseraSharing;

/* @server is ready. */
TesseraSharing *tessera_sharing_new (TesseraServer *server);
/* Ends it for all who read, and refuses who still waits. */
void tessera_sharing_free (TesseraSharing *self);
/* Takes @task, and returns a descriptor to it, as an integer that is the task's owner's, when
 * everything is in the memory. */
void tessera_sharing_await (TesseraSharing *self, GTask *task);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraSharing, tessera_sharing_free)

G_END_DECLS
