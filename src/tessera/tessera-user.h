/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What tokens call @username; NULL with an error when there is nobody of that name. */
char *tessera_user_dup_subject (const char *username, GError **error);

/* --subject and --user, for lists of what belongs to people. */
extern const GOptionEntry tessera_person_entries[];
/* The subject that they name, "" for everybody's. */
char *tessera_person_dup_subject (GError **error);

G_END_DECLS
