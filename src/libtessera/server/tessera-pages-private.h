/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "endpoints/tessera-exchange-private.h"
#include "server/tessera-translation-private.h"
#include "server/tessera-values-private.h"

G_BEGIN_DECLS

/* The templates, the stylesheet and the translations; and the headers every page carries. */
typedef struct _TesseraPages TesseraPages;

#define TESSERA_PAGES_STYLESHEET "/tessera.css"

TesseraPages *tessera_pages_new (void);
void tessera_pages_free (TesseraPages *self);
/* A folder whose files replace ours of the same names (templates and tessera.css), may bring
 * further languages (LANGUAGE.mo), and words for scopes: `scopes.ini`, a group for each scope with
 * `description` and `description[LANGUAGE]`. Read once, here. A file that is not good is left out
 * with a warning, and ours is used. NULL: none. */
void tessera_pages_set_theme_directory (TesseraPages *self, const char *directory);

/* The language that suits the request. NULL: English. */
const TesseraTranslation *tessera_pages_choose_translation (TesseraPages *self,
                                                            TesseraExchange *exchange,
                                                            const char *ui_locales);
/* What @scope means, in words; NULL when nobody has said so. */
char *tessera_pages_dup_scope_text (TesseraPages *self,
                                    const char *scope,
                                    const TesseraTranslation *translation);
/* @name: of the template, without ".html". Adds lang, dir and stylesheet to @values; the rest is
 * the caller's. @base: path of the issuer. */
char *tessera_pages_render (TesseraPages *self,
                            const char *name,
                            TesseraValues *values,
                            const char *base,
                            const TesseraTranslation *translation);
/* Takes @html. */
void tessera_pages_respond (TesseraExchange *exchange, guint status, char *html);
/* The same of a page whose form leads to @target, and whose one script is @script. */
void tessera_pages_respond_form (TesseraExchange *exchange,
                                 char *html,
                                 const char *script,
                                 const char *target);
void tessera_pages_respond_stylesheet (TesseraPages *self, TesseraExchange *exchange);

/* For the tests: names of all templates, and the languages (TesseraTranslation*). */
char **tessera_pages_list_templates (TesseraPages *self);
const GPtrArray *tessera_pages_get_translations (TesseraPages *self);
typedef void (*TesseraPagesMessageFunc) (const char *text, gpointer data);
void
tessera_pages_foreach_message (TesseraPages *self, TesseraPagesMessageFunc func, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraPages, tessera_pages_free)

G_END_DECLS
