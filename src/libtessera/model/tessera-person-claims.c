/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is kept of a person, each claim held against its type (OpenID Connect Core §5.1, §5.1.1,
 * §5.2). */

#include "model/tessera-person-claims-private.h"

#include "base/tessera-error.h"
#include "model/tessera-standard-claims-private.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 128
#define TAG_MAX_LENGTH 35 /* RFC 5646 §4.4.1 */
#define TEXT_MAX_LENGTH 1024
#define URL_MAX_LENGTH 2048
#define EMAIL_MAX_LENGTH 254 /* RFC 5321 §4.5.3.1.3 */
#define PHONE_MAX_LENGTH 64
#define WORD_MAX_LENGTH 64

static gboolean
refuse (GError **error, const char *claim, const char *why)
{
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER, "The claim %s %s.", claim,
               why);
  return FALSE;
}

/* Names */

/* Visible ASCII without what JSON would have to escape. */
static gboolean
is_name (const char *name, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isgraph (name[i]) || name[i] == '"' || name[i] == '\\')
      return FALSE;
  return length > 0 && length <= NAME_MAX_LENGTH;
}

static gboolean
is_language_tag (const char *tag)
{
  gsize length = strlen (tag);

  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (tag[i]) && tag[i] != '-')
      return FALSE;
  return length > 0 && length <= TAG_MAX_LENGTH && tag[0] != '-' && tag[length - 1] != '-';
}

/* §5.2: only what a person reads is written in a language. */
static gboolean
has_language (TesseraClaimKind kind)
{
  return kind == TESSERA_CLAIM_TEXT || kind == TESSERA_CLAIM_URL || kind == TESSERA_CLAIM_ADDRESS
         || kind == TESSERA_CLAIM_OTHER;
}

static gboolean
check_name (const char *name, GError **error)
{
  gsize length = strcspn (name, "#");
  g_autofree char *base = g_strndup (name, length);

  /* Nothing that may be strange is repeated. */
  if (!is_name (name, length))
    return refuse (error, "without a name",
                   "is not one: a name is 1 to 128 visible ASCII characters");
  if (tessera_standard_claims_are_own (base) || g_str_equal (base, "updated_at"))
    return refuse (error, base, "is the server's own to say");
  if (name[length] == '\0')
    return TRUE;
  if (!has_language (tessera_standard_claims_get_kind (base)))
    return refuse (error, base, "has no language");
  return is_language_tag (name + length + 1)
         || refuse (error, base, "has a language tag that is none");
}

/* Values */

