/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"

G_BEGIN_DECLS

/* What is kept of a person (OpenID Connect Core §5.1), whoever writes it down: held against its
 * types here, and nowhere else. */

#define TESSERA_PERSON_CLAIMS_MAX_LENGTH 8192 /* bytes, as JSON */

/* TESSERA_SETUP_ERROR_USER, whose message names the claim. */
gboolean tessera_person_claims_check (json_t *claims, GError **error);
/* @text: one JSON object. Checked, and owned. */
json_t *tessera_person_claims_parse (const char *text, GError **error);
/* What @known (NULL: nothing) becomes when @changes are made: they replace what has their name, and
 * an empty text takes it away. Checked, and owned; NULL with an error. */
json_t *tessera_person_claims_change (json_t *known, json_t *changes, GError **error);

/* Before @news come into @known: an address that is another one was not verified yet, whatever was
 * said of the one before (OpenID Connect Core §5.1). */
void tessera_person_claims_forget_verified (json_t *known, json_t *news);

G_END_DECLS
