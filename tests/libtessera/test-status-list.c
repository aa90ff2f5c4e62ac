/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lists: how they are packed, who has which place, what is known after a crash. */

#include "base/tessera-secret-private.h"
#include "endpoints/tessera-status-list-endpoint-private.h"
#include "engine-fixture.h"
#include "jose/tessera-jwt-private.h"
#include "log-capture.h"
#include "model/tessera-status-list-private.h"
#include "resource/tessera-status-list-token-private.h"
#include "store/tessera-deny-snapshot-private.h"
#include "store/tessera-status-lists-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define STATE "state-1"
#define LIFETIME 600

/* The draft's own examples (section 4.2 and appendix C). */

typedef struct
{
  guint32 index;
  guint8 status;
} Status;

typedef struct
{
  guint bits;
  guint32 size;
  const Status *statuses;
  guint n_statuses;
  const char *lst;
} Vector;

static const Status short_1[] = {
  { 0, 1 }, { 3, 1 }, { 4, 1 }, { 5, 1 }, { 7, 1 }, { 8, 1 }, { 9, 1 }, { 13, 1 }, { 15, 1 },
};
static const Status short_2[] = {
  { 0, 1 }, { 1, 2 }, { 3, 3 }, { 5, 1 }, { 7, 1 }, { 8, 1 }, { 9, 2 }, { 10, 3 }, { 11, 3 },
};
static const Status long_1[] = {
  { 0, 1 },      { 1993, 1 },   { 25460, 1 },  { 159495, 1 }, { 495669, 1 },  { 554353, 1 },
  { 645645, 1 }, { 723232, 1 }, { 854545, 1 }, { 934534, 1 }, { 1000345, 1 },
};
static const Status long_2[] = {
  { 0, 1 },      { 1993, 2 },   { 25460, 1 },  { 159495, 3 }, { 495669, 1 },  { 554353, 1 },
  { 645645, 2 }, { 723232, 1 }, { 854545, 1 }, { 934534, 2 }, { 1000345, 3 },
};
static const Status long_4[] = {
  { 0, 1 },        { 1993, 2 },     { 35460, 3 },    { 459495, 4 },   { 595669, 5 },
  { 754353, 6 },   { 845645, 7 },   { 923232, 8 },   { 924445, 9 },   { 934534, 10 },
  { 1004534, 11 }, { 1000345, 12 }, { 1030203, 13 }, { 1030204, 14 }, { 1030205, 15 },
};

static const Vector vectors[] = {
  { 1, 16, short_1, G_N_ELEMENTS (short_1), "eNrbuRgAAhcBXQ" },
  { 2, 12, short_2, G_N_ELEMENTS (short_2), "eNo76fITAAPfAgc" },
  { 1, 1 << 20, long_1, G_N_ELEMENTS (long_1),
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA"
    "7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb" },
  { 2, 1 << 20, long_2, G_N_ELEMENTS (long_2),
    "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAA"
    "AAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw" },
  { 4, 1 << 20, long_4, G_N_ELEMENTS (long_4),
    "eNrt0EENgDAQADAIHwImkIIEJEwCUpCEBBQRHOy35Li1EjoOQGabAgAAAAAAAAAAAAAAAAAAACC1SQEAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABA"
    "DrsCAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AADoxaEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAIIoCgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACArpwK"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGhqVkAzlwIAAAAAiGVRAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAABx3AoAgLpVAQAAAAAAAAAAAAAAwM89rwMAAAAAAAAAAAjsA9xMBMA" },
};

static void
test_reproduces_the_vectors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (vectors); i++)
    {
      const Vector *vector = &vectors[i];
      g_autoptr (TesseraStatusList) list = tessera_status_list_new (vector->bits, vector->size);
      for (guint j = 0; j < vector->n_statuses; j++)
        tessera_status_list_set (list, vector->statuses[j].index, vector->statuses[j].status);
      g_autofree char *lst = tessera_status_list_encode (list);
      g_assert_cmpstr (lst, ==, vector->lst);

      g_autoptr (GError) error = NULL;
      g_autoptr (TesseraStatusList) back
          = tessera_status_list_decode (vector->bits, vector->lst, strlen (vector->lst), &error);
      g_assert_no_error (error);
      g_assert_true (tessera_status_list_equal (list, back));
      guint8 status;
      for (guint j = 0; j < vector->n_statuses; j++)
        {
          g_assert_true (tessera_status_list_get (back, vector->statuses[j].index, &status));
          g_assert_cmpuint (status, ==, vector->statuses[j].status);
        }
      g_assert_false (tessera_status_list_get (back, vector->size, &status));
      g_assert_false (tessera_status_list_get (back, G_MAXUINT64, &status));
    }
}

