/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which claims a scope stands for (OpenID Connect Core §5.4), and what of a person is told. */

#include "model/tessera-standard-claims-private.h"

#include "model/tessera-scope-private.h"

static const struct
{
  const char *name;
  const char *scope;
} standard_claims[] = {
  { "name", "profile" },
  { "family_name", "profile" },
  { "given_name", "profile" },
  { "middle_name", "profile" },
  { "nickname", "profile" },
  { "preferred_username", "profile" },
  { "profile", "profile" },
  { "picture", "profile" },
  { "website", "profile" },
  { "gender", "profile" },
  { "birthdate", "profile" },
  { "zoneinfo", "profile" },
  { "locale", "profile" },
  { "updated_at", "profile" },
  { "email", "email" },
  { "email_verified", "email" },
  { "address", "address" },
  { "phone_number", "phone" },
  { "phone_number_verified", "phone" },
};

static const char *
get_scope (const char *claim)
{
  for (guint i = 0; i < G_N_ELEMENTS (standard_claims); i++)
    if (g_str_equal (claim, standard_claims[i].name))
      return standard_claims[i].scope;
  return NULL;
}

/* §5.4: where an access token is issued, the scopes' claims are told at userinfo. */
static gboolean
is_in_scope (const char *claim, const char *scope, TesseraClaimsPlace place)
{
  const char *wanted = place == TESSERA_CLAIMS_USERINFO ? get_scope (claim) : NULL;

  return wanted != NULL && scope != NULL && tessera_scope_has (scope, wanted);
}

json_t *
tessera_standard_claims_select (json_t *known,
                                const char *scope,
                                const TesseraClaimsRequest *request,
                                TesseraClaimsPlace place)
{
  json_t *selected = json_object ();
  const char *name;
  json_t *value;

  json_object_foreach (known, name, value)
    if (is_in_scope (name, scope, place)
        || tessera_claims_request_wants (request, place, name, value))
      json_object_set (selected, name, value);
  return selected;
}

const char *const *
tessera_standard_claims_list (void)
{
  static const char *names[G_N_ELEMENTS (standard_claims) + 1];

  for (guint i = 0; i < G_N_ELEMENTS (standard_claims); i++)
    names[i] = standard_claims[i].name;
  return names;
}

const char *const *
tessera_standard_claims_list_scopes (void)
{
  static const char *const scopes[]
      = { "openid", "profile", "email", "address", "phone", "offline_access", NULL };

  return scopes;
}
