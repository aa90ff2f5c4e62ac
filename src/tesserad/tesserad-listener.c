/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens the listening sockets: TCP, unix, and those that systemd hands over (sd_listen_fds(3)). */

#include "tesserad-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096
#define FIRST_PASSED_FD 3 /* SD_LISTEN_FDS_START */
#define UNIX_PREFIX "unix:"
#define UNIX_PATH_MAX 107

struct _TesseradListener
{
  GSocket *socket;
  char *name; /* of [listener NAME] */
  char *description;
  char *unix_path; /* of a socket file that is ours to remove, or NULL */
  struct stat unix_status;
  int lock;        /* of a private socket, else below 0 */
  gboolean passed; /* systemd's */
};

static GSocketAddress *
parse_address (const char *address, GError **error)
{
  const char *colon = strrchr (address, ':');
  g_autofree char *host = colon != NULL ? g_strndup (address, (gsize) (colon - address)) : NULL;
  gsize length = host != NULL ? strlen (host) : 0;
  g_autoptr (GInetAddress) inet = NULL;
  guint64 port = 0;

  if (host != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 0, 65535, &port, NULL))
    {
      gboolean brackets = length > 2 && host[0] == '[' && host[length - 1] == ']';

      if (brackets)
        host[length - 1] = '\0';
      if (brackets || strchr (host, ':') == NULL)
        inet = g_inet_address_new_from_string (brackets ? host + 1 : host);
    }
  if (inet == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "must be HOST:PORT with the host in digits (127.0.0.1:8417, [::1]:8417), "
                   "unix:PATH or systemd");
      return NULL;
    }
  return g_inet_socket_address_new (inet, (guint16) port);
}

gboolean
tesserad_listener_check_address (const char *address, GError **error)
{
  g_autoptr (GSocketAddress) parsed = NULL;

  if (g_str_equal (address, "systemd"))
    return TRUE;
  if (g_str_has_prefix (address, UNIX_PREFIX))
    {
      if (strlen (address + strlen (UNIX_PREFIX)) <= UNIX_PATH_MAX)
        return TRUE;
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "the path of a unix socket has at most %d bytes", UNIX_PATH_MAX);
      return FALSE;
    }
  parsed = parse_address (address, error);
  return parsed != NULL;
}

static TesseradListener *
listener_new (const char *name, GSocket *socket, const char *description)
{
  TesseradListener *self = g_new0 (TesseradListener, 1);

  self->lock = -1;
  self->name = g_strdup (name);
  self->socket = g_object_ref (socket);
  self->description = g_strdup (description);
  return self;
}

/* A socket file that is still the one we made, not a successor's. */
static gboolean
is_own_file (TesseradListener *self)
{
  struct stat status;

  return self->unix_path != NULL && lstat (self->unix_path, &status) == 0
         && status.st_ino == self->unix_status.st_ino && status.st_dev == self->unix_status.st_dev;
}

static void
remove_own_file (TesseradListener *self)
{
  if (is_own_file (self))
    g_unlink (self->unix_path);
  g_clear_pointer (&self->unix_path, g_free);
}

void
tesserad_listener_free (TesseradListener *self)
{
  remove_own_file (self);
  g_clear_object (&self->socket);
  if (self->lock >= 0)
    close (self->lock);
  g_free (self->name);
  g_free (self->description);
  g_free (self);
}

static GSocket *
listen_on (GSocketAddress *address, GError **error)
{
  g_autoptr (GSocket) socket
      = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                      G_SOCKET_PROTOCOL_DEFAULT, error);

  if (socket == NULL)
    return NULL;
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;
  return g_steal_pointer (&socket);
}

/* The address in digits, with the port that the kernel chose if 0 was asked. */
static char *
describe (GSocket *socket)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (socket, NULL);
  GUnixSocketAddress *local = NULL;

  if (address == NULL)
    return g_strdup ("a socket");
  if (G_IS_INET_SOCKET_ADDRESS (address))
    return g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
  if (!G_IS_UNIX_SOCKET_ADDRESS (address))
    return g_strdup ("a socket");
  local = G_UNIX_SOCKET_ADDRESS (address);
  return g_strconcat (UNIX_PREFIX, g_unix_socket_address_get_path (local), NULL);
}

static TesseradListener *
open_tcp (const char *name, const char *address, GError **error)
{
  g_autoptr (GSocketAddress) parsed = parse_address (address, error);
  g_autoptr (GSocket) socket = parsed != NULL ? listen_on (parsed, error) : NULL;
  g_autofree char *description = NULL;

  if (socket == NULL)
    return NULL;
  description = describe (socket);
  return listener_new (name, socket, description);
}

/* A socket file that nobody answers is what a killed process left behind. Anything else stays. */
static gboolean
make_way (const char *path, GSocketAddress *address, GError **error)
{
  g_autoptr (GSocket) probe = NULL;
  g_autoptr (GError) inner = NULL;
  struct stat status;

  if (lstat (path, &status) < 0)
    return TRUE;
  if (!S_ISSOCK (status.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "there is a file that is not a socket");
      return FALSE;
    }

  probe
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
  if (probe == NULL)
    return FALSE;
  if (!g_socket_connect (probe, address, NULL, &inner)
      && g_error_matches (inner, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return g_unlink (path) == 0 || errno == ENOENT;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "another process answers there");
  return FALSE;
}

static gboolean
fail (GError **error, int number, const char *what)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (number), "%s: %s", what,
               g_strerror (number));
  return FALSE;
}

