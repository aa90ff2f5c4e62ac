/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/* The keys of the service: kid, alg, state, and path on D-Bus. */
json_t *tessera_key_list (GError **error);

G_END_DECLS
