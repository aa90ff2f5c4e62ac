/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client as the store keeps it, its copies, and the fingerprint by which it is known again. */

#include "model/tessera-client-object-private.h"

#include "model/tessera-client-metadata-private.h"

#include <string.h>

/* The whole registration is read at once from the store, so it may not grow without bound. */
#define CLIENT_JSON_MAX_LENGTH (256 * 1024)

#define REGISTRATION_TOKEN "registration_token_digest"

/* The members that have one of @uses. */
static json_t *
members_to_json (TesseraClient *self, guint uses)
{
  json_t *json = json_object ();
  for (guint i = 0; i < tessera_client_member_get_count (); i++)
    {
      const TesseraClientMember *member = tessera_client_member_get (i);
      json_t *value = member->uses & uses ? tessera_client_member_to_json (member, self) : NULL;
      if (value != NULL)
        json_object_set_new (json, member->name, value);
    }
  return json;
}

static json_t *
digest_to_json (const TesseraDigest *digest)
{
  g_autofree char *text = tessera_base64url_encode (digest->bytes, TESSERA_DIGEST_SIZE);
  return json_string (text);
}

static gboolean
digest_from_json (const json_t *json, TesseraDigest *out_digest)
{
  const char *text = json_string_value (json);
  gsize length = 0;
  g_autofree guint8 *bytes
      = text != NULL ? tessera_base64url_decode (text, strlen (text), &length) : NULL;
  if (bytes == NULL || length != TESSERA_DIGEST_SIZE)
    return FALSE;
  memcpy (out_digest->bytes, bytes, length);
  return TRUE;
}

json_t *
tessera_client_to_json (TesseraClient *self)
{
  json_t *json = members_to_json (self, TESSERA_CLIENT_KEPT);
  json_t *digests = json_array (), *sealed = json_array ();
  for (guint i = 0; i < self->n_secrets; i++)
    {
      const char *text = g_atomic_pointer_get (&self->secrets[i].sealed);

      json_array_append_new (digests, digest_to_json (&self->secrets[i].digest));
      if (text != NULL)
        json_array_append_new (sealed, json_string (text));
    }
  json_object_set_new (json, "secret_digests", digests);
  if (json_array_size (sealed) > 0)
    json_object_set_new (json, "sealed_secrets", sealed);
  else
    json_decref (sealed);
  if (self->has_registration_token)
    json_object_set_new (json, REGISTRATION_TOKEN, digest_to_json (&self->registration_token));
  return json;
}

/* All of them are there sealed, or none. */
static gboolean
take_secrets_kept (TesseraClient *self, const json_t *json)
{
  json_t *digests = json_object_get (json, "secret_digests");
  json_t *sealed = json_object_get (json, "sealed_secrets");
  if (json_array_size (digests) > G_N_ELEMENTS (self->secrets)
      || (sealed != NULL && json_array_size (sealed) != json_array_size (digests)))
    return FALSE;

  for (size_t i = 0; i < json_array_size (digests); i++)
    {
      self->secrets[i].sealed = g_strdup (json_string_value (json_array_get (sealed, i)));
      self->n_secrets++;
      if (!digest_from_json (json_array_get (digests, i), &self->secrets[i].digest))
        return FALSE;
    }
  tessera_client_drop_plain_secrets (self);
  return TRUE;
}

