/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-key-file.h"

G_BEGIN_DECLS

typedef enum
{
  TESSERAD_BUS_NONE,
  TESSERAD_BUS_SYSTEM,
  TESSERAD_BUS_SESSION,
} TesseradBusKind;

/* [dbus] */
typedef struct
{
  TesseradBusKind kind;
  char *socket; /* absolute path */
} TesseradBusSettings;

/* NULL with @error. */
TesseradBusSettings *
tesserad_bus_settings_read (TesseradKeyFile *key_file, const char *state_directory, GError **error);
void tesserad_bus_settings_free (TesseradBusSettings *self);
gboolean tesserad_bus_settings_equal (const TesseradBusSettings *a, const TesseradBusSettings *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseradBusSettings, tesserad_bus_settings_free)

G_END_DECLS
