/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One login by way of PAM, in a process of its own: a module that hangs, crashes or leaks does so
 * there, and alone. */

#include "pam-conversation.h"

#include <poll.h>
#include <security/pam_appl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#define PROMPT_MAX 256 /* bytes, as the page has it */

typedef struct
{
  const PamSettings *settings;
  int fd;
  char *username;
  char *password; /* NULL: PAM has it */
  char *remote_address;
  gboolean permitted; /* FALSE: to be denied, whatever PAM says */
} Conversation;

static void
scrub (char *secret)
{
  if (secret != NULL)
    explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

/* Messages */

static gboolean
say (Conversation *self, char kind, const char *text)
{
  g_autofree char *message = g_strdup_printf ("%c%s", kind, text);

  return send (self->fd, message, strlen (message), MSG_NOSIGNAL) > 0;
}

/* Behind the first byte, with a NUL at its end; NULL: the agent has gone, or something else came.
 * To be scrubbed. */
static char *
hear (Conversation *self, char kind, gsize *out_length)
{
  char buffer[PAM_MESSAGE_MAX + 1] = { 0 };
  ssize_t n = TEMP_FAILURE_RETRY (recv (self->fd, buffer, PAM_MESSAGE_MAX, 0));
  char *text = NULL;

  if (n > 0 && buffer[0] == kind)
    {
      text = g_malloc0 ((gsize) n);
      memcpy (text, buffer + 1, (gsize) n - 1);
      *out_length = (gsize) n - 1;
    }
  explicit_bzero (buffer, sizeof buffer);
  return text;
}

static gboolean
hear_begin (Conversation *self)
{
  gsize length = 0;
  char *text = hear (self, PAM_MESSAGE_BEGIN, &length);
  const char *field = text;
  char **const fields[] = { &self->username, &self->password, &self->remote_address };

  if (text == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (fields) && field < text + length; i++)
    {
      *fields[i] = g_strdup (field);
      field += strlen (field) + 1;
    }
  explicit_bzero (text, length);
  g_free (text);
  return self->remote_address != NULL;
}

/* What PAM asks */

static char *
tidy_prompt (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  gsize length = MIN (strlen (valid), PROMPT_MAX);

  if (strlen (valid) > PROMPT_MAX)
    length = (gsize) (g_utf8_find_prev_char (valid, valid + length + 1) - valid);
  valid[length] = '\0';
  g_strstrip (valid);
  length = strlen (valid);
  if (length > 0 && valid[length - 1] == ':')
    valid[length - 1] = '\0';
  return g_steal_pointer (&valid);
}

static gboolean
asks_for_code (const char *text)
{
  static const char *const words[] = { "code", "one-time", "onetime", "otp", "token" };
  g_autofree char *lower = g_ascii_strdown (text, -1);

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (lower, words[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* By malloc, as PAM wants it. */
static char *
copy_for_pam (char *secret)
{
  char *copy = secret != NULL ? strdup (secret) : NULL;

  scrub (secret);
  return copy;
}

static char *
ask_person (Conversation *self, int style, const char *text)
{
  g_autofree char *prompt = tidy_prompt (text);
  char kind = style == PAM_PROMPT_ECHO_OFF && !asks_for_code (text) ? PAM_MESSAGE_ASK_SECRET
                                                                    : PAM_MESSAGE_ASK;
  gsize length = 0;

  if (!say (self, kind, prompt))
    return NULL;
  return copy_for_pam (hear (self, PAM_MESSAGE_ANSWER, &length));
}

/* The password has been typed already, and the first hidden question that is not for a code is for
 * it. Whatever is asked beyond it, only the person knows. */
static char *
answer (Conversation *self, const struct pam_message *message)
{
  if (message->msg_style == PAM_PROMPT_ECHO_OFF && self->password != NULL
      && !asks_for_code (message->msg))
    return copy_for_pam (g_steal_pointer (&self->password));
  return ask_person (self, message->msg_style, message->msg);
}

static void
free_responses (struct pam_response *responses, int n)
{
  for (int i = 0; i < n; i++)
    if (responses[i].resp != NULL)
      {
        explicit_bzero (responses[i].resp, strlen (responses[i].resp));
        free (responses[i].resp);
      }
  free (responses);
}

static int
converse (int n, const struct pam_message **messages, struct pam_response **out, void *data)
{
  Conversation *self = data;

  if (n <= 0 || n > PAM_MAX_NUM_MSG)
    return PAM_CONV_ERR;
  struct pam_response *responses = calloc ((size_t) n, sizeof *responses);
  if (responses == NULL)
    return PAM_BUF_ERR;
  for (int i = 0; i < n; i++)
    {
      int style = messages[i]->msg_style;

      /* What a module has to say is for a terminal. */
      if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG)
        continue;
      if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON)
        responses[i].resp = answer (self, messages[i]);
      if (responses[i].resp == NULL)
        {
          free_responses (responses, n);
          return PAM_CONV_ERR;
        }
    }
  *out = responses;
  return PAM_SUCCESS;
}

/* What PAM says */

/* A module may have made another account of the name. */
static char *
dup_account (Conversation *self, pam_handle_t *handle)
{
  const void *name = NULL;

  if (pam_get_item (handle, PAM_USER, &name) != PAM_SUCCESS || name == NULL
      || !pam_settings_permit (self->settings, name))
    return NULL;
  return g_strdup (name);
}

static int
authenticate (Conversation *self, pam_handle_t *handle)
{
  int status = pam_set_item (handle, PAM_RHOST, self->remote_address);

  if (status == PAM_SUCCESS)
    status = pam_set_item (handle, PAM_TTY, "tessera");
  if (status == PAM_SUCCESS)
    status = pam_authenticate (handle, PAM_DISALLOW_NULL_AUTHTOK);
  /* Also denies whoever has to change the password first: there is no page for that. */
  return status == PAM_SUCCESS ? pam_acct_mgmt (handle, PAM_DISALLOW_NULL_AUTHTOK) : status;
}

static void
decide (Conversation *self, pam_handle_t *handle)
{
  int status = authenticate (self, handle);
  g_autofree char *account = status == PAM_SUCCESS ? dup_account (self, handle) : NULL;

  if (status != PAM_SUCCESS)
    say (self, PAM_MESSAGE_DENY, pam_strerror (handle, status));
  else if (account == NULL || !self->permitted)
    say (self, PAM_MESSAGE_DENY, "the account is not for people");
  else
    say (self, PAM_MESSAGE_ALLOW, account);
  pam_end (handle, status);
}

static int
start_pam (Conversation *self, const struct pam_conv *conv, pam_handle_t **out_handle)
{
  const PamSettings *settings = self->settings;

  if (settings->directory != NULL)
    return pam_start_confdir (settings->service, self->username, conv, settings->directory,
                              out_handle);
  return pam_start (settings->service, self->username, conv, out_handle);
}

/* No password that anybody has: with control characters, and random. */
static char *
make_wrong_password (void)
{
  guint32 words[4] = { 0 };

  if (getrandom (words, sizeof words, 0) != (ssize_t) sizeof words)
    return g_strdup ("\b\n");
  return g_strdup_printf ("\b\n%08x%08x%08x%08x", words[0], words[1], words[2], words[3]);
}

/* Who may not log in costs PAM what others cost it: how long it takes does not tell which accounts
 * there are. */
static void
check_account (Conversation *self)
{
  self->permitted = pam_settings_permit (self->settings, self->username);
  if (self->permitted)
    return;
  scrub (self->password);
  self->password = make_wrong_password ();
}

/* Whoever waits in a module hears nothing of the agent's end, but this signal; and who was not yet
 * to be told, asks. */
static gboolean
end_with_agent (int fd)
{
  struct pollfd peer = { .fd = fd, .events = POLLRDHUP };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  return poll (&peer, 1, 0) >= 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0;
}

int
pam_conversation_run (const PamSettings *settings, int fd)
{
  Conversation self = { .settings = settings, .fd = fd };
  const struct pam_conv conv = { converse, &self };
  pam_handle_t *handle = NULL;

  if (!end_with_agent (fd) || !hear_begin (&self))
    return 1;
  check_account (&self);
  if (start_pam (&self, &conv, &handle) == PAM_SUCCESS)
    decide (&self, handle);
  else
    say (&self, PAM_MESSAGE_DENY, "PAM does not start");
  scrub (self.password);
  g_free (self.username);
  g_free (self.remote_address);
  close (fd);
  return 0;
}
