/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small renderer of HTML that always escapes. */

#include "server/tessera-template-private.h"

#include <string.h>

/* Where in HTML a place is: values are let in only where escaping makes them harmless. The HTML is
 * held to a strict form, in which every browser sees what is seen here. */
typedef enum
{
  PLACE_TEXT,
  PLACE_ELEMENT,   /* in its name */
  PLACE_BETWEEN,   /* in a tag, where an attribute may begin */
  PLACE_ATTRIBUTE, /* in its name */
  PLACE_EQUALS,    /* just behind its = */
  PLACE_UNQUOTED,  /* in its value */
  PLACE_QUOTED,    /* in its value, between quotes */
  PLACE_BEHIND,    /* where it must have ended */
  PLACE_COMMENT,
} PlaceKind;

typedef struct
{
  char text[16]; /* lower case, cut */
  gsize length;
} Word;

typedef struct
{
  PlaceKind kind;
  char quote;
  gboolean is_closing; /* </… */
  Word element;
  Word attribute;
  Word text_only; /* the element all around, when nothing but its end is a tag in it */
  gsize skip;     /* bytes that were looked at already */
} Place;

typedef enum
{
  NODE_LITERAL,
  NODE_VALUE,
  NODE_MESSAGE,
  NODE_IF,
  NODE_EACH,
  NODE_INCLUDE,
} NodeKind;

typedef struct
{
  NodeKind kind;
  char *text;
  gboolean is_url;         /* stands in an attribute that holds an address */
  gboolean isolates;       /* {{bdi}} */
  GPtrArray *children;     /* Node*, or NULL */
  GPtrArray *alternatives; /* Node* behind {{else}}, or NULL */
} Node;

struct _TesseraTemplate
{
  GPtrArray *nodes; /* Node* */
};

typedef struct
{
  const char *start;
  const char *at;
  const char *end;
  Place place;
  guint depth;
} Parser;

static void
node_free (Node *self)
{
  g_free (self->text);
  g_clear_pointer (&self->children, g_ptr_array_unref);
  g_clear_pointer (&self->alternatives, g_ptr_array_unref);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, node_free)

static Node *
node_new (NodeKind kind, char *text)
{
  Node *self = g_new0 (Node, 1);

  self->kind = kind;
  self->text = text;
  return self;
}

static gboolean
parser_fail (const Parser *self, const char *problem, GError **error)
{
  guint line = 1;

  for (const char *p = self->start; p < self->at; p++)
    if (*p == '\n')
      line++;
  g_set_error (error, G_MARKUP_ERROR, G_MARKUP_ERROR_PARSE, "line %u: %s", line, problem);
  return FALSE;
}

/* Places in HTML */

static void
word_clear (Word *self)
{
  self->length = 0;
  self->text[0] = '\0';
}

static void
word_add (Word *self, char c)
{
  if (self->length + 1 >= sizeof self->text)
    return;

  self->text[self->length++] = g_ascii_tolower (c);
  self->text[self->length] = '\0';
}

static gboolean
word_is_one_of (const Word *self, const char *const *names)
{
  return g_strv_contains (names, self->text);
}

static gboolean
word_equals (const Word *a, const Word *b)
{
  return g_str_equal (a->text, b->text);
}

/* White space of HTML (the HTML Standard §13.2.5.32), which has no vertical tab. */
static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static gboolean
is_next (const char *at, const char *end, const char *text)
{
  gsize length = strlen (text);

  return (gsize) (end - at) >= length && g_ascii_strncasecmp (at, text, length) == 0;
}

/* They run, style, frame, or have no markup inside. */
static gboolean
is_forbidden_element (const Word *name)
{
  static const char *const names[]
      = { "script",   "style", "iframe", "frame", "frameset", "object",   "embed",     "applet",
          "noscript", "base",  "xmp",    "math",  "noembed",  "noframes", "plaintext", NULL };

  return word_is_one_of (name, names);
}

static gboolean
place_begin_element (Place *self, gboolean is_closing)
{
  self->kind = PLACE_ELEMENT;
  self->is_closing = is_closing;
  self->skip = is_closing ? 1 : 0;
  word_clear (&self->element);
  return TRUE;
}

