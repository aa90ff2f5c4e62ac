/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Text from outside, made fit for one line of a log: control characters, DEL, non-ASCII, quotes and
 * backslashes become \xNN; cut at 200 bytes. Owned; "-" for NULL. */
char *tessera_log_escape (const char *text);
/* The same at the end of @line; @text is not NULL. */
void tessera_log_append_escaped (GString *line, const char *text);

G_END_DECLS
