/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Bearer token of a request, and the challenge to one without (RFC 6750 §2, §3, RFC 9728
 * §5.1). */

#include "base/tessera-bearer-private.h"

#include <string.h>

/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 §2.1) */
gboolean
tessera_bearer_is_token (const char *text)
{
  gsize length = strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._~+/");

  return length > 0 && text[length + strspn (text + length, "=")] == '\0';
}

char *
tessera_bearer_parse (const char *authorization)
{
  gsize scheme_length = strcspn (authorization, " ");
  const char *token = authorization + scheme_length;

  /* A scheme is case-insensitive (RFC 7235 §2.1). */
  if (scheme_length != strlen ("Bearer")
      || g_ascii_strncasecmp (authorization, "Bearer", scheme_length) != 0)
    return NULL;
  token += strspn (token, " ");
  return g_strdup (tessera_bearer_is_token (token) ? token : "");
}

static void
append_param (GString *challenge, const char *name, const char *value)
{
  if (value == NULL)
    return;
  g_string_append (challenge, challenge->len == strlen ("Bearer") ? " " : ", ");
  g_string_append_printf (challenge, "%s=\"", name);
  for (const char *c = value; *c != '\0'; c++)
    {
      /* %x20-21 / %x23-5B / %x5D-7E (RFC 6750 §3) */
      if (g_ascii_isprint (*c) && *c != '"' && *c != '\\')
        g_string_append_c (challenge, *c);
    }
  g_string_append_c (challenge, '"');
}

char *
tessera_bearer_dup_challenge (const char *error,
                              const char *description,
                              const char *scope,
                              const char *resource_metadata,
                              const char *realm)
{
  GString *challenge = g_string_new ("Bearer");

  append_param (challenge, "error", error);
  append_param (challenge, "error_description", description);
  append_param (challenge, "scope", scope);
  append_param (challenge, "resource_metadata", resource_metadata);
  append_param (challenge, "realm", realm);
  return g_string_free (challenge, FALSE);
}
