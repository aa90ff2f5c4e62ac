/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The compact table of denied tokens, against a plain hash table. */

#include "base/tessera-secret-private.h"
#include "store/tessera-denied-tokens-private.h"

#include <string.h>

static TesseraDeniedToken
make_token (guint32 number, guint64 grant_tag)
{
  TesseraDeniedToken token = { .grant_tag = grant_tag, .expires_s = 100, .owner = 1 };
  /* Few distinct ends, so that many ids want the same slot. */
  memcpy (token.id, &number, sizeof number);
  token.id[15] = (guint8) (number % 13);
  return token;
}

static void
assert_same (const TesseraDeniedTokens *tokens, GHashTable *expected, guint32 numbers)
{
  g_assert_cmpuint (tessera_denied_tokens_get_count (tokens), ==, g_hash_table_size (expected));
  for (guint32 number = 0; number < numbers; number++)
    {
      gpointer tag = NULL;
      gboolean there
          = g_hash_table_lookup_extended (expected, GUINT_TO_POINTER (number), NULL, &tag);
      TesseraDeniedToken token = make_token (number, GPOINTER_TO_UINT (tag));
      g_assert_cmpint (tessera_denied_tokens_contains (tokens, token.id, token.grant_tag), ==,
                       there);
    }
}

static void
test_adds_and_removes_like_any_table (void)
{
  const guint32 numbers = 200;
  g_autoptr (GHashTable) expected = g_hash_table_new (NULL, NULL);
  g_autoptr (TesseraDeniedTokens) tokens = tessera_denied_tokens_new (0);

  for (guint round = 0; round < 5000; round++)
    {
      guint32 number = (guint32) g_test_rand_int_range (0, (gint32) numbers);
      gpointer tag = GUINT_TO_POINTER (number % 3 == 0 ? 0 : 1 + number % 5);
      TesseraDeniedToken token = make_token (number, GPOINTER_TO_UINT (tag));
      if (g_hash_table_remove (expected, GUINT_TO_POINTER (number)))
        g_assert_true (tessera_denied_tokens_remove (tokens, token.id, token.grant_tag));
      else
        {
          g_assert_false (tessera_denied_tokens_remove (tokens, token.id, token.grant_tag));
          if (tessera_denied_tokens_is_full (tokens))
            {
              TesseraDeniedTokens *larger = tessera_denied_tokens_copy (tokens, 0, NULL, NULL);
              tessera_denied_tokens_free (tokens);
              tokens = larger;
            }
          tessera_denied_tokens_add (tokens, &token);
          g_hash_table_insert (expected, GUINT_TO_POINTER (number), tag);
        }
      if (round % 50 == 0)
        assert_same (tokens, expected, numbers);
    }
}

static void
test_counts_and_lists_a_grant (void)
{
  g_autoptr (TesseraDeniedTokens) tokens = tessera_denied_tokens_new (100);
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (TesseraDeniedToken));
  guint64 tag = tessera_denied_tokens_tag ("grant");

  for (guint32 i = 0; i < 30; i++)
    {
      TesseraDeniedToken token = make_token (i, i % 3 == 0 ? tag : i % 3);
      token.expires_s = i < 15 ? 50 : 100;
      tessera_denied_tokens_add (tokens, &token);
    }
  g_assert_cmpuint (tessera_denied_tokens_count_grant (tokens, tag, 50, -1), ==, 10);
  g_assert_cmpuint (tessera_denied_tokens_count_grant (tokens, tag, 51, -1), ==, 5);
  g_assert_cmpuint (tessera_denied_tokens_count_grant (tokens, 77, 0, -1), ==, 0);
  /* Not those that an entry covers which refuses what was issued until then. */
  gint64 since = tessera_uuid_get_ms (make_token (12, tag).id);
  g_assert_cmpuint (tessera_denied_tokens_count_grant (tokens, tag, 50, since), ==, 5);
  tessera_denied_tokens_list_grant (tokens, tag, list);
  g_assert_cmpuint (list->len, ==, 10);
  for (guint i = 0; i < list->len; i++)
    g_assert_true (g_array_index (list, TesseraDeniedToken, i).grant_tag == tag);
}

static gboolean
keep_late (const TesseraDeniedToken *token, gpointer data)
{
  return token->expires_s > GPOINTER_TO_UINT (data);
}

static void
test_copies_what_is_kept (void)
{
  g_autoptr (TesseraDeniedTokens) tokens = tessera_denied_tokens_new (100);

  for (guint32 i = 0; i < 100; i++)
    {
      TesseraDeniedToken token = make_token (i, 0);
      token.expires_s = i + 1;
      tessera_denied_tokens_add (tokens, &token);
    }
  g_autoptr (TesseraDeniedTokens) copy
      = tessera_denied_tokens_copy (tokens, 0, keep_late, GUINT_TO_POINTER (60));
  g_assert_cmpuint (tessera_denied_tokens_get_count (copy), ==, 40);
  for (guint32 i = 0; i < 100; i++)
    {
      TesseraDeniedToken token = make_token (i, 0);
      g_assert_cmpint (tessera_denied_tokens_contains (copy, token.id, 0), ==, i >= 60);
    }
}

/* Of grants and of none: whichever goes, the others are found. */
static void
test_the_last_of_a_kind_goes (void)
{
  for (guint gone = 0; gone < 2; gone++)
    {
      g_autoptr (TesseraDeniedTokens) tokens = tessera_denied_tokens_new (4);
      TesseraDeniedToken kinds[] = { make_token (1, 0), make_token (2, 7) };
      TesseraDeniedToken *left = &kinds[1 - gone];

      tessera_denied_tokens_add (tokens, &kinds[0]);
      tessera_denied_tokens_add (tokens, &kinds[1]);
      g_assert_true (tessera_denied_tokens_remove (tokens, kinds[gone].id, kinds[gone].grant_tag));
      g_assert_false (
          tessera_denied_tokens_contains (tokens, kinds[gone].id, kinds[gone].grant_tag));
      g_assert_true (tessera_denied_tokens_contains (tokens, left->id, left->grant_tag));
      tessera_denied_tokens_add (tokens, &kinds[gone]);
      for (guint i = 0; i < 2; i++)
        g_assert_true (tessera_denied_tokens_contains (tokens, kinds[i].id, kinds[i].grant_tag));
    }
}

static void
test_tags (void)
{
  g_assert_true (tessera_denied_tokens_tag (NULL) == 0);
  g_assert_true (tessera_denied_tokens_tag ("") != 0);
  g_assert_true (tessera_denied_tokens_tag ("a") != tessera_denied_tokens_tag ("b"));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/denied-tokens/adds-and-removes-like-any-table",
                   test_adds_and_removes_like_any_table);
  g_test_add_func ("/denied-tokens/counts-and-lists-a-grant", test_counts_and_lists_a_grant);
  g_test_add_func ("/denied-tokens/copies-what-is-kept", test_copies_what_is_kept);
  g_test_add_func ("/denied-tokens/the-last-of-a-kind-goes", test_the_last_of_a_kind_goes);
  g_test_add_func ("/denied-tokens/tags", test_tags);

  return g_test_run ();
}
