/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A file that only grows, a line a record. If it is required, a line is written before anything
 * else happens; if not, by a thread of its own, so that no disk holds anybody up. */
typedef struct _TesseraAuditFile TesseraAuditFile;

#define TESSERA_AUDIT_FILE_BUFFER (4 * 1024 * 1024) /* bytes that may wait for the thread */

/* Makes it if need be (0600); a regular file. Errors: G_IO_ERROR. */
TesseraAuditFile *tessera_audit_file_open (const char *path, gboolean required, GError **error);
/* Waits until what waits is written; nothing may be appended any more. */
void tessera_audit_file_finish (TesseraAuditFile *self);
/* The same, and the end of it. */
void tessera_audit_file_close (TesseraAuditFile *self);

/* @line ends with a line feed. FALSE: it is required, and it was not written. */
gboolean tessera_audit_file_append (TesseraAuditFile *self, const char *line, gsize length);
gboolean tessera_audit_file_is_required (TesseraAuditFile *self);
gboolean tessera_audit_file_has_failed (TesseraAuditFile *self); /* the last line, if required */
guint64 tessera_audit_file_get_lost (TesseraAuditFile *self);    /* lines */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAuditFile, tessera_audit_file_close)

G_END_DECLS