/* At a <. */
static gboolean
place_leave_text (Place *self, const char *at, const char *end)
{
  gboolean is_closing = is_next (at, end, "</");
  const char *name = at + (is_closing ? 2 : 1);

  if (self->text_only.length > 0
      && (!is_closing || !is_next (name, end, self->text_only.text)
          || !is_next (name + self->text_only.length, end, ">")))
    return FALSE;
  if (name < end && g_ascii_isalpha (*name))
    return place_begin_element (self, is_closing);
  if (is_next (at, end, "<!doctype html>"))
    {
      self->skip = strlen ("!doctype html>");
      return TRUE;
    }
  if (!is_next (at, end, "<!--") || is_next (at, end, "<!-->") || is_next (at, end, "<!--->"))
    return FALSE;
  self->kind = PLACE_COMMENT;
  self->skip = strlen ("!--");
  return TRUE;
}

static gboolean
place_end_tag (Place *self)
{
  static const char *const text_only[] = { "title", "textarea", NULL };

  self->kind = PLACE_TEXT;
  word_clear (&self->text_only);
  if (!self->is_closing && word_is_one_of (&self->element, text_only))
    self->text_only = self->element;
  return TRUE;
}

/* Behind a name, a value, or white space. */
static gboolean
place_leave_word (Place *self, char c)
{
  if (c == '>')
    return place_end_tag (self);
  self->kind = PLACE_BETWEEN;
  return is_space (c) || c == '/';
}

static gboolean
place_step_element (Place *self, char c)
{
  if (g_ascii_isalnum (c) || c == '-')
    {
      word_add (&self->element, c);
      return TRUE;
    }
  return !is_forbidden_element (&self->element) && place_leave_word (self, c);
}

static gboolean
place_step_between (Place *self, char c)
{
  if (is_space (c) || c == '/' || c == '>')
    return place_leave_word (self, c);

  self->kind = PLACE_ATTRIBUTE;
  word_clear (&self->attribute);
  word_add (&self->attribute, c);
  return !g_ascii_iscntrl (c) && strchr ("\"'=<`", c) == NULL;
}

static gboolean
place_step_attribute (Place *self, char c)
{
  if (c == '=')
    {
      self->kind = PLACE_EQUALS;
      return TRUE;
    }
  if (is_space (c) || c == '/' || c == '>')
    return place_leave_word (self, c);
  word_add (&self->attribute, c);
  return !g_ascii_iscntrl (c) && strchr ("\"'<`", c) == NULL;
}

static gboolean
place_step_unquoted (Place *self, char c)
{
  if (self->kind == PLACE_EQUALS && (c == '"' || c == '\''))
    {
      self->kind = PLACE_QUOTED;
      self->quote = c;
      return TRUE;
    }
  if (self->kind == PLACE_UNQUOTED && (is_space (c) || c == '>'))
    return place_leave_word (self, c);
  self->kind = PLACE_UNQUOTED;
  return !g_ascii_iscntrl (c) && strchr (" >\"'=<`", c) == NULL;
}

static gboolean
place_step_comment (Place *self, const char *at, const char *end)
{
  if (is_next (at, end, "-->"))
    {
      self->kind = PLACE_TEXT;
      self->skip = strlen ("->");
    }
  return !is_next (at, end, "--!>");
}

/* FALSE when it completes something that no template may have. */
static gboolean
place_step (Place *self, const char *at, const char *end)
{
  if (self->skip > 0)
    {
      self->skip--;
      return TRUE;
    }

  switch (self->kind)
    {
    case PLACE_TEXT:
      return *at != '<' || place_leave_text (self, at, end);
    case PLACE_ELEMENT:
      return place_step_element (self, *at);
    case PLACE_BETWEEN:
      return place_step_between (self, *at);
    case PLACE_ATTRIBUTE:
      return place_step_attribute (self, *at);
    case PLACE_EQUALS:
    case PLACE_UNQUOTED:
      return place_step_unquoted (self, *at);
    case PLACE_QUOTED:
      if (*at == self->quote)
        self->kind = PLACE_BEHIND;
      return TRUE;
    case PLACE_BEHIND:
      return place_leave_word (self, *at);
    case PLACE_COMMENT:
    default:
      return place_step_comment (self, at, end);
    }
}

