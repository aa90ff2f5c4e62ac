/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes a connection from libsoup, outside of libsoup's own reading, where that is safe. */

#include "server/tessera-soup-takeover-private.h"

#include <string.h>

typedef struct
{
  SoupServerMessage *message;
  gulong disconnected;
  GSource *idle;
  TesseraSoupTaken taken;
  gpointer data;
} Takeover;

static void
takeover_free (Takeover *self)
{
  g_clear_signal_handler (&self->disconnected, self->message);
  g_object_unref (self->message);
  g_source_destroy (self->idle);
  g_source_unref (self->idle);
  g_free (self);
}

static gboolean
on_idle (gpointer data)
{
  Takeover *self = data;
  g_autoptr (SoupServerMessage) message = g_object_ref (self->message);
  gboolean is_tls = strcmp (g_uri_get_scheme (soup_server_message_get_uri (message)), "https") == 0;
  GSocket *plain = is_tls ? NULL : soup_server_message_get_socket (message);
  g_autoptr (GSocket) socket = plain != NULL ? g_object_ref (plain) : NULL;
  TesseraSoupTaken taken = self->taken;
  gpointer taken_data = self->data;

  takeover_free (self);
  taken (soup_server_message_steal_connection (message), socket, taken_data);
  return G_SOURCE_REMOVE;
}

static void
on_disconnected (SoupServerMessage *message, gpointer data)
{
  Takeover *self = data;
  TesseraSoupTaken taken = self->taken;
  gpointer taken_data = self->data;

  takeover_free (self);
  taken (NULL, NULL, taken_data);
}

void
tessera_soup_take_over (SoupServerMessage *message,
                        guint status,
                        TesseraSoupTaken taken,
                        gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  Takeover *self = g_new0 (Takeover, 1);

  self->message = g_object_ref (message);
  self->taken = taken;
  self->data = data;
  self->disconnected
      = g_signal_connect (message, "disconnected", G_CALLBACK (on_disconnected), self);
  /* With a status, libsoup asks neither auth domains nor handlers; paused, it reads no further. */
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_pause (message);
  self->idle = g_idle_source_new ();
  g_source_set_priority (self->idle, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->idle, on_idle, self, NULL);
  g_source_attach (self->idle, context);
}

const char *
tessera_soup_get_phrase (guint status)
{
  /* RFC 6585 §5 is not in libsoup's table. */
  return status == 431 ? "Request Header Fields Too Large" : soup_status_get_phrase (status);
}

void
tessera_soup_append_head (GString *text, const TesseraExchange *exchange, const char *fields)
{
  g_string_append_printf (text, "HTTP/1.1 %u %s\r\n%s", exchange->status,
                          tessera_soup_get_phrase (exchange->status), fields);
  if (exchange->content_type != NULL)
    g_string_append_printf (text, "Content-Type: %s\r\n", exchange->content_type);
  for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i++)
    {
      const TesseraHeader *header = &g_array_index (exchange->headers, TesseraHeader, i);
      g_string_append_printf (text, "%s: %s\r\n", header->name, header->value);
    }
  g_string_append (text, "\r\n");
}
