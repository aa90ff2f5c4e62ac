/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where things are when nobody says: in the machine's folders, or with --user in a person's own. */
void tesserad_places_set_user (gboolean user);
gboolean tesserad_places_is_user (void);

/* Owned. */
char *tesserad_places_dup_configuration (void);
char *tesserad_places_dup_state_directory (void);
char *tesserad_places_dup_socket (const char *state_directory);

G_END_DECLS
