/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads for whom a trusted proxy speaks: X-Forwarded-For, and Forwarded (RFC 7239 §4 to §7.4). */
#include "server/tessera-forwarded-private.h"

#include <string.h>

#define NODE_MAX 64  /* bytes: an address in brackets, and a port */
#define HOPS_MAX 100 /* longer lists are not read */

/* One proxy's word. */
typedef struct
{
  char node[NODE_MAX]; /* empty: not said */
  gboolean secure;
} Element;

static const char *
skip_spaces (const char *text)
{
  return text + strspn (text, " \t");
}

/* RFC 9110 §5.6.2 */
static gsize
measure_token (const char *text)
{
  gsize length = 0;

  while (g_ascii_isalnum (text[length])
         || (text[length] != '\0' && strchr ("!#$%&'*+-.^_`|~", text[length]) != NULL))
    length++;
  return length;
}

/* --- Forwarded --- */

/* A token or a quoted string (RFC 9110 §5.6.4) into @out, cut to its size: what is cut is no
 * address. NULL: it is neither. */
static const char *
read_value (const char *text, char out[NODE_MAX])
{
  gboolean quoted = *text == '"';
  gsize token = measure_token (text), used = 0;

  out[0] = '\0';
  if (!quoted)
    {
      g_strlcpy (out, text, MIN (token + 1, NODE_MAX));
      return token > 0 ? text + token : NULL;
    }
  for (text++; *text != '"'; text++)
    {
      if (*text == '\\')
        text++;
      if (*text == '\0')
        return NULL;
      if (used < NODE_MAX - 1)
        out[used++] = *text;
    }
  out[used] = '\0';
  return text + 1;
}

/* RFC 7239 §4: each parameter once. */
static gboolean
take_pair (Element *element, const char *name, gsize length, const char *value, guint *seen)
{
  gboolean is_for = length == 3 && g_ascii_strncasecmp (name, "for", 3) == 0;
  gboolean is_proto = length == 5 && g_ascii_strncasecmp (name, "proto", 5) == 0;
  guint bit = is_for ? 1 : is_proto ? 2 : 0;

  if ((*seen & bit) != 0)
    return FALSE;
  *seen |= bit;
  if (is_for)
    g_strlcpy (element->node, value, sizeof element->node);
  if (is_proto)
    element->secure = g_ascii_strcasecmp (value, "https") == 0;
  return TRUE;
}

/* One element, to the comma behind it or the end. */
static const char *
read_element (const char *text, Element *element)
{
  guint seen = 0;

  for (;;)
    {
      char value[NODE_MAX];
      const char *name = text = skip_spaces (text);
      gsize length = measure_token (name);
      if (length > 0)
        {
          if (name[length] != '=')
            return NULL;
          text = read_value (name + length + 1, value);
          if (text == NULL || !take_pair (element, name, length, value, &seen))
            return NULL;
          text = skip_spaces (text);
        }
      if (*text != ';')
        return *text == ',' || *text == '\0' ? text : NULL;
      text++;
    }
}

static gboolean
read_forwarded (const char *list, GArray *elements)
{
  while (elements->len < HOPS_MAX)
    {
      Element element = { 0 };
      list = read_element (list, &element);
      if (list == NULL)
        return FALSE;
      g_array_append_val (elements, element);
      if (*list == '\0')
        return TRUE;
      list++;
    }
  return FALSE;
}

/* --- X-Forwarded-For --- */

static gboolean
read_x_forwarded_for (const char *list, GArray *elements)
{
  g_auto (GStrv) nodes = g_strsplit (list, ",", HOPS_MAX + 1);

  if (g_strv_length (nodes) > HOPS_MAX)
    return FALSE;
  for (guint i = 0; nodes[i] != NULL; i++)
    {
      Element element = { 0 };
      g_strlcpy (element.node, g_strstrip (nodes[i]), sizeof element.node);
      g_array_append_val (elements, element);
    }
  return TRUE;
}

/* --- who --- */

static gboolean
put_address (const char *text, char out[INET6_ADDRSTRLEN])
{
  static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };
  guint8 bytes[16];

  if (inet_pton (AF_INET, text, bytes) == 1)
    return inet_ntop (AF_INET, bytes, out, INET6_ADDRSTRLEN) != NULL;
  if (inet_pton (AF_INET6, text, bytes) != 1)
    return FALSE;
  if (memcmp (bytes, mapped, sizeof mapped) == 0)
    return inet_ntop (AF_INET, bytes + 12, out, INET6_ADDRSTRLEN) != NULL;
  return inet_ntop (AF_INET6, bytes, out, INET6_ADDRSTRLEN) != NULL;
}

/* RFC 7239 §6: five digits at most. */
static gboolean
is_port (const char *text)
{
  gsize digits = *text == ':' ? strspn (text + 1, "0123456789") : 0;

  return digits >= 1 && digits <= 5 && text[1 + digits] == '\0';
}

/* RFC 7239 §6: an address, in brackets if it has colons, and maybe a port. Bare IPv6 is what
 * X-Forwarded-For has. FALSE: another name, or none. */
static gboolean
read_node (const char *node, char out[INET6_ADDRSTRLEN])
{
  char text[NODE_MAX];
  gboolean has_brackets = *node == '[';
  char *end = NULL;

  if (put_address (node, out))
    return TRUE;
  g_strlcpy (text, node + has_brackets, sizeof text);
  end = strchr (text, has_brackets ? ']' : ':');
  if (end == NULL)
    return FALSE;
  const char *rest = has_brackets ? end + 1 : end;
  if ((!has_brackets || *rest != '\0') && !is_port (rest))
    return FALSE;
  *end = '\0';
  return has_brackets == (strchr (text, ':') != NULL) && put_address (text, out);
}

gboolean
tessera_forwarded_read (TesseraForwarded *self,
                        TesseraForwardedForm form,
                        const char *list,
                        TesseraForwardedIsProxy is_proxy,
                        gpointer data)
{
  g_autoptr (GArray) elements = g_array_new (FALSE, FALSE, sizeof (Element));
  gboolean known = FALSE;

  if (!(form == TESSERA_FORWARDED_RFC7239 ? read_forwarded (list, elements)
                                          : read_x_forwarded_for (list, elements)))
    return FALSE;
  for (guint i = elements->len; i > 0; i--)
    {
      const Element *element = &g_array_index (elements, Element, i - 1);
      TesseraForwarded next = { .secure = element->secure };
      if (!read_node (element->node, next.address))
        break;
      *self = next;
      known = TRUE;
      if (!is_proxy (self->address, data))
        break;
    }
  return known;
}
