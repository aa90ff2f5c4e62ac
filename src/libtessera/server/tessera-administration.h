/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-denial.h"
#include "model/tessera-grant.h"
#include "model/tessera-initial-access-token.h"
#include "model/tessera-session.h"
#include "model/tessera-user.h"
#include "server/tessera-server.h"

G_BEGIN_DECLS

/* What an administrator does to a running server. Lists come in pages: @after is the last
 * identifier of the page before, NULL at first; an empty page is the end. */

/* Clients that the store keeps. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_update_client_async (TesseraServer *self,
                                         TesseraClient *client,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_update_client_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_disable_client_async (TesseraServer *self,
                                          const char *client_id,
                                          gboolean disabled,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_disable_client_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_rotate_client_secret_async (TesseraServer *self,
                                                const char *client_id,
                                                gboolean keep_previous,
                                                GCancellable *cancellable,
                                                GAsyncReadyCallback callback,
                                                gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_rotate_client_secret_finish (TesseraServer *self,
                                                  GAsyncResult *result,
                                                  GError **error);
TESSERA_AVAILABLE_IN_1_0
GPtrArray *tessera_server_list_clients (TesseraServer *self, const char *after, guint limit);

/* Who may register clients. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_create_initial_access_token_async (TesseraServer *self,
                                                       const char *note,
                                                       guint lifetime,
                                                       guint max_uses,
                                                       GCancellable *cancellable,
                                                       GAsyncReadyCallback callback,
                                                       gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_create_initial_access_token_finish (TesseraServer *self,
                                                         GAsyncResult *result,
                                                         char **out_id,
                                                         GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_list_initial_access_tokens_async (TesseraServer *self,
                                                      const char *after,
                                                      guint limit,
                                                      GCancellable *cancellable,
                                                      GAsyncReadyCallback callback,
                                                      gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
GPtrArray *tessera_server_list_initial_access_tokens_finish (TesseraServer *self,
                                                             GAsyncResult *result,
                                                             GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_initial_access_token_async (TesseraServer *self,
                                                       const char *id,
                                                       GCancellable *cancellable,
                                                       GAsyncReadyCallback callback,
                                                       gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_initial_access_token_finish (TesseraServer *self,
                                                            GAsyncResult *result,
                                                            GError **error);

/* People whom the store keeps. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_add_user_async (TesseraServer *self,
                                    const char *username,
                                    const char *password,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_add_user_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_set_user_password_async (TesseraServer *self,
                                             const char *username,
                                             const char *password,
                                             GCancellable *cancellable,
                                             GAsyncReadyCallback callback,
                                             gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_set_user_password_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_disable_user_async (TesseraServer *self,
                                        const char *username,
                                        gboolean disabled,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_disable_user_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_set_user_claims_async (TesseraServer *self,
                                           const char *username,
                                           GVariant *claims,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_set_user_claims_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_remove_user_async (TesseraServer *self,
                                       const char *username,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_remove_user_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
TesseraUser *tessera_server_lookup_user (TesseraServer *self, const char *username);
TESSERA_AVAILABLE_IN_1_0
GPtrArray *tessera_server_list_users (TesseraServer *self, const char *after, guint limit);

/* What people allowed, and where they are signed in. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_list_grants_async (TesseraServer *self,
                                       const char *subject,
                                       const char *client_id,
                                       const char *after,
                                       guint limit,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
GPtrArray *
tessera_server_list_grants_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_list_sessions_async (TesseraServer *self,
                                         const char *subject,
                                         const char *after,
                                         guint limit,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
GPtrArray *
tessera_server_list_sessions_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_end_session_async (TesseraServer *self,
                                       const char *session_id,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_end_session_finish (TesseraServer *self, GAsyncResult *result, GError **error);

/* Keys. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_rotate_key_async (TesseraServer *self,
                                      gboolean now,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_rotate_key_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_retire_key_async (TesseraServer *self,
                                      const char *kid,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_retire_key_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_key_async (TesseraServer *self,
                                      const char *kid,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_revoke_key_finish (TesseraServer *self, GAsyncResult *result, GError **error);

/* Tokens and the deny-list. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_token_id_async (TesseraServer *self,
                                           const char *jti,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_revoke_token_id_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_introspect_async (TesseraServer *self,
                                      const char *token,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_introspect_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_list_denials_async (TesseraServer *self,
                                        guint64 since,
                                        guint limit,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
GPtrArray *tessera_server_list_denials_finish (TesseraServer *self,
                                               GAsyncResult *result,
                                               guint64 *out_cursor,
                                               gboolean *out_reset,
                                               GError **error);
/* A descriptor of memory with the deny-list, for TesseraSharedList in other processes. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_share_denials_async (TesseraServer *self,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
int tessera_server_share_denials_finish (TesseraServer *self, GAsyncResult *result, GError **error);

/* A copy of the state, and its way back. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_back_up_async (TesseraServer *self,
                                   GOutputStream *stream,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_back_up_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
GVariant *tessera_restore_state (GInputStream *backup,
                                 const char *state_directory,
                                 const char *key_directory,
                                 GError **error);

TESSERA_AVAILABLE_IN_1_0
void tessera_server_purge_async (TesseraServer *self,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_purge_finish (TesseraServer *self,
                                      GAsyncResult *result,
                                      guint64 *out_rows,
                                      GError **error);

TESSERA_AVAILABLE_IN_1_0
void tessera_server_export_async (TesseraServer *self,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_export_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_import_async (TesseraServer *self,
                                  const char *text,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_import_finish (TesseraServer *self,
                                       GAsyncResult *result,
                                       guint *out_clients,
                                       guint *out_users,
                                       GError **error);

/* Figures. */
TESSERA_AVAILABLE_IN_1_0
guint64 tessera_server_get_n_denials (TesseraServer *self);
TESSERA_AVAILABLE_IN_1_0
GVariant *tessera_server_get_statistics (TesseraServer *self);

G_END_DECLS
