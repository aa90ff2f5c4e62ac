/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the access tokens of one authorization have in common: every claim of RFC 9068 §2.2 but exp,
 * iat and jti. */

#include "model/tessera-token-profile-private.h"

#include "base/tessera-decimal-private.h"
#include "base/tessera-secret-private.h"

#include <string.h>

#define DIGITS_MAX 12

/* Where a value stands. */
typedef struct
{
  const char *start;
  const char *end;
} Gap;

/* Behind @name, which must stand there once. Where nothing is escaped, that is a member's name and
 * no part of a text; that it is the token's own, and not one of an object inside, is seen when a
 * profile is made. */
static const char *
find_value (const char *json, gsize length, const char *name)
{
  gsize name_length = strlen (name);
  const char *found = memmem (json, length, name, name_length);
  if (found == NULL)
    return NULL;
  const char *value = found + name_length;
  gsize rest = length - (gsize) (value - json);
  return memmem (value, rest, name, name_length) == NULL ? value : NULL;
}

/* A number without sign, fraction or exponent, for which JSON has one spelling. */
static gboolean
read_number (const char *value, Gap *out_gap, gint64 *out_number)
{
  gint64 number = 0;
  gsize n = 0;

  for (; n < DIGITS_MAX && g_ascii_isdigit (value[n]); n++)
    number = number * 10 + (value[n] - '0');
  if (n == 0 || value[0] == '0' || (value[n] != ',' && value[n] != '}'))
    return FALSE;
  *out_gap = (Gap){ value, value + n };
  *out_number = number;
  return TRUE;
}

static gboolean
find_number (const char *json, gsize length, const char *name, Gap *out_gap, gint64 *out_number)
{
  const char *value = find_value (json, length, name);
  return value != NULL && read_number (value, out_gap, out_number);
}

static gboolean
read_jti (const char *value, Gap *out_gap, guint8 out_jti[16], gint64 *out_issued_ms)
{
  char text[TESSERA_UUID_LENGTH + 1];

  if (strnlen (value, sizeof text) < sizeof text || value[TESSERA_UUID_LENGTH] != '"')
    return FALSE;
  memcpy (text, value, TESSERA_UUID_LENGTH);
  text[TESSERA_UUID_LENGTH] = '\0';
  *out_gap = (Gap){ value, value + TESSERA_UUID_LENGTH };
  return tessera_uuid_parse (text, out_jti, out_issued_ms);
}

static gboolean
find_jti (const char *json, gsize length, Gap *out_gap, guint8 out_jti[16], gint64 *out_issued_ms)
{
  const char *value = find_value (json, length, "\"jti\":\"");
  return value != NULL && read_jti (value, out_gap, out_jti, out_issued_ms);
}

static void
set_parts (TesseraTokenOutline *self, const char *json, gsize length, const Gap gaps[3])
{
  const char *start = json;

  for (guint i = 0; i < 3; i++)
    {
      self->parts[i] = start;
      self->lengths[i] = (gsize) (gaps[i].start - start);
      start = gaps[i].end;
    }
  self->parts[3] = start;
  self->lengths[3] = length - (gsize) (start - json);
}

gboolean
tessera_token_outline_read (TesseraTokenOutline *self, const char *claims_json)
{
  gsize length = strlen (claims_json);
  gint64 issued_ms, iat, exp;
  Gap gaps[3];

  if (length < 2 || claims_json[0] != '{' || claims_json[length - 1] != '}'
      || memchr (claims_json, '\\', length) != NULL)
    return FALSE;
  /* Its place in a status list is its own too: nothing would be gained. */
  if (memmem (claims_json, length, "\"status\":", 9) != NULL)
    return FALSE;
  if (!find_number (claims_json, length, "\"exp\":", &gaps[0], &exp)
      || !find_number (claims_json, length, "\"iat\":", &gaps[1], &iat)
      || !find_jti (claims_json, length, &gaps[2], self->jti, &issued_ms))
    return FALSE;
  /* As they are sorted. nbf would be a time of the token's own too. */
  if (gaps[0].end > gaps[1].start || gaps[1].end > gaps[2].start || issued_ms / 1000 != iat
      || memmem (claims_json, length, "\"nbf\":", 6) != NULL)
    return FALSE;
  self->lifetime = exp - iat;
  set_parts (self, claims_json, length, gaps);
  return TRUE;
}

