/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit trail: its table of events, what a record looks like, and how many there may be
 * (threats.md §4, I01, I02, I05). */

#include "base/tessera-audit-private.h"

#include "base/tessera-audit-file-private.h"
#include "base/tessera-error.h"
#include "base/tessera-log-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>
#include <time.h>

#define SUBJECT_HASH_BYTES 8
#define SAY_DROPPED_SECONDS 10

typedef struct
{
  const char *name;
  const char *text; /* with which the message begins */
  const char *message_id;
  TesseraAuditGroups groups; /* any of them must be on */
  GLogLevelFlags level;
} Event;

/* The one table. What it says is repeated in docs/guide/audit-and-metrics.md, in tesserad(8) and in
 * data/systemd/tessera.catalog (tests/check-audit.py). An id never changes. */
static const Event events[] = {
  [TESSERA_AUDIT_CODE_ISSUED] = { "code-issued", "code issued", "3686657fb6e244e8865c2142104e7672",
                                  TESSERA_AUDIT_GRANTS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_TOKEN_ISSUED]
  = { "token-issued", "token issued for a code", "4707179a70f042e89086c68269f44143",
      TESSERA_AUDIT_GRANTS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_TOKEN_REFRESHED]
  = { "token-refreshed", "token refreshed", "b159ce0e4ac447bcae288f3aa0dc7dda",
      TESSERA_AUDIT_GRANTS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_CLIENT_TOKEN_ISSUED]
  = { "client-token-issued", "token issued to a client", "deaf8ccbf97a4cf5bfc8c70143796af9",
      TESSERA_AUDIT_GRANTS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_REQUEST_REFUSED]
  = { "request-refused", "refused", "0e229625c830433e94a7d096008403a2", TESSERA_AUDIT_REFUSALS,
      G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_RESOURCE_REFUSED]
  = { "resource-refused", "refused", "c27792f6650946178140e9c09d4c8d47", TESSERA_AUDIT_REFUSALS,
      G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_LOGIN_ACCEPTED]
  = { "login-accepted", "login accepted", "a316baaea9a94c5ab2b69851cc68b600", TESSERA_AUDIT_LOGINS,
      G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_LOGIN_ASKED]
  = { "login-asked", "login goes on, one thing more was asked", "7e9a35f1664f455285cf6b7e5a854ad6",
      TESSERA_AUDIT_LOGINS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_LOGIN_FAILED]
  = { "login-failed", "login failed", "8bfa7523ddf94c98bfd8f12381952b25", TESSERA_AUDIT_LOGINS,
      G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_LOGIN_THROTTLED]
  = { "login-throttled", "login throttled", "1f001595e70441f5b96df16d3a86823d",
      TESSERA_AUDIT_LOGINS, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_LOGIN_PUT_OFF]
  = { "login-put-off", "login put off", "696a224660f04289804fed7760894530", TESSERA_AUDIT_LOGINS,
      G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_TOKEN_REVOKED]
  = { "token-revoked", "token revoked", "2bd6edd383544e5f8d685132d44b31d6",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_GRANT_REVOKED]
  = { "grant-revoked", "grant revoked", "8af6790e6f274900a5b27304ee5909a6",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_SESSION_REVOKED]
  = { "session-revoked", "session ended", "43f5ce82eca74cdbb9b513d26f5a510f",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_SUBJECT_REVOKED]
  = { "subject-revoked", "everything of a person revoked", "c0d2f2740d5a419fb0bc3e847eaa1a54",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_CLIENT_REVOKED]
  = { "client-revoked", "everything of a client revoked", "0b0f7bbae46144c6ade224bf5c42aa74",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_KEY_REVOKED] = { "key-revoked", "key revoked", "7bb9357f0838405487b0b78284eaea80",
                                  TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_ALL_REVOKED]
  = { "all-revoked", "everything revoked", "e5c701e811c34d04845a1e6996e79b84",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_NOTHING_REVOKED]
  = { "nothing-revoked", "nothing revoked", "d5e63dd82f524675bc965dc7f424a473",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_FOREIGN_TOKEN]
  = { "foreign-token", "another client's token was to be revoked",
      "b33290297093407cab56cd1b028f450c", TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_REPLAY]
  = { "replay", "a code or refresh token was used twice, its grant is revoked",
      "3443341b5859436f9d20ddfb767cc9a4", TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_WARNING },
  [TESSERA_AUDIT_LOGOUT_TOLD]
  = { "logout-told", "a client was told that a session ended", "9d2d7f20cb474ab0b3cc2105561509f7",
      TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_LOGOUT_UNTOLD]
  = { "logout-untold", "a client could not be told that a session ended",
      "51a2313bc6f94258b76f6eb74ea3de87", TESSERA_AUDIT_REVOCATIONS, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_ADMINISTRATION]
  = { "administration", "administration", "15934814dc884ac58c37e154a86c2d78", TESSERA_AUDIT_ACTS,
      G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_ADMINISTRATION_REFUSED]
  = { "administration-refused", "administration refused", "3ef573797b9642bfac4571c328fa1287",
      TESSERA_AUDIT_REFUSALS, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_REGISTRATION]
  = { "registration", "a client registered itself", "6f3a1d0c5b7e4a92b8c41e97d2f06a53",
      TESSERA_AUDIT_ACTS, G_LOG_LEVEL_INFO },
  [TESSERA_AUDIT_STATE_ROLLED_BACK]
  = { "state-rolled-back", "the state was rolled back, everything issued is refused",
      "457ef96c6119453780fcd9e417f519d4", TESSERA_AUDIT_ACTS, G_LOG_LEVEL_WARNING },
  [TESSERA_AUDIT_RECORDS_DROPPED]
  = { "records-dropped", "audit records dropped", "047a4d5918c0408eba77ab0a61ccf4a5",
      TESSERA_AUDIT_ALL, G_LOG_LEVEL_MESSAGE },
  [TESSERA_AUDIT_FILE_RESTORED]
  = { "file-restored", "the audit file can be written again", "80c2c4524f9f46588657cdd9538a9408",
      TESSERA_AUDIT_ALL, G_LOG_LEVEL_MESSAGE },
};