static void
assert_malformed (guint bits, const char *lst)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (tessera_status_list_decode (bits, lst, strlen (lst), &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
}

static void
test_refuses_malformed_lists (void)
{
  const char *good = "eNrbuRgAAhcBXQ";
  guint bits[] = { 0, 3, 5, 7, 9, 16, G_MAXUINT };

  for (guint i = 0; i < G_N_ELEMENTS (bits); i++)
    assert_malformed (bits[i], good);
  assert_malformed (1, "");
  assert_malformed (1, "eNrbuRgAAhcBXQ=="); /* padding */
  assert_malformed (1, "eNrbuRgAAhcBX!");
  assert_malformed (1, "2zkYAA");           /* without the header of zlib */
  assert_malformed (1, "eNrbuRgAAhcBXQAA"); /* something behind it */
  assert_malformed (1, "eNrbuRgAAhcBXg");   /* wrong sum */
  for (gsize length = 0; length < strlen (good); length++)
    {
      g_autofree char *cut = g_strndup (good, length);
      assert_malformed (1, cut);
    }
}

/* A few kilobytes that would become as many megabytes. */
static void
test_stops_a_bomb (void)
{
  const gsize sizes[] = { TESSERA_STATUS_LIST_BYTES_MAX, TESSERA_STATUS_LIST_BYTES_MAX + 1 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (TesseraStatusList) list = tessera_status_list_new (8, (guint32) sizes[i]);
      g_autofree char *lst = tessera_status_list_encode (list);
      g_autoptr (TesseraStatusList) back = tessera_status_list_decode (8, lst, strlen (lst), NULL);
      g_assert_cmpuint (strlen (lst), <, 8192);
      g_assert_true ((back != NULL) == (sizes[i] <= TESSERA_STATUS_LIST_BYTES_MAX));
    }
}

/* Places. */

typedef struct
{
  EngineFixture *engine;
  TesseraStatusLists *lists;
  char *directory;
} Fixture;

typedef struct
{
  char *jti;
  char name[TESSERA_STATUS_SHARD_NAME_MAX + 1];
  guint32 index;
} Place;

static TesseraStatusLists *
open_lists (Fixture *f, const char *state_id, guint max_tokens)
{
  TesseraStatusLists *lists = tessera_status_lists_new (f->engine->engine.clock, max_tokens);
  tessera_status_lists_load (lists, f->directory, state_id);
  return lists;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->engine = engine_fixture_new (FALSE);
  g_autofree char *parent = g_dir_make_tmp ("tessera-status-XXXXXX", NULL);
  f->directory = g_build_filename (parent, "status-lists", NULL);
  f->lists = open_lists (f, STATE, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_autofree char *parent = g_path_get_dirname (f->directory);
  g_autoptr (GDir) dir = g_dir_open (f->directory, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (f->directory, name, NULL);
      g_unlink (path);
    }
  g_rmdir (f->directory);
  g_assert_cmpint (g_rmdir (parent), ==, 0);
  tessera_status_lists_free (f->lists);
  engine_fixture_free (f->engine);
  g_free (f->directory);
}

static gint64
get_now_ms (Fixture *f)
{
  return tessera_clock_get_ms (f->engine->engine.clock);
}

static gboolean
try_reserve (
    Fixture *f, const TesseraTokenIdentity *like, gint64 lifetime, Place *out_place, GError **error)
{
  TesseraTokenIdentity token = *like;

  token.issued_ms = get_now_ms (f);
  out_place->jti = tessera_uuid_new (token.issued_ms);
  token.jti = out_place->jti;
  return tessera_status_lists_reserve (f->lists, &token, lifetime, out_place->name,
                                       &out_place->index, error);
}

static Place
reserve (Fixture *f, const TesseraTokenIdentity *like)
{
  Place place;
  g_autoptr (GError) error = NULL;
  g_assert_true (try_reserve (f, like, LIFETIME, &place, &error));
  g_assert_no_error (error);
  return place;
}

static const TesseraTokenIdentity alice
    = { .subject = "alice", .client_id = "c1", .grant_id = "g1", .session_id = "s1", .kid = "k1" };
static const TesseraTokenIdentity machine = { .subject = "c1", .client_id = "c1", .kid = "k1" };

/* G_MAXUINT8: there is no such list. */
static guint8
get_status (Fixture *f, const Place *place)
{
  guint count;
  guint8 status = G_MAXUINT8;
  g_autoptr (TesseraStatusShard) shard
      = tessera_status_lists_lookup (f->lists, place->name, &count);
  if (shard == NULL)
    return status;
  g_autoptr (TesseraStatusList) list
      = tessera_status_shard_draw_up (shard, count, f->engine->engine.deny_list);
  g_assert_true (tessera_status_list_get (list, place->index, &status));
  return status;
}

static guint
count_invalid (Fixture *f, const char *name)
{
  guint count, invalid = 0;
  g_autoptr (TesseraStatusShard) shard = tessera_status_lists_lookup (f->lists, name, &count);
  g_autoptr (TesseraStatusList) list
      = tessera_status_shard_draw_up (shard, count, f->engine->engine.deny_list);
  for (guint32 i = 0; i < tessera_status_list_get_size (list); i++)
    {
      guint8 status;
      g_assert_true (tessera_status_list_get (list, i, &status));
      invalid += status == TESSERA_STATUS_INVALID;
    }
  return invalid;
}

static void
test_gives_each_a_place (Fixture *f, gconstpointer data)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  guint ascending = 0, last = 0;

  for (guint i = 0; i < 2000; i++)
    {
      Place place = reserve (f, i % 2 == 0 ? &alice : &machine);
      g_assert_cmpuint (place.index, <, TESSERA_STATUS_SHARD_SIZE);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (place.index)));
      ascending += place.index > last;
      last = place.index;
      g_free (place.jti);
    }
  /* At random. */
  g_assert_cmpuint (ascending, >, 800);
  g_assert_cmpuint (ascending, <, 1200);
}

#define AT_ONCE 500

static gpointer
reserve_places (gpointer data)
{
  guint32 *indices = g_new (guint32, AT_ONCE);

  for (guint i = 0; i < AT_ONCE; i++)
    {
      Place place = reserve (data, i % 2 == 0 ? &alice : &machine);
      indices[i] = place.index;
      g_free (place.jti);
    }
  return indices;
}

static void
test_gives_each_thread_other_places (Fixture *f, gconstpointer data)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  GThread *threads[3];
  TesseraStatusListsFigures figures = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reserves", reserve_places, f);
  while (figures.tokens < G_N_ELEMENTS (threads) * AT_ONCE)
    {
      g_autoptr (GPtrArray) names = tessera_status_lists_list_names (f->lists);
      guint count;

      for (guint i = 0; i < names->len; i++)
        tessera_status_shard_unref (
            tessera_status_lists_lookup (f->lists, g_ptr_array_index (names, i), &count));
      tessera_status_lists_save (f->lists); /* FALSE before the first of them has come */
      tessera_status_lists_get_figures (f->lists, &figures);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_autofree guint32 *indices = g_thread_join (threads[i]);

      for (guint n = 0; n < AT_ONCE; n++)
        g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (indices[n])));
    }
  g_assert_cmpuint (figures.lists, ==, 1);
}

typedef gboolean (*Deny) (TesseraDenyList *self,
                          TesseraStore *store,
                          const char *value,
                          guint64 *out_generation,
                          GError **error);

typedef struct
{
  Fixture *fixture;
  Deny deny;
  const char *value;
  const TesseraTokenIdentity *token;
} Denial;

static gboolean
run_deny (gpointer data, TesseraStore *store, GError **error)
{
  Denial *self = data;
  TesseraDenyList *list = self->fixture->engine->engine.deny_list;

  if (self->token != NULL)
    return tessera_deny_list_deny_token (list, store, self->token, NULL, error);
  if (self->deny == NULL)
    return tessera_deny_list_deny_all (list, store, NULL, error);
  return self->deny (list, store, self->value, NULL, error);
}

static void
deny (Fixture *f, Deny function, const char *value)
{
  Denial denial = { f, function, value, NULL };
  g_assert_true (
      tessera_committer_submit_and_wait (f->engine->engine.committer, run_deny, &denial, NULL));
}

static void
deny_token (Fixture *f, const TesseraTokenIdentity *like, const Place *place)
{
  TesseraTokenIdentity token = *like;
  Denial denial = { f, NULL, NULL, &token };
  token.jti = place->jti;
  g_assert_true (tessera_uuid_parse (place->jti, NULL, &token.issued_ms));
  token.expires_ms = token.issued_ms + LIFETIME * 1000;
  g_assert_true (
      tessera_committer_submit_and_wait (f->engine->engine.committer, run_deny, &denial, NULL));
}

