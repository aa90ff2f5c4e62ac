/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Syntax and comparison of the URIs of OAuth: redirect URIs (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700
 * §4.1.3), resources (RFC 8707 §2), issuers (RFC 8414 §2). Nothing is ever normalised. */
#include "base/tessera-uri-private.h"

#include "base/tessera-error.h"

#include <string.h>

#define MAX_LENGTH 2048

/* Slices of one URI; nothing is owned. */
typedef struct
{
  const char *scheme;
  gsize scheme_length;
  gboolean has_authority;
  const char *authority; /* behind the `//` */
  gsize authority_length;
  const char *rest; /* path, query, fragment */
} UriParts;

static gboolean
refuse (GError **error, gint code, const char *why)
{
  g_set_error_literal (error, TESSERA_SETUP_ERROR, code, why);
  return FALSE;
}

/* The characters of RFC 3986 §2, with whole escapes. */
static gboolean
has_uri_characters (const char *uri)
{
  for (const char *p = uri; *p != '\0'; p++)
    {
      if (*p <= 0x20 || *p >= 0x7f || strchr ("\"<>\\^`{|}", *p) != NULL)
        return FALSE;
      if (*p == '%' && !(g_ascii_isxdigit (p[1]) && g_ascii_isxdigit (p[2])))
        return FALSE;
    }
  return TRUE;
}

static gboolean
split_uri (const char *uri, UriParts *out_parts)
{
  gsize scheme_length
      = strspn (uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  if (!g_ascii_isalpha (uri[0]) || uri[scheme_length] != ':')
    return FALSE;

  out_parts->scheme = uri;
  out_parts->scheme_length = scheme_length;
  out_parts->rest = uri + scheme_length + 1;
  out_parts->has_authority = g_str_has_prefix (out_parts->rest, "//");
  out_parts->authority = out_parts->rest + (out_parts->has_authority ? 2 : 0);
  out_parts->authority_length = 0;
  if (out_parts->has_authority)
    {
      out_parts->authority_length = strcspn (out_parts->authority, "/?#");
      out_parts->rest = out_parts->authority + out_parts->authority_length;
    }
  return TRUE;
}

static gboolean
has_scheme (const UriParts *parts, const char *scheme)
{
  return strlen (scheme) == parts->scheme_length
         && strncmp (parts->scheme, scheme, parts->scheme_length) == 0;
}

/* 1 to 65535, without leading zeros. */
static gboolean
is_port (const char *text, gsize length)
{
  guint port = 0;

  if (length == 0 || length > 5 || text[0] == '0')
    return FALSE;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (text[i]))
        return FALSE;
      port = port * 10 + (guint) g_ascii_digit_value (text[i]);
    }
  return port <= 65535;
}

static gsize
get_host_length (const UriParts *parts)
{
  if (parts->authority_length > 0 && parts->authority[0] == '[')
    {
      const char *close = memchr (parts->authority, ']', parts->authority_length);
      return close == NULL ? 0 : (gsize) (close + 1 - parts->authority);
    }

  const char *colon = memchr (parts->authority, ':', parts->authority_length);
  return colon == NULL ? parts->authority_length : (gsize) (colon - parts->authority);
}

static gboolean
is_host (const char *host, gsize length)
{
  if (length == 0)
    return FALSE;
  if (host[0] == '[')
    {
      g_autofree char *inner = g_strndup (host + 1, length > 2 ? length - 2 : 0);
      return strchr (inner, '%') == NULL && strchr (inner, ':') != NULL
             && g_hostname_is_ip_address (inner);
    }
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isalnum (host[i]) && host[i] != '-' && host[i] != '.')
        return FALSE;
    }
  return host[0] != '.' && host[0] != '-';
}

/* A host, and maybe a port; so no userinfo either. */
static gboolean
has_host (const UriParts *parts)
{
  gsize host_length = get_host_length (parts);

  if (!parts->has_authority || !is_host (parts->authority, host_length))
    return FALSE;
  if (host_length == parts->authority_length)
    return TRUE;
  return parts->authority[host_length] == ':'
         && is_port (parts->authority + host_length + 1, parts->authority_length - host_length - 1);
}

