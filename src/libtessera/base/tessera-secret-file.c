/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A secret in a file, which must be one. */

#include "base/tessera-secret-file-private.h"

#include "base/tessera-error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LENGTH 1024

static gboolean
refuse (GError **error, const char *path, const char *sentence)
{
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_KEY, "%s: %s", path, sentence);
  return FALSE;
}

static gboolean
check_file (int fd, const char *path, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode))
    return refuse (error, path, "is not a regular file");
  if (status.st_uid != geteuid () && status.st_uid != 0)
    return refuse (error, path, "belongs to another user");
  return (status.st_mode & 0077) == 0
         || refuse (error, path, "is open to other users: its mode must be 0600 or 0400");
}

static gboolean
check_secret (const char *secret, gsize length, const char *path, GError **error)
{
  if (length == 0 || length > MAX_LENGTH)
    return refuse (error, path, "a secret is one line of 1 to 1024 bytes");
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (secret[i]) || secret[i] == '\0')
      return refuse (error, path, "a secret is one line without control characters");
  return g_utf8_validate (secret, (gssize) length, NULL)
         || refuse (error, path, "the secret is not UTF-8");
}

/* @fd is one of a file that was checked. */
static char *
read_line (int fd, const char *path, GError **error)
{
  char buffer[MAX_LENGTH + 3] = { 0 };
  char *secret = NULL;
  gssize length = read (fd, buffer, sizeof buffer - 1);

  if (length < 0)
    {
      refuse (error, path, g_strerror (errno));
      return NULL;
    }
  if (length > 0 && buffer[length - 1] == '\n')
    length--;
  if (check_secret (buffer, (gsize) length, path, error))
    secret = g_strndup (buffer, (gsize) length);
  explicit_bzero (buffer, sizeof buffer);
  return secret;
}

char *
tessera_secret_file_read (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

  if (fd < 0)
    {
      refuse (error, path, g_strerror (errno));
      return NULL;
    }
  char *secret = check_file (fd, path, error) ? read_line (fd, path, error) : NULL;
  close (fd);
  return secret;
}
