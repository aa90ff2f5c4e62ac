/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "server/tessera-outbound.h"

G_BEGIN_DECLS

/* To be called in the thread, and on the context, of the server. Both end within twelve seconds, if
 * need be with an error:
 * G_IO_ERROR_PERMISSION_DENIED nobody may go there (an inside address, no https, …);
 * G_IO_ERROR_NOT_CONNECTED the program for it cannot be started or reached: nobody was asked;
 * G_IO_ERROR_TIMED_OUT, G_IO_ERROR_MESSAGE_TOO_LARGE, G_IO_ERROR_BUSY, G_IO_ERROR_CANCELLED,
 * and G_IO_ERROR_FAILED for the rest. The messages are for a log; strangers are told none. */

/* A document from @uri, at most 64 KiB of it. @accepted_media_types: such as "application/json",
 * ended by NULL; an answer of another one is an error (FAILED), as is any status but 200. */
void _tessera_outbound_get_async (TesseraOutbound *self,
                                  const char *uri,
                                  const char *const *accepted_media_types,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer data);
GBytes *_tessera_outbound_get_finish (TesseraOutbound *self, GAsyncResult *result, GError **error);

/* Sends @body, a form in application/x-www-form-urlencoded of at most 16 KiB. */
void _tessera_outbound_post_form_async (TesseraOutbound *self,
                                        const char *uri,
                                        const char *body,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer data);
/* The status of the answer, whatever it is; 0 with @error. */
guint
_tessera_outbound_post_form_finish (TesseraOutbound *self, GAsyncResult *result, GError **error);

G_END_DECLS
