/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-uri-private.h"

#include "base/tessera-error.h"

#include <string.h>

static void
test_redirect_is_compared_byte_by_byte (void)
{
  const char *registered = "https://c1.test/cb";
  static const char *const others[] = {
    "https://c1.test/cb/",
    "https://c1.test/cb?x",
    "https://c1.test/CB",
    "https://c1.test:443/cb",
    "https://c1.test/cb#f",
    "https://c1.test/%63b",
    "https://c1.test.evil/cb",
    "https://C1.test/cb",
    "http://c1.test/cb",
    "https://c1.test/./cb",
    "",
    " https://c1.test/cb",
  };

  g_assert_true (tessera_uri_matches_redirect (registered, "https://c1.test/cb"));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (tessera_uri_matches_redirect (registered, others[i]));
  g_assert_false (tessera_uri_matches_redirect (registered, NULL));
}

static void
test_loopback_has_a_free_port_and_nothing_else (void)
{
  const char *registered = "http://127.0.0.1/cb";
  static const char *const good[] = { "http://127.0.0.1/cb", "http://127.0.0.1:49152/cb",
                                      "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb" };
  static const char *const bad[] = {
    "http://127.0.0.1:49152/x", "http://localhost:1/cb",      "https://127.0.0.1:1/cb",
    "http://127.1/cb",          "http://127.0.0.1.evil/cb",   "http://127.0.0.1:/cb",
    "http://127.0.0.1:0/cb",    "http://127.0.0.1:65536/cb",  "http://127.0.0.1:80@evil/cb",
    "http://127.0.0.1:080/cb",  "http://127.0.0.1:80/cb?x=1", "http://127.0.0.1:80/cb#f",
    "http://[::1]:80/cb",       "http://127.0.0.2:80/cb",     "http://a@127.0.0.1:80/cb",
    "http://2130706433/cb",     "http://127.0.0.1:8 0/cb",    "HTTP://127.0.0.1:80/cb",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (tessera_uri_matches_redirect (registered, good[i]));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (tessera_uri_matches_redirect (registered, bad[i]));
  g_assert_true (tessera_uri_matches_redirect ("http://[::1]:9/cb", "http://[::1]:80/cb"));
  g_assert_false (
      tessera_uri_matches_redirect ("https://127.0.0.1:9/cb", "http://127.0.0.1:80/cb"));
  g_assert_false (tessera_uri_matches_redirect ("http://localhost/cb", "http://localhost:80/cb"));
}

static void
test_what_may_be_registered (void)
{
  static const char *const good[] = {
    "https://c1.test/cb",       "https://c1.test:8443/cb?x=1",
    "https://[2001:db8::1]/cb", "http://127.0.0.1/cb",
    "http://127.0.0.1:8080",    "http://[::1]/cb",
    "http://localhost/cb",      "com.example.app:/cb",
    "com.example.app://done",   "com.googleusercontent.apps.1-a:/oauth2redirect",
  };
  static const char *const dangerous[] = {
    "",
    "cb",
    "//c1.test/cb",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://c1.test/1",
    "about:blank",
    "myapp:/cb",
    "com.example.app:cb",
    "com.example.app://user@host/",
    "com.example.app://[1:/cb",
    "com.example.app://host:x/",
    "com.example.app://oth%98x/",
    "http://c1.test/cb",
    "http://127.0.0.1.evil/cb",
    "http://localhost.evil/cb",
    "http://local/cb",
    "http://127.0.0/cb",
    "https://c1.test/\\evil.test/cb",
    "https://user@c1.test/cb",
    "https://user:pw@c1.test/cb",
    "https://c1.test/cb#f",
    "https://*.c1.test/cb",
    "https://c1.test/*",
    "https:///cb",
    "https:c1.test",
    "https://c1.test:99999/cb",
    "https://c1.test:x/cb",
    "https://c1.test\\@evil/cb",
    "https://c1.test/a b",
    "https://c1.test/\xc3\xa9",
    "https://c1.test/%zz",
    "https://c1.test/\"><script>",
    "https://[::1%25eth0]/cb",
    "https://[c1.test]/cb",
  };

  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_true (tessera_uri_check_redirect (good[i], &error));
      g_assert_no_error (error);
    }
  for (guint i = 0; i < G_N_ELEMENTS (dangerous); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (tessera_uri_check_redirect (dangerous[i], &error));
      g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT);
    }
}

