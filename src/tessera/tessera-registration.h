/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tessera-output.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* What `client add` and `client update` say of a client, as options (RFC 7591 §2). */
extern const GOptionEntry tessera_registration_entries[];
extern const TesseraColumn tessera_registration_columns[];

gboolean tessera_registration_is_given (void);
/* @current, or nothing, with what the options say put over it; a{sv}, floating. */
GVariant *tessera_registration_new (GVariant *current);

G_END_DECLS
