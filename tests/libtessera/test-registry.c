/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registries of clients and of users. */

#include "log-capture.h"

#include "base/tessera-error.h"
#include "base/tessera-json-private.h"
#include "base/tessera-password-private.h"
#include "model/tessera-client-private.h"
#include "store/tessera-client-registry-private.h"
#include "store/tessera-user-registry-private.h"

#include <string.h>

#define HASH "$y$j75$saltsaltsalt$jyf/lxrpdyAIshWRo1x5DRC6KIE7sNRRtjcomR3PgHA"

static TesseraClient *
add (TesseraClientRegistry *registry, const char *id, gboolean declared)
{
  g_autoptr (TesseraClient) client = tessera_client_new (id, NULL);
  g_autoptr (GError) error = NULL;
  tessera_client_registry_add (registry, client, declared, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&client);
}

static gboolean
has (TesseraClientRegistry *registry, const char *id)
{
  g_autoptr (TesseraClient) client = tessera_client_registry_lookup (registry, id);
  g_assert_true (client == NULL || strcmp (tessera_client_get_id (client), id) == 0);
  return client != NULL;
}

static void
test_an_id_is_taken_once (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) declared = add (registry, "a", TRUE);
  g_autoptr (TesseraClient) registered = add (registry, "b", FALSE);
  g_autoptr (GError) error = NULL;

  g_assert_false (tessera_client_registry_add (registry, declared, FALSE, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_assert_false (tessera_client_registry_add (registry, registered, TRUE, NULL));
  g_assert_true (tessera_client_registry_is_declared (registry, "a"));
  g_assert_false (tessera_client_registry_is_declared (registry, "b"));
  g_assert_false (tessera_client_registry_is_declared (registry, "c"));
}

static void
test_removing (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) client = add (registry, "a", FALSE);

  g_assert_true (has (registry, "a"));
  g_assert_true (tessera_client_registry_remove (registry, "a"));
  g_assert_false (tessera_client_registry_remove (registry, "a"));
  g_assert_false (has (registry, "a"));
}

static void
test_list_is_sorted (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) b = add (registry, "b", FALSE);
  g_autoptr (TesseraClient) c = add (registry, "c", TRUE);
  g_autoptr (TesseraClient) a = add (registry, "a", TRUE);
  g_autoptr (GPtrArray) list = tessera_client_registry_list (registry, TESSERA_CLIENTS_ALL);

  g_assert_cmpuint (list->len, ==, 3);
  g_assert_true (list->pdata[0] == a);
  g_assert_true (list->pdata[1] == b);
  g_assert_true (list->pdata[2] == c);
}

static void
test_replacing_the_declared_ones (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) old = add (registry, "old", TRUE);
  g_autoptr (TesseraClient) kept = add (registry, "kept", FALSE);
  g_autoptr (GPtrArray) clients = g_ptr_array_new_with_free_func (g_object_unref);

  g_ptr_array_add (clients, tessera_client_new ("new", NULL));
  g_assert_true (tessera_client_registry_replace_declared (registry, clients, NULL));
  g_assert_false (has (registry, "old"));
  g_assert_true (has (registry, "new"));
  g_assert_true (has (registry, "kept"));
  g_assert_true (tessera_client_registry_is_declared (registry, "new"));
}

