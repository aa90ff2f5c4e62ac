/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server tells whoever watches over it: its audit trail, its metrics, its health (threats.md
 * §4). */

#include "server/tessera-monitoring.h"

#include "endpoints/tessera-deny-feed-private.h"
#include "server/tessera-server-object-private.h"

#include <string.h>

#define SUBJECT_KEY_LABEL "tessera audit: subject hash"

void
tessera_server_watch_exchange (TesseraServer *self, TesseraExchange *exchange)
{
  tessera_exchange_watch (exchange, self->engine.metrics, self->engine.audit,
                          TESSERA_ENDPOINT_OTHER);
}

/* The key is derived from one that lies beside the signing keys: it is there as long as they are,
 * and never in the database or the log. */
void
tessera_server_audit_ready (TesseraServer *self)
{
  TesseraDigest key
      = tessera_hmac (tessera_key_ring_get_rotation_key (self->engine.keys), TESSERA_DIGEST_SIZE,
                      SUBJECT_KEY_LABEL, strlen (SUBJECT_KEY_LABEL));

  tessera_audit_set_key (self->engine.audit, key.bytes);
}

/* Revocations */

static TesseraAuditEvent
get_event (TesseraRevocation *revocation)
{
  static const TesseraAuditEvent events[] = {
    [TESSERA_REVOCATION_KIND_NONE] = TESSERA_AUDIT_NOTHING_REVOKED,
    [TESSERA_REVOCATION_KIND_ACCESS_TOKEN] = TESSERA_AUDIT_TOKEN_REVOKED,
    [TESSERA_REVOCATION_KIND_GRANT] = TESSERA_AUDIT_GRANT_REVOKED,
    [TESSERA_REVOCATION_KIND_SESSION] = TESSERA_AUDIT_SESSION_REVOKED,
    [TESSERA_REVOCATION_KIND_SUBJECT] = TESSERA_AUDIT_SUBJECT_REVOKED,
    [TESSERA_REVOCATION_KIND_CLIENT] = TESSERA_AUDIT_CLIENT_REVOKED,
    [TESSERA_REVOCATION_KIND_KEY] = TESSERA_AUDIT_KEY_REVOKED,
    [TESSERA_REVOCATION_KIND_ALL] = TESSERA_AUDIT_ALL_REVOKED,
  };

  if (tessera_revocation_get_foreign (revocation) != NULL)
    return TESSERA_AUDIT_FOREIGN_TOKEN;
  if (tessera_revocation_get_cause (revocation) == TESSERA_REVOCATION_CAUSE_REPLAY)
    return TESSERA_AUDIT_REPLAY;
  return events[tessera_revocation_get_kind (revocation)];
}

static const char *
get_cause_name (TesseraRevocation *revocation)
{
  static const char *const names[] = {
    [TESSERA_REVOCATION_CAUSE_REQUEST] = "request", [TESSERA_REVOCATION_CAUSE_API] = "api",
    [TESSERA_REVOCATION_CAUSE_REPLAY] = "replay",   [TESSERA_REVOCATION_CAUSE_REMOVED] = "removed",
    [TESSERA_REVOCATION_CAUSE_LOGOUT] = "logout",   [TESSERA_REVOCATION_CAUSE_OWNER] = "owner",
  };

  return names[tessera_revocation_get_cause (revocation)];
}

/* What was meant goes into the field of its kind. */
static void
set_value (TesseraAuditRecord *record, TesseraRevocation *revocation)
{
  const char *id = tessera_revocation_get_token_id (revocation);

  switch (tessera_revocation_get_kind (revocation))
    {
    case TESSERA_REVOCATION_KIND_ACCESS_TOKEN:
      record->jti = id;
      return;
    case TESSERA_REVOCATION_KIND_GRANT:
      record->grant = id;
      return;
    case TESSERA_REVOCATION_KIND_SUBJECT:
      record->subject = id;
      return;
    case TESSERA_REVOCATION_KIND_SESSION:
    case TESSERA_REVOCATION_KIND_CLIENT:
    case TESSERA_REVOCATION_KIND_KEY:
      record->object = id;
      return;
    case TESSERA_REVOCATION_KIND_ALL:
    case TESSERA_REVOCATION_KIND_NONE:
    default:
      record->jti = tessera_revocation_get_foreign (revocation);
    }
}

static const char *
get_result (TesseraRevocation *revocation)
{
  if (tessera_revocation_has_failed (revocation))
    return "failed";
  return tessera_revocation_get_revoked (revocation) ? "revoked" : "nothing";
}

