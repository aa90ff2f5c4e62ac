/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which redirect URIs a client may use (RFC 6749 §3.1.2.3, RFC 8252 §7.3, RFC 9700 §4.1.3): byte
 * for byte the registered one, but for the port of a loopback literal. The input is what was
 * registered, a line each (an empty one: nothing), and in the last line what is asked for. */

#include "base/tessera-uri-private.h"
#include "fuzz.h"
#include "model/tessera-client-private.h"

#include <string.h>

static GRegex *loopback;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  /* The whole rule for a loopback redirect, said a second time. 1: the host, 2: behind the port. */
  loopback
      = g_regex_new ("\\Ahttp://(127\\.0\\.0\\.1|\\[::1\\])"
                     "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2]["
                     "0-9]|6553[0-5]))?"
                     "((?:[/?](?:[!$&'()+,\\-./0-9:;=?@A-Z_a-z~\\[\\]]++|%[0-9A-Fa-f]{2})*+)?)\\z",
                     G_REGEX_RAW | G_REGEX_DOLLAR_ENDONLY, 0, NULL);
  g_assert_nonnull (loopback);
  return 0;
}

/* Owned; NULL when @uri is no loopback redirect. */
static char *
without_port (const char *uri)
{
  g_autoptr (GMatchInfo) match = NULL;

  if (strlen (uri) > 2048 || !g_regex_match (loopback, uri, 0, &match))
    return NULL;
  g_autofree char *host = g_match_info_fetch (match, 1);
  g_autofree char *rest = g_match_info_fetch (match, 2);
  return g_strconcat (host, rest, NULL);
}

static gboolean
expect_match (const char *registered, const char *asked)
{
  g_autofree char *ours = without_port (registered);
  g_autofree char *theirs = without_port (asked);

  return g_str_equal (registered, asked)
         || (ours != NULL && theirs != NULL && g_str_equal (ours, theirs));
}

static void
compare_pair (const char *registered, const char *asked)
{
  gboolean matches = tessera_uri_matches_redirect (registered, asked);

  g_assert_cmpint (matches, ==, expect_match (registered, asked));
  g_assert_cmpint (matches, ==, tessera_uri_matches_redirect (asked, registered));
}

/* What every text must bear, and what follows from being accepted. */
static void
check_uri (const char *uri)
{
  g_autofree char *stripped = without_port (uri);
  g_autofree char *origin = tessera_uri_dup_origin (uri);
  g_autofree char *display = tessera_uri_dup_display (uri);
  gboolean good = tessera_uri_check_redirect (uri, NULL);

  g_assert_cmpint (tessera_uri_is_loopback_redirect (uri), ==, stripped != NULL);
  g_assert_true (tessera_uri_matches_redirect (uri, uri));
  g_assert_true (g_str_is_ascii (display));
  if (stripped != NULL)
    g_assert_true (good);
  if (good)
    {
      g_assert_null (strpbrk (uri, "#* \"<>\\^`{|}\n\r\t"));
      /* Encoded, because RFC 3986 does not ask what %98 is in UTF-8. */
      g_assert_true (g_uri_is_valid (uri, G_URI_FLAGS_ENCODED, NULL));
      g_assert_cmpuint (strlen (display), >, 0);
    }
  if (origin != NULL)
    {
      g_autofree char *again = tessera_uri_dup_origin (origin);
      g_assert_cmpstr (origin, ==, again);
    }
  if (tessera_uri_check_issuer (uri, NULL))
    g_assert_nonnull (origin);
}

/* The client did not say what it is: native, when nothing registered leads to a web site. */
static gboolean
expect_native (GPtrArray *registered)
{
  for (guint i = 0; i + 1 < registered->len; i++)
    {
      g_autofree char *stripped = without_port (registered->pdata[i]);
      /* g_uri_peek_scheme () would keep every scheme for ever. */
      g_autofree char *given = g_uri_parse_scheme (registered->pdata[i]);
      g_autofree char *scheme = given != NULL ? g_ascii_strdown (given, -1) : NULL;

      if (stripped == NULL
          && (scheme == NULL || g_str_equal (scheme, "http") || g_str_equal (scheme, "https")))
        return FALSE;
    }
  return TRUE;
}

static gboolean
expect_allowed (GPtrArray *registered, const char *asked)
{
  gboolean native = expect_native (registered);

  if (registered->len == 1)
    return tessera_uri_is_loopback_redirect (asked);
  for (guint i = 0; i + 1 < registered->len; i++)
    if (native ? expect_match (registered->pdata[i], asked)
               : g_str_equal (registered->pdata[i], asked))
      return TRUE;
  return FALSE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  g_autoptr (GPtrArray) registered = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *asked = fuzz_input_take_line (&input);

  while (input.at < input.end && registered->len < 8)
    {
      if (asked[0] != '\0')
        g_ptr_array_add (registered, g_steal_pointer (&asked));
      g_free (asked);
      asked = fuzz_input_take_line (&input);
    }
  g_ptr_array_add (registered, NULL);

  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c1", "redirect-uris", registered->pdata, NULL);
  check_uri (asked);
  for (guint i = 0; i + 1 < registered->len; i++)
    {
      check_uri (registered->pdata[i]);
      compare_pair (registered->pdata[i], asked);
    }
  g_assert_cmpint (tessera_client_allows_redirect_uri (client, asked), ==,
                   expect_allowed (registered, asked));
  return 0;
}