G_STATIC_ASSERT (G_N_ELEMENTS (events) == TESSERA_AUDIT_N_EVENTS);

/* The fields, in the order of the message. */
typedef enum
{
  FIELD_REQUEST,
  FIELD_CLIENT,
  FIELD_GRANT,
  FIELD_JTI,
  FIELD_SUBJECT_HASH,
  FIELD_ACTION,
  FIELD_OBJECT,
  FIELD_RESULT,
  FIELD_REASON,
  FIELD_REMOTE_ADDRESS,
  FIELD_CALLER,
  N_FIELDS
} Field;

static const struct
{
  const char *journal;
  const char *name; /* in the message and the file */
} fields[] = {
  [FIELD_REQUEST] = { "TESSERA_REQUEST", "request" },
  [FIELD_CLIENT] = { "TESSERA_CLIENT", "client" },
  [FIELD_GRANT] = { "TESSERA_GRANT", "grant" },
  [FIELD_JTI] = { "TESSERA_JTI", "jti" },
  [FIELD_SUBJECT_HASH] = { "TESSERA_SUBJECT_HASH", "subject_hash" },
  [FIELD_ACTION] = { "TESSERA_ACTION", "action" },
  [FIELD_OBJECT] = { "TESSERA_OBJECT", "object" },
  [FIELD_RESULT] = { "TESSERA_RESULT", "result" },
  [FIELD_REASON] = { "TESSERA_REASON", "reason" },
  [FIELD_REMOTE_ADDRESS] = { "TESSERA_REMOTE_ADDRESS", "from" },
  [FIELD_CALLER] = { "TESSERA_CALLER", "caller" },
};

/* How much of one kind the log gets: an allowance that grows with time. */
typedef struct
{
  gint64 spent_until; /* monotonic microseconds: what was written fills the time up to then */
  guint64 unsaid;     /* dropped and not said yet */
  TesseraAuditCount count;
} Allowance;

struct _TesseraAudit
{
  guint ref_count;
  GMainContext *context;
  TesseraAuditGroups groups;
  guint rate;
  Allowance allowances[TESSERA_AUDIT_N_EVENTS];
  GSource *say_dropped; /* NULL: nothing to say */
  gboolean has_key;
  guint8 key[TESSERA_AUDIT_KEY_SIZE];
  TesseraAuditFile *file; /* or NULL */
  guint64 lost_before;    /* by files that are closed */
  GString *values;        /* room for a record; reused */
  GString *line;
};

/* A record as it is written: escaped, NULL what there is not. */
typedef struct
{
  const Event *event;
  const char *values[N_FIELDS];
  const char *message;
} Written;

TesseraAudit *
tessera_audit_new (GMainContext *context)
{
  TesseraAudit *self = g_new0 (TesseraAudit, 1);

  self->ref_count = 1;
  self->context = g_main_context_ref (context);
  self->groups = TESSERA_AUDIT_ALL;
  self->rate = TESSERA_AUDIT_RATE;
  self->values = g_string_sized_new (512);
  self->line = g_string_sized_new (512);
  return self;
}

