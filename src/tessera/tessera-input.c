/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets and answers from a terminal, a file or standard input. */

#include "tessera-input.h"

#include "tessera-command.h"
#include "tessera-file.h"
#include "tessera-output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#define SECRET_SIZE 32
#define TEXT_MAX (1024 * 1024)

void
tessera_scrub (char *secret)
{
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

/* One line without its end; NULL at the end of the input, and if there is more than @max. */
static char *
read_line (FILE *stream, gsize max)
{
  char *buffer = g_malloc0 (max + 2);
  char *line = NULL;

  if (fgets (buffer, (int) max + 2, stream) != NULL)
    {
      gsize length = strcspn (buffer, "\n");
      if (buffer[length] == '\n' || length <= max)
        line = g_strndup (buffer, length);
    }
  explicit_bzero (buffer, max + 2);
  g_free (buffer);
  return line;
}

static struct termios shown; /* how the terminal was, while it is silent */

/* Whoever interrupts the question finds a terminal that shows what is typed. */
static void
on_interrupted (int number)
{
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &shown);
  raise (number); /* by now it does what it does by default */
}

static char *
ask (const char *question, gsize max)
{
  struct sigaction restore = { .sa_handler = on_interrupted, .sa_flags = (int) SA_RESETHAND };
  struct sigaction before;
  struct termios silent;
  char *line = NULL;

  if (tcgetattr (STDIN_FILENO, &shown) < 0 || sigaction (SIGINT, &restore, &before) < 0)
    return NULL;
  silent = shown;
  silent.c_lflag &= ~(tcflag_t) ECHO;
  /* Silence comes first: what is typed before it is thrown away. */
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &silent);
  g_printerr ("%s: ", question);
  line = read_line (stdin, max);
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &shown);
  sigaction (SIGINT, &before, NULL);
  g_printerr ("\n");
  return line;
}

/* Asked twice, since nobody sees what is typed. */
static char *
ask_twice (const char *question, gsize max)
{
  char *secret = ask (question, max);
  char *again = secret != NULL ? ask ("Once more", max) : NULL;

  if (again == NULL || strcmp (secret, again) != 0)
    {
      tessera_command_fail ("the two are not the same");
      tessera_clear_secret (&secret);
    }
  tessera_clear_secret (&again);
  return secret;
}

static char *
read_stream (FILE *stream, gsize max)
{
  /* No copy in a buffer of stdio. */
  return setvbuf (stream, NULL, _IONBF, 0) == 0 ? read_line (stream, max) : NULL;
}

/* NULL with *out_said: why not is on stderr already. */
static char *
read_somewhere (
    const char *file, const char *question, gboolean twice, gsize max, gboolean *out_said)
{
  FILE *stream = NULL;
  char *line = NULL;

  if (file == NULL && isatty (STDIN_FILENO))
    {
      line = twice ? ask_twice (question, max) : ask (question, max);
      *out_said = twice && line == NULL;
      return line;
    }
  if (file == NULL || g_str_equal (file, "-"))
    return read_stream (stdin, max);
  stream = fopen (file, "re");
  if (stream == NULL)
    {
      tessera_command_fail ("%s: %s", file, g_strerror (errno));
      *out_said = TRUE;
      return NULL;
    }
  line = read_stream (stream, max);
  fclose (stream);
  return line;
}

static gboolean
is_usable (const char *secret, const char *question, gsize max)
{
  if (secret == NULL || *secret == '\0')
    tessera_command_fail ("there is no %s (one line, at most %" G_GSIZE_FORMAT " bytes)", question,
                          max);
  else if (!g_utf8_validate (secret, -1, NULL))
    tessera_command_fail ("the %s is not UTF-8", question);
  else
    return TRUE;
  return FALSE;
}

char *
tessera_read_secret (const char *file, const char *question, gboolean twice, gsize max)
{
  g_autofree char *name = g_ascii_strdown (question, -1);
  gboolean said = FALSE;
  char *secret = read_somewhere (file, question, twice, max, &said);

  if (!said && !is_usable (secret, name, max))
    tessera_clear_secret (&secret);
  return secret;
}

/* What is no secret */

char *
tessera_read_text (const char *file, GError **error)
{
  g_autoptr (GString) text = NULL;
  char *whole = NULL;
  char part[4096];
  gssize got;

  if (!g_str_equal (file, "-"))
    return g_file_get_contents (file, &whole, NULL, error) ? whole : NULL;
  text = g_string_new (NULL);
  while ((got = read (STDIN_FILENO, part, sizeof part)) > 0 && text->len < TEXT_MAX)
    g_string_append_len (text, part, got);
  if (got == 0)
    return g_string_free (g_steal_pointer (&text), FALSE);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "standard input: %s",
               got < 0 ? g_strerror (errno) : "that is too much");
  return NULL;
}

/* Made ones */

char *
tessera_encode_base64url (const guchar *bytes, gsize length)
{
  char *text = g_base64_encode (bytes, length);

  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0';
  return text;
}

char *
tessera_make_secret (void)
{
  guchar bytes[SECRET_SIZE];
  char *text = NULL;

  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    {
      tessera_command_fail ("the kernel gave no random bytes");
      return NULL;
    }
  text = tessera_encode_base64url (bytes, sizeof bytes);
  explicit_bzero (bytes, sizeof bytes);
  return text;
}

/* Files */

/* Never over a file that is there: a secret in use would be gone. */
int
tessera_create_secret_file (const char *path)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    tessera_command_fail ("%s: %s", path, g_strerror (errno));
  return fd;
}

gboolean
tessera_write_secret_file (int fd, const char *path, const char *secret)
{
  gsize length = strlen (secret);

  if (write (fd, secret, length) == (gssize) length && write (fd, "\n", 1) == 1)
    return tessera_keep_file (fd, path, TRUE);
  tessera_command_fail ("%s: %s", path, g_strerror (errno));
  return tessera_keep_file (fd, path, FALSE);
}

gboolean
tessera_tell_secret (const char *what, const char *secret, int fd, const char *path)
{
  if (path != NULL)
    return tessera_write_secret_file (fd, path, secret);
  fflush (stdout);
  if (isatty (STDOUT_FILENO))
    tessera_remark ("%s, told this once:", what);
  else
    tessera_remark ("%s is told on standard output, this once.", what);
  g_print ("%s\n", secret);
  return tessera_output_flush ();
}

/* Questions */

gboolean
tessera_confirm (const char *format, ...)
{
  char *answer = NULL;
  gboolean confirmed = FALSE;
  va_list arguments;

  if (tessera_options.yes || !isatty (STDIN_FILENO))
    return TRUE;
  va_start (arguments, format);
  g_autofree char *question = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *safe = tessera_escape (question);
  g_printerr ("%s [y/N] ", safe);
  answer = read_line (stdin, 100);
  confirmed = answer != NULL
              && (g_ascii_strcasecmp (answer, "y") == 0 || g_ascii_strcasecmp (answer, "yes") == 0);
  g_free (answer);
  if (!confirmed)
    tessera_remark ("Nothing was done.");
  return confirmed;
}