static void
test_replacing_is_all_or_nothing (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) old = add (registry, "old", TRUE);
  g_autoptr (TesseraClient) kept = add (registry, "kept", FALSE);
  g_autoptr (GPtrArray) clients = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (clients, tessera_client_new ("new", NULL));
  g_ptr_array_add (clients, tessera_client_new ("kept", NULL));
  g_assert_false (tessera_client_registry_replace_declared (registry, clients, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_assert_true (has (registry, "old"));
  g_assert_false (has (registry, "new"));
  g_assert_false (tessera_client_registry_is_declared (registry, "kept"));
}

static void
test_no_two_are_declared_with_one_id (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) old = add (registry, "old", TRUE);
  g_autoptr (GPtrArray) clients = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (clients, tessera_client_new ("new", NULL));
  g_ptr_array_add (clients, tessera_client_new ("new", NULL));
  g_assert_false (tessera_client_registry_replace_declared (registry, clients, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_assert_true (has (registry, "old"));
  g_assert_false (has (registry, "new"));
}

static TesseraClient *
new_with_uri (const char *id, const char *uri, const char *secret)
{
  const char *const uris[] = { uri, NULL };
  return g_object_new (TESSERA_TYPE_CLIENT, "id", id, "redirect-uris", uris, "secret", secret,
                       NULL);
}

static void
test_origins_of_public_clients (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) one = new_with_uri ("1", "https://app.test/cb", NULL);
  g_autoptr (TesseraClient) two = new_with_uri ("2", "https://app.test/other", NULL);
  g_autoptr (TesseraClient) secret = new_with_uri ("3", "https://web.test/cb", "0123456789abcdef");
  g_autoptr (TesseraClient) native = new_with_uri ("4", "com.example.app:/cb", NULL);

  g_assert_true (tessera_client_registry_add (registry, one, TRUE, NULL));
  g_assert_true (tessera_client_registry_add (registry, two, FALSE, NULL));
  g_assert_true (tessera_client_registry_add (registry, secret, TRUE, NULL));
  g_assert_true (tessera_client_registry_add (registry, native, TRUE, NULL));
  g_assert_true (tessera_client_registry_allows_origin (registry, "https://app.test"));
  g_assert_false (tessera_client_registry_allows_origin (registry, "https://app.test:8443"));
  g_assert_false (tessera_client_registry_allows_origin (registry, "https://web.test"));
  g_assert_false (tessera_client_registry_allows_origin (registry, "null"));
  /* As long as one of them is left. */
  tessera_client_registry_remove (registry, "1");
  g_assert_true (tessera_client_registry_allows_origin (registry, "https://app.test"));
  tessera_client_registry_remove (registry, "2");
  g_assert_false (tessera_client_registry_allows_origin (registry, "https://app.test"));
}

static void
test_allowed_origins (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  const char *const origins[] = { "https://spa.test", NULL };
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c", "secret", "0123456789abcdef",
                      "allowed-origins", origins, NULL);
  g_autoptr (GPtrArray) none = g_ptr_array_new ();

  g_assert_true (tessera_client_registry_add (registry, client, TRUE, NULL));
  g_assert_true (tessera_client_registry_allows_origin (registry, "https://spa.test"));
  g_assert_true (tessera_client_registry_replace_declared (registry, none, NULL));
  g_assert_false (tessera_client_registry_allows_origin (registry, "https://spa.test"));
}

static void
test_a_disabled_one_is_not_there (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c", "disabled", TRUE, NULL);

  g_assert_true (tessera_client_registry_add (registry, client, FALSE, NULL));
  g_assert_false (has (registry, "c"));
  g_assert_true (tessera_client_registry_is_taken (registry, "c"));
  g_autoptr (TesseraClient) kept = tessera_client_registry_lookup_any (registry, "c");
  g_assert_true (kept == client);
}

/* Registered ones, as the store has them. */

static char *
dup_record (TesseraClient *client)
{
  g_autoptr (json_t) json = tessera_client_to_json (client);
  return tessera_json_dump (json);
}

static void
add_record (TesseraClientRegistry *registry, TesseraClient *taken_client)
{
  g_autoptr (TesseraClient) client = taken_client;
  g_autofree char *record = dup_record (client);

  g_assert_true (
      tessera_client_registry_add_record (registry, tessera_client_get_id (client), record, NULL));
}

/* As one of an older version says nothing of what is newer. */
static void
test_what_a_record_does_not_say_is_as_usual (void)
{
  static const char record[] = "{\"client_id\":\"old\",\"redirect_uris\":[\"https://old.test/\"]}";
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraClient) client = tessera_client_new_from_json (record, strlen (record), &error);
  gboolean requires_pkce = FALSE;

  g_assert_no_error (error);
  g_object_get (client, "require-pkce", &requires_pkce, NULL);
  g_assert_true (requires_pkce);
}

