/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What [audit] says about the audit trail. */

#include "tesserad-audit.h"

#define GROUP "audit"
#define RATE_MAX 1000000
#define RATE 200 /* the library's own */

void
tesserad_audit_settings_clear (TesseradAuditSettings *self)
{
  g_clear_pointer (&self->events, g_strfreev);
  g_clear_pointer (&self->file, g_free);
}

gboolean
tesserad_audit_settings_read (TesseradAuditSettings *self,
                              TesseradKeyFile *key_file,
                              GError **error)
{
  g_autofree char *file = NULL;

  self->rate = RATE;
  if (!tesserad_key_file_get_strings (key_file, GROUP, "events", &self->events, error)
      || !tesserad_key_file_get_integer (key_file, GROUP, "rate", 0, RATE_MAX, &self->rate, error)
      || !tesserad_key_file_get_boolean (key_file, GROUP, "required", &self->required, error)
      || !tesserad_key_file_get_string (key_file, GROUP, "file", &file, error))
    return FALSE;
  if (self->required && file == NULL)
    return tesserad_key_file_refuse (key_file, GROUP, "required", error,
                                     "needs a file beside it: what has to be written there?");
  if (file != NULL)
    self->file = tesserad_key_file_resolve (key_file, GROUP, "file", file);
  return TRUE;
}

static gboolean
apply_events (const TesseradAuditSettings *self,
              TesseradKeyFile *key_file,
              TesseraServer *server,
              GError **error)
{
  static const char *const all[] = { "all", NULL };
  const char *const *events = self->events != NULL ? (const char *const *) self->events : all;
  g_autoptr (GError) inner = NULL;

  return tessera_server_set_audit_events (server, events, &inner)
         || tesserad_key_file_propagate (key_file, GROUP, "events", g_steal_pointer (&inner),
                                         error);
}

gboolean
tesserad_audit_settings_rehearse (const TesseradAuditSettings *self,
                                  TesseradKeyFile *key_file,
                                  TesseraServer *server,
                                  GError **error)
{
  return apply_events (self, key_file, server, error);
}

gboolean
tesserad_audit_settings_apply (const TesseradAuditSettings *self,
                               TesseradKeyFile *key_file,
                               TesseraServer *server,
                               GError **error)
{
  g_autoptr (GError) inner = NULL;

  if (!tessera_server_set_audit_file (server, self->file, self->required, &inner))
    return tesserad_key_file_propagate (key_file, GROUP, "file", g_steal_pointer (&inner), error);
  tessera_server_set_audit_rate (server, (guint) self->rate);
  return apply_events (self, key_file, server, error);
}
