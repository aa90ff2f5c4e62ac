/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The page that posts an answer to the application (OAuth 2.0 Form Post Response Mode §2): a form
 * with a button, and the one script there is, which presses it (threats.md A31). */

#include "server/tessera-visit-private.h"

#include <string.h>

/* No character of it needs escaping; and a template cannot hold one. */
static const char script[] = "document.forms[0].submit()";

static void
insert_script (char **html)
{
  const char *end = strstr (*html, "</body>");
  gsize length = end != NULL ? (gsize) (end - *html) : strlen (*html);
  GString *whole = g_string_new_len (*html, (gssize) length);

  g_string_append_printf (whole, "<script>%s</script>\n%s", script, end != NULL ? end : "");
  memset (*html, 0, strlen (*html)); /* it holds the code */
  g_free (*html);
  *html = g_string_free (whole, FALSE);
}

static void
add_fields (TesseraValues *values, const char *const *pairs)
{
  for (guint i = 0; pairs[i] != NULL; i += 2)
    {
      TesseraValues *field = tessera_values_append (values, "fields");

      tessera_values_set (field, "name", pairs[i]);
      tessera_values_set (field, "value", pairs[i + 1]);
    }
}

void
tessera_interaction_show_form (TesseraInteraction *self,
                               TesseraExchange *exchange,
                               TesseraAuthorizationRequest *request,
                               const char *const *pairs)
{
  g_autoptr (TesseraVisit) visit = tessera_visit_new (self, exchange);
  TesseraValues *values;
  char *html;

  visit->request = tessera_authorization_request_ref (request);
  values = tessera_visit_make_values (visit);
  tessera_values_set (values, "action", request->redirect_uri);
  add_fields (values, pairs);
  html = tessera_visit_render_page (visit, "form-post", values);
  insert_script (&html);
  tessera_pages_respond_form (exchange, html, script, request->redirect_uri);
}
