/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The `sub` of a person: public, or pairwise (OpenID Connect Core §2, §8, §8.1). */

#include "model/tessera-subject-private.h"

#include "base/tessera-secret-private.h"

#include <string.h>

#define PUBLIC_PREFIX "~u"
#define PAIRWISE_PREFIX "~p"
#define DERIVED_LENGTH 45
#define MAX_LENGTH 255 /* §2 */

static char *
derive (const char *prefix, const TesseraDigest *digest)
{
  g_autofree char *text = tessera_base64url_encode (digest->bytes, sizeof digest->bytes);

  return g_strconcat (prefix, text, NULL);
}

static gboolean
looks_derived (const char *subject)
{
  return strlen (subject) == DERIVED_LENGTH
         && (g_str_has_prefix (subject, PUBLIC_PREFIX)
             || g_str_has_prefix (subject, PAIRWISE_PREFIX));
}

static gboolean
is_printable (const char *subject)
{
  for (const char *c = subject; *c != '\0'; c++)
    if (!g_ascii_isprint (*c))
      return FALSE;
  return TRUE;
}

char *
tessera_subject_dup_public (const char *subject)
{
  if (strlen (subject) <= MAX_LENGTH && is_printable (subject) && !looks_derived (subject))
    return NULL;
  TesseraDigest digest = tessera_digest (subject, -1);
  return derive (PUBLIC_PREFIX, &digest);
}

char *
tessera_subject_dup_pairwise (const guint8 *key, const char *sector, const char *subject)
{
  /* No line ends in the name of a host. */
  g_autofree char *input = g_strconcat ("pairwise\n", sector, "\n", subject, NULL);
  TesseraDigest digest = tessera_hmac (key, TESSERA_DIGEST_SIZE, input, strlen (input));

  return derive (PAIRWISE_PREFIX, &digest);
}
