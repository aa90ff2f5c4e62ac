/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys of clients that lie elsewhere, while something else happens: what is fetched is what the
 * test says, when it says so. */

#include "endpoints/tessera-client-keys-private.h"

#include "base/tessera-json-private.h"

#include <string.h>

typedef struct
{
  TesseraEngine engine;
  TesseraFetched fetched; /* of the latest, as the next */
  gpointer fetched_data;
  guint n_fetches;
  guint n_found;
  guint n_keys; /* of the latest who was told; 0: none */
  gboolean is_ps256;
} Fixture;

static void
fetch (gpointer data,
       const char *uri,
       const char *const *media_types,
       TesseraFetched fetched,
       gpointer fetched_data)
{
  Fixture *f = data;

  f->n_fetches++;
  f->fetched = fetched;
  f->fetched_data = fetched_data;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->engine.clock = tessera_clock_new ();
  f->engine.client_keys = tessera_client_keys_new ();
  f->engine.hooks.fetch = fetch;
  f->engine.hooks_data = f;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->engine.client_keys, tessera_client_keys_close);
  tessera_clock_unref (f->engine.clock);
}

/* One RSA key that does not say what it is for. */
static GBytes *
make_document (void)
{
  g_autoptr (TesseraKey) key = tessera_key_generate (TESSERA_ALGORITHM_RS256, NULL);
  json_t *jwk = tessera_key_to_jwk (key);

  json_object_del (jwk, "alg");
  g_autoptr (json_t) set = json_pack ("{s:[o]}", "keys", jwk);
  char *text = tessera_json_dump (set);
  return g_bytes_new_take (text, strlen (text));
}

static TesseraClient *
make_client (const char *id, const char *algorithm)
{
  return g_object_new (TESSERA_TYPE_CLIENT, "id", id, "token-endpoint-auth-method",
                       "private_key_jwt", "jwks-uri", "https://rp.test/keys",
                       "token-endpoint-auth-signing-alg", algorithm, NULL);
}

static void
on_found (gpointer data, TesseraKeySet *keys)
{
  Fixture *f = data;

  f->n_found++;
  f->n_keys = keys != NULL ? tessera_key_set_get_count (keys) : 0;
  f->is_ps256 = keys != NULL && tessera_key_set_has_algorithm (keys, TESSERA_ALGORITHM_PS256);
}

static void
on_found_close (gpointer data, TesseraKeySet *keys)
{
  Fixture *f = data;

  on_found (f, keys);
  g_assert_cmpuint (f->n_keys, ==, 1);
  g_clear_pointer (&f->engine.client_keys, tessera_client_keys_close);
  /* The one behind was told, of none. */
  g_assert_cmpuint (f->n_found, ==, 2);
  g_assert_cmpuint (f->n_keys, ==, 0);
}

static void
find (Fixture *f, const char *algorithm, const char *kid, TesseraClientKeysFound found)
{
  g_autoptr (TesseraClient) client = make_client ("c", algorithm);

  tessera_client_keys_find (&f->engine, client, TESSERA_CLIENT_KEYS_OF_ASSERTIONS, kid, found, f);
}

static void
find_of (Fixture *f, guint number)
{
  g_autofree char *id = g_strdup_printf ("c%u", number);
  g_autoptr (TesseraClient) client = make_client (id, "RS256");

  tessera_client_keys_find (&f->engine, client, TESSERA_CLIENT_KEYS_OF_ASSERTIONS, NULL, on_found,
                            f);
}

static void
on_found_ask (gpointer data, TesseraKeySet *keys)
{
  Fixture *f = data;

  on_found (f, keys);
  find (f, "RS256", "another", on_found);
}

static void
test_close_while_told (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  find (f, "RS256", NULL, on_found_close);
  find (f, "RS256", NULL, on_found);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 2);
}

static void
test_close_while_read (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  find (f, "RS256", NULL, on_found);
  g_clear_pointer (&f->engine.client_keys, tessera_client_keys_close);
  g_assert_cmpuint (f->n_found, ==, 1);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 1);
}

static void
test_ask_while_told (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  find (f, "RS256", NULL, on_found_ask);
  find (f, "RS256", NULL, on_found);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 3);
  g_assert_cmpuint (f->n_fetches, ==, 1);
}

static void
test_algorithm_changes (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  find (f, "RS256", NULL, on_found);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_keys, ==, 1);
  g_assert_false (f->is_ps256);
  find (f, "PS256", NULL, on_found);
  g_assert_cmpuint (f->n_fetches, ==, 2);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_true (f->is_ps256);
}

/* What was read at the old one is nobody's any more. */
static void
test_place_changes (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();
  g_autoptr (TesseraClient) moved
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c", "token-endpoint-auth-method",
                      "private_key_jwt", "jwks-uri", "https://rp.test/other",
                      "token-endpoint-auth-signing-alg", "RS256", NULL);

  find (f, "RS256", NULL, on_found);
  f->fetched (f->fetched_data, document, TRUE);
  tessera_client_keys_find (&f->engine, moved, TESSERA_CLIENT_KEYS_OF_ASSERTIONS, NULL, on_found,
                            f);
  g_assert_cmpuint (f->n_fetches, ==, 2);
  f->fetched (f->fetched_data, NULL, TRUE);
  g_assert_cmpuint (f->n_found, ==, 2);
  g_assert_cmpuint (f->n_keys, ==, 0);
}