static void
test_records_become_clients (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) declared = add (registry, "declared", TRUE);
  g_autoptr (GError) error = NULL;

  add_record (registry, new_with_uri ("web", "https://web.test/cb", "0123456789abcdef"));
  add_record (registry, new_with_uri ("app", "https://app.test/cb", NULL));
  g_assert_cmpuint (tessera_client_registry_get_count (registry), ==, 3);
  g_assert_false (tessera_client_registry_is_declared (registry, "web"));
  g_autoptr (TesseraClient) web = tessera_client_registry_lookup (registry, "web");
  g_autoptr (TesseraClient) again = tessera_client_registry_lookup (registry, "web");
  g_assert_true (web == again);
  g_assert_cmpstr (tessera_client_get_redirect_uris (web)[0], ==, "https://web.test/cb");
  g_assert_false (tessera_client_registry_add_record (registry, "declared",
                                                      "{\"client_id\":\"declared\"}", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);

  /* What is asked of all of them needs no object. */
  g_assert_true (tessera_client_registry_allows_origin (registry, "https://app.test"));
  g_assert_false (tessera_client_registry_allows_origin (registry, "https://web.test"));
  g_autoptr (GPtrArray) kept = tessera_client_registry_list (registry, TESSERA_CLIENTS_REGISTERED);
  g_assert_cmpuint (kept->len, ==, 2);
  g_assert_cmpstr (tessera_client_get_id (kept->pdata[0]), ==, "app");
  g_autoptr (GPtrArray) page = tessera_client_registry_list_page (registry, "app", 1);
  g_assert_cmpuint (page->len, ==, 1);
  g_assert_true (page->pdata[0] == declared);
  g_assert_true (tessera_client_registry_remove (registry, "app"));
  g_assert_false (tessera_client_registry_allows_origin (registry, "https://app.test"));
}

static void
test_what_is_asked_of_all (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  const char *const origins[] = { "https://spa.test", NULL };

  add_record (registry, g_object_new (TESSERA_TYPE_CLIENT, "id", "long", "access-token-lifetime",
                                      900, "allowed-origins", origins, NULL));
  add_record (registry, g_object_new (TESSERA_TYPE_CLIENT, "id", "self", "dynamic", TRUE,
                                      "registered-at", (gint64) 1000, NULL));
  add_record (registry,
              g_object_new (TESSERA_TYPE_CLIENT, "id", "used", "dynamic", TRUE, "registered-at",
                            (gint64) 1000, "used-at", (gint64) 3000, NULL));
  add_record (registry, g_object_new (TESSERA_TYPE_CLIENT, "id", "longest", "access-token-lifetime",
                                      1200, NULL));
  g_assert_cmpint (tessera_client_registry_get_longest_lifetime (registry), ==, 1200);
  tessera_client_registry_remove (registry, "longest");
  g_assert_cmpint (tessera_client_registry_get_longest_lifetime (registry), ==, 900);
  g_assert_true (tessera_client_registry_allows_origin (registry, "https://spa.test"));
  g_assert_cmpuint (tessera_client_registry_count_dynamic (registry), ==, 2);
  g_auto (GStrv) none = tessera_client_registry_list_unused (registry, 1000, 10);
  g_assert_cmpuint (g_strv_length (none), ==, 0);
  g_auto (GStrv) unused = tessera_client_registry_list_unused (registry, 1001, 10);
  g_assert_cmpuint (g_strv_length (unused), ==, 1);
  g_assert_cmpstr (unused[0], ==, "self");
  g_auto (GStrv) first = tessera_client_registry_list_unused (registry, 4000, 1);
  g_assert_cmpuint (g_strv_length (first), ==, 1);
  tessera_client_registry_remove (registry, "self");
  tessera_client_registry_remove (registry, "long");
  g_assert_cmpuint (tessera_client_registry_count_dynamic (registry), ==, 1);
  g_assert_cmpint (tessera_client_registry_get_longest_lifetime (registry), ==, 0);
}

/* Its id stays taken, and what was issued to it is refused. */
static void
test_an_unusable_record_is_no_client (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();

  g_assert_true (tessera_client_registry_add_record (registry, "bad", "{}", NULL));
  log_capture_begin ();
  g_assert_true (tessera_client_registry_is_taken (registry, "bad"));
  g_assert_false (has (registry, "bad"));
  g_assert_false (has (registry, "bad"));
  log_capture_assert_one (G_LOG_LEVEL_WARNING, "*bad cannot be used*");
  g_autoptr (TesseraClient) other = tessera_client_new ("bad", NULL);
  g_assert_false (tessera_client_registry_add (registry, other, FALSE, NULL));
}

static gint asking;
static gint answered;

static gpointer
look_up (gpointer registry)
{
  g_atomic_int_inc (&asking);
  TesseraClient *client = tessera_client_registry_lookup (registry, "late");
  g_atomic_int_inc (&answered);
  return client;
}

