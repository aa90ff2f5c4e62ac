/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a person, for userinfo and ID token (OpenID Connect Core §5.1, §5.3). */

#include "model/tessera-user-claims-private.h"

#include "base/tessera-error.h"
#include "base/tessera-json-variant-private.h"
#include "base/tessera-log-private.h"
#include "model/tessera-person-claims-private.h"
#include "model/tessera-standard-claims-private.h"

#include <string.h>

/**
 * TesseraUserClaims:
 *
 * What is known of a person, about to be told to a client that asked for it.
 *
 * It comes with what is kept of the person as a user ([class@User]), then with what the login said
 * of them ([method@Authentication.accept_full], or an agent), and a handler of
 * [signal@Server::user-claims] says what the application knows: of one claim, the one who speaks
 * last is right. What the client is told of it is what its scopes and its claims request ask for,
 * and no more (OpenID Connect Core §5.4, §5.5).
 */
struct _TesseraUserClaims
{
  GObject parent_instance;

  char *subject;
  TesseraClient *client;
  char *scope;
  json_t *json;
};

G_DEFINE_FINAL_TYPE (TesseraUserClaims, tessera_user_claims, G_TYPE_OBJECT)

static void
tessera_user_claims_finalize (GObject *object)
{
  TesseraUserClaims *self = TESSERA_USER_CLAIMS (object);
  g_free (self->subject);
  g_clear_object (&self->client);
  g_free (self->scope);
  json_decref (self->json);
  G_OBJECT_CLASS (tessera_user_claims_parent_class)->finalize (object);
}

static void
tessera_user_claims_class_init (TesseraUserClaimsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_user_claims_finalize;
}

static void
tessera_user_claims_init (TesseraUserClaims *self)
{
  self->json = json_object ();
}

TesseraUserClaims *
tessera_user_claims_new (const char *subject, TesseraClient *client, const char *scope)
{
  TesseraUserClaims *self = g_object_new (TESSERA_TYPE_USER_CLAIMS, NULL);
  self->subject = g_strdup (subject);
  self->client = g_object_ref (client);
  self->scope = g_strdup (scope != NULL ? scope : "");
  return self;
}

/* FALSE when one of them is only the server's to say, and then none is taken. */
static gboolean
merge (TesseraUserClaims *self, json_t *claims)
{
  const char *name;
  json_t *value;

  json_object_foreach (claims, name, value)
    if (*name == '\0' || tessera_standard_claims_are_own (name))
      return FALSE;
  tessera_person_claims_forget_verified (self->json, claims);
  json_object_update (self->json, claims);
  return TRUE;
}

void
tessera_user_claims_merge_json (TesseraUserClaims *self, const char *json)
{
  g_autoptr (json_t) claims
      = json != NULL ? tessera_json_parse (json, strlen (json), strlen (json), NULL) : NULL;

  if (claims != NULL)
    merge (self, claims);
}

void
tessera_user_claims_merge_known (TesseraUserClaims *self, json_t *known)
{
  merge (self, known);
}

json_t *
tessera_user_claims_get_json (TesseraUserClaims *self)
{
  return self->json;
}

/**
 * tessera_user_claims_get_subject:
 * @self: claims of a person
 *
 * Who the person is: the subject that the login was accepted with.
 *
 * Returns: the subject
 */
const char *
tessera_user_claims_get_subject (TesseraUserClaims *self)
{
  g_return_val_if_fail (TESSERA_IS_USER_CLAIMS (self), NULL);
  return self->subject;
}

/**
 * tessera_user_claims_get_client:
 * @self: claims of a person
 *
 * Who is to be told.
 *
 * Returns: (transfer none): the client
 */
TesseraClient *
tessera_user_claims_get_client (TesseraUserClaims *self)
{
  g_return_val_if_fail (TESSERA_IS_USER_CLAIMS (self), NULL);
  return self->client;
}

/**
 * tessera_user_claims_get_scope:
 * @self: claims of a person
 *
 * What the person allowed: names with single spaces between.
 *
 * Returns: the scope, "" when there is none
 */
const char *
tessera_user_claims_get_scope (TesseraUserClaims *self)
{
  g_return_val_if_fail (TESSERA_IS_USER_CLAIMS (self), NULL);
  return self->scope;
}

/**
 * tessera_user_claims_dup_claims:
 * @self: claims of a person
 *
 * What is known so far.
 *
 * Returns: (transfer full): a dictionary, of type `a{sv}`
 */
GVariant *
tessera_user_claims_dup_claims (TesseraUserClaims *self)
{
  g_return_val_if_fail (TESSERA_IS_USER_CLAIMS (self), NULL);
  return g_variant_ref_sink (tessera_json_to_variant (self->json));
}

/**
 * tessera_user_claims_set_string:
 * @self: claims of a person
 * @name: a claim, such as `email` (OpenID Connect Core §5.1)
 * @value: its value, UTF-8
 *
 * Says one thing of the person.
 *
 * A claim that only the server says, such as `sub`, is not taken, with a warning.
 */
void
tessera_user_claims_set_string (TesseraUserClaims *self, const char *name, const char *value)
{
  g_return_if_fail (TESSERA_IS_USER_CLAIMS (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (value != NULL);

  g_autoptr (json_t) claim = json_object ();

  /* What is no UTF-8 is no JSON. */
  if (json_object_set_new (claim, name, json_string (value)) < 0 || !merge (self, claim))
    g_warning ("user-claims: the claim is the server's own, or its value no UTF-8");
}

/**
 * tessera_user_claims_merge:
 * @self: claims of a person
 * @claims: a dictionary (`a{sv}`) of texts, booleans, numbers, lists and dictionaries
 * @error: return location for an error
 *
 * Says several things of the person; they replace what was known under the same names.
 *
 * Errors: %TESSERA_ERROR_INVALID_REQUEST when a value cannot be written as JSON, or a name is one
 * that only the server says; then none of them is taken.
 *
 * Returns: %TRUE if they were taken
 */
gboolean
tessera_user_claims_merge (TesseraUserClaims *self, GVariant *claims, GError **error)
{
  g_return_val_if_fail (TESSERA_IS_USER_CLAIMS (self), FALSE);
  g_return_val_if_fail (claims != NULL, FALSE);

  g_autoptr (GVariant) owned = g_variant_ref_sink (claims); /* it may be floating */
  g_autoptr (json_t) json = tessera_json_from_variant (owned, error);
  if (json == NULL)
    return FALSE;
  if (merge (self, json))
    return TRUE;
  g_set_error_literal (error, TESSERA_ERROR, TESSERA_ERROR_INVALID_REQUEST,
                       "One of the claims is the server's own");
  return FALSE;
}