static void
count_revocation (TesseraMetrics *metrics, TesseraRevocation *revocation)
{
  G_STATIC_ASSERT (TESSERA_METRICS_REVOCATIONS == TESSERA_REVOCATION_KIND_ALL + 1);

  metrics->revocations[tessera_revocation_get_kind (revocation)]++;
  if (tessera_revocation_get_cause (revocation) == TESSERA_REVOCATION_CAUSE_REPLAY)
    metrics->replays++;
}

void
tessera_server_audit_revocation (TesseraServer *self, TesseraRevocation *revocation)
{
  TesseraAuditEvent event = get_event (revocation);
  TesseraAuditRecord record = {
    .request = tessera_revocation_get_request (revocation),
    .client = tessera_revocation_get_client_id (revocation),
    .result = get_result (revocation),
    .reason = get_cause_name (revocation),
    .remote_address = tessera_revocation_get_address (revocation),
  };

  count_revocation (self->engine.metrics, revocation);
  if (!tessera_audit_wants (self->engine.audit, event))
    return;
  set_value (&record, revocation);
  tessera_audit_write (self->engine.audit, event, &record);
}

/**
 * tessera_server_audit_act:
 * @self: a server
 * @action: what was done, such as `RegisterClient`
 * @caller: (nullable): who did it, such as `:1.42 uid=0`
 * @object: (nullable): to what, such as a client; never a secret and never a person's name
 * @subject: (nullable): to whom; in the record is a hash
 * @error: (nullable): why it was not done; %NULL when it was
 *
 * Writes a record of an act of administration into the audit trail: for programs that let somebody
 * administer @self, once for each act, when its outcome is known. With %G_DBUS_ERROR_ACCESS_DENIED
 * it is that of a refusal.
 *
 * Since: 1.0
 */
void
tessera_server_audit_act (TesseraServer *self,
                          const char *action,
                          const char *caller,
                          const char *object,
                          const char *subject,
                          const GError *error)
{
  gboolean is_refused = g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
  const char *result = is_refused ? "refused" : "failed";

  g_return_if_fail (TESSERA_IS_SERVER (self));
  g_return_if_fail (action != NULL);

  tessera_audit_write (self->engine.audit,
                       is_refused ? TESSERA_AUDIT_ADMINISTRATION_REFUSED
                                  : TESSERA_AUDIT_ADMINISTRATION,
                       &(TesseraAuditRecord){ .action = action,
                                              .object = object,
                                              .subject = subject,
                                              .result = error == NULL ? "done" : result,
                                              .reason = error != NULL ? error->message : NULL,
                                              .caller = caller });
}

/**
 * tessera_server_set_audit_events:
 * @self: a server
 * @groups: (array zero-terminated=1): `grants`, `refusals`, `logins`, `revocations`,
 *   `administration`; `all` or `none` alone
 * @error: return location for an error
 *
 * Sets what the audit trail has. Unless this is called, that is all of it.
 *
 * Errors: %TESSERA_SETUP_ERROR_NOT_FOUND for another word; then nothing changed.
 *
 * Returns: %TRUE when set
 *
 * Since: 1.0
 */
gboolean
tessera_server_set_audit_events (TesseraServer *self, const char *const *groups, GError **error)
{
  TesseraAuditGroups all = 0;

  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  g_return_val_if_fail (groups != NULL, FALSE);

  for (guint i = 0; groups[i] != NULL; i++)
    {
      TesseraAuditGroups some = 0;

      if (!tessera_audit_parse_group (groups[i], &some))
        {
          g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_NOT_FOUND,
                               "must be all, none or of grants, refusals, logins, revocations and "
                               "administration");
          return FALSE;
        }
      all |= some;
    }
  tessera_audit_set_groups (self->engine.audit, all);
  return TRUE;
}

/**
 * tessera_server_set_audit_rate:
 * @self: a server
 * @records_per_second: how many; 0: any number
 *
 * Limits how many records of one kind the log gets in a second: 200 unless this is called, and ten
 * times as many at once. How many were dropped is said in a record of its own. Acts of
 * administration are never dropped, and a file gets all.
 *
 * Since: 1.0
 */
void
tessera_server_set_audit_rate (TesseraServer *self, guint records_per_second)
{
  g_return_if_fail (TESSERA_IS_SERVER (self));
  tessera_audit_set_rate (self->engine.audit, records_per_second);
}

/**
 * tessera_server_set_audit_file:
 * @self: a server
 * @path: (nullable) (type filename): a file, or %NULL for none
 * @required: whether nothing may be granted that cannot be written there
 * @error: return location for an error
 *
 * Lets the audit trail go to a file too, which only grows: a JSON object a line. It is made, for
 * this user alone, if it is not there. Call it again after the file was moved away.
 *
 * If it is @required, each record is written, by the thread of @self, before anybody hears of what
 * it says; and while that cannot be, no code and no token is issued, nobody can log in and nothing
 * be administered: such requests get 503. Revoking goes on. Else a thread of its own writes, and
 * what it cannot write is counted.
 *
 * Errors: of %G_IO_ERROR; then nothing changed.
 *
 * Returns: %TRUE when the file is open
 *
 * Since: 1.0
 */