/* Each kind of entry: whom it reaches, and nobody else. */
static void
test_every_rule_sets_its_bits (Fixture *f, gconstpointer data)
{
  static const TesseraTokenIdentity tokens[] = {
    { .subject = "alice", .client_id = "c1", .grant_id = "g1", .session_id = "s1", .kid = "k1" },
    { .subject = "alice", .client_id = "c2", .grant_id = "g2", .session_id = "s1", .kid = "k1" },
    { .subject = "alice", .client_id = "c2", .grant_id = "g3", .session_id = "s2", .kid = "k2" },
    { .subject = "bob", .client_id = "c1", .grant_id = "g4", .session_id = "s3", .kid = "k1" },
    { .subject = "c1", .client_id = "c1", .kid = "k1" },
    { .subject = "c2", .client_id = "c2", .kid = "k2" },
    { .subject = "carol", .client_id = "c3", .grant_id = "g5", .kid = "k3" },
    { .subject = "c1", .client_id = "c1", .grant_id = "g6", .kid = "k1" },
  };
  static const struct
  {
    Deny deny;
    const char *value;
    const char *reached; /* one digit a token */
  } rules[] = {
    { tessera_deny_list_deny_grant, "g1", "10000000" },
    { tessera_deny_list_deny_session, "s1", "11000000" },
    { tessera_deny_list_deny_subject, "alice", "11100000" },
    { tessera_deny_list_deny_client, "c2", "01100100" },
    { tessera_deny_list_deny_key, "k1", "11011001" },
    { NULL, NULL, "11111111" },
    /* Such entries are about people. */
    { tessera_deny_list_deny_subject, "c1", "00000001" },
  };
  guint rule = GPOINTER_TO_UINT (data);
  Place places[G_N_ELEMENTS (tokens)];

  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    places[i] = reserve (f, &tokens[i]);
  g_assert_cmpuint (count_invalid (f, places[0].name), ==, 0);
  deny (f, rules[rule].deny, rules[rule].value);
  for (guint i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      g_assert_cmpuint (get_status (f, &places[i]), ==, (guint8) (rules[rule].reached[i] - '0'));
      g_free (places[i].jti);
    }
  f->engine->offset_ms += 1000;
  Place later = reserve (f, &(TesseraTokenIdentity){ .subject = "dora",
                                                     .client_id = "c9",
                                                     .grant_id = "g9",
                                                     .session_id = "s9",
                                                     .kid = "k9" });
  g_assert_cmpuint (get_status (f, &later), ==, TESSERA_STATUS_VALID);
  g_free (later.jti);
}

static void
test_a_token_sets_its_own_bit (Fixture *f, gconstpointer data)
{
  Place one = reserve (f, &alice), two = reserve (f, &alice);

  deny_token (f, &alice, &one);
  g_assert_cmpuint (get_status (f, &one), ==, TESSERA_STATUS_INVALID);
  g_assert_cmpuint (get_status (f, &two), ==, TESSERA_STATUS_VALID);
  g_assert_cmpuint (count_invalid (f, one.name), ==, 1);
  g_free (one.jti);
  g_free (two.jti);
}

/* More than 64 of a grant become one entry for all of it. */
static void
test_coalescing_sets_all_of_the_grant (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  TesseraTokenIdentity other = alice;
  other.grant_id = "g2";
  Place bystander = reserve (f, &other);

  for (guint i = 0; i < 100; i++)
    {
      Place place = reserve (f, &alice);
      g_array_append_val (places, place);
    }
  for (guint i = 0; i < 70; i++)
    deny_token (f, &alice, &g_array_index (places, Place, i));
  for (guint i = 0; i < places->len; i++)
    {
      Place *place = &g_array_index (places, Place, i);
      g_assert_cmpuint (get_status (f, place), ==, TESSERA_STATUS_INVALID);
      g_free (place->jti);
    }
  g_assert_cmpuint (get_status (f, &bystander), ==, TESSERA_STATUS_VALID);
  g_free (bystander.jti);
}

static void
test_a_list_dies_with_its_tokens (Fixture *f, gconstpointer data)
{
  TesseraStatusListsFigures figures;
  Place place = reserve (f, &alice);
  g_autofree char *path = g_build_filename (f->directory, place.name, NULL);

  g_assert_true (tessera_status_lists_save (f->lists));
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  f->engine->offset_ms += (LIFETIME - 1) * 1000;
  g_assert_true (tessera_status_lists_save (f->lists));
  g_assert_cmpuint (get_status (f, &place), ==, TESSERA_STATUS_VALID);

  f->engine->offset_ms += (LIFETIME + 120) * 1000;
  g_assert_cmpuint (get_status (f, &place), ==, G_MAXUINT8);
  g_assert_false (tessera_status_lists_save (f->lists));
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  tessera_status_lists_get_figures (f->lists, &figures);
  g_assert_cmpuint (figures.tokens, ==, 0);
  g_assert_cmpuint (figures.lists, ==, 0);
  g_free (place.jti);
}

/* Whatever their lifetimes, those that expire together are listed together, and few lists are
 * alive. */
static void
test_there_are_few_lists (Fixture *f, gconstpointer data)
{
  TesseraStatusListsFigures figures;

  for (guint i = 0; i < 600; i++)
    {
      g_free (reserve (f, &alice).jti);
      f->engine->offset_ms += 10 * 1000;
      tessera_status_lists_save (f->lists);
      tessera_status_lists_get_figures (f->lists, &figures);
      g_assert_cmpuint (figures.lists, <=, 3);
      g_assert_cmpuint (figures.tokens, <=, (2 * 600 + 600) / 10);
    }
}

/* Lists are as wide as what is in them lives, or up to twice that. */
static void
test_what_lives_long_is_in_few_lists (Fixture *f, gconstpointer data)
{
  TesseraStatusListsFigures figures;

  for (guint i = 0; i < 48; i++)
    {
      Place place;

      g_assert_true (try_reserve (f, &alice, 24 * 60 * 60, &place, NULL));
      g_free (place.jti);
      f->engine->offset_ms += 60 * 60 * 1000;
      tessera_status_lists_save (f->lists);
      tessera_status_lists_get_figures (f->lists, &figures);
      g_assert_cmpuint (figures.lists, <=, 3);
    }
}

static void
test_a_full_list_is_followed_by_another (Fixture *f, gconstpointer data)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  TesseraStatusListsFigures figures;

  for (guint i = 0; i < 100000; i++)
    {
      Place place = reserve (f, &machine);
      g_hash_table_add (names, g_strdup (place.name));
      g_free (place.jti);
    }
  tessera_status_lists_get_figures (f->lists, &figures);
  g_assert_cmpuint (g_hash_table_size (names), >=, 2);
  g_assert_cmpuint (g_hash_table_size (names), <=, 3);
  g_test_message ("%u tokens of one client: %.1f bytes each", figures.tokens,
                  (double) figures.memory / figures.tokens);
  g_assert_cmpuint (figures.memory / figures.tokens, <, 48);
}

