/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Tells systemd how we are (sd_notify(3)); without systemd it does nothing. */
void tesserad_notify (const char *state);
/* With the instant that a reload needs (systemd.service(5), Type=notify-reload). */
void tesserad_notify_reloading (void);
/* Feeds the watchdog of systemd from the main loop, if it wants that; what to remove at the end, or
 * 0. */
guint tesserad_notify_feed_watchdog (void);

G_END_DECLS
