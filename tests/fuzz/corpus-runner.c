/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over the inputs that are kept for it: a test with every compiler. */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A target's mutator is not called here, but it wants to be linked. */
size_t
LLVMFuzzerMutate (uint8_t *data, size_t size, size_t max_size)
{
  return size;
}

/* A copy of just that size, so that a read behind its end is seen; of none too. */
static void
run_input (const char *text, gsize size)
{
  uint8_t *copy = malloc (size);

  memcpy (copy, text, size);
  LLVMFuzzerTestOneInput (copy, size);
  free (copy);
}

static gboolean
run_file (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *text = NULL;
  gsize size = 0;

  if (!g_file_get_contents (path, &text, &size, NULL))
    return FALSE;
  printf ("# %s\n", name);
  fflush (stdout);
  run_input (text, size);
  return TRUE;
}

int
main (int argc, char **argv)
{
  const char *folder = argc > 1 ? argv[1] : ".";
  g_autofree char *title = g_path_get_basename (folder);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name = NULL;
  guint n = 0;

  LLVMFuzzerInitialize (&argc, &argv);
  run_input ("", 0);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    n += run_file (folder, name);
  printf ("%sok 1 /fuzz/%s/holds-for-all-%u-kept-inputs\n1..1\n", n > 0 ? "" : "not ", title, n);
  return n > 0 ? 0 : 1;
}
