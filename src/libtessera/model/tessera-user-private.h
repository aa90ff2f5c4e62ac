/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "model/tessera-user.h"

G_BEGIN_DECLS

/* @hash: by yescrypt. @origin: the file that declares the user; NULL: the store keeps it.
 * TESSERA_SETUP_ERROR_USER when name or hash are malformed. */
TesseraUser *
tessera_user_new (const char *username, const char *hash, const char *origin, GError **error);
/* The same person with another password, or disabled or enabled. */
TesseraUser *tessera_user_copy_with_hash (TesseraUser *self, const char *hash, GError **error);
TesseraUser *tessera_user_copy_with_disabled (TesseraUser *self, gboolean disabled);

/* What is known of them, checked already (tessera-person-claims-private.h), and since when. */
TesseraUser *tessera_user_copy_with_claims (TesseraUser *self, json_t *claims, gint64 updated_at);

/* As it was set (NULL: nothing is known); and as it is told, with updated_at (owned). */
json_t *tessera_user_get_claims (TesseraUser *self);
json_t *tessera_user_copy_claims (TesseraUser *self);
const char *tessera_user_get_hash (TesseraUser *self);
/* Digest of what sessions and grants depend on: another one ends them. */
char *tessera_user_dup_fingerprint (TesseraUser *self);

/* As the store keeps it. */
json_t *tessera_user_to_json (TesseraUser *self);
TesseraUser *tessera_user_new_from_json (const char *json, gsize length, GError **error);
/* As a file declares one: `name:crypt(3) hash`, and behind another colon, if anything is known of
 * the person, a JSON object of claims. */
TesseraUser *tessera_user_new_from_line (const char *line, const char *origin, GError **error);

G_END_DECLS
