/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A set of denied token ids with their expiry: open addressing, 33 bytes a slot, at most 48 an
 * entry. The tokens of one grant lie side by side, so that they can be counted and taken together;
 * the ids of tokens and grants are random and made by the server, so that they need no keyed hash.
 * Not locked: the deny-list does that. */
typedef struct
{
  guint8 id[16];     /* of the jti, a UUID */
  guint64 grant_tag; /* of the grant_id; 0: none, or not known */
  guint32 expires_s; /* 0: the slot is empty */
  guint32 owner;     /* whose share it counts against; 0: nobody's */
} TesseraDeniedToken;

typedef struct _TesseraDeniedTokens TesseraDeniedTokens;

typedef gboolean (*TesseraDeniedTokenKeep) (const TesseraDeniedToken *token, gpointer data);

/* Has room for @count entries at least. */
TesseraDeniedTokens *tessera_denied_tokens_new (gsize count);
void tessera_denied_tokens_free (TesseraDeniedTokens *self);
/* Those for which @keep (NULL: all) answers TRUE, with room for @extra more. */
TesseraDeniedTokens *tessera_denied_tokens_copy (const TesseraDeniedTokens *self,
                                                 gsize extra,
                                                 TesseraDeniedTokenKeep keep,
                                                 gpointer data);

guint64 tessera_denied_tokens_tag (const char *grant_id); /* never 0; 0 for NULL */
gsize tessera_denied_tokens_get_count (const TesseraDeniedTokens *self);
gsize tessera_denied_tokens_get_size (const TesseraDeniedTokens *self); /* bytes */
gboolean tessera_denied_tokens_is_full (const TesseraDeniedTokens *self);
/* What a search reads first, so that it does not wait for it. */
void tessera_denied_tokens_prefetch (const TesseraDeniedTokens *self,
                                     const guint8 id[16],
                                     guint64 grant_tag);
gboolean tessera_denied_tokens_contains (const TesseraDeniedTokens *self,
                                         const guint8 id[16],
                                         guint64 grant_tag);
/* Not when full; @token is not there yet. */
void tessera_denied_tokens_add (TesseraDeniedTokens *self, const TesseraDeniedToken *token);
gboolean
tessera_denied_tokens_remove (TesseraDeniedTokens *self, const guint8 id[16], guint64 grant_tag);
/* Those issued after @since_ms that have not expired. */
guint tessera_denied_tokens_count_grant (const TesseraDeniedTokens *self,
                                         guint64 grant_tag,
                                         guint32 now_s,
                                         gint64 since_ms);
/* Appends the tokens of a grant to @out_tokens (TesseraDeniedToken). */
void tessera_denied_tokens_list_grant (const TesseraDeniedTokens *self,
                                       guint64 grant_tag,
                                       GArray *out_tokens);
void tessera_denied_tokens_foreach (const TesseraDeniedTokens *self,
                                    void (*func) (const TesseraDeniedToken *token, gpointer data),
                                    gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraDeniedTokens, tessera_denied_tokens_free)

G_END_DECLS