static void
test_people_cost_little_memory (Fixture *f, gconstpointer data)
{
  TesseraStatusListsFigures figures;

  for (guint i = 0; i < 90000; i++)
    {
      g_autofree char *subject = g_strdup_printf ("person-%u@example.org", i);
      g_autofree char *grant_id = tessera_identifier_new ();
      g_autofree char *session_id = tessera_identifier_new ();
      g_free (reserve (f, &(TesseraTokenIdentity){ .subject = subject,
                                                   .client_id = "c1",
                                                   .grant_id = grant_id,
                                                   .session_id = session_id,
                                                   .kid = "k1" })
                  .jti);
    }
  tessera_status_lists_get_figures (f->lists, &figures);
  g_test_message ("%u tokens of people: %.1f bytes each", figures.tokens,
                  (double) figures.memory / figures.tokens);
  g_assert_cmpuint (figures.memory / figures.tokens, <, 160);
}

static void
test_one_cannot_take_the_places_of_all (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Place place;
  guint got = 0;

  tessera_status_lists_free (f->lists);
  f->lists = open_lists (f, STATE, 640);
  log_capture_begin ();
  while (try_reserve (f, &alice, LIFETIME, &place, &error))
    {
      g_free (place.jti);
      got++;
    }
  g_free (place.jti);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*no place for more*");
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE);
  g_assert_cmpuint (got, ==, 10);

  /* Others have theirs; and when what she had is over, so has she. */
  TesseraTokenIdentity bob = alice;
  bob.subject = "bob";
  g_free (reserve (f, &bob).jti);
  g_free (reserve (f, &machine).jti);
  f->engine->offset_ms += 3 * LIFETIME * 1000;
  tessera_status_lists_save (f->lists);
  g_free (reserve (f, &alice).jti);
}

/* Across a restart. */

static void
reopen (Fixture *f, const char *state_id)
{
  tessera_status_lists_free (f->lists);
  f->lists = open_lists (f, state_id, 0);
}

static void
test_a_stop_loses_nothing (Fixture *f, gconstpointer data)
{
  Place revoked = reserve (f, &alice), later = reserve (f, &alice), own = reserve (f, &machine);
  TesseraTokenIdentity other = { .subject = "bob", .client_id = "c2", .grant_id = "g9" };
  Place good = reserve (f, &other);

  deny_token (f, &alice, &revoked);
  tessera_status_lists_save (f->lists);
  Place last = reserve (f, &machine);
  tessera_status_lists_close (f->lists);
  reopen (f, STATE);

  g_assert_cmpuint (get_status (f, &revoked), ==, TESSERA_STATUS_INVALID);
  g_assert_cmpuint (get_status (f, &later), ==, TESSERA_STATUS_VALID);
  g_assert_cmpuint (get_status (f, &last), ==, TESSERA_STATUS_VALID);
  g_assert_cmpuint (count_invalid (f, good.name), ==, 1);
  deny (f, tessera_deny_list_deny_session, "s1");
  g_assert_cmpuint (get_status (f, &later), ==, TESSERA_STATUS_INVALID);
  deny (f, tessera_deny_list_deny_client, "c1");
  g_assert_cmpuint (get_status (f, &own), ==, TESSERA_STATUS_INVALID);
  g_assert_cmpuint (get_status (f, &last), ==, TESSERA_STATUS_INVALID);
  g_assert_cmpuint (get_status (f, &good), ==, TESSERA_STATUS_VALID);
  /* What comes now goes elsewhere. */
  Place next = reserve (f, &alice);
  g_assert_cmpstr (next.name, !=, good.name);
  g_free (revoked.jti);
  g_free (later.jti);
  g_free (own.jti);
  g_free (good.jti);
  g_free (last.jti);
  g_free (next.jti);
}

/* Only what was reserved since it was saved is not known any more, and taken for revoked. */
static void
test_a_kill_revokes_what_is_not_known (Fixture *f, gconstpointer data)
{
  Place saved = reserve (f, &alice), also = reserve (f, &machine);
  tessera_status_lists_save (f->lists);
  Place lost = reserve (f, &machine);
  g_assert_cmpuint (get_status (f, &lost), ==, TESSERA_STATUS_VALID);
  reopen (f, STATE);

  for (guint i = 0; i < 2; i++) /* a second restart finds the same */
    {
      g_assert_cmpuint (get_status (f, &saved), ==, TESSERA_STATUS_VALID);
      g_assert_cmpuint (get_status (f, &also), ==, TESSERA_STATUS_VALID);
      g_assert_cmpuint (get_status (f, &lost), ==, TESSERA_STATUS_INVALID);
      tessera_status_lists_save (f->lists);
      tessera_status_lists_close (f->lists);
      reopen (f, STATE);
    }
  deny (f, tessera_deny_list_deny_grant, "g1");
  g_assert_cmpuint (get_status (f, &saved), ==, TESSERA_STATUS_INVALID);
  g_assert_cmpuint (get_status (f, &also), ==, TESSERA_STATUS_VALID);
  g_free (saved.jti);
  g_free (also.jti);
  g_free (lost.jti);
}

static void
test_a_list_of_another_state_is_forgotten (Fixture *f, gconstpointer data)
{
  Place place = reserve (f, &alice);
  g_autofree char *path = g_build_filename (f->directory, place.name, NULL);

  tessera_status_lists_save (f->lists);
  tessera_status_lists_close (f->lists);
  reopen (f, "state-2");
  g_assert_cmpuint (get_status (f, &place), ==, G_MAXUINT8);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_free (place.jti);
}

/* However the file is damaged: nobody whose token was revoked has a good one. */
static void
write_file (const char *path, const char *content, gsize length)
{
  g_assert_true (g_file_set_contents_full (path, content, (gssize) length, G_FILE_SET_CONTENTS_NONE,
                                           0600, NULL));
}

static void
assert_nobody_is_good (Fixture *f, const GArray *places)
{
  reopen (f, STATE);
  for (guint i = 0; i < places->len; i++)
    {
      const Place *place = &g_array_index (places, Place, i);
      g_assert_cmpuint (get_status (f, place), !=, TESSERA_STATUS_VALID);
    }
}

static void
test_damage_revokes (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (Place));
  g_autofree char *content = NULL;
  gsize length;

  for (guint i = 0; i < 6; i++)
    {
      Place place = reserve (f, i % 2 == 0 ? &alice : &machine);
      g_array_append_val (places, place);
      tessera_status_lists_save (f->lists);
    }
  tessera_status_lists_close (f->lists);
  const char *name = g_array_index (places, Place, 0).name;
  g_autofree char *path = g_build_filename (f->directory, name, NULL);
  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  deny (f, tessera_deny_list_deny_subject, "alice");
  deny (f, tessera_deny_list_deny_client, "c1");
  assert_nobody_is_good (f, places);

  for (gsize at = 0; at < length; at += 7)
    {
      content[at] ^= 1;
      write_file (path, content, length);
      content[at] ^= 1;
      assert_nobody_is_good (f, places);
      write_file (path, content, at);
      assert_nobody_is_good (f, places);
    }
  for (guint i = 0; i < places->len; i++)
    g_free (g_array_index (places, Place, i).jti);
}