/* Where nothing is cut in two by something that may come out as nothing, or as a text. */
static gboolean
place_takes_tags (const Place *self)
{
  return self->kind == PLACE_TEXT || self->kind == PLACE_QUOTED || self->kind == PLACE_BETWEEN
         || self->kind == PLACE_BEHIND;
}

/* May a part that began at @before, and may be left out or repeated, end at @self? */
static gboolean
place_continues (const Place *self, const Place *before, gboolean is_repeated)
{
  if (before->kind == PLACE_TEXT)
    return self->kind == PLACE_TEXT && word_equals (&self->text_only, &before->text_only);
  if (!word_equals (&self->element, &before->element) || self->is_closing != before->is_closing)
    return FALSE;
  if (before->kind == PLACE_QUOTED)
    return self->kind == PLACE_QUOTED && self->quote == before->quote
           && word_equals (&self->attribute, &before->attribute);
  if (self->kind == PLACE_ATTRIBUTE || self->kind == PLACE_UNQUOTED)
    return !is_repeated;
  return self->kind == PLACE_BETWEEN || self->kind == PLACE_BEHIND;
}

static gboolean
place_takes_values (const Place *self)
{
  if (self->kind == PLACE_TEXT)
    return TRUE;
  if (self->kind != PLACE_QUOTED)
    return FALSE;

  return !g_str_has_prefix (self->attribute.text, "on")
         && !g_str_equal (self->attribute.text, "style")
         && !g_str_equal (self->attribute.text, "srcdoc");
}

static gboolean
place_is_url (const Place *self)
{
  static const char *const names[]
      = { "href", "xlink:href", "src", "action", "formaction", "content", NULL };

  return self->kind == PLACE_QUOTED && word_is_one_of (&self->attribute, names);
}

/* Parsing */

static gboolean parse_nodes (Parser *self, GPtrArray *nodes, char **out_end, GError **error);

static gboolean
is_name (const char *text)
{
  if (!g_ascii_isalpha (*text))
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && *p != '_')
      return FALSE;
  return TRUE;
}

static gboolean
is_file_name (const char *text)
{
  if (!g_ascii_isalpha (*text) || !g_str_has_suffix (text, ".html"))
    return FALSE;
  for (const char *p = text; *p != '\0'; p++)
    if (!g_ascii_isalnum (*p) && *p != '-' && *p != '.')
      return FALSE;
  return strstr (text, "..") == NULL;
}

/* From `_ "text"` or `bdi "text"`. */
static Node *
parse_message (Parser *self, const char *tag, GError **error)
{
  gboolean isolates = g_str_has_prefix (tag, "bdi");
  const char *quoted = tag + (isolates ? 3 : 1);
  g_autoptr (Node) node = NULL;
  gsize length;

  while (g_ascii_isspace (*quoted))
    quoted++;
  length = strlen (quoted);
  if (length < 3 || quoted[0] != '"' || strchr (quoted + 1, '"') != quoted + length - 1)
    {
      parser_fail (self, "a sentence stands between two \"", error);
      return NULL;
    }
  if (isolates && self->place.kind != PLACE_TEXT)
    {
      parser_fail (self, "{{bdi}} makes an element, so it cannot stand in a tag", error);
      return NULL;
    }

  node = node_new (NODE_MESSAGE, g_strndup (quoted + 1, length - 2));
  node->isolates = isolates;
  node->is_url = place_is_url (&self->place);
  return g_steal_pointer (&node);
}

/* One way through a block, from @before on. */
static gboolean
parse_branch (Parser *self,
              const Node *node,
              const Place *before,
              GPtrArray *nodes,
              char **out_end,
              GError **error)
{
  self->place = *before;
  if (!parse_nodes (self, nodes, out_end, error))
    return FALSE;
  return place_continues (&self->place, before, node->kind == NODE_EACH)
         || parser_fail (self, "a block must end in the same place of a tag as it began", error);
}