static TesseradListener *
open_unix (const char *name, const char *address, mode_t mode, GError **error)
{
  const char *path = address + strlen (UNIX_PREFIX);
  g_autoptr (GSocketAddress) parsed = g_unix_socket_address_new (path);
  g_autoptr (TesseradListener) self = NULL;
  g_autoptr (GSocket) socket = NULL;

  if (!make_way (path, parsed, error))
    return NULL;
  socket = listen_on (parsed, error);
  if (socket == NULL)
    return NULL;
  self = listener_new (name, socket, address);
  /* The umask made it ours alone. */
  if (g_chmod (path, mode) < 0 || lstat (path, &self->unix_status) < 0)
    {
      fail (error, errno, path);
      return NULL;
    }
  self->unix_path = g_strdup (path);
  return g_steal_pointer (&self);
}

/* Whoever else could write there could put a socket of their own in the place of ours. */
static gboolean
check_folder (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  struct stat status;

  if (g_mkdir_with_parents (folder, 0700) < 0 || stat (folder, &status) < 0)
    return fail (error, errno, folder);
  if ((status.st_uid == 0 || status.st_uid == geteuid ())
      && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "%s: others than this user and root can write there", folder);
  return FALSE;
}

/* Held as long as the socket serves, so that of two that start at once one stops; below 0: no. */
static int
take_lock (const char *path, GError **error)
{
  g_autofree char *name = g_strconcat (path, ".lock", NULL);
  int lock = open (name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (lock < 0)
    fail (error, errno, name);
  if (lock < 0 || flock (lock, LOCK_EX | LOCK_NB) == 0)
    return lock;
  close (lock);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "another process serves there");
  return -1;
}

TesseradListener *
tesserad_listener_open_private (const char *path, GError **error)
{
  g_autofree char *address = g_strconcat (UNIX_PREFIX, path, NULL);
  g_autoptr (TesseradListener) self = NULL;
  int lock = -1;

  if (!check_folder (path, error) || (lock = take_lock (path, error)) < 0)
    return NULL;
  self = open_unix ("bus", address, 0600, error);
  if (self == NULL)
    close (lock);
  else
    self->lock = lock;
  return g_steal_pointer (&self);
}

static guint
count_passed (void)
{
  const char *pid = g_getenv ("LISTEN_PID");
  const char *fds = g_getenv ("LISTEN_FDS");
  guint64 value = 0;

  if (pid == NULL || fds == NULL
      || !g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT32, &value, NULL)
      || (pid_t) value != getpid () || !g_ascii_string_to_unsigned (fds, 10, 1, 64, &value, NULL))
    return 0;
  return (guint) value;
}

static TesseradListener *
adopt (const char *name, int fd, GError **error)
{
  g_autoptr (GSocket) socket = NULL;
  g_autofree char *description = NULL;
  TesseradListener *self = NULL;
  int listening = 0;

  if (fcntl (fd, F_SETFD, FD_CLOEXEC) < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "systemd passed descriptor %d, but it is not open", fd);
      return NULL;
    }
  socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    return NULL;
  if (!g_socket_get_option (socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, error))
    return NULL;
  if (!listening || g_socket_get_socket_type (socket) != G_SOCKET_TYPE_STREAM)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "systemd passed a socket that does not listen for streams");
      return NULL;
    }
  description = describe (socket);
  self = listener_new (name, socket, description);
  self->passed = TRUE;
  return self;
}

/* systemd names its sockets after FileDescriptorName=; one that bears a listener's name is that
 * listener's, the others belong to whichever says "systemd". */
static GPtrArray *
adopt_passed (const char *name, GError **error)
{
  g_autoptr (GPtrArray) listeners
      = g_ptr_array_new_with_free_func ((GDestroyNotify) tesserad_listener_free);
  const char *names_text = g_getenv ("LISTEN_FDNAMES");
  g_auto (GStrv) names = g_strsplit (names_text != NULL ? names_text : "", ":", -1);
  gboolean named = g_strv_contains ((const char *const *) names, name);
  guint n_names = g_strv_length (names);

  for (guint i = 0; i < count_passed (); i++)
    {
      TesseradListener *listener = NULL;

      if (named && (i >= n_names || !g_str_equal (names[i], name)))
        continue;
      listener = adopt (name, FIRST_PASSED_FD + (int) i, error);
      if (listener == NULL)
        return NULL;
      g_ptr_array_add (listeners, listener);
    }
  if (listeners->len > 0)
    return g_steal_pointer (&listeners);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "systemd passed no socket for it");
  return NULL;
}

GPtrArray *
tesserad_listener_open (const char *name, const char *address, GError **error)
{
  g_autoptr (GPtrArray) listeners = NULL;
  TesseradListener *listener = NULL;

  if (g_str_equal (address, "systemd"))
    return adopt_passed (name, error);

  listener = g_str_has_prefix (address, UNIX_PREFIX)
                 ? open_unix (name, address, 0660, error) /* a proxy's way in */
                 : open_tcp (name, address, error);
  if (listener == NULL)
    return NULL;
  listeners = g_ptr_array_new_with_free_func ((GDestroyNotify) tesserad_listener_free);
  g_ptr_array_add (listeners, listener);
  return g_steal_pointer (&listeners);
}

GSocket *
tesserad_listener_get_socket (TesseradListener *self)
{
  return self->socket;
}

const char *
tesserad_listener_get_name (TesseradListener *self)
{
  return self->name;
}

const char *
tesserad_listener_get_description (TesseradListener *self)
{
  return self->description;
}

gboolean
tesserad_listener_is_exposed (TesseradListener *self)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (self->socket, NULL);

  return address != NULL && G_IS_INET_SOCKET_ADDRESS (address)
         && !g_inet_address_get_is_loopback (
             g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
}

void
tesserad_listener_shut (TesseradListener *self)
{
  remove_own_file (self);
  if (!self->passed) /* closing systemd's would not close it, and shutting it down would end it */
    g_socket_close (self->socket, NULL);
}
