/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* That something takes long, on the last line of a terminal at stderr; else nothing at all. */
void tessera_progress_tick (void); /* another second of one wait has gone */
void tessera_progress_tock (void); /* the wait is over */
void tessera_progress_count (guint64 count);
void tessera_progress_clear (void);

G_END_DECLS