/* What could not be written is written when it can be. */
static void
test_a_full_disk_is_survived (Fixture *f, gconstpointer data)
{
  Place place = reserve (f, &alice);

  g_assert_cmpint (g_mkdir (f->directory, 0500), ==, 0);
  g_autofree char *path = g_build_filename (f->directory, place.name, NULL);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0); /* nothing can be written there */
  log_capture_begin ();
  tessera_status_lists_save (f->lists);
  tessera_status_lists_save (f->lists);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*cannot be saved*");
  g_assert_cmpint (g_rmdir (path), ==, 0);
  g_assert_cmpint (g_chmod (f->directory, 0700), ==, 0);
  tessera_status_lists_save (f->lists);
  tessera_status_lists_close (f->lists);
  reopen (f, STATE);
  g_assert_cmpuint (get_status (f, &place), ==, TESSERA_STATUS_VALID);
  g_free (place.jti);
}

/* A piece that could not be written whole is written over by the next one, however long it was. */
static void
test_a_torn_piece_is_written_over (Fixture *f, gconstpointer data)
{
  Place place = reserve (f, &alice);
  g_autofree char *path = g_build_filename (f->directory, place.name, NULL);
  g_autofree char *content = NULL;
  gsize length;

  tessera_status_lists_save (f->lists);
  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  content = g_realloc (content, length + 5000);
  memset (content + length, 0xff, 5000);
  write_file (path, content, length + 5000);
  Place next = reserve (f, &machine);
  tessera_status_lists_close (f->lists);
  reopen (f, STATE);
  g_assert_cmpuint (get_status (f, &next), ==, TESSERA_STATUS_VALID);
  g_assert_cmpuint (count_invalid (f, place.name), ==, 0);
  g_free (place.jti);
  g_free (next.jti);
}

/* A disk that is interrupted, then takes a part, then is full. */
static int fault;

ssize_t __wrap_pwrite64 (int fd, const void *bytes, size_t length, off_t offset);
ssize_t __real_pwrite64 (int fd, const void *bytes, size_t length, off_t offset);

ssize_t
__wrap_pwrite64 (int fd, const void *bytes, size_t length, off_t offset)
{
  if (fault == 0)
    return __real_pwrite64 (fd, bytes, length, offset);
  fault++;
  if (fault == 3)
    return __real_pwrite64 (fd, bytes, length / 2, offset);
  errno = fault == 2 ? EINTR : ENOSPC;
  return -1;
}

static void
test_a_piece_is_written_whole_or_again (Fixture *f, gconstpointer data)
{
  Place place = reserve (f, &alice);

  fault = 1;
  log_capture_begin ();
  tessera_status_lists_save (f->lists);
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*cannot be saved*");
  g_assert_cmpint (fault, ==, 4);
  fault = 0;
  tessera_status_lists_save (f->lists);
  tessera_status_lists_close (f->lists);
  reopen (f, STATE);
  g_assert_cmpuint (get_status (f, &place), ==, TESSERA_STATUS_VALID);
  g_assert_cmpuint (count_invalid (f, place.name), ==, 0);
  g_free (place.jti);
}

/* As the file has it: a piece that is whole, and holds less than one record. */
static void
test_a_piece_without_a_record_revokes (Fixture *f, gconstpointer data)
{
  struct
  {
    guint32 length, number;
    guint64 checksum;
    guint8 data[10];
  } piece = { .length = sizeof piece.data, .number = 1 };
  const gsize head = G_STRUCT_OFFSET (typeof (piece), checksum);
  Place place = reserve (f, &alice);
  g_autofree char *path = g_build_filename (f->directory, place.name, NULL);
  g_autofree char *content = NULL;
  gsize length;

  tessera_status_lists_save (f->lists);
  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  piece.checksum = tessera_deny_snapshot_sum (piece.data, sizeof piece.data)
                   ^ tessera_deny_snapshot_sum (&piece, head);
  content = g_realloc (content, length + sizeof piece);
  memcpy (content + length, &piece, sizeof piece);
  write_file (path, content, length + head + sizeof piece.checksum + sizeof piece.data);
  reopen (f, STATE);
  g_assert_cmpuint (get_status (f, &place), ==, TESSERA_STATUS_VALID);
  g_assert_cmpuint (count_invalid (f, place.name), ==, TESSERA_STATUS_SHARD_SIZE - 1);
  g_free (place.jti);
}

static void
test_what_was_over_at_the_start_is_forgotten (Fixture *f, gconstpointer data)
{
  TesseraStatusListsFigures figures;
  Place place = reserve (f, &alice);
  g_autofree char *path = g_build_filename (f->directory, place.name, NULL);

  tessera_status_lists_close (f->lists);
  f->engine->offset_ms += 10 * LIFETIME * 1000;
  reopen (f, STATE);
  tessera_status_lists_get_figures (f->lists, &figures);
  g_assert_cmpuint (figures.lists, ==, 0);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_free (place.jti);
}

/* With the engine. */

static void
enable (Fixture *f)
{
  TesseraEngine *engine = &f->engine->engine;

  engine->settings->status_list_enabled = TRUE;
  engine->status_lists = f->lists;
  engine->status_publisher
      = tessera_status_publisher_new (f->lists, engine->deny_list, engine->keys, engine->clock);
}

static char *
issue (Fixture *f)
{
  g_autoptr (Answer) answer
      = engine_fixture_ask (f->engine, "/token", "c1", "grant_type=client_credentials&scope=a");
  g_assert_cmpuint (answer->status, ==, 200);
  return g_strdup (answer_get (answer, "access_token"));
}

static TesseraKey *
lookup_key (const char *kid, gpointer data)
{
  Fixture *f = data;
  return tessera_key_ring_lookup (f->engine->engine.keys, kid);
}

typedef struct
{
  char *token;
  char *etag;
  gboolean told;
  gboolean failed;
} Published;

static void
published_clear (Published *self)
{
  g_free (self->token);
  g_free (self->etag);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Published, published_clear)

static void
on_published (const TesseraPublishedList *published, const GError *error, gpointer data)
{
  Published *self = data;

  g_assert_false (self->told);
  self->told = TRUE;
  self->failed = error != NULL;
  if (published == NULL)
    return;
  self->token
      = g_strndup (g_bytes_get_data (published->token, NULL), g_bytes_get_size (published->token));
  self->etag = g_strdup (published->etag);
  g_assert_cmpuint (published->max_age, <=, 60);
}

static void
fetch (Fixture *f, const char *name, Published *out_published)
{
  tessera_status_publisher_publish (f->engine->engine.status_publisher, f->engine->engine.settings,
                                    name, on_published, out_published);
  while (!out_published->told)
    g_main_context_iteration (NULL, TRUE);
}

