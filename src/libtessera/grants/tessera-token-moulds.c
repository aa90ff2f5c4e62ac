/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps what the last tokens of clients said, for themselves and for people (RFC 9068 §2.2). */

#include "grants/tessera-token-moulds-private.h"

#define SLOTS 256 /* the one that comes last has the place */

struct _TesseraTokenMoulds
{
  TesseraTokenProfile *slots[SLOTS]; /* or NULL */
  TesseraPersonMould *people[SLOTS]; /* or NULL */
};

TesseraTokenMoulds *
tessera_token_moulds_new (void)
{
  return g_new0 (TesseraTokenMoulds, 1);
}

void
tessera_token_moulds_free (TesseraTokenMoulds *self)
{
  for (guint i = 0; i < SLOTS; i++)
    {
      g_clear_pointer (&self->slots[i], tessera_token_profile_unref);
      g_clear_pointer (&self->people[i], tessera_person_mould_free);
    }
  g_free (self);
}

static guint
mix (guint hash, const char *text)
{
  return text != NULL ? hash * 31 + g_str_hash (text) : hash;
}

/* By what differs between the forms of one time. */
static guint
find_slot (const TesseraTokenForm *form)
{
  guint hash = g_str_hash (form->client_id);

  hash = mix (hash, form->scope);
  hash = mix (hash, form->acr);
  hash = mix (hash, form->amr);
  for (guint i = 0; form->audience[i] != NULL; i++)
    hash = mix (hash, form->audience[i]);
  return hash % SLOTS;
}

TesseraTokenProfile *
tessera_token_moulds_lookup (TesseraTokenMoulds *self, const TesseraTokenForm *form)
{
  TesseraTokenProfile *profile = self->slots[find_slot (form)];

  return profile != NULL && tessera_token_profile_has_form (profile, form) ? profile : NULL;
}

void
tessera_token_moulds_keep (TesseraTokenMoulds *self,
                           const TesseraTokenForm *form,
                           TesseraTokenProfile *profile)
{
  TesseraTokenProfile **slot = &self->slots[find_slot (form)];

  g_clear_pointer (slot, tessera_token_profile_unref);
  *slot = tessera_token_profile_ref (profile);
}

const TesseraPersonMould *
tessera_token_moulds_lookup_person (TesseraTokenMoulds *self, const TesseraTokenForm *form)
{
  const TesseraPersonMould *mould = self->people[find_slot (form)];

  return mould != NULL && tessera_person_mould_fits (mould, form) ? mould : NULL;
}

void
tessera_token_moulds_keep_person (TesseraTokenMoulds *self,
                                  const TesseraTokenForm *form,
                                  TesseraPersonMould *mould)
{
  TesseraPersonMould **slot = &self->people[find_slot (form)];

  g_clear_pointer (slot, tessera_person_mould_free);
  *slot = mould;
}