TesseraClient *
tessera_client_new_from_members (const json_t *json)
{
  guint count = tessera_client_member_get_count ();
  g_autoptr (GPtrArray) names = g_ptr_array_new (); /* static */
  g_autoptr (GArray) values = g_array_sized_new (FALSE, TRUE, sizeof (GValue), count);

  g_array_set_clear_func (values, (GDestroyNotify) g_value_unset);
  for (guint i = 0; i < count; i++)
    {
      const TesseraClientMember *member = tessera_client_member_get (i);
      if (!(member->uses & TESSERA_CLIENT_KEPT))
        continue;
      g_ptr_array_add (names, (gpointer) member->property);
      g_array_set_size (values, names->len);
      tessera_client_member_from_json (member, json_object_get (json, member->name),
                                       &g_array_index (values, GValue, names->len - 1));
    }
  TesseraClient *self = TESSERA_CLIENT (
      g_object_new_with_properties (TESSERA_TYPE_CLIENT, names->len, (const char **) names->pdata,
                                    (const GValue *) values->data));
  self->has_registration_token
      = digest_from_json (json_object_get (json, REGISTRATION_TOKEN), &self->registration_token);
  return self;
}

TesseraClient *
tessera_client_new_from_json (const char *text, gsize length, GError **error)
{
  g_autoptr (json_t) json = tessera_json_parse (text, length, CLIENT_JSON_MAX_LENGTH, error);
  if (json == NULL)
    return NULL;

  g_autoptr (TesseraClient) self = tessera_client_new_from_members (json);
  if (!take_secrets_kept (self, json))
    {
      g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_CLIENT,
                           "A stored client has malformed secrets");
      return NULL;
    }
  if (!tessera_client_check (self, error))
    return NULL;
  return g_steal_pointer (&self);
}

TesseraClient *
tessera_client_copy_with (TesseraClient *self, const char *id, const char *secret)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  json_object_set_new (json, "client_id", json_string (id));
  json_object_del (json, "allow_short_secret");

  TesseraClient *copy = tessera_client_new_from_members (json);
  tessera_client_add_secret (copy, secret);
  tessera_client_drop_plain_secrets (copy);
  return copy;
}

/* The newest secret comes first. */
static void
take_secrets (TesseraClient *self, TesseraClient *other)
{
  for (guint i = 0; i < other->n_secrets && self->n_secrets < G_N_ELEMENTS (self->secrets); i++)
    {
      TesseraClientSecret *secret = &other->secrets[i];

      self->secrets[self->n_secrets++] = (TesseraClientSecret){
        .digest = secret->digest,
        .plain = g_strdup (secret->plain),
        .sealed = g_strdup (g_atomic_pointer_get (&secret->sealed)),
      };
    }
  tessera_client_drop_plain_secrets (self);
  self->has_short_secret |= other->has_short_secret;
}

TesseraClient *
tessera_client_copy_with_secret (TesseraClient *self, const char *secret, gboolean keep_previous)
{
  TesseraClient *copy = tessera_client_copy_with (self, self->id, secret);

  if (keep_previous)
    take_secrets (copy, self);
  return copy;
}

TesseraClient *
tessera_client_copy_with_disabled (TesseraClient *self, gboolean disabled)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  json_object_set_new (json, "disabled", json_boolean (disabled));
  TesseraClient *copy = tessera_client_new_from_members (json);

  take_secrets (copy, self);
  return copy;
}

/* How it came to be registered is nothing that can be wished for. */
static void
keep_registration (json_t *json, TesseraClient *registered)
{
  static const char *const names[] = { "dynamic", "registered_at", "used_at", REGISTRATION_TOKEN };
  g_autoptr (json_t) kept = tessera_client_to_json (registered);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      json_object_del (json, names[i]);
      if (json_object_get (kept, names[i]) != NULL)
        json_object_set (json, names[i], json_object_get (kept, names[i]));
    }
}

TesseraClient *
tessera_client_copy_for (TesseraClient *self, TesseraClient *registered)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  json_object_set_new (json, "client_id", json_string (registered->id));
  json_object_set_new (json, "disabled", json_boolean (registered->disabled));
  keep_registration (json, registered);
  TesseraClient *copy = tessera_client_new_from_members (json);

  /* What it authenticates by now may replace them. */
  if (!tessera_client_has_keys (copy))
    take_secrets (copy, registered);
  return copy;
}

