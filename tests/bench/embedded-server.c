/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An application that embeds the server: a SoupServer of its own, and the same client as the
 * service of the benchmark. By the public interface only. */

#include <stdlib.h>
#include <string.h>
#include <tessera.h>

static char *
read_secret (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *secret = NULL;

  if (!g_file_get_contents (path, &secret, NULL, &error))
    g_error ("%s", error->message);
  return g_strchomp (secret);
}

static TesseraServer *
make_oauth (const char *issuer, const char *state, const char *secret_file)
{
  g_autofree char *secret = read_secret (secret_file);
  g_autoptr (TesseraClient) client = g_object_new (
      TESSERA_TYPE_CLIENT, "id", "bench", "name", "Bench", "secret", secret,
      "token-endpoint-auth-method", "client_secret_post", "scope", "read write", "redirect-uris",
      (const char *const[]){ "http://127.0.0.1/cb", NULL }, "grant-types",
      (const char *const[]){ "client_credentials", "refresh_token", "authorization_code", NULL },
      NULL);
  g_autoptr (GError) error = NULL;
  TesseraServer *oauth = tessera_server_new (issuer, state);

  g_object_set (oauth, "access-token-lifetime", 86400u, NULL);
  if (!tessera_server_add_client_object (oauth, client, &error))
    g_error ("%s", error->message);
  return oauth;
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (TesseraServer) oauth = NULL;
  g_autoptr (GError) error = NULL;
  SoupServerListenOptions options = SOUP_SERVER_LISTEN_IPV4_ONLY;

  if (argc != 5 && argc != 7)
    {
      g_printerr ("usage: embedded-server PORT ISSUER STATE SECRET-FILE [CERTIFICATE KEY]\n");
      return 2;
    }
  oauth = make_oauth (argv[2], argv[3], argv[4]);
  if (argc == 7)
    {
      options |= SOUP_SERVER_LISTEN_HTTPS;
      if (!tessera_set_tls_files (server, argv[5], argv[6], NULL, &error))
        g_error ("%s", error->message);
    }
  tessera_server_attach (oauth, server);
  if (!soup_server_listen_local (server, (guint) atoi (argv[1]), options, &error))
    g_error ("%s", error->message);
  g_main_loop_run (loop);
  return 0;
}
