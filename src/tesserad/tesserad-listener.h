/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where connections come in: a socket of our own with a backlog that stands a rush (libsoup's own
 * has 10), or one that systemd opened. */
typedef struct _TesseradListener TesseradListener;

/* Is @address a HOST:PORT in digits, unix:PATH or systemd? Error: G_IO_ERROR_INVALID_ARGUMENT. */
gboolean tesserad_listener_check_address (const char *address, GError **error);

/* TesseradListener*; more than one only for "systemd". */
GPtrArray *tesserad_listener_open (const char *name, const char *address, GError **error);
/* A unix socket for the user of the service and root alone, in a folder that is theirs too; made
 * when it is not there. */
TesseradListener *tesserad_listener_open_private (const char *path, GError **error);
void tesserad_listener_free (TesseradListener *self);

GSocket *tesserad_listener_get_socket (TesseradListener *self);
/* The NAME it was opened for. Borrowed. */
const char *tesserad_listener_get_name (TesseradListener *self);
/* For people and logs: 127.0.0.1:8417, unix:/run/tessera/http. Borrowed. */
const char *tesserad_listener_get_description (TesseradListener *self);
/* Reachable from other machines? */
gboolean tesserad_listener_is_exposed (TesseradListener *self);
/* From now on nobody can connect, or, with a socket of systemd, everybody waits. */
void tesserad_listener_shut (TesseradListener *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradListener, tesserad_listener_free)

G_END_DECLS
