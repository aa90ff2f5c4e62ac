/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-throttle-private.h"

#define MINUTE G_GINT64_CONSTANT (60000)
#define ADDRESS "192.0.2.1"

static const gint64 start = G_GINT64_CONSTANT (1800000000000);

static void
fail_times (TesseraThrottle *throttle, guint times, gint64 now)
{
  for (guint i = 0; i < times; i++)
    {
      g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, now), ==, 0);
      tessera_throttle_fail (throttle, "alice", ADDRESS, now);
    }
}

static void
test_the_eleventh_failure_waits (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);

  fail_times (throttle, 10, start);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start), ==, 6);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start + 5001), ==, 1);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start + 6000), ==, 0);
}

static void
test_other_addresses_and_names_go_on (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);

  fail_times (throttle, 10, start);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", "192.0.2.2", start), ==, 0);
  g_assert_cmpuint (tessera_throttle_check (throttle, "bob", ADDRESS, start), ==, 0);
  g_assert_cmpuint (tessera_throttle_check (throttle, NULL, NULL, start), ==, 0);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start), >, 0);
}

static void
test_the_delay_doubles_up_to_15_minutes (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  gint64 now = start;
  guint expected = 6;

  fail_times (throttle, 10, now);
  for (guint i = 0; i < 12; i++)
    {
      guint wait = tessera_throttle_check (throttle, "alice", ADDRESS, now);
      g_assert_cmpuint (wait, ==, MIN (expected, 900));
      now += wait * 1000;
      fail_times (throttle, 1, now); /* one attempt behind each delay */
      expected *= 2;
    }
}

static void
test_nobody_is_locked_out_for_ever (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  gint64 now = start;

  for (guint i = 0; i < 200; i++)
    tessera_throttle_fail (throttle, "alice", ADDRESS, now);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, now + 15 * MINUTE), ==, 0);

  /* After an hour of quiet the first delay is short again. */
  now += 15 * MINUTE + 61 * MINUTE;
  fail_times (throttle, 10, now);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, now), ==, 6);
}

static void
test_slow_failures_are_free (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  for (guint i = 0; i < 100; i++)
    fail_times (throttle, 1, start + i * 6001);
}

static void
test_success_forgives (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);

  tessera_throttle_succeed (throttle, "alice", ADDRESS);
  fail_times (throttle, 9, start);
  tessera_throttle_succeed (throttle, "bob", ADDRESS); /* who never failed, and forgives nobody */
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start), ==, 0);
  tessera_throttle_succeed (throttle, "alice", ADDRESS);
  fail_times (throttle, 10, start);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start), >, 0);
}

static void
test_a_network_of_ipv6_counts_as_one (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);

  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1::%x", i + 1);
      tessera_throttle_fail (throttle, "alice", address, start);
    }
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", "2001:db8:0:1:ffff::9", start), >,
                    0);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", "2001:db8:0:2::1", start), ==, 0);

  /* But not the mapped ones, which would all be one. */
  for (guint i = 0; i < 10; i++)
    tessera_throttle_fail (throttle, "alice", "::ffff:192.0.2.1", start);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", "::ffff:192.0.2.2", start), ==, 0);
}

static void
test_invented_names_do_not_help (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  guint known = 0;

  /* Ten strikes, so that the delay outlasts everything that is young. */
  for (guint i = 0; i < 20; i++)
    tessera_throttle_fail (throttle, "alice", ADDRESS, start);
  for (guint i = 0; i < 100000; i++)
    {
      g_autofree char *name = g_strdup_printf ("invented-%u", i);
      tessera_throttle_fail (throttle, name, ADDRESS, start);
      known += tessera_throttle_check (throttle, name, ADDRESS, start) > 0;
    }
  g_assert_cmpuint (known, ==, 0);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start), >, 60);
}

/* Returns for how many of them something else was forgotten. */
static guint
flood (TesseraThrottle *throttle, guint names, guint failures, const char *address, gint64 now)
{
  guint missed = 0;

  for (guint i = 0; i < names; i++)
    {
      g_autofree char *name = g_strdup_printf ("invented-%u", i);

      for (guint k = 0; k < failures; k++)
        missed += tessera_throttle_fail (throttle, name, address, now);
    }
  return missed;
}

/* When a delay is over, too: then its end is the longest ago. */
static void
test_a_flood_of_names_forgets_no_strike (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  gint64 now = start;

  fail_times (throttle, 10, now);
  for (guint expected = 6; expected <= 96; expected *= 2)
    {
      guint wait = tessera_throttle_check (throttle, "alice", ADDRESS, now);
      g_assert_cmpuint (wait, ==, expected);
      now += wait * 1000;
      flood (throttle, 20000, 1, ADDRESS, now);
      fail_times (throttle, 1, now);
    }
}

