/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every page in every language. With TESSERA_PREVIEW=FOLDER they are also written there, to be
 * looked at with a browser. */

#include "server/tessera-pages-private.h"

#include <glib/gstdio.h>
#include <string.h>

#define HOSTILE "<svg/onload=alert(1)>\"'&"

static const char *const names[]
    = { "consent", "cookies", "error",  "expired",   "finished",   "forbidden", "form-post",
        "login",   "logout",  "return", "signed-in", "signed-out", "throttled" };

static TesseraValues *
make_values (const char *client, const char *subject)
{
  TesseraValues *values = tessera_values_new ();

  tessera_values_set (values, "host", "accounts.example.org");
  tessera_values_set (values, "client", client);
  tessera_values_set (values, "subject", subject);
  tessera_values_set (values, "username", subject);
  tessera_values_set (values, "action", "/login");
  tessera_values_set (values, "switch", "/login?t=x&other=1");
  tessera_values_set (values, "again", "/login?t=x");
  tessera_values_set (values, "back", "/consent?t=x");
  tessera_values_set (values, "logout", "/logout");
  tessera_values_set (values, "transaction", "tx");
  tessera_values_set (values, "csrf", "token");
  tessera_values_set (values, "destination", "photos.example.com");
  tessera_values_set (values, "location", "com.example.app:/cb?code=1&state=2");
  tessera_values_set (values, "seconds", "42");
  tessera_values_set (values, "request_id", "0123456789abcdef");
  tessera_values_set (values, "error", "invalid_request");
  tessera_values_set (values, "description", "redirect_uri is not registered for this client");
  tessera_values_set_flag (values, "failed", TRUE);
  tessera_values_set_flag (values, "unverified", TRUE);
  tessera_values_set (tessera_values_append (values, "scopes"), "name", client);
  tessera_values_set (tessera_values_append (values, "fields"), "value", client);
  return values;
}

static void
check_page (const char *html)
{
  g_assert_true (g_str_has_prefix (html, "<!DOCTYPE html>\n<html lang=\""));
  g_assert_nonnull (strstr (html, " dir=\"ltr\""));
  g_assert_nonnull (strstr (html, "<title>"));
  g_assert_nonnull (
      strstr (html, "name=\"viewport\" content=\"width=device-width, initial-scale=1\""));
  g_assert_null (strstr (html, "<script"));
  g_assert_null (strstr (html, "<svg"));
  g_assert_null (strstr (html, " style="));
  g_assert_null (strstr (html, "http:"));
  g_assert_null (strstr (html, "https:"));
  g_assert_null (strstr (html, "{{"));
  g_assert_null (strstr (html, "%{"));
}

static void
test_every_page_in_every_language_is_escaped (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();
  const GPtrArray *translations = tessera_pages_get_translations (pages);

  for (guint n = 0; n < G_N_ELEMENTS (names); n++)
    for (guint i = 0; i <= translations->len; i++)
      {
        g_autoptr (TesseraValues) values = make_values (HOSTILE, HOSTILE);
        const TesseraTranslation *translation
            = i < translations->len ? translations->pdata[i] : NULL;
        g_autofree char *html
            = tessera_pages_render (pages, names[n], values, "/auth", translation);

        g_test_message ("%s %s", names[n], tessera_translation_get_tag (translation));
        check_page (html);
        g_assert_nonnull (strstr (html, "<link rel=\"stylesheet\" href=\"/auth/tessera.css?v="));
      }
}

static void
test_a_failure_has_title_and_focus (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();
  g_autoptr (TesseraValues) values = make_values ("App", "alice");
  g_autofree char *html = tessera_pages_render (pages, "login", values, "", NULL);

  g_assert_nonnull (strstr (html, "<title>Error: Sign in"));
  g_assert_nonnull (strstr (html, "id=\"error\" role=\"alert\" tabindex=\"-1\" autofocus"));
  g_assert_nonnull (strstr (html, "id=\"username\" name=\"username\" type=\"text\" value=\"alice\" "
                                  "autocomplete=\"username\""));
  g_assert_nonnull (strstr (html, "id=\"password\" name=\"password\" type=\"password\" "
                                  "autocomplete=\"current-password\""));
  g_assert_nonnull (strstr (html, "<label for=\"username\">"));
  g_assert_nonnull (strstr (html, "<label for=\"password\">"));
}

/* What was logged last; structured logging passes by g_test_expect_message(). */
static char *warning;

static GLogWriterOutput
on_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; (level & G_LOG_LEVEL_WARNING) && i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      {
        g_free (warning);
        warning = g_strdup (fields[i].value);
      }
  return G_LOG_WRITER_HANDLED;
}

static void
assert_warned (const char *pattern)
{
  g_assert_nonnull (warning);
  g_assert_true (g_pattern_match_simple (pattern, warning));
  g_clear_pointer (&warning, g_free);
}

