/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.tessera.Tessera1.Manager: the state as a whole, through descriptors that callers send. */

#include "tessera-dbus-state-private.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMPORT_MAX (64 * 1024 * 1024)
#define PIECE (64 * 1024)

/* The descriptor that came with the call; -1 when the call has ended, since none came. */
static int
take_descriptor (TesseraDBusCall *call)
{
  GDBusMessage *message = g_dbus_method_invocation_get_message (call->invocation);
  GUnixFDList *list = g_dbus_message_get_unix_fd_list (message);
  GError *error = NULL;
  gint32 handle = -1;
  int fd = -1;

  g_variant_get (tessera_dbus_call_get_parameters (call), "(h)", &handle);
  if (list != NULL && handle >= 0 && handle < g_unix_fd_list_get_length (list))
    fd = g_unix_fd_list_get (list, handle, &error);
  else
    g_set_error_literal (&error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "No descriptor came");
  if (fd < 0)
    tessera_dbus_call_fail (call, error);
  return fd;
}

/* A pipe has room for a little and not for all of a write, which would wait for its reader, and the
 * main loop with it. The flag is the caller's too, and given back. */
typedef struct
{
  int fd;
  int flags; /* of before */
} Descriptor;

static void
descriptor_close (gpointer data)
{
  Descriptor *self = data;

  if (self->flags >= 0)
    fcntl (self->fd, F_SETFL, self->flags);
  close (self->fd);
  g_free (self);
}

static GOutputStream *
open_output (int fd)
{
  GOutputStream *stream = g_unix_output_stream_new (fd, FALSE);
  Descriptor *descriptor = g_new (Descriptor, 1);
  struct stat info;

  descriptor->fd = fd;
  descriptor->flags = fstat (fd, &info) == 0 && !S_ISREG (info.st_mode) ? fcntl (fd, F_GETFL) : -1;
  if (descriptor->flags >= 0)
    fcntl (fd, F_SETFL, descriptor->flags | O_NONBLOCK);
  g_object_set_data_full (G_OBJECT (stream), "tessera-descriptor", descriptor, descriptor_close);
  return stream;
}

static void
on_backed_up (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = tessera_server_back_up_finish (TESSERA_SERVER (source), result, &error);

  tessera_dbus_call_finish (data, done, error);
}

void
tessera_dbus_state_back_up (gpointer data)
{
  TesseraDBusCall *call = data;
  int fd = take_descriptor (call);

  if (fd < 0)
    return;
  g_autoptr (GOutputStream) stream = open_output (fd);
  tessera_server_back_up_async (tessera_dbus_call_get_server (call), stream, NULL, on_backed_up,
                                call);
}

static void
on_purged (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  guint64 rows = 0;

  if (tessera_server_purge_finish (TESSERA_SERVER (source), result, &rows, &error))
    tessera_dbus_call_return (data, g_variant_new ("(t)", rows));
  else
    tessera_dbus_call_fail (data, error);
}

void
tessera_dbus_state_purge (gpointer data)
{
  TesseraDBusCall *call = data;

  tessera_server_purge_async (tessera_dbus_call_get_server (call), NULL, on_purged, call);
}

/* One text on its way from the server to a descriptor, or from there to it. */
typedef struct
{
  TesseraDBusCall *call;
  GObject *stream;
  char *text; /* of an export */
  GByteArray *bytes;
  guint8 piece[PIECE];
} Transfer;

static Transfer *
transfer_new (TesseraDBusCall *call, gpointer stream)
{
  Transfer *self = g_new0 (Transfer, 1);

  self->call = call;
  self->stream = stream;
  self->bytes = g_byte_array_new ();
  return self;
}

/* Digests of secrets and hashes of passwords were in it. */
static void
transfer_free (Transfer *self)
{
  if (self->text != NULL)
    explicit_bzero (self->text, strlen (self->text));
  if (self->bytes->len > 0)
    explicit_bzero (self->bytes->data, self->bytes->len);
  explicit_bzero (self->piece, sizeof self->piece);
  g_object_unref (self->stream);
  g_byte_array_unref (self->bytes);
  g_free (self->text);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Transfer, transfer_free)

static void
on_written (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Transfer) self = data;
  GError *error = NULL;
  gboolean done = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);

  tessera_dbus_call_finish (self->call, done, error);
}

static void
on_exported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Transfer) self = data;
  GError *error = NULL;

  self->text = tessera_server_export_finish (TESSERA_SERVER (source), result, &error);
  if (self->text == NULL)
    {
      tessera_dbus_call_fail (self->call, error);
      return;
    }
  GOutputStream *stream = G_OUTPUT_STREAM (self->stream);
  const char *text = self->text;
  g_output_stream_write_all_async (stream, text, strlen (text), G_PRIORITY_DEFAULT, NULL,
                                   on_written, g_steal_pointer (&self));
}

void
tessera_dbus_state_export (gpointer data)
{
  TesseraDBusCall *call = data;
  int fd = take_descriptor (call);

  if (fd < 0)
    return;
  tessera_server_export_async (tessera_dbus_call_get_server (call), NULL, on_exported,
                               transfer_new (call, open_output (fd)));
}

static void
on_imported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Transfer) self = data;
  GError *error = NULL;
  guint clients = 0, users = 0;

  if (tessera_server_import_finish (TESSERA_SERVER (source), result, &clients, &users, &error))
    tessera_dbus_call_return (self->call,
                              g_variant_new ("(tt)", (guint64) clients, (guint64) users));
  else
    tessera_dbus_call_fail (self->call, error);
}

static void read_more (Transfer *self);

static void
import (Transfer *self)
{
  g_byte_array_append (self->bytes, (const guint8 *) "", 1);
  tessera_server_import_async (tessera_dbus_call_get_server (self->call),
                               (const char *) self->bytes->data, NULL, on_imported, self);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Transfer) self = data;
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0)
    tessera_dbus_call_fail (self->call, error);
  else if (self->bytes->len + (gsize) n > IMPORT_MAX)
    tessera_dbus_call_fail (self->call,
                            g_error_new_literal (G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                                 "This is too long to import"));
  else if (n == 0)
    import (g_steal_pointer (&self));
  else
    {
      g_byte_array_append (self->bytes, self->piece, (guint) n);
      read_more (g_steal_pointer (&self));
    }
}

static void
read_more (Transfer *self)
{
  g_input_stream_read_async (G_INPUT_STREAM (self->stream), self->piece, PIECE, G_PRIORITY_DEFAULT,
                             NULL, on_read, self);
}

void
tessera_dbus_state_import (gpointer data)
{
  TesseraDBusCall *call = data;
  int fd = take_descriptor (call);

  if (fd >= 0)
    read_more (transfer_new (call, g_unix_input_stream_new (fd, TRUE)));
}
