/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tessera generate-secret: 256 random bits as 43 characters of base64url. */

#include "tessera-command.h"
#include "tessera-input.h"

static char *option_output;

static const GOptionEntry entries[] = {
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
    "Write it into a new file that only you can read, instead of saying it", "FILE" },
  { NULL },
};

static gboolean
write_new_file (const char *secret)
{
  int fd = tessera_create_secret_file (option_output);

  return fd >= 0 && tessera_write_secret_file (fd, option_output, secret);
}

static int
run (char **words)
{
  char *secret = tessera_make_secret ();
  gboolean done = TRUE;

  if (secret == NULL)
    return TESSERA_EXIT_FAILED;
  if (option_output != NULL)
    done = write_new_file (secret);
  else
    g_print ("%s\n", secret);
  tessera_clear_secret (&secret);
  g_clear_pointer (&option_output, g_free);
  return done ? TESSERA_EXIT_DONE : TESSERA_EXIT_FAILED;
}

const TesseraCommand tessera_generate_secret_command = {
  .name = "generate-secret",
  .summary = "Make a client secret of 256 random bits",
  .entries = entries,
  .run = run,
  .is_alone = TRUE,
  .details = "Example:\n"
             "  tessera generate-secret --output /etc/tessera/secrets/shop",
};
