/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adds a person to the store of a stopped service: add-user ISSUER STATE-DIRECTORY NAME PASSWORD.
 * Only in the test build. */

#include "tessera.h"

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  *(int *) data = tessera_server_add_user_finish (TESSERA_SERVER (source), result, &error) ? 0 : 1;
  if (error != NULL)
    g_printerr ("%s\n", error->message);
}

int
main (int argc, char **argv)
{
  g_autoptr (TesseraServer) server = tessera_server_new (argv[1], argv[2]);
  int status = -1;

  tessera_server_add_user_async (server, argv[3], argv[4], NULL, on_done, &status);
  while (status == -1)
    g_main_context_iteration (NULL, TRUE);
  tessera_server_close (server);
  return status;
}
