/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface of the store: each function passes on to the implementation's slot. */

#include "store/tessera-store-private.h"

G_DEFINE_INTERFACE (TesseraStore, tessera_store, G_TYPE_OBJECT)

static void
tessera_store_default_init (TesseraStoreInterface *iface)
{
}

GQuark
tessera_store_error_quark (void)
{
  return g_quark_from_static_string ("tessera-store-error-quark");
}

void
tessera_store_explain_damage (GError **error)
{
  if (error == NULL || !g_error_matches (*error, TESSERA_STORE_ERROR, TESSERA_STORE_ERROR_DAMAGED))
    return;
  g_autoptr (GError) damage = g_steal_pointer (error);
  g_set_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_STATE, "The state is damaged: %s",
               damage->message);
}

gboolean
tessera_store_begin (TesseraStore *self, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->begin (self, error);
}

gboolean
tessera_store_commit (TesseraStore *self, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->commit (self, error);
}

void
tessera_store_rollback (TesseraStore *self)
{
  TESSERA_STORE_GET_IFACE (self)->rollback (self);
}

gboolean
tessera_store_prune (TesseraStore *self, gint64 now_ms, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->prune (self, now_ms, error);
}

void
tessera_store_get_counts (TesseraStore *self, guint64 *out_writes, guint64 *out_syncs)
{
  TESSERA_STORE_GET_IFACE (self)->get_counts (self, out_writes, out_syncs);
}

gboolean
tessera_store_request_copy (TesseraStore *self, GError **error)
{
  TesseraStoreInterface *iface = TESSERA_STORE_GET_IFACE (self);

  if (iface->request_copy != NULL)
    {
      iface->request_copy (self);
      return TRUE;
    }
  g_set_error_literal (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED,
                       "This server keeps its state in memory only.");
  return FALSE;
}

gboolean
tessera_store_read_copy (
    TesseraStore *self, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->read_copy (self, offset, bytes, out_size, error);
}

void
tessera_store_end_copy (TesseraStore *self)
{
  TESSERA_STORE_GET_IFACE (self)->end_copy (self);
}

gboolean
tessera_store_examine (TesseraStore *self, guint pages, gboolean *out_more, GError **error)
{
  TesseraStoreInterface *iface = TESSERA_STORE_GET_IFACE (self);

  *out_more = FALSE;
  return iface->examine == NULL || iface->examine (self, pages, out_more, error);
}

gboolean
tessera_store_get_state (TesseraStore *self, TesseraStoreState *out_state, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->get_state (self, out_state, error);
}

gboolean
tessera_store_put_high_water (TesseraStore *self, gint64 high_water_ms, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_high_water (self, high_water_ms, error);
}

gboolean
tessera_store_renew_id (TesseraStore *self, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->renew_id (self, error);
}

gboolean
tessera_store_raise_generation (TesseraStore *self, guint64 generation, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->raise_generation (self, generation, error);
}

gboolean
tessera_store_put_longest_lifetime (TesseraStore *self, gint64 lifetime_ms, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_longest_lifetime (self, lifetime_ms, error);
}

gboolean
tessera_store_put_code (TesseraStore *self, const TesseraAuthorizationCode *code, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_code (self, code, error);
}

TesseraAuthorizationCode *
tessera_store_lookup_code (TesseraStore *self, const TesseraDigest *digest, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_code (self, digest, error);
}

gboolean
tessera_store_redeem_code (TesseraStore *self,
                           const TesseraAuthorizationCode *code,
                           const char *grant_id,
                           gint64 now_ms,
                           GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->redeem_code (self, code, grant_id, now_ms, error);
}

gboolean
tessera_store_is_challenge_redeemed (TesseraStore *self,
                                     const char *client_id,
                                     const char *code_challenge,
                                     gboolean *out_redeemed,
                                     GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->is_challenge_redeemed (self, client_id, code_challenge,
                                                                out_redeemed, error);
}

gboolean
tessera_store_put_grant (TesseraStore *self,
                         const TesseraGrant *grant,
                         gint64 *out_number,
                         GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_grant (self, grant, out_number, error);
}

TesseraGrant *
tessera_store_lookup_grant (TesseraStore *self, const char *grant_id, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_grant (self, grant_id, error);
}

gboolean
tessera_store_end_grant (TesseraStore *self, const char *grant_id, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->end_grant (self, grant_id, error);
}

gboolean
tessera_store_end_session (TesseraStore *self,
                           const char *session_id,
                           gint64 now_ms,
                           GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->end_session (self, session_id, now_ms, error);
}

gboolean
tessera_store_end_all (
    TesseraStore *self, const char *subject, const char *client_id, gint64 began_ms, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->end_all (self, subject, client_id, began_ms, error);
}

gboolean
tessera_store_begin_rotation (TesseraStore *self, gint64 number, gint64 issued_ms, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->begin_rotation (self, number, issued_ms, error);
}

TesseraGrant *
tessera_store_lookup_rotation (TesseraStore *self,
                               gint64 number,
                               TesseraRotation *out_rotation,
                               GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_rotation (self, number, out_rotation, error);
}

gboolean
tessera_store_rotate (TesseraStore *self, gint64 number, gint64 issued_ms, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->rotate (self, number, issued_ms, error);
}

gboolean
tessera_store_lookup_subject (TesseraStore *self,
                              const char *sub,
                              char **out_subject,
                              GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_subject (self, sub, out_subject, error);
}

GPtrArray *
tessera_store_list_subs (TesseraStore *self, const char *subject, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->list_subs (self, subject, error);
}

gboolean
tessera_store_put_session (TesseraStore *self, const TesseraSession *session, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_session (self, session, error);
}