gboolean
tessera_server_set_audit_file (TesseraServer *self,
                               const char *path,
                               gboolean required,
                               GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  return tessera_audit_set_file (self->engine.audit, path, required, error);
}

/**
 * tessera_server_dup_subject_hash:
 * @self: a server
 * @subject: a resource owner, as the claim `sub` names them
 *
 * What the audit trail calls @subject. It is a keyed hash, so that who reads the log can follow a
 * person, but not try out names.
 *
 * Returns: (transfer full) (nullable): the hash, %NULL while the server was never ready
 *
 * Since: 1.0
 */
char *
tessera_server_dup_subject_hash (TesseraServer *self, const char *subject)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  g_return_val_if_fail (subject != NULL, NULL);
  return tessera_audit_dup_subject_hash (self->engine.audit, subject);
}

/* Health */

/**
 * tessera_server_check_available:
 * @self: a server
 * @error: return location for an error
 *
 * Whether @self can do its work now: it is ready, its store has not failed, and what has to be
 * written into an audit trail can be.
 *
 * Errors: why not, in words for an administrator.
 *
 * Returns: %TRUE when it can
 *
 * Since: 1.0
 */
gboolean
tessera_server_check_available (TesseraServer *self, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_SERVER (self), FALSE);
  if (!tessera_server_check_ready (self, error))
    return FALSE;
  if (tessera_committer_has_failed (self->engine.committer))
    {
      g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_TEMPORARILY_UNAVAILABLE,
                           "The store failed for good; only a restart can read it again.");
      return FALSE;
    }
  return tessera_audit_check (self->engine.audit, error);
}

/* Metrics */

static void
append_audit (TesseraServer *self, GString *text)
{
  TesseraAudit *audit = self->engine.audit;
  static const struct
  {
    const char *name;
    const char *help;
    gsize offset;
  } series[] = {
    { "tessera_audit_records_total", "Records of the audit trail in the log, by event.",
      G_STRUCT_OFFSET (TesseraAuditCount, written) },
    { "tessera_audit_dropped_total", "Records that the log did not get, for there were too many.",
      G_STRUCT_OFFSET (TesseraAuditCount, dropped) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (series); i++)
    {
      tessera_metrics_append_head (text, series[i].name, "counter", series[i].help);
      for (TesseraAuditEvent event = 0; event < TESSERA_AUDIT_N_EVENTS; event++)
        {
          TesseraAuditCount count = tessera_audit_get_count (audit, event);
          guint64 value = G_STRUCT_MEMBER (guint64, &count, series[i].offset);
          g_autofree char *labels
              = g_strdup_printf ("event=\"%s\"", tessera_audit_get_event_name (event));

          if (value > 0)
            tessera_metrics_append_value (text, series[i].name, labels, (double) value);
        }
    }
  tessera_metrics_append_single (text, "tessera_audit_lost_lines_total", "counter",
                                 "Records that the audit file did not get.",
                                 (double) tessera_audit_get_lost_lines (audit));
}

static void
append_deny_list (TesseraServer *self, GString *text)
{
  TesseraDenyList *list = self->engine.deny_list;
  guint64 generation = tessera_deny_list_get_generation (list);

  tessera_metrics_append_single (text, "tessera_deny_list_entries", "gauge",
                                 "Entries of the deny-list that are in force.",
                                 tessera_deny_list_get_count (list));
  tessera_metrics_append_single (text, "tessera_deny_list_generation", "gauge",
                                 "Place of the last durable entry.", (double) generation);
  tessera_metrics_append_single (
      text, "tessera_deny_list_snapshot_lag", "gauge",
      "How many generations the snapshot on the disk is behind the list.",
      (double) (generation - MIN (generation, tessera_deny_list_get_snapshot_generation (list))));
  tessera_metrics_append_single (text, "tessera_deny_list_memory_bytes", "gauge",
                                 "Memory of the table of tokens.",
                                 (double) tessera_deny_list_get_memory (list));
}

/* Also while they are switched off: those that were given out live on. */
static void
append_status_lists (TesseraServer *self, GString *text)
{
  TesseraStatusListsFigures figures;

  tessera_status_lists_get_figures (self->engine.status_lists, &figures);
  tessera_metrics_append_single (text, "tessera_status_lists", "gauge",
                                 "Status lists whose tokens live.", figures.lists);
  tessera_metrics_append_single (text, "tessera_status_list_tokens", "gauge",
                                 "Tokens that have a place in them.", figures.tokens);
  tessera_metrics_append_single (text, "tessera_status_list_memory_bytes", "gauge",
                                 "Memory of these places.", (double) figures.memory);
}

static const char *
get_state_name (TesseraKeyState state)
{
  static const char *const names[] = {
    [TESSERA_KEY_NEXT] = "next",
    [TESSERA_KEY_ACTIVE] = "active",
    [TESSERA_KEY_RETIRED] = "retired",
    [TESSERA_KEY_REVOKED] = "revoked",
  };
  return names[state];
}

/* Revoked keys are kept for ever: they are counted, not listed. */
static void
append_keys (TesseraServer *self, GString *text)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (self->engine.keys);
  gint64 now_ms = tessera_clock_get_ms (self->engine.clock);
  guint revoked = 0;

  tessera_metrics_append_head (text, "tessera_key_age_seconds", "gauge",
                               "Age of each key that is published.");
  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = entries->pdata[i];
      g_autofree char *labels = NULL;

      revoked += entry->state == TESSERA_KEY_REVOKED;
      if (entry->state == TESSERA_KEY_REVOKED)
        continue;
      labels = g_strdup_printf ("kid=\"%s\",algorithm=\"%s\",state=\"%s\"",
                                tessera_key_get_id (entry->key),
                                tessera_algorithm_get_name (tessera_key_get_algorithm (entry->key)),
                                get_state_name (entry->state));
      tessera_metrics_append_value (text, "tessera_key_age_seconds", labels,
                                    (double) (now_ms - entry->created_ms) / 1000);
    }
  tessera_metrics_append_single (text, "tessera_keys_revoked", "gauge", "Keys that were revoked.",
                                 revoked);
}

