/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's end of the way to other machines: starts the program that goes there, or finds it at
 * its socket, asks it, and goes on without it when it does not answer (threats.md G03). */

#include "server/tessera-outbound-private.h"

#include "base/tessera-outbound-channel-private.h"
#include "base/tessera-outbound-wire-private.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM_FD 3
#define WAITING_MAX 64
#define WAITING_MS 5000 /* for a place */
/* What the program grants itself, and time to say so: past it, it hangs. */
#define HANG_MS (TESSERA_OUTBOUND_PATIENCE_MS + 2000)
#define IDLE_SECONDS 30
#define REST_MS 1000 /* after a program that came to nothing, before the next */

/**
 * TesseraOutbound:
 *
 * The way to other machines.
 *
 * A server opens no connections itself. What it has to ask elsewhere (the keys of a client that
 * publishes them at its `jwks_uri`), or to tell (that a session has ended, at a client's
 * `backchannel_logout_uri`), is done by another program, `tessera-outbound`, which asks with https
 * alone, goes to public addresses alone unless told of others, follows no redirects, and gives up
 * after 64 KiB and five seconds. So whoever can register such an address does not reach the inside
 * of a network with it. A fault in that program is not one in the process that holds the signing
 * keys; but only where somebody else runs it ([ctor@Outbound.new_for_socket]) has it a user of its
 * own, who cannot read their files.
 *
 * ```c
 * g_autoptr (TesseraOutbound) outbound = tessera_outbound_new_for_program (NULL);
 * g_object_set (server, "outbound", outbound, NULL);
 * ```
 *
 * Without one ([property@Server:outbound]) nothing that needs it is offered.
 *
 * An object lives in the thread, and on the default context, that made it.
 *
 * Since: 1.0
 */
struct _TesseraOutbound
{
  GObject parent_instance;

  char **argv; /* of the program; or NULL: */
  char *path;  /* of its socket */

  TesseraOutboundChannel *channel; /* NULL: nobody is asked now */
  GSubprocess *process;
  gboolean has_answered; /* since it was started */
  gint64 rests_until;    /* monotonic, in microseconds */
  GSource *idle;

  guint32 last_id;
  GHashTable *asked; /* &Question.id -> Question* */
  GQueue waiting;    /* Question* */
};

G_DEFINE_FINAL_TYPE (TesseraOutbound, tessera_outbound, G_TYPE_OBJECT)

typedef struct
{
  TesseraOutbound *outbound;
  TesseraOutboundRequest request;
  char **media_types;
  GTask *task; /* NULL: told already, and the program still has it */
  GSource *deadline;
  GSource *cancelled;
} Question;

static void pump (TesseraOutbound *self);

/* A question */

static void
drop_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
question_free (Question *question)
{
  drop_source (&question->deadline);
  drop_source (&question->cancelled);
  g_clear_object (&question->task);
  g_free (question->request.uri);
  g_free (question->request.accept);
  g_free (question->request.form);
  g_strfreev (question->media_types);
  g_free (question);
}

static void
tell_error (Question *question, GIOErrorEnum code, const char *why)
{
  g_autoptr (GTask) task = g_steal_pointer (&question->task);

  drop_source (&question->cancelled);
  if (task != NULL)
    g_task_return_new_error (task, G_IO_ERROR, (int) code, "%s: %s", question->request.uri, why);
}

static gboolean
is_accepted (Question *question, const char *media_type)
{
  for (char **accepted = question->media_types; *accepted != NULL; accepted++)
    if (g_ascii_strcasecmp (*accepted, media_type) == 0)
      return TRUE;
  return FALSE;
}

/* Of what was answered. NULL: nothing. */
static const char *
find_fault (Question *question, const TesseraOutboundReply *reply)
{
  if (question->request.method != TESSERA_OUTBOUND_GET)
    return NULL;
  if (reply->status != 200)
    return "the status of the answer is not 200";
  return is_accepted (question, reply->media_type) ? NULL : "the answer is of another media type";
}

