/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file that keeps the audit trail (threats.md §4: append only, fail closed if that is asked).
 */

#include "base/tessera-audit-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct _TesseraAuditFile
{
  char *path;
  int fd;
  gboolean required;
  gboolean torn; /* the last line was not written to its end */
  gboolean failed;

  GThread *thread; /* NULL: required */
  GMutex mutex;    /* over what follows */
  GCond changed;
  GString *waiting;
  gboolean closing;
  guint64 lost;
};

static gboolean
set_error (GError **error, const char *path, int code)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", path, g_strerror (code));
  return FALSE;
}

/* Non-blocking, so that a fifo without a reader does not hold the start up. */
static gboolean
open_file (TesseraAuditFile *self, GError **error)
{
  struct stat status;

  self->fd
      = open (self->path,
              O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
  if (self->fd < 0)
    return set_error (error, self->path, errno);
  if (fstat (self->fd, &status) == 0 && S_ISREG (status.st_mode))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "%s is not a regular file",
               self->path);
  return FALSE;
}

static gboolean
write_all (TesseraAuditFile *self, const char *text, gsize length)
{
  while (length > 0)
    {
      gssize n = write (self->fd, text, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      text += n;
      length -= (gsize) n;
      self->torn = text[-1] != '\n';
    }
  return TRUE;
}

/* What was torn ends before something new begins. Says once what is wrong. */
static gboolean
write_lines (TesseraAuditFile *self, const char *text, gsize length)
{
  gboolean written = (!self->torn || write_all (self, "\n", 1)) && write_all (self, text, length);

  if (!written && !self->failed)
    g_warning ("The audit file %s cannot be written: %s", self->path, g_strerror (errno));
  self->failed = !written;
  return written;
}

static guint64
count_lines (const GString *text)
{
  guint64 lines = 0;

  for (const char *c = text->str; (c = strchr (c, '\n')) != NULL; c++)
    lines++;
  return lines;
}

/* An empty one: the end. */
static GString *
take_waiting (TesseraAuditFile *self)
{
  GString *taken = NULL;

  g_mutex_lock (&self->mutex);
  while (self->waiting->len == 0 && !self->closing)
    g_cond_wait (&self->changed, &self->mutex);
  taken = self->waiting;
  self->waiting = g_string_new (NULL);
  g_mutex_unlock (&self->mutex);
  return taken;
}

static void
add_lost (TesseraAuditFile *self, guint64 lines)
{
  g_mutex_lock (&self->mutex);
  self->lost += lines;
  g_mutex_unlock (&self->mutex);
}

static gpointer
write_in_thread (gpointer data)
{
  TesseraAuditFile *self = data;

  for (;;)
    {
      GString *text = take_waiting (self);
      gboolean is_end = text->len == 0;

      if (!is_end && !write_lines (self, text->str, text->len))
        add_lost (self, count_lines (text));
      g_string_free (text, TRUE);
      if (is_end)
        return NULL;
    }
}

TesseraAuditFile *
tessera_audit_file_open (const char *path, gboolean required, GError **error)
{
  g_autoptr (TesseraAuditFile) self = g_new0 (TesseraAuditFile, 1);

  self->path = g_strdup (path);
  self->required = required;
  self->waiting = g_string_new (NULL);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  if (!open_file (self, error))
    return NULL;
  if (!required)
    self->thread = g_thread_new ("tessera-audit", write_in_thread, self);
  return g_steal_pointer (&self);
}

void
tessera_audit_file_finish (TesseraAuditFile *self)
{
  g_mutex_lock (&self->mutex);
  self->closing = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->mutex);
  g_clear_pointer (&self->thread, g_thread_join);
}

void
tessera_audit_file_close (TesseraAuditFile *self)
{
  if (self == NULL)
    return;

  tessera_audit_file_finish (self);
  if (self->fd >= 0)
    close (self->fd);
  g_string_free (self->waiting, TRUE);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  g_free (self->path);
  g_free (self);
}

static void
queue_line (TesseraAuditFile *self, const char *line, gsize length)
{
  g_mutex_lock (&self->mutex);
  if (self->waiting->len + length > TESSERA_AUDIT_FILE_BUFFER)
    self->lost++;
  else
    {
      if (self->waiting->len == 0)
        g_cond_signal (&self->changed);
      g_string_append_len (self->waiting, line, (gssize) length);
    }
  g_mutex_unlock (&self->mutex);
}

gboolean
tessera_audit_file_append (TesseraAuditFile *self, const char *line, gsize length)
{
  if (!self->required)
    {
      queue_line (self, line, length);
      return TRUE;
    }
  if (write_lines (self, line, length))
    return TRUE;
  add_lost (self, 1);
  return FALSE;
}

gboolean
tessera_audit_file_is_required (TesseraAuditFile *self)
{
  return self->required;
}

gboolean
tessera_audit_file_has_failed (TesseraAuditFile *self)
{
  return self->required && self->failed;
}

guint64
tessera_audit_file_get_lost (TesseraAuditFile *self)
{
  g_mutex_lock (&self->mutex);
  guint64 lost = self->lost;
  g_mutex_unlock (&self->mutex);
  return lost;
}
