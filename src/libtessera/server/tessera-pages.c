/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Templates, stylesheet and translations become pages with the headers that keep them safe
 * (RFC 9700 §4.2.4 Referrer-Policy, §4.16 framing; Content Security Policy Level 3). */

#include "server/tessera-pages-private.h"

#include "base/tessera-secret-private.h"
#include "server/tessera-resources.h"
#include "server/tessera-template-private.h"

#include <gio/gio.h>
#include <string.h>

#define RESOURCE_PATH "/org/tessera/pages"
#define STYLESHEET "tessera.css"
#define MAX_FILE_SIZE (1024 * 1024)

/* No form-action: browsers hold it against the whole chain of redirects behind a form, so it would
 * stop the way back to the application. */
#define CONTENT_SECURITY_POLICY                                                                    \
  "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"

struct _TesseraPages
{
  GHashTable *templates;   /* char *file name -> TesseraTemplate* */
  GPtrArray *translations; /* TesseraTranslation* */
  GBytes *stylesheet;
  char *stylesheet_version;
  GKeyFile *scopes; /* or NULL */
};

/* Reading */

static gboolean
add_template (TesseraPages *self, const char *name, GBytes *text, GError **error)
{
  gsize length;
  const char *start = g_bytes_get_data (text, &length);
  TesseraTemplate *template
      = tessera_template_parse (start != NULL ? start : "", (gssize) length, error);

  if (template == NULL)
    return FALSE;

  g_hash_table_insert (self->templates, g_strdup (name), template);
  return TRUE;
}

static gboolean
add_translation (TesseraPages *self, const char *name, GBytes *file, GError **error)
{
  g_autofree char *language = g_strndup (name, strlen (name) - strlen (".mo"));
  TesseraTranslation *translation = tessera_translation_new (language, file, error);

  if (translation == NULL)
    return FALSE;

  for (guint i = 0; i < self->translations->len; i++)
    if (g_str_equal (tessera_translation_get_language (self->translations->pdata[i]), language))
      {
        g_ptr_array_remove_index (self->translations, i);
        break;
      }
  g_ptr_array_add (self->translations, translation);
  return TRUE;
}

static void
set_stylesheet (TesseraPages *self, GBytes *text)
{
  TesseraDigest digest
      = tessera_digest (g_bytes_get_data (text, NULL), (gssize) g_bytes_get_size (text));

  g_clear_pointer (&self->stylesheet, g_bytes_unref);
  g_free (self->stylesheet_version);
  self->stylesheet = g_bytes_ref (text);
  self->stylesheet_version = tessera_base64url_encode (digest.bytes, 6);
}

static gboolean
set_scopes (TesseraPages *self, GBytes *text, GError **error)
{
  g_autoptr (GKeyFile) scopes = g_key_file_new ();

  if (!g_key_file_load_from_bytes (scopes, text, G_KEY_FILE_KEEP_TRANSLATIONS, error))
    return FALSE;

  g_clear_pointer (&self->scopes, g_key_file_unref);
  self->scopes = g_steal_pointer (&scopes);
  return TRUE;
}

/* Files of other names are none of ours. */
static gboolean
add_file (TesseraPages *self, const char *name, GBytes *content, GError **error)
{
  if (g_str_has_suffix (name, ".html"))
    return add_template (self, name, content, error);
  if (g_str_has_suffix (name, ".mo") && strlen (name) > strlen (".mo"))
    return add_translation (self, name, content, error);
  if (g_str_equal (name, STYLESHEET))
    set_stylesheet (self, content);
  else if (g_str_equal (name, "scopes.ini"))
    return set_scopes (self, content, error);
  return TRUE;
}

static void
load_resources (TesseraPages *self)
{
  GResource *resource = tessera_get_resource ();
  g_auto (GStrv) names
      = g_resource_enumerate_children (resource, RESOURCE_PATH, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autofree char *path = g_strconcat (RESOURCE_PATH "/", names[i], NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) content
          = g_resource_lookup_data (resource, path, G_RESOURCE_LOOKUP_FLAGS_NONE, &error);

      if (content == NULL || !add_file (self, names[i], content, &error))
        g_error ("%s, built into the library: %s", names[i], error->message);
    }
}

static void
forget (TesseraPages *self)
{
  g_hash_table_remove_all (self->templates);
  g_ptr_array_set_size (self->translations, 0);
  g_clear_pointer (&self->scopes, g_key_file_unref);
}

TesseraPages *
tessera_pages_new (void)
{
  TesseraPages *self = g_new0 (TesseraPages, 1);

  self->templates = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                           (GDestroyNotify) tessera_template_free);
  self->translations = g_ptr_array_new_with_free_func ((GDestroyNotify) tessera_translation_free);
  load_resources (self);
  return self;
}

void
tessera_pages_free (TesseraPages *self)
{
  if (self == NULL)
    return;

  forget (self);
  g_hash_table_unref (self->templates);
  g_ptr_array_unref (self->translations);
  g_clear_pointer (&self->stylesheet, g_bytes_unref);
  g_free (self->stylesheet_version);
  g_free (self);
}

static GBytes *
read_file (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, error))
    return NULL;
  if (length > MAX_FILE_SIZE)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "longer than 1 MiB");
      return NULL;
    }
  return g_bytes_new_take (g_steal_pointer (&text), length);
}

static void
load_theme_file (TesseraPages *self, const char *directory, const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) content = NULL;

  if (name[0] == '.' || !g_file_test (path, G_FILE_TEST_IS_REGULAR))
    return;

  content = read_file (path, &error);
  if (content == NULL || !add_file (self, name, content, &error))
    g_warning ("The theme's %s is not used: %s", path, error->message);
}

