/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Page templates: whatever a template says, values and translations never become markup. A small
 * tokenizer of HTML (the HTML Standard §13.2.5) sees the same tags with the same attributes,
 * whether the values are harmless or hostile. The input: which values there are, a letter each; two
 * values and a translation, a line each; the template. */

#include "fuzz.h"
#include "server/tessera-template-private.h"

#include <string.h>

#define HTML_MAX (64 * 1024) /* what the second tokenizer has time for */

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  return 0;
}

/* --- a tokenizer of HTML --- */

typedef struct
{
  const char *at, *end;
  GString *tags;    /* out: names of elements and attributes */
  char *text_until; /* in an element that has no markup inside: its name; or NULL */
} Tokenizer;

static gboolean
is_space (char c)
{
  return c != '\0' && strchr (" \t\n\f\r", c) != NULL;
}

/* Up to one of @stops or the end, in lower case. */
static void
take_name (Tokenizer *self, const char *stops)
{
  while (*self->at != '\0' && !is_space (*self->at) && strchr (stops, *self->at) == NULL)
    g_string_append_c (self->tags, g_ascii_tolower (*self->at++));
}

static void
skip_space (Tokenizer *self)
{
  while (is_space (*self->at))
    self->at++;
}

static const char *
find (const Tokenizer *self, const char *text)
{
  return memmem (self->at, (gsize) (self->end - self->at), text, strlen (text));
}

static void
skip_behind (Tokenizer *self, const char *text)
{
  const char *found = find (self, text);

  self->at = found != NULL ? found + strlen (text) : self->end;
}

static void
skip_value (Tokenizer *self)
{
  if (*self->at == '"' || *self->at == '\'')
    {
      const char quote[] = { *self->at++, '\0' };

      skip_behind (self, quote);
      return;
    }
  while (*self->at != '\0' && *self->at != '>' && !is_space (*self->at))
    self->at++;
}

/* A value that would run or style stands with its name. */
static void
take_attribute (Tokenizer *self)
{
  gsize start = self->tags->len + 1;

  g_string_append_c (self->tags, ' ');
  if (*self->at == '=') /* part of a name when it begins one */
    g_string_append_c (self->tags, *self->at++);
  take_name (self, "/>=");
  skip_space (self);
  if (*self->at != '=')
    return;
  self->at++;
  skip_space (self);
  const char *name = self->tags->str + start, *value = self->at;
  gboolean runs = g_str_has_prefix (name, "on") || g_str_equal (name, "style")
                  || g_str_equal (name, "srcdoc");
  skip_value (self);
  if (runs)
    g_string_append_len (self->tags, value, self->at - value);
}

static void
take_attributes (Tokenizer *self)
{
  for (;;)
    {
      while (is_space (*self->at) || *self->at == '/')
        self->at++;
      if (*self->at == '\0')
        return;
      if (*self->at == '>')
        {
          self->at++;
          return;
        }
      take_attribute (self);
    }
}

static void
take_tag (Tokenizer *self, gboolean is_closing)
{
  static const char *const texts[]
      = { "title",    "textarea", "style",     "xmp",    "iframe", "noembed",
          "noframes", "noscript", "plaintext", "script", NULL };
  gsize start = self->tags->len;

  take_name (self, "/>");
  g_autofree char *name = g_strdup (self->tags->str + start);
  if (!is_closing && g_strv_contains (texts, name))
    self->text_until = g_steal_pointer (&name);
  take_attributes (self);
  g_string_append_c (self->tags, '\n');
}

/* Behind <!. */
static void
skip_declaration (Tokenizer *self)
{
  if (!g_str_has_prefix (self->at, "--"))
    {
      skip_behind (self, ">"); /* a doctype too: no quote keeps its end from ending it */
      return;
    }
  self->at += 2;
  if (g_str_has_prefix (self->at, ">") || g_str_has_prefix (self->at, "->"))
    {
      skip_behind (self, ">");
      return;
    }
  const char *end = find (self, "-->"), *other = find (self, "--!>");
  skip_behind (self, other != NULL && (end == NULL || other < end) ? "--!>" : "-->");
}

static void
take_text_only (Tokenizer *self)
{
  g_autofree char *name = g_steal_pointer (&self->text_until);

  for (; *self->at != '\0'; self->at++)
    {
      const char *end = self->at + 2;

      if (!g_str_has_prefix (self->at, "</") || g_ascii_strncasecmp (end, name, strlen (name)) != 0)
        continue;
      end += strlen (name);
      if (is_space (*end) || *end == '/' || *end == '>')
        return;
    }
}