/* Does the next part of what is known stand here? Advances behind it. */
static gboolean
skip_part (const TesseraTokenOutline *known, guint i, const char **at)
{
  if (strncmp (*at, known->parts[i], known->lengths[i]) != 0)
    return FALSE;
  *at += known->lengths[i];
  return TRUE;
}

gboolean
tessera_token_outline_match (TesseraTokenOutline *self,
                             const TesseraTokenOutline *known,
                             const char *claims_json)
{
  gint64 issued_ms, iat, exp;
  const char *at = claims_json;
  Gap gaps[3];

  if (!skip_part (known, 0, &at) || !read_number (at, &gaps[0], &exp))
    return FALSE;
  at = gaps[0].end;
  if (!skip_part (known, 1, &at) || !read_number (at, &gaps[1], &iat))
    return FALSE;
  at = gaps[1].end;
  if (!skip_part (known, 2, &at) || !read_jti (at, &gaps[2], self->jti, &issued_ms)
      || issued_ms / 1000 != iat)
    return FALSE;
  at = gaps[2].end;
  if (!skip_part (known, 3, &at) || *at != '\0')
    return FALSE;
  self->lifetime = exp - iat;
  set_parts (self, claims_json, (gsize) (at - claims_json), gaps);
  return TRUE;
}

guint
tessera_token_outline_hash (gconstpointer outline)
{
  const TesseraTokenOutline *self = outline;
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325) ^ (guint64) self->lifetime;

  for (guint i = 0; i < G_N_ELEMENTS (self->parts); i++)
    for (gsize at = 0; at < self->lengths[i]; at += sizeof (guint64))
      {
        guint64 word = 0;
        memcpy (&word, self->parts[i] + at, MIN (sizeof word, self->lengths[i] - at));
        hash = (hash ^ word) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
      }
  return (guint) hash;
}

gboolean
tessera_token_outline_equal (gconstpointer a, gconstpointer b)
{
  const TesseraTokenOutline *one = a;
  const TesseraTokenOutline *other = b;

  if (one->lifetime != other->lifetime || one->algorithm != other->algorithm
      || strcmp (one->kid, other->kid) != 0 || strcmp (one->typ, other->typ) != 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (one->parts); i++)
    if (one->lengths[i] != other->lengths[i]
        || memcmp (one->parts[i], other->parts[i], one->lengths[i]) != 0)
      return FALSE;
  return TRUE;
}

/* The parts one behind the other, in a text of our own; header and parts point into it. */
static void
own_outline (TesseraTokenProfile *self, const TesseraTokenOutline *outline)
{
  TesseraTokenOutline *own = &self->outline;
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (own->parts); i++)
    g_string_append_len (text, outline->parts[i], (gssize) outline->lengths[i]);
  gsize header = text->len;
  g_string_append_len (text, outline->typ, (gssize) strlen (outline->typ) + 1);
  g_string_append (text, outline->kid);

  self->text = g_string_free (text, FALSE);
  *own = *outline;
  const char *part = self->text;
  for (guint i = 0; i < G_N_ELEMENTS (own->parts); part += own->lengths[i++])
    own->parts[i] = part;
  own->typ = self->text + header;
  own->kid = own->typ + strlen (own->typ) + 1;
}

/* What the text was taken to say, against what it says. */
static gboolean
agrees (const TesseraTokenOutline *outline, TesseraClaims *claims)
{
  guint8 jti[16];
  gint64 issued_ms, iat, exp;

  return tessera_uuid_parse (tessera_claims_get_string (claims, "jti"), jti, &issued_ms)
         && memcmp (jti, outline->jti, sizeof jti) == 0
         && tessera_claims_get_int (claims, "iat", &iat) && iat == issued_ms / 1000
         && tessera_claims_get_int (claims, "exp", &exp) && exp == iat + outline->lifetime;
}