static gboolean
host_is (const UriParts *parts, const char *host)
{
  gsize length = get_host_length (parts);

  return strlen (host) == length && strncmp (parts->authority, host, length) == 0;
}

/* The literals only: a name can be made to point elsewhere (RFC 8252 §8.3). */
static gboolean
is_loopback_literal (const UriParts *parts)
{
  return host_is (parts, "127.0.0.1") || host_is (parts, "[::1]");
}

/* What every URI of ours must be, before its scheme is looked at. */
static gboolean
parse_plain (const char *uri, UriParts *out_parts)
{
  return uri != NULL && strlen (uri) <= MAX_LENGTH && has_uri_characters (uri)
         && split_uri (uri, out_parts);
}

static gboolean
check_private_use (const UriParts *parts, GError **error)
{
  if (memchr (parts->scheme, '.', parts->scheme_length) == NULL)
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT,
                   "The scheme of a redirect URI must be https, or http on loopback, or a "
                   "private-use scheme in reverse-DNS form.");
  if (memchr (parts->authority, '@', parts->authority_length) != NULL)
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT, "A redirect URI must not have userinfo.");
  /* Behind `//` a name is enough; but what looks like an address or a port must be one. */
  if (strcspn (parts->authority, "[]:%") < parts->authority_length && !has_host (parts))
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT, "A redirect URI has no valid host.");
  if (!parts->has_authority && parts->rest[0] != '/')
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT,
                   "A private-use redirect URI needs a path that begins with a slash.");
  return TRUE;
}

gboolean
tessera_uri_check_redirect (const char *uri, GError **error)
{
  UriParts parts;

  if (!parse_plain (uri, &parts))
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT,
                   "A redirect URI is not a valid absolute URI.");
  if (strpbrk (uri, "#*") != NULL)
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT,
                   "A redirect URI must have no fragment and no wildcard.");
  if (!has_scheme (&parts, "https") && !has_scheme (&parts, "http"))
    return check_private_use (&parts, error);
  if (!has_host (&parts))
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT,
                   "A redirect URI needs a valid host, and no userinfo.");
  if (has_scheme (&parts, "http") && !is_loopback_literal (&parts)
      && !host_is (&parts, "localhost"))
    return refuse (error, TESSERA_SETUP_ERROR_CLIENT,
                   "A redirect URI of scheme http must be on a loopback address.");
  return TRUE;
}

gboolean
tessera_uri_is_loopback_redirect (const char *uri)
{
  UriParts parts;

  return parse_plain (uri, &parts) && strpbrk (uri, "#*") == NULL && has_scheme (&parts, "http")
         && has_host (&parts) && is_loopback_literal (&parts);
}

gboolean
tessera_uri_matches_redirect (const char *registered, const char *presented)
{
  UriParts ours, theirs;

  if (registered == NULL || presented == NULL)
    return FALSE;
  if (strcmp (registered, presented) == 0)
    return TRUE;
  if (!tessera_uri_is_loopback_redirect (registered)
      || !tessera_uri_is_loopback_redirect (presented))
    return FALSE;
  split_uri (registered, &ours);
  split_uri (presented, &theirs);
  return get_host_length (&ours) == get_host_length (&theirs)
         && strncmp (ours.authority, theirs.authority, get_host_length (&ours)) == 0
         && strcmp (ours.rest, theirs.rest) == 0;
}

gboolean
tessera_uri_is_private_use (const char *uri)
{
  UriParts parts;

  if (uri == NULL || !split_uri (uri, &parts))
    return FALSE;
  g_autofree char *scheme = g_ascii_strdown (parts.scheme, (gssize) parts.scheme_length);
  return strcmp (scheme, "http") != 0 && strcmp (scheme, "https") != 0;
}

