/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grants/tessera-engine-private.h"

G_BEGIN_DECLS

/* @json: the answer of RFC 7662 §2.2, for the callee to free; @active: what it says. NULL with
 * @error. */
typedef void (*TesseraIntrospectorDone) (gpointer data,
                                         gboolean active,
                                         char *json,
                                         const GError *error);

/* Tells what @token is, as far as @viewer may see it: its own tokens, and those for the audiences
 * it may introspect; NULL: an administrator, who sees all. @done comes on the main loop, perhaps
 * before this returns. */
void tessera_introspector_introspect (TesseraEngine *engine,
                                      const char *token,
                                      TesseraClient *viewer,
                                      TesseraIntrospectorDone done,
                                      gpointer data);

G_END_DECLS
