/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-key-file.h"
#include "tesserad-schema.h"

#include <glib-object.h>

G_BEGIN_DECLS

/* Names and values for g_object_new_with_properties (), out of a group of the configuration. */
typedef struct
{
  GPtrArray *names; /* const char*, static; NULL: none yet */
  GArray *values;   /* GValue */
} TesseradProperties;

void tesserad_properties_clear (TesseradProperties *self);
/* An empty value of @type, to be set. */
GValue *tesserad_properties_add (TesseradProperties *self, const char *static_name, GType type);
/* The value of @setting in @group, where it must be. */
gboolean tesserad_properties_read (TesseradProperties *self,
                                   TesseradKeyFile *key_file,
                                   const char *group,
                                   const TesseradSetting *setting,
                                   GError **error);
GObject *tesserad_properties_new_object (TesseradProperties *self, GType type);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TesseradProperties, tesserad_properties_clear)

G_END_DECLS
