/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ceiling: libsoup with one handler that answers a POST with a small JSON body and does nothing
 * else. */

#include <libsoup/soup.h>
#include <stdlib.h>

static void
on_request (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  static const char body[] = "{\"ok\":true}";

  soup_server_message_set_status (message, 200, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_STATIC, body,
                                    sizeof body - 1);
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new ("server-header", "bench", NULL);
  g_autoptr (GError) error = NULL;
  SoupServerListenOptions options = SOUP_SERVER_LISTEN_IPV4_ONLY;

  if (argc != 2 && argc != 4)
    {
      g_printerr ("usage: empty-server PORT [CERTIFICATE KEY]\n");
      return 2;
    }
  soup_server_add_handler (server, NULL, on_request, NULL, NULL);
  if (argc == 4)
    {
      GTlsCertificate *certificate = g_tls_certificate_new_from_files (argv[2], argv[3], &error);
      if (certificate == NULL)
        g_error ("%s", error->message);
      soup_server_set_tls_certificate (server, certificate);
      options |= SOUP_SERVER_LISTEN_HTTPS;
    }
  if (!soup_server_listen_local (server, atoi (argv[1]), options, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_main_loop_run (loop);
  return 0;
}