static void
test_a_long_uri_is_refused (void)
{
  g_autofree char *tail = g_strnfill (2048, 'a');
  g_autofree char *uri = g_strconcat ("https://c1.test/", tail, NULL);
  g_assert_false (tessera_uri_check_redirect (uri, NULL));
  uri[2048] = '\0';
  g_assert_true (tessera_uri_check_redirect (uri, NULL));
}

static void
test_any_loopback_for_an_empty_registration (void)
{
  g_assert_true (tessera_uri_is_loopback_redirect ("http://127.0.0.1:8080/any/path?q=1"));
  g_assert_true (tessera_uri_is_loopback_redirect ("http://[::1]:1"));
  g_assert_false (tessera_uri_is_loopback_redirect ("http://localhost:8080/"));
  g_assert_false (tessera_uri_is_loopback_redirect ("http://127.0.0.1:8080/#f"));
  g_assert_false (tessera_uri_is_loopback_redirect ("http://127.0.0.1@evil/"));
  g_assert_false (tessera_uri_is_loopback_redirect ("https://127.0.0.1/"));
  g_assert_false (tessera_uri_is_loopback_redirect (NULL));
}

static void
test_private_use (void)
{
  g_assert_true (tessera_uri_is_private_use ("com.example.app:/cb"));
  g_assert_false (tessera_uri_is_private_use ("https://c1.test/cb"));
  g_assert_false (tessera_uri_is_private_use ("HTTP://c1.test/cb"));
  g_assert_false (tessera_uri_is_private_use ("no scheme"));
}

static void
test_resources (void)
{
  g_assert_true (tessera_uri_is_resource ("https://api.test/v1"));
  g_assert_true (tessera_uri_is_resource ("urn:example:api"));
  g_assert_false (tessera_uri_is_resource ("https://api.test/#f"));
  g_assert_false (tessera_uri_is_resource ("/api"));
  g_assert_false (tessera_uri_is_resource ("api"));
  g_assert_false (tessera_uri_is_resource ("https://"));
  g_assert_false (tessera_uri_is_resource ("urn:"));
  g_assert_false (tessera_uri_is_resource (""));
  g_assert_false (tessera_uri_is_resource (NULL));
}

static void
assert_origin (const char *uri, const char *expected)
{
  g_autofree char *origin = tessera_uri_dup_origin (uri);
  g_assert_cmpstr (origin, ==, expected);
}

static void
test_origins_are_spelled_as_browsers_do (void)
{
  assert_origin ("https://App.test/cb?x", "https://app.test");
  assert_origin ("https://app.test:443/cb", "https://app.test");
  assert_origin ("http://127.0.0.1:8080/cb", "http://127.0.0.1:8080");
  assert_origin ("http://[::1]:80/cb", "http://[::1]");
  assert_origin ("com.example.app:/cb", NULL);
  assert_origin ("https://u@app.test/", NULL);
  assert_origin ("nonsense", NULL);
}

