/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <jansson.h>

G_BEGIN_DECLS

/* Puts what is known of @tokens into @report; the tokens themselves only to @show. */
void tessera_login_report_tokens (json_t *report, json_t *tokens, gboolean show);
void tessera_login_report_print (json_t *report);

G_END_DECLS
