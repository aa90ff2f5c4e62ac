/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An entry of the deny-list, as whoever follows the list sees it (design.md §5). */

#include "model/tessera-denial-private.h"

#include "base/tessera-json-private.h"

/**
 * TesseraDenial:
 *
 * An entry of the deny-list: what it refuses, and until when it matters.
 *
 * Entries are durable, and come in the order in which they became so. Immutable.
 */
G_DEFINE_BOXED_TYPE (TesseraDenial, tessera_denial, tessera_denial_copy, tessera_denial_free)

/**
 * tessera_denial_copy:
 * @self: an entry
 *
 * Copies an entry.
 *
 * Returns: (transfer full): the copy
 */
TesseraDenial *
tessera_denial_copy (const TesseraDenial *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  TesseraDenial *copy = g_memdup2 (self, sizeof (TesseraDenial));
  copy->value = g_strdup (self->value);
  copy->grant_id = g_strdup (self->grant_id);
  copy->client_id = g_strdup (self->client_id);
  copy->subject = g_strdup (self->subject);
  return copy;
}

/**
 * tessera_denial_free:
 * @self: an entry
 *
 * Frees a copy.
 */
void
tessera_denial_free (TesseraDenial *self)
{
  g_return_if_fail (self != NULL);
  g_free ((char *) self->value);
  g_free ((char *) self->grant_id);
  g_free ((char *) self->client_id);
  g_free ((char *) self->subject);
  g_free (self);
}

/**
 * tessera_denial_get_generation:
 * @self: an entry
 *
 * Its place in the list: the cursor behind it.
 *
 * Returns: a number that grows from entry to entry
 */
guint64
tessera_denial_get_generation (const TesseraDenial *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->generation;
}

/**
 * tessera_denial_get_kind:
 * @self: an entry
 *
 * What it refuses.
 *
 * Returns: the kind
 */
TesseraDenialKind
tessera_denial_get_kind (const TesseraDenial *self)
{
  g_return_val_if_fail (self != NULL, TESSERA_DENIAL_ALL);
  return self->kind;
}

/**
 * tessera_denial_get_rule:
 * @self: an entry
 *
 * The word for its kind where the list is published: `token`, `grant`, `grant-tokens` (a grant with
 * an instant), `session`, `subject`, `client`, `all`, `key`, `client-tokens` or `subject-tokens`.
 *
 * Returns: the word
 */
const char *
tessera_denial_get_rule (const TesseraDenial *self)
{
  static const char *const words[] = {
    [TESSERA_DENIAL_TOKEN] = "token",
    [TESSERA_DENIAL_GRANT] = "grant",
    [TESSERA_DENIAL_SESSION] = "session",
    [TESSERA_DENIAL_SUBJECT] = "subject",
    [TESSERA_DENIAL_CLIENT] = "client",
    [TESSERA_DENIAL_ALL] = "all",
    [TESSERA_DENIAL_KEY] = "key",
    [TESSERA_DENIAL_CLIENT_TOKENS] = "client-tokens",
    [TESSERA_DENIAL_SUBJECT_TOKENS] = "subject-tokens",
  };

  g_return_val_if_fail (self != NULL, NULL);
  if (self->kind == TESSERA_DENIAL_GRANT && self->instant_ms != 0)
    return "grant-tokens";
  return words[self->kind];
}

/**
 * tessera_denial_get_value:
 * @self: an entry
 *
 * Whom or what it refuses, as the kind says.
 *
 * Returns: an identifier
 */
const char *
tessera_denial_get_value (const TesseraDenial *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->value;
}

/**
 * tessera_denial_get_instant_ms:
 * @self: an entry
 *
 * Up to when tokens must have been issued to be refused. A token's instant is the millisecond of
 * its `jti`, a UUIDv7.
 *
 * Returns: milliseconds since 1970, or 0 when the time of issue does not matter
 */
gint64
tessera_denial_get_instant_ms (const TesseraDenial *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->instant_ms;
}

/**
 * tessera_denial_get_expires_ms:
 * @self: an entry
 *
 * When it may be forgotten, because every token that it refuses has expired.
 *
 * Returns: milliseconds since 1970, or %G_MAXINT64 for never
 */
gint64
tessera_denial_get_expires_ms (const TesseraDenial *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->expires_ms;
}

void
tessera_denial_append_json (const TesseraDenial *self, GString *text)
{
  g_string_append_printf (text, "\"generation\":%" G_GUINT64_FORMAT ",\"rule\":\"%s\",\"value\":",
                          self->generation, tessera_denial_get_rule (self));
  tessera_json_append_string (text, self->value);
  if (self->instant_ms != 0)
    g_string_append_printf (text, ",\"instant\":%" G_GINT64_FORMAT, self->instant_ms);
  if (self->expires_ms != G_MAXINT64)
    g_string_append_printf (text, ",\"expires\":%" G_GINT64_FORMAT, self->expires_ms);
}