/* What the token says of its place. */
static char *
read_place (const char *token, gint64 *out_index)
{
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, strlen (token), NULL);
  g_autofree char *status = tessera_claims_dup_json (jwt->claims, "status");
  g_autoptr (json_t) json = json_loads (status, 0, NULL);
  json_t *place = json_object_get (json, "status_list");

  *out_index = json_integer_value (json_object_get (place, "idx"));
  return g_strdup (json_string_value (json_object_get (place, "uri")));
}

static gboolean
is_good (Fixture *f, const char *token)
{
  gint64 index, now_s = get_now_ms (f) / 1000;
  g_autofree char *uri = read_place (token, &index);
  g_auto (Published) published = { 0 };
  g_autoptr (GError) error = NULL;

  fetch (f, strrchr (uri, '/') + 1, &published);
  g_assert_nonnull (published.token);
  g_autoptr (TesseraStatusListToken) list
      = tessera_status_list_token_read (published.token, strlen (published.token), uri, now_s,
                                        lookup_key, f, &error);
  g_assert_no_error (error);
  return tessera_status_list_token_check (list, (guint64) index, now_s, NULL);
}

static void
revoke_token (Fixture *f, const char *token)
{
  g_autofree char *form = g_strdup_printf ("token=%s", token);
  g_autoptr (Answer) answer = engine_fixture_ask (f->engine, "/revoke", "c1", form);
  g_assert_cmpuint (answer->status, ==, 200);
}

static void
test_a_revoked_token_is_seen_in_its_list (Fixture *f, gconstpointer data)
{
  enable (f);
  g_autofree char *one = issue (f);
  g_autofree char *two = issue (f);

  g_assert_true (is_good (f, one));
  revoke_token (f, one);
  g_assert_false (is_good (f, one));
  g_assert_true (is_good (f, two));
  tessera_status_publisher_free (f->engine->engine.status_publisher);
}

static void
test_a_list_is_signed_when_it_changes (Fixture *f, gconstpointer data)
{
  enable (f);
  g_autofree char *token = issue (f);
  gint64 index;
  g_autofree char *uri = read_place (token, &index);
  const char *name = strrchr (uri, '/') + 1;
  g_auto (Published) first = { 0 }, second = { 0 }, third = { 0 }, fourth = { 0 }, none = { 0 };

  fetch (f, name, &first);
  g_free (issue (f)); /* another token changes nothing that is said */
  fetch (f, name, &second);
  g_assert_cmpstr (first.token, ==, second.token);
  g_assert_cmpstr (first.etag, ==, second.etag);
  revoke_token (f, token);
  fetch (f, name, &third);
  g_assert_cmpstr (second.etag, !=, third.etag);
  f->engine->offset_ms += 61 * 1000; /* its ttl has passed */
  fetch (f, name, &fourth);
  g_assert_cmpstr (third.etag, !=, fourth.etag);
  fetch (f, "none", &none);
  g_assert_null (none.token);
  g_assert_false (none.failed);
  tessera_status_publisher_free (f->engine->engine.status_publisher);
}

/* Nobody could check what a key signed that was revoked. */
static void
test_a_revoked_key_signs_no_list (Fixture *f, gconstpointer data)
{
  enable (f);
  g_autofree char *token = issue (f);
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (f->engine->engine.keys, TESSERA_ALGORITHM_ES256);

  g_assert_true (is_good (f, token));
  g_assert_true (tessera_key_ring_revoke (f->engine->engine.keys, tessera_key_get_id (key), NULL));
  g_assert_true (is_good (f, token)); /* its list is signed anew, with a key that is known */
  deny (f, tessera_deny_list_deny_key, tessera_key_get_id (key));
  g_assert_false (is_good (f, token));
  tessera_status_publisher_free (f->engine->engine.status_publisher);
}

static void
test_nobody_is_left_waiting (Fixture *f, gconstpointer is_signed)
{
  enable (f);
  g_autofree char *token = issue (f);
  gint64 index;
  g_autofree char *uri = read_place (token, &index);

  Published told[20] = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    tessera_status_publisher_publish (f->engine->engine.status_publisher,
                                      f->engine->engine.settings, strrchr (uri, '/') + 1,
                                      on_published, &told[i]);
  while (is_signed != NULL && !g_main_context_pending (NULL))
    g_thread_yield (); /* until it is about to be told */
  tessera_status_publisher_free (f->engine->engine.status_publisher);
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    {
      g_assert_true (told[i].told);
      g_assert_true (told[i].token != NULL || (told[i].failed && is_signed == NULL));
      published_clear (&told[i]);
    }
}

/* No signature of the kind it is to have. */
static gboolean signing_fails;

/* Until the thread that signs is waited for, which is when it is to end. */
static gint signing_waits, is_signing;

static void
hold_signing (void)
{
  g_atomic_int_set (&is_signing, TRUE);
  while (g_atomic_int_get (&signing_waits))
    g_thread_yield ();
}

gpointer __wrap_g_thread_join (GThread *thread);
gpointer __real_g_thread_join (GThread *thread);

gpointer
__wrap_g_thread_join (GThread *thread)
{
  g_atomic_int_set (&signing_waits, FALSE);
  return __real_g_thread_join (thread);
}

char *
__wrap_tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims, GError **error);
char *
__real_tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims, GError **error);

char *
__wrap_tessera_jwt_sign_text (TesseraKey *key, const char *typ, const char *claims, GError **error)
{
  if (g_atomic_int_get (&signing_waits))
    hold_signing ();
  if (!signing_fails)
    return __real_tessera_jwt_sign_text (key, typ, claims, error);
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_SERVER_ERROR, "injected");
  return NULL;
}

static const char *
get_no_header (TesseraExchange *exchange, const char *name)
{
  return NULL;
}

static void
note_status (TesseraExchange *exchange)
{
  *(guint *) exchange->front_data = exchange->status;
}

static guint
ask_for (Fixture *f, const char *name)
{
  static const TesseraExchangeFront front = { get_no_header, note_status };
  g_autofree char *path
      = g_strconcat (f->engine->engine.settings->status_list_path, "/", name, NULL);
  guint status = 0;
  g_autoptr (TesseraExchange) exchange = tessera_exchange_new (&front, &status, NULL);

  exchange->method = "GET";
  exchange->path = path;
  tessera_status_list_endpoint_handle (&f->engine->engine, exchange);
  while (status == 0)
    g_main_context_iteration (NULL, TRUE);
  return status;
}

/* The first is about to be signed; who comes then wants what is said later, all of them the same,
 * and nobody will begin with that. */
