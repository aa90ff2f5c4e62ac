/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server/tessera-caller-private.h"
#include "server/tessera-forwarded-private.h"

#include <arpa/inet.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#define X TESSERA_FORWARDED_X_FORWARDED_FOR
#define F TESSERA_FORWARDED_RFC7239

/* 10.0.0.0/8 is ours. */
static gboolean
is_proxy (const char *address, gpointer data)
{
  return g_str_has_prefix (address, "10.");
}

/* @expected: "address", "address secure" or NULL. */
static void
check (TesseraForwardedForm form, const char *list, const char *expected)
{
  TesseraForwarded forwarded;
  g_autofree char *got = NULL;

  memset (&forwarded, 0xa5, sizeof forwarded);
  if (tessera_forwarded_read (&forwarded, form, list, is_proxy, NULL))
    got = g_strconcat (forwarded.address, forwarded.secure ? " secure" : "", NULL);
  g_assert_cmpstr (got, ==, expected);
}

static void
test_the_last_that_is_no_proxy_counts (void)
{
  check (X, "192.0.2.1", "192.0.2.1");
  check (X, "198.51.100.9, 192.0.2.1", "192.0.2.1");
  check (X, "198.51.100.9, 192.0.2.1, 10.0.0.1", "192.0.2.1");
  check (X, "198.51.100.9,192.0.2.1 ,\t10.0.0.1,10.0.0.2", "192.0.2.1");
  check (X, "10.9.9.9, 192.0.2.1, 10.0.0.1", "192.0.2.1"); /* whoever pretends to be ours */
  check (X, "10.0.0.1, 10.0.0.2", "10.0.0.1");
  check (F, "for=198.51.100.9, for=192.0.2.1, for=10.0.0.1", "192.0.2.1");
}

static void
test_what_is_no_address_ends_the_list (void)
{
  check (X, "", NULL);
  check (X, "\"evil\"", NULL);
  check (X, "192.0.2.1, unknown", NULL);
  check (X, "192.0.2.1, unknown, 10.0.0.1", "10.0.0.1");
  check (X, "192.0.2.1,", NULL);
  check (X, "192.0.2.1 192.0.2.2", NULL);
  check (X, "127.1", NULL);
  check (X, "0x7f000001", NULL);
  check (X, "192.0.2.1;evil", NULL);
  check (F, "for=unknown", NULL);
  check (F, "for=_hidden, for=10.0.0.1", "10.0.0.1");
  check (F, "by=192.0.2.1", NULL);
}

static void
test_addresses_come_in_every_form (void)
{
  check (X, "2001:DB8:0::1", "2001:db8::1");
  check (X, "::ffff:192.0.2.1", "192.0.2.1");
  check (X, "192.0.2.1:4711", "192.0.2.1");
  check (X, "[2001:db8::1]:4711", "2001:db8::1");
  check (X, "[2001:db8::1]", "2001:db8::1");
  check (X, "[2001:db8::1]x", NULL);
  check (X, "192.0.2.1:port", NULL);
  check (X, "192.0.2.1:", NULL);
  check (X, "192.0.2.1:000080", NULL);
  check (X, "[192.0.2.1]", NULL);
  check (X, "192.0.2.1:1111111111111111111111111111111111111111111111111111111111111111x", NULL);
  check (F, "for=192.0.2.1", "192.0.2.1");
  check (F, "for=\"192.0.2.1:4711\"", "192.0.2.1");
  check (F, "For=\"[2001:db8::1]:4711\"", "2001:db8::1");
  check (F, "for=\"192.0.2.\\1\"", "192.0.2.1");
}

static void
test_forwarded_tells_of_tls (void)
{
  check (F, "for=192.0.2.1;proto=https", "192.0.2.1 secure");
  check (F, "proto=HTTPS ; host=\"a,b;c\" ; for=192.0.2.1 ;", "192.0.2.1 secure");
  check (F, "for=192.0.2.1;proto=http", "192.0.2.1");
  check (F, "for=198.51.100.9;proto=https, for=192.0.2.1", "192.0.2.1");
  check (F, "for=192.0.2.1;proto=https, for=10.0.0.1;proto=http", "192.0.2.1 secure");
}