static gpointer
count_all (gpointer registry)
{
  g_atomic_int_inc (&asking);
  guint count = tessera_client_registry_get_count (registry);
  g_atomic_int_inc (&answered);
  return GUINT_TO_POINTER (count);
}

static void
assert_waiting (gint threads)
{
  while (g_atomic_int_get (&asking) < threads)
    g_thread_yield ();
  for (guint i = 0; i < 2000; i++) /* time enough for who would not wait */
    g_thread_yield ();
  g_assert_cmpint (g_atomic_int_get (&answered), ==, 0);
}

/* Whoever names one that is to come waits for it, and no longer. */
static void
test_loading (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  g_autoptr (TesseraClient) declared = add (registry, "declared", TRUE);

  tessera_client_registry_begin_loading (registry);
  GThread *looking = g_thread_new ("looking", look_up, registry);
  GThread *counting = g_thread_new ("counting", count_all, registry);
  g_assert_true (has (registry, "declared"));
  g_assert_false (tessera_client_registry_is_declared (registry, "late"));
  assert_waiting (2);
  add_record (registry, tessera_client_new ("early", NULL));
  tessera_client_registry_end_piece (registry, FALSE);
  g_assert_true (tessera_client_registry_is_loading (registry));
  add_record (registry, tessera_client_new ("late", NULL));
  tessera_client_registry_end_piece (registry, FALSE);
  g_autoptr (TesseraClient) late = g_thread_join (looking);
  g_assert_cmpstr (tessera_client_get_id (late), ==, "late");
  add_record (registry, tessera_client_new ("last", NULL));
  tessera_client_registry_end_piece (registry, TRUE);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (counting)), ==, 4);
  g_assert_false (has (registry, "unknown"));
}

#define MEETINGS 3000

/* Two that ask for the same clients, each for one at the same time as the other. */
typedef struct
{
  TesseraClientRegistry *registry;
  gint *arrived;
  TesseraClient *clients[MEETINGS];
} Asker;

static gpointer
meet (gpointer data)
{
  Asker *self = data;

  for (gint i = 0; i < MEETINGS; i++)
    {
      g_autofree char *id = g_strdup_printf ("client-%d", i);
      g_atomic_int_inc (self->arrived);
      while (g_atomic_int_get (self->arrived) < 2 * (i + 1))
        g_thread_yield ();
      self->clients[i] = tessera_client_registry_lookup (self->registry, id);
    }
  return NULL;
}

static void
test_all_threads_have_the_same_client (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();
  gint arrived = 0;
  g_autofree Asker *askers = g_new0 (Asker, 2);
  GThread *threads[2];

  for (guint i = 0; i < MEETINGS; i++)
    {
      g_autofree char *id = g_strdup_printf ("client-%u", i);
      add_record (registry, tessera_client_new (id, NULL));
    }
  for (guint i = 0; i < 2; i++)
    {
      askers[i].registry = registry;
      askers[i].arrived = &arrived;
      threads[i] = g_thread_new ("asker", meet, &askers[i]);
    }
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < MEETINGS; i++)
    {
      g_assert_nonnull (askers[0].clients[i]);
      g_assert_true (askers[0].clients[i] == askers[1].clients[i]);
      g_object_unref (askers[0].clients[i]);
      g_object_unref (askers[1].clients[i]);
    }
}

/* Who waits for one that cannot be read is not told that there is none. */
static void
test_loading_that_fails (void)
{
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();

  tessera_client_registry_begin_loading (registry);
  const gint *failed = tessera_client_registry_hold_failed (registry);
  GThread *looking = g_thread_new ("looking", look_up, registry);
  g_assert_false (tessera_client_registry_has_failed (registry));
  tessera_client_registry_fail (registry);
  g_assert_null (g_thread_join (looking));
  g_assert_true (tessera_client_registry_has_failed (registry));
  g_assert_false (tessera_client_registry_is_loading (registry));
  g_clear_pointer (&registry, tessera_client_registry_free);
  g_assert_true (g_atomic_int_get (failed));
  g_atomic_rc_box_release ((gpointer) failed);
}

