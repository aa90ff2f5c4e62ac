/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session, as an administrator sees it: the record of the store, read only. */

#include "model/tessera-records-private.h"

#define MS_A_SECOND 1000

/**
 * TesseraSession:
 *
 * A browser in which somebody is signed in.
 *
 * [method@Tessera.Server.end_session_async] signs it out, and ends what was allowed in it.
 * Immutable.
 */
G_DEFINE_BOXED_TYPE (TesseraSession, tessera_session, tessera_session_copy, tessera_session_free)

/**
 * tessera_session_get_id:
 * @self: a session
 *
 * What the claim `sid` of tokens says that came from it.
 *
 * Returns: the identifier
 */
const char *
tessera_session_get_id (const TesseraSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->login.session_id;
}

/**
 * tessera_session_get_subject:
 * @self: a session
 *
 * Who is signed in.
 *
 * Returns: the subject
 */
const char *
tessera_session_get_subject (const TesseraSession *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->login.subject;
}

/**
 * tessera_session_get_began_at:
 * @self: a session
 *
 * When the person signed in.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_session_get_began_at (const TesseraSession *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->began_ms / MS_A_SECOND;
}

/**
 * tessera_session_get_last_seen_at:
 * @self: a session
 *
 * When the browser was seen last.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_session_get_last_seen_at (const TesseraSession *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->last_seen_ms / MS_A_SECOND;
}

/**
 * tessera_session_get_expires_at:
 * @self: a session
 *
 * When it ends at the latest.
 *
 * Returns: seconds since 1970
 */
gint64
tessera_session_get_expires_at (const TesseraSession *self)
{
  g_return_val_if_fail (self != NULL, 0);
  return self->expires_ms / MS_A_SECOND;
}
