/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A login on its way through PAM, as the agent sees it. */

#include "pam-login.h"

#include "pam-conversation.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PERSON_SECONDS (20 * 60) /* as the login page has it */

struct _PamLogin
{
  char *id;
  GSubprocess *process;
  GSocket *socket;
  GSource *source;
  guint seconds;
  guint deadline;
  GDBusMethodInvocation *invocation; /* NULL: idle */
  PamLoginOver over;
  gpointer data;
};

static void
reply (PamLogin *self, const char *decision, GVariantDict *result)
{
  GDBusMethodInvocation *invocation = g_steal_pointer (&self->invocation);
  GVariant *members = g_variant_dict_end (result);

  if (invocation != NULL)
    g_dbus_method_invocation_return_value (invocation,
                                           g_variant_new ("(s@a{sv})", decision, members));
  else
    g_variant_unref (g_variant_ref_sink (members));
}

static void
reply_deny (PamLogin *self)
{
  GVariantDict result;

  g_variant_dict_init (&result, NULL);
  reply (self, "deny", &result);
}

void
pam_login_free (PamLogin *self)
{
  reply_deny (self);
  g_clear_handle_id (&self->deadline, g_source_remove);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_object_unref (self->socket);
  g_subprocess_force_exit (self->process);
  g_object_unref (self->process);
  g_free (self->id);
  g_free (self);
}

const char *
pam_login_get_id (PamLogin *self)
{
  return self->id;
}

gboolean
pam_login_is_idle (PamLogin *self)
{
  return self->invocation == NULL;
}

static gboolean
on_deadline (gpointer data)
{
  PamLogin *self = data;

  self->deadline = 0;
  g_message ("login %s: %s", self->id,
             pam_login_is_idle (self) ? "nobody answered" : "denied, PAM took too long");
  self->over (self, self->data);
  return G_SOURCE_REMOVE;
}

static void
start_deadline (PamLogin *self, guint seconds)
{
  g_clear_handle_id (&self->deadline, g_source_remove);
  self->deadline = g_timeout_add_seconds (seconds, on_deadline, self);
}

/* What the process says */

static void
ask (PamLogin *self, const char *prompt, gboolean secret)
{
  GVariantDict result;

  g_variant_dict_init (&result, NULL);
  if (*prompt != '\0')
    g_variant_dict_insert (&result, "prompt", "s", prompt);
  g_variant_dict_insert (&result, "secret", "b", secret);
  reply (self, "ask", &result);
  start_deadline (self, PERSON_SECONDS);
}

static void
allow (PamLogin *self, const char *account)
{
  GVariantDict result;

  g_message ("login %s: allowed, %s", self->id, account);
  g_variant_dict_init (&result, NULL);
  g_variant_dict_insert (&result, "subject", "s", account);
  reply (self, "allow", &result);
  self->over (self, self->data);
}

static void
deny (PamLogin *self, const char *reason)
{
  g_message ("login %s: denied, %s", self->id, reason);
  self->over (self, self->data);
}

static void
take_message (PamLogin *self, char kind, const char *text)
{
  gboolean is_utf8 = g_utf8_validate (text, -1, NULL);

  if (is_utf8 && (kind == PAM_MESSAGE_ASK || kind == PAM_MESSAGE_ASK_SECRET))
    ask (self, text, kind == PAM_MESSAGE_ASK_SECRET);
  else if (is_utf8 && kind == PAM_MESSAGE_ALLOW)
    allow (self, text);
  else
    deny (self, is_utf8 && kind == PAM_MESSAGE_DENY ? text : "not understood");
}

static gboolean
on_message (GSocket *socket, GIOCondition condition, gpointer data)
{
  PamLogin *self = data;
  char buffer[PAM_MESSAGE_MAX + 1];
  gssize n = g_socket_receive (socket, buffer, PAM_MESSAGE_MAX, NULL, NULL);

  if (n > 0)
    {
      buffer[n] = '\0';
      take_message (self, buffer[0], buffer + 1);
    }
  else
    deny (self, "its process has died");
  return G_SOURCE_CONTINUE; /* or destroyed with the login */
}

/* What it is told */

/* Scrubs and frees @message. */
static void
tell (PamLogin *self, GByteArray *message, GDBusMethodInvocation *invocation)
{
  gssize sent
      = g_socket_send (self->socket, (const char *) message->data, message->len, NULL, NULL);

  explicit_bzero (message->data, message->len);
  g_byte_array_unref (message);
  self->invocation = invocation;
  start_deadline (self, self->seconds);
  if (sent < 0)
    deny (self, "its process has died");
}

static void
append (GByteArray *message, const char *text, gsize length)
{
  g_byte_array_append (message, (const guint8 *) text, (guint) length);
}

void
pam_login_begin (PamLogin *self,
                 const char *username,
                 const char *password,
                 const char *remote_address,
                 GDBusMethodInvocation *invocation)
{
  /* Of its size at once: what is left behind by growing would not be scrubbed. */
  GByteArray *message = g_byte_array_sized_new (PAM_MESSAGE_MAX);
  const char kind = PAM_MESSAGE_BEGIN;

  append (message, &kind, 1);
  append (message, username, strlen (username) + 1);
  append (message, password, strlen (password) + 1);
  append (message, remote_address, strlen (remote_address) + 1);
  tell (self, message, invocation);
}

void
pam_login_answer (PamLogin *self, const char *answer, GDBusMethodInvocation *invocation)
{
  GByteArray *message = g_byte_array_sized_new (PAM_MESSAGE_MAX);
  const char kind = PAM_MESSAGE_ANSWER;

  append (message, &kind, 1);
  append (message, answer, strlen (answer));
  tell (self, message, invocation);
}

static void
watch_socket (PamLogin *self)
{
  self->source = g_socket_create_source (self->socket, G_IO_IN | G_IO_HUP, NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_message), self, NULL);
  g_source_attach (self->source, NULL);
}

PamLogin *
pam_login_new (const char *id,
               const char *const *arguments,
               guint seconds,
               PamLoginOver over,
               gpointer data,
               GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no more descriptors");
      return NULL;
    }
  g_subprocess_launcher_take_fd (launcher, fds[1], 3);
  /* The prompts of modules are told apart by their words. */
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_autoptr (GSubprocess) process = g_subprocess_launcher_spawnv (launcher, arguments, error);
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fds[0], NULL);
  if (process == NULL || socket == NULL)
    return NULL;

  PamLogin *self = g_new0 (PamLogin, 1);
  self->id = g_strdup (id);
  self->process = g_steal_pointer (&process);
  self->socket = g_steal_pointer (&socket);
  self->seconds = seconds;
  self->over = over;
  self->data = data;
  g_socket_set_blocking (self->socket, FALSE);
  watch_socket (self);
  return self;
}
