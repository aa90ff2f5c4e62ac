/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small renderer of HTML that always escapes. */

#include "server/tessera-template-private.h"

#include <string.h>

/* Where in HTML a place is: values are let in only where escaping makes them harmless. */
typedef enum
{
  PLACE_TEXT,
  PLACE_TAG,     /* inside <…>, outside quotes */
  PLACE_QUOTED,  /* inside "…" of an attribute */
  PLACE_COMMENT, /* inside <!-- … --> */
} PlaceKind;

typedef struct
{
  PlaceKind kind;
  char quote;
  char word[16]; /* the element's or attribute's name, lower case, cut */
  gsize word_length;
  gboolean in_name; /* of the element, just behind < */
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
place_start_word (Place *self)
{
  self->word_length = 0;
  self->word[0] = '\0';
}

static void
place_add_to_word (Place *self, char c)
{
  if (self->word_length + 1 >= sizeof self->word)
    return;

  self->word[self->word_length++] = g_ascii_tolower (c);
  self->word[self->word_length] = '\0';
}

static gboolean
place_is_forbidden_element (const Place *self)
{
  static const char *const names[]
      = { "script", "style", "iframe", "object", "embed", "base", NULL };

  return g_strv_contains (names, self->word);
}

static gboolean
place_step_tag (Place *self, char c)
{
  if (self->in_name && !g_ascii_isalnum (c) && c != '/' && c != '!' && c != '-')
    {
      self->in_name = FALSE;
      if (place_is_forbidden_element (self))
        return FALSE;
      place_start_word (self);
    }

  if (c == '>')
    self->kind = PLACE_TEXT;
  else if (c == '"' || c == '\'')
    {
      self->kind = PLACE_QUOTED;
      self->quote = c;
    }
  else if (g_ascii_isspace (c))
    place_start_word (self);
  else if (c != '=')
    place_add_to_word (self, c);
  return TRUE;
}

/* FALSE when @c completes something that no template may have. */
static gboolean
place_step (Place *self, const char *at, const char *end)
{
  switch (self->kind)
    {
    case PLACE_TEXT:
      if (*at != '<')
        return TRUE;
      if (end - at >= 4 && memcmp (at, "<!--", 4) == 0)
        {
          self->kind = PLACE_COMMENT;
          return TRUE;
        }
      self->kind = PLACE_TAG;
      self->in_name = TRUE;
      place_start_word (self);
      return TRUE;
    case PLACE_TAG:
      return place_step_tag (self, *at);
    case PLACE_QUOTED:
      if (*at == self->quote)
        {
          self->kind = PLACE_TAG;
          place_start_word (self);
        }
      return TRUE;
    case PLACE_COMMENT:
    default:
      if (end - at >= 3 && memcmp (at, "-->", 3) == 0)
        {
          /* The two dashes and the bracket go by as a tag without a name. */
          self->kind = PLACE_TAG;
          self->in_name = FALSE;
        }
      return TRUE;
    }
}

static gboolean
place_equals (const Place *a, const Place *b)
{
  return a->kind == b->kind && (a->kind != PLACE_QUOTED || g_str_equal (a->word, b->word));
}

static gboolean
place_takes_values (const Place *self)
{
  if (self->kind == PLACE_TEXT)
    return TRUE;
  if (self->kind != PLACE_QUOTED || self->word[0] == '\0')
    return FALSE;

  return !g_str_has_prefix (self->word, "on") && !g_str_equal (self->word, "style")
         && !g_str_equal (self->word, "srcdoc");
}

static gboolean
place_is_url (const Place *self)
{
  static const char *const names[] = { "href", "src", "action", "formaction", "content", NULL };

  return self->kind == PLACE_QUOTED && g_strv_contains (names, self->word);
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

/* The part up to {{/if}} or {{/each}}, which must leave off where it began. */
static gboolean
parse_block (Parser *self, Node *node, const char *close, GError **error)
{
  Place before = self->place;
  g_autofree char *end = NULL;

  node->children = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
  if (!parse_nodes (self, node->children, &end, error))
    return FALSE;
  if (!place_equals (&before, &self->place))
    return parser_fail (self, "a block must end in the same place of a tag as it began", error);

  if (node->kind == NODE_IF && g_strcmp0 (end, "else") == 0)
    {
      g_clear_pointer (&end, g_free);
      node->alternatives = g_ptr_array_new_with_free_func ((GDestroyNotify) node_free);
      if (!parse_nodes (self, node->alternatives, &end, error))
        return FALSE;
      if (!place_equals (&before, &self->place))
        return parser_fail (self, "a block must end in the same place of a tag as it began", error);
    }
  if (g_strcmp0 (end, close) != 0)
    return parser_fail (self, "a block is not closed", error);
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

  if (self->place.kind != PLACE_TEXT || !is_file_name (name))
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
        return parser_fail (self, "an element that is not allowed in a page", error);
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
      if (tag[0] == '!')
        continue;
      if (is_end_tag (tag))
        {
          *out_end = g_steal_pointer (&tag);
          break;
        }

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

#define MAX_STEPS 100000

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
  for (guint i = 0; i < nodes->len && self->steps++ < MAX_STEPS; i++)
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
