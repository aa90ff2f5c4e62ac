/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The claims of a person's access token, made after those of another's (RFC 9068 §2.2). */

#include "model/tessera-person-mould-private.h"

#include "base/tessera-decimal-private.h"
#include "base/tessera-secret-private.h"
#include "jose/tessera-claim-text-private.h"

#include <string.h>

/* What each says for itself, as it is sorted. */
typedef enum
{
  GAP_AUTH_TIME,
  GAP_EXP,
  GAP_GRANT_ID,
  GAP_IAT,
  GAP_JTI,
  GAP_SID,
  GAP_SUB,
  N_GAPS
} Gap;

static const char *const openings[N_GAPS] = {
  "\"auth_time\":", "\"exp\":",   "\"grant_id\":\"", "\"iat\":",
  "\"jti\":\"",     "\"sid\":\"", "\"sub\":\"",
};

struct _TesseraPersonMould
{
  char *text;                /* without the values */
  gsize lengths[N_GAPS + 1]; /* of the parts around them */
  char *issuer;
  char *client_id;
  char *scope; /* or NULL */
  char *acr;   /* or NULL */
  char *amr;   /* or NULL */
  char **audience;
};

/* What goes into the gaps, one behind the other. */
typedef struct
{
  char numbers[3][TESSERA_DECIMAL_MAX + 1];
  const char *texts[N_GAPS];
  gsize lengths[N_GAPS];
} Values;

static const char *
write_number (char *at, gint64 number)
{
  *tessera_decimal_put (at, number) = '\0';
  return at;
}

static void
values_init (Values *self, const TesseraTokenForm *form, const char *jti, gint64 iat)
{
  self->texts[GAP_AUTH_TIME] = write_number (self->numbers[0], form->auth_time);
  self->texts[GAP_EXP] = write_number (self->numbers[1], iat + form->lifetime);
  self->texts[GAP_IAT] = write_number (self->numbers[2], iat);
  self->texts[GAP_GRANT_ID] = form->grant_id;
  self->texts[GAP_JTI] = jti;
  self->texts[GAP_SID] = form->session_id;
  self->texts[GAP_SUB] = form->subject;
  for (Gap gap = 0; gap < N_GAPS; gap++)
    self->lengths[gap] = strlen (self->texts[gap]);
}

/* Each value has a place, and one spelling in JSON. */
static gboolean
is_plain (const TesseraTokenForm *form)
{
  return form->grant_id != NULL && form->session_id != NULL
         && tessera_claim_text_is_plain (form->grant_id)
         && tessera_claim_text_is_plain (form->session_id)
         && tessera_claim_text_is_plain (form->subject);
}

/* Where the value of @gap begins, behind @at, or NULL. Where nothing is escaped, what stands before
 * it is a member's name and no part of a text; and nothing that the issuer says has members of its
 * own. */
static const char *
find_value (const char *at, Gap gap, const Values *values)
{
  const char *found = strstr (at, openings[gap]);

  if (found == NULL)
    return NULL;
  found += strlen (openings[gap]);
  return strncmp (found, values->texts[gap], values->lengths[gap]) == 0 ? found : NULL;
}

static gboolean
cut (TesseraPersonMould *self, const Values *values, const char *claims_json)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *at = claims_json;

  for (Gap gap = 0; gap < N_GAPS; gap++)
    {
      const char *value = find_value (at, gap, values);

      if (value == NULL)
        return FALSE;
      self->lengths[gap] = (gsize) (value - at);
      g_string_append_len (text, at, value - at);
      at = value + values->lengths[gap];
    }
  self->lengths[N_GAPS] = strlen (at);
  g_string_append (text, at);
  self->text = g_string_free (g_steal_pointer (&text), FALSE);
  return TRUE;
}

TesseraPersonMould *
tessera_person_mould_new (const TesseraTokenForm *form,
                          const char *jti,
                          gint64 iat,
                          const char *claims_json)
{
  g_autoptr (TesseraPersonMould) self = NULL;
  Values values;

  if (!is_plain (form) || strchr (claims_json, '\\') != NULL)
    return NULL;
  values_init (&values, form, jti, iat);
  self = g_new0 (TesseraPersonMould, 1);
  self->issuer = g_strdup (form->issuer);
  self->client_id = g_strdup (form->client_id);
  self->scope = g_strdup (form->scope);
  self->acr = g_strdup (form->acr);
  self->amr = g_strdup (form->amr);
  self->audience = g_strdupv ((char **) form->audience);
  return cut (self, &values, claims_json) ? g_steal_pointer (&self) : NULL;
}

void
tessera_person_mould_free (TesseraPersonMould *self)
{
  g_free (self->text);
  g_free (self->issuer);
  g_free (self->client_id);
  g_free (self->scope);
  g_free (self->acr);
  g_free (self->amr);
  g_strfreev (self->audience);
  g_free (self);
}

gboolean
tessera_person_mould_fits (const TesseraPersonMould *self, const TesseraTokenForm *form)
{
  return strcmp (self->client_id, form->client_id) == 0 && g_strcmp0 (self->scope, form->scope) == 0
         && g_strcmp0 (self->acr, form->acr) == 0 && g_strcmp0 (self->amr, form->amr) == 0
         && g_strv_equal ((const char *const *) self->audience, form->audience)
         && strcmp (self->issuer, form->issuer) == 0 && is_plain (form);
}

static void
set_part (TesseraTokenOutline *self, guint i, const char *start, const char *end)
{
  self->parts[i] = start;
  self->lengths[i] = (gsize) (end - start);
}

/* The header, the lifetime and the jti; the parts are set as they are written. */
static void
outline_init (TesseraTokenOutline *self, const TesseraTokenForm *form, const char *jti)
{
  self->algorithm = form->algorithm;
  self->typ = form->typ;
  self->kid = form->kid;
  self->lifetime = form->lifetime;
  tessera_uuid_parse (jti, self->jti, NULL);
}

char *
tessera_person_mould_cast (const TesseraPersonMould *self,
                           const TesseraTokenForm *form,
                           const char *jti,
                           gint64 iat,
                           TesseraTokenOutline *out_outline)
{
  static const guint8 parts[N_GAPS] = { [GAP_EXP] = 1, [GAP_IAT] = 2, [GAP_JTI] = 3 };
  const char *part = self->text;
  Values values;
  gsize size = 1 + self->lengths[N_GAPS];

  values_init (&values, form, jti, iat);
  for (Gap gap = 0; gap < N_GAPS; gap++)
    size += self->lengths[gap] + values.lengths[gap];
  char *json = g_malloc (size);
  char *at = json, *start = json;

  outline_init (out_outline, form, jti);
  for (Gap gap = 0; gap < N_GAPS; part += self->lengths[gap++])
    {
      at = mempcpy (at, part, self->lengths[gap]);
      if (parts[gap] != 0)
        set_part (out_outline, parts[gap] - 1, start, at);
      at = mempcpy (at, values.texts[gap], values.lengths[gap]);
      if (parts[gap] != 0)
        start = at;
    }
  at = mempcpy (at, part, self->lengths[N_GAPS]);
  set_part (out_outline, 3, start, at);
  *at = '\0';
  return json;
}
