/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Failures counted by a key such as (account, address): a token bucket each, in a table of fixed
 * size, so that memory is constant however many keys a stranger invents (threats.md §3). Nobody is
 * locked out for ever, and nobody because of somebody else's address. Not thread-safe: main loop.
 */
typedef struct _TesseraThrottle TesseraThrottle;

/* @failures a minute are free of consequence; the next attempt has to wait, each time twice as
 * long, 15 minutes at most. Of an IPv6 address the /64 counts. */
TesseraThrottle *tessera_throttle_new (guint failures);
void tessera_throttle_free (TesseraThrottle *self);
/* 0: go on; else the seconds to wait (Retry-After). */
guint tessera_throttle_check (TesseraThrottle *self,
                              const char *what,
                              const char *address,
                              gint64 now_ms);
/* TRUE: the table is full, and failures of another key were forgotten for this one. */
gboolean
tessera_throttle_fail (TesseraThrottle *self, const char *what, const char *address, gint64 now_ms);
void tessera_throttle_succeed (TesseraThrottle *self, const char *what, const char *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraThrottle, tessera_throttle_free)

G_END_DECLS
