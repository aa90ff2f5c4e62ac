/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream in memory for libsoup, which asks of one that it be pollable (GPollableInputStream,
 * GPollableOutputStream): its sources have no descriptor, and are ready when they are told to be.
 */

#include "gate/tessera-gate-stream-private.h"

#define TESSERA_TYPE_GATE_INPUT (tessera_gate_input_get_type ())
G_DECLARE_FINAL_TYPE (TesseraGateInput, tessera_gate_input, TESSERA, GATE_INPUT, GInputStream)

#define TESSERA_TYPE_GATE_OUTPUT (tessera_gate_output_get_type ())
G_DECLARE_FINAL_TYPE (TesseraGateOutput, tessera_gate_output, TESSERA, GATE_OUTPUT, GOutputStream)

/* What may outlive the stream: libsoup holds on to the two halves. */
typedef struct
{
  gatomicrefcount ref_count;
  const TesseraGateStreamFuncs *funcs;
  gpointer owner; /* NULL: gone */
  GThread *thread;
  GMainContext *context;
  guint n_readers;                 /* Waiters for input */
  gboolean input_dry, output_full; /* LATER was said, and no wake came since */
  gboolean input_closed, output_closed;

  /* libsoup ends a chunked body in a thread of its own (g_output_stream_close_async ()). */
  GMutex lock;
  GByteArray *foreign; /* written in another thread, and not yet given to the owner */
} Pipe;

/* A source that is ready while there may be something to do. */
typedef struct
{
  GSource parent;
  Pipe *pipe;
  GObject *stream; /* one of the halves */
  gboolean output;
} Waiter;

struct _TesseraGateInput
{
  GInputStream parent_instance;
  Pipe *pipe;
};

struct _TesseraGateOutput
{
  GOutputStream parent_instance;
  Pipe *pipe;
};

struct _TesseraGateStream
{
  GIOStream parent_instance;
  Pipe *pipe;
  TesseraGateInput *input;
  TesseraGateOutput *output;
};

static void tessera_gate_input_pollable_init (GPollableInputStreamInterface *iface);
static void tessera_gate_output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraGateInput,
                               tessera_gate_input,
                               G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      tessera_gate_input_pollable_init))
G_DEFINE_FINAL_TYPE_WITH_CODE (TesseraGateOutput,
                               tessera_gate_output,
                               G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      tessera_gate_output_pollable_init))
G_DEFINE_FINAL_TYPE (TesseraGateStream, tessera_gate_stream, G_TYPE_IO_STREAM)

/* The pipe */

static Pipe *
pipe_new (const TesseraGateStreamFuncs *funcs, gpointer owner)
{
  Pipe *self = g_new0 (Pipe, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->funcs = funcs;
  self->owner = owner;
  self->thread = g_thread_self ();
  self->context = g_main_context_ref_thread_default ();
  g_mutex_init (&self->lock);
  return self;
}

static Pipe *
pipe_ref (Pipe *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

static void
pipe_unref (gpointer data)
{
  Pipe *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_main_context_unref (self->context);
  g_clear_pointer (&self->foreign, g_byte_array_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Gives the owner what another thread wrote. */
static void
deliver (Pipe *self)
{
  g_autoptr (GByteArray) bytes = NULL;

  g_mutex_lock (&self->lock);
  bytes = g_steal_pointer (&self->foreign);
  g_mutex_unlock (&self->lock);
  if (bytes != NULL && self->owner != NULL && !self->output_closed)
    self->funcs->write (self->owner, bytes->data, bytes->len, TRUE);
}

static gboolean
on_foreign (gpointer data)
{
  deliver (data);
  return G_SOURCE_REMOVE;
}

static void
take_foreign (Pipe *self, const void *bytes, gsize count)
{
  gboolean is_first = FALSE;
  GSource *source = NULL;

  g_mutex_lock (&self->lock);
  is_first = self->foreign == NULL;
  if (is_first)
    self->foreign = g_byte_array_new ();
  g_byte_array_append (self->foreign, bytes, (guint) count);
  g_mutex_unlock (&self->lock);
  if (!is_first)
    return;
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_foreign, pipe_ref (self), pipe_unref);
  g_source_attach (source, self->context);
  g_source_unref (source);
}

static gssize
pipe_read (Pipe *self, void *buffer, gsize count, GError **error)
{
  gssize got = self->owner != NULL && !self->input_closed
                   ? self->funcs->read (self->owner, buffer, count)
                   : 0;

  if (got != TESSERA_GATE_STREAM_LATER)
    return got;
  self->input_dry = TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "Nothing to read yet");
  return -1;
}

static gssize
pipe_write (Pipe *self, const void *bytes, gsize count, gboolean all, GError **error)
{
  gssize taken = TESSERA_GATE_STREAM_BROKEN;

  deliver (self);
  if (self->owner != NULL && !self->output_closed)
    taken = self->funcs->write (self->owner, bytes, count, all);
  if (taken >= 0)
    return taken;
  if (taken == TESSERA_GATE_STREAM_LATER)
    {
      self->output_full = TRUE;
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "No room to write yet");
    }
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "Nobody reads any more");
  return -1;
}