static void
assert_display (const char *uri, const char *expected)
{
  g_autofree char *text = tessera_uri_dup_display (uri);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_display_is_ascii (void)
{
  assert_display ("https://c1.test:8443/cb", "c1.test");
  assert_display ("http://127.0.0.1:1/cb", "127.0.0.1");
  assert_display ("com.example.app:/cb", "com.example.app");
  assert_display ("https://\xd0\xb0pple.test/", "xn--pple-43d.test");
  assert_display ("nonsense", "");
}

static void
test_issuers (void)
{
  static const char *const good[]
      = { "https://id.test", "https://id.test:8443/tenant/a", "http://127.0.0.1:8417",
          "http://[::1]:8417", "http://localhost:8417" };
  static const char *const bad[] = { "",
                                     "id.test",
                                     "http://id.test",
                                     "https://id.test/",
                                     "https://id.test?x",
                                     "https://id.test#f",
                                     "https://u@id.test",
                                     "https://id.test/a/../b",
                                     "https://id.test/a//b",
                                     "https://id.test/%61",
                                     "ftp://id.test",
                                     "https://",
                                     "http://127.0.0.1.evil" };
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (tessera_uri_check_issuer (good[i], NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (tessera_uri_check_issuer (bad[i], &error));
      g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_ISSUER);
    }
}

static void
test_what_is_no_uri_is_nowhere (void)
{
  g_assert_true (tessera_uri_is_on_loopback ("https://127.3.2.1:8443/x"));
  g_assert_true (tessera_uri_is_on_loopback ("https://a.LOCALHOST/"));
  g_assert_false (tessera_uri_is_on_loopback ("https://127.example.test@rp.test/"));
  g_assert_false (tessera_uri_is_on_loopback ("localhost"));
  g_assert_false (tessera_uri_is_on_loopback ("mailto:localhost"));
  g_assert_false (tessera_uri_is_on_loopback (""));
}

static void
test_what_is_fetched_has_a_host (void)
{
  static const char *const bad[] = { "https://",
                                     "https:///x",
                                     "https:/rp.test/x",
                                     "https://:443/x",
                                     "https://a@rp.test/",
                                     "https://rp.test:x/",
                                     "http://rp.test/",
                                     "HTTPS//rp.test/",
                                     "https://rp.test/#x",
                                     "https://rp.test:0/x",
                                     "" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (tessera_uri_is_https (bad[i]));
  g_assert_true (tessera_uri_is_https ("https://rp.test:8443/x?y=z"));
}

static void
test_parameters_are_appended (void)
{
  g_autoptr (GString) uri = g_string_new ("https://c1.test/cb");
  tessera_uri_append_param (uri, "code", "a b&c");
  tessera_uri_append_param (uri, "state", "\r\n\"\xc3\xa9\xff+~");
  g_assert_cmpstr (uri->str, ==, "https://c1.test/cb?code=a%20b%26c&state=%0D%0A%22%C3%A9%FF%2B~");

  g_autoptr (GString) with_query = g_string_new ("https://c1.test/cb?x=1");
  tessera_uri_append_param (with_query, "iss", "https://i");
  g_assert_cmpstr (with_query->str, ==, "https://c1.test/cb?x=1&iss=https%3A%2F%2Fi");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/uri/A01-redirect-is-compared-byte-by-byte",
                   test_redirect_is_compared_byte_by_byte);
  g_test_add_func ("/uri/A02-loopback-has-a-free-port-and-nothing-else",
                   test_loopback_has_a_free_port_and_nothing_else);
  g_test_add_func ("/uri/A30-what-may-be-registered", test_what_may_be_registered);
  g_test_add_func ("/uri/a-long-uri-is-refused", test_a_long_uri_is_refused);
  g_test_add_func ("/uri/any-loopback-for-an-empty-registration",
                   test_any_loopback_for_an_empty_registration);
  g_test_add_func ("/uri/private-use", test_private_use);
  g_test_add_func ("/uri/resources", test_resources);
  g_test_add_func ("/uri/origins-are-spelled-as-browsers-do",
                   test_origins_are_spelled_as_browsers_do);
  g_test_add_func ("/uri/G04-display-is-ascii", test_display_is_ascii);
  g_test_add_func ("/uri/issuers", test_issuers);
  g_test_add_func ("/uri/what-is-no-uri-is-nowhere", test_what_is_no_uri_is_nowhere);
  g_test_add_func ("/uri/what-is-fetched-has-a-host", test_what_is_fetched_has_a_host);
  g_test_add_func ("/uri/A12-parameters-are-appended", test_parameters_are_appended);
  return g_test_run ();
}
