/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A page about to be sent, for the signal render-page. */

#include "server/tessera-page-private.h"

/**
 * TesseraPage:
 *
 * A page about to be sent to a browser.
 *
 * A handler of [signal@Server::render-page] may read and replace it. The headers that protect it
 * (Content-Security-Policy, X-Frame-Options, Referrer-Policy, Cache-Control) stay the server's.
 */
struct _TesseraPage
{
  GObject parent_instance;

  const char *name;
  char *html;
};

G_DEFINE_FINAL_TYPE (TesseraPage, tessera_page, G_TYPE_OBJECT)

static void
tessera_page_finalize (GObject *object)
{
  TesseraPage *self = TESSERA_PAGE (object);
  g_free (self->html);
  G_OBJECT_CLASS (tessera_page_parent_class)->finalize (object);
}

static void
tessera_page_class_init (TesseraPageClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = tessera_page_finalize;
}

static void
tessera_page_init (TesseraPage *self)
{
}

TesseraPage *
tessera_page_new (const char *name, char *html)
{
  TesseraPage *self = g_object_new (TESSERA_TYPE_PAGE, NULL);
  self->name = name;
  self->html = html;
  return self;
}

char *
tessera_page_steal_html (TesseraPage *self)
{
  return g_steal_pointer (&self->html);
}

/**
 * tessera_page_get_name:
 * @self: a page
 *
 * Which page it is.
 *
 * Returns: the name of its template: `login`, `challenge`, `consent`, `return`, `form-post`,
 * `account`, `account-confirm`, `logout`, `signed-out`, `signed-in`, `error`, `expired`,
 * `finished`, `forbidden`, `cookies` or `throttled`
 */
const char *
tessera_page_get_name (TesseraPage *self)
{
  g_return_val_if_fail (TESSERA_IS_PAGE (self), NULL);
  return self->name;
}

/**
 * tessera_page_get_html:
 * @self: a page
 *
 * The page as it would be sent.
 *
 * Returns: (nullable): the HTML; %NULL once the page was sent
 */
const char *
tessera_page_get_html (TesseraPage *self)
{
  g_return_val_if_fail (TESSERA_IS_PAGE (self), NULL);
  return self->html;
}

/**
 * tessera_page_set_html:
 * @self: a page
 * @html: the whole new page
 *
 * Replaces the page. Forms must keep their hidden fields, and whatever came from outside must stay
 * escaped.
 */
void
tessera_page_set_html (TesseraPage *self, const char *html)
{
  g_return_if_fail (TESSERA_IS_PAGE (self));
  g_return_if_fail (html != NULL);
  char *copy = g_strdup (html);
  g_free (self->html);
  self->html = copy;
}
