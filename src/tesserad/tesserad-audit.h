/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera.h"
#include "tesserad-key-file.h"

G_BEGIN_DECLS

/* [audit] */
typedef struct
{
  char **events; /* NULL: all */
  char *file;    /* path, or NULL: none */
  gboolean required;
  int rate; /* records a second; 0: no limit */
} TesseradAuditSettings;

gboolean tesserad_audit_settings_read (TesseradAuditSettings *self,
                                       TesseradKeyFile *key_file,
                                       GError **error);
void tesserad_audit_settings_clear (TesseradAuditSettings *self);
/* Opens the file anew, too: it may have been moved away. An error leaves all as it was. */
gboolean tesserad_audit_settings_apply (const TesseradAuditSettings *self,
                                        TesseradKeyFile *key_file,
                                        TesseraServer *server,
                                        GError **error);
/* All but the file. */
gboolean tesserad_audit_settings_rehearse (const TesseradAuditSettings *self,
                                           TesseradKeyFile *key_file,
                                           TesseraServer *server,
                                           GError **error);

G_END_DECLS
