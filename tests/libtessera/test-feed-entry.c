/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the published deny-list says. */

#include "resource/tessera-feed-entry-private.h"

#include <string.h>

static TesseraFeedEntryVerdict
parse (const char *text)
{
  g_auto (TesseraFeedEntry) entry = { .json = NULL };

  return tessera_feed_entry_parse (&entry, text, strlen (text));
}

static void
test_knows_every_rule (void)
{
  for (guint kind = TESSERA_DENIAL_TOKEN; kind <= TESSERA_DENIAL_SUBJECT_TOKENS; kind++)
    for (gint64 instant = 0; instant <= 5; instant += 5)
      {
        TesseraDenial denial = { .kind = (TesseraDenialKind) kind, .instant_ms = instant };
        g_auto (TesseraFeedEntry) entry = { .json = NULL };
        g_autofree char *time = g_strdup_printf (",\"instant\":%d", (int) instant);
        g_autofree char *text = g_strdup_printf (
            "{\"generation\":7,\"rule\":\"%s\",\"value\":\"%s\",\"expires\":9%s}",
            tessera_denial_get_rule (&denial), kind == TESSERA_DENIAL_ALL ? "" : "v",
            instant != 0 ? time : "");

        if (kind == TESSERA_DENIAL_TOKEN && instant != 0)
          continue;
        g_assert_cmpint (tessera_feed_entry_parse (&entry, text, strlen (text)), ==,
                         TESSERA_FEED_ENTRY_GOOD);
        g_assert_cmpuint (entry.denial.generation, ==, 7);
        g_assert_cmpint (entry.denial.kind, ==, kind);
        g_assert_cmpstr (entry.denial.value, ==, kind == TESSERA_DENIAL_ALL ? "" : "v");
        g_assert_cmpint (entry.denial.instant_ms, ==, instant);
        g_assert_cmpint (entry.denial.expires_ms, ==, 9);
      }
}

static void
test_lives_for_ever_unless_told (void)
{
  g_auto (TesseraFeedEntry) entry = { .json = NULL };
  const char *text = "{\"generation\":1,\"rule\":\"key\",\"value\":\"k\"}";

  g_assert_cmpint (tessera_feed_entry_parse (&entry, text, strlen (text)), ==,
                   TESSERA_FEED_ENTRY_GOOD);
  g_assert_cmpint (entry.denial.expires_ms, ==, G_MAXINT64);
  g_assert_cmpint (entry.denial.instant_ms, ==, 0);
}

static void
test_tells_an_unknown_rule_from_garbage (void)
{
  g_assert_cmpint (parse ("{\"generation\":1,\"rule\":\"device\",\"value\":\"k\"}"), ==,
                   TESSERA_FEED_ENTRY_UNKNOWN_RULE);
  g_assert_cmpint (parse ("{\"generation\":1,\"rule\":\"\",\"value\":[1]}"), ==,
                   TESSERA_FEED_ENTRY_UNKNOWN_RULE);
  g_assert_cmpint (parse ("{\"generation\":1,\"rule\":\"Token\",\"value\":\"k\"}"), ==,
                   TESSERA_FEED_ENTRY_UNKNOWN_RULE);
}

static void
test_refuses_garbage (void)
{
  static const char *const garbage[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"generation\":1,\"value\":\"k\"}",
    "{\"generation\":1,\"rule\":5,\"value\":\"k\"}",
    "{\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":0,\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":-1,\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":1.0,\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":\"1\",\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":9007199254740993,\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":99999999999999999999,\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":1,\"generation\":1,\"rule\":\"token\",\"value\":\"k\"}",
    "{\"generation\":1,\"rule\":\"token\"}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"\"}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":null}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\\u0000\"}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\xff\"}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\",\"instant\":5}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\",\"expires\":0}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\",\"expires\":\"5\"}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\",\"expires\":null}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\",\"expires\":253402300799001}",
    "{\"generation\":1,\"rule\":\"grant\",\"value\":\"k\",\"instant\":5}",
    "{\"generation\":1,\"rule\":\"grant-tokens\",\"value\":\"k\"}",
    "{\"generation\":1,\"rule\":\"subject\",\"value\":\"k\",\"instant\":-5}",
    "{\"generation\":1,\"rule\":\"subject\",\"value\":\"k\",\"instant\":true}",
    "{\"generation\":1,\"rule\":\"all\",\"value\":\"k\",\"instant\":5}",
    "{\"generation\":1,\"rule\":\"token\",\"value\":\"k\"} x",
  };

  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      g_test_message ("%s", garbage[i]);
      g_assert_cmpint (parse (garbage[i]), ==, TESSERA_FEED_ENTRY_MALFORMED);
    }
}

static void
test_bounds_what_it_reads (void)
{
  g_autofree char *value = g_strnfill (1025, 'v');
  g_autofree char *text
      = g_strdup_printf ("{\"generation\":1,\"rule\":\"subject\",\"value\":\"%s\"}", value);
  g_autofree char *space = g_strnfill (TESSERA_FEED_ENTRY_MAX_LENGTH, ' ');
  g_autofree char *padded
      = g_strdup_printf ("{\"generation\":1,\"rule\":\"key\",\"value\":\"k\"}%s", space);

  g_assert_cmpint (parse (text), ==, TESSERA_FEED_ENTRY_MALFORMED);
  g_assert_cmpint (parse (padded), ==, TESSERA_FEED_ENTRY_MALFORMED);
}

static gboolean
read_position (const char *text, TesseraFeedPosition *out_position)
{
  g_autoptr (json_t) json = json_loads (text, 0, NULL);

  return tessera_feed_position_read (out_position, json);
}

static void
test_reads_where_a_list_stands (void)
{
  TesseraFeedPosition position;

  g_assert_true (read_position ("{\"list\":\"l\",\"time\":0,\"generation\":0}", &position));
  g_assert_true (read_position ("{\"list\":\"l\",\"time\":5,\"generation\":6}", &position));
  g_assert_cmpint (position.time_ms, ==, 5);
  g_assert_cmpuint (position.generation, ==, 6);
  g_assert_false (read_position ("{\"list\":\"\",\"time\":5,\"generation\":6}", &position));
  g_assert_false (read_position ("{\"list\":1,\"time\":5,\"generation\":6}", &position));
  g_assert_false (read_position ("{\"list\":\"l\",\"generation\":6}", &position));
  g_assert_false (read_position ("{\"list\":\"l\",\"time\":5}", &position));
  g_assert_false (read_position ("{\"list\":\"l\",\"time\":-5,\"generation\":6}", &position));
  g_assert_false (
      read_position ("{\"list\":\"l\",\"time\":253402300799001,\"generation\":6}", &position));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/feed-entry/knows-every-rule", test_knows_every_rule);
  g_test_add_func ("/feed-entry/lives-for-ever-unless-told", test_lives_for_ever_unless_told);
  g_test_add_func ("/feed-entry/tells-an-unknown-rule-from-garbage",
                   test_tells_an_unknown_rule_from_garbage);
  g_test_add_func ("/feed-entry/refuses-garbage", test_refuses_garbage);
  g_test_add_func ("/feed-entry/bounds-what-it-reads", test_bounds_what_it_reads);
  g_test_add_func ("/feed-entry/reads-where-a-list-stands", test_reads_where_a_list_stands);
  return g_test_run ();
}
