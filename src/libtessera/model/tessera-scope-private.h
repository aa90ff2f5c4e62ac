/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Scopes (RFC 6749 §3.3): a set of case-sensitive names, written with single spaces between. In
 * this code a scope is kept as that text; NULL or "" is the empty set. */
#define TESSERA_SCOPE_MAX_LENGTH 1024
#define TESSERA_SCOPE_MAX_NAMES 64

/* Syntax and size; drops repeats, keeps order. TESSERA_ERROR_INVALID_SCOPE. */
char *tessera_scope_parse (const char *text, GError **error);
gboolean tessera_scope_has (const char *scope, const char *name);
gboolean tessera_scope_is_subset (const char *scope, const char *of);
/* @scope without @name. Owned. */
char *tessera_scope_remove (const char *scope, const char *name);
char *tessera_scope_union (const char *a, const char *b);
char **tessera_scope_split (const char *scope); /* never NULL */

G_END_DECLS