static gboolean
needs_secret (TesseraClient *self)
{
  return tessera_client_allows_auth_method (self, "client_secret_basic")
         || tessera_client_allows_auth_method (self, "client_secret_post");
}

TesseraClient *
tessera_client_copy_replaced (TesseraClient *self, TesseraClient *wanted)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  g_autoptr (json_t) wishes = members_to_json (wanted, TESSERA_CLIENT_REGISTRABLE);

  for (guint i = 0; i < tessera_client_member_get_count (); i++)
    {
      const TesseraClientMember *member = tessera_client_member_get (i);
      if (member->uses & TESSERA_CLIENT_REGISTRABLE)
        json_object_del (json, member->name);
    }
  json_object_update (json, wishes);
  TesseraClient *copy = tessera_client_new_from_members (json);
  if (needs_secret (copy))
    take_secrets (copy, self);
  return copy;
}

TesseraClient *
tessera_client_copy_with_registration (TesseraClient *self, const char *token, gint64 registered_at)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);
  TesseraDigest digest = tessera_digest (token, -1);

  json_object_set_new (json, REGISTRATION_TOKEN, digest_to_json (&digest));
  json_object_set_new (json, "registered_at", json_integer (registered_at));
  TesseraClient *copy = tessera_client_new_from_members (json);
  take_secrets (copy, self);
  return copy;
}

TesseraClient *
tessera_client_copy_with_use (TesseraClient *self, gint64 used_at)
{
  g_autoptr (json_t) json = tessera_client_to_json (self);

  json_object_set_new (json, "used_at", json_integer (used_at));
  TesseraClient *copy = tessera_client_new_from_members (json);
  take_secrets (copy, self);
  return copy;
}

static void
append_digest (GString *fingerprint, const void *bytes, gsize length)
{
  TesseraDigest digest = tessera_digest (bytes, (gssize) length);

  g_string_append_c (fingerprint, ' ');
  tessera_base64url_append (fingerprint, digest.bytes, TESSERA_DIGEST_SIZE);
}

/* Only where they are what it authenticates by, for one that stays makes it the same client. What
 * lies at a jwks_uri is not known here; but whoever publishes there is the client. */
static void
append_keys (TesseraClient *self, GString *fingerprint)
{
  if (!tessera_client_has_keys (self))
    return;
  if (self->jwks_uri != NULL)
    append_digest (fingerprint, self->jwks_uri, strlen (self->jwks_uri));
  if (self->keys == NULL)
    return;
  g_auto (GStrv) words = tessera_key_set_list_words (self->keys);
  for (char **word = words; *word != NULL; word++)
    g_string_append_printf (fingerprint, " %s", *word);
}

char *
tessera_client_dup_fingerprint (TesseraClient *self)
{
  g_autoptr (json_t) json = members_to_json (self, TESSERA_CLIENT_RIGHT);
  g_autofree char *text = tessera_json_dump (json);
  TesseraDigest digest = tessera_digest (text, -1);
  GString *fingerprint = g_string_new (NULL);
  tessera_base64url_append (fingerprint, digest.bytes, TESSERA_DIGEST_SIZE);

  for (guint i = 0; i < self->n_secrets; i++)
    append_digest (fingerprint, self->secrets[i].digest.bytes, TESSERA_DIGEST_SIZE);
  append_keys (self, fingerprint);
  return g_string_free (fingerprint, FALSE);
}

gboolean
tessera_client_fingerprint_matches (const char *before, const char *now)
{
  if (strcmp (before, now) == 0)
    return TRUE;

  g_auto (GStrv) old_words = g_strsplit (before, " ", -1);
  g_auto (GStrv) new_words = g_strsplit (now, " ", -1);
  if (old_words[0] == NULL || new_words[0] == NULL || strcmp (old_words[0], new_words[0]) != 0)
    return FALSE;

  for (char **secret = new_words + 1; *secret != NULL; secret++)
    if (list_has (old_words + 1, *secret))
      return TRUE;
  return FALSE;
}
