/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the program may go and whom it believes: from its own command line, or from the service's
 * configuration, but never from the service itself. */

#include "outbound-settings.h"

#include "tesserad-key-file.h"

#define GROUP "outbound"

static gboolean
read_ca_file (OutboundSettings *self, TesseradKeyFile *key_file, GError **error)
{
  g_autofree char *text = NULL;

  if (!tesserad_key_file_get_string (key_file, GROUP, "ca-file", &text, error))
    return FALSE;
  if (text != NULL && self->ca_file == NULL)
    self->ca_file = tesserad_key_file_resolve (key_file, GROUP, "ca-file", text);
  return TRUE;
}

static gboolean
read_addresses (OutboundSettings *self, TesseradKeyFile *key_file, GError **error)
{
  g_auto (GStrv) ranges = NULL;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (!tesserad_key_file_get_strings (key_file, GROUP, "allow-addresses", &ranges, error))
    return FALSE;
  if (self->allow_addresses != NULL)
    g_strv_builder_addv (builder, (const char **) self->allow_addresses);
  if (ranges != NULL)
    g_strv_builder_addv (builder, (const char **) ranges);
  g_strfreev (self->allow_addresses);
  self->allow_addresses = g_strv_builder_end (builder);
  return TRUE;
}

gboolean
outbound_settings_load (OutboundSettings *self, GError **error)
{
  g_autoptr (TesseradKeyFile) key_file = NULL;

  if (self->configuration == NULL)
    return TRUE;
  key_file = tesserad_key_file_load (self->configuration, error);
  return key_file != NULL && read_ca_file (self, key_file, error)
         && read_addresses (self, key_file, error);
}

gboolean
outbound_settings_make_rules (OutboundSettings *self, OutboundRules *out_rules, GError **error)
{
  out_rules->patience_ms = TESSERA_OUTBOUND_PATIENCE_MS;
  out_rules->addresses
      = outbound_addresses_new ((const char *const *) self->allow_addresses, error);
  if (out_rules->addresses == NULL)
    return FALSE;
  if (self->ca_file != NULL)
    out_rules->tls_database = g_tls_file_database_new (self->ca_file, error);
  return self->ca_file == NULL || out_rules->tls_database != NULL;
}

void
outbound_settings_clear (OutboundSettings *self)
{
  g_clear_pointer (&self->configuration, g_free);
  g_clear_pointer (&self->allow_addresses, g_strfreev);
  g_clear_pointer (&self->ca_file, g_free);
}
