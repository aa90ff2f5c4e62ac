/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

G_BEGIN_DECLS

/* The service at the other end: org.tessera.Tessera1 on its private socket or on a bus. */
typedef struct _TesseraService TesseraService;

#define TESSERA_SERVICE_PATH "/org/tessera/Tessera1"
#define TESSERA_SERVICE_MANAGER TESSERA_SERVICE_PATH "/manager"
#define TESSERA_SERVICE_KEYRING TESSERA_SERVICE_PATH "/keyring"
#define TESSERA_SERVICE_DENYLIST TESSERA_SERVICE_PATH "/denylist"

/* Interfaces that D-Bus itself has; those of the service go by the last part of their names. */
#define TESSERA_SERVICE_PROPERTIES "org.freedesktop.DBus.Properties"
#define TESSERA_SERVICE_OBJECTS "org.freedesktop.DBus.ObjectManager"

/* Beside the errors that D-Bus has. */
#define TESSERA_SERVICE_ERROR (tessera_service_error_quark ())
typedef enum
{
  TESSERA_SERVICE_ERROR_NOT_REACHABLE,
  TESSERA_SERVICE_ERROR_NOT_PERMITTED,
  TESSERA_SERVICE_ERROR_NOT_FOUND,
} TesseraServiceError;

GQuark tessera_service_error_quark (void);
/* What @error, of any function here, stands for (tessera(1)). */
int tessera_service_get_exit_code (const GError *error);

/* Where the options and the environment say, else the first of: private socket of the user, of the
 * system, session bus, system bus. Its message says all that was tried. @start: the bus may start
 * it. */
TesseraService *tessera_service_open (gboolean start, GError **error);
void tessera_service_free (TesseraService *self);
GDBusConnection *tessera_service_get_connection (TesseraService *self);
const char *tessera_service_get_bus_name (TesseraService *self); /* NULL: a private socket */
const char *tessera_service_get_place (TesseraService *self);    /* in words */
/* "Manager" → "org.tessera.Tessera1.Manager"; what has a dot stays. */
char *tessera_service_get_full_name (const char *interface);
/* @parameters floating or NULL. Waits, and shows that it does at a terminal. */
GVariant *tessera_service_call (TesseraService *self,
                                const char *path,
                                const char *interface,
                                const char *method,
                                GVariant *parameters,
                                const char *reply_type,
                                GError **error);
/* The same with @files, which handles among the parameters mean; takes as long as it needs. */
GVariant *tessera_service_call_with_files (TesseraService *self,
                                           const char *path,
                                           const char *interface,
                                           const char *method,
                                           GVariant *parameters,
                                           const char *reply_type,
                                           GUnixFDList *files,
                                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraService, tessera_service_free)

G_END_DECLS