gboolean
tessera_uri_is_resource (const char *uri)
{
  UriParts parts;

  return parse_plain (uri, &parts) && strchr (uri, '#') == NULL
         && (parts.authority_length > 0 || parts.rest[0] != '\0');
}

gboolean
tessera_uri_is_https (const char *uri)
{
  UriParts parts;

  return parse_plain (uri, &parts) && strchr (uri, '#') == NULL && has_scheme (&parts, "https")
         && has_host (&parts);
}

gboolean
tessera_uri_is_on_loopback (const char *uri)
{
  UriParts parts;

  if (!parse_plain (uri, &parts) || !has_host (&parts))
    return FALSE;
  g_autofree char *host = g_ascii_strdown (parts.authority, (gssize) get_host_length (&parts));
  /* RFC 6761 §6.3; and 127.0.0.0/8 is loopback as a whole. */
  return strcmp (host, "localhost") == 0 || g_str_has_suffix (host, ".localhost")
         || strcmp (host, "localhost.") == 0 || g_str_has_prefix (host, "127.")
         || strcmp (host, "[::1]") == 0;
}

char *
tessera_uri_dup_origin (const char *uri)
{
  UriParts parts;

  if (!parse_plain (uri, &parts) || !has_host (&parts))
    return NULL;
  gboolean is_https = has_scheme (&parts, "https");
  if (!is_https && !has_scheme (&parts, "http"))
    return NULL;

  g_autofree char *authority = g_ascii_strdown (parts.authority, (gssize) parts.authority_length);
  char *port = authority + get_host_length (&parts);
  if (strcmp (port, is_https ? ":443" : ":80") == 0)
    *port = '\0';
  return g_strconcat (is_https ? "https://" : "http://", authority, NULL);
}

char *
tessera_uri_dup_display (const char *uri)
{
  UriParts parts;

  if (uri == NULL || !split_uri (uri, &parts))
    return g_strdup ("");
  if (tessera_uri_is_private_use (uri))
    return g_strndup (parts.scheme, parts.scheme_length);

  g_autofree char *host = g_strndup (parts.authority, get_host_length (&parts));
  if (g_str_is_ascii (host))
    return g_ascii_strdown (host, -1);
  char *ascii = g_utf8_validate (host, -1, NULL) ? g_hostname_to_ascii (host) : NULL;
  return ascii != NULL ? ascii : g_strdup ("");
}

gboolean
tessera_uri_check_issuer (const char *issuer, GError **error)
{
  UriParts parts;

  if (!parse_plain (issuer, &parts) || !has_host (&parts))
    return refuse (error, TESSERA_SETUP_ERROR_ISSUER,
                   "The issuer is not a valid URL with a host and without userinfo.");
  if (strpbrk (issuer, "?#") != NULL || g_str_has_suffix (issuer, "/"))
    return refuse (error, TESSERA_SETUP_ERROR_ISSUER,
                   "The issuer must have no query, no fragment and no trailing slash.");
  if (strpbrk (parts.rest, "%*;") != NULL || strstr (parts.rest, "//") != NULL
      || strstr (parts.rest, "/.") != NULL)
    return refuse (error, TESSERA_SETUP_ERROR_ISSUER,
                   "The path of the issuer must be a plain one.");
  if (has_scheme (&parts, "https"))
    return TRUE;
  if (has_scheme (&parts, "http")
      && (is_loopback_literal (&parts) || host_is (&parts, "localhost")))
    return TRUE;
  return refuse (error, TESSERA_SETUP_ERROR_ISSUER,
                 "The issuer must be https, or http on a loopback address.");
}

void
tessera_uri_append_param (GString *uri, const char *name, const char *value)
{
  const char *question = strchr (uri->str, '?');

  if (question == NULL)
    g_string_append_c (uri, '?');
  else if (question[1] != '\0' && uri->str[uri->len - 1] != '&')
    g_string_append_c (uri, '&');
  g_string_append_uri_escaped (uri, name, NULL, FALSE);
  g_string_append_c (uri, '=');
  g_string_append_uri_escaped (uri, value, NULL, FALSE);
}
