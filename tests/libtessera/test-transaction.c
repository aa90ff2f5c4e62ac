/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logins under way: whose they are, how long they live, how many there can be. */

#include "server/tessera-transaction-private.h"

#define MINUTE G_GINT64_CONSTANT (60000)

static TesseraAuthorizationRequest *
make_request (void)
{
  g_autoptr (TesseraClient) client = tessera_client_new ("app", "App");

  return tessera_authorization_request_new (client);
}

static void
test_belongs_to_one_browser (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (10);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  TesseraTransaction *mine = tessera_transaction_table_add (table, request, "mine", "", 0);
  TesseraTransaction *nobodys = tessera_transaction_table_add (table, request, NULL, "", 0);

  g_assert_true (tessera_transaction_belongs_to (mine, "mine"));
  g_assert_false (tessera_transaction_belongs_to (mine, "yours"));
  g_assert_false (tessera_transaction_belongs_to (nobodys, "mine"));
  tessera_transaction_claim (nobodys, "mine");
  g_assert_true (tessera_transaction_belongs_to (nobodys, "mine"));
  g_assert_false (tessera_transaction_belongs_to (nobodys, "yours"));
}

static void
test_expires_but_is_remembered (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (10);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  TesseraTransaction *transaction
      = tessera_transaction_table_add (table, request, "mine", "", MINUTE);
  g_autofree char *id = g_strdup (transaction->id);

  g_assert_false (tessera_transaction_is_expired (transaction, 20 * MINUTE));
  g_assert_true (tessera_transaction_is_expired (transaction, 21 * MINUTE));

  tessera_transaction_table_add (table, request, "mine", "", 60 * MINUTE);
  g_assert_true (tessera_transaction_table_lookup (table, id) == transaction);
  tessera_transaction_table_add (table, request, "mine", "", 24 * 60 * MINUTE);
  g_assert_null (tessera_transaction_table_lookup (table, id));
  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 1);
}

static void
test_their_number_is_bounded (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (100);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  TesseraTransaction *busy = tessera_transaction_table_add (table, request, "mine", "", 0);
  TesseraTransaction *idle = tessera_transaction_table_add (table, request, "mine", "", 0);
  g_autofree char *busy_id = g_strdup (busy->id), *idle_id = g_strdup (idle->id);
  TesseraDigest session = tessera_digest ("session", -1);

  tessera_transaction_set_session (busy, "sid", &session);
  for (guint i = 0; i < 10000; i++)
    tessera_transaction_table_add (table, request, "flood", "", i);

  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 100);
  g_assert_nonnull (tessera_transaction_table_lookup (table, busy_id));
  g_assert_null (tessera_transaction_table_lookup (table, idle_id));
}

static void
test_an_address_has_its_share (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (160);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  g_autofree char *mine
      = g_strdup (tessera_transaction_table_add (table, request, "b", "192.0.2.1", 0)->id);
  g_autofree char *theirs
      = g_strdup (tessera_transaction_table_add (table, request, "b", "192.0.2.66", 0)->id);

  for (guint i = 0; i < 1000; i++)
    tessera_transaction_table_add (table, request, "flood", "192.0.2.66", i);

  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 11);
  g_assert_nonnull (tessera_transaction_table_lookup (table, mine));
  g_assert_null (tessera_transaction_table_lookup (table, theirs));
}

/* Who has an address of IPv6 has all of its network. */
static void
test_a_network_has_one_share (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (160);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *address = g_strdup_printf ("2001:db8:0:1::%x", i);
      tessera_transaction_table_add (table, request, "flood", address, i);
    }
  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 10);
}

/* From a hundred addresses the table is filled, and from each of them again and again. */
static void
test_a_flood_ends_nobody_elses_login (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (160);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  g_auto (GStrv) ids = g_new0 (char *, 3);

  ids[0] = g_strdup (tessera_transaction_table_add (table, request, "b", "192.0.2.1", 0)->id);
  ids[1] = g_strdup (tessera_transaction_table_add (table, request, "b", "192.0.2.2", 0)->id);
  for (guint i = 0; i < 10000; i++)
    {
      g_autofree char *address = g_strdup_printf ("198.51.100.%u", i % 100);
      tessera_transaction_table_add (table, request, "flood", address, i);
    }
  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 160);
  for (guint i = 0; i < 2; i++)
    g_assert_nonnull (tessera_transaction_table_lookup (table, ids[i]));
}

/* When nobody has more than one, age decides again. */
static void
test_a_crowd_makes_room (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (160);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  TesseraTransaction *busy = tessera_transaction_table_add (table, request, "b", "192.0.2.1", 0);
  TesseraTransaction *idle = tessera_transaction_table_add (table, request, "b", "192.0.2.2", 0);
  g_autofree char *busy_id = g_strdup (busy->id), *idle_id = g_strdup (idle->id);
  TesseraDigest session = tessera_digest ("session", -1);

  tessera_transaction_set_session (busy, "sid", &session);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *address = g_strdup_printf ("10.0.%u.%u", i / 250, i % 250);
      tessera_transaction_table_add (table, request, "crowd", address, i);
    }
  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 160);
  g_assert_nonnull (tessera_transaction_table_lookup (table, busy_id));
  g_assert_null (tessera_transaction_table_lookup (table, idle_id));
}