/* UTF-8 it is, since it is in JSON. */
static gboolean
is_text (const char *text, gsize max_length, const char *allowed_controls)
{
  if (text == NULL || *text == '\0' || strlen (text) > max_length)
    return FALSE;
  for (const char *c = text; *c != '\0'; c = g_utf8_next_char (c))
    if (g_unichar_iscntrl (g_utf8_get_char (c)) && strchr (allowed_controls, *c) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_made_of (const char *text, gsize max_length, const char *others)
{
  gsize length = text != NULL ? strlen (text) : 0;

  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && strchr (others, text[i]) == NULL)
      return FALSE;
  return length > 0 && length <= max_length;
}

static gboolean
is_url (const char *text)
{
  g_autofree char *scheme = NULL;
  g_autofree char *host = NULL;

  if (!is_text (text, URL_MAX_LENGTH, "") || !g_str_is_ascii (text) || strchr (text, ' ') != NULL
      || !g_uri_split (text, G_URI_FLAGS_NONE, &scheme, NULL, &host, NULL, NULL, NULL, NULL, NULL))
    return FALSE;
  return host != NULL && *host != '\0'
         && (g_strcmp0 (scheme, "https") == 0 || g_strcmp0 (scheme, "http") == 0);
}

static gboolean
is_email (const char *text)
{
  const char *at = text != NULL ? strrchr (text, '@') : NULL;

  return is_text (text, EMAIL_MAX_LENGTH, "") && at != NULL && at != text && at[1] != '\0'
         && strpbrk (text, " <>,") == NULL;
}

/* E.164, as people write it, or with an extension as RFC 3966 does. */
static gboolean
is_phone (const char *text)
{
  return is_made_of (text, PHONE_MAX_LENGTH, "+ -().;=") && strpbrk (text, "0123456789") != NULL;
}

static gboolean
has_pattern (const char *text, const char *pattern)
{
  for (; *pattern != '\0'; text++, pattern++)
    if (*pattern == '0' ? !g_ascii_isdigit (*text) : *text != *pattern)
      return FALSE;
  return *text == '\0';
}

/* YYYY-MM-DD; 0000 for a year that is not told; YYYY for the year alone. */
static gboolean
is_date (const char *text)
{
  if (text == NULL || !has_pattern (text, "0000-00-00"))
    return text != NULL && has_pattern (text, "0000");
  int year = atoi (text), month = atoi (text + 5), day = atoi (text + 8);
  return month >= 1 && month <= 12 && day >= 1
         && day <= g_date_get_days_in_month ((GDateMonth) month,
                                             (GDateYear) (year != 0 ? year : 2000));
}

/* §5.1.1 */
static gboolean
is_address (const json_t *value)
{
  static const char *const members[]
      = { "formatted", "street_address", "locality", "region", "postal_code", "country", NULL };
  const char *name;
  json_t *member;

  json_object_foreach ((json_t *) value, name, member)
    if (!g_strv_contains (members, name)
        || !is_text (json_string_value (member), TEXT_MAX_LENGTH, "\r\n"))
      return FALSE;
  return json_object_size (value) > 0;
}

/* NULL: it is as it must be. */
static const char *
find_fault (TesseraClaimKind kind, const json_t *value)
{
  const char *text = json_string_value (value);

  switch (kind)
    {
    case TESSERA_CLAIM_TEXT:
      return is_text (text, TEXT_MAX_LENGTH, "") ? NULL : "must be a text of up to 1024 bytes";
    case TESSERA_CLAIM_URL:
      return is_url (text) ? NULL : "must be an https or http URL of up to 2048 bytes";
    case TESSERA_CLAIM_DATE:
      return is_date (text) ? NULL : "must be a date: YYYY-MM-DD, 0000-MM-DD or YYYY";
    case TESSERA_CLAIM_ZONE:
      return is_made_of (text, WORD_MAX_LENGTH, "_+-/") ? NULL
                                                        : "must be a zone such as Europe/Berlin";
    case TESSERA_CLAIM_LOCALE:
      return is_made_of (text, WORD_MAX_LENGTH, "_-") ? NULL
                                                      : "must be a language tag such as en-GB";
    case TESSERA_CLAIM_EMAIL:
      return is_email (text) ? NULL : "must be one e-mail address";
    case TESSERA_CLAIM_PHONE:
      return is_phone (text) ? NULL : "must be a phone number such as +49 30 1234";
    case TESSERA_CLAIM_FLAG:
      return json_is_boolean (value) ? NULL : "must be true or false";
    case TESSERA_CLAIM_ADDRESS:
      return is_address (value)
                 ? NULL
                 : "must be an object with some of the texts formatted, street_address, "
                   "locality, region, postal_code and country";
    case TESSERA_CLAIM_TIME:
    case TESSERA_CLAIM_OTHER:
    default:
      return json_is_null (value) ? "must say something" : NULL;
    }
}

gboolean
tessera_person_claims_check (json_t *claims, GError **error)
{
  const char *name;
  json_t *value;

  json_object_foreach (claims, name, value)
    {
      if (!check_name (name, error))
        return FALSE;
      const char *fault = find_fault (tessera_standard_claims_get_kind (name), value);
      if (fault != NULL)
        return refuse (error, name, fault);
    }
  g_autofree char *text = tessera_json_dump (claims);
  if (strlen (text) <= TESSERA_PERSON_CLAIMS_MAX_LENGTH)
    return TRUE;
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER,
               "The claims of one person are at most %d bytes of JSON.",
               TESSERA_PERSON_CLAIMS_MAX_LENGTH);
  return FALSE;
}

json_t *
tessera_person_claims_parse (const char *text, GError **error)
{
  gsize length = strlen (text);
  g_autoptr (json_t) claims
      = tessera_json_parse (text, length, 2 * TESSERA_PERSON_CLAIMS_MAX_LENGTH, NULL);

  if (claims == NULL)
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER,
                           "The claims are no JSON object.");
      return NULL;
    }
  return tessera_person_claims_check (claims, error) ? g_steal_pointer (&claims) : NULL;
}

void
tessera_person_claims_forget_verified (json_t *known, json_t *news)
{
  static const char *const flags[][2]
      = { { "email", "email_verified" }, { "phone_number", "phone_number_verified" } };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      json_t *value = json_object_get (news, flags[i][0]);

      if (value != NULL && !json_equal (value, json_object_get (known, flags[i][0])))
        json_object_del (known, flags[i][1]);
    }
}

json_t *
tessera_person_claims_change (json_t *known, json_t *changes, GError **error)
{
  g_autoptr (json_t) claims = known != NULL ? json_copy (known) : json_object ();
  const char *name;
  json_t *value;

  tessera_person_claims_forget_verified (claims, changes);
  json_object_foreach (changes, name, value)
    {
      if (g_strcmp0 (json_string_value (value), "") != 0)
        json_object_set (claims, name, value);
      else if (check_name (name, error))
        json_object_del (claims, name);
      else
        return NULL;
    }
  return tessera_person_claims_check (claims, error) ? g_steal_pointer (&claims) : NULL;
}
