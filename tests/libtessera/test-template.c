/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The renderer of pages: what comes out is escaped, and what cannot be escaped is refused. */

#include "server/tessera-template-private.h"

#include <string.h>

static char *
render (const char *text, TesseraValues *values)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraTemplate) template = tessera_template_parse (text, -1, &error);

  g_assert_no_error (error);
  return tessera_template_render (template, values, NULL);
}

static void
assert_renders (const char *text, TesseraValues *values, const char *expected)
{
  g_autofree char *html = render (text, values);

  g_assert_cmpstr (html, ==, expected);
}

static void
assert_refused (const char *text)
{
  g_autofree char *escaped = g_strescape (text, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (TesseraTemplate) template = tessera_template_parse (text, -1, &error);

  g_test_message ("%s", escaped);
  g_assert_error (error, G_MARKUP_ERROR, G_MARKUP_ERROR_PARSE);
  g_assert_null (template);
}

static void
test_escapes_text (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();

  tessera_values_set (values, "name", "<svg onload=\"alert('1')\">&amp;\r\001");
  assert_renders ("<p>{{name}}</p>", values,
                  "<p>&lt;svg onload=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;"
                  "\357\277\275\357\277\275</p>");
}

static void
test_escapes_attributes (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();

  tessera_values_set (values, "name", "\" onfocus='x' a=\"");
  assert_renders ("<input value=\"{{name}}\">", values,
                  "<input value=\"&quot; onfocus=&#39;x&#39; a=&quot;\">");
}

static void
test_repairs_invalid_utf8 (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();
  g_autofree char *html = NULL;

  tessera_values_set (values, "name", "a\xff<b");
  html = render ("{{name}}", values);
  g_assert_cmpstr (html, ==, "a\357\277\275&lt;b");
}

static void
test_has_no_raw_output (void)
{
  assert_refused ("{{{name}}}");
  assert_refused ("{{&name}}");
  assert_refused ("{{name|raw}}");
  assert_refused ("{{#raw name}}{{/raw}}");
}

static void
test_refuses_values_where_escaping_does_not_help (void)
{
  assert_refused ("<input value={{name}}>");
  assert_refused ("<{{name}}>");
  assert_refused ("<input {{name}}>");
  assert_refused ("<p onclick=\"{{name}}\">");
  assert_refused ("<p style=\"{{name}}\">");
  assert_refused ("<!-- {{name}} -->");
  assert_refused ("<script>{{name}}</script>");
  assert_refused ("<SCRIPT src=\"/x\"></SCRIPT>");
  assert_refused ("<style>{{name}}</style>");
  assert_refused ("<base href=\"/\">");
}

/* Where a browser and a careless reader see different tags (found by tests/fuzz). */
static void
test_refuses_html_that_can_be_read_in_two_ways (void)
{
  assert_refused ("<a href=x\"{{name}}\">");
  assert_refused ("<a b\"{{name}}\">");
  assert_refused ("<a b= \"{{name}}\">");
  assert_refused ("<p\vtitle=\"{{name}}\">");
  assert_refused ("<? a=\"> <b {{name}}\">");
  assert_refused ("<!x a=\"> <b {{name}}\">");
  assert_refused ("</ a=\"> <b {{name}}\">");
  assert_refused ("< a=\"<b {{name}}\">");
  assert_refused ("<!-- --!><b {{name}}>");
  assert_refused ("<!--> <b {{name}}> -->");
  assert_refused ("<title><b c=\"</title><b {{name}}\"></title>");
  assert_refused ("<textarea>{{> file.html}}</textarea>");
  assert_refused ("<noscript><p title=\"</noscript><b {{name}}\">");
}

/* Nor may the pieces between tags make something together that neither is. */
static void
test_refuses_html_that_is_put_together (void)
{
  assert_refused ("<s{{#if a}}cript{{else}}pan{{/if}}>");
  assert_refused ("<s{{! remark}}cript>");
  assert_refused ("<!-- -{{! remark}}-><b>");
  assert_refused ("<p {{#each l}}click=\"{{name}}\" on{{/each}}>");
  assert_refused ("<p {{#if a}}on{{/if}}click=\"{{name}}\">");
  assert_refused ("<p a=\"{{#if b}}\" a='{{/if}}{{name}}'>");
  assert_refused ("{{#if a}}<title>{{/if}}</title>");
}

static void
test_refuses_what_it_cannot_parse (void)
{
  assert_refused ("{{#if name}}");
  assert_refused ("{{/if}}");
  assert_refused ("{{#if name}}{{/each}}");
  assert_refused ("{{name");
  assert_refused ("{{#if name}}<p title=\"{{/if}}\">");
  assert_refused ("{{_ \"a\" \"b\"}}");
  assert_refused ("{{> ../secret.html}}");
  assert_refused ("{{> /etc/passwd}}");
  assert_refused ("<p title=\"{{bdi \"x\"}}\">");
  assert_refused ("\xff");
}

static void
test_disarms_addresses (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();

  tessera_values_set (values, "there", " java\tscript:alert(1)");
  assert_renders ("<a href=\"{{there}}\">", values, "<a href=\"#\">");
  tessera_values_set (values, "there", "com.example.app:/cb?a=1&b=2");
  assert_renders ("<a href='{{there}}'>", values, "<a href='com.example.app:/cb?a=1&amp;b=2'>");
}

static void
test_chooses (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();

  assert_renders ("{{#if a}}yes{{else}}no{{/if}}", values, "no");
  tessera_values_set (values, "a", "");
  assert_renders ("{{#if a}}yes{{else}}no{{/if}}", values, "no");
  tessera_values_set_flag (values, "a", TRUE);
  assert_renders ("{{#if a}}yes{{else}}no{{/if}}", values, "yes");
  assert_renders ("<i {{#if a}}class=\"b\"{{/if}}>", values, "<i class=\"b\">");
  assert_renders ("<i {{#if a}}hidden{{/if}} {{#if b}}{{else}}id=b{{/if}}/>", values,
                  "<i hidden id=b/>");
}

static void
test_repeats (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();

  tessera_values_set (values, "outer", "&");
  assert_renders ("{{#each items}}x{{/each}}", values, "");
  tessera_values_set (tessera_values_append (values, "items"), "name", "<1>");
  tessera_values_set (tessera_values_append (values, "items"), "name", "2");
  assert_renders ("{{#if items}}{{#each items}}{{name}}{{outer}};{{/each}}{{/if}}", values,
                  "&lt;1&gt;&amp;;2&amp;;");
}

static const char *
on_translate (const char *text, gpointer data)
{
  return g_str_equal (text, "Hello %{name}") ? "%{name}, <hallo> %{nobody}%{" : text;
}

static void
test_escapes_translations (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();
  g_autoptr (TesseraTemplate) template
      = tessera_template_parse ("{{_ \"Hello %{name}\"}}|{{bdi \"Hello %{name}\"}}", -1, NULL);
  TesseraTemplateHost host = { NULL, on_translate, NULL };
  g_autofree char *html = NULL;

  tessera_values_set (values, "name", "<b>");
  html = tessera_template_render (template, values, &host);
  g_assert_cmpstr (html, ==,
                   "&lt;b&gt;, &lt;hallo&gt; %{|<bdi>&lt;b&gt;</bdi>, &lt;hallo&gt; <bdi></bdi>%{");
}

static const TesseraTemplate *
on_lookup (const char *name, gpointer data)
{
  return g_str_equal (name, "self.html") ? data : NULL;
}

static void
test_survives_files_that_include_themselves (void)
{
  g_autoptr (TesseraValues) values = tessera_values_new ();
  g_autoptr (TesseraTemplate) template
      = tessera_template_parse ("x{{> self.html}}{{> self.html}}{{> none.html}}", -1, NULL);
  TesseraTemplateHost host = { on_lookup, NULL, template };
  g_autofree char *html = tessera_template_render (template, values, &host);

  g_assert_cmpuint (strlen (html), >, 10);
  g_assert_cmpuint (strlen (html), <=, 100000);
}

/* Whatever a theme holds, it is refused or rendered. */
static void
test_survives_random_damage (void)
{
  static const char text[]
      = "<p class=\"{{a}}\">{{#if a}}{{_ \"x %{a}\"}}{{else}}{{bdi \"y\"}}{{/if}}"
        "{{#each l}}{{a}}{{/each}}{{> self.html}}{{! n}}<!-- c --></p>";
  static const char pieces[] = "{}#/\"'<>!-%_ ae&";
  g_autoptr (TesseraValues) values = tessera_values_new ();

  tessera_values_set (values, "a", "<v>");
  tessera_values_set (tessera_values_append (values, "l"), "a", "1");
  for (guint n = 0; n < 5000; n++)
    {
      g_autofree char *damaged = g_strdup (text);
      g_autoptr (TesseraTemplate) template = NULL;

      for (guint i = g_test_rand_int_range (1, 6); i > 0; i--)
        damaged[g_test_rand_int_range (0, sizeof text - 1)]
            = pieces[g_test_rand_int_range (0, sizeof pieces - 1)];
      template = tessera_template_parse (damaged, -1, NULL);
      if (template != NULL)
        {
          TesseraTemplateHost host = { on_lookup, NULL, NULL };
          g_autofree char *html = tessera_template_render (template, values, &host);

          g_assert_null (strstr (html, "<v>"));
        }
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/template/escapes-text", test_escapes_text);
  g_test_add_func ("/template/escapes-attributes", test_escapes_attributes);
  g_test_add_func ("/template/repairs-invalid-utf8", test_repairs_invalid_utf8);
  g_test_add_func ("/template/has-no-raw-output", test_has_no_raw_output);
  g_test_add_func ("/template/refuses-values-where-escaping-does-not-help",
                   test_refuses_values_where_escaping_does_not_help);
  g_test_add_func ("/template/refuses-html-that-can-be-read-in-two-ways",
                   test_refuses_html_that_can_be_read_in_two_ways);
  g_test_add_func ("/template/refuses-html-that-is-put-together",
                   test_refuses_html_that_is_put_together);
  g_test_add_func ("/template/refuses-what-it-cannot-parse", test_refuses_what_it_cannot_parse);
  g_test_add_func ("/template/disarms-addresses", test_disarms_addresses);
  g_test_add_func ("/template/chooses", test_chooses);
  g_test_add_func ("/template/repeats", test_repeats);
  g_test_add_func ("/template/escapes-translations", test_escapes_translations);
  g_test_add_func ("/template/survives-files-that-include-themselves",
                   test_survives_files_that_include_themselves);
  g_test_add_func ("/template/survives-random-damage", test_survives_random_damage);

  return g_test_run ();
}