/* Who had most makes way until nobody has more than others, and then age decides. */
static void
test_a_crowd_takes_from_who_has_most (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (160);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  g_autofree char *mine
      = g_strdup (tessera_transaction_table_add (table, request, "b", "192.0.2.1", 0)->id);
  g_auto (GStrv) ids = g_new0 (char *, 6);

  for (guint i = 0; i < 5; i++)
    ids[i]
        = g_strdup (tessera_transaction_table_add (table, request, "flood", "198.51.100.1", i)->id);
  for (guint i = 0; i < 158; i++)
    {
      g_autofree char *address = g_strdup_printf ("10.0.0.%u", i);
      tessera_transaction_table_add (table, request, "crowd", address, 10 + i);
    }
  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 160);
  g_assert_nonnull (tessera_transaction_table_lookup (table, mine));
  for (guint i = 0; i < 4; i++)
    g_assert_null (tessera_transaction_table_lookup (table, ids[i]));
  g_assert_nonnull (tessera_transaction_table_lookup (table, ids[4]));
  tessera_transaction_table_add (table, request, "crowd", "10.0.1.1", 200);
  g_assert_null (tessera_transaction_table_lookup (table, mine));
}

static void
test_what_is_over_goes_first (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (2);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  TesseraTransaction *busy = tessera_transaction_table_add (table, request, "b", "", 0);
  TesseraTransaction *over = tessera_transaction_table_add (table, request, "b", "", 0);
  g_autofree char *busy_id = g_strdup (busy->id), *over_id = g_strdup (over->id);
  TesseraDigest session = tessera_digest ("session", -1);

  tessera_transaction_set_session (busy, "sid", &session);
  tessera_transaction_set_session (over, "sid", &session);
  over->is_finished = TRUE;
  tessera_transaction_table_add (table, request, "b", "", 1);
  g_assert_nonnull (tessera_transaction_table_lookup (table, busy_id));
  g_assert_null (tessera_transaction_table_lookup (table, over_id));
}

static void
test_a_full_table_of_logins_makes_room (void)
{
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (3);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  TesseraDigest session = tessera_digest ("session", -1);

  for (guint i = 0; i < 10; i++)
    tessera_transaction_set_session (tessera_transaction_table_add (table, request, "mine", "", i),
                                     "sid", &session);
  g_assert_cmpuint (tessera_transaction_table_get_count (table), ==, 3);
}

static void
on_send (TesseraExchange *exchange)
{
}

static void
test_answers_are_kept_for_a_minute (void)
{
  static const TesseraExchangeFront front = { .send = on_send };
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (3);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  g_autoptr (TesseraExchange) answer = tessera_exchange_new (&front, NULL, NULL);
  TesseraTransaction *first = tessera_transaction_table_add (table, request, "b", "", 0);
  TesseraTransaction *second = tessera_transaction_table_add (table, request, "b", "", 0);

  tessera_exchange_redirect (answer, "https://app.example/cb");
  tessera_transaction_table_keep_answer (table, first, answer, 1000);
  g_assert_true (tessera_transaction_get_answer (first, 60 * 1000) == answer);
  tessera_transaction_table_keep_answer (table, second, answer, 61 * 1000);
  g_assert_cmpuint (answer->ref_count, ==, 2); /* ours, and the second one's */
  g_assert_null (tessera_transaction_get_answer (first, 61 * 1000));
  g_assert_true (tessera_transaction_get_answer (second, 61 * 1000) == answer);
}

static void
test_answers_take_no_more_room_than_transactions (void)
{
  static const TesseraExchangeFront front = { .send = on_send };
  g_autoptr (TesseraTransactionTable) table = tessera_transaction_table_new (3);
  g_autoptr (TesseraAuthorizationRequest) request = make_request ();
  g_autoptr (TesseraExchange) answer = tessera_exchange_new (&front, NULL, NULL);
  g_autoptr (TesseraTransaction) forgotten = NULL;

  tessera_exchange_redirect (answer, "https://app.example/cb");
  for (guint i = 0; i < 10; i++)
    {
      TesseraTransaction *transaction
          = tessera_transaction_table_add (table, request, "b", "", 1000);
      if (i == 0)
        forgotten = tessera_transaction_ref (transaction);
      transaction->is_finished = TRUE;
      tessera_transaction_table_keep_answer (table, transaction, answer, 1000);
    }
  g_assert_cmpuint (answer->ref_count, ==, 4);
  tessera_transaction_table_keep_answer (table, forgotten, answer, 1000);
  g_assert_null (tessera_transaction_get_answer (forgotten, 1000));
  tessera_transaction_table_forget_answers (table, 61 * 1000);
  g_assert_cmpuint (answer->ref_count, ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/transaction/belongs-to-one-browser", test_belongs_to_one_browser);
  g_test_add_func ("/transaction/expires-but-is-remembered", test_expires_but_is_remembered);
  g_test_add_func ("/transaction/their-number-is-bounded", test_their_number_is_bounded);
  g_test_add_func ("/transaction/an-address-has-its-share", test_an_address_has_its_share);
  g_test_add_func ("/transaction/a-network-has-one-share", test_a_network_has_one_share);
  g_test_add_func ("/transaction/a-flood-ends-nobody-elses-login",
                   test_a_flood_ends_nobody_elses_login);
  g_test_add_func ("/transaction/a-crowd-makes-room", test_a_crowd_makes_room);
  g_test_add_func ("/transaction/a-crowd-takes-from-who-has-most",
                   test_a_crowd_takes_from_who_has_most);
  g_test_add_func ("/transaction/what-is-over-goes-first", test_what_is_over_goes_first);
  g_test_add_func ("/transaction/a-full-table-of-logins-makes-room",
                   test_a_full_table_of_logins_makes_room);
  g_test_add_func ("/transaction/answers-are-kept-for-a-minute",
                   test_answers_are_kept_for_a_minute);
  g_test_add_func ("/transaction/answers-take-no-more-room-than-transactions",
                   test_answers_take_no_more_room_than_transactions);

  return g_test_run ();
}
