/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera.h"
#include "tesserad-key-file.h"

G_BEGIN_DECLS

/* [outbound]: whether the service has a way to other machines, and which. */
typedef struct
{
  gboolean enabled;
  char **argv;  /* of the program that the service starts itself, which reads [outbound] too; */
  char *socket; /* or where somebody else runs it */
} TesseradOutboundSettings;

/* @configuration: the file, as the program will be told. */
gboolean tesserad_outbound_settings_read (TesseradOutboundSettings *self,
                                          TesseradKeyFile *key_file,
                                          const char *configuration,
                                          GError **error);
void tesserad_outbound_settings_clear (TesseradOutboundSettings *self);
/* A new way each time, so that the program comes anew, and reads what it may anew. */
void tesserad_outbound_settings_apply (const TesseradOutboundSettings *self, TesseraServer *server);
/* Where this is a service, not somebody's trial: a child of it is not kept from its files. */
void tesserad_outbound_settings_tell_weakness (const TesseradOutboundSettings *self);

G_END_DECLS
