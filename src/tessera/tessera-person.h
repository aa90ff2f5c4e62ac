/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What is known of a person, as options of a command line and as lines. */
extern const GOptionEntry tessera_claim_entries[];

/* What the options change (a{sv}), floating; NULL: it cannot be read, or there is nothing. */
GVariant *tessera_claims_read (GError **error);
/* Of GetUser: a line for each member and each claim; with --json all of it. The exit code. */
int tessera_person_show (GVariant *user);

G_END_DECLS
