/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera generate-secret: 256 random bits as 43 characters of base64url. */

#include "tessera-command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SECRET_SIZE 32
#define SECRET_LENGTH 43

static char *option_output;

static const GOptionEntry entries[] = {
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
    "Write it into a new file that only you can read, instead of saying it", "FILE" },
  { NULL },
};

/* The characters and a line end, in @out_line. */
static gboolean
make_line (char out_line[SECRET_LENGTH + 2])
{
  guchar bytes[SECRET_SIZE];
  char *text = NULL;

  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    return FALSE;
  text = g_base64_encode (bytes, sizeof bytes);
  explicit_bzero (bytes, sizeof bytes);
  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  memcpy (out_line, text, SECRET_LENGTH);
  out_line[SECRET_LENGTH] = '\n';
  out_line[SECRET_LENGTH + 1] = '\0';
  explicit_bzero (text, strlen (text));
  g_free (text);
  return TRUE;
}

static int
write_line (int fd, const char *line, const char *place)
{
  if (write (fd, line, SECRET_LENGTH + 1) != SECRET_LENGTH + 1)
    return tessera_command_fail ("%s: %s", place, g_strerror (errno));
  return TESSERA_EXIT_DONE;
}

/* Never over a file that is there: a secret in use would be gone. */
static int
write_new_file (const char *path, const char *line)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  int status = TESSERA_EXIT_FAILED;

  if (fd < 0)
    return tessera_command_fail ("%s: %s", path, g_strerror (errno));
  status = write_line (fd, line, path);
  if (fsync (fd) < 0 || close (fd) < 0)
    return tessera_command_fail ("%s: %s", path, g_strerror (errno));
  return status;
}

int
tessera_command_generate_secret (int argc, char **argv)
{
  char line[SECRET_LENGTH + 2];
  int status = TESSERA_EXIT_FAILED;

  if (!tessera_command_parse (tessera_command_find (argv[0]), entries, argc, argv))
    return TESSERA_EXIT_USAGE;
  if (!make_line (line))
    return tessera_command_fail ("the kernel gave no random bytes");
  status = option_output != NULL ? write_new_file (option_output, line)
                                 : write_line (STDOUT_FILENO, line, "standard output");
  explicit_bzero (line, sizeof line);
  g_clear_pointer (&option_output, g_free);
  return status;
}
