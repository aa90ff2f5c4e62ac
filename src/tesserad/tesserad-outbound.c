/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What [outbound] says. Where the program may go it reads there itself: the service only sees to it
 * that a mistake is noticed at once. */

#include "tesserad-outbound.h"

#define GROUP "outbound"
#define PROGRAM LIBEXECDIR "/tessera-outbound"

void
tesserad_outbound_settings_clear (TesseradOutboundSettings *self)
{
  g_clear_pointer (&self->argv, g_strfreev);
  g_clear_pointer (&self->socket, g_free);
}

static gboolean
check_addresses (TesseradKeyFile *key_file, GError **error)
{
  g_auto (GStrv) ranges = NULL;

  if (!tesserad_key_file_get_strings (key_file, GROUP, "allow-addresses", &ranges, error))
    return FALSE;
  for (char **range = ranges; range != NULL && *range != NULL; range++)
    {
      g_autoptr (GInetAddressMask) mask = g_inet_address_mask_new_from_string (*range, NULL);

      if (mask == NULL)
        return tesserad_key_file_refuse (key_file, GROUP, "allow-addresses", error,
                                         "%s is not a range of addresses such as 10.1.0.0/16",
                                         *range);
    }
  return TRUE;
}

static gboolean
check_ca_file (TesseradKeyFile *key_file, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GTlsDatabase) database = NULL;
  g_autoptr (GError) inner = NULL;

  if (!tesserad_key_file_get_string (key_file, GROUP, "ca-file", &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  path = tesserad_key_file_resolve (key_file, GROUP, "ca-file", text);
  database = g_tls_file_database_new (path, &inner);
  return database != NULL
         || tesserad_key_file_propagate (key_file, GROUP, "ca-file", g_steal_pointer (&inner),
                                         error);
}

static char **
make_argv (const char *program, const char *configuration)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_strv_builder_add_many (builder, program, "--config", configuration, NULL);
  return g_strv_builder_end (builder);
}

static gboolean
read_way (TesseradOutboundSettings *self,
          TesseradKeyFile *key_file,
          const char *configuration,
          GError **error)
{
  g_autofree char *socket = NULL;
  g_autofree char *text = NULL;
  g_autofree char *program = g_strdup (PROGRAM);

  if (!tesserad_key_file_get_string (key_file, GROUP, "socket", &socket, error)
      || !tesserad_key_file_get_string (key_file, GROUP, "program", &text, error))
    return FALSE;
  if (socket != NULL && text != NULL)
    return tesserad_key_file_refuse (key_file, GROUP, "program", error,
                                     "the program at the socket is not started by the service; "
                                     "remove one of the two");
  if (text != NULL)
    {
      g_free (program);
      program = tesserad_key_file_resolve (key_file, GROUP, "program", text);
    }
  if (socket != NULL)
    self->socket = tesserad_key_file_resolve (key_file, GROUP, "socket", socket);
  else if (self->enabled && !g_file_test (program, G_FILE_TEST_IS_EXECUTABLE))
    return tesserad_key_file_refuse (key_file, GROUP, text != NULL ? "program" : "enabled", error,
                                     "%s is not a program that can be run", program);
  else
    self->argv = make_argv (program, configuration);
  return TRUE;
}

gboolean
tesserad_outbound_settings_read (TesseradOutboundSettings *self,
                                 TesseradKeyFile *key_file,
                                 const char *configuration,
                                 GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (configuration, NULL);

  return tesserad_key_file_get_boolean (key_file, GROUP, "enabled", &self->enabled, error)
         && check_addresses (key_file, error) && check_ca_file (key_file, error)
         && read_way (self, key_file, absolute, error);
}

void
tesserad_outbound_settings_apply (const TesseradOutboundSettings *self, TesseraServer *server)
{
  g_autoptr (TesseraOutbound) outbound = NULL;

  if (self->enabled && self->socket != NULL)
    outbound = tessera_outbound_new_for_socket (self->socket);
  else if (self->enabled)
    outbound = tessera_outbound_new_for_program ((const char *const *) self->argv);
  g_object_set (server, "outbound", outbound, NULL);
}

void
tesserad_outbound_settings_tell_weakness (const TesseradOutboundSettings *self)
{
  if (self->enabled && self->socket == NULL && g_getenv ("NOTIFY_SOCKET") != NULL)
    g_warning ("[outbound] has no socket: what goes to other machines runs as the user of this "
               "service, and could read its keys and database; see tessera-outbound(8)");
}