static void
pipe_close (Pipe *self, gboolean input)
{
  if (self->input_closed || (self->output_closed && !input))
    return;
  deliver (self);
  self->output_closed = TRUE;
  self->input_closed = input;
  if (self->owner != NULL)
    self->funcs->close (self->owner, input);
  self->input_dry = FALSE;
  self->output_full = FALSE;
}

/* Waiting. What wakes somebody is called in the thread of the context, which looks before it waits:
 * nobody has to be woken for it (g_source_set_ready_time () would write to a descriptor). */

static gboolean
waiter_is_ready (GSource *source)
{
  Waiter *self = (Waiter *) source;

  return !(self->output ? self->pipe->output_full : self->pipe->input_dry);
}

static gboolean
waiter_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return waiter_is_ready (source);
}

static gboolean
waiter_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return ((GPollableSourceFunc) (void (*) (void)) callback) (((Waiter *) source)->stream, data);
}

static void
waiter_finalize (GSource *source)
{
  Waiter *self = (Waiter *) source;

  self->pipe->n_readers -= self->output ? 0 : 1;
  pipe_unref (self->pipe);
  g_object_unref (self->stream);
}

/* For g_source_set_closure () and g_source_set_dummy_callback (). */
static gboolean
on_closure (GObject *stream, gpointer data)
{
  g_auto (GValue) result = G_VALUE_INIT;
  g_auto (GValue) param = G_VALUE_INIT;

  g_value_init (&result, G_TYPE_BOOLEAN);
  g_value_init (&param, G_TYPE_OBJECT);
  g_value_set_object (&param, stream);
  g_closure_invoke (data, &result, 1, &param, NULL);
  return g_value_get_boolean (&result);
}

static GSourceFuncs waiter_funcs = {
  waiter_prepare,
  waiter_is_ready,
  waiter_dispatch,
  waiter_finalize,
  (GSourceFunc) (void (*) (void)) on_closure,
  NULL,
};

static GSource *
create_source (Pipe *pipe, GObject *stream, gboolean output, GCancellable *cancellable)
{
  GSource *source = g_source_new (&waiter_funcs, sizeof (Waiter));
  Waiter *waiter = (Waiter *) source;

  waiter->pipe = pipe_ref (pipe);
  waiter->stream = g_object_ref (stream);
  waiter->output = output;
  pipe->n_readers += output ? 0 : 1;
  g_source_set_static_name (source, "tessera-gate-stream");
  if (cancellable != NULL)
    {
      g_autoptr (GSource) cancelled = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (cancelled);
      g_source_add_child_source (source, cancelled);
    }
  return source;
}

/* The input */

static gssize
tessera_gate_input_read (
    GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return pipe_read (TESSERA_GATE_INPUT (stream)->pipe, buffer, count, error);
}

static gssize
tessera_gate_input_read_nonblocking (GPollableInputStream *stream,
                                     void *buffer,
                                     gsize count,
                                     GError **error)
{
  return pipe_read (TESSERA_GATE_INPUT (stream)->pipe, buffer, count, error);
}

static gboolean
tessera_gate_input_is_readable (GPollableInputStream *stream)
{
  return !TESSERA_GATE_INPUT (stream)->pipe->input_dry;
}

static GSource *
tessera_gate_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  return create_source (TESSERA_GATE_INPUT (stream)->pipe, G_OBJECT (stream), FALSE, cancellable);
}

static gboolean
tessera_gate_input_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  return TRUE;
}

static void
tessera_gate_input_finalize (GObject *object)
{
  pipe_unref (TESSERA_GATE_INPUT (object)->pipe);
  G_OBJECT_CLASS (tessera_gate_input_parent_class)->finalize (object);
}

static void
tessera_gate_input_class_init (TesseraGateInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_gate_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = tessera_gate_input_read;
  G_INPUT_STREAM_CLASS (klass)->close_fn = tessera_gate_input_close;
}

static void
tessera_gate_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = tessera_gate_input_is_readable;
  iface->create_source = tessera_gate_input_create_source;
  iface->read_nonblocking = tessera_gate_input_read_nonblocking;
}

static void
tessera_gate_input_init (TesseraGateInput *self)
{
}

/* The output */

static gssize
tessera_gate_output_write (GOutputStream *stream,
                           const void *bytes,
                           gsize count,
                           GCancellable *cancellable,
                           GError **error)
{
  Pipe *pipe = TESSERA_GATE_OUTPUT (stream)->pipe;

  if (g_thread_self () == pipe->thread)
    return pipe_write (pipe, bytes, count, TRUE, error);
  take_foreign (pipe, bytes, count);
  return (gssize) count;
}

