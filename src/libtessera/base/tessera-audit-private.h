/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The audit trail: one structured record for each thing that was granted, refused, revoked, decided
 * or administered (threats.md §4, I05). A record goes to GLib's log writer, with a MESSAGE_ID of
 * its kind, and to a file if there is one. It never carries a token, code, secret or password, and
 * of a person only a keyed hash. Main loop only, but for the counters. */

#define TESSERA_AUDIT_DOMAIN "Tessera-Audit" /* of the log */
#define TESSERA_AUDIT_KEY_SIZE 32
#define TESSERA_AUDIT_RATE 200 /* records a second of one kind that the log gets */
#define TESSERA_AUDIT_BURST 10 /* seconds' worth of them at once */

typedef struct _TesseraAudit TesseraAudit;

typedef enum
{
  TESSERA_AUDIT_CODE_ISSUED,
  TESSERA_AUDIT_TOKEN_ISSUED,
  TESSERA_AUDIT_TOKEN_REFRESHED,
  TESSERA_AUDIT_CLIENT_TOKEN_ISSUED,
  TESSERA_AUDIT_REQUEST_REFUSED,
  TESSERA_AUDIT_RESOURCE_REFUSED,
  TESSERA_AUDIT_LOGIN_ACCEPTED,
  TESSERA_AUDIT_LOGIN_ASKED,
  TESSERA_AUDIT_LOGIN_FAILED,
  TESSERA_AUDIT_LOGIN_THROTTLED,
  TESSERA_AUDIT_LOGIN_PUT_OFF,
  TESSERA_AUDIT_TOKEN_REVOKED,
  TESSERA_AUDIT_GRANT_REVOKED,
  TESSERA_AUDIT_SESSION_REVOKED,
  TESSERA_AUDIT_SUBJECT_REVOKED,
  TESSERA_AUDIT_CLIENT_REVOKED,
  TESSERA_AUDIT_KEY_REVOKED,
  TESSERA_AUDIT_ALL_REVOKED,
  TESSERA_AUDIT_NOTHING_REVOKED,
  TESSERA_AUDIT_FOREIGN_TOKEN,
  TESSERA_AUDIT_REPLAY,
  TESSERA_AUDIT_LOGOUT_TOLD,
  TESSERA_AUDIT_LOGOUT_UNTOLD,
  TESSERA_AUDIT_ADMINISTRATION,
  TESSERA_AUDIT_ADMINISTRATION_REFUSED,
  TESSERA_AUDIT_REGISTRATION,
  TESSERA_AUDIT_STATE_ROLLED_BACK,
  TESSERA_AUDIT_RECORDS_DROPPED,
  TESSERA_AUDIT_FILE_RESTORED,
  TESSERA_AUDIT_N_EVENTS
} TesseraAuditEvent;

/* What can be switched off. */
typedef enum
{
  TESSERA_AUDIT_GRANTS = 1 << 0,
  TESSERA_AUDIT_REFUSALS = 1 << 1,
  TESSERA_AUDIT_LOGINS = 1 << 2,
  TESSERA_AUDIT_REVOCATIONS = 1 << 3,
  TESSERA_AUDIT_ACTS = 1 << 4,
  TESSERA_AUDIT_ALL = (1 << 5) - 1,
} TesseraAuditGroups;

/* Borrowed; what is NULL is left out. All is escaped here but @message. */
typedef struct
{
  const char *request; /* the id that is in the log and on the page */
  const char *client;
  const char *grant;
  const char *jti;
  const char *subject; /* in clear: it is hashed here */
  const char *action;
  const char *object;
  const char *result;
  const char *reason;
  const char *remote_address;
  const char *caller;
  const char *message; /* one line, escaped; NULL: made of the rest */
} TesseraAuditRecord;

typedef struct
{
  guint64 written; /* to the log */
  guint64 dropped; /* since there were too many */
} TesseraAuditCount;

/* @context: where it says what was dropped. */
TesseraAudit *tessera_audit_new (GMainContext *context);
TesseraAudit *tessera_audit_ref (TesseraAudit *self);
void tessera_audit_unref (TesseraAudit *self);
/* Says what was dropped, writes what waits for the file, and ends its thread. */
void tessera_audit_close (TesseraAudit *self);

/* "grants", "refusals", "logins", "revocations", "administration"; "all"; "none". */
gboolean tessera_audit_parse_group (const char *name, TesseraAuditGroups *out_groups);
void tessera_audit_set_groups (TesseraAudit *self, TesseraAuditGroups groups);
void tessera_audit_set_rate (TesseraAudit *self, guint records_a_second); /* 0: no limit */
/* With what subjects are hashed from now on; before, they are left out. */
void tessera_audit_set_key (TesseraAudit *self, const guint8 key[TESSERA_AUDIT_KEY_SIZE]);
/* NULL: none. @required: what cannot be written there may not happen. */
gboolean
tessera_audit_set_file (TesseraAudit *self, const char *path, gboolean required, GError **error);
/* 16 hexadecimal digits of an HMAC, so that nobody without the key can try names. NULL: no key. */
char *tessera_audit_dup_subject_hash (TesseraAudit *self, const char *subject);

/* Would a record of @event be written? What is too much for the log is counted here. @self may be
 * NULL: a log without limits. */
gboolean tessera_audit_wants (TesseraAudit *self, TesseraAuditEvent event);
void
tessera_audit_write (TesseraAudit *self, TesseraAuditEvent event, const TesseraAuditRecord *record);
/* FALSE: a record that has to be written cannot be (TESSERA_ERROR_TEMPORARILY_UNAVAILABLE); nothing
 * may be granted. Tries again. @self may be NULL. */
gboolean tessera_audit_check (TesseraAudit *self, GError **error);

const char *tessera_audit_get_event_name (TesseraAuditEvent event);
TesseraAuditCount tessera_audit_get_count (TesseraAudit *self, TesseraAuditEvent event);
guint64 tessera_audit_get_lost_lines (TesseraAudit *self); /* that the file did not get */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraAudit, tessera_audit_unref)

G_END_DECLS