/* All tags of the page with the names of their attributes, a line each. */
static char *
list_tags (const char *html)
{
  Tokenizer self = { .at = html, .end = html + strlen (html), .tags = g_string_new (NULL) };

  while (*self.at != '\0')
    {
      if (self.text_until != NULL)
        take_text_only (&self);
      if (*self.at == '\0')
        break;
      if (*self.at++ != '<')
        continue;
      if (g_ascii_isalpha (*self.at))
        take_tag (&self, FALSE);
      else if (*self.at == '!')
        {
          self.at++;
          skip_declaration (&self);
        }
      else if (*self.at == '?')
        skip_behind (&self, ">");
      else if (*self.at == '/' && g_ascii_isalpha (self.at[1]))
        {
          g_string_append_c (self.tags, *self.at++);
          take_tag (&self, TRUE);
        }
      else if (*self.at == '/' && self.at[1] != '\0')
        skip_behind (&self, ">");
    }
  g_free (self.text_until);
  return g_string_free (self.tags, FALSE);
}

/* --- rendering --- */

typedef struct
{
  const TesseraTemplate *template;
  const char *translation;
} Host;

static const TesseraTemplate *
on_lookup (const char *name, gpointer data)
{
  const Host *host = data;

  return g_str_equal (name, "a.html") ? host->template : NULL;
}

static const char *
on_translate (const char *text, gpointer data)
{
  const Host *host = data;

  return host->translation[0] != '\0' ? host->translation : text;
}

/* a, b: the values, if @presence says so; l: a list of both; c, d: flags. */
static TesseraValues *
make_values (const char *presence, const char *a, const char *b)
{
  static const char *const names[] = { "c", "d", "text", "client" };
  TesseraValues *values = tessera_values_new ();

  if (strchr (presence, 'a') != NULL)
    tessera_values_set (values, "a", a);
  if (strchr (presence, 'b') != NULL)
    tessera_values_set (values, "b", b);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strchr (presence, names[i][0]) != NULL)
      tessera_values_set (values, names[i], i % 2 == 0 ? a : b);
  if (strchr (presence, 'l') != NULL)
    {
      tessera_values_set (tessera_values_append (values, "l"), "a", b);
      tessera_values_set (tessera_values_append (values, "l"), "e", a);
    }
  return values;
}

static char *
render (const TesseraTemplate *template,
        const char *translation,
        const char *presence,
        const char *a,
        const char *b)
{
  Host data = { template, translation };
  TesseraTemplateHost host = { on_lookup, on_translate, &data };
  g_autoptr (TesseraValues) values = make_values (presence, a, b);

  return tessera_template_render (template, values, &host);
}

static void
count_message (const char *text, gpointer data)
{
  ++*(guint *) data;
}

static void
assert_allowed (const char *tags)
{
  static const char *const forbidden[]
      = { "script", "style", "iframe", "object", "embed", "base", "noscript", "xmp" };
  g_auto (GStrv) lines = g_strsplit (tags, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      lines[i][strcspn (lines[i], " ")] = '\0';
      for (guint n = 0; n < G_N_ELEMENTS (forbidden); n++)
        g_assert_cmpstr (lines[i], !=, forbidden[n]);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = fuzz_input (data, size);
  g_autofree char *presence = fuzz_input_take_line (&input);
  g_autofree char *a = fuzz_input_take_line (&input);
  g_autofree char *b = fuzz_input_take_line (&input);
  g_autofree char *translation = fuzz_input_take_line (&input);
  gsize length;
  const char *text = fuzz_input_take_rest (&input, &length);
  g_autoptr (GError) error = NULL;
  g_autofree char *translation_valid = g_utf8_make_valid (translation, -1);
  g_autofree char *exact = g_memdup2 (length > 0 ? text : "", length);
  g_autoptr (TesseraTemplate) template
      = tessera_template_parse (exact != NULL ? exact : "", (gssize) length, &error);
  guint messages = 0;

  g_assert_cmpint (template == NULL, ==, error != NULL);
  if (template == NULL)
    return 0;
  tessera_template_foreach_message (template, count_message, &messages);
  g_autofree char *hostile = render (template, translation_valid, presence, a, b);
  /* What is absent when it is empty, is so both times. */
  g_autofree char *harmless = render (template, translation_valid, presence,
                                      a[0] != '\0' ? "v" : "", b[0] != '\0' ? "w" : "");
  g_assert_true (g_utf8_validate (hostile, -1, NULL));
  if (strlen (hostile) > HTML_MAX || strlen (harmless) > HTML_MAX)
    return 0;
  g_autofree char *hostile_tags = list_tags (hostile);
  g_autofree char *harmless_tags = list_tags (harmless);
  g_assert_cmpstr (hostile_tags, ==, harmless_tags);
  assert_allowed (hostile_tags);
  return 0;
}
