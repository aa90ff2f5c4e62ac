/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificate, key and authorities of an HTTPS server, from PEM files (RFC 7468). */

#include "server/tessera-server.h"

/**
 * tessera_set_tls_files:
 * @server: an HTTP server
 * @certificate_file: (type filename): the certificate and its chain; it may hold the key too
 * @key_file: (nullable) (type filename): the private key, or %NULL if it is in @certificate_file
 * @ca_file: (nullable) (type filename): authorities that the certificates of clients are held
 *   against, if @server asks for some (its `tls-auth-mode`), or %NULL
 * @error: return location for an error
 *
 * Gives @server its certificate from PEM files. May be called again at any time; new connections
 * get the new certificate.
 *
 * Errors: of %G_FILE_ERROR and %G_TLS_ERROR; then nothing changed.
 *
 * Returns: %TRUE when @server has the certificate
 */
gboolean
tessera_set_tls_files (SoupServer *server,
                       const char *certificate_file,
                       const char *key_file,
                       const char *ca_file,
                       GError **error)
{
  g_return_val_if_fail (SOUP_IS_SERVER (server), FALSE);
  g_return_val_if_fail (certificate_file != NULL, FALSE);

  g_autoptr (GTlsCertificate) certificate
      = g_tls_certificate_new_from_files (certificate_file,
                                          key_file != NULL ? key_file : certificate_file, error);
  g_autoptr (GTlsDatabase) database = NULL;
  if (certificate == NULL)
    return FALSE;
  if (ca_file != NULL)
    {
      g_autoptr (GFile) file = g_file_new_for_path (ca_file);
      g_autofree char *path = g_file_get_path (file);
      database = g_tls_file_database_new (path, error);
      if (database == NULL)
        return FALSE;
      soup_server_set_tls_database (server, database);
    }
  soup_server_set_tls_certificate (server, certificate);
  return TRUE;
}
