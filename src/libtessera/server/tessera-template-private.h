/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-values-private.h"

G_BEGIN_DECLS

/* A small renderer of HTML that always escapes. A template may say:
 *
 *   {{name}}            a value
 *   {{_ "text"}}        a sentence, translated; %{name} in it is a value
 *   {{bdi "text"}}      the same between tags, each value inside <bdi>, so that a name in another
 *                       direction of writing cannot reorder the sentence
 *   {{#if name}} … {{else}} … {{/if}}
 *   {{#each name}} … {{/each}}
 *   {{> file.html}}     another template
 *   {{! a remark}}
 *
 * Nothing comes out unescaped: there is no raw form, and values are refused where escaping would
 * not help (outside quotes in a tag, in handlers of events, in style). Elements that run or style
 * (script, style) are refused altogether, and so is HTML in which a browser might see other tags
 * than are seen here. */

typedef struct _TesseraTemplate TesseraTemplate;

#define TESSERA_TEMPLATE_MAX_LENGTH (256 * 1024)
#define TESSERA_TEMPLATE_MAX_DEPTH 8

/* What a template cannot answer by itself. */
typedef struct
{
  const TesseraTemplate *(*lookup) (const char *name, gpointer data);
  const char *(*translate) (const char *text, gpointer data);
  gpointer data;
} TesseraTemplateHost;

/* G_MARKUP_ERROR, with the line. @length may be -1. */
TesseraTemplate *tessera_template_parse (const char *text, gssize length, GError **error);
void tessera_template_free (TesseraTemplate *self);
char *tessera_template_render (const TesseraTemplate *self,
                               const TesseraValues *values,
                               const TesseraTemplateHost *host);

/* Each sentence that can be translated. */
typedef void (*TesseraTemplateMessageFunc) (const char *text, gpointer data);
void tessera_template_foreach_message (const TesseraTemplate *self,
                                       TesseraTemplateMessageFunc func,
                                       gpointer data);

/* For text and for values of attributes. Controls become U+FFFD. */
void tessera_html_append_escaped (GString *html, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTemplate, tessera_template_free)

G_END_DECLS