TesseraAudit *
tessera_audit_ref (TesseraAudit *self)
{
  self->ref_count++;
  return self;
}

static void
close_file (TesseraAudit *self)
{
  g_autoptr (TesseraAuditFile) file = g_steal_pointer (&self->file);

  if (file == NULL)
    return;
  tessera_audit_file_finish (file);
  self->lost_before += tessera_audit_file_get_lost (file);
}

void
tessera_audit_unref (TesseraAudit *self)
{
  if (self == NULL || --self->ref_count > 0)
    return;

  if (self->say_dropped != NULL)
    g_source_destroy (self->say_dropped);
  g_clear_pointer (&self->say_dropped, g_source_unref);
  close_file (self);
  g_string_free (self->values, TRUE);
  g_string_free (self->line, TRUE);
  g_main_context_unref (self->context);
  explicit_bzero (self->key, sizeof self->key);
  g_free (self);
}

gboolean
tessera_audit_parse_group (const char *name, TesseraAuditGroups *out_groups)
{
  static const struct
  {
    const char *name;
    TesseraAuditGroups groups;
  } names[] = {
    { "grants", TESSERA_AUDIT_GRANTS },
    { "refusals", TESSERA_AUDIT_REFUSALS },
    { "logins", TESSERA_AUDIT_LOGINS },
    { "revocations", TESSERA_AUDIT_REVOCATIONS },
    { "administration", TESSERA_AUDIT_ACTS },
    { "all", TESSERA_AUDIT_ALL },
    { "none", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, name) == 0)
      {
        *out_groups = names[i].groups;
        return TRUE;
      }
  return FALSE;
}

void
tessera_audit_set_groups (TesseraAudit *self, TesseraAuditGroups groups)
{
  self->groups = groups;
}

void
tessera_audit_set_rate (TesseraAudit *self, guint records_a_second)
{
  self->rate = records_a_second;
}

void
tessera_audit_set_key (TesseraAudit *self, const guint8 key[TESSERA_AUDIT_KEY_SIZE])
{
  memcpy (self->key, key, TESSERA_AUDIT_KEY_SIZE);
  self->has_key = TRUE;
}

gboolean
tessera_audit_set_file (TesseraAudit *self, const char *path, gboolean required, GError **error)
{
  g_autoptr (TesseraAuditFile) file = NULL;

  if (path != NULL && (file = tessera_audit_file_open (path, required, error)) == NULL)
    return FALSE;
  close_file (self);
  self->file = g_steal_pointer (&file);
  return TRUE;
}

/* A name can be guessed, and so can its plain digest; an HMAC needs the key. */
static void
append_subject_hash (TesseraAudit *self, GString *text, const char *subject)
{
  TesseraDigest digest = tessera_hmac (self->key, sizeof self->key, subject, strlen (subject));

  for (guint i = 0; i < SUBJECT_HASH_BYTES; i++)
    g_string_append_printf (text, "%02x", digest.bytes[i]);
}

char *
tessera_audit_dup_subject_hash (TesseraAudit *self, const char *subject)
{
  GString *text = NULL;

  if (!self->has_key)
    return NULL;
  text = g_string_new (NULL);
  append_subject_hash (self, text, subject);
  return g_string_free (text, FALSE);
}

/* How many there may be */

static void
write_dropped (TesseraAudit *self, TesseraAuditEvent event)
{
  Allowance *allowance = &self->allowances[event];
  char count[24];
  TesseraAuditRecord record
      = { .object = events[event].name, .result = "dropped", .reason = count };

  g_snprintf (count, sizeof count, "%" G_GUINT64_FORMAT, allowance->unsaid);
  allowance->unsaid = 0;
  tessera_audit_write (self, TESSERA_AUDIT_RECORDS_DROPPED, &record);
}

static gboolean
on_say_dropped (gpointer data)
{
  TesseraAudit *self = data;

  g_clear_pointer (&self->say_dropped, g_source_unref);
  for (TesseraAuditEvent event = 0; event < TESSERA_AUDIT_N_EVENTS; event++)
    if (self->allowances[event].unsaid > 0)
      write_dropped (self, event);
  return G_SOURCE_REMOVE;
}

static void
drop (TesseraAudit *self, Allowance *allowance)
{
  allowance->count.dropped++;
  allowance->unsaid++;
  if (self->say_dropped != NULL)
    return;
  self->say_dropped = g_timeout_source_new_seconds (SAY_DROPPED_SECONDS);
  g_source_set_callback (self->say_dropped, on_say_dropped, self, NULL);
  g_source_attach (self->say_dropped, self->context);
}

