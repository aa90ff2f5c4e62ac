/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keeps what the last tokens of clients for themselves said (RFC 9068 §2.2). */

#include "grants/tessera-token-moulds-private.h"

#define SLOTS 256 /* the one that comes last has the place */

struct _TesseraTokenMoulds
{
  TesseraTokenProfile *slots[SLOTS]; /* or NULL */
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
    g_clear_pointer (&self->slots[i], tessera_token_profile_unref);
  g_free (self);
}

/* By what differs between the forms of one time. */
static TesseraTokenProfile **
find_slot (TesseraTokenMoulds *self, const TesseraTokenForm *form)
{
  guint hash = g_str_hash (form->client_id);

  if (form->scope != NULL)
    hash = hash * 31 + g_str_hash (form->scope);
  for (guint i = 0; form->audience[i] != NULL; i++)
    hash = hash * 31 + g_str_hash (form->audience[i]);
  return &self->slots[hash % SLOTS];
}

TesseraTokenProfile *
tessera_token_moulds_lookup (TesseraTokenMoulds *self, const TesseraTokenForm *form)
{
  TesseraTokenProfile *profile = *find_slot (self, form);

  return profile != NULL && tessera_token_profile_has_form (profile, form) ? profile : NULL;
}

void
tessera_token_moulds_keep (TesseraTokenMoulds *self,
                           const TesseraTokenForm *form,
                           TesseraTokenProfile *profile)
{
  TesseraTokenProfile **slot = find_slot (self, form);

  g_clear_pointer (slot, tessera_token_profile_unref);
  *slot = tessera_token_profile_ref (profile);
}
