/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-password-private.h"
#include "endpoints/tessera-exchange-private.h"
#include "grants/tessera-engine-private.h"
#include "model/tessera-authentication-private.h"
#include "model/tessera-user.h"
#include "server/tessera-server.h"

G_BEGIN_DECLS

#define TESSERA_HOLD_SECONDS 120 /* for who decides a login later */

TesseraEngine *tessera_server_get_engine (TesseraServer *self);
/* Routes by exact path and method, waits until the server is ready, answers. The one table of
 * endpoints; every front calls it. 404, 405 with Allow, 415 for a wrong media type come from here.
 */
void tessera_server_handle (TesseraServer *self, TesseraExchange *exchange);

/* Is @path an endpoint for programs, whose answers come in one piece? Any front can serve those. */
gboolean tessera_server_answers_whole (TesseraServer *self, const char *path);
/* Was it attached to @soup? */
gboolean tessera_server_is_attached (TesseraServer *self, SoupServer *soup);

/* Appends to @text, in the text format of Prometheus. */
typedef void (*TesseraMeterFunc) (GString *text, gpointer data);
/* Asks @func, too, for what the metrics say; @data lives as long as @self. */
void tessera_server_add_meter (TesseraServer *self, TesseraMeterFunc func, gpointer data);
/* For an exchange that is refused before it can be handled: counted and written down all the same.
 */
void tessera_server_watch_exchange (TesseraServer *self, TesseraExchange *exchange);

/* Emits `authenticate` (and asks the user registry when no handler decides); @decided is called
 * once. The caller drops its own reference: a held attempt that the application forgot is then
 * denied. */
void tessera_server_authenticate (TesseraServer *self,
                                  TesseraAuthentication *authentication,
                                  TesseraAuthenticationDecided decided,
                                  gpointer data);
/* The user whom the store keeps, not a file; NULL: there is none, or they are kept out. Borrowed.
 */
TesseraUser *tessera_server_get_kept_user (TesseraServer *self, const char *username);
/* Of @user, in the pool of passwords; NULL never matches, and costs the same. FALSE when too many
 * wait. */
gboolean tessera_server_verify_password (TesseraServer *self,
                                         TesseraUser *user,
                                         const char *password,
                                         TesseraPasswordVerified verified,
                                         gpointer data,
                                         GError **error);
/* May the one at @peer (an address, or "unix") say in a header for whom it speaks? */
gboolean tessera_server_trusts_proxy (TesseraServer *self, const char *peer);
/* In Forwarded? Else in X-Forwarded-For. */
gboolean tessera_server_reads_forwarded (TesseraServer *self);
/* Emits `render-page` when somebody listens; may replace *html. */
void tessera_server_render_page (TesseraServer *self,
                                 const char *page,
                                 TesseraExchange *exchange,
                                 char **html);

G_END_DECLS
