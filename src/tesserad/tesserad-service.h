/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-configuration.h"

G_BEGIN_DECLS

/* Exit codes (tesserad(8)). */
#define TESSERAD_EXIT_STOPPED 0
#define TESSERAD_EXIT_FAILURE 1
#define TESSERAD_EXIT_USAGE 2
#define TESSERAD_EXIT_CONFIGURATION 78 /* EX_CONFIG of sysexits.h */

/* The running service: one TesseraServer, a SoupServer for each TLS setting, the listening sockets.
 */
typedef struct _TesseradService TesseradService;

TesseradService *tesserad_service_new (const char *configuration_file);
void tesserad_service_free (TesseradService *self);
/* Starts, serves until SIGTERM or SIGINT, stops; the exit code. */
int tesserad_service_run (TesseradService *self);

/* Reads and rehearses; the whole of --check-config. */
TesseradConfiguration *tesserad_service_read_configuration (const char *file, GError **error);
/* The exit code that an error of the start means. */
int tesserad_service_get_exit_code (const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradService, tesserad_service_free)

G_END_DECLS
