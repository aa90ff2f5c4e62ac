/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-clock-private.h"
#include "jose/tessera-key-private.h"
#include "jose/tessera-numbered-token-private.h"

G_BEGIN_DECLS

/* The keys of one server and their states (design.md §4). Of each algorithm in use there is one
 * active and one next key. On disk: `keyring.json` (kid, algorithm, state, times) and a PEM file a
 * key, all 0600 in a directory 0700; `rotation.key` and `subject.key` beside them. Files that
 * others can read, a missing file, or a kid that is not the thumbprint refuse the load; nothing is
 * ever generated over existing state. Safe in any thread. */
typedef struct _TesseraKeyRing TesseraKeyRing;

typedef enum
{
  TESSERA_KEY_NEXT,
  TESSERA_KEY_ACTIVE,
  TESSERA_KEY_RETIRED,
  TESSERA_KEY_REVOKED
} TesseraKeyState;

typedef struct
{
  TesseraKey *key;
  TesseraKeyState state;
  gint64 created_ms;
  gint64 changed_ms; /* when it took its present state */
} TesseraKeyEntry;

void tessera_key_entry_free (TesseraKeyEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraKeyEntry, tessera_key_entry_free)

/* Blocking: reads @directory, or makes it and the keys of @algorithm at the first start (NULL: in
 * memory only). @may_create FALSE: an absent or empty directory is an error (the database beside it
 * has state already). Errors: TESSERA_SETUP_ERROR_KEY. */
TesseraKeyRing *tessera_key_ring_open (const char *directory,
                                       TesseraAlgorithm algorithm,
                                       gboolean may_create,
                                       TesseraClock *clock,
                                       GError **error);
/* Is there a ring that was in use? */
gboolean tessera_key_ring_exists (const char *directory);
void tessera_key_ring_free (TesseraKeyRing *self);

/* Blocking: makes next and active of @algorithm if there are none. */
gboolean tessera_key_ring_ensure (TesseraKeyRing *self, TesseraAlgorithm algorithm, GError **error);
/* What signs now; NULL if ensure was never called for @algorithm. Owned. */
TesseraKey *tessera_key_ring_dup_active (TesseraKeyRing *self, TesseraAlgorithm algorithm);
/* Any published key (next, active, retired); NULL for unknown and revoked ones. Owned. */
TesseraKey *tessera_key_ring_lookup (TesseraKeyRing *self, const char *kid);
GPtrArray *tessera_key_ring_list (TesseraKeyRing *self); /* TesseraKeyEntry*, owned */

/* RFC 7517 §5, serialised when a key changes, not when it is asked for. */
GBytes *tessera_key_ring_dup_jwks (TesseraKeyRing *self, char **out_etag);

/* Blocking (generates keys, writes files). rotate: of each algorithm that signs, next becomes
 * active, active becomes retired, another next is made; nothing of it, and
 * TESSERA_SETUP_ERROR_TOO_EARLY with the seconds left, while one of them was published for less
 * than @jwks_max_age seconds, unless @now. retire: only a next or retired key is dropped from the
 * JWKS; the active one is refused. revoke: out of the JWKS at once (an active key is replaced by
 * its next). prune: drops retired keys @lifetime_ms after they were retired. */
gboolean
tessera_key_ring_rotate (TesseraKeyRing *self, gint64 jwks_max_age, gboolean now, GError **error);
gboolean tessera_key_ring_retire (TesseraKeyRing *self, const char *kid, GError **error);
gboolean tessera_key_ring_revoke (TesseraKeyRing *self, const char *kid, GError **error);
gboolean tessera_key_ring_prune (TesseraKeyRing *self, gint64 lifetime_ms, GError **error);

#define TESSERA_REFRESH_TOKEN_PREFIX "tsr_"
/* Under keys derived from the next. */
const TesseraTokenKind *tessera_key_ring_get_refresh_tokens (TesseraKeyRing *self);
/* 32 bytes from which keys are derived that sign nothing for others (design.md §4). */
const guint8 *tessera_key_ring_get_rotation_key (TesseraKeyRing *self);
/* 32 bytes from which the subs of pairwise clients are derived (OpenID Connect Core §8.1). Never
 * another one: with it each of these clients would meet new people. */
const guint8 *tessera_key_ring_get_subject_key (TesseraKeyRing *self);

/* What seals secrets that must be read again (base/tessera-seal-private.h), `sealing.key`; NULL:
 * nothing was ever sealed here. */
const guint8 *tessera_key_ring_get_sealing_key (TesseraKeyRing *self);
/* Blocking: makes it if there is none. */
gboolean tessera_key_ring_ensure_sealing_key (TesseraKeyRing *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraKeyRing, tessera_key_ring_free)

G_END_DECLS
