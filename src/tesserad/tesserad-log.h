/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From now on each message is one structured record of the journal, if that is where stderr goes,
 * else one line of stderr. */
void tesserad_log_start (void);
/* The audit trail goes to the journal through a thread from now on; to be called where one may be
 * started. The end of it writes what waits. */
void tesserad_log_start_thread (void);
void tesserad_log_stop_thread (void);
/* Keeps back what the library has to say, but not its warnings: while a configuration is rehearsed,
 * which is not yet in force. */
void tesserad_log_hush (gboolean hush);

G_END_DECLS
