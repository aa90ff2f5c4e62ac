/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gate/tessera-gate-anchor.c: what keeps libsoup listening, and machines that have no place for it.
 */

#include "gate/tessera-gate-anchor-private.h"

#include <gio/gio.h>
#include <sys/resource.h>

static gboolean bind_fails, connect_fails;

gboolean __wrap_g_socket_bind (GSocket *socket,
                               GSocketAddress *address,
                               gboolean allow_reuse,
                               GError **error);
gboolean __real_g_socket_bind (GSocket *socket,
                               GSocketAddress *address,
                               gboolean allow_reuse,
                               GError **error);
gboolean __wrap_g_socket_connect (GSocket *socket,
                                  GSocketAddress *address,
                                  GCancellable *cancellable,
                                  GError **error);
gboolean __real_g_socket_connect (GSocket *socket,
                                  GSocketAddress *address,
                                  GCancellable *cancellable,
                                  GError **error);

gboolean
__wrap_g_socket_bind (GSocket *socket, GSocketAddress *address, gboolean reuse, GError **error)
{
  return !bind_fails && __real_g_socket_bind (socket, address, reuse, error);
}

gboolean
__wrap_g_socket_connect (GSocket *socket,
                         GSocketAddress *address,
                         GCancellable *cancellable,
                         GError **error)
{
  return !connect_fails && __real_g_socket_connect (socket, address, cancellable, error);
}

static guint
count_listeners (SoupServer *soup)
{
  g_autoptr (GSList) sockets = soup_server_get_listeners (soup);

  return g_slist_length (sockets);
}

static void
test_one_is_enough (void)
{
  g_autoptr (SoupServer) soup = soup_server_new (NULL, NULL);

  g_assert_true (tessera_gate_anchor (soup));
  g_assert_cmpuint (count_listeners (soup), ==, 1);
  g_assert_true (tessera_gate_anchor (soup));
  g_assert_cmpuint (count_listeners (soup), ==, 1);
}

static void
test_a_machine_may_have_no_place_for_it (void)
{
  g_autoptr (SoupServer) soup = soup_server_new (NULL, NULL);
  struct rlimit usual, none;

  bind_fails = TRUE;
  g_assert_false (tessera_gate_anchor (soup));
  bind_fails = FALSE;
  connect_fails = TRUE;
  g_assert_false (tessera_gate_anchor (soup));
  connect_fails = FALSE;
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &usual), ==, 0);
  none = usual;
  none.rlim_cur = 0;
  setrlimit (RLIMIT_NOFILE, &none);
  g_assert_false (tessera_gate_anchor (soup));
  setrlimit (RLIMIT_NOFILE, &usual);
  g_assert_cmpuint (count_listeners (soup), ==, 0);
  g_assert_true (tessera_gate_anchor (soup));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gate-anchor/one-is-enough", test_one_is_enough);
  g_test_add_func ("/gate-anchor/a-machine-may-have-no-place-for-it",
                   test_a_machine_may_have_no_place_for_it);
  return g_test_run ();
}
