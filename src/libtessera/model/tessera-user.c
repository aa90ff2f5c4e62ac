/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A person who can log in with a password of the server's own (RFC 6749 §1.1: resource owner), and
 * what is known of them (OpenID Connect Core §5.1). */

#include "model/tessera-user-private.h"

#include "base/tessera-json-variant-private.h"
#include "base/tessera-password-private.h"
#include "base/tessera-secret-private.h"
#include "model/tessera-person-claims-private.h"

#include <string.h>

#define USERNAME_MAX_LENGTH 255
#define USER_JSON_MAX_LENGTH (64 * 1024)

/**
 * TesseraUser:
 *
 * A person who can log in with a password that the server keeps, hashed.
 *
 * Users come from a file ([method@Tessera.Server.load_users]), which alone can change them, or from
 * [method@Tessera.Server.add_user_async], and then the store keeps them. An application that
 * decides logins itself ([signal@Tessera.Server::authenticate]) needs none. Immutable.
 */
struct _TesseraUser
{
  GObject parent_instance;

  char *username;
  char *hash;
  gboolean disabled;
  char *origin;      /* NULL: the store */
  json_t *claims;    /* what is known of the person, never changed; NULL: nothing */
  gint64 updated_at; /* seconds; 0: never */
};

G_DEFINE_FINAL_TYPE (TesseraUser, tessera_user, G_TYPE_OBJECT)

static void
tessera_user_finalize (GObject *object)
{
  TesseraUser *self = TESSERA_USER (object);
  g_free (self->username);
  tessera_secret_free (self->hash);
  g_free (self->origin);
  json_decref (self->claims);
  G_OBJECT_CLASS (tessera_user_parent_class)->finalize (object);
}

static void
tessera_user_class_init (TesseraUserClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_user_finalize;
}

static void
tessera_user_init (TesseraUser *self)
{
}

/* A colon ends the name in a file of users; controls have no place in a log. */
static gboolean
is_username (const char *name)
{
  gsize length = strlen (name);
  if (length == 0 || length > USERNAME_MAX_LENGTH || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    if (*c == ':' || g_unichar_iscntrl (g_utf8_get_char (c)))
      return FALSE;
  return TRUE;
}

static gboolean
refuse (GError **error, const char *reason)
{
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_USER, reason);
  return FALSE;
}

static gboolean
check (const char *username, const char *hash, GError **error)
{
  if (!is_username (username))
    return refuse (error, "the user name is empty, too long or malformed");
  if (!tessera_password_is_acceptable_hash (hash))
    return refuse (error, "the password hash is malformed or not by yescrypt");
  return TRUE;
}

TesseraUser *
tessera_user_new (const char *username, const char *hash, const char *origin, GError **error)
{
  if (!check (username, hash, error))
    return NULL;
  TesseraUser *self = g_object_new (TESSERA_TYPE_USER, NULL);
  self->username = g_strdup (username);
  self->hash = g_strdup (hash);
  self->origin = g_strdup (origin);
  return self;
}

/* The same person, each member of whom is ours to change still. */
static TesseraUser *
copy (TesseraUser *self)
{
  TesseraUser *other = g_object_new (TESSERA_TYPE_USER, NULL);

  other->username = g_strdup (self->username);
  other->hash = g_strdup (self->hash);
  other->origin = g_strdup (self->origin);
  other->disabled = self->disabled;
  other->claims = json_incref (self->claims);
  other->updated_at = self->updated_at;
  return other;
}

TesseraUser *
tessera_user_copy_with_hash (TesseraUser *self, const char *hash, GError **error)
{
  if (!check (self->username, hash, error))
    return NULL;
  TesseraUser *other = copy (self);
  tessera_secret_free (other->hash);
  other->hash = g_strdup (hash);
  return other;
}

TesseraUser *
tessera_user_copy_with_disabled (TesseraUser *self, gboolean disabled)
{
  TesseraUser *other = copy (self);
  other->disabled = disabled;
  return other;
}

static void
set_claims (TesseraUser *self, json_t *claims)
{
  json_decref (self->claims);
  self->claims = json_object_size (claims) > 0 ? json_incref (claims) : NULL;
}

TesseraUser *
tessera_user_copy_with_claims (TesseraUser *self, json_t *claims, gint64 updated_at)
{
  TesseraUser *other = copy (self);
  set_claims (other, claims);
  other->updated_at = updated_at;
  return other;
}

/**
 * tessera_user_get_username:
 * @self: a user
 *
 * What the person types on the login page.
 *
 * Returns: the user name
 */
const char *
tessera_user_get_username (TesseraUser *self)
{
  g_return_val_if_fail (TESSERA_IS_USER (self), NULL);
  return self->username;
}

