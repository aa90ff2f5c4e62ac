/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "outbound-fetch.h"

G_BEGIN_DECLS

/* What whoever starts the program says; a server cannot change it. */
typedef struct
{
  char *configuration;    /* of the service, for its [outbound]; or NULL */
  char **allow_addresses; /* or NULL */
  char *ca_file;          /* or NULL */
} OutboundSettings;

/* Adds what [outbound] of the configuration says, if one is named. */
gboolean outbound_settings_load (OutboundSettings *self, GError **error);
gboolean
outbound_settings_make_rules (OutboundSettings *self, OutboundRules *out_rules, GError **error);
void outbound_settings_clear (OutboundSettings *self);

G_END_DECLS