TesseraSession *
tessera_store_lookup_session (TesseraStore *self, const TesseraDigest *digest, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_session (self, digest, error);
}

gboolean
tessera_store_touch_session (TesseraStore *self,
                             const TesseraDigest *digest,
                             gint64 last_seen_ms,
                             GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->touch_session (self, digest, last_seen_ms, error);
}

gboolean
tessera_store_remove_session (TesseraStore *self, const TesseraDigest *digest, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->remove_session (self, digest, error);
}

gboolean
tessera_store_put_consent (TesseraStore *self, const TesseraConsent *consent, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_consent (self, consent, error);
}

TesseraConsent *
tessera_store_lookup_consent (TesseraStore *self,
                              const char *subject,
                              const char *client_id,
                              const char *redirect_uri,
                              GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_consent (self, subject, client_id, redirect_uri,
                                                         error);
}

gboolean
tessera_store_put_participant (TesseraStore *self,
                               const TesseraParticipant *participant,
                               GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_participant (self, participant, error);
}

void
tessera_store_warn_of_logouts (gboolean *warned, guint64 lost)
{
  if (lost > 0 && !*warned)
    g_warning (
        "There is no room for more logouts that clients have yet to hear of: %" G_GUINT64_FORMAT
        " are dropped, and from now on more without a word",
        lost);
  *warned |= lost > 0;
}

GPtrArray *
tessera_store_list_logouts (TesseraStore *self, gint64 after, guint limit, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->list_logouts (self, after, limit, error);
}

gboolean
tessera_store_put_logout_attempts (TesseraStore *self,
                                   gint64 number,
                                   guint attempts,
                                   GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_logout_attempts (self, number, attempts, error);
}

gboolean
tessera_store_remove_logout (TesseraStore *self, gint64 number, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->remove_logout (self, number, error);
}

gboolean
tessera_store_use_assertion (TesseraStore *self,
                             const TesseraDigest *digest,
                             gint64 expires_ms,
                             gboolean for_revocation,
                             gboolean *out_is_new,
                             GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->use_assertion (self, digest, expires_ms, for_revocation,
                                                        out_is_new, error);
}

gboolean
tessera_store_put_initial_token (TesseraStore *self,
                                 const TesseraInitialAccessToken *token,
                                 GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_initial_token (self, token, error);
}

TesseraInitialAccessToken *
tessera_store_lookup_initial_token (TesseraStore *self, const TesseraDigest *digest, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->lookup_initial_token (self, digest, error);
}

gboolean
tessera_store_remove_initial_token (TesseraStore *self,
                                    const char *id,
                                    gboolean *out_removed,
                                    GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->remove_initial_token (self, id, out_removed, error);
}

GPtrArray *
tessera_store_list_initial_tokens (TesseraStore *self,
                                   const TesseraStoreFilter *filter,
                                   GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->list_initial_tokens (self, filter, error);
}

gboolean
tessera_store_put_client (TesseraStore *self, TesseraClient *client, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_client (self, client, error);
}

gboolean
tessera_store_remove_client (TesseraStore *self, const char *client_id, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->remove_client (self, client_id, error);
}

gboolean
tessera_store_foreach_client (TesseraStore *self,
                              TesseraClientFunc func,
                              gpointer data,
                              GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->foreach_client (self, func, data, error);
}

gboolean
tessera_store_foreach_client_record (TesseraStore *self,
                                     gint64 *position,
                                     guint limit,
                                     TesseraClientRecordFunc func,
                                     gpointer data,
                                     GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->foreach_client_record (self, position, limit, func, data,
                                                                error);
}

gboolean
tessera_store_has_client (TesseraStore *self,
                          const char *client_id,
                          gboolean *out_has,
                          GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->has_client (self, client_id, out_has, error);
}

gboolean
tessera_store_put_user (TesseraStore *self, TesseraUser *user, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_user (self, user, error);
}

gboolean
tessera_store_remove_user (TesseraStore *self, const char *username, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->remove_user (self, username, error);
}

gboolean
tessera_store_foreach_user (TesseraStore *self, TesseraUserFunc func, gpointer data, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->foreach_user (self, func, data, error);
}

GPtrArray *
tessera_store_list_consents (TesseraStore *self, const char *subject, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->list_consents (self, subject, error);
}

GPtrArray *
tessera_store_list_grants (TesseraStore *self, const TesseraStoreFilter *filter, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->list_grants (self, filter, error);
}

GPtrArray *
tessera_store_list_sessions (TesseraStore *self, const TesseraStoreFilter *filter, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->list_sessions (self, filter, error);
}

GHashTable *
tessera_store_dup_declared (TesseraStore *self, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->dup_declared (self, error);
}

gboolean
tessera_store_put_declared (TesseraStore *self,
                            const char *name,
                            const char *fingerprint,
                            GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->put_declared (self, name, fingerprint, error);
}

gboolean
tessera_store_append_denial (TesseraStore *self,
                             const TesseraDenial *denial,
                             guint64 *out_generation,
                             GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->append_denial (self, denial, out_generation, error);
}

gboolean
tessera_store_foreach_denial (TesseraStore *self,
                              guint64 since,
                              guint limit,
                              TesseraDenialFunc func,
                              gpointer data,
                              GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->foreach_denial (self, since, limit, func, data, error);
}

gboolean
tessera_store_foreach_cut_off (TesseraStore *self,
                               TesseraDenialFunc func,
                               gpointer data,
                               GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->foreach_cut_off (self, func, data, error);
}

gboolean
tessera_store_foreach_denied_token (
    TesseraStore *self, guint64 since, TesseraDenialFunc func, gpointer data, GError **error)
{
  return TESSERA_STORE_GET_IFACE (self)->foreach_denied_token (self, since, func, data, error);
}
