/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The time of one server, which never goes back (design.md §5: a clock set back revives nothing).
 */
#include "base/tessera-clock-private.h"

#include <time.h>

struct _TesseraClock
{
  gint ref_count;
  gint64 highest_ms; /* atomic */
};

static const gint64 *test_offset;         /* atomic; NULL outside tests */
static const gint64 *test_elapsed_offset; /* the same */

TesseraClock *
tessera_clock_new (void)
{
  TesseraClock *self = g_new0 (TesseraClock, 1);

  self->ref_count = 1;
  return self;
}

TesseraClock *
tessera_clock_ref (TesseraClock *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_clock_unref (TesseraClock *self)
{
  if (g_atomic_int_dec_and_test (&self->ref_count))
    g_free (self);
}

static gint64
move (gint64 ms, const gint64 *const *test)
{
  const gint64 *offset = __atomic_load_n (test, __ATOMIC_ACQUIRE);

  return offset == NULL ? ms : ms + __atomic_load_n (offset, __ATOMIC_RELAXED);
}

static gint64
read_wall_clock_ms (void)
{
  return move (g_get_real_time () / 1000, &test_offset);
}

gint64
tessera_clock_get_elapsed_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return move (now.tv_sec * G_GINT64_CONSTANT (1000) + now.tv_nsec / 1000000, &test_elapsed_offset);
}

static gint64
raise_to (TesseraClock *self, gint64 ms)
{
  gint64 highest = __atomic_load_n (&self->highest_ms, __ATOMIC_ACQUIRE);

  while (highest < ms)
    {
      /* On failure the present value is loaded into @highest, and looked at again. */
      if (__atomic_compare_exchange_n (&self->highest_ms, &highest, ms, FALSE, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE))
        return ms;
    }
  return highest;
}

gint64
tessera_clock_get_ms (TesseraClock *self)
{
  return raise_to (self, read_wall_clock_ms ());
}

gint64
tessera_clock_get_seconds (TesseraClock *self)
{
  return tessera_clock_get_ms (self) / 1000;
}

gint64
tessera_clock_get_lag_ms (TesseraClock *self)
{
  gint64 now = read_wall_clock_ms ();

  return raise_to (self, now) - now;
}

void
tessera_clock_advance (TesseraClock *self, gint64 ms)
{
  raise_to (self, ms);
}

void
tessera_clock_follow_offset (const gint64 *offset)
{
  __atomic_store_n (&test_offset, offset, __ATOMIC_RELEASE);
}

void
tessera_clock_follow_elapsed_offset (const gint64 *offset)
{
  __atomic_store_n (&test_elapsed_offset, offset, __ATOMIC_RELEASE);
}
