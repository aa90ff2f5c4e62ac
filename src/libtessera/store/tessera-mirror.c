/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mirror of the deny-list's state outside the database (design.md §5, threats.md §2). */

#include "store/tessera-mirror-private.h"

#include "base/tessera-clock-private.h"
#include "base/tessera-directory-private.h"
#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* One line of fixed length, so that it is overwritten in place and within one sector. Behind the
 * numbers it says during which run of the machine it was written, or that the server has stopped;
 * and last, what all of it sums up to. */
#define LINE_FORMAT                                                                                \
  "tessera-mirror 3 %-63s %020" G_GUINT64_FORMAT " %020" G_GINT64_FORMAT " %020" G_GUINT64_FORMAT  \
  " %-16s "
#define TEXT_LENGTH (17 + 63 + 3 * (1 + 20) + 1 + 16 + 1)
#define SUM_LENGTH 16
#define LINE_LENGTH (TEXT_LENGTH + SUM_LENGTH + 1)
#define LINE_LENGTH_1 (17 + 63 + 2 * (1 + 20) + 1) /* of the first schemas: without commits */
#define LINE_LENGTH_2 (17 + 63 + 3 * (1 + 20) + 1) /* without run and sum */
#define SYNC_INTERVAL_US G_USEC_PER_SEC

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define RUN_LENGTH 16
#define RUN_STOPPED "stopped"
#define RUN_UNKNOWN "unknown"

struct _TesseraMirror
{
  char *path;
  char run[RUN_LENGTH + 1]; /* of the machine */
  int fd;                   /* -1: not open */
  TesseraStoreState saved;
  gint64 synced_us;
  gboolean dirty;
  gboolean failed; /* said once */
  gboolean broken; /* a sync failed: nothing more may be done with it */
};

/* The first half of the digest, in hexadecimal digits. */
static void
sum_up (const char *text, gsize length, char out_sum[SUM_LENGTH + 1])
{
  TesseraDigest digest = tessera_digest (text, (gssize) length);

  for (guint i = 0; i < SUM_LENGTH / 2; i++)
    g_snprintf (out_sum + 2 * i, 3, "%02x", digest.bytes[i]);
}

static void
name_run (char out_run[RUN_LENGTH + 1])
{
  g_autofree char *boot_id = NULL;
  gsize length;

  if (g_file_get_contents (BOOT_ID_PATH, &boot_id, &length, NULL))
    sum_up (boot_id, length, out_run);
  else
    g_strlcpy (out_run, RUN_UNKNOWN, RUN_LENGTH + 1);
}

TesseraMirror *
tessera_mirror_new (const char *path)
{
  TesseraMirror *self = g_new0 (TesseraMirror, 1);
  self->path = g_strdup (path);
  self->fd = -1;
  name_run (self->run);
  return self;
}

static gboolean
parse_number (const char *word, guint64 *out_number)
{
  return g_ascii_string_to_unsigned (word, 10, 0, G_MAXUINT64, out_number, NULL);
}

/* @line: with its end. */
static gboolean
has_right_sum (const char *line)
{
  char sum[SUM_LENGTH + 1];

  sum_up (line, TEXT_LENGTH, sum);
  return strncmp (line + TEXT_LENGTH, sum, SUM_LENGTH) == 0;
}

/* @count: how many words a line of @version has. */
static gboolean
parse_line (const char *line, const char *version, guint count, TesseraStoreState *out_state)
{
  g_auto (GStrv) words = g_strsplit_set (line, " \n", -1);
  g_autoptr (GPtrArray) filled = g_ptr_array_new ();
  for (char **word = words; *word != NULL; word++)
    if (**word != '\0')
      g_ptr_array_add (filled, *word);
  if (filled->len != count || strcmp (filled->pdata[0], "tessera-mirror") != 0
      || strcmp (filled->pdata[1], version) != 0)
    return FALSE;

  g_strlcpy (out_state->id, filled->pdata[2], sizeof out_state->id);
  return parse_number (filled->pdata[3], &out_state->generation)
         && g_ascii_string_to_signed (filled->pdata[4], 10, 0, TESSERA_CLOCK_MAX_MS,
                                      &out_state->high_water_ms, NULL)
         && (count == 5 || parse_number (filled->pdata[5], &out_state->commits));
}