static void
test_who_comes_too_late_is_told (Fixture *f, gconstpointer data)
{
  enable (f);
  Place place = reserve (f, &alice);
  Published told[4] = { 0 };

  g_atomic_int_set (&is_signing, FALSE);
  g_atomic_int_set (&signing_waits, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    {
      tessera_status_publisher_publish (f->engine->engine.status_publisher,
                                        f->engine->engine.settings, place.name, on_published,
                                        &told[i]);
      while (!g_atomic_int_get (&is_signing))
        g_thread_yield ();
    }
  tessera_status_publisher_free (f->engine->engine.status_publisher);
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    {
      g_assert_true (told[i].told);
      g_assert_true (i == 0 ? told[i].token != NULL : told[i].failed);
      published_clear (&told[i]);
    }
  g_free (place.jti);
}

/* Nothing is said rather than something that nobody could check; and then it is said again. */
static void
test_a_list_that_cannot_be_signed_is_an_error (Fixture *f, gconstpointer data)
{
  enable (f);
  Place place = reserve (f, &alice);

  g_assert_cmpuint (ask_for (f, place.name), ==, 200);
  f->engine->offset_ms += 61 * 1000;
  signing_fails = TRUE;
  g_assert_cmpuint (ask_for (f, place.name), ==, 500);
  signing_fails = FALSE;
  f->engine->engine.settings->signing_algorithm = TESSERA_ALGORITHM_RS256;
  g_assert_cmpuint (ask_for (f, place.name), ==, 500);
  f->engine->engine.settings->signing_algorithm = TESSERA_ALGORITHM_ES256;
  g_assert_cmpuint (ask_for (f, place.name), ==, 200);
  g_assert_cmpuint (ask_for (f, "none"), ==, 404);
  tessera_status_publisher_free (f->engine->engine.status_publisher);
  g_free (place.jti);
}

/* A token that had no place could not be revoked for those who read lists: there is none then. */
static void
test_without_a_place_there_is_no_token (Fixture *f, gconstpointer data)
{
  tessera_status_lists_free (f->lists);
  f->lists = open_lists (f, STATE, 1);
  enable (f);
  g_free (issue (f));
  log_capture_begin ();
  g_autoptr (Answer) answer
      = engine_fixture_ask (f->engine, "/token", "c1", "grant_type=client_credentials&scope=a");
  log_capture_end ();
  g_assert_cmpuint (answer->status, ==, 503);
  g_assert_null (answer_get (answer, "access_token"));
  tessera_status_publisher_free (f->engine->engine.status_publisher);
}

static void
test_without_a_signature_there_is_no_token (Fixture *f, gconstpointer data)
{
  signing_fails = TRUE;
  g_autoptr (Answer) answer
      = engine_fixture_ask (f->engine, "/token", "c1", "grant_type=client_credentials&scope=a");
  signing_fails = FALSE;
  g_assert_cmpuint (answer->status, ==, 500);
  g_assert_null (answer_get (answer, "access_token"));
}

/* A token writes nothing into the store; its place is saved with those of a whole second. */
static void
test_a_token_writes_nothing (Fixture *f, gconstpointer data)
{
  guint64 writes, writes_after, syncs, syncs_after;

  enable (f);
  g_free (issue (f));
  tessera_committer_get_counts (f->engine->engine.committer, &writes, &syncs);
  for (guint i = 0; i < 1000; i++)
    g_free (issue (f));
  tessera_committer_get_counts (f->engine->engine.committer, &writes_after, &syncs_after);
  g_assert_cmpuint (writes_after, ==, writes);
  g_assert_cmpuint (syncs_after, ==, syncs);
  tessera_status_publisher_free (f->engine->engine.status_publisher);
}

static void
test_off_costs_nothing (Fixture *f, gconstpointer data)
{
  TesseraStatusListsFigures figures;
  g_autofree char *token = issue (f);
  g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (token, strlen (token), NULL);

  g_assert_false (tessera_claims_has (jwt->claims, "status"));
  tessera_status_lists_get_figures (f->lists, &figures);
  g_assert_cmpuint (figures.tokens, ==, 0);
}

/* What a resource server believes. */

static void
assert_refused (Fixture *f, TesseraKey *key, const char *typ, const char *claims, const char *why)
{
  g_autofree char *token = tessera_jwt_sign_text (key, typ, claims, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_status_list_token_read (token, strlen (token), "https://as.test/l/1", 1000,
                                                 lookup_key, f, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
  g_assert_true (strstr (error->message, why) != NULL);
}

#define SUB "\"sub\":\"https://as.test/l/1\""
#define LIST "\"status_list\":{\"bits\":1,\"lst\":\"eNrbuRgAAhcBXQ\"}"
#define GOOD "{" SUB ",\"iat\":990,\"exp\":1100,\"ttl\":20," LIST "}"

static void
test_believes_nothing_else (Fixture *f, gconstpointer data)
{
  static const char *const malformed[][2] = {
    { "{" SUB "," LIST "}", "times" },
    { "{" SUB ",\"iat\":\"990\"," LIST "}", "times" },
    { "{" SUB ",\"iat\":-1," LIST "}", "times" },
    { "{" SUB ",\"iat\":990.5," LIST "}", "times" },
    { "{" SUB ",\"iat\":990,\"ttl\":0," LIST "}", "times" },
    { "{" SUB ",\"iat\":990,\"exp\":null," LIST "}", "times" },
    { "{" SUB ",\"iat\":990,\"exp\":1000," LIST "}", "expired" },
    { "{" SUB ",\"iat\":1061," LIST "}", "future" },
    { "{\"sub\":\"https://as.test/l/2\",\"iat\":990," LIST "}", "another" },
    { "{\"iat\":990," LIST "}", "another" },
    { "{" SUB ",\"iat\":990}", "malformed" },
    { "{" SUB ",\"iat\":990,\"status_list\":{\"bits\":2}}", "malformed" },
    { "{" SUB ",\"iat\":990,\"status_list\":{\"bits\":3,\"lst\":\"eNrbuRgAAhcBXQ\"}}",
      "malformed" },
    { "{" SUB ",\"iat\":990,\"status_list\":{\"bits\":\"1\",\"lst\":\"eNrbuRgAAhcBXQ\"}}",
      "malformed" },
    { "{" SUB ",\"iat\":990," LIST "," LIST "}", "malformed" },
    { "[]", "malformed" },
  };
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (f->engine->engine.keys, TESSERA_ALGORITHM_ES256);
  g_autoptr (TesseraKey) foreign = tessera_key_generate (TESSERA_ALGORITHM_ES256, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    assert_refused (f, key, TESSERA_STATUS_LIST_TYPE, malformed[i][0], malformed[i][1]);
  assert_refused (f, key, "at+jwt", GOOD, "no status list");
  assert_refused (f, key, "JWT", GOOD, "no status list");
  assert_refused (f, foreign, TESSERA_STATUS_LIST_TYPE, GOOD, "signature");
}

/* It could be any key's, and is tried with none; nor is one believed that nobody has signed. */
static void
test_a_list_names_its_key (Fixture *f, gconstpointer data)
{
  static const char header[] = "{\"alg\":\"ES256\",\"typ\":\"" TESSERA_STATUS_LIST_TYPE "\"}";
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (f->engine->engine.keys, TESSERA_ALGORITHM_ES256);
  g_autoptr (GString) token = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;

  tessera_base64url_append (token, (const guint8 *) header, strlen (header));
  g_string_append_c (token, '.');
  tessera_base64url_append (token, (const guint8 *) GOOD, strlen (GOOD));
  g_assert_true (tessera_key_sign (key, token->str, token->len, signature, &length, NULL));
  g_string_append_c (token, '.');
  tessera_base64url_append (token, signature, length);
  g_assert_null (tessera_status_list_token_read (token->str, token->len, "https://as.test/l/1",
                                                 1000, lookup_key, f, &error));
  g_assert_error (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_TOKEN);
}

static void
test_a_short_list_refuses (Fixture *f, gconstpointer data)
{
  g_autoptr (TesseraKey) key
      = tessera_key_ring_dup_active (f->engine->engine.keys, TESSERA_ALGORITHM_ES256);
  g_autofree char *token = tessera_jwt_sign_text (key, TESSERA_STATUS_LIST_TYPE, GOOD, NULL);
  g_autoptr (TesseraStatusListToken) list
      = tessera_status_list_token_read (token, strlen (token), "https://as.test/l/1", 1000,
                                        lookup_key, f, NULL);
  static const guint64 beyond[] = { 16, 17, G_MAXUINT32, G_MAXUINT64 };

  g_assert_nonnull (list);
  g_assert_cmpint (tessera_status_list_token_get_stale (list), ==, 1010);
  g_assert_true (tessera_status_list_token_check (list, 1, 1000, NULL));
  g_assert_false (tessera_status_list_token_check (list, 0, 1000, NULL));
  g_assert_true (tessera_status_list_token_check (list, 14, 1000, NULL));
  g_assert_false (tessera_status_list_token_check (list, 1, 1100, NULL)); /* it has expired */
  for (guint i = 0; i < G_N_ELEMENTS (beyond); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (tessera_status_list_token_check (list, beyond[i], 1000, &error));
      g_assert_true (strstr (error->message, "too short") != NULL);
    }
  for (gsize length = 0; length < strlen (token); length++)
    g_assert_null (tessera_status_list_token_read (token, length, "https://as.test/l/1", 1000,
                                                   lookup_key, f, NULL));
}

#define ADD(path, function, data) g_test_add (path, Fixture, data, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/status-list/reproduces-the-vectors-of-the-draft", test_reproduces_the_vectors);
  g_test_add_func ("/status-list/refuses-malformed-lists", test_refuses_malformed_lists);
  g_test_add_func ("/status-list/stops-a-bomb", test_stops_a_bomb);
  ADD ("/status-list/gives-each-token-a-place", test_gives_each_a_place, NULL);
  ADD ("/status-list/gives-each-thread-other-places", test_gives_each_thread_other_places, NULL);
  for (guint i = 0; i < 7; i++)
    {
      static const char *const names[]
          = { "grant", "session", "subject", "client", "key", "all", "namesake" };
      g_autofree char *path = g_strconcat ("/status-list/sets-the-bits/", names[i], NULL);
      ADD (path, test_every_rule_sets_its_bits, GUINT_TO_POINTER (i));
    }
  ADD ("/status-list/sets-the-bits/token", test_a_token_sets_its_own_bit, NULL);
  ADD ("/status-list/sets-the-bits/coalesced", test_coalescing_sets_all_of_the_grant, NULL);
  ADD ("/status-list/dies-with-its-tokens", test_a_list_dies_with_its_tokens, NULL);
  ADD ("/status-list/there-are-few", test_there_are_few_lists, NULL);
  ADD ("/status-list/what-lives-long-is-in-few", test_what_lives_long_is_in_few_lists, NULL);
  ADD ("/status-list/a-full-one-is-followed-by-another", test_a_full_list_is_followed_by_another,
       NULL);
  ADD ("/status-list/people-cost-little-memory", test_people_cost_little_memory, NULL);
  ADD ("/status-list/one-cannot-take-the-places-of-all", test_one_cannot_take_the_places_of_all,
       NULL);
  ADD ("/status-list/a-stop-loses-nothing", test_a_stop_loses_nothing, NULL);
  ADD ("/status-list/a-kill-revokes-what-is-not-known", test_a_kill_revokes_what_is_not_known,
       NULL);
  ADD ("/status-list/of-another-state-is-forgotten", test_a_list_of_another_state_is_forgotten,
       NULL);
  ADD ("/status-list/damage-revokes", test_damage_revokes, NULL);
  ADD ("/status-list/a-full-disk-is-survived", test_a_full_disk_is_survived, NULL);
  ADD ("/status-list/a-torn-piece-is-written-over", test_a_torn_piece_is_written_over, NULL);
  ADD ("/status-list/a-piece-is-written-whole-or-again", test_a_piece_is_written_whole_or_again,
       NULL);
  ADD ("/status-list/a-piece-without-a-record-revokes", test_a_piece_without_a_record_revokes,
       NULL);
  ADD ("/status-list/what-was-over-at-the-start-is-forgotten",
       test_what_was_over_at_the_start_is_forgotten, NULL);
  ADD ("/status-list/one-that-cannot-be-signed-is-an-error",
       test_a_list_that_cannot_be_signed_is_an_error, NULL);
  ADD ("/status-list/without-a-place-there-is-no-token", test_without_a_place_there_is_no_token,
       NULL);
  ADD ("/status-list/without-a-signature-there-is-no-token",
       test_without_a_signature_there_is_no_token, NULL);
  ADD ("/status-list/a-revoked-token-is-seen", test_a_revoked_token_is_seen_in_its_list, NULL);
  ADD ("/status-list/is-signed-when-it-changes", test_a_list_is_signed_when_it_changes, NULL);
  ADD ("/status-list/a-revoked-key-signs-none", test_a_revoked_key_signs_no_list, NULL);
  ADD ("/status-list/nobody-is-left-waiting", test_nobody_is_left_waiting, NULL);
  ADD ("/status-list/nobody-is-left-waiting/for-what-is-signed", test_nobody_is_left_waiting, "");
  ADD ("/status-list/who-comes-too-late-is-told", test_who_comes_too_late_is_told, NULL);
  ADD ("/status-list/a-token-writes-nothing", test_a_token_writes_nothing, NULL);
  ADD ("/status-list/off-costs-nothing", test_off_costs_nothing, NULL);
  ADD ("/status-list/believes-nothing-else", test_believes_nothing_else, NULL);
  ADD ("/status-list/a-list-names-its-key", test_a_list_names_its_key, NULL);
  ADD ("/status-list/a-short-list-refuses", test_a_short_list_refuses, NULL);
  return g_test_run ();
}