void
tessera_audit_close (TesseraAudit *self)
{
  if (self->say_dropped != NULL)
    {
      g_source_destroy (self->say_dropped);
      on_say_dropped (self);
    }
  close_file (self);
}

/* What was dropped is said however much there is, and acts of administration are too few to be. */
static gboolean
is_limited (TesseraAudit *self, TesseraAuditEvent event)
{
  return self->rate > 0 && (events[event].groups & TESSERA_AUDIT_ACTS) == 0;
}

static gboolean
is_allowed (TesseraAudit *self, TesseraAuditEvent event)
{
  gint64 now = 0;

  if (!is_limited (self, event))
    return TRUE;
  now = g_get_monotonic_time ();
  return self->allowances[event].spent_until <= now + TESSERA_AUDIT_BURST * G_USEC_PER_SEC;
}

static void
spend (TesseraAudit *self, TesseraAuditEvent event)
{
  Allowance *allowance = &self->allowances[event];

  allowance->count.written++;
  if (is_limited (self, event))
    allowance->spent_until
        = MAX (allowance->spent_until, g_get_monotonic_time ()) + G_USEC_PER_SEC / self->rate;
}

static gboolean
is_on (TesseraAudit *self, TesseraAuditEvent event)
{
  return (self->groups & events[event].groups) != 0;
}

gboolean
tessera_audit_wants (TesseraAudit *self, TesseraAuditEvent event)
{
  if (self == NULL)
    return TRUE;
  if (!is_on (self, event))
    return FALSE;
  if (self->file != NULL || is_allowed (self, event))
    return TRUE;
  drop (self, &self->allowances[event]);
  return FALSE;
}

/* One record */

static gsize
append_value (GString *values, const char *text)
{
  gsize at = values->len;

  tessera_log_append_escaped (values, text);
  g_string_append_c (values, '\0');
  return at;
}

static gsize
append_subject (TesseraAudit *self, GString *values, const char *subject)
{
  gsize at = values->len;

  append_subject_hash (self, values, subject);
  g_string_append_c (values, '\0');
  return at;
}

/* Into @values, which must not move any more afterwards. */
static void
escape (TesseraAudit *self, GString *values, const TesseraAuditRecord *record, Written *out)
{
  const char *const texts[N_FIELDS] = {
    [FIELD_REQUEST] = record->request, [FIELD_CLIENT] = record->client,
    [FIELD_GRANT] = record->grant,     [FIELD_JTI] = record->jti,
    [FIELD_ACTION] = record->action,   [FIELD_OBJECT] = record->object,
    [FIELD_RESULT] = record->result,   [FIELD_REASON] = record->reason,
    [FIELD_CALLER] = record->caller,   [FIELD_REMOTE_ADDRESS] = record->remote_address,
  };
  gsize at[N_FIELDS];

  for (Field field = 0; field < N_FIELDS; field++)
    at[field] = texts[field] != NULL ? append_value (values, texts[field]) : G_MAXSIZE;
  if (record->subject != NULL && self != NULL && self->has_key)
    at[FIELD_SUBJECT_HASH] = append_subject (self, values, record->subject);
  for (Field field = 0; field < N_FIELDS; field++)
    out->values[field] = at[field] != G_MAXSIZE ? values->str + at[field] : NULL;
}

/* As `refused` and `login failed` have it: the id bare, the rest in quotes that nothing closes. */
static void
append_message (GString *line, const Written *written)
{
  g_string_append (line, written->event->text);
  for (Field field = 0; field < N_FIELDS; field++)
    if (written->values[field] != NULL)
      {
        const char *quote = field == FIELD_REQUEST ? "" : "\"";

        g_string_append_c (line, ' ');
        g_string_append (line, fields[field].name);
        g_string_append_c (line, '=');
        g_string_append (line, quote);
        g_string_append (line, written->values[field]);
        g_string_append (line, quote);
      }
}

static const char *
get_priority (GLogLevelFlags level)
{
  if (level == G_LOG_LEVEL_WARNING)
    return "4";
  return level == G_LOG_LEVEL_MESSAGE ? "5" : "6";
}

static void
write_to_log (const Written *written)
{
  const Event *event = written->event;
  GLogField out[N_FIELDS + 5] = {
    { "PRIORITY", get_priority (event->level), -1 },
    { "GLIB_DOMAIN", TESSERA_AUDIT_DOMAIN, -1 },
    { "MESSAGE", written->message, -1 },
    { "MESSAGE_ID", event->message_id, -1 },
    { "TESSERA_EVENT", event->name, -1 },
  };
  gsize n = 5;

  for (Field field = 0; field < N_FIELDS; field++)
    if (written->values[field] != NULL)
      out[n++] = (GLogField){ fields[field].journal, written->values[field], -1 };
  g_log_structured_array (event->level, out, n);
}

