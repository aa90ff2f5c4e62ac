/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

/* libsoup waits for a second request on a stream that it was handed only while its server listens
 * somewhere. Gives it, if it does not, a socket where nobody can come. FALSE: that is not to be had
 * here; each stream ends with its first answer. */
gboolean tessera_gate_anchor (SoupServer *soup);

G_END_DECLS