/* The part up to {{/if}} or {{/each}}, which must leave off where it began. */
static gboolean
parse_block (Parser *self, Node *node, const char *close, GError **error)
{
  Place before = self->place;
  g_autofree char *end = NULL;

  node->children = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
  if (!parse_branch (self, node, &before, node->children, &end, error))
    return FALSE;
  if (node->kind == NODE_IF && g_strcmp0 (end, "else") == 0)
    {
      g_clear_pointer (&end, g_free);
      node->alternatives = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
      if (!parse_branch (self, node, &before, node->alternatives, &end, error))
        return FALSE;
    }
  if (g_strcmp0 (end, close) != 0)
    return parser_fail (self, "a block is not closed", error);
  /* In a tag one way may have ended behind an attribute, and the other not. */
  self->place = before;
  if (before.kind == PLACE_BETWEEN)
    self->place.kind = PLACE_BEHIND;
  return TRUE;
}

static Node *
parse_block_tag (Parser *self, const char *tag, GError **error)
{
  gboolean is_if = g_str_has_prefix (tag, "#if ");
  g_autofree char *name = g_strstrip (g_strdup (tag + (is_if ? 4 : 6)));
  g_autoptr (Node) node = NULL;

  if (!is_name (name))
    {
      parser_fail (self, "a block needs the name of a value", error);
      return NULL;
    }

  node = node_new (is_if ? NODE_IF : NODE_EACH, g_steal_pointer (&name));
  if (!parse_block (self, node, is_if ? "/if" : "/each", error))
    return NULL;
  return g_steal_pointer (&node);
}

static Node *
parse_include (Parser *self, const char *tag, GError **error)
{
  g_autofree char *name = g_strstrip (g_strdup (tag + 1));

  if (self->place.kind != PLACE_TEXT || self->place.text_only.length > 0 || !is_file_name (name))
    {
      parser_fail (self, "only a file NAME.html can be included, and not inside a tag", error);
      return NULL;
    }
  return node_new (NODE_INCLUDE, g_steal_pointer (&name));
}

static Node *
parse_value (Parser *self, const char *tag, GError **error)
{
  Node *node = node_new (NODE_VALUE, g_strdup (tag));

  node->is_url = place_is_url (&self->place);
  return node;
}

/* @tag: what stood between the braces, trimmed. */
static Node *
parse_tag (Parser *self, const char *tag, GError **error)
{
  if (g_str_has_prefix (tag, "#if ") || g_str_has_prefix (tag, "#each "))
    return parse_block_tag (self, tag, error);
  if (tag[0] == '>')
    return parse_include (self, tag, error);

  if (!place_takes_values (&self->place))
    {
      parser_fail (self, "a value cannot stand here: only in text and in quoted attributes", error);
      return NULL;
    }
  if (g_str_has_prefix (tag, "_ ") || g_str_has_prefix (tag, "bdi "))
    return parse_message (self, tag, error);
  if (is_name (tag))
    return parse_value (self, tag, error);

  parser_fail (self, "unknown tag", error);
  return NULL;
}

static gboolean
parse_literal (Parser *self, GPtrArray *nodes, GError **error)
{
  const char *start = self->at;

  while (self->at < self->end && !(self->at + 1 < self->end && memcmp (self->at, "{{", 2) == 0))
    {
      if (!place_step (&self->place, self->at, self->end))
        return parser_fail (self, "an element that is not allowed in a page, or a tag in bad form",
                            error);
      self->at++;
    }
  if (self->at > start)
    g_ptr_array_add (nodes, node_new (NODE_LITERAL, g_strndup (start, (gsize) (self->at - start))));
  return TRUE;
}

/* The text between {{ and }}, trimmed; NULL when it has no end. */
static char *
take_tag (Parser *self)
{
  const char *start = self->at + 2;
  const char *close = g_strstr_len (start, self->end - start, "}}");

  if (close == NULL)
    return NULL;

  self->at = close + 2;
  return g_strstrip (g_strndup (start, (gsize) (close - start)));
}

static gboolean
is_end_tag (const char *tag)
{
  return g_str_equal (tag, "else") || tag[0] == '/';
}

