/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "jose/tessera-key-set-private.h"
#include "model/tessera-client.h"

G_BEGIN_DECLS

/* What the rest of the server asks a client. All of it is immutable and safe from any thread;
 * strings and lists are borrowed from the client, and a list is never NULL. */

#define TESSERA_CLIENT_ID_MAX_LENGTH 128
/* What a client signs. */
typedef enum
{
  TESSERA_CLIENT_KEYS_OF_ASSERTIONS,
  TESSERA_CLIENT_KEYS_OF_REQUESTS,
  TESSERA_CLIENT_N_KEY_USES
} TesseraClientKeyUse;

#define TESSERA_CLIENT_SECRET_MIN_LENGTH 16 /* bytes: 128 bits of length */

/* Is this registration free of contradictions and dangers (threats.md A30, B20)? Error:
 * TESSERA_SETUP_ERROR_CLIENT, with a sentence for whoever wrote it. */
gboolean tessera_client_check (TesseraClient *self, GError **error);

gboolean tessera_client_has_secret (TesseraClient *self);
/* A secret that people chose, below TESSERA_CLIENT_SECRET_MIN_LENGTH. */
gboolean tessera_client_has_short_secret (TesseraClient *self);
/* Constant time. Any of the secrets (two while rotating); FALSE when there is none. */
gboolean tessera_client_check_secret (TesseraClient *self, const char *presented_secret);

/* Has it registered keys that it signs assertions with (private_key_jwt)? */
gboolean tessera_client_has_keys (TesseraClient *self);
/* A secret, or keys: can it prove who it is? */
gboolean tessera_client_has_credentials (TesseraClient *self);
/* Did one of its @keys (NULL: none) sign it, by the algorithm it is registered for, if any? For the
 * keys ask tessera_client_keys_find(). */
gboolean
tessera_client_check_signature (TesseraClient *self, TesseraKeySet *keys, const TesseraJwt *jwt);
/* What an RSA key of its is for that does not say it. */
TesseraAlgorithm tessera_client_get_rsa_algorithm (TesseraClient *self, TesseraClientKeyUse use);
/* The same, or one of its secrets where it signs with those: the way it is registered for. */
gboolean
tessera_client_check_assertion (TesseraClient *self, TesseraKeySet *keys, const TesseraJwt *jwt);

/* client_secret_jwt: its secrets must be read again, and are kept sealed (base/tessera-seal.c).
 * needs: before it is stored. is: none of what was kept can be used yet. */
gboolean tessera_client_signs_with_secret (TesseraClient *self);
gboolean tessera_client_needs_seal (TesseraClient *self);
gboolean tessera_client_is_sealed (TesseraClient *self);
void tessera_client_seal (TesseraClient *self, const guint8 *key);
/* Before it is shared. FALSE: with another key; the client is there, but cannot authenticate. */
gboolean tessera_client_unseal (TesseraClient *self, const guint8 *key);

/* Has it registered keys that request objects can be signed with (RFC 9101)? */
gboolean tessera_client_has_request_keys (TesseraClient *self);
/* Did one of them sign it, by the algorithm it is registered for, if any? */
gboolean tessera_client_check_request_signature (TesseraClient *self,
                                                 TesseraKeySet *keys,
                                                 const TesseraJwt *jwt);
/* Does its registration say that they are signed? And that there must be one? */
gboolean tessera_client_pins_request_objects (TesseraClient *self);
gboolean tessera_client_requires_request_object (TesseraClient *self);

/* NULL: none registered; then basic or post when it has a secret, else none. */
const char *tessera_client_get_token_endpoint_auth_method (TesseraClient *self);
/* May it authenticate by @method ("client_secret_basic", "client_secret_post", "private_key_jwt",
 * "none")? */
gboolean tessera_client_allows_auth_method (TesseraClient *self, const char *method);
gboolean tessera_client_allows_grant_type (TesseraClient *self, const char *grant_type);
/* RFC 6749 §3.1.2.3. Nothing registered: loopback only, any port and path. */
gboolean tessera_client_allows_redirect_uri (TesseraClient *self, const char *uri);
/* RP-Initiated Logout §3. Nothing registered: none. */
gboolean tessera_client_allows_post_logout_redirect_uri (TesseraClient *self, const char *uri);
const char *const *tessera_client_get_post_logout_redirect_uris (TesseraClient *self);
/* Where it hears that a session ended; NULL: it does not. */
const char *tessera_client_get_backchannel_logout_uri (TesseraClient *self);

/* application-type "native"; or none registered and every redirect URI is loopback or private-use.
 */