static void
test_a_flood_of_names_forgets_no_failure (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);

  fail_times (throttle, 9, start);
  flood (throttle, 20000, 1, "192.0.2.2", start + 1);
  fail_times (throttle, 1, start + 2);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, start + 2), ==, 6);
}

/* An hour after the last delay its strikes are worth nothing, and make way as they should. */
static void
test_old_strikes_make_way (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  gint64 now = start + 62 * MINUTE;

  flood (throttle, 60000, 10, ADDRESS, start);
  g_assert_cmpuint (flood (throttle, 500, 1, "192.0.2.2", now), <, 10);
  fail_times (throttle, 10, now);
  flood (throttle, 20000, 1, "192.0.2.2", now + 6000);
  fail_times (throttle, 1, now + 6000);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, now + 6000), ==, 12);
}

/* Of those who were slowed down as often, the one whose delay is over for the longest. */
static void
test_the_oldest_strike_makes_way (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  gint64 now = start + 20 * MINUTE;

  flood (throttle, 60000, 10, ADDRESS, start);
  fail_times (throttle, 10, now);
  flood (throttle, 20000, 1, "192.0.2.2", now + 10 * MINUTE);
  fail_times (throttle, 10, now + 10 * MINUTE);
  g_assert_cmpuint (tessera_throttle_check (throttle, "alice", ADDRESS, now + 10 * MINUTE), ==, 12);
}

/* It holds 4096; and whoever has not failed for a minute, nor been slowed down, is not missed. */
static void
test_who_is_forgotten_is_told (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  g_autoptr (TesseraThrottle) struck = tessera_throttle_new (10);

  g_assert_cmpuint (flood (throttle, 60000, 1, ADDRESS, start), ==, 60000 - 4096);
  g_assert_cmpuint (flood (throttle, 4, 1, "192.0.2.2", start + MINUTE), ==, 0);
  flood (struck, 60000, 10, ADDRESS, start);
  g_assert_cmpuint (flood (struck, 4, 1, "192.0.2.2", start + 2 * MINUTE), ==, 4);
}

/* Neither who does nothing wrong is kept out, nor who guesses let in, whatever fills the table. */
static void
test_a_full_table_is_nobody_elses_business (void)
{
  g_autoptr (TesseraThrottle) throttle = tessera_throttle_new (10);
  guint kept_out = 0;

  flood (throttle, 60000, 10, ADDRESS, start);
  for (guint i = 0; i < 60000; i++)
    {
      g_autofree char *name = g_strdup_printf ("invented-%u", i);

      kept_out += tessera_throttle_check (throttle, name, "192.0.2.2", start) > 0;
    }
  g_assert_cmpuint (kept_out, ==, 0);
  for (guint i = 0; i < 10; i++)
    tessera_throttle_fail (throttle, "bob", "192.0.2.2", start);
  g_assert_cmpuint (tessera_throttle_check (throttle, "bob", "192.0.2.2", start), ==, 6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/throttle/B19-the-eleventh-failure-waits", test_the_eleventh_failure_waits);
  g_test_add_func ("/throttle/B19-other-addresses-and-names-go-on",
                   test_other_addresses_and_names_go_on);
  g_test_add_func ("/throttle/A37-the-delay-doubles-up-to-15-minutes",
                   test_the_delay_doubles_up_to_15_minutes);
  g_test_add_func ("/throttle/nobody-is-locked-out-for-ever", test_nobody_is_locked_out_for_ever);
  g_test_add_func ("/throttle/slow-failures-are-free", test_slow_failures_are_free);
  g_test_add_func ("/throttle/success-forgives", test_success_forgives);
  g_test_add_func ("/throttle/a-network-of-ipv6-counts-as-one",
                   test_a_network_of_ipv6_counts_as_one);
  g_test_add_func ("/throttle/invented-names-do-not-help", test_invented_names_do_not_help);
  g_test_add_func ("/throttle/B19-a-flood-of-names-forgets-no-strike",
                   test_a_flood_of_names_forgets_no_strike);
  g_test_add_func ("/throttle/B19-a-flood-of-names-forgets-no-failure",
                   test_a_flood_of_names_forgets_no_failure);
  g_test_add_func ("/throttle/old-strikes-make-way", test_old_strikes_make_way);
  g_test_add_func ("/throttle/the-oldest-strike-makes-way", test_the_oldest_strike_makes_way);
  g_test_add_func ("/throttle/who-is-forgotten-is-told", test_who_is_forgotten_is_told);
  g_test_add_func ("/throttle/a-full-table-is-nobody-elses-business",
                   test_a_full_table_is_nobody_elses_business);
  return g_test_run ();
}