/* Up to the end of the text, or to a tag that ends a block, which is then in *out_end. */
static gboolean
parse_nodes (Parser *self, GPtrArray *nodes, char **out_end, GError **error)
{
  if (++self->depth > TESSERA_TEMPLATE_MAX_DEPTH)
    return parser_fail (self, "too many blocks inside each other", error);

  while (self->at < self->end)
    {
      g_autofree char *tag = NULL;
      Node *node;

      if (!parse_literal (self, nodes, error))
        return FALSE;
      if (self->at == self->end)
        break;

      tag = take_tag (self);
      if (tag == NULL)
        return parser_fail (self, "{{ without }}", error);
      if (is_end_tag (tag))
        {
          *out_end = g_steal_pointer (&tag);
          break;
        }
      if (!place_takes_tags (&self->place))
        return parser_fail (self,
                            "{{ cannot stand here: in a name, a value without quotes, or a comment",
                            error);
      if (tag[0] == '!')
        continue;

      node = parse_tag (self, tag, error);
      if (node == NULL)
        return FALSE;
      g_ptr_array_add (nodes, node);
    }

  self->depth--;
  return TRUE;
}

TesseraTemplate *
tessera_template_parse (const char *text, gssize length, GError **error)
{
  g_autoptr (TesseraTemplate) self = g_new0 (TesseraTemplate, 1);
  gsize size = length < 0 ? strlen (text) : (gsize) length;
  Parser parser = { .start = text, .at = text, .end = text + size };
  g_autofree char *end = NULL;

  self->nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
  if (size > TESSERA_TEMPLATE_MAX_LENGTH || !g_utf8_validate (text, (gssize) size, NULL))
    {
      parser_fail (&parser, "not UTF-8, or too long", error);
      return NULL;
    }
  if (!parse_nodes (&parser, self->nodes, &end, error))
    return NULL;
  if (end != NULL || parser.place.kind != PLACE_TEXT)
    {
      parser_fail (&parser, "a block or a tag that does not belong here", error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
tessera_template_free (TesseraTemplate *self)
{
  if (self == NULL)
    return;

  g_ptr_array_unref (self->nodes);
  g_free (self);
}

/* Rendering */

typedef struct Scope
{
  const TesseraValues *values;
  const struct Scope *outer;
} Scope;

typedef struct
{
  GString *html;
  const TesseraTemplateHost *host;
  guint depth;
  guint steps;
} Renderer;

/* A file that includes itself would fill the memory. */
#define MAX_STEPS 100000
#define MAX_HTML (4 * TESSERA_TEMPLATE_MAX_LENGTH)

static void render_nodes (Renderer *self, const GPtrArray *nodes, const Scope *scope);

void
tessera_html_append_escaped (GString *html, const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    switch (*p)
      {
      case '&':
        g_string_append (html, "&amp;");
        break;
      case '<':
        g_string_append (html, "&lt;");
        break;
      case '>':
        g_string_append (html, "&gt;");
        break;
      case '"':
        g_string_append (html, "&quot;");
        break;
      case '\'':
        g_string_append (html, "&#39;");
        break;
      default:
        if (g_ascii_iscntrl (*p) && *p != '\n' && *p != '\t')
          g_string_append (html, "\357\277\275");
        else
          g_string_append_c (html, *p);
      }
}

static const char *
scope_get (const Scope *self, const char *name)
{
  for (; self != NULL; self = self->outer)
    {
      const char *text = tessera_values_get (self->values, name);

      if (text != NULL)
        return text;
    }
  return NULL;
}

static const GPtrArray *
scope_get_list (const Scope *self, const char *name)
{
  for (; self != NULL; self = self->outer)
    {
      const GPtrArray *list = tessera_values_get_list (self->values, name);

      if (list != NULL)
        return list;
    }
  return NULL;
}

/* An address that would run as a program when followed. Browsers skip controls and spaces in front
 * of and inside the scheme. */
static gboolean
is_dangerous_url (const char *url)
{
  static const char *const schemes[] = { "javascript:", "data:", "vbscript:", NULL };
  g_autoptr (GString) bare = g_string_new (NULL);

  for (const char *p = url; *p != '\0' && bare->len < 16; p++)
    if ((guchar) *p > 0x20)
      g_string_append_c (bare, g_ascii_tolower (*p));
  for (guint i = 0; schemes[i] != NULL; i++)
    if (g_str_has_prefix (bare->str, schemes[i]))
      return TRUE;
  return FALSE;
}

static void
render_value (Renderer *self, const Node *node, const char *text)
{
  if (text == NULL)
    return;

  tessera_html_append_escaped (self->html, node->is_url && is_dangerous_url (text) ? "#" : text);
}

static void
render_placeholder (Renderer *self, const Node *node, const char *text)
{
  if (node->isolates)
    g_string_append (self->html, "<bdi>");
  render_value (self, node, text);
  if (node->isolates)
    g_string_append (self->html, "</bdi>");
}

static void
render_message (Renderer *self, const Node *node, const Scope *scope)
{
  const char *text = node->text;

  if (self->host != NULL && self->host->translate != NULL)
    text = self->host->translate (node->text, self->host->data);

  while (*text != '\0')
    {
      const char *open = strstr (text, "%{");
      const char *close = open != NULL ? strchr (open, '}') : NULL;
      g_autofree char *plain
          = close != NULL ? g_strndup (text, (gsize) (open - text)) : g_strdup (text);
      g_autofree char *name = NULL;

      tessera_html_append_escaped (self->html, plain);
      if (close == NULL)
        return;
      name = g_strndup (open + 2, (gsize) (close - open - 2));
      render_placeholder (self, node, scope_get (scope, name));
      text = close + 1;
    }
}

static void
render_if (Renderer *self, const Node *node, const Scope *scope)
{
  if (scope_get (scope, node->text) != NULL || scope_get_list (scope, node->text) != NULL)
    render_nodes (self, node->children, scope);
  else if (node->alternatives != NULL)
    render_nodes (self, node->alternatives, scope);
}

static void
render_each (Renderer *self, const Node *node, const Scope *scope)
{
  const GPtrArray *list = scope_get_list (scope, node->text);

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      Scope inner = { list->pdata[i], scope };

      render_nodes (self, node->children, &inner);
    }
}

static void
render_include (Renderer *self, const Node *node, const Scope *scope)
{
  const TesseraTemplate *included = NULL;

  if (self->host != NULL && self->host->lookup != NULL)
    included = self->host->lookup (node->text, self->host->data);
  if (included != NULL)
    render_nodes (self, included->nodes, scope);
}

static void
render_node (Renderer *self, const Node *node, const Scope *scope)
{
  switch (node->kind)
    {
    case NODE_LITERAL:
      g_string_append (self->html, node->text);
      break;
    case NODE_VALUE:
      render_value (self, node, scope_get (scope, node->text));
      break;
    case NODE_MESSAGE:
      render_message (self, node, scope);
      break;
    case NODE_IF:
      render_if (self, node, scope);
      break;
    case NODE_EACH:
      render_each (self, node, scope);
      break;
    case NODE_INCLUDE:
    default:
      render_include (self, node, scope);
      break;
    }
}

static void
render_nodes (Renderer *self, const GPtrArray *nodes, const Scope *scope)
{
  /* A file that includes itself ends here. */
  if (self->depth >= 4 * TESSERA_TEMPLATE_MAX_DEPTH)
    return;

  self->depth++;
  for (guint i = 0; i < nodes->len && self->steps++ < MAX_STEPS && self->html->len < MAX_HTML; i++)
    render_node (self, nodes->pdata[i], scope);
  self->depth--;
}

char *
tessera_template_render (const TesseraTemplate *self,
                         const TesseraValues *values,
                         const TesseraTemplateHost *host)
{
  Renderer renderer = { .html = g_string_sized_new (4096), .host = host };
  Scope scope = { values, NULL };

  render_nodes (&renderer, self->nodes, &scope);
  return g_string_free (renderer.html, FALSE);
}

static void
foreach_message (const GPtrArray *nodes, TesseraTemplateMessageFunc func, gpointer data)
{
  for (guint i = 0; nodes != NULL && i < nodes->len; i++)
    {
      const Node *node = nodes->pdata[i];

      if (node->kind == NODE_MESSAGE)
        func (node->text, data);
      foreach_message (node->children, func, data);
      foreach_message (node->alternatives, func, data);
    }
}

void
tessera_template_foreach_message (const TesseraTemplate *self,
                                  TesseraTemplateMessageFunc func,
                                  gpointer data)
{
  foreach_message (self->nodes, func, data);
}
