/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The time of one server: milliseconds since 1970, never going back. It is the highest time seen,
 * so that a clock set back neither revives an expired token nor empties the deny-list. Safe to use
 * from any thread. */
typedef struct _TesseraClock TesseraClock;

/* The end of the year 9999. No time that is later is believed, so that sums of times never
 * overflow. */
#define TESSERA_CLOCK_MAX_MS G_GINT64_CONSTANT (253402300799000)

TesseraClock *tessera_clock_new (void);
TesseraClock *tessera_clock_ref (TesseraClock *self);
void tessera_clock_unref (TesseraClock *self);

gint64 tessera_clock_get_ms (TesseraClock *self);
/* Whole seconds (NumericDate, RFC 7519 §2). */
gint64 tessera_clock_get_seconds (TesseraClock *self);
/* By how much the machine's own time is behind: it was set back. 0: it is not. */
gint64 tessera_clock_get_lag_ms (TesseraClock *self);
/* From now on the time is at least @ms: a stored high-water mark, or the first instant after a
 * cut-off. */
void tessera_clock_advance (TesseraClock *self, gint64 ms);

/* Milliseconds that have passed since the machine was started, those that it slept included
 * (CLOCK_BOOTTIME): nobody sets this clock. */
gint64 tessera_clock_get_elapsed_ms (void);

/* For tests only: moves the time of all clocks of the process, by the offset in milliseconds that
 * @offset points to (NULL: none). The pointer is read atomically at every call, so that it may lie
 * in memory shared with the test. Not exported by the library. */
void tessera_clock_follow_offset (const gint64 *offset);
/* The same for what tessera_clock_get_elapsed_ms () tells. */
void tessera_clock_follow_elapsed_offset (const gint64 *offset);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraClock, tessera_clock_unref)

G_END_DECLS
