/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose denied tokens count together: each has a share of their own, whatever their name. */

#include "store/tessera-denied-set-private.h"

#include <glib/gstdio.h>

#define NAMES 300000
#define NOW_MS G_GINT64_CONSTANT (1800000000000)

static GRWLock lock;

/* So many that some of their 32-bit hashes are the same: (300,000 squared) / 2 / 2^32 is ten. */
static void
test_many_have_each_their_own_share (void)
{
  g_autoptr (TesseraDeniedSet) set = tessera_denied_set_new (&lock);
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autofree guint32 *owners = g_new (guint32, NAMES);

  for (guint i = 0; i < NAMES; i++)
    {
      g_autofree char *name = g_strdup_printf ("person-%u", i);
      owners[i] = tessera_denied_set_get_owner (set, 's', name);
      g_assert_cmpuint (owners[i], !=, 0);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (owners[i])));
    }
  for (guint i = 0; i < NAMES; i++)
    {
      g_autofree char *name = g_strdup_printf ("person-%u", i);
      g_assert_cmpuint (tessera_denied_set_get_owner (set, 's', name), ==, owners[i]);
    }
}

static void
test_a_person_and_a_client_of_one_name_are_two (void)
{
  g_autoptr (TesseraDeniedSet) set = tessera_denied_set_new (&lock);

  g_assert_cmpuint (tessera_denied_set_get_owner (set, 's', "alice"), !=,
                    tessera_denied_set_get_owner (set, 'c', "alice"));
}

static void
add_token (TesseraDeniedSet *set, guint32 owner, guint8 number)
{
  TesseraDeniedToken token
      = { .id = { number, 1 }, .expires_s = (guint32) (NOW_MS / 1000) + 600, .owner = owner };
  tessera_denied_set_add (set, &token);
}

/* What is in memory leaves by being removed; settling is for what a snapshot holds, and an entry of
 * before, loaded late, settles nothing again. */
static void
test_a_share_is_settled_once (void)
{
  g_autoptr (TesseraDeniedSet) set = tessera_denied_set_new (&lock);
  guint32 owner = tessera_denied_set_get_owner (set, 's', "alice");

  g_assert_false (tessera_denied_set_is_share_full (set, owner, 1, NOW_MS));
  add_token (set, owner, 1);
  add_token (set, owner, 2);
  tessera_denied_set_prune (set, NOW_MS); /* who has tokens is not forgotten */
  g_assert_true (tessera_denied_set_is_share_full (set, owner, 2, NOW_MS));
  g_assert_false (tessera_denied_set_is_share_full (set, owner, 3, NOW_MS));
  tessera_denied_set_settle (set, owner, NOW_MS, NOW_MS + 1000);
  tessera_denied_set_settle (set, owner, NOW_MS - 1, NOW_MS + 999999);
  tessera_denied_set_settle (set, owner + 1, NOW_MS, NOW_MS + 1000); /* nobody's */
  g_assert_true (tessera_denied_set_is_share_full (set, owner, 2, NOW_MS));

  /* It is remembered until the later one, and no longer. */
  tessera_denied_set_prune (set, NOW_MS + 700 * 1000);
  g_assert_cmpuint (tessera_denied_set_get_count (set), ==, 0);
  g_assert_false (tessera_denied_set_is_share_full (set, owner, 0, NOW_MS));
}

static void
count_token (const TesseraDeniedToken *token, gpointer data)
{
  *(guint *) data += token->id[0];
}

/* Those that are just written to a file too. */
static void
test_all_are_listed_while_some_are_written (void)
{
  g_autofree char *directory = g_dir_make_tmp ("tessera-denied-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "snapshot", NULL);
  g_autoptr (TesseraDeniedSet) set = tessera_denied_set_new (&lock);
  guint32 owner = tessera_denied_set_get_owner (set, 's', "alice");
  const TesseraStoreState state = { .id = "state-1", .generation = 1 };
  guint sum = 0;

  tessera_denied_set_set_file (set, path, 1);
  add_token (set, owner, 1);
  tessera_denied_set_begin_snapshot (set, &state, NOW_MS);
  add_token (set, owner, 2);
  tessera_denied_set_foreach (set, count_token, &sum);
  g_assert_cmpuint (sum, ==, 3);
  tessera_denied_set_end_snapshot (set, NOW_MS, TRUE);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/denied-set/many-have-each-their-own-share",
                   test_many_have_each_their_own_share);
  g_test_add_func ("/denied-set/a-person-and-a-client-of-one-name-are-two",
                   test_a_person_and_a_client_of_one_name_are_two);
  g_test_add_func ("/denied-set/a-share-is-settled-once", test_a_share_is_settled_once);
  g_test_add_func ("/denied-set/all-are-listed-while-some-are-written",
                   test_all_are_listed_while_some_are_written);
  return g_test_run ();
}
