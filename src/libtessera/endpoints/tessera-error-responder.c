/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place where an error becomes an answer and a line in the log (RFC 6749 §5.2, RFC 6750
 * §3). */

#include "endpoints/tessera-error-responder-private.h"

#include "base/tessera-log-private.h"

static TesseraError
get_code (const GError *error)
{
  return error->domain == TESSERA_ERROR ? (TesseraError) error->code : TESSERA_ERROR_SERVER_ERROR;
}

static void
append_field (GString *line, const char *name, const char *value)
{
  if (value == NULL)
    return;
  g_autofree char *escaped = tessera_log_escape (value);
  g_string_append_printf (line, " %s=\"%s\"", name, escaped);
}

/* Of a fixed form: fail2ban reads it. */
static char *
dup_line (TesseraExchange *self,
          const char *error_name,
          const char *message,
          const TesseraExplanation *explanation)
{
  GString *line = g_string_new (NULL);
  g_string_append_printf (line, "refused request=%s error=%s", self->request_id, error_name);
  if (explanation != NULL && explanation->rule != NULL)
    {
      append_field (line, "rule", explanation->rule);
      append_field (line, "registered", explanation->registered);
      append_field (line, "came", explanation->came);
    }
  append_field (line, "client", self->client_id);
  append_field (line, "from", self->remote_address);
  append_field (line, "path", self->path);
  append_field (line, "because", message);
  return g_string_free (line, FALSE);
}

static void
write_refusal (TesseraExchange *self,
               const char *error_name,
               const char *message,
               const TesseraExplanation *explanation)
{
  g_autofree char *line = NULL;

  if (!tessera_audit_wants (self->audit, TESSERA_AUDIT_REQUEST_REFUSED))
    return;
  line = dup_line (self, error_name, message, explanation);
  tessera_audit_write (self->audit, TESSERA_AUDIT_REQUEST_REFUSED,
                       &(TesseraAuditRecord){ .request = self->request_id,
                                              .client = self->client_id,
                                              .object = self->path,
                                              .result = "refused",
                                              .reason = error_name,
                                              .remote_address = self->remote_address,
                                              .message = line });
}

static void
log_refusal (TesseraExchange *self,
             TesseraError code,
             const char *message,
             const TesseraExplanation *explanation)
{
  const char *error_name = tessera_error_get_name (code);

  write_refusal (self, error_name, message, explanation);
  if (self->metrics != NULL)
    self->metrics->errors[self->endpoint]
                         [code < TESSERA_METRICS_ERRORS ? code : TESSERA_ERROR_SERVER_ERROR]++;
  if (self->refused != NULL)
    self->refused (self, error_name, self->refused_data);
}

void
tessera_exchange_log_refusal (TesseraExchange *self,
                              const GError *error,
                              const TesseraExplanation *explanation)
{
  log_refusal (self, get_code (error), error->message, explanation);
}

/* RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E. Our messages are like that; this holds it. */
static char *
dup_description (const char *message)
{
  char *description = g_strdup (message);
  for (char *p = description; *p != '\0'; p++)
    if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
      *p = '?';
  return description;
}

static void
respond (TesseraExchange *self, guint status, const char *name, const char *message)
{
  g_autofree char *description = dup_description (message);
  json_t *json = json_object ();
  json_object_set_new (json, "error", json_string (name));
  json_object_set_new (json, "error_description", json_string (description));
  tessera_exchange_respond_json (self, status, json);
}

static void
add_retry_after (TesseraExchange *self, guint status)
{
  if (tessera_exchange_has_answer_header (self, "Retry-After"))
    return;
  if (status == 503)
    tessera_exchange_add_header (self, "Retry-After", "1");
  else if (status == 429)
    tessera_exchange_add_header (self, "Retry-After", "60");
}

/* RFC 9110 §15.5.2: a 401 always says how to do better. */
static void
add_challenge (TesseraExchange *self, guint status, TesseraError code)
{
  if (tessera_exchange_has_answer_header (self, "WWW-Authenticate"))
    return;
  if (code == TESSERA_ERROR_INVALID_TOKEN)
    tessera_exchange_add_header (self, "WWW-Authenticate", "Bearer error=\"invalid_token\"");
  else if (code == TESSERA_ERROR_INSUFFICIENT_SCOPE)
    tessera_exchange_add_header (self, "WWW-Authenticate", "Bearer error=\"insufficient_scope\"");
  else if (status == 401)
    tessera_exchange_add_header (self, "WWW-Authenticate",
                                 "Basic realm=\"tessera\", charset=\"UTF-8\"");
}

void
tessera_exchange_respond_error (TesseraExchange *self,
                                const GError *error,
                                const TesseraExplanation *explanation)
{
  /* What other parts of the program say about themselves is for the log, not for strangers. */
  gboolean is_public = error->domain == TESSERA_ERROR;
  TesseraError code = get_code (error);
  guint status = tessera_error_get_status (code);

  tessera_exchange_log_refusal (self, error, explanation);
  add_challenge (self, status, code);
  add_retry_after (self, status);
  respond (self, status, tessera_error_get_name (code),
           is_public ? error->message : "The server could not handle the request.");
}

void
tessera_exchange_respond_http_error (TesseraExchange *self,
                                     guint status,
                                     const char *static_description)
{
  TesseraError code
      = status == 503 ? TESSERA_ERROR_TEMPORARILY_UNAVAILABLE : TESSERA_ERROR_INVALID_REQUEST;

  log_refusal (self, code, static_description, NULL);
  add_retry_after (self, status);
  respond (self, status, tessera_error_get_name (code), static_description);
}