/**
 * tessera_user_get_subject:
 * @self: a user
 *
 * Who the person is when they have logged in. It is the claim `sub` of tokens (RFC 9068 §2.2),
 * unless it cannot stand there, or the client is told another ([property@Client:subject-type]).
 *
 * Returns: the subject
 */
const char *
tessera_user_get_subject (TesseraUser *self)
{
  g_return_val_if_fail (TESSERA_IS_USER (self), NULL);
  return self->username;
}

/**
 * tessera_user_is_disabled:
 * @self: a user
 *
 * Whether the person cannot log in for the time being.
 *
 * Returns: %TRUE if every login is denied
 */
gboolean
tessera_user_is_disabled (TesseraUser *self)
{
  g_return_val_if_fail (TESSERA_IS_USER (self), FALSE);
  return self->disabled;
}

/**
 * tessera_user_get_origin:
 * @self: a user
 *
 * The file that declares the user, and alone can change or remove it.
 *
 * Returns: (nullable): the file's name, or %NULL when the store keeps the user
 */
const char *
tessera_user_get_origin (TesseraUser *self)
{
  g_return_val_if_fail (TESSERA_IS_USER (self), NULL);
  return self->origin;
}

/**
 * tessera_user_dup_claims:
 * @self: a user
 *
 * What is known of the person: the claims of OpenID Connect Core §5.1, and others. `updated_at` is
 * among them, in seconds since 1970, once the store was told something of the person.
 *
 * Returns: (transfer full): a dictionary, of type `a{sv}`; integers are `x`, arrays `av`
 */
GVariant *
tessera_user_dup_claims (TesseraUser *self)
{
  g_return_val_if_fail (TESSERA_IS_USER (self), NULL);

  g_autoptr (json_t) claims = tessera_user_copy_claims (self);
  return g_variant_ref_sink (tessera_json_to_variant (claims));
}

json_t *
tessera_user_get_claims (TesseraUser *self)
{
  return self->claims;
}

json_t *
tessera_user_copy_claims (TesseraUser *self)
{
  json_t *claims = self->claims != NULL ? json_copy (self->claims) : json_object ();

  if (self->updated_at != 0)
    json_object_set_new (claims, "updated_at", json_integer (self->updated_at));
  return claims;
}

const char *
tessera_user_get_hash (TesseraUser *self)
{
  return self->hash;
}

char *
tessera_user_dup_fingerprint (TesseraUser *self)
{
  TesseraDigest digest = tessera_digest (self->hash, -1);
  return tessera_base64url_encode (digest.bytes, TESSERA_DIGEST_SIZE);
}

json_t *
tessera_user_to_json (TesseraUser *self)
{
  json_t *json = json_object ();
  json_object_set_new (json, "username", json_string (self->username));
  json_object_set_new (json, "hash", json_string (self->hash));
  json_object_set_new (json, "disabled", json_boolean (self->disabled));
  if (json_object_size (self->claims) > 0)
    json_object_set (json, "claims", self->claims);
  if (self->updated_at != 0)
    json_object_set_new (json, "updated_at", json_integer (self->updated_at));
  return json;
}

static gboolean
read_claims (TesseraUser *self, const json_t *object, GError **error)
{
  json_t *claims = json_object_get (object, "claims");

  self->updated_at = json_integer_value (json_object_get (object, "updated_at"));
  if (claims == NULL)
    return TRUE;
  if (!json_is_object (claims))
    return refuse (error, "the claims are malformed");
  set_claims (self, claims);
  return tessera_person_claims_check (claims, error);
}

TesseraUser *
tessera_user_new_from_json (const char *json, gsize length, GError **error)
{
  g_autoptr (json_t) object = tessera_json_parse (json, length, USER_JSON_MAX_LENGTH, error);
  if (object == NULL)
    return NULL;
  const char *username = json_string_value (json_object_get (object, "username"));
  const char *hash = json_string_value (json_object_get (object, "hash"));
  g_autoptr (TesseraUser) self
      = tessera_user_new (username != NULL ? username : "", hash != NULL ? hash : "", NULL, error);
  if (self == NULL || !read_claims (self, object, error))
    return NULL;
  self->disabled = json_is_true (json_object_get (object, "disabled"));
  return g_steal_pointer (&self);
}

TesseraUser *
tessera_user_new_from_line (const char *line, const char *origin, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (line, ":", 3);
  g_autoptr (TesseraUser) self = NULL;
  g_autoptr (json_t) claims = NULL;

  if (parts[0] == NULL || parts[1] == NULL)
    {
      refuse (error, "expected name:hash");
      return NULL;
    }
  self = tessera_user_new (parts[0], parts[1], origin, error);
  explicit_bzero (parts[1], strlen (parts[1]));
  if (self == NULL || parts[2] == NULL)
    return g_steal_pointer (&self);
  claims = tessera_person_claims_parse (parts[2], error);
  if (claims == NULL)
    return NULL;
  set_claims (self, claims);
  return g_steal_pointer (&self);
}
