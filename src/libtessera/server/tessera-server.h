/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "jose/tessera-algorithm.h"
#include "model/tessera-access-token.h"
#include "model/tessera-authentication.h"
#include "model/tessera-client.h"
#include "model/tessera-revocation.h"
#include "resource/tessera-token-checker.h"

#include <gio/gio.h>
#include <libsoup/soup.h>

G_BEGIN_DECLS

#define TESSERA_TYPE_SERVER (tessera_server_get_type ())

/* Implements TesseraTokenChecker. Properties: every member of TesseraSettings that an application
 * may set (issuer and state-directory construct-only; key-directory, signing-algorithm, *-path,
 * *-lifetime, replay-window, session-idle, revocation-enabled, introspection-enabled,
 * revocation-requires-client-authentication, revocation-ends-grant, jwks-max-age, theme-directory).
 * Signals: authenticate, after-revoke-token, before-request, render-page, issue-token,
 * token-issued, token-refreshed, introspect, response-error, ready, failed; "changed" of
 * TesseraTokenChecker. */
TESSERA_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (TesseraServer, tessera_server, TESSERA, SERVER, GObject)

/* @state_directory NULL: PRGNAME's folder in the user data directory. Return at once; keys and
 * store are made ready in a thread, requests wait for them. */
TESSERA_AVAILABLE_IN_1_0
TesseraServer *tessera_server_new (const char *issuer, const char *state_directory);
TESSERA_AVAILABLE_IN_1_0
TesseraServer *tessera_server_new_in_memory (const char *issuer);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_is_ready (TesseraServer *self);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_wait_ready_async (TesseraServer *self,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_wait_ready_finish (TesseraServer *self, GAsyncResult *result, GError **error);
/* Blocks; for programs without a running main loop yet. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_wait_ready (TesseraServer *self, GError **error);
/* Serves the OAuth endpoints on @server (several servers may be attached). */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_attach (TesseraServer *self, SoupServer *server);
/* Holds all requests of @server, also for other paths, to the same rules, as far as libsoup allows.
 */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_harden (TesseraServer *self, SoupServer *server, gsize max_body);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_detach (TesseraServer *self, SoupServer *server);
/* Finishes what is under way, makes all durable and closes the store. Blocking; further requests
 * get 503. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_close (TesseraServer *self);
/* Is @path (raw, without query) one of our endpoints, pages or metadata? */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_owns_path (TesseraServer *self, const char *path);

/* Clients. Declared: by the application at each start. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_add_client (
    TesseraServer *self,
    const char *name,
    const char *redirect_uri, /* "" or NULL: loopback only, any port and path */
    const char *client_id,
    const char *client_secret, /* NULL: public */
    int lifetime,              /* seconds; 0: default */
    gboolean refresh_tokens,
    const char *const *grant_types, /* NULL: authorization_code (and refresh_token) */
    GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_add_client_object (TesseraServer *self, TesseraClient *client, GError **error);
/* The whole declared set at once, as a configuration reload does: who is gone or changed loses its
 * tokens. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_replace_clients (TesseraServer *self,
                                         TesseraClient **clients,
                                         gsize n_clients,
                                         GError **error);
/* Makes id and secret; kept in the store. @client's own id and secret are ignored. */
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_register_client (TesseraServer *self,
                                      TesseraClient *client,
                                      char **out_client_secret,
                                      GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_register_client_async (TesseraServer *self,
                                           TesseraClient *client,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
char *tessera_server_register_client_finish (TesseraServer *self,
                                             GAsyncResult *result,
                                             char **out_client_secret,
                                             GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_remove_client (TesseraServer *self, const char *client_id, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_remove_client_async (TesseraServer *self,
                                         const char *client_id,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_remove_client_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
TesseraClient *tessera_server_lookup_client (TesseraServer *self, const char *client_id);

/* Resource servers tokens may be for; without any, a token's audience is the issuer. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_add_resource (TesseraServer *self,
                                      const char *identifier,
                                      const char *scope,
                                      GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_add_resource_full (TesseraServer *self,
                                           const char *identifier,
                                           const char *scope,
                                           const char *token_type,
                                           const char *signing_algorithm,
                                           GError **error);

/* People with passwords of the server's own: used when no handler of `authenticate` decides. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_load_users (TesseraServer *self, const char *file, GError **error);
TESSERA_AVAILABLE_IN_1_0
char *tessera_hash_password (const char *password, GError **error);

/* Revocation. TRUE: durable. FALSE with @error; an unknown token is TRUE, *out_revoked FALSE. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_token (TesseraServer *self,
                                      const char *token,
                                      const char *token_type_hint,
                                      gboolean *out_revoked,
                                      GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_token_async (TesseraServer *self,
                                        const char *token,
                                        const char *token_type_hint,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_token_finish (TesseraServer *self,
                                             GAsyncResult *result,
                                             gboolean *out_revoked,
                                             GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_grant (TesseraServer *self, const char *grant_id, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_grant_async (TesseraServer *self,
                                        const char *grant_id,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_revoke_grant_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_subject (TesseraServer *self, const char *subject, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_subject_async (TesseraServer *self,
                                          const char *subject,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_revoke_subject_finish (TesseraServer *self, GAsyncResult *result, GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_client (TesseraServer *self, const char *client_id, GError **error);
TESSERA_AVAILABLE_IN_1_0
void tessera_server_revoke_client_async (TesseraServer *self,
                                         const char *client_id,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
TESSERA_AVAILABLE_IN_1_0
gboolean
tessera_server_revoke_client_finish (TesseraServer *self, GAsyncResult *result, GError **error);

/* Keys. Blocking forms generate off the main loop and wait. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_rotate_key (TesseraServer *self, gboolean now, GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_retire_key (TesseraServer *self, const char *kid, GError **error);
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_server_revoke_key (TesseraServer *self, const char *kid, GError **error);
TESSERA_AVAILABLE_IN_1_0
char **tessera_server_list_keys (TesseraServer *self); /* "KID ALG STATE" each */

/* Counted since the start: rows written and commits made durable. */
TESSERA_AVAILABLE_IN_1_0
void tessera_server_get_store_counts (TesseraServer *self, guint64 *out_writes, guint64 *out_syncs);
TESSERA_AVAILABLE_IN_1_0
guint64 tessera_server_get_generation (TesseraServer *self);

/* A certificate with its chain from PEM files; one file may hold all, @key_file and @ca_file may be
 * NULL. */
TESSERA_AVAILABLE_IN_1_0
gboolean tessera_set_tls_files (SoupServer *server,
                                const char *certificate_file,
                                const char *key_file,
                                const char *ca_file,
                                GError **error);

G_END_DECLS