static gboolean
read_line (const char *line, gsize length, TesseraStoreState *out_state)
{
  if (strlen (line) != length)
    return FALSE;
  if (length == LINE_LENGTH_1)
    return parse_line (line, "1", 5, out_state);
  if (length == LINE_LENGTH_2)
    return parse_line (line, "2", 6, out_state);
  return length == LINE_LENGTH && has_right_sum (line) && parse_line (line, "3", 8, out_state);
}

/* What was written while the machine still runs is all there, and so is what was synced at the
 * end. */
static gboolean
is_last (TesseraMirror *self, const char *line, gsize length)
{
  if (length != LINE_LENGTH)
    return FALSE;
  g_autofree char *run = g_strchomp (g_strndup (line + TEXT_LENGTH - RUN_LENGTH - 1, RUN_LENGTH));
  if (strcmp (run, RUN_STOPPED) == 0)
    return TRUE;
  return strcmp (run, RUN_UNKNOWN) != 0 && strcmp (run, self->run) == 0;
}

gboolean
tessera_mirror_load (TesseraMirror *self,
                     TesseraStoreState *out_state,
                     gboolean *out_is_last,
                     GError **error)
{
  g_autofree char *line = NULL;
  g_autoptr (GError) problem = NULL;
  gsize length;

  memset (out_state, 0, sizeof *out_state);
  if (!g_file_get_contents (self->path, &line, &length, &problem))
    {
      if (!g_error_matches (problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE,
                             problem->message);
      return FALSE;
    }
  if (!read_line (line, length, out_state))
    return FALSE;
  if (out_is_last != NULL)
    *out_is_last = is_last (self, line, length);
  return TRUE;
}

static gboolean
write_line (TesseraMirror *self, const TesseraStoreState *state, const char *run)
{
  char line[LINE_LENGTH + 64];

  /* Any state fits: the widths hold every id and all numbers of 64 bits. */
  g_snprintf (line, sizeof line, LINE_FORMAT, state->id, state->generation, state->high_water_ms,
              state->commits, run);
  sum_up (line, TEXT_LENGTH, line + TEXT_LENGTH);
  line[LINE_LENGTH - 1] = '\n';
  self->saved = *state;
  return pwrite (self->fd, line, LINE_LENGTH, 0) == LINE_LENGTH;
}

static gboolean
sync_now (TesseraMirror *self, GError **error)
{
  self->synced_us = g_get_monotonic_time ();
  self->dirty = FALSE;
  if (fdatasync (self->fd) == 0)
    return TRUE;
  int code = errno;
  self->broken = TRUE;
  g_set_error (error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_FATAL, "Cannot sync %s: %s",
               self->path, g_strerror (code));
  return FALSE;
}

/* So that nobody has to fear that the last second is missing. */
static void
say_stopped (TesseraMirror *self)
{
  g_autoptr (GError) error = NULL;

  if (!self->failed && !write_line (self, &self->saved, RUN_STOPPED))
    g_warning ("Cannot write %s: %s", self->path, g_strerror (errno));
  if (!sync_now (self, &error))
    g_warning ("%s", error->message);
}

void
tessera_mirror_free (TesseraMirror *self)
{
  if (self == NULL)
    return;
  if (self->fd >= 0)
    {
      if (!self->broken)
        say_stopped (self);
      close (self->fd);
    }
  g_free (self->path);
  g_free (self);
}

gboolean
tessera_mirror_create (TesseraMirror *self, const TesseraStoreState *state, GError **error)
{
  g_autofree char *temporary = g_strconcat (self->path, ".new", NULL);
  g_autofree char *directory = g_path_get_dirname (self->path);

  if (self->fd >= 0)
    close (self->fd);
  self->fd = open (temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->fd >= 0 && write_line (self, state, self->run) && fsync (self->fd) == 0
      && g_rename (temporary, self->path) == 0 && tessera_directory_sync (directory))
    return TRUE;

  int code = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), "Cannot write %s: %s",
               self->path, g_strerror (code));
  return FALSE;
}

gboolean
tessera_mirror_save (TesseraMirror *self, const TesseraStoreState *state, GError **error)
{
  if (self->fd < 0)
    return TRUE;
  if (!write_line (self, state, self->run))
    {
      if (!self->failed)
        g_warning ("Cannot write %s: %s", self->path, g_strerror (errno));
      self->failed = TRUE;
      return TRUE;
    }
  self->failed = FALSE;
  self->dirty = TRUE;
  return g_get_monotonic_time () - self->synced_us < SYNC_INTERVAL_US || sync_now (self, error);
}