static void
write_theme_file (const char *directory, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
remove_theme (const char *directory, const char *const *files)
{
  for (guint i = 0; files[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (directory, files[i], NULL);

      g_unlink (path);
    }
  g_rmdir (directory);
}

static void
test_a_theme_replaces_files (void)
{
  static const char *const files[]
      = { "signed-out.html", "header.html", "login.html", "scopes.ini", ".hidden.html", NULL };
  g_autofree char *directory = g_dir_make_tmp ("tessera-theme-XXXXXX", NULL);
  g_autoptr (TesseraPages) pages = tessera_pages_new ();
  g_autoptr (TesseraValues) values = make_values (HOSTILE, "alice");
  g_autofree char *before = tessera_pages_render (pages, "signed-in", values, "", NULL);
  g_autofree char *themed = NULL, *login = NULL, *after = NULL, *scope = NULL, *other = NULL;

  write_theme_file (directory, "signed-out.html", "<p>Ours: {{client}}</p>");
  write_theme_file (directory, "header.html", "<header>Our firm</header>");
  write_theme_file (directory, "login.html", "<script>{{client}}</script>");
  write_theme_file (
      directory, "scopes.ini",
      "[photos.read]\ndescription=See your photos\ndescription[de]=Ihre Fotos sehen\n");
  write_theme_file (directory, ".hidden.html", "{{");
  tessera_pages_set_theme_directory (pages, directory);
  assert_warned ("*login.html is not used: line 1:*");

  themed = tessera_pages_render (pages, "signed-out", values, "", NULL);
  g_assert_cmpstr (themed, ==, "<p>Ours: &lt;svg/onload=alert(1)&gt;&quot;&#39;&amp;</p>");
  login = tessera_pages_render (pages, "login", values, "", NULL);
  g_assert_nonnull (strstr (login, "id=\"password\""));
  g_assert_nonnull (strstr (login, "<header>Our firm</header>"));
  scope = tessera_pages_dup_scope_text (pages, "photos.read",
                                        tessera_pages_get_translations (pages)->pdata[0]);
  g_assert_cmpstr (scope, ==, "Ihre Fotos sehen");
  other = tessera_pages_dup_scope_text (pages, "photos.write", NULL);
  g_assert_null (other);

  tessera_pages_set_theme_directory (pages, NULL);
  after = tessera_pages_render (pages, "signed-in", values, "", NULL);
  g_assert_cmpstr (before, ==, after);
  remove_theme (directory, files);
}

static void
test_a_missing_theme_is_said (void)
{
  g_autoptr (TesseraPages) pages = tessera_pages_new ();

  tessera_pages_set_theme_directory (pages, "/nonexistent/theme");
  assert_warned ("The theme cannot be read:*");
}

static void
write_preview (TesseraPages *pages,
               const char *name,
               const char *folder,
               const TesseraTranslation *translation)
{
  g_autoptr (TesseraValues) values = make_values ("Example Photos", "alice");
  g_autofree char *html = NULL, *file = NULL;
  g_auto (GStrv) parts = NULL;

  if (g_str_equal (name, "consent"))
    for (guint i = 0; i < 2; i++)
      {
        TesseraValues *scope = tessera_values_append (values, "scopes");

        tessera_values_set (scope, "name", i == 0 ? "photos.read" : "profile");
        if (i == 0)
          tessera_values_set (scope, "text", "See the photos in your albums");
      }
  html = tessera_pages_render (pages, name, values, "", translation);
  parts = g_strsplit (html, "/tessera.css", 2);
  g_free (html);
  html = g_strjoinv ("tessera.css", parts);
  file = g_strdup_printf ("%s/%s.%s.html", folder, name, tessera_translation_get_tag (translation));
  g_assert_true (g_file_set_contents (file, html, -1, NULL));
}

static void
test_preview (void)
{
  const char *folder = g_getenv ("TESSERA_PREVIEW");
  g_autoptr (TesseraPages) pages = tessera_pages_new ();
  const GPtrArray *translations = tessera_pages_get_translations (pages);

  for (guint n = 0; n < G_N_ELEMENTS (names); n++)
    {
      write_preview (pages, names[n], folder, NULL);
      for (guint i = 0; i < translations->len; i++)
        write_preview (pages, names[n], folder, translations->pdata[i]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  g_log_set_writer_func (on_log, NULL, NULL);

  g_test_add_func ("/pages/every-page-in-every-language-is-escaped",
                   test_every_page_in_every_language_is_escaped);
  g_test_add_func ("/pages/a-failure-has-title-and-focus", test_a_failure_has_title_and_focus);
  g_test_add_func ("/pages/a-theme-replaces-files", test_a_theme_replaces_files);
  g_test_add_func ("/pages/a-missing-theme-is-said", test_a_missing_theme_is_said);
  if (g_getenv ("TESSERA_PREVIEW") != NULL)
    g_test_add_func ("/pages/preview", test_preview);

  return g_test_run ();
}
