/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/* What commands say on standard output: a JSON document with --json, else lines and tables for
 * people. Text from the service has its control characters escaped, so that none acts on the
 * terminal. */

typedef enum
{
  TESSERA_COLUMN_TEXT,    /* also numbers; members of a list with spaces between */
  TESSERA_COLUMN_TIME,    /* seconds since 1970, as local time */
  TESSERA_COLUMN_TIME_MS, /* the same in milliseconds */
  TESSERA_COLUMN_LIFE,    /* seconds, and how far away */
  TESSERA_COLUMN_SECONDS, /* a lifetime */
  TESSERA_COLUMN_FLAG,    /* yes or no */
  TESSERA_COLUMN_STATE,   /* of a “disabled”: disabled or active */
} TesseraColumnKind;

typedef struct
{
  const char *title;
  const char *member;
  TesseraColumnKind kind;
} TesseraColumn;

/* @text with its control characters, and those that reorder text, as \xHH and \u{HHHH}. */
char *tessera_escape (const char *text);
/* 2026-11-22T10:43:16+01:00, or “-” for 0; with @relative also “in 9 minutes”, “3 days ago”. */
char *tessera_format_time (gint64 seconds, gboolean relative);

/* A table of the objects in @list up to a column without a title, and a remark on stderr if there
 * are none; with --json the list. Takes @list. */
void tessera_output_list (json_t *list, const TesseraColumn *columns, const char *remark_if_empty);
/* A line for each column that @object has a member for; with --json the object. Takes @object. */
void tessera_output_object (json_t *object, const TesseraColumn *columns);
/* The sentence for people, or with --json the document. Takes @document. */
void tessera_output_done (json_t *document, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Always JSON, indented or on one line. Takes @document. */
void tessera_output_json (json_t *document, gboolean on_one_line);
/* For people alone: nothing with --json. */
void tessera_output_line (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* Beside what was asked for, on stderr. */
void tessera_remark (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* FALSE: nobody reads any more, or the file is full; it was said. */
gboolean tessera_output_flush (void);
/* @status, unless standard output could not be written. */
int tessera_output_finish (int status);

G_END_DECLS