gboolean tessera_client_is_native (TesseraClient *self);
gboolean tessera_client_is_first_party (TesseraClient *self);
gboolean tessera_client_requires_pkce (TesseraClient *self);
/* Seconds; 0: the server's. */
int tessera_client_get_access_token_lifetime (TesseraClient *self);
int tessera_client_get_refresh_token_lifetime (TesseraClient *self);
const char *tessera_client_get_application_type (TesseraClient *self); /* or NULL */
const char *const *tessera_client_get_resources (TesseraClient *self);
const char *const *tessera_client_get_audience (TesseraClient *self);
const char *const *tessera_client_get_introspect (TesseraClient *self);
const char *const *tessera_client_get_allowed_origins (TesseraClient *self);

/* Did it register itself, when (seconds), and when was it used last (0: never; by the day)? */
gboolean tessera_client_is_dynamic (TesseraClient *self);
gint64 tessera_client_get_registered_at (TesseraClient *self);
gint64 tessera_client_get_used_at (TesseraClient *self);
/* Constant time: may whoever has @token change the registration? */
gboolean tessera_client_check_registration_token (TesseraClient *self, const char *token);
/* The public keys of its `jwks`, borrowed; NULL: none. And where others are; or NULL. */
TesseraKeySet *tessera_client_get_keys (TesseraClient *self, TesseraClientKeyUse use);
const char *tessera_client_get_jwks_uri (TesseraClient *self);
/* What people read, in the language that @tag names (RFC 4647 §3.4), if it has such a name. */
const char *tessera_client_get_name_in (TesseraClient *self, const char *tag);
/* Pages about it; NULL: none. */
const char *tessera_client_get_client_uri (TesseraClient *self);
const char *tessera_client_get_logo_uri (TesseraClient *self);
const char *tessera_client_get_policy_uri (TesseraClient *self);
const char *tessera_client_get_tos_uri (TesseraClient *self);
/* What a request means that does not say: -1 is no limit, NULL no wish. */
int tessera_client_get_default_max_age (TesseraClient *self);
char *tessera_client_dup_default_acr_values (TesseraClient *self);

/* May it ask who logged in (OpenID Connect), and how is it told? */
gboolean tessera_client_uses_openid (TesseraClient *self);
TesseraAlgorithm tessera_client_get_id_token_algorithm (TesseraClient *self);
/* FALSE: its answers of userinfo are not signed. */
gboolean tessera_client_get_userinfo_algorithm (TesseraClient *self,
                                                TesseraAlgorithm *out_algorithm);

/* Is it told a sub of its sector's own (OpenID Connect Core §8)? */
gboolean tessera_client_is_pairwise (TesseraClient *self);
const char *tessera_client_get_sector_identifier_uri (TesseraClient *self); /* or NULL */
/* Whom it shares that with: the host of sector_identifier_uri, or the one of its redirect URIs; the
 * client itself when they have none, as those of programs on people's devices. Owned; NULL: there
 * are several hosts, and nobody says which it is. */
char *tessera_client_dup_sector (TesseraClient *self);
/* Does what lies at sector_identifier_uri, a JSON array, name all its redirect URIs (Dynamic Client
 * Registration §5)? For whoever fetches it; who declares a client vouches for it. */
#define TESSERA_CLIENT_SECTOR_MAX_LENGTH (64 * 1024)
gboolean tessera_client_is_in_sector (TesseraClient *self, const char *document, gsize length);

/* As the store keeps it: names of RFC 7591 §2 and digests of the secrets. */
json_t *tessera_client_to_json (TesseraClient *self);
TesseraClient *tessera_client_new_from_json (const char *json, gsize length, GError **error);
/* The same registration with another id and one generated secret (NULL: public). */
TesseraClient *tessera_client_copy_with (TesseraClient *self, const char *id, const char *secret);
/* The same with a new secret; the newest of the old ones stays good too, if @keep_previous. */
TesseraClient *
tessera_client_copy_with_secret (TesseraClient *self, const char *secret, gboolean keep_previous);
TesseraClient *tessera_client_copy_with_disabled (TesseraClient *self, gboolean disabled);
/* What @self says, with the identifier, the secrets and the state of @registered. */
TesseraClient *tessera_client_copy_for (TesseraClient *self, TesseraClient *registered);

/* @self with the members of @wanted that a client may register; what an administrator gave it
 * stays, and its secrets stay as long as it authenticates by one. */
TesseraClient *tessera_client_copy_replaced (TesseraClient *self, TesseraClient *wanted);
/* The same client, whose registration whoever has @token may change (RFC 7592). */
TesseraClient *tessera_client_copy_with_registration (TesseraClient *self,
                                                      const char *token,
                                                      gint64 registered_at);
TesseraClient *tessera_client_copy_with_use (TesseraClient *self, gint64 used_at);

/* Digest of all that tokens depend on, that is, of everything but the name and where to go after a
 * logout. "REST SECRET…", where each secret, or key that it authenticates by, has a word of its
 * own. */
char *tessera_client_dup_fingerprint (TesseraClient *self);
/* Is a client that had fingerprint @before and has @now still the same one? Equal, or one secret
 * or key was rotated: at least one of them stayed. */
gboolean tessera_client_fingerprint_matches (const char *before, const char *now);

G_END_DECLS
