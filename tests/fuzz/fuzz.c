/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz targets share. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static GLogWriterOutput
drop_or_abort (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) == 0)
    return G_LOG_WRITER_HANDLED;
  g_log_writer_standard_streams (level, fields, n_fields, NULL);
  abort ();
}

void
fuzz_init (void)
{
  g_log_set_writer_func (drop_or_abort, NULL, NULL);
}

FuzzInput
fuzz_input (const uint8_t *data, size_t size)
{
  return (FuzzInput){ (const char *) data, (const char *) data + size };
}

char *
fuzz_input_take_line (FuzzInput *self)
{
  gsize left = self->end - self->at;
  const char *feed = left > 0 ? memchr (self->at, '\n', left) : NULL;
  gsize length = feed != NULL ? (gsize) (feed - self->at) : left;
  char *line = g_strndup (self->at, length);

  self->at += length + (feed != NULL);
  return line;
}

const char *
fuzz_input_take_rest (FuzzInput *self, gsize *out_length)
{
  const char *rest = self->at;

  *out_length = self->end - self->at;
  self->at = self->end;
  return rest;
}