static void
test_broken_forwarded_is_not_believed (void)
{
  check (F, "for=\"192.0.2.1", NULL);
  check (F, "for=192.0.2.1;for=192.0.2.2", NULL);
  check (F, "for = 192.0.2.1", NULL);
  check (F, "for=", NULL);
  check (F, "for=192.0.2.1;proto=", NULL);
  check (F, "by=, for=192.0.2.1", NULL);
  check (F, "by:x, for=192.0.2.1", NULL);
  check (F, "192.0.2.1", NULL);
  check (F, "for=2001:db8::1", NULL);
  check (F, "\"x, for=192.0.2.1", NULL);
  check (F, "for=\"\\", NULL);
}

/* A quote that the client leaves open cannot hide what the proxy wrote behind it. */
static void
test_no_quote_swallows_the_proxys_word (void)
{
  check (F, "for=\"198.51.100.9, for=192.0.2.1", NULL);
  check (F, "for=\"198.51.100.9, for=\", for=192.0.2.1", "192.0.2.1");
}

static void
test_long_lists_are_not_read (void)
{
  GString *list = g_string_new ("192.0.2.1");

  for (guint i = 1; i < 100; i++)
    g_string_append (list, ",10.0.0.1");
  check (X, list->str, "192.0.2.1");
  g_string_append (list, ",10.0.0.1");
  check (X, list->str, NULL);
  g_string_assign (list, "for=192.0.2.1");
  for (guint i = 1; i < 100; i++)
    g_string_append (list, ",for=10.0.0.1");
  check (F, list->str, "192.0.2.1");
  g_string_append (list, ",for=10.0.0.1");
  check (F, list->str, NULL);
  g_string_free (list, TRUE);
}

/* One and the same address, however the socket that it came to is made. */
static void
test_ipv4_over_ipv6_is_ipv4 (void)
{
  static const char *const cases[][2] = {
    { "::ffff:192.0.2.7", "192.0.2.7" },
    { "2001:db8::7", "2001:db8::7" },
    { "::ffff:0:c000:207", "::ffff:0:c000:207" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      struct in6_addr bytes;
      TesseraCaller caller;

      /* GLib would read the text as IPv4; accept() gives the bytes. */
      g_assert_cmpint (inet_pton (AF_INET6, cases[i][0], &bytes), ==, 1);
      g_autoptr (GInetAddress) inet
          = g_inet_address_new_from_bytes ((const guint8 *) &bytes, G_SOCKET_FAMILY_IPV6);
      g_autoptr (GSocketAddress) remote = g_inet_socket_address_new (inet, 4711);

      tessera_caller_init (&caller, remote, i % 2 == 0);
      g_assert_cmpstr (caller.address, ==, cases[i][1]);
      g_assert_cmpint (caller.secure, ==, i % 2 == 0);
    }
}

static void
test_who_comes_by_a_unix_socket_has_no_address (void)
{
  g_autoptr (GSocketAddress) remote = g_unix_socket_address_new ("/run/x");
  TesseraCaller caller;

  tessera_caller_init (&caller, remote, FALSE);
  g_assert_cmpstr (caller.address, ==, "unix");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/forwarded/the-last-that-is-no-proxy-counts",
                   test_the_last_that_is_no_proxy_counts);
  g_test_add_func ("/forwarded/what-is-no-address-ends-the-list",
                   test_what_is_no_address_ends_the_list);
  g_test_add_func ("/forwarded/addresses-come-in-every-form", test_addresses_come_in_every_form);
  g_test_add_func ("/forwarded/forwarded-tells-of-tls", test_forwarded_tells_of_tls);
  g_test_add_func ("/forwarded/broken-forwarded-is-not-believed",
                   test_broken_forwarded_is_not_believed);
  g_test_add_func ("/forwarded/no-quote-swallows-the-proxys-word",
                   test_no_quote_swallows_the_proxys_word);
  g_test_add_func ("/forwarded/long-lists-are-not-read", test_long_lists_are_not_read);
  g_test_add_func ("/caller/ipv4-over-ipv6-is-ipv4", test_ipv4_over_ipv6_is_ipv4);
  g_test_add_func ("/caller/who-comes-by-a-unix-socket-has-no-address",
                   test_who_comes_by_a_unix_socket_has_no_address);
  return g_test_run ();
}
