/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads an https URI so strictly that no two programs can take it for two different places (RFC
 * 3986 §7). */

#include "outbound-target.h"

#include <libsoup/soup.h>
#include <string.h>

#define HTTPS_PORT 443
#define OPEN_PORTS 1024 /* from here on; the others are other services' */
#define HOST_MAX 253
#define LABEL_MAX 63

void
outbound_target_free (OutboundTarget *self)
{
  g_clear_pointer (&self->uri, g_uri_unref);
  g_clear_object (&self->address);
  g_free (self);
}

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, why);
  return FALSE;
}

static gboolean
is_label (const char *label)
{
  gsize length = strlen (label);

  if (length == 0 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
    return FALSE;
  for (const char *c = label; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && *c != '-')
      return FALSE;
  return TRUE;
}

/* What the C library would take for a part of an address: 1, 017, 0x7f. */
static gboolean
is_number (const char *label)
{
  const char *digits = g_ascii_strncasecmp (label, "0x", 2) == 0 ? label + 2 : label;

  if (digits == label)
    return g_ascii_isdigit (*label) && label[strspn (label, "0123456789")] == '\0';
  return digits[strspn (digits, "0123456789abcdefABCDEF")] == '\0';
}

/* A name whose last label is a number is an address written oddly, or nothing at all. */
static gboolean
is_name (const char *host)
{
  g_auto (GStrv) labels = g_strsplit (host, ".", -1);
  guint n_labels = g_strv_length (labels);

  if (n_labels == 0 || strlen (host) > HOST_MAX || is_number (labels[n_labels - 1]))
    return FALSE;
  for (guint i = 0; i < n_labels; i++)
    if (!is_label (labels[i]))
      return FALSE;
  return TRUE;
}

/* Of IPv4, four plain numbers, which is all that GLib takes; of IPv6, whatever is one, for its
 * bytes are what counts. */
static GInetAddress *
parse_address (const char *host)
{
  return strchr (host, '%') == NULL ? g_inet_address_new_from_string (host) : NULL;
}

static gboolean
has_plain_characters (const char *uri)
{
  for (const char *c = uri; *c != '\0'; c++)
    if (*c <= 0x20 || *c >= 0x7f || strchr ("\\\"<>^`{|}", *c) != NULL)
      return FALSE;
  return TRUE;
}

/* The authority as it is written is a host and maybe a port: nothing that is decoded first. */
static gboolean
has_plain_authority (const char *uri)
{
  const char *authority = uri + strlen ("https://");
  gsize length = strcspn (authority, "/?#");

  return memchr (authority, '@', length) == NULL && memchr (authority, '%', length) == NULL;
}

static gboolean
check_text (const char *uri, GError **error)
{
  if (!has_plain_characters (uri))
    return refuse (error, "it has characters that no URI has");
  if (!g_str_has_prefix (uri, "https://"))
    return refuse (error, "only https is asked");
  if (!has_plain_authority (uri))
    return refuse (error, "its host is not written plainly");
  if (strchr (uri, '#') != NULL)
    return refuse (error, "it has a fragment");
  return TRUE;
}

static gboolean
read_host (OutboundTarget *self, GError **error)
{
  int port = g_uri_get_port (self->uri);

  self->host = g_uri_get_host (self->uri);
  self->port = (guint16) (port < 0 ? HTTPS_PORT : port);
  if (self->host == NULL || self->host[0] == '\0')
    return refuse (error, "it has no host");
  if (self->port != HTTPS_PORT && self->port < OPEN_PORTS)
    return refuse (error, "its port is another service's");
  self->address = parse_address (self->host);
  return self->address != NULL || is_name (self->host)
         || refuse (error, "its host is neither a name nor an address in the usual form");
}

OutboundTarget *
outbound_target_parse (const char *uri, GError **error)
{
  g_autoptr (OutboundTarget) self = g_new0 (OutboundTarget, 1);

  if (!check_text (uri, error))
    return NULL;
  self->uri = g_uri_parse (uri, SOUP_HTTP_URI_FLAGS, NULL);
  if (self->uri == NULL)
    {
      refuse (error, "it is not a URI");
      return NULL;
    }
  return read_host (self, error) ? g_steal_pointer (&self) : NULL;
}
