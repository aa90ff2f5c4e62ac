/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the command line says, the same for the agent and for the processes it starts. */
typedef struct
{
  char *service;   /* of PAM */
  char *directory; /* of PAM's service files; NULL: the machine's own */
  gint64 minimum_uid;
  gint64 maximum_uid;
  char **groups; /* one of which is needed; NULL: none is */
} PamSettings;

/* Whether that account may log in here at all, whatever PAM says. Asks the machine's databases, and
 * so may wait for a network. */
gboolean pam_settings_permit (const PamSettings *self, const char *username);

G_END_DECLS
