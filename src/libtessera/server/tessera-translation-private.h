/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The sentences of the pages in one language, read from a .mo file: no locale of the system is
 * needed, and each request can have another language. English is what the templates are written in,
 * so that it needs no file. */
typedef struct _TesseraTranslation TesseraTranslation;

/* @language: as .po files are named, "de" or "zh_CN". @file is kept. G_IO_ERROR_INVALID_DATA. */
TesseraTranslation *tessera_translation_new (const char *language, GBytes *file, GError **error);
void tessera_translation_free (TesseraTranslation *self);
const char *tessera_translation_get_language (const TesseraTranslation *self);
/* For the attribute `lang` (BCP 47): "zh-CN". */
const char *tessera_translation_get_tag (const TesseraTranslation *self);
/* For the attribute `dir`: "ltr" or "rtl". */
const char *tessera_translation_get_direction (const TesseraTranslation *self);
/* @text itself when there is no translation of it. @self NULL: English. */
const char *tessera_translation_lookup (const TesseraTranslation *self, const char *text);
gboolean tessera_translation_has (const TesseraTranslation *self, const char *text);

/* The best of @translations (TesseraTranslation*): of `ui_locales` (OpenID Connect Core §3.1.2.1),
 * in the order of preference; else of Accept-Language (RFC 9110 §12.5.4), by weight. NULL: English.
 * Both texts may be NULL. */
const TesseraTranslation *tessera_translation_choose (const GPtrArray *translations,
                                                      const char *ui_locales,
                                                      const char *accept_language);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraTranslation, tessera_translation_free)

G_END_DECLS