static gboolean
is_complete (const TesseraTokenProfile *self)
{
  return self->issuer != NULL && self->subject != NULL && self->client_id != NULL
         && self->audience != NULL && self->audience[0] != NULL;
}

TesseraTokenProfile *
tessera_token_profile_new (const TesseraTokenOutline *outline, TesseraClaims *claims)
{
  TesseraTokenProfile *self = g_new0 (TesseraTokenProfile, 1);

  self->ref_count = 1;
  own_outline (self, outline);
  self->issuer = g_strdup (tessera_claims_get_string (claims, "iss"));
  self->subject = g_strdup (tessera_claims_get_string (claims, "sub"));
  self->client_id = g_strdup (tessera_claims_get_string (claims, "client_id"));
  self->grant_id = g_strdup (tessera_claims_get_string (claims, "grant_id"));
  self->session_id = g_strdup (tessera_claims_get_string (claims, "sid"));
  self->scope = g_strdup (tessera_claims_get_string (claims, "scope"));
  self->audience = tessera_claims_dup_strings (claims, "aud");
  if (!is_complete (self) || !agrees (outline, claims))
    g_clear_pointer (&self, tessera_token_profile_unref);
  return self;
}

TesseraTokenProfile *
tessera_token_profile_new_of_form (const TesseraTokenOutline *outline, const TesseraTokenForm *form)
{
  TesseraTokenProfile *self = g_new0 (TesseraTokenProfile, 1);

  self->ref_count = 1;
  own_outline (self, outline);
  self->issuer = g_strdup (form->issuer);
  self->subject = g_strdup (form->subject);
  self->client_id = g_strdup (form->client_id);
  self->grant_id = g_strdup (form->grant_id);
  self->session_id = g_strdup (form->session_id);
  self->scope = g_strdup (form->scope);
  self->audience = g_strdupv ((char **) form->audience);
  return self;
}

TesseraTokenProfile *
tessera_token_profile_ref (TesseraTokenProfile *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_token_profile_unref (TesseraTokenProfile *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_free (self->text);
  g_free (self->issuer);
  g_free (self->subject);
  g_free (self->client_id);
  g_free (self->grant_id);
  g_free (self->session_id);
  g_free (self->scope);
  g_strfreev (self->audience);
  g_free (self);
}

gboolean
tessera_token_profile_has_form (const TesseraTokenProfile *self, const TesseraTokenForm *form)
{
  return strcmp (self->client_id, form->client_id) == 0 && g_strcmp0 (self->scope, form->scope) == 0
         && self->outline.lifetime == form->lifetime
         && g_strv_equal ((const char *const *) self->audience, form->audience)
         && strcmp (self->outline.kid, form->kid) == 0 && self->outline.algorithm == form->algorithm
         && strcmp (self->outline.typ, form->typ) == 0 && strcmp (self->subject, form->subject) == 0
         && strcmp (self->issuer, form->issuer) == 0;
}

static char *
put_part (char *at, const TesseraTokenOutline *outline, guint i)
{
  return mempcpy (at, outline->parts[i], outline->lengths[i]);
}

char *
tessera_token_profile_dup_claims_json (const TesseraTokenProfile *self, const char *jti, gint64 iat)
{
  const TesseraTokenOutline *outline = &self->outline;
  gsize size = 2 * TESSERA_DECIMAL_MAX + strlen (jti) + 1;

  for (guint i = 0; i < G_N_ELEMENTS (outline->parts); i++)
    size += outline->lengths[i];
  char *json = g_malloc (size);
  char *at = put_part (json, outline, 0);
  at = put_part (tessera_decimal_put (at, iat + outline->lifetime), outline, 1);
  at = put_part (tessera_decimal_put (at, iat), outline, 2);
  at = put_part (stpcpy (at, jti), outline, 3);
  *at = '\0';
  return json;
}
