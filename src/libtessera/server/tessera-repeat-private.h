/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-visit-private.h"

G_BEGIN_DECLS

/* A button that was pressed twice does what it says once, and each press gets the same answer. From
 * here on the answer to this visit is remembered. FALSE when the visit ended in an answer, because
 * it says what was said before, or its transaction waits for nobody any more. */
gboolean tessera_repeat_check (TesseraVisit *visit);

G_END_DECLS
