/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads along, line by line, and lets no unusable Content-Length or Transfer-Encoding pass (RFC
 * 9112 §6.1, §6.2). Which lines are head and which are body is not asked: a form has no line
 * breaks. */

#include "tesserad-framing-stream.h"

#include <string.h>

#define LOOKED_AT 64 /* as much as is looked at */
#define DIGITS_MAX 18

#define TESSERAD_TYPE_FRAMING_INPUT (tesserad_framing_input_get_type ())
G_DECLARE_FINAL_TYPE (
    TesseradFramingInput, tesserad_framing_input, TESSERAD, FRAMING_INPUT, GFilterInputStream)

struct _TesseradFramingInput
{
  GFilterInputStream parent_instance;

  char line[LOOKED_AT + 1];
  gsize length;
  gboolean in_framing; /* the line before says a length, and must not go on in this one */
  gboolean refused;
};

static void tesserad_framing_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseradFramingInput,
                               tesserad_framing_input,
                               G_TYPE_FILTER_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      tesserad_framing_input_pollable_init))

/* The value behind "@name:", without the spaces around it; NULL when the line is another one. */
static char *
dup_value (const char *line, const char *name)
{
  gsize length = strlen (name);

  if (g_ascii_strncasecmp (line, name, length) != 0 || line[length] != ':')
    return NULL;
  return g_strstrip (g_strdup (line + length + 1));
}

static gboolean
is_length (const char *value)
{
  gsize digits = strspn (value, "0123456789");

  return digits > 0 && digits <= DIGITS_MAX && value[digits] == '\0';
}

static gboolean
is_line_good (TesseradFramingInput *self)
{
  g_autofree char *coding = dup_value (self->line, "Transfer-Encoding");
  g_autofree char *length = dup_value (self->line, "Content-Length");

  if (self->in_framing && (self->line[0] == ' ' || self->line[0] == '\t'))
    return FALSE;
  self->in_framing = coding != NULL || length != NULL;
  if (self->in_framing && self->length == LOOKED_AT)
    return FALSE;
  return (coding == NULL || g_ascii_strcasecmp (coding, "chunked") == 0)
         && (length == NULL || is_length (length));
}

static void
look_at (TesseradFramingInput *self, const char *bytes, gsize size)
{
  while (size > 0 && !self->refused)
    {
      const char *end = memchr (bytes, '\n', size);
      gsize part = end != NULL ? (gsize) (end - bytes) : size;
      gsize room = MIN (part, LOOKED_AT - self->length);

      memcpy (self->line + self->length, bytes, room);
      self->length += room;
      if (end == NULL)
        return;
      self->line[self->length] = '\0';
      self->refused = !is_line_good (self);
      self->length = 0;
      bytes += part + 1;
      size -= part + 1;
    }
}

/* What was read goes on, or nothing any more: to libsoup that is a client that went away. */
static gssize
pass_on (TesseradFramingInput *self, const void *bytes, gssize size)
{
  if (size > 0)
    look_at (self, bytes, (gsize) size);
  return size > 0 && self->refused ? 0 : size;
}

static gssize
tesserad_framing_input_read (
    GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  TesseradFramingInput *self = TESSERAD_FRAMING_INPUT (stream);
  GInputStream *base = g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (stream));

  if (self->refused)
    return 0;
  return pass_on (self, buffer, g_input_stream_read (base, buffer, count, cancellable, error));
}

static gssize
tesserad_framing_input_read_nonblocking (GPollableInputStream *stream,
                                         void *buffer,
                                         gsize count,
                                         GError **error)
{
  TesseradFramingInput *self = TESSERAD_FRAMING_INPUT (stream);
  GInputStream *base = g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (stream));

  if (self->refused)
    return 0;
  return pass_on (self, buffer,
                  g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (base), buffer,
                                                            count, NULL, error));
}

static GPollableInputStream *
get_pollable_base (GPollableInputStream *stream)
{
  return G_POLLABLE_INPUT_STREAM (
      g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (stream)));
}

