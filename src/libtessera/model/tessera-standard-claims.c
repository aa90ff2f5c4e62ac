/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which claims a scope stands for (OpenID Connect Core §5.4), and what of a person is told. What is
 * asked for by name (§5.5) is bound to the same scopes: else a client would get by the one way what
 * it may not have by the other, and nobody would have been asked. */

#include "model/tessera-standard-claims-private.h"

#include "model/tessera-issuance-private.h"
#include "model/tessera-scope-private.h"

#include <string.h>

static const struct
{
  const char *name;
  const char *scope;
  TesseraClaimKind kind;
} standard_claims[] = {
  { "name", "profile", TESSERA_CLAIM_TEXT },
  { "family_name", "profile", TESSERA_CLAIM_TEXT },
  { "given_name", "profile", TESSERA_CLAIM_TEXT },
  { "middle_name", "profile", TESSERA_CLAIM_TEXT },
  { "nickname", "profile", TESSERA_CLAIM_TEXT },
  { "preferred_username", "profile", TESSERA_CLAIM_TEXT },
  { "profile", "profile", TESSERA_CLAIM_URL },
  { "picture", "profile", TESSERA_CLAIM_URL },
  { "website", "profile", TESSERA_CLAIM_URL },
  { "gender", "profile", TESSERA_CLAIM_TEXT },
  { "birthdate", "profile", TESSERA_CLAIM_DATE },
  { "zoneinfo", "profile", TESSERA_CLAIM_ZONE },
  { "locale", "profile", TESSERA_CLAIM_LOCALE },
  { "updated_at", "profile", TESSERA_CLAIM_TIME },
  { "email", "email", TESSERA_CLAIM_EMAIL },
  { "email_verified", "email", TESSERA_CLAIM_FLAG },
  { "address", "address", TESSERA_CLAIM_ADDRESS },
  { "phone_number", "phone", TESSERA_CLAIM_PHONE },
  { "phone_number_verified", "phone", TESSERA_CLAIM_FLAG },
};

/* What an ID token has of the server alone, beside what every token has (§2, §3.1.3.6, §5.6.2). */
static const char *const own_claims[] = {
  "nonce", "at_hash", "c_hash", "s_hash", "azp", "events", "_claim_names", "_claim_sources", NULL,
};

/* §5.2: `name#de` is a name, in German. */
static int
find (const char *claim)
{
  gsize length = strcspn (claim, "#");

  for (guint i = 0; i < G_N_ELEMENTS (standard_claims); i++)
    if (strlen (standard_claims[i].name) == length
        && memcmp (claim, standard_claims[i].name, length) == 0)
      return (int) i;
  return -1;
}

TesseraClaimKind
tessera_standard_claims_get_kind (const char *claim)
{
  int i = find (claim);

  return i >= 0 ? standard_claims[i].kind : TESSERA_CLAIM_OTHER;
}

gboolean
tessera_standard_claims_are_own (const char *claim)
{
  return tessera_issuance_protects (claim) || g_strv_contains (own_claims, claim);
}

static const char *
get_scope (const char *claim)
{
  int i = find (claim);

  return i >= 0 ? standard_claims[i].scope : NULL;
}

/* §5.4: where an access token is issued, the scopes' claims are told at userinfo. */
static gboolean
is_in_scope (const char *claim, const char *scope, TesseraClaimsPlace place)
{
  const char *wanted = place == TESSERA_CLAIMS_USERINFO ? get_scope (claim) : NULL;

  return wanted != NULL && scope != NULL && tessera_scope_has (scope, wanted);
}

/* The scope that whoever asks for @claim by name asks for; what is nobody's standard counts as part
 * of a profile. NULL: it is not said of a person. */
static const char *
get_scope_by_name (const char *claim)
{
  const char *scope = get_scope (claim);

  if (scope != NULL || tessera_standard_claims_are_own (claim))
    return scope;
  return "profile";
}

static gboolean
may_ask (const char *registered, const char *claim)
{
  const char *scope = get_scope_by_name (claim);

  return scope == NULL || tessera_scope_has (registered, scope);
}

void
tessera_standard_claims_narrow (TesseraClaimsRequest *request, const char *registered)
{
  g_auto (GStrv) names = tessera_claims_request_list_names (request);

  for (char **name = names; *name != NULL; name++)
    if (!may_ask (registered, *name))
      tessera_claims_request_remove (request, *name);
}

char *
tessera_standard_claims_dup_asked_scope (const char *scope, const char *claims_request)
{
  g_autoptr (TesseraClaimsRequest) request = tessera_claims_request_parse (claims_request, NULL);
  g_auto (GStrv) names = request != NULL ? tessera_claims_request_list_names (request) : NULL;
  char *asked = tessera_scope_union (scope, NULL);

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autofree char *before = asked;
      asked = tessera_scope_union (before, get_scope_by_name (*name));
    }
  return asked;
}

json_t *
tessera_standard_claims_select (json_t *known,
                                const char *scope,
                                const char *registered,
                                const TesseraClaimsRequest *request,
                                TesseraClaimsPlace place)
{
  json_t *selected = json_object ();
  const char *name;
  json_t *value;

  json_object_foreach (known, name, value)
    if (is_in_scope (name, scope, place)
        || (may_ask (registered, name)
            && tessera_claims_request_wants (request, place, name, value)))
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
