/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For whom a proxy speaks: X-Forwarded-For, and Forwarded (RFC 7239), the reader against a grammar
 * of regular expressions. The first byte of the input says which header, and who is a proxy; the
 * rest is its value. */

#include "fuzz.h"
#include "server/tessera-forwarded-private.h"

#include <gio/gio.h>
#include <string.h>

#define TOKEN "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
#define VALUE "(?:" TOKEN "|\"(?:[^\"\\\\]|\\\\.)*+\")"
#define PAIR "(?:" TOKEN "=" VALUE "[ \\t]*+)?+"
#define ELEMENT "[ \\t]*+" PAIR "(?:;[ \\t]*+" PAIR ")*+"
#define HOPS_MAX 100

static GRegex *forwarded, *element, *pair, *escaped, *node;

static GRegex *
compile (const char *pattern)
{
  GRegex *regex = g_regex_new (pattern, G_REGEX_RAW | G_REGEX_DOTALL | G_REGEX_OPTIMIZE, 0, NULL);

  g_assert_nonnull (regex);
  return regex;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  forwarded = compile ("\\A" ELEMENT "(?:," ELEMENT ")*+\\z");
  element = compile ("\\G(" ELEMENT ")(?:,|\\z)");
  pair = compile ("(" TOKEN ")=(" VALUE ")");
  escaped = compile ("\\\\(.)");
  node = compile ("\\A(?:\\[(?=[^\\]]*:)([0-9A-Fa-f:.]+)\\]|([0-9.]+))(?::[0-9]{1,5})?\\z"
                  "|\\A([0-9A-Fa-f:.]+)\\z");
  return 0;
}

/* Ours are those of 10.0.0.0/8; or none; or all. */
static gboolean
is_proxy (const char *address, gpointer data)
{
  guint which = GPOINTER_TO_UINT (data);

  return which == 2 || (which == 1 && g_str_has_prefix (address, "10."));
}

/* The address that a node names, as text; NULL: none. Owned. */
static char *
expect_address (const char *text)
{
  g_autoptr (GMatchInfo) match = NULL;
  g_autoptr (GInetAddress) address = NULL;

  if (!g_regex_match (node, text, 0, &match))
    return NULL;
  for (int i = 1; i <= 3 && address == NULL; i++)
    {
      g_autofree char *part = g_match_info_fetch (match, i);

      if (part != NULL && *part != '\0')
        address = g_inet_address_new_from_string (part);
    }
  if (address == NULL)
    return NULL;
  char *canonical = g_inet_address_to_string (address);
  if (!g_str_has_prefix (canonical, "::ffff:") || strchr (canonical, '.') == NULL)
    return canonical;
  char *mapped = g_strdup (canonical + strlen ("::ffff:"));
  g_free (canonical);
  return mapped;
}

static char *
unquote (const char *value)
{
  if (*value != '"')
    return g_strdup (value);
  g_autofree char *inside = g_strndup (value + 1, strlen (value) - 2);
  return g_regex_replace (escaped, inside, -1, 0, "\\1", 0, NULL);
}

/* One node a hop: "address" or "address secure", or "" for what is none. NULL: not one header. */
static gboolean
expect_element (const char *text, GPtrArray *hops)
{
  g_autoptr (GMatchInfo) match = NULL;
  g_autofree char *address = NULL;
  gboolean secure = FALSE;
  guint n_for = 0, n_proto = 0;

  for (g_regex_match (pair, text, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      g_autofree char *name = g_match_info_fetch (match, 1);
      g_autofree char *raw = g_match_info_fetch (match, 2);
      g_autofree char *value = unquote (raw);

      if (g_ascii_strcasecmp (name, "for") == 0 && n_for++ == 0)
        address = expect_address (value);
      if (g_ascii_strcasecmp (name, "proto") == 0 && n_proto++ == 0)
        secure = g_ascii_strcasecmp (value, "https") == 0;
    }
  g_ptr_array_add (hops, address == NULL ? g_strdup ("")
                                         : g_strconcat (address, secure ? " secure" : "", NULL));
  return n_for <= 1 && n_proto <= 1;
}

static gboolean
expect_forwarded (const char *list, GPtrArray *hops)
{
  g_autoptr (GMatchInfo) match = NULL;
  gboolean good = g_regex_match (forwarded, list, 0, NULL);
  gsize at = 0, length = strlen (list);

  while (good && at <= length)
    {
      g_autofree char *part = NULL;

      g_clear_pointer (&match, g_match_info_unref);
      g_assert_true (
          g_regex_match_full (element, list, (gssize) length, (int) at, 0, &match, NULL));
      part = g_match_info_fetch (match, 1);
      good = expect_element (part, hops);
      at += strlen (part) + 1;
    }
  return good;
}

static gboolean
expect_x_forwarded_for (const char *list, GPtrArray *hops)
{
  for (const char *at = list; at != NULL; at = at != NULL ? at + 1 : NULL)
    {
      gsize length = strcspn (at, ",");
      g_autofree char *part = g_strndup (at, length);
      char *address = expect_address (g_strstrip (part));

      g_ptr_array_add (hops, address != NULL ? address : g_strdup (""));
      at = at[length] == ',' ? at + length : NULL;
      if (at == NULL)
        break;
    }
  return TRUE;
}

/* "address", "address secure" or NULL, of @hops. */
static const char *
choose (GPtrArray *hops, guint which)
{
  const char *chosen = NULL;

  for (guint i = hops->len; i > 0; i--)
    {
      const char *hop = hops->pdata[i - 1];

      if (*hop == '\0')
        break;
      chosen = hop;
      if (!is_proxy (hop, GUINT_TO_POINTER (which)))
        break;
    }
  return chosen;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint mode = size > 0 ? data[0] : 0;
  guint which = mode / 2 % 3;
  g_autofree char *list = g_strndup (size > 0 ? (const char *) data + 1 : "", size - (size > 0));
  g_autoptr (GPtrArray) hops = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *got = NULL;
  TesseraForwarded known;
  gboolean good;

  for (char *at = list; *at != '\0'; at++) /* no header has others */
    if (g_ascii_iscntrl (*at) && *at != '\t')
      *at = ' ';
  if (tessera_forwarded_read (
          &known, mode % 2 == 0 ? TESSERA_FORWARDED_RFC7239 : TESSERA_FORWARDED_X_FORWARDED_FOR,
          list, is_proxy, GUINT_TO_POINTER (which)))
    got = g_strconcat (known.address, known.secure ? " secure" : "", NULL);
  good = mode % 2 == 0 ? expect_forwarded (list, hops) : expect_x_forwarded_for (list, hops);
  g_assert_cmpstr (got, ==, good && hops->len <= HOPS_MAX ? choose (hops, which) : NULL);
  return 0;
}
