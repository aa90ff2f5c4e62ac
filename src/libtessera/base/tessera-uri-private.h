/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Comparison and syntax of the URIs of OAuth. Byte-exact; nothing is normalised (RFC 9700 §4.1.3).
 */

/* May @uri be registered as a redirect URI? https anywhere; http only for the literals 127.0.0.1
 * and
 * [::1] (and the word localhost, which matches exactly, RFC 8252 §8.3); a private-use scheme in
 * reverse-DNS form, that is with a dot (RFC 8252 §7.1). No fragment, no userinfo, no wildcard, at
 * most 2048 printable ASCII bytes. Error: TESSERA_SETUP_ERROR_CLIENT with the reason. */
gboolean tessera_uri_check_redirect (const char *uri, GError **error);
/* RFC 6749 §3.1.2.3: equal byte by byte; or both http with the same loopback literal, equal but for
 * the port (RFC 8252 §7.3). */
gboolean tessera_uri_matches_redirect (const char *registered, const char *presented);
/* http, 127.0.0.1 or [::1], any port and path, nothing dangerous: what a client that registered an
 * empty redirect URI may use. */
gboolean tessera_uri_is_loopback_redirect (const char *uri);
/* Neither http nor https. */
gboolean tessera_uri_is_private_use (const char *uri);
/* RFC 8707 §2: absolute, no fragment, at most 2048 bytes. A URN is one too. */
gboolean tessera_uri_is_resource (const char *uri);
/* https with a host, and no userinfo or fragment: what may be read, or linked to. */
gboolean tessera_uri_is_https (const char *uri);
/* https or http on localhost or one of its addresses: what only this machine can mean. */
gboolean tessera_uri_is_on_loopback (const char *uri);
/* scheme://host[:port] of @uri as an Origin header spells it (RFC 6454 §6.2), or NULL (owned). */
char *tessera_uri_dup_origin (const char *uri);
/* The host of @uri for people to read: ASCII, in punycode where needed (owned); for a private-use
 * scheme the scheme. */
char *tessera_uri_dup_display (const char *uri);

/* https, or http with a loopback host; no query, fragment, userinfo or trailing slash (RFC 8414
 * §2). Error: TESSERA_SETUP_ERROR_ISSUER. */
gboolean tessera_uri_check_issuer (const char *issuer, GError **error);
/* Appends name=value, percent-encoded; adds `?` or `&` as needed. */
void tessera_uri_append_param (GString *uri, const char *name, const char *value);

G_END_DECLS
