/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registers a client in the store of a stopped service: register-client ISSUER STATE-DIRECTORY;
 * says its id. Only in the test build. */

#include "tessera.h"

int
main (int argc, char **argv)
{
  g_autoptr (TesseraServer) server = tessera_server_new (argv[1], argv[2]);
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "name", "Registered", "token-endpoint-auth-method",
                      "client_secret_basic", "grant-types",
                      (const char *const[]){ "client_credentials", NULL }, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *secret = NULL;
  g_autofree char *id = NULL;

  if (tessera_server_wait_ready (server, &error))
    id = tessera_server_register_client (server, client, &secret, &error);
  tessera_server_close (server);
  if (id == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_print ("%s\n", id);
  return 0;
}