static void
test_users_are_read (void)
{
  g_autoptr (TesseraUserRegistry) users = tessera_user_registry_new ();
  g_autoptr (GError) error = NULL;

  tessera_user_registry_replace_declared (users,
                                          "# people\n"
                                          "alice:" HASH "\n"
                                          "\n"
                                          "j\xc3\xbcrgen:" HASH "\r\n"
                                          "bob@example.org:" HASH,
                                          "people", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (tessera_user_registry_get_count (users), ==, 3);
  g_assert_cmpstr (tessera_user_get_hash (tessera_user_registry_lookup (users, "alice")), ==, HASH);
  g_assert_nonnull (tessera_user_registry_lookup (users, "j\xc3\xbcrgen"));
  g_assert_null (tessera_user_registry_lookup (users, "Alice"));
}

static void
test_users_are_all_or_nothing (void)
{
  static const struct
  {
    const char *text;
    const char *line;
    int code;
  } bad[] = {
    { "carol:" HASH "\nno colon\n", "Line 2", TESSERA_SETUP_ERROR_USER },
    { "carol:" HASH "\n\n:" HASH "\n", "Line 3", TESSERA_SETUP_ERROR_USER },
    { "carol:" HASH "\ncarol:" HASH "\n", "Line 2", TESSERA_SETUP_ERROR_EXISTS },
    { "carol:plaintext\n", "Line 1", TESSERA_SETUP_ERROR_USER },
    { "carol:$1$abcdefgh$irWbblnpmw.5z7wgBnprh0\n", "Line 1", TESSERA_SETUP_ERROR_USER }, /* MD5 */
    { "car\tol:" HASH "\n", "Line 1", TESSERA_SETUP_ERROR_USER },
    { "\xff:" HASH "\n", "Line 1", TESSERA_SETUP_ERROR_USER },
  };
  g_autoptr (TesseraUserRegistry) users = tessera_user_registry_new ();

  g_assert_true (
      tessera_user_registry_replace_declared (users, "alice:" HASH "\n", "people", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (
          tessera_user_registry_replace_declared (users, bad[i].text, "people", &error));
      g_assert_error (error, TESSERA_SETUP_ERROR, bad[i].code);
      g_assert_true (g_str_has_prefix (error->message, bad[i].line));
      g_assert_null (strstr (error->message, "plaintext"));
      g_assert_cmpuint (tessera_user_registry_get_count (users), ==, 1);
      g_assert_nonnull (tessera_user_registry_lookup (users, "alice"));
    }
}

static void
test_user_fingerprints (void)
{
  g_autoptr (TesseraUserRegistry) users = tessera_user_registry_new ();

  g_assert_true (
      tessera_user_registry_replace_declared (users, "alice:" HASH "\n", "people", NULL));
  g_autoptr (GHashTable) first = tessera_user_registry_dup_fingerprints (users);
  g_assert_cmpuint (g_hash_table_size (first), ==, 1);
  g_assert_nonnull (g_hash_table_lookup (first, "alice"));
  g_assert_cmpstr (g_hash_table_lookup (first, "alice"), !=, HASH);
}

static void
test_users_of_the_store_stay (void)
{
  g_autoptr (TesseraUserRegistry) users = tessera_user_registry_new ();
  g_autoptr (TesseraUser) bob = tessera_user_new ("bob", HASH, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (tessera_user_registry_add (users, bob, NULL));
  g_assert_false (tessera_user_registry_add (users, bob, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_clear_error (&error);

  g_assert_false (
      tessera_user_registry_replace_declared (users, "bob:" HASH "\n", "people", &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_EXISTS);
  g_assert_true (
      tessera_user_registry_replace_declared (users, "alice:" HASH "\n", "people", NULL));
  g_assert_true (tessera_user_registry_replace_declared (users, "", "people", NULL));
  g_assert_null (tessera_user_registry_lookup (users, "alice"));
  g_assert_nonnull (tessera_user_registry_lookup (users, "bob"));

  /* Only what a file declares is held against what it declared before. */
  g_autoptr (GHashTable) fingerprints = tessera_user_registry_dup_fingerprints (users);
  g_assert_cmpuint (g_hash_table_size (fingerprints), ==, 0);
}

static void
test_users_come_in_pages (void)
{
  g_autoptr (TesseraUserRegistry) users = tessera_user_registry_new ();
  static const char *const names[] = { "carol", "alice", "bob" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (TesseraUser) user = tessera_user_new (names[i], HASH, NULL, NULL);
      g_assert_true (tessera_user_registry_add (users, user, NULL));
    }
  g_autoptr (GPtrArray) first = tessera_user_registry_list (users, "", 2);
  g_assert_cmpuint (first->len, ==, 2);
  g_assert_cmpstr (tessera_user_get_username (first->pdata[0]), ==, "alice");
  g_assert_cmpstr (tessera_user_get_username (first->pdata[1]), ==, "bob");
  g_autoptr (GPtrArray) second = tessera_user_registry_list (users, "bob", 2);
  g_assert_cmpuint (second->len, ==, 1);
  g_assert_cmpstr (tessera_user_get_username (second->pdata[0]), ==, "carol");
  g_autoptr (GPtrArray) third = tessera_user_registry_list (users, "carol", 2);
  g_assert_cmpuint (third->len, ==, 0);
}

/* However the hash table has them, and however many pages there are. */
static void
test_pages_are_those_of_the_sorted_list (void)
{
  static const guint limits[] = { 0, 1, 2, 7, 63, 64, 65, 700, 701, 1400, 5000, G_MAXUINT };
  g_autoptr (TesseraClientRegistry) registry = tessera_client_registry_new ();

  for (guint i = 0; i < 1400; i++)
    {
      g_autofree char *id = g_strdup_printf ("c%u", i * 7919 % 1400);
      g_autoptr (TesseraClient) client = add (registry, id, i % 2 == 0);
    }
  g_autoptr (GPtrArray) all = tessera_client_registry_list (registry, TESSERA_CLIENTS_ALL);
  for (guint n = 0; n < G_N_ELEMENTS (limits); n++)
    {
      const char *after = "";
      guint seen = 0;
      do
        {
          g_autoptr (GPtrArray) page
              = tessera_client_registry_list_page (registry, after, limits[n]);
          g_assert_cmpuint (page->len, ==, MIN (limits[n], all->len - seen));
          for (guint i = 0; i < page->len; i++)
            g_assert_true (page->pdata[i] == all->pdata[seen++]);
          if (page->len == 0)
            break;
          after = tessera_client_get_id (page->pdata[page->len - 1]);
        }
      while (TRUE);
      g_assert_cmpuint (seen, ==, limits[n] > 0 ? all->len : 0);
    }
}

int
main (int argc, char *argv[])
{
  log_capture_init ();
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/client-registry/an-id-is-taken-once", test_an_id_is_taken_once);
  g_test_add_func ("/client-registry/removing", test_removing);
  g_test_add_func ("/client-registry/list-is-sorted", test_list_is_sorted);
  g_test_add_func ("/client-registry/pages-are-those-of-the-sorted-list",
                   test_pages_are_those_of_the_sorted_list);
  g_test_add_func ("/client-registry/replacing-the-declared-ones",
                   test_replacing_the_declared_ones);
  g_test_add_func ("/client-registry/replacing-is-all-or-nothing",
                   test_replacing_is_all_or_nothing);
  g_test_add_func ("/client-registry/no-two-are-declared-with-one-id",
                   test_no_two_are_declared_with_one_id);
  g_test_add_func ("/client-registry/origins-of-public-clients", test_origins_of_public_clients);
  g_test_add_func ("/client-registry/allowed-origins", test_allowed_origins);
  g_test_add_func ("/client-registry/a-disabled-one-is-not-there",
                   test_a_disabled_one_is_not_there);
  g_test_add_func ("/client-registry/records-become-clients", test_records_become_clients);
  g_test_add_func ("/client-registry/what-a-record-does-not-say-is-as-usual",
                   test_what_a_record_does_not_say_is_as_usual);
  g_test_add_func ("/client-registry/what-is-asked-of-all", test_what_is_asked_of_all);
  g_test_add_func ("/client-registry/an-unusable-record-is-no-client",
                   test_an_unusable_record_is_no_client);
  g_test_add_func ("/client-registry/all-threads-have-the-same-client",
                   test_all_threads_have_the_same_client);
  g_test_add_func ("/client-registry/loading", test_loading);
  g_test_add_func ("/client-registry/loading-that-fails", test_loading_that_fails);
  g_test_add_func ("/user-registry/users-are-read", test_users_are_read);
  g_test_add_func ("/user-registry/users-are-all-or-nothing", test_users_are_all_or_nothing);
  g_test_add_func ("/user-registry/fingerprints", test_user_fingerprints);
  g_test_add_func ("/user-registry/users-of-the-store-stay", test_users_of_the_store_stay);
  g_test_add_func ("/user-registry/users-come-in-pages", test_users_come_in_pages);

  return g_test_run ();
}