void
tessera_pages_set_theme_directory (TesseraPages *self, const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) files = NULL;
  const char *name;

  forget (self);
  load_resources (self);
  if (directory == NULL || *directory == '\0')
    return;

  files = g_dir_open (directory, 0, &error);
  if (files == NULL)
    {
      g_warning ("The theme cannot be read: %s", error->message);
      return;
    }
  while ((name = g_dir_read_name (files)) != NULL)
    load_theme_file (self, directory, name);
}

/* Rendering */

typedef struct
{
  TesseraPages *pages;
  const TesseraTranslation *translation;
} Host;

static const TesseraTemplate *
on_lookup (const char *name, gpointer data)
{
  Host *host = data;

  return g_hash_table_lookup (host->pages->templates, name);
}

static const char *
on_translate (const char *text, gpointer data)
{
  Host *host = data;

  return tessera_translation_lookup (host->translation, text);
}

const TesseraTranslation *
tessera_pages_choose_translation (TesseraPages *self,
                                  TesseraExchange *exchange,
                                  const char *ui_locales)
{
  return tessera_translation_choose (self->translations, ui_locales,
                                     tessera_exchange_get_header (exchange, "Accept-Language"));
}

char *
tessera_pages_dup_scope_text (TesseraPages *self,
                              const char *scope,
                              const TesseraTranslation *translation)
{
  if (self->scopes == NULL)
    return NULL;

  return g_key_file_get_locale_string (self->scopes, scope, "description",
                                       tessera_translation_get_language (translation), NULL);
}

char *
tessera_pages_render (TesseraPages *self,
                      const char *name,
                      TesseraValues *values,
                      const char *base,
                      const TesseraTranslation *translation)
{
  g_autofree char *file = g_strconcat (name, ".html", NULL);
  g_autofree char *stylesheet
      = g_strconcat (base, TESSERA_PAGES_STYLESHEET "?v=", self->stylesheet_version, NULL);
  const TesseraTemplate *template = g_hash_table_lookup (self->templates, file);
  Host host = { self, translation };
  TesseraTemplateHost callbacks = { on_lookup, on_translate, &host };

  g_return_val_if_fail (template != NULL, g_strdup (""));
  tessera_values_set (values, "lang", tessera_translation_get_tag (translation));
  tessera_values_set (values, "dir", tessera_translation_get_direction (translation));
  tessera_values_set (values, "stylesheet", stylesheet);
  return tessera_template_render (template, values, &callbacks);
}

/* Takes @html. */
static void
respond (TesseraExchange *exchange,
         guint status,
         char *html,
         const char *security_policy,
         const char *referrer_policy)
{
  tessera_exchange_add_header (exchange, "Content-Security-Policy", security_policy);
  tessera_exchange_add_header (exchange, "X-Frame-Options", "DENY");
  tessera_exchange_add_header (exchange, "Referrer-Policy", referrer_policy);
  tessera_exchange_add_header (exchange, "Cache-Control", "no-store");
  tessera_exchange_add_header (exchange, "Cross-Origin-Resource-Policy", "same-origin");
  tessera_exchange_respond (
      exchange, status, "text/html; charset=utf-8",
      /* It may be a code that is posted. */
      g_bytes_new_with_free_func (html, strlen (html), (GDestroyNotify) tessera_secret_free, html));
}

void
tessera_pages_respond (TesseraExchange *exchange, guint status, char *html)
{
  respond (exchange, status, html, CONTENT_SECURITY_POLICY, "no-referrer");
}

/* Browsers hold form-action against the redirects behind a form, too, and where the application
 * sends people on is its own affair: to name @target alone would stop them there. */
static const char *
choose_form_action (const char *target)
{
  return g_str_has_prefix (target, "https:") ? "https:" : "http: https:";
}

void
tessera_pages_respond_form (TesseraExchange *exchange,
                            char *html,
                            const char *script,
                            const char *target)
{
  TesseraDigest digest = tessera_digest (script, -1);
  g_autofree char *hash = g_base64_encode (digest.bytes, sizeof digest.bytes);
  g_autofree char *policy
      = g_strdup_printf (CONTENT_SECURITY_POLICY "; script-src 'sha256-%s'; form-action %s", hash,
                         choose_form_action (target));

  /* Without a referrer the browser would post from "null" (Fetch §3.2); the application may want
   * to see from whom. No path, no query. */
  respond (exchange, 200, html, policy, "strict-origin");
}

void
tessera_pages_respond_stylesheet (TesseraPages *self, TesseraExchange *exchange)
{
  /* Its address changes with its content. */
  tessera_exchange_add_header (exchange, "Cache-Control", "public, max-age=86400");
  tessera_exchange_respond (exchange, 200, "text/css; charset=utf-8",
                            g_bytes_ref (self->stylesheet));
}

char **
tessera_pages_list_templates (TesseraPages *self)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, self->templates);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_strv_builder_add (names, name);
  return g_strv_builder_end (names);
}

const GPtrArray *
tessera_pages_get_translations (TesseraPages *self)
{
  return self->translations;
}

void
tessera_pages_foreach_message (TesseraPages *self, TesseraPagesMessageFunc func, gpointer data)
{
  GHashTableIter iter;
  gpointer template;

  g_hash_table_iter_init (&iter, self->templates);
  while (g_hash_table_iter_next (&iter, NULL, &template))
    tessera_template_foreach_message (template, func, data);
}
