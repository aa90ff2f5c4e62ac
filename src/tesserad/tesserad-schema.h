/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tesserad-key-file.h"

G_BEGIN_DECLS

typedef enum
{
  TESSERAD_KIND_STRING,
  TESSERAD_KIND_STRINGS, /* with ';' between them */
  TESSERAD_KIND_BOOLEAN,
  TESSERAD_KIND_INTEGER,
  TESSERAD_KIND_REFUSED, /* known, but not offered by this release */
} TesseradKind;

/* One key of the configuration. The table of them is the whole vocabulary: what is not in it is
 * refused. */
typedef struct
{
  const char *group; /* of `[client ID]`: "client" */
  const char *key;
  TesseradKind kind;
  const char
      *property; /* of the server or client it sets, or NULL: handled by its group's reader */
  const char *fallback; /* its value when absent, or NULL */
  int minimum;
  int maximum;
} TesseradSetting;

extern const TesseradSetting tesserad_settings[]; /* ends with a NULL group */

/* The word after "listener ", "resource " or "client " (within @group), or NULL for other groups.
 */
const char *tesserad_schema_get_name (const char *group);
/* Unknown groups and keys, wrong types, keys that are not offered. */
gboolean tesserad_schema_check (TesseradKeyFile *key_file, GError **error);

G_END_DECLS
