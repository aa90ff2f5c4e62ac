/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads client secrets, and refuses files that others could read too. */

#include "tesserad-secret-file.h"

#include "tesserad-key-file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SECRET_LENGTH 1024
#define SERVICE_ACCOUNT "tessera" /* data/sysusers.d */

static gboolean
refuse (GError **error, const char *path, const char *sentence)
{
  g_set_error (error, TESSERAD_ERROR, TESSERAD_ERROR_CONFIGURATION, "%s: %s", path, sentence);
  return FALSE;
}

static char *
find_credential (const char *name, GError **error)
{
  const char *folder = g_getenv ("CREDENTIALS_DIRECTORY");

  if (name[0] == '\0' || name[0] == '.' || strchr (name, '/') != NULL)
    {
      refuse (error, name, "this is not the name of a credential");
      return NULL;
    }
  if (folder == NULL)
    {
      refuse (error, name, "a credential, but systemd handed none over");
      return NULL;
    }
  return g_build_filename (folder, name, NULL);
}

/* root checks a configuration (--check-config) for the service, which runs as SERVICE_ACCOUNT. */
static gboolean
is_services_user (uid_t uid)
{
  const struct passwd *account = geteuid () == 0 ? getpwnam (SERVICE_ACCOUNT) : NULL;

  return uid == geteuid () || (account != NULL && uid == account->pw_uid);
}

static gboolean
is_services_group (gid_t gid)
{
  const struct group *account = geteuid () == 0 ? getgrnam (SERVICE_ACCOUNT) : NULL;

  return gid == getegid () || (account != NULL && gid == account->gr_gid);
}

/* The service's or root's, and nobody else may read it; or root's, and readable by the service's
 * group. */
static gboolean
check_access (const char *path, const struct stat *status, GError **error)
{
  gboolean roots_for_our_group = status->st_uid == 0 && is_services_group (status->st_gid);

  if (!S_ISREG (status->st_mode))
    return refuse (error, path, "is not a regular file");
  if (status->st_uid != 0 && !is_services_user (status->st_uid))
    return refuse (error, path, "belongs to another user");
  if ((status->st_mode & (roots_for_our_group ? 0037 : 0077)) != 0)
    return refuse (error, path,
                   "others may use it: its mode must be 0600 or 0400 (0640 if it is root's and has "
                   "the service's group)");
  return TRUE;
}

static void
close_if_open (int fd)
{
  if (fd >= 0)
    close (fd);
}

/* An open descriptor, or -1. */
static int
open_checked (const char *name, char **out_path, GError **error)
{
  gboolean credential = g_str_has_prefix (name, TESSERAD_CREDENTIAL_PREFIX);
  g_autofree char *path = credential
                              ? find_credential (name + strlen (TESSERAD_CREDENTIAL_PREFIX), error)
                              : g_strdup (name);
  struct stat status;
  int fd = -1;

  if (path == NULL)
    return -1;
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || fstat (fd, &status) < 0)
    {
      refuse (error, path, g_strerror (errno));
      close_if_open (fd);
      return -1;
    }
  /* systemd keeps the folder of credentials to the service; the modes inside speak of its own ACLs.
   */
  if (!credential && !check_access (path, &status, error))
    {
      close_if_open (fd);
      return -1;
    }
  if (out_path != NULL)
    *out_path = g_steal_pointer (&path);
  return fd;
}

char *
tesserad_secret_file_check (const char *name, GError **error)
{
  char *path = NULL;
  int fd = open_checked (name, &path, error);

  if (fd < 0)
    return NULL;
  close (fd);
  return path;
}

/* RFC 6749 appendix A.2 has printable ASCII only; people's letters do no harm beyond it. */
static gboolean
check_secret (const char *name, const char *secret, GError **error)
{
  gsize length = strlen (secret);

  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (secret[i]))
      return refuse (error, name, "a secret is one line without control characters");
  if (!g_utf8_validate (secret, -1, NULL))
    return refuse (error, name, "the secret is not UTF-8");
  if (length < TESSERAD_SECRET_MIN_LENGTH)
    return refuse (error, name,
                   "the secret is shorter than 128 bits (16 characters); `tessera "
                   "generate-secret` makes a good one");
  if (length > MAX_SECRET_LENGTH)
    return refuse (error, name, "the secret is longer than 1024 bytes");
  return TRUE;
}

char *
tesserad_secret_file_read (const char *name, GError **error)
{
  char buffer[MAX_SECRET_LENGTH + 3];
  char *secret = NULL;
  gssize length = 0;
  int fd = open_checked (name, NULL, error);

  if (fd < 0)
    return NULL;
  length = read (fd, buffer, sizeof buffer - 1);
  close (fd);
  if (length < 0)
    {
      refuse (error, name, g_strerror (errno));
      return NULL;
    }
  /* A NUL would cut the text short; as any other control character it is refused. */
  for (gssize i = 0; i < length; i++)
    if (buffer[i] == '\0')
      buffer[i] = '\001';
  buffer[length] = '\0';
  if (g_str_has_suffix (buffer, "\n"))
    buffer[length - 1] = '\0';
  if (check_secret (name, buffer, error))
    secret = g_strdup (buffer);
  explicit_bzero (buffer, sizeof buffer);
  return secret;
}

void
tesserad_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}