static void
test_algorithm_changes_while_read (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  find (f, "RS256", NULL, on_found);
  TesseraFetched fetched = f->fetched;
  gpointer fetched_data = f->fetched_data;
  find (f, "PS256", NULL, on_found);
  g_assert_cmpuint (f->n_fetches, ==, 2);
  g_assert_cmpuint (f->n_found, ==, 0);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 1);
  g_assert_true (f->is_ps256);
  fetched (fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 2);
  g_assert_false (f->is_ps256);
  find (f, "PS256", NULL, on_found);
  g_assert_true (f->is_ps256);
  g_assert_cmpuint (f->n_fetches, ==, 2);
}

static void
test_nobody_was_asked (Fixture *f, gconstpointer data)
{
  find (f, "RS256", NULL, on_found);
  f->fetched (f->fetched_data, NULL, FALSE);
  g_assert_cmpuint (f->n_found, ==, 1);
  find (f, "RS256", NULL, on_found);
  g_assert_cmpuint (f->n_fetches, ==, 2);
  f->fetched (f->fetched_data, NULL, TRUE);
  find (f, "RS256", NULL, on_found);
  g_assert_cmpuint (f->n_fetches, ==, 2);
  g_assert_cmpuint (f->n_found, ==, 3);
}

#define ENTRIES_MAX 256
#define WAITING_MAX 64

/* A minute lies between two readings; each client is asked for a millisecond after the last. */
static void
test_oldest_makes_room (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  for (guint i = 0; i < ENTRIES_MAX; i++)
    {
      tessera_clock_advance (f->engine.clock, tessera_clock_get_ms (f->engine.clock) + 1);
      find_of (f, i);
      f->fetched (f->fetched_data, document, TRUE);
    }
  tessera_clock_advance (f->engine.clock, tessera_clock_get_ms (f->engine.clock) + 1);
  find_of (f, 0); /* so that the second is the oldest */
  g_assert_cmpuint (f->n_fetches, ==, ENTRIES_MAX);
  find_of (f, ENTRIES_MAX);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_fetches, ==, ENTRIES_MAX + 1);
  find_of (f, 0);
  find_of (f, 2);
  g_assert_cmpuint (f->n_fetches, ==, ENTRIES_MAX + 1);
  find_of (f, 1);
  g_assert_cmpuint (f->n_fetches, ==, ENTRIES_MAX + 2);
  f->fetched (f->fetched_data, document, TRUE);
}

typedef struct
{
  TesseraFetched fetched;
  gpointer data;
} Reading;

static void
test_all_are_being_read (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();
  Reading readings[ENTRIES_MAX];

  for (guint i = 0; i < ENTRIES_MAX; i++)
    {
      find_of (f, i);
      readings[i] = (Reading){ f->fetched, f->fetched_data };
    }
  g_assert_cmpuint (f->n_found, ==, 0);
  find_of (f, ENTRIES_MAX);
  g_assert_cmpuint (f->n_fetches, ==, ENTRIES_MAX);
  g_assert_cmpuint (f->n_found, ==, 1);
  g_assert_cmpuint (f->n_keys, ==, 0);
  for (guint i = 0; i < ENTRIES_MAX; i++)
    readings[i].fetched (readings[i].data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 1 + ENTRIES_MAX);
}

static void
test_many_wait (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();

  for (guint i = 0; i < WAITING_MAX; i++)
    find (f, "RS256", NULL, on_found);
  g_assert_cmpuint (f->n_found, ==, 0);
  find (f, "RS256", NULL, on_found);
  g_assert_cmpuint (f->n_found, ==, 1);
  g_assert_cmpuint (f->n_keys, ==, 0);
  f->fetched (f->fetched_data, document, TRUE);
  g_assert_cmpuint (f->n_found, ==, 1 + WAITING_MAX);
  g_assert_cmpuint (f->n_fetches, ==, 1);
}

#define HOUR_MS (60 * 60 * 1000)

/* For a day; each try leaves what was read as it was. */
static void
test_old_ones_are_kept (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) document = make_document ();
  g_autoptr (GBytes) nonsense = g_bytes_new_static ("{}", 2);

  find (f, "RS256", NULL, on_found);
  f->fetched (f->fetched_data, document, TRUE);
  for (guint hour = 1; hour <= 24; hour++)
    {
      tessera_clock_advance (f->engine.clock, tessera_clock_get_ms (f->engine.clock) + HOUR_MS);
      find (f, "RS256", NULL, on_found);
      f->fetched (f->fetched_data, hour % 2 == 0 ? NULL : nonsense, TRUE);
      g_assert_cmpuint (f->n_found, ==, hour + 1);
      g_assert_cmpuint (f->n_keys, ==, hour < 24 ? 1 : 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/client-keys/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("whoever-is-told-may-close", test_close_while_told);
  ADD ("close-answers-who-waits", test_close_while_read);
  ADD ("whoever-is-told-may-ask-again", test_ask_while_told);
  ADD ("are-read-again-for-another-algorithm", test_algorithm_changes);
  ADD ("are-read-again-at-another-place", test_place_changes);
  ADD ("are-read-for-another-algorithm-meanwhile", test_algorithm_changes_while_read);
  ADD ("are-asked-for-again-when-nobody-was-asked", test_nobody_was_asked);
  ADD ("who-was-not-asked-for-for-the-longest-makes-room", test_oldest_makes_room);
  ADD ("are-not-read-while-too-many-are", test_all_are_being_read);
  ADD ("a-limit-waits-for-one-document", test_many_wait);
  ADD ("are-kept-for-a-day-while-they-cannot-be-read", test_old_ones_are_kept);
  return g_test_run ();
}