static void
tell (Question *question, const TesseraOutboundReply *reply)
{
  static const GIOErrorEnum codes[] = {
    [TESSERA_OUTBOUND_ANSWERED] = G_IO_ERROR_FAILED,
    [TESSERA_OUTBOUND_REFUSED] = G_IO_ERROR_PERMISSION_DENIED,
    [TESSERA_OUTBOUND_FAILED] = G_IO_ERROR_FAILED,
    [TESSERA_OUTBOUND_LATE] = G_IO_ERROR_TIMED_OUT,
    [TESSERA_OUTBOUND_TOO_LONG] = G_IO_ERROR_MESSAGE_TOO_LARGE,
    [TESSERA_OUTBOUND_BUSY] = G_IO_ERROR_BUSY,
  };
  gboolean answered = reply->outcome == TESSERA_OUTBOUND_ANSWERED;
  const char *fault = answered ? find_fault (question, reply) : reply->why;

  if (fault != NULL)
    {
      tell_error (question, codes[reply->outcome], fault);
      return;
    }
  g_autoptr (GTask) task = g_steal_pointer (&question->task);
  drop_source (&question->cancelled);
  if (task == NULL)
    return;
  if (question->request.method == TESSERA_OUTBOUND_GET)
    g_task_return_pointer (task, g_bytes_ref (reply->body), (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_int (task, reply->status);
}

static void
set_deadline (Question *question, guint ms, GSourceFunc func)
{
  drop_source (&question->deadline);
  question->deadline = g_timeout_source_new (ms);
  g_source_set_callback (question->deadline, func, question, NULL);
  g_source_attach (question->deadline, g_main_context_get_thread_default ());
}

/* The program */

static void
stop_idle (TesseraOutbound *self)
{
  drop_source (&self->idle);
}

static void
hang_up (TesseraOutbound *self)
{
  stop_idle (self);
  g_clear_pointer (&self->channel, tessera_outbound_channel_free);
  if (self->process != NULL)
    g_subprocess_force_exit (self->process);
  g_clear_object (&self->process);
}

/* Whatever it was asked is lost; what waits is asked of the next. */
static void
give_up (TesseraOutbound *self, GIOErrorEnum code, const char *why)
{
  g_autoptr (GHashTable) lost = g_steal_pointer (&self->asked);
  GHashTableIter iter;
  gpointer question = NULL;

  self->asked
      = g_hash_table_new_full (g_int_hash, g_int_equal, NULL, (GDestroyNotify) question_free);
  if (!self->has_answered)
    self->rests_until = g_get_monotonic_time () + REST_MS * 1000;
  hang_up (self);
  g_hash_table_iter_init (&iter, lost);
  while (g_hash_table_iter_next (&iter, NULL, &question))
    tell_error (question, code, why);
}

static gboolean
on_idle (gpointer data)
{
  hang_up (data);
  return G_SOURCE_REMOVE;
}

/* A program that nobody needs is not kept, and a new one reads its settings anew. */
static void
start_idle (TesseraOutbound *self)
{
  stop_idle (self);
  self->idle = g_timeout_source_new_seconds (IDLE_SECONDS);
  g_source_set_callback (self->idle, on_idle, self, NULL);
  g_source_attach (self->idle, g_main_context_get_thread_default ());
}

static void
on_frame (gpointer data, const guint8 *frame, gsize length)
{
  TesseraOutbound *self = data;
  g_autoptr (TesseraOutboundReply) reply = tessera_outbound_reply_parse (frame, length);
  Question *question = NULL;

  if (reply != NULL)
    question = g_hash_table_lookup (self->asked, &reply->id);
  g_object_ref (self);
  if (question != NULL)
    {
      self->has_answered = TRUE;
      g_hash_table_steal (self->asked, &reply->id);
      tell (question, reply);
      question_free (question);
    }
  else
    {
      g_warning ("%s said what it was not asked", self->argv != NULL ? self->argv[0] : self->path);
      give_up (self, G_IO_ERROR_FAILED, "the program for it said what it was not asked");
    }
  pump (self);
  g_object_unref (self);
}

static void
on_closed (gpointer data)
{
  TesseraOutbound *self = data;

  g_object_ref (self);
  if (!self->has_answered || g_hash_table_size (self->asked) > 0)
    g_warning ("%s has gone", self->argv != NULL ? self->argv[0] : self->path);
  give_up (self, G_IO_ERROR_FAILED, "the program for it has gone");
  pump (self);
  g_object_unref (self);
}

static GSocket *
start_program (TesseraOutbound *self, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GSocket) socket = NULL;
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, g_strerror (errno));
      return NULL;
    }
  g_subprocess_launcher_take_fd (launcher, fds[1], PROGRAM_FD);
  socket = g_socket_new_from_fd (fds[0], error);
  if (socket == NULL)
    {
      close (fds[0]);
      return NULL;
    }
  self->process = g_subprocess_launcher_spawnv (launcher, (const char *const *) self->argv, error);
  return self->process != NULL ? g_steal_pointer (&socket) : NULL;
}