/* Of the characters that JSON minds, an escaped value has only the backslash (RFC 8259 §7). */
static void
append_json_value (GString *line, const char *value)
{
  for (const char *c = value; *c != '\0'; c++)
    {
      if (*c == '\\')
        g_string_append_c (line, '\\');
      g_string_append_c (line, *c);
    }
}

static void
append_json (GString *line, const Written *written)
{
  gint64 now = g_get_real_time ();
  time_t seconds = (time_t) (now / G_USEC_PER_SEC);
  struct tm utc = { 0 };
  char time[32] = "";

  gmtime_r (&seconds, &utc);
  strftime (time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
  g_string_append_printf (line, "{\"time\":\"%s.%06dZ\",\"event\":\"%s\"", time,
                          (int) (now % G_USEC_PER_SEC), written->event->name);
  for (Field field = 0; field < N_FIELDS; field++)
    if (written->values[field] != NULL)
      {
        g_string_append (line, ",\"");
        g_string_append (line, fields[field].name);
        g_string_append (line, "\":\"");
        append_json_value (line, written->values[field]);
        g_string_append_c (line, '"');
      }
  g_string_append (line, "}\n");
}

static void
write_to_file (TesseraAudit *self, const Written *written)
{
  g_string_truncate (self->line, 0);
  append_json (self->line, written);
  tessera_audit_file_append (self->file, self->line->str, self->line->len);
}

/* Without anybody who counts. */
static void
write_alone (const Event *event, const TesseraAuditRecord *record)
{
  g_autoptr (GString) values = g_string_new (NULL);
  g_autoptr (GString) message = g_string_new (record->message);
  Written written = { .event = event };

  escape (NULL, values, record, &written);
  if (record->message == NULL)
    append_message (message, &written);
  written.message = message->str;
  write_to_log (&written);
}

/* To the log if it may have one more. */
static void
write_counted (TesseraAudit *self, TesseraAuditEvent event, Written *written, const char *message)
{
  if (!is_allowed (self, event))
    {
      drop (self, &self->allowances[event]);
      return;
    }
  spend (self, event);
  g_string_truncate (self->line, 0);
  if (message == NULL)
    append_message (self->line, written);
  written->message = message != NULL ? message : self->line->str;
  write_to_log (written);
}

void
tessera_audit_write (TesseraAudit *self, TesseraAuditEvent event, const TesseraAuditRecord *record)
{
  Written written = { .event = &events[event] };

  if (self == NULL)
    {
      write_alone (&events[event], record);
      return;
    }
  if (!is_on (self, event))
    return;
  if (self->file == NULL && !is_allowed (self, event))
    {
      drop (self, &self->allowances[event]);
      return;
    }
  g_string_truncate (self->values, 0);
  escape (self, self->values, record, &written);
  if (self->file != NULL)
    write_to_file (self, &written);
  write_counted (self, event, &written, record->message);
}

/* To the file first: only if it takes it, it is so. */
static void
try_file (TesseraAudit *self)
{
  static const TesseraAuditRecord record = { .result = "done" };
  Written written = { .event = &events[TESSERA_AUDIT_FILE_RESTORED] };

  g_string_truncate (self->values, 0);
  escape (self, self->values, &record, &written);
  write_to_file (self, &written);
  if (!tessera_audit_file_has_failed (self->file))
    write_counted (self, TESSERA_AUDIT_FILE_RESTORED, &written, NULL);
}

gboolean
tessera_audit_check (TesseraAudit *self, GError **error)
{
  if (G_LIKELY (self == NULL || self->file == NULL || !tessera_audit_file_has_failed (self->file)))
    return TRUE;
  try_file (self);
  if (!tessera_audit_file_has_failed (self->file))
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                       "The audit trail cannot be written");
  return FALSE;
}

const char *
tessera_audit_get_event_name (TesseraAuditEvent event)
{
  return events[event].name;
}

TesseraAuditCount
tessera_audit_get_count (TesseraAudit *self, TesseraAuditEvent event)
{
  return self->allowances[event].count;
}

guint64
tessera_audit_get_lost_lines (TesseraAudit *self)
{
  return self->lost_before + (self->file != NULL ? tessera_audit_file_get_lost (self->file) : 0);
}