static gssize
tessera_gate_output_write_nonblocking (GPollableOutputStream *stream,
                                       const void *bytes,
                                       gsize count,
                                       GError **error)
{
  return pipe_write (TESSERA_GATE_OUTPUT (stream)->pipe, bytes, count, FALSE, error);
}

static gboolean
tessera_gate_output_is_writable (GPollableOutputStream *stream)
{
  return !TESSERA_GATE_OUTPUT (stream)->pipe->output_full;
}

static GSource *
tessera_gate_output_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  return create_source (TESSERA_GATE_OUTPUT (stream)->pipe, G_OBJECT (stream), TRUE, cancellable);
}

static gboolean
tessera_gate_output_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  Pipe *pipe = TESSERA_GATE_OUTPUT (stream)->pipe;

  if (g_thread_self () == pipe->thread)
    pipe_close (pipe, FALSE);
  return TRUE;
}

static void
tessera_gate_output_finalize (GObject *object)
{
  pipe_unref (TESSERA_GATE_OUTPUT (object)->pipe);
  G_OBJECT_CLASS (tessera_gate_output_parent_class)->finalize (object);
}

static void
tessera_gate_output_class_init (TesseraGateOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_gate_output_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = tessera_gate_output_write;
  G_OUTPUT_STREAM_CLASS (klass)->close_fn = tessera_gate_output_close;
}

static void
tessera_gate_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = tessera_gate_output_is_writable;
  iface->create_source = tessera_gate_output_create_source;
  iface->write_nonblocking = tessera_gate_output_write_nonblocking;
}

static void
tessera_gate_output_init (TesseraGateOutput *self)
{
}

/* Both */

static GInputStream *
tessera_gate_stream_get_input_stream (GIOStream *stream)
{
  return G_INPUT_STREAM (TESSERA_GATE_STREAM (stream)->input);
}

static GOutputStream *
tessera_gate_stream_get_output_stream (GIOStream *stream)
{
  return G_OUTPUT_STREAM (TESSERA_GATE_STREAM (stream)->output);
}

static gboolean
tessera_gate_stream_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  pipe_close (TESSERA_GATE_STREAM (stream)->pipe, TRUE);
  return TRUE;
}

/* GIOStream's own would do it in a thread. */
static void
tessera_gate_stream_close_async (GIOStream *stream,
                                 int io_priority,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, data);

  g_task_set_source_tag (task, tessera_gate_stream_close_async);
  g_task_set_priority (task, io_priority);
  pipe_close (TESSERA_GATE_STREAM (stream)->pipe, TRUE);
  g_task_return_boolean (task, TRUE);
}

static gboolean
tessera_gate_stream_close_finish (GIOStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
tessera_gate_stream_finalize (GObject *object)
{
  TesseraGateStream *self = TESSERA_GATE_STREAM (object);

  g_clear_object (&self->input);
  g_clear_object (&self->output);
  pipe_unref (self->pipe);
  G_OBJECT_CLASS (tessera_gate_stream_parent_class)->finalize (object);
}

static void
tessera_gate_stream_class_init (TesseraGateStreamClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_gate_stream_finalize;
  G_IO_STREAM_CLASS (klass)->get_input_stream = tessera_gate_stream_get_input_stream;
  G_IO_STREAM_CLASS (klass)->get_output_stream = tessera_gate_stream_get_output_stream;
  G_IO_STREAM_CLASS (klass)->close_fn = tessera_gate_stream_close;
  G_IO_STREAM_CLASS (klass)->close_async = tessera_gate_stream_close_async;
  G_IO_STREAM_CLASS (klass)->close_finish = tessera_gate_stream_close_finish;
}

static void
tessera_gate_stream_init (TesseraGateStream *self)
{
}

TesseraGateStream *
tessera_gate_stream_new (const TesseraGateStreamFuncs *funcs, gpointer owner)
{
  TesseraGateStream *self = g_object_new (TESSERA_TYPE_GATE_STREAM, NULL);

  self->pipe = pipe_new (funcs, owner);
  self->input = g_object_new (TESSERA_TYPE_GATE_INPUT, NULL);
  self->input->pipe = pipe_ref (self->pipe);
  self->output = g_object_new (TESSERA_TYPE_GATE_OUTPUT, NULL);
  self->output->pipe = pipe_ref (self->pipe);
  return self;
}

void
tessera_gate_stream_forget_owner (TesseraGateStream *self)
{
  self->pipe->owner = NULL;
  self->pipe->input_dry = FALSE;
  self->pipe->output_full = FALSE;
}

void
tessera_gate_stream_dry_input (TesseraGateStream *self)
{
  self->pipe->input_dry = TRUE;
}

gboolean
tessera_gate_stream_is_awaited (TesseraGateStream *self)
{
  return self->pipe->n_readers > 0;
}

void
tessera_gate_stream_wake_input (TesseraGateStream *self)
{
  self->pipe->input_dry = FALSE;
}

void
tessera_gate_stream_wake_output (TesseraGateStream *self)
{
  self->pipe->output_full = FALSE;
}