static GSocket *
connect_socket (TesseraOutbound *self, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (self->path);
  g_autoptr (GSocket) socket
      = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);

  if (socket == NULL)
    return NULL;
  /* At once or not at all: a full backlog is no reason to wait. */
  g_socket_set_blocking (socket, FALSE);
  return g_socket_connect (socket, address, NULL, error) ? g_steal_pointer (&socket) : NULL;
}

static gboolean
reach (TesseraOutbound *self, GError **error)
{
  static const TesseraOutboundChannelFuncs funcs = { on_frame, on_closed };
  g_autoptr (GSocket) socket = NULL;

  if (self->channel != NULL)
    return TRUE;
  if (g_get_monotonic_time () < self->rests_until)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                           "the program for it came to nothing a moment ago");
      return FALSE;
    }
  self->has_answered = FALSE;
  socket = self->argv != NULL ? start_program (self, error) : connect_socket (self, error);
  if (socket == NULL)
    {
      self->rests_until = g_get_monotonic_time () + REST_MS * 1000;
      return FALSE;
    }
  self->channel = tessera_outbound_channel_new (socket, TESSERA_OUTBOUND_REPLY_MAX, &funcs, self);
  return TRUE;
}

/* Asking */

static gboolean
on_hang (gpointer data)
{
  Question *question = data;
  TesseraOutbound *self = g_object_ref (question->outbound);

  g_warning ("%s does not answer any more", self->argv != NULL ? self->argv[0] : self->path);
  give_up (self, G_IO_ERROR_TIMED_OUT, "the program for it does not answer");
  pump (self);
  g_object_unref (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_waited (gpointer data)
{
  Question *question = data;

  g_queue_remove (&question->outbound->waiting, question);
  tell_error (question, G_IO_ERROR_BUSY, "too many requests wait");
  question_free (question);
  return G_SOURCE_REMOVE;
}

static void
ask (TesseraOutbound *self, Question *question)
{
  g_autoptr (GError) error = NULL;

  if (!reach (self, &error))
    {
      tell_error (question, G_IO_ERROR_NOT_CONNECTED, error->message);
      question_free (question);
      return;
    }
  stop_idle (self);
  g_hash_table_insert (self->asked, &question->request.id, question);
  set_deadline (question, HANG_MS, on_hang);
  tessera_outbound_channel_send (self->channel,
                                 tessera_outbound_request_serialise (&question->request));
}

static void
pump (TesseraOutbound *self)
{
  while (self->waiting.length > 0 && g_hash_table_size (self->asked) < TESSERA_OUTBOUND_AT_ONCE)
    ask (self, g_queue_pop_head (&self->waiting));
  if (self->channel != NULL && g_hash_table_size (self->asked) == 0)
    start_idle (self);
}

/* The program is not told: a place is free again when it has answered. */
static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  Question *question = data;
  gboolean waits = g_queue_remove (&question->outbound->waiting, question);

  tell_error (question, G_IO_ERROR_CANCELLED, "cancelled");
  if (waits)
    question_free (question);
  return G_SOURCE_REMOVE;
}

static void
watch_cancellable (Question *question, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;
  question->cancelled = g_cancellable_source_new (cancellable);
  g_source_set_callback (question->cancelled, G_SOURCE_FUNC (on_cancelled), question, NULL);
  g_source_attach (question->cancelled, g_main_context_get_thread_default ());
}

static gboolean
is_sendable (const TesseraOutboundRequest *request)
{
  return request->uri[0] != '\0'
         && tessera_outbound_is_text (request->uri, TESSERA_OUTBOUND_URI_MAX)
         && tessera_outbound_is_text (request->accept, TESSERA_OUTBOUND_ACCEPT_MAX)
         && tessera_outbound_is_text (request->form, TESSERA_OUTBOUND_FORM_MAX);
}

/* Takes @question. */
static void
start (Question *question, GCancellable *cancellable)
{
  TesseraOutbound *self = question->outbound;

  if (!is_sendable (&question->request))
    tell_error (question, G_IO_ERROR_PERMISSION_DENIED, "it cannot be asked for: too long, or odd");
  else if (self->waiting.length >= WAITING_MAX)
    tell_error (question, G_IO_ERROR_BUSY, "too many requests wait");
  if (question->task == NULL)
    {
      question_free (question);
      return;
    }
  watch_cancellable (question, cancellable);
  set_deadline (question, WAITING_MS, on_waited);
  g_queue_push_tail (&self->waiting, question);
  pump (self);
}

static Question *
question_new (TesseraOutbound *self,
              TesseraOutboundMethod method,
              const char *uri,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer data)
{
  Question *question = g_new0 (Question, 1);

  question->outbound = self;
  /* The task keeps @self. */
  question->task = g_task_new (self, cancellable, callback, data);
  question->request.id = ++self->last_id;
  question->request.method = method;
  question->request.uri = g_strdup (uri);
  return question;
}

void
_tessera_outbound_get_async (TesseraOutbound *self,
                             const char *uri,
                             const char *const *accepted_media_types,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer data)
{
  Question *question = question_new (self, TESSERA_OUTBOUND_GET, uri, cancellable, callback, data);

  g_task_set_source_tag (question->task, _tessera_outbound_get_async);
  question->media_types = g_strdupv ((char **) accepted_media_types);
  question->request.accept = g_strjoinv (", ", question->media_types);
  question->request.form = g_strdup ("");
  start (question, cancellable);
}

GBytes *
_tessera_outbound_get_finish (TesseraOutbound *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, _tessera_outbound_get_async), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
_tessera_outbound_post_form_async (TesseraOutbound *self,
                                   const char *uri,
                                   const char *body,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer data)
{
  Question *question
      = question_new (self, TESSERA_OUTBOUND_POST_FORM, uri, cancellable, callback, data);

  g_task_set_source_tag (question->task, _tessera_outbound_post_form_async);
  question->request.accept = g_strdup ("");
  question->request.form = g_strdup (body);
  start (question, cancellable);
}

guint
_tessera_outbound_post_form_finish (TesseraOutbound *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), 0);
  g_return_val_if_fail (g_async_result_is_tagged (result, _tessera_outbound_post_form_async), 0);
  gssize status = g_task_propagate_int (G_TASK (result), error);

  return status > 0 ? (guint) status : 0;
}

