/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-throttle-private.h"
#include "endpoints/tessera-logout-request-private.h"
#include "model/tessera-authentication-private.h"
#include "server/tessera-cookie-private.h"
#include "server/tessera-interaction-private.h"
#include "server/tessera-login-session-private.h"
#include "server/tessera-pages-private.h"
#include "server/tessera-transaction-private.h"

G_BEGIN_DECLS

/* Inside of the interaction: shared by the pages' files only. */
struct _TesseraInteraction
{
  TesseraServer *server; /* borrowed: it owns this */
  TesseraPages *pages;
  TesseraTransactionTable *transactions;
  TesseraThrottle *account_throttle; /* by (user name, address) */
  TesseraThrottle *address_throttle;
  guint8 key[32]; /* of the tokens in forms */
};

/* One request of a person's browser, carried from step to step; whoever gets it passes it on or
 * frees it. It holds the server, so that no step comes too late. */
typedef struct _TesseraVisit TesseraVisit;
typedef void (*TesseraVisitStep) (TesseraVisit *visit);

struct _TesseraVisit
{
  TesseraServer *server;
  TesseraInteraction *interaction;
  TesseraEngine *engine;
  TesseraExchange *exchange;
  TesseraParams *form;                  /* of a POST, or NULL */
  TesseraAuthorizationRequest *request; /* or NULL: no application waits */
  TesseraTransaction *transaction;      /* or NULL */
  TesseraLogoutRequest *logout;         /* or NULL: nobody wants to be signed out */
  TesseraSecret *browser;               /* its cookie, or NULL */
  gboolean wants_switch;                /* to sign in as somebody else */
  gint64 attempted_ms;                  /* when the password came that is looked at */

  TesseraSession *session; /* once loaded: who is signed in, or NULL */
  TesseraConsent *consent; /* what was allowed before, or NULL */
  TesseraVisitStep next;
};

TesseraVisit *tessera_visit_new (TesseraInteraction *interaction, TesseraExchange *exchange);
void tessera_visit_free (TesseraVisit *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TesseraVisit, tessera_visit_free)

/* Then calls @next. */
void tessera_visit_load_session (TesseraVisit *self, TesseraVisitStep next);
/* Reads query and form, finds the transaction and sees that this browser began it. NULL when that
 * ended in an answer. A visit without a transaction, or with one in which no application waits, is
 * possible when @needs_application is FALSE. */
TesseraVisit *tessera_visit_open (TesseraInteraction *interaction,
                                  TesseraExchange *exchange,
                                  gboolean needs_application);

/* The form of a POST. FALSE when that ended in an answer. */
gboolean tessera_visit_read_form (TesseraVisit *self);
/* Sets the browser's cookie if it has none, unless it posts from elsewhere. */
void tessera_visit_make_browser_known (TesseraVisit *self);

gboolean tessera_visit_needs_login (TesseraVisit *self);
gboolean tessera_visit_needs_consent (TesseraVisit *self);
/* Has the session's subject, or the client, been cut off since the transaction began, or the client
 * been changed? */
gboolean tessera_visit_is_cut_off (TesseraVisit *self);

/* The token of a form: bound to browser, transaction, what is shown or asked and who is signed in.
 */
char *tessera_visit_dup_csrf (TesseraVisit *self, const char *purpose);
gboolean tessera_visit_check_csrf (TesseraVisit *self, const char *purpose);

/* Path with the issuer's path in front and the transaction behind. */
char *tessera_visit_dup_path (TesseraVisit *self, const char *path, const char *more);

/* As a page would be sent. @values may be NULL, and are taken. */
char *tessera_visit_render_page (TesseraVisit *self, const char *page, TesseraValues *values);
/* Answers; each ends the visit. @values may be NULL; both are taken. */
void tessera_visit_respond_page (TesseraVisit *self,
                                 guint status,
                                 const char *page,
                                 TesseraValues *values);
void tessera_visit_respond_redirect (TesseraVisit *self, const char *path);
void tessera_visit_respond_forbidden (TesseraVisit *self, const char *rule, const char *again);
void tessera_visit_respond_error (TesseraVisit *self, const GError *error);
/* A transaction without an application, so that there is something to be asked in. */
void tessera_visit_ensure_transaction (TesseraVisit *self);
/* A new transaction for the same request, with a sentence. */
void tessera_visit_restart (TesseraVisit *self);
/* Makes a transaction for the visit's request and goes to the page that is due. */
void tessera_visit_begin_transaction (TesseraVisit *self);
/* A code for the session's subject, or a refusal. Without a transaction: for this exchange alone.
 */
void tessera_visit_approve (TesseraVisit *self);
void tessera_visit_refuse (TesseraVisit *self, TesseraError code, const char *static_message);

/* Where the page of the account is, if there is one. */
void tessera_visit_set_account (TesseraVisit *self, TesseraValues *values);
/* Values every page has. */
TesseraValues *tessera_visit_make_values (TesseraVisit *self);

G_END_DECLS