static void
append_store (TesseraServer *self, GString *text)
{
  TesseraCommitterStatistics statistics;

  tessera_committer_get_statistics (self->engine.committer, &statistics);
  tessera_metrics_append_single (text, "tessera_store_rows_written_total", "counter",
                                 "Rows that were written.", (double) statistics.writes);
  tessera_metrics_append_single (text, "tessera_store_syncs_total", "counter",
                                 "Commits that were made durable.", (double) statistics.syncs);
  tessera_metrics_append_single (text, "tessera_store_failed", "gauge",
                                 "1 once the store failed for good.",
                                 tessera_committer_has_failed (self->engine.committer));
  tessera_metrics_append_single (text, "tessera_store_commit_failures_total", "counter",
                                 "Transactions that were undone.", (double) statistics.failures);
  tessera_metrics_append_head (text, "tessera_store_commit_duration_seconds", "histogram",
                               "How long a transaction took, its sync included.");
  tessera_histogram_append (&statistics.duration, &tessera_latency_buckets, text,
                            "tessera_store_commit_duration_seconds", "");
  tessera_metrics_append_head (text, "tessera_store_batch_size", "histogram",
                               "How many operations shared a transaction.");
  tessera_histogram_append (&statistics.batch, &tessera_batch_buckets, text,
                            "tessera_store_batch_size", "");
}

void
tessera_server_add_meter (TesseraServer *self, TesseraMeterFunc func, gpointer data)
{
  TesseraMeter meter = { func, data };

  g_array_append_val (self->meters, meter);
}

static void
append_state (TesseraServer *self, GString *text)
{
  tessera_metrics_append_head (text, "tessera_build_info", "gauge",
                               "Always 1; the version is in the label.");
  tessera_metrics_append_value (text, "tessera_build_info", "version=\"" TESSERA_VERSION "\"", 1);
  tessera_metrics_append_single (text, "tessera_ready", "gauge",
                                 "1 while keys and store are ready.", self->engine.ready);
  if (self->engine.feed != NULL)
    tessera_deny_feed_append_metrics (self->engine.feed, text);
}

/**
 * tessera_server_dup_metrics:
 * @self: a server
 *
 * What @self has counted since the program began, and how it is now, in the text format of
 * Prometheus, version 0.0.4: to be served as `text/plain; version=0.0.4` to whoever may know it,
 * not to the public. It names neither clients nor people.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
tessera_server_dup_metrics (TesseraServer *self)
{
  GString *text = NULL;

  g_return_val_if_fail (TESSERA_IS_SERVER (self), NULL);
  text = g_string_sized_new (16 * 1024);
  append_state (self, text);
  tessera_metrics_append (self->engine.metrics, text);
  append_audit (self, text);
  if (self->engine.ready)
    {
      append_deny_list (self, text);
      append_status_lists (self, text);
      append_keys (self, text);
      append_store (self, text);
    }
  for (guint i = 0; i < self->meters->len; i++)
    {
      TesseraMeter *meter = &g_array_index (self->meters, TesseraMeter, i);

      meter->func (text, meter->data);
    }
  return g_string_free (text, FALSE);
}
