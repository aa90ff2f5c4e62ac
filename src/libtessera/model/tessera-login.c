/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verdict on a login may say (RFC 9068 §2.2.1, RFC 8176 §2; OpenID Connect Core §2, §5.1).
 */

#include "model/tessera-login-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-variant-private.h"
#include "model/tessera-scope-private.h"
#include "model/tessera-standard-claims-private.h"
#include "model/tessera-subject-private.h"

#include <string.h>

#define SUBJECT_MAX_LENGTH 255 /* bytes; as OpenID Connect Core §2 has it */
#define ACR_MAX_LENGTH 255
#define AMR_MAX_NAMES 16
#define AMR_MAX_LENGTH 64
/* Of a variant, before it is read: what becomes few bytes of JSON is not much more. */
#define VARIANT_MAX_SIZE (8 * TESSERA_LOGIN_CLAIMS_MAX_LENGTH)

static gboolean
is_text (const char *text, gsize max_length)
{
  return *text != '\0' && strlen (text) <= max_length && g_utf8_validate (text, -1, NULL);
}

/* Kept with spaces between them. */
static gboolean
is_method (const char *name)
{
  g_autofree char *parsed = strchr (name, ' ') == NULL ? tessera_scope_parse (name, NULL) : NULL;
  return parsed != NULL && *parsed != '\0' && strlen (name) <= AMR_MAX_LENGTH;
}

static gboolean
are_methods (const char *const *amr)
{
  guint n = 0;
  for (; amr[n] != NULL; n++)
    if (n >= AMR_MAX_NAMES || !is_method (amr[n]))
      return FALSE;
  return TRUE;
}

static gboolean
names_are_free (json_t *claims)
{
  const char *name;
  json_t *value;
  json_object_foreach (claims, name, value)
    if (*name == '\0' || tessera_standard_claims_are_own (name))
      return FALSE;
  return TRUE;
}

/* "" when there is nothing in it, NULL when it is not as it must be. */
static char *
write_claims (GVariant *claims)
{
  g_autoptr (json_t) json = NULL;
  g_autofree char *text = NULL;

  if (claims == NULL)
    return g_strdup ("");
  if (g_variant_get_size (claims) <= VARIANT_MAX_SIZE)
    json = tessera_json_from_variant (claims, NULL);
  if (json == NULL || !names_are_free (json))
    return NULL;
  if (json_object_size (json) == 0)
    return g_strdup ("");
  text = tessera_json_dump (json);
  return strlen (text) <= TESSERA_LOGIN_CLAIMS_MAX_LENGTH ? g_steal_pointer (&text) : NULL;
}

static gboolean
refuse (GError **error, const char *static_reason)
{
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST, static_reason);
  return FALSE;
}

gboolean
tessera_login_init (TesseraLogin *self,
                    const char *subject,
                    const char *acr,
                    const char *const *amr,
                    GVariant *claims,
                    GError **error)
{
  g_autofree char *claims_json = write_claims (claims);

  if (!is_text (subject, SUBJECT_MAX_LENGTH))
    return refuse (error, "a subject is 1 to 255 bytes of UTF-8");
  if (acr != NULL && !is_text (acr, ACR_MAX_LENGTH))
    return refuse (error, "acr is 1 to 255 bytes of UTF-8");
  if (amr != NULL && !are_methods (amr))
    return refuse (error, "amr is up to 16 names of up to 64 characters without spaces");
  if (claims_json == NULL)
    return refuse (error, "claims are a dictionary that is up to 4096 bytes of JSON, without names "
                          "that the server gives a token itself");

  *self = (TesseraLogin){
    .subject = g_strdup (subject),
    .sub = tessera_subject_dup_public (subject),
    .acr = g_strdup (acr),
    .amr = amr != NULL && *amr != NULL ? g_strjoinv (" ", (char **) amr) : NULL,
    .claims = *claims_json != '\0' ? g_steal_pointer (&claims_json) : NULL,
  };
  return TRUE;
}
