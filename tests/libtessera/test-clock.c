/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-clock-private.h"

static gint64 offset;

static void
test_follows_the_offset_of_tests (void)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  gint64 before = tessera_clock_get_ms (clock);

  offset = 3600 * 1000;
  g_assert_cmpint (tessera_clock_get_ms (clock), >=, before + 3600 * 1000);
  g_assert_cmpint (tessera_clock_get_seconds (clock), >=, before / 1000 + 3600);
  offset = 0;
}

static void
test_never_goes_back (void)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();

  offset = 3600 * 1000;
  gint64 highest = tessera_clock_get_ms (clock);
  offset = -24 * 3600 * 1000;
  g_assert_cmpint (tessera_clock_get_ms (clock), ==, highest);
  offset = 0;
}

static void
test_tells_how_far_it_was_set_back (void)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();

  g_assert_cmpint (tessera_clock_get_lag_ms (clock), ==, 0);
  offset = 3600 * 1000;
  g_assert_cmpint (tessera_clock_get_lag_ms (clock), ==, 0);
  offset = 0;
  g_assert_cmpint (tessera_clock_get_lag_ms (clock), >, 3599 * 1000);
  g_assert_cmpint (tessera_clock_get_lag_ms (clock), <=, 3600 * 1000);
}

static void
test_advances_to_a_stored_time (void)
{
  g_autoptr (TesseraClock) clock = tessera_clock_new ();
  gint64 later = tessera_clock_get_ms (clock) + 1000000;

  tessera_clock_advance (clock, later);
  g_assert_cmpint (tessera_clock_get_ms (clock), ==, later);
  tessera_clock_advance (clock, 5);
  g_assert_cmpint (tessera_clock_get_ms (clock), ==, later);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  tessera_clock_follow_offset (&offset);
  g_test_add_func ("/clock/follows-the-offset-of-tests", test_follows_the_offset_of_tests);
  g_test_add_func ("/clock/never-goes-back", test_never_goes_back);
  g_test_add_func ("/clock/tells-how-far-it-was-set-back", test_tells_how_far_it_was_set_back);
  g_test_add_func ("/clock/advances-to-a-stored-time", test_advances_to_a_stored_time);
  return g_test_run ();
}