static gboolean
tesserad_framing_input_is_readable (GPollableInputStream *stream)
{
  return TESSERAD_FRAMING_INPUT (stream)->refused
         || g_pollable_input_stream_is_readable (get_pollable_base (stream));
}

static GSource *
tesserad_framing_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  g_autoptr (GSource) base
      = g_pollable_input_stream_create_source (get_pollable_base (stream), cancellable);

  return g_pollable_source_new_full (stream, base, NULL);
}

static void
tesserad_framing_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = tesserad_framing_input_is_readable;
  iface->create_source = tesserad_framing_input_create_source;
  iface->read_nonblocking = tesserad_framing_input_read_nonblocking;
}

static void
tesserad_framing_input_class_init (TesseradFramingInputClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = tesserad_framing_input_read;
}

static void
tesserad_framing_input_init (TesseradFramingInput *self)
{
}

/* The pair: what comes is looked at, what goes and the end are the connection's own. */

#define TESSERAD_TYPE_FRAMING_STREAM (tesserad_framing_stream_get_type ())
G_DECLARE_FINAL_TYPE (
    TesseradFramingStream, tesserad_framing_stream, TESSERAD, FRAMING_STREAM, GIOStream)

struct _TesseradFramingStream
{
  GIOStream parent_instance;

  GIOStream *connection;
  GInputStream *input;
};

G_DEFINE_FINAL_TYPE (TesseradFramingStream, tesserad_framing_stream, G_TYPE_IO_STREAM)

static void
tesserad_framing_stream_finalize (GObject *object)
{
  TesseradFramingStream *self = TESSERAD_FRAMING_STREAM (object);

  G_OBJECT_CLASS (tesserad_framing_stream_parent_class)->finalize (object);
  g_object_unref (self->input);
  g_object_unref (self->connection);
}

static GInputStream *
tesserad_framing_stream_get_input_stream (GIOStream *stream)
{
  return TESSERAD_FRAMING_STREAM (stream)->input;
}

static GOutputStream *
tesserad_framing_stream_get_output_stream (GIOStream *stream)
{
  return g_io_stream_get_output_stream (TESSERAD_FRAMING_STREAM (stream)->connection);
}

static gboolean
tesserad_framing_stream_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  return g_io_stream_close (TESSERAD_FRAMING_STREAM (stream)->connection, cancellable, error);
}

static void
on_closed (GObject *connection, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (g_io_stream_close_finish (G_IO_STREAM (connection), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
tesserad_framing_stream_close_async (GIOStream *stream,
                                     int io_priority,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer data)
{
  g_io_stream_close_async (TESSERAD_FRAMING_STREAM (stream)->connection, io_priority, cancellable,
                           on_closed, g_task_new (stream, cancellable, callback, data));
}

static gboolean
tesserad_framing_stream_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
tesserad_framing_stream_class_init (TesseradFramingStreamClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tesserad_framing_stream_finalize;
  G_IO_STREAM_CLASS (klass)->get_input_stream = tesserad_framing_stream_get_input_stream;
  G_IO_STREAM_CLASS (klass)->get_output_stream = tesserad_framing_stream_get_output_stream;
  G_IO_STREAM_CLASS (klass)->close_fn = tesserad_framing_stream_close;
  G_IO_STREAM_CLASS (klass)->close_async = tesserad_framing_stream_close_async;
  G_IO_STREAM_CLASS (klass)->close_finish = tesserad_framing_stream_close_finish;
}

static void
tesserad_framing_stream_init (TesseradFramingStream *self)
{
}

GIOStream *
tesserad_framing_stream_new (GIOStream *connection)
{
  TesseradFramingStream *self = g_object_new (TESSERAD_TYPE_FRAMING_STREAM, NULL);

  self->connection = g_object_ref (connection);
  self->input
      = g_object_new (TESSERAD_TYPE_FRAMING_INPUT, "base-stream",
                      g_io_stream_get_input_stream (connection), "close-base-stream", FALSE, NULL);
  return G_IO_STREAM (self);
}