/* Life */

static void
tessera_outbound_finalize (GObject *object)
{
  TesseraOutbound *self = TESSERA_OUTBOUND (object);

  hang_up (self);
  g_hash_table_unref (self->asked);
  g_queue_clear_full (&self->waiting, (GDestroyNotify) question_free);
  g_strfreev (self->argv);
  g_free (self->path);
  G_OBJECT_CLASS (tessera_outbound_parent_class)->finalize (object);
}

static void
tessera_outbound_class_init (TesseraOutboundClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_outbound_finalize;
}

static void
tessera_outbound_init (TesseraOutbound *self)
{
  self->asked
      = g_hash_table_new_full (g_int_hash, g_int_equal, NULL, (GDestroyNotify) question_free);
  g_queue_init (&self->waiting);
}

/**
 * tessera_outbound_new_for_program:
 * @argv: (nullable) (array zero-terminated=1): the program with its arguments, or %NULL for the
 *   one that was installed with the library, without arguments
 *
 * A way to other machines by a process of this one's own. It is started when there is something to
 * ask, stopped when there was nothing for half a minute, and started anew when it died or hung. Its
 * arguments are described in tessera-outbound(8): `--allow-address` for addresses that are not
 * public, `--ca-file` for authorities of one's own. It runs as the user of this process, and could
 * read what that can: keys and database too.
 *
 * Returns: (transfer full): the way
 */
TesseraOutbound *
tessera_outbound_new_for_program (const char *const *argv)
{
  static const char *const installed[] = { TESSERA_LIBEXECDIR "/tessera-outbound", NULL };
  TesseraOutbound *self = NULL;

  g_return_val_if_fail (argv == NULL || argv[0] != NULL, NULL);
  self = g_object_new (TESSERA_TYPE_OUTBOUND, NULL);
  self->argv = g_strdupv ((char **) (argv != NULL ? argv : installed));
  return self;
}

/**
 * tessera_outbound_new_for_socket:
 * @path: (type filename): where the program listens
 *
 * A way to other machines by a program that somebody else runs, such as systemd
 * (`tessera-outbound.socket`): with a user, limits and a network of its own.
 *
 * Returns: (transfer full): the way
 */
TesseraOutbound *
tessera_outbound_new_for_socket (const char *path)
{
  TesseraOutbound *self = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  self = g_object_new (TESSERA_TYPE_OUTBOUND, NULL);
  self->path = g_strdup (path);
  return self;
}
