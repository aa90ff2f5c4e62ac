/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an issuer says of itself: where it lies, whose it must be, and which places are trusted. */

#include "resource/tessera-issuer-metadata-private.h"

#include <gio/gio.h>
#include <string.h>

static TesseraIssuerMetadata *
parse (const char *issuer, const char *text)
{
  g_autoptr (GError) error = NULL;
  TesseraIssuerMetadata *metadata
      = tessera_issuer_metadata_parse (issuer, text, strlen (text), &error);

  g_assert_true ((metadata == NULL) == (error != NULL));
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  return metadata;
}

/* RFC 8414 §3.1. */
static void
test_it_lies_before_the_path (void)
{
  static const char *const places[][2] = {
    { "https://id.test", "https://id.test/.well-known/oauth-authorization-server" },
    { "https://id.test:8443", "https://id.test:8443/.well-known/oauth-authorization-server" },
    { "https://id.test/a/b", "https://id.test/.well-known/oauth-authorization-server/a/b" },
    { "http://[::1]:1/t", "http://[::1]:1/.well-known/oauth-authorization-server/t" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *uri = tessera_issuer_metadata_dup_uri (places[i][0]);
      g_assert_cmpstr (uri, ==, places[i][1]);
    }
}

static void
test_the_places_are_read (void)
{
  g_autoptr (TesseraIssuerMetadata) all
      = parse ("https://id.test",
               "{\"issuer\":\"https://id.test\",\"jwks_uri\":\"https://keys.test/j\","
               "\"token_endpoint\":\"https://id.test/t\","
               "\"tessera_deny_list_endpoint\":\"https://id.test/d\","
               "\"tessera_deny_list_events_endpoint\":\"https://id.test/e\",\"more\":[1]}");
  g_autoptr (TesseraIssuerMetadata) little
      = parse ("https://id.test",
               "{\"issuer\":\"https://id.test\",\"jwks_uri\":\"https://keys.test/j\"}");

  g_assert_cmpstr (all->jwks_uri, ==, "https://keys.test/j");
  g_assert_cmpstr (all->token_endpoint, ==, "https://id.test/t");
  g_assert_cmpstr (all->deny_list_uri, ==, "https://id.test/d");
  g_assert_cmpstr (all->deny_list_events, ==, "https://id.test/e");
  g_assert_null (little->token_endpoint);
  g_assert_true (tessera_issuer_metadata_equal (all, all));
  g_assert_false (tessera_issuer_metadata_equal (all, little));
}

static void
test_each_place_may_move (void)
{
  static const char all[] = "{\"issuer\":\"https://id.test\",\"jwks_uri\":\"https://id.test/j\","
                            "\"token_endpoint\":\"https://id.test/t\","
                            "\"tessera_deny_list_endpoint\":\"https://id.test/d\","
                            "\"tessera_deny_list_events_endpoint\":\"https://id.test/e\"}";
  static const char *const places[] = { "/j\"", "/t\"", "/d\"", "/e\"" };
  g_autoptr (TesseraIssuerMetadata) before = parse ("https://id.test", all);

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      g_autoptr (GString) text = g_string_new (all);
      g_assert_cmpuint (g_string_replace (text, places[i], "/x\"", 0), ==, 1);
      g_autoptr (TesseraIssuerMetadata) now = parse ("https://id.test", text->str);
      g_assert_false (tessera_issuer_metadata_equal (before, now));
    }
}

/* RFC 8414 §3.3: identical, and nothing else will do. */
static void
test_the_issuer_must_be_identical (void)
{
  static const char *const others[] = { "\"https://id.test/\"",
                                        "\"https://ID.test\"",
                                        "\"https://id.test:443\"",
                                        "\"http://id.test\"",
                                        "\"https://id.test\\u0000x\"",
                                        "null",
                                        "1",
                                        "[\"https://id.test\"]",
                                        "\"\"" };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *text
          = g_strdup_printf ("{\"issuer\":%s,\"jwks_uri\":\"https://id.test/j\"}", others[i]);
      g_assert_null (parse ("https://id.test", text));
    }
  g_assert_null (parse ("https://id.test", "{\"jwks_uri\":\"https://id.test/j\"}"));
  g_assert_null (parse ("https://id.test", "{\"issuer\":\"https://id.test\"}"));
  g_assert_null (parse ("https://id.test", ""));
  g_assert_null (parse ("https://id.test", "[]"));
}

static gboolean
accepts (const char *issuer, const char *uri)
{
  g_autofree char *text = g_strdup_printf ("{\"issuer\":\"%s\",\"jwks_uri\":\"%s\"}", issuer, uri);
  g_autoptr (TesseraIssuerMetadata) metadata = parse (issuer, text);

  return metadata != NULL;
}

static void
test_places_are_encrypted_or_on_this_machine (void)
{
  static const char *const bad[] = { "http://id.test/j",
                                     "http://127.0.0.1/j",
                                     "file:///etc/passwd",
                                     "ftp://id.test/j",
                                     "//id.test/j",
                                     "/j",
                                     "",
                                     "https://",
                                     "https:///j",
                                     "https://user@id.test/j",
                                     "https://id.test/j#here",
                                     "https://id.test:99999/j" };
  g_autofree char *path = g_strnfill (2048, 'x');
  g_autofree char *long_one = g_strconcat ("https://id.test/", path, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (accepts ("https://id.test", bad[i]));
  g_assert_false (accepts ("https://id.test", long_one));
  g_assert_true (accepts ("https://id.test", "https://id.test/j?x=1"));

  g_assert_true (accepts ("http://127.0.0.1:80", "http://127.0.0.1:8080/j"));
  g_assert_true (accepts ("http://localhost:8080", "http://localhost:8080/j"));
  g_assert_true (accepts ("http://127.0.0.1", "https://id.test/j"));
  g_assert_false (accepts ("http://127.0.0.1", "http://id.test/j"));
  g_assert_false (accepts ("http://localhost:8080", "http://localhost.evil.test:8080/j"));
}

static void
test_it_is_bounded (void)
{
  g_autofree char *space = g_strnfill (TESSERA_ISSUER_METADATA_MAX_LENGTH, ' ');
  g_autofree char *text
      = g_strconcat ("{\"issuer\":\"https://id.test\",\"jwks_uri\":\"https://id.test/j\"}", space,
                     NULL);
  g_autofree char *open = g_strnfill (20, '[');
  g_autofree char *shut = g_strnfill (20, ']');
  g_autofree char *deep = g_strdup_printf (
      "{\"issuer\":\"https://id.test\",\"jwks_uri\":\"https://id.test/j\",\"x\":%s%s}", open, shut);

  g_assert_null (parse ("https://id.test", text));
  g_assert_null (parse ("https://id.test", deep));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/issuer-metadata/it-lies-before-the-path", test_it_lies_before_the_path);
  g_test_add_func ("/issuer-metadata/the-places-are-read", test_the_places_are_read);
  g_test_add_func ("/issuer-metadata/each-place-may-move", test_each_place_may_move);
  g_test_add_func ("/issuer-metadata/the-issuer-must-be-identical",
                   test_the_issuer_must_be_identical);
  g_test_add_func ("/issuer-metadata/places-are-encrypted-or-on-this-machine",
                   test_places_are_encrypted_or_on_this_machine);
  g_test_add_func ("/issuer-metadata/it-is-bounded", test_it_is_bounded);
  return g_test_run ();
}
