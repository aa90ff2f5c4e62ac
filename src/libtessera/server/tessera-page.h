/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-error.h"

#include <glib-object.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_PAGE (tessera_page_get_type ())

/* A page about to be sent (signal render-page), or a request about to be served (signal
 * before-request): its name or path can be read, its answer replaced. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraPage, tessera_page, TESSERA, PAGE, GObject)

/* Of its template: "login", "consent" … */
TESSERA_AVAILABLE_IN_1_0
const char *tessera_page_get_name (TesseraPage *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_page_get_html (TesseraPage *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_page_set_html (TesseraPage *self, const char *html);

#define TESSERA_TYPE_REQUEST (tessera_request_get_type ())

TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraRequest, tessera_request, TESSERA, REQUEST, GObject)

TESSERA_AVAILABLE_IN_1_0
const char *tessera_request_get_method (TesseraRequest *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_request_get_path (TesseraRequest *self);
TESSERA_AVAILABLE_IN_1_0
const char *tessera_request_get_remote_address (TesseraRequest *self);
/* Answers instead of the endpoint. */
TESSERA_AVAILABLE_IN_1_0
void tessera_request_respond (TesseraRequest *self,
                              guint status,
                              const char *content_type,
                              const char *body);

G_END_DECLS
