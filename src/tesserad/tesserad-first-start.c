/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first start of a person's own service, which nobody has configured yet. */

#include "tesserad-first-start.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* Below the ports that the kernel gives to whoever connects; people of one machine begin apart. */
#define FIRST_PORT 20000
#define N_PORTS 10000

static gboolean
fail (GError **error, const char *path, int number)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (number), "%s: %s", path,
               g_strerror (number));
  return FALSE;
}

static gboolean
is_free (guint16 port)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, port);
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  return socket != NULL && g_socket_bind (socket, address, FALSE, NULL);
}

/* 0: none. */
static guint16
find_port (void)
{
  guint own = geteuid () % N_PORTS;

  for (guint i = 0; i < N_PORTS; i++)
    {
      guint16 port = (guint16) (FIRST_PORT + (own + i) % N_PORTS);

      if (is_free (port))
        return port;
    }
  return 0;
}

/* There at once as a whole, or not at all; whoever comes second leaves the first one's. */
static gboolean
put (const char *path, const char *text, GError **error)
{
  g_autofree char *draft = g_strdup_printf ("%s.%d", path, (int) getpid ());
  int linked = 0;
  int number = 0;

  if (!g_file_set_contents_full (draft, text, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                 error))
    return FALSE;
  linked = link (draft, path);
  number = errno;
  g_unlink (draft);
  return linked == 0 || number == EEXIST || fail (error, path, number);
}

gboolean
tesserad_first_start (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *text = NULL;
  guint16 port = 0;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  if (g_mkdir_with_parents (folder, 0700) < 0)
    return fail (error, folder, errno);
  port = find_port ();
  if (port == 0)
    return fail (error, path, EADDRINUSE);
  text = g_strdup_printf ("# Made at the first start of tesserad --user; see tessera.conf(5).\n"
                          "\n"
                          "[server]\n"
                          "issuer=http://127.0.0.1:%u\n"
                          "\n"
                          "[listener main]\n"
                          "address=127.0.0.1:%u\n"
                          "\n"
                          "[dbus]\n"
                          "bus=session\n",
                          port, port);
  return put (path, text, error);
}
