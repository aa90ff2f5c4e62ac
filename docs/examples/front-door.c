/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A SoupServer behind a strict front door, with an authorization server beside its own pages.
 *
 *     front-door PORT */

#include <glib-unix.h>
#include <stdlib.h>
#include <tessera.h>

static void
on_request (SoupServer *soup_server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "Hello\n", 6);
}

static void
on_drained (GObject *listener, GAsyncResult *result, gpointer loop)
{
  tessera_listener_drain_finish (TESSERA_LISTENER (listener), result, NULL);
  g_main_loop_quit (loop);
}

typedef struct
{
  TesseraListener *listener;
  GMainLoop *loop;
} Program;

static gboolean
on_terminate (gpointer data)
{
  Program *program = data;

  tessera_listener_drain_async (program->listener, NULL, on_drained, program->loop);
  return G_SOURCE_REMOVE;
}

int
main (int argc, char **argv)
{
  int port = argc > 1 ? atoi (argv[1]) : 8417;
  g_autofree char *issuer = g_strdup_printf ("http://127.0.0.1:%d", port);
  g_autoptr (SoupServer) soup_server = soup_server_new (NULL, NULL);
  g_autoptr (TesseraServer) tessera = tessera_server_new_in_memory (issuer);
  g_autoptr (TesseraListener) listener = tessera_listener_new (soup_server);
  g_autoptr (GSocketAddress) address
      = g_inet_socket_address_new_from_string ("127.0.0.1", (guint) port);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GError) error = NULL;
  Program program = { listener, loop };

  soup_server_add_handler (soup_server, NULL, on_request, NULL, NULL);
  if (!tessera_listener_add_address (listener, address, NULL, NULL, NULL, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  tessera_server_add_listener (tessera, listener);

  g_unix_signal_add (SIGTERM, on_terminate, &program);
  g_print ("listening\n");
  g_main_loop_run (loop);
  tessera_server_close (tessera);
  return 0;
}
