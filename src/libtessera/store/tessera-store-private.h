/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/tessera-client.h"
#include "model/tessera-denial-private.h"
#include "model/tessera-initial-access-token-private.h"
#include "model/tessera-records-private.h"
#include "model/tessera-user-private.h"

G_BEGIN_DECLS

/* Where the server's state is kept, in operations of the domain. All of it is called by one thread,
 * the committing thread (tessera-committer-private.h), between begin() and commit(); so an
 * operation that looks first and writes then is atomic by itself. commit() returns when everything
 * since begin() is durable. Any error is of TESSERA_STORE_ERROR and means: roll back, nothing
 * happened. `lookup` gives NULL without an error when there is nothing. Records are copied in and
 * out. */

#define TESSERA_STORE_ERROR (tessera_store_error_quark ())
typedef enum
{
  TESSERA_STORE_ERROR_FAILED,   /* this operation; the store goes on */
  TESSERA_STORE_ERROR_FULL,     /* no space */
  TESSERA_STORE_ERROR_RESERVED, /* what space is left is for revocations: not even tried */
  TESSERA_STORE_ERROR_FATAL,    /* a failed sync: nothing more may be written */
  TESSERA_STORE_ERROR_DAMAGED   /* what was read cannot be right; likewise */
} TesseraStoreError;
GQuark tessera_store_error_quark (void);

/* DAMAGED, met while opening, is for the owner of the state to settle: it becomes
 * TESSERA_SETUP_ERROR_STATE. */
void tessera_store_explain_damage (GError **error);

typedef void (*TesseraDenialFunc) (const TesseraDenial *denial, gpointer data);
typedef void (*TesseraClientFunc) (TesseraClient *client, gpointer data);
typedef void (*TesseraClientRecordFunc) (const char *client_id, const char *record, gpointer data);
typedef void (*TesseraUserFunc) (TesseraUser *user, gpointer data);

/* Which records a list wants, a page at a time. */
typedef struct
{
  const char *subject;   /* NULL: anybody's */
  const char *client_id; /* NULL: any; of grants only */
  const char *after;     /* the identifier of the last one of the page before; "": from the start */
  guint limit;
  gint64 now_ms; /* what ended before is left out */
} TesseraStoreFilter;

/* A token may be accepted so long after its exp, and be issued so long after its grant was looked
 * at. */
#define TESSERA_STORE_TOKEN_SKEW_MS (2 * 60 * 1000)

/* A code can be redeemed so long, at most (TesseraServer:code-lifetime). */
#define TESSERA_STORE_CODE_LIFETIME_MS (60 * 1000)

/* Codes expire in the order in which they are put, but for this: their lifetimes may differ by all
 * of one, and as long again it may take from the look at the clock to the queue of commits. */
#define TESSERA_STORE_CODE_DISORDER_MS (2 * 60 * 1000)

/* So many entries of the deny-list prune looks at, at most. */
#define TESSERA_STORE_PRUNED_DENIALS 5000

/* So many clients have yet to hear of an end, at most: of one client, and in all. */
#define TESSERA_STORE_LOGOUTS_OF_CLIENT 1000
#define TESSERA_STORE_LOGOUTS 10000

/* What is mirrored outside, to notice a database that was deleted or rolled back. */
typedef struct
{
  char id[64];                /* random, made with the database */
  guint64 generation;         /* highest so far */
  guint64 commits;            /* counted */
  gint64 high_water_ms;       /* highest time seen */
  gint64 longest_lifetime_ms; /* any access token ever had; not mirrored */
} TesseraStoreState;

#define TESSERA_TYPE_STORE (tessera_store_get_type ())
G_DECLARE_INTERFACE (TesseraStore, tessera_store, TESSERA, STORE, GObject)

struct _TesseraStoreInterface
{
  GTypeInterface parent_iface;

  gboolean (*begin) (TesseraStore *self, GError **error);
  gboolean (*commit) (TesseraStore *self, GError **error);
  void (*rollback) (TesseraStore *self);
  /* Forgets what @now_ms makes useless: expired codes, sessions, grants (but not while a token of
   * them may live), and denials (never an entry whose expires_ms is not past). */
  gboolean (*prune) (TesseraStore *self, gint64 now_ms, GError **error);
  /* Writes so far (rows changed) and commits that had to be made durable; for tests and statistics.
   */
  void (*get_counts) (TesseraStore *self, guint64 *out_writes, guint64 *out_syncs);

  /* A copy of all of it, as it is at the end of the operation in which it is requested; others go
   * on writing. NULL: there is no file to copy. */
  void (*request_copy) (TesseraStore *self);
  gboolean (*read_copy) (
      TesseraStore *self, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error);
  void (*end_copy) (TesseraStore *self);

  /* The next @pages of what the start did not examine; NULL: it examined all. */
  gboolean (*examine) (TesseraStore *self, guint pages, gboolean *out_more, GError **error);

  gboolean (*get_state) (TesseraStore *self, TesseraStoreState *out_state, GError **error);
  /* Both only grow. put_high_water also counts a commit. */
  gboolean (*put_high_water) (TesseraStore *self, gint64 high_water_ms, GError **error);
  /* From now on it is another store, under a new random id. */
  gboolean (*renew_id) (TesseraStore *self, GError **error);
  /* The next denial lies behind @generation, at least. */
  gboolean (*raise_generation) (TesseraStore *self, guint64 generation, GError **error);
  gboolean (*put_longest_lifetime) (TesseraStore *self, gint64 lifetime_ms, GError **error);

  gboolean (*put_code) (TesseraStore *self, const TesseraAuthorizationCode *code, GError **error);
  TesseraAuthorizationCode *(*lookup_code) (TesseraStore *self,
                                            const TesseraDigest *digest,
                                            GError **error);
  /* Marks @code, as it was just looked up, redeemed by @grant_id at @now_ms. */
  gboolean (*redeem_code) (TesseraStore *self,
                           const TesseraAuthorizationCode *code,
                           const char *grant_id,
                           gint64 now_ms,
                           GError **error);
  /* Was a code with this code_challenge of this client redeemed already (threats.md A42)? */
  gboolean (*is_challenge_redeemed) (TesseraStore *self,
                                     const char *client_id,
                                     const char *code_challenge,
                                     gboolean *out_redeemed,
                                     GError **error);

  /* @out_number: of the new row, which no other grant has now, though one before it may have had it
   * and one after it may get it; NULL: of no interest. */
  gboolean (*put_grant) (TesseraStore *self,
                         const TesseraGrant *grant,
                         gint64 *out_number,
                         GError **error);
  /* It was used last when its newest refresh token was issued. */
  TesseraGrant *(*lookup_grant) (TesseraStore *self, const char *grant_id, GError **error);
  /* Ends it with its refresh tokens and codes. Ending what is not there is no error. */
  gboolean (*end_grant) (TesseraStore *self, const char *grant_id, GError **error);
  /* Ends every grant of the login @session_id, every code of it that can be redeemed at @now_ms or
   * later, and the session. What expired before may be left to prune: no time comes twice. */
  gboolean (*end_session) (TesseraStore *self,
                           const char *session_id,
                           gint64 now_ms,
                           GError **error);
  /* Ends every grant, code that can be redeemed, session and consent of @subject and of @client_id
   * (NULL: of any) that began at or before @began_ms, which is not in the future. Sessions only
   * when @client_id is NULL. */
  gboolean (*end_all) (TesseraStore *self,
                       const char *subject,
                       const char *client_id,
                       gint64 began_ms,
                       GError **error);

  /* The grant @number has a first refresh token. */
  gboolean (*begin_rotation) (TesseraStore *self, gint64 number, gint64 issued_ms, GError **error);
  /* Of the grant @number, which says nothing of whose it is: the caller compares its nonce. NULL:
   * there is none now, or it never had a refresh token. */
  TesseraGrant *(*lookup_rotation) (TesseraStore *self,
                                    gint64 number,
                                    TesseraRotation *out_rotation,
                                    GError **error);
  /* The newest has a successor, which is the newest from now on. */
  gboolean (*rotate) (TesseraStore *self, gint64 number, gint64 issued_ms, GError **error);

  /* Whom tokens of a grant, or of a session, call @sub; NULL: nobody, but for who has it as
   * subject. */
  gboolean (*lookup_subject) (TesseraStore *self,
                              const char *sub,
                              char **out_subject,
                              GError **error);
  /* What else than @subject the tokens of this person's grants call them: char*. Grants that bear
   * such a name stay a while after their end, as long as a token of theirs may live. */
  GPtrArray *(*list_subs) (TesseraStore *self, const char *subject, GError **error);

  gboolean (*put_session) (TesseraStore *self, const TesseraSession *session, GError **error);
  TesseraSession *(*lookup_session) (TesseraStore *self,
                                     const TesseraDigest *digest,
                                     GError **error);
  gboolean (*touch_session) (TesseraStore *self,
                             const TesseraDigest *digest,
                             gint64 last_seen_ms,
                             GError **error);
  gboolean (*remove_session) (TesseraStore *self, const TesseraDigest *digest, GError **error);

  /* One per subject, client and redirect_uri; putting replaces. */
  gboolean (*put_consent) (TesseraStore *self, const TesseraConsent *consent, GError **error);
  TesseraConsent *(*lookup_consent) (TesseraStore *self,
                                     const char *subject,
                                     const char *client_id,
                                     const char *redirect_uri,
                                     GError **error);

  /* Who is told when the login ends; one per session and client, putting replaces. end_session and
   * end_all (of any client) put them among the logouts, in the same operation, as far as there is
   * room: TESSERA_STORE_LOGOUTS. */
  gboolean (*put_participant) (TesseraStore *self,
                               const TesseraParticipant *participant,
                               GError **error);
  /* TesseraLogout* above @after, in order. Owned by the caller. */
  GPtrArray *(*list_logouts) (TesseraStore *self, gint64 after, guint limit, GError **error);
  gboolean (*put_logout_attempts) (TesseraStore *self,
                                   gint64 number,
                                   guint attempts,
                                   GError **error);
  gboolean (*remove_logout) (TesseraStore *self, gint64 number, GError **error);

  /* Remembers until @expires_ms that a client used the assertion @digest (RFC 7523 §3, `jti`).
   * @out_is_new FALSE: it had been used. @for_revocation: it may take of the space that is left for
   * revocations. */
  gboolean (*use_assertion) (TesseraStore *self,
                             const TesseraDigest *digest,
                             gint64 expires_ms,
                             gboolean for_revocation,
                             gboolean *out_is_new,
                             GError **error);

  /* Who may register clients; putting replaces. Those that are good no more at filter->now_ms are
   * not listed; subject and client_id are not looked at. TesseraInitialAccessToken*. */
  gboolean (*put_initial_token) (TesseraStore *self,
                                 const TesseraInitialAccessToken *token,
                                 GError **error);
  TesseraInitialAccessToken *(*lookup_initial_token) (TesseraStore *self,
                                                      const TesseraDigest *digest,
                                                      GError **error);
  gboolean (*remove_initial_token) (TesseraStore *self,
                                    const char *id,
                                    gboolean *out_removed,
                                    GError **error);
  GPtrArray *(*list_initial_tokens) (TesseraStore *self,
                                     const TesseraStoreFilter *filter,
                                     GError **error);

  /* Clients registered at run time (declared ones are the application's or the file's). */
  gboolean (*put_client) (TesseraStore *self, TesseraClient *client, GError **error);
  gboolean (*remove_client) (TesseraStore *self, const char *client_id, GError **error);
  gboolean (*foreach_client) (TesseraStore *self,
                              TesseraClientFunc func,
                              gpointer data,
                              GError **error);
  /* The same for who does without the objects, @limit of them from @position on, which is 0 at
   * first and -1 at the end; what is put meanwhile comes last. */
  gboolean (*foreach_client_record) (TesseraStore *self,
                                     gint64 *position,
                                     guint limit,
                                     TesseraClientRecordFunc func,
                                     gpointer data,
                                     GError **error);
  gboolean (*has_client) (TesseraStore *self,
                          const char *client_id,
                          gboolean *out_has,
                          GError **error);

  /* People that the store keeps; putting replaces. */
  gboolean (*put_user) (TesseraStore *self, TesseraUser *user, GError **error);
  gboolean (*remove_user) (TesseraStore *self, const char *username, GError **error);
  gboolean (*foreach_user) (TesseraStore *self,
                            TesseraUserFunc func,
                            gpointer data,
                            GError **error);

  /* TesseraGrant* by grant_id; TesseraSession* by session_id. Owned by the caller. */
  /* Of one person: TesseraConsent. */
  GPtrArray *(*list_consents) (TesseraStore *self, const char *subject, GError **error);
  GPtrArray *(*list_grants) (TesseraStore *self, const TesseraStoreFilter *filter, GError **error);
  GPtrArray *(*list_sessions) (TesseraStore *self,
                               const TesseraStoreFilter *filter,
                               GError **error);

  /* What was declared when the server ran last, to notice what is gone or changed since:
   * "client:ID" or "user:NAME" → fingerprint. The table is owned by the caller. */
  GHashTable *(*dup_declared) (TesseraStore *self, GError **error); /* char* -> char* */
  gboolean (*put_declared) (TesseraStore *self,
                            const char *name,
                            const char *fingerprint,
                            GError **error); /* NULL removes */

  /* @denial->generation is ignored; the new one, one more than the last, is returned. */
  gboolean (*append_denial) (TesseraStore *self,
                             const TesseraDenial *denial,
                             guint64 *out_generation,
                             GError **error);
  /* The first @limit ones above @since, in order. */
  gboolean (*foreach_denial) (TesseraStore *self,
                              guint64 since,
                              guint limit,
                              TesseraDenialFunc func,
                              gpointer data,
                              GError **error);
  /* For the start: all entries but those of tokens, which are few beside them, in order. */
  gboolean (*foreach_cut_off) (TesseraStore *self,
                               TesseraDenialFunc func,
                               gpointer data,
                               GError **error);
  /* And the tokens, in no promised order. */
  gboolean (*foreach_denied_token) (
      TesseraStore *self, guint64 since, TesseraDenialFunc func, gpointer data, GError **error);
};

/* One function a slot, tessera_store_SLOT (…), with the same arguments. */
gboolean tessera_store_begin (TesseraStore *self, GError **error);
gboolean tessera_store_commit (TesseraStore *self, GError **error);
void tessera_store_rollback (TesseraStore *self);
gboolean tessera_store_prune (TesseraStore *self, gint64 now_ms, GError **error);
void tessera_store_get_counts (TesseraStore *self, guint64 *out_writes, guint64 *out_syncs);
/* TESSERA_SETUP_ERROR_UNSUPPORTED. */
gboolean tessera_store_request_copy (TesseraStore *self, GError **error);
/* Fills @bytes (pages of 4096) from @offset on. */
gboolean tessera_store_read_copy (
    TesseraStore *self, gint64 offset, GByteArray *bytes, gint64 *out_size, GError **error);
void tessera_store_end_copy (TesseraStore *self);
gboolean
tessera_store_examine (TesseraStore *self, guint pages, gboolean *out_more, GError **error);
gboolean tessera_store_get_state (TesseraStore *self, TesseraStoreState *out_state, GError **error);
gboolean tessera_store_put_high_water (TesseraStore *self, gint64 high_water_ms, GError **error);
gboolean tessera_store_renew_id (TesseraStore *self, GError **error);
gboolean tessera_store_raise_generation (TesseraStore *self, guint64 generation, GError **error);
gboolean
tessera_store_put_longest_lifetime (TesseraStore *self, gint64 lifetime_ms, GError **error);
gboolean
tessera_store_put_code (TesseraStore *self, const TesseraAuthorizationCode *code, GError **error);
TesseraAuthorizationCode *
tessera_store_lookup_code (TesseraStore *self, const TesseraDigest *digest, GError **error);
gboolean tessera_store_redeem_code (TesseraStore *self,
                                    const TesseraAuthorizationCode *code,
                                    const char *grant_id,
                                    gint64 now_ms,
                                    GError **error);
gboolean tessera_store_is_challenge_redeemed (TesseraStore *self,
                                              const char *client_id,
                                              const char *code_challenge,
                                              gboolean *out_redeemed,
                                              GError **error);
gboolean tessera_store_put_grant (TesseraStore *self,
                                  const TesseraGrant *grant,
                                  gint64 *out_number,
                                  GError **error);
TesseraGrant *tessera_store_lookup_grant (TesseraStore *self, const char *grant_id, GError **error);
gboolean tessera_store_end_grant (TesseraStore *self, const char *grant_id, GError **error);
gboolean tessera_store_end_session (TesseraStore *self,
                                    const char *session_id,
                                    gint64 now_ms,
                                    GError **error);
gboolean tessera_store_end_all (TesseraStore *self,
                                const char *subject,
                                const char *client_id,
                                gint64 began_ms,
                                GError **error);
gboolean
tessera_store_begin_rotation (TesseraStore *self, gint64 number, gint64 issued_ms, GError **error);
TesseraGrant *tessera_store_lookup_rotation (TesseraStore *self,
                                             gint64 number,
                                             TesseraRotation *out_rotation,
                                             GError **error);
gboolean tessera_store_rotate (TesseraStore *self, gint64 number, gint64 issued_ms, GError **error);
gboolean tessera_store_lookup_subject (TesseraStore *self,
                                       const char *sub,
                                       char **out_subject,
                                       GError **error);
GPtrArray *tessera_store_list_subs (TesseraStore *self, const char *subject, GError **error);
gboolean
tessera_store_put_session (TesseraStore *self, const TesseraSession *session, GError **error);
TesseraSession *
tessera_store_lookup_session (TesseraStore *self, const TesseraDigest *digest, GError **error);
gboolean tessera_store_touch_session (TesseraStore *self,
                                      const TesseraDigest *digest,
                                      gint64 last_seen_ms,
                                      GError **error);
gboolean
tessera_store_remove_session (TesseraStore *self, const TesseraDigest *digest, GError **error);
gboolean
tessera_store_put_consent (TesseraStore *self, const TesseraConsent *consent, GError **error);
TesseraConsent *tessera_store_lookup_consent (TesseraStore *self,
                                              const char *subject,
                                              const char *client_id,
                                              const char *redirect_uri,
                                              GError **error);
gboolean tessera_store_put_participant (TesseraStore *self,
                                        const TesseraParticipant *participant,
                                        GError **error);
/* For those who keep them: @lost found no room. Says so once, since it goes on until a client
 * answers again. */
void tessera_store_warn_of_logouts (gboolean *warned, guint64 lost);
GPtrArray *
tessera_store_list_logouts (TesseraStore *self, gint64 after, guint limit, GError **error);
gboolean tessera_store_put_logout_attempts (TesseraStore *self,
                                            gint64 number,
                                            guint attempts,
                                            GError **error);
gboolean tessera_store_remove_logout (TesseraStore *self, gint64 number, GError **error);
gboolean tessera_store_use_assertion (TesseraStore *self,
                                      const TesseraDigest *digest,
                                      gint64 expires_ms,
                                      gboolean for_revocation,
                                      gboolean *out_is_new,
                                      GError **error);
gboolean tessera_store_put_initial_token (TesseraStore *self,
                                          const TesseraInitialAccessToken *token,
                                          GError **error);
TesseraInitialAccessToken *tessera_store_lookup_initial_token (TesseraStore *self,
                                                               const TesseraDigest *digest,
                                                               GError **error);
gboolean tessera_store_remove_initial_token (TesseraStore *self,
                                             const char *id,
                                             gboolean *out_removed,
                                             GError **error);
GPtrArray *tessera_store_list_initial_tokens (TesseraStore *self,
                                              const TesseraStoreFilter *filter,
                                              GError **error);
gboolean tessera_store_put_client (TesseraStore *self, TesseraClient *client, GError **error);
gboolean tessera_store_remove_client (TesseraStore *self, const char *client_id, GError **error);
gboolean tessera_store_foreach_client (TesseraStore *self,
                                       TesseraClientFunc func,
                                       gpointer data,
                                       GError **error);
gboolean tessera_store_foreach_client_record (TesseraStore *self,
                                              gint64 *position,
                                              guint limit,
                                              TesseraClientRecordFunc func,
                                              gpointer data,
                                              GError **error);
gboolean tessera_store_has_client (TesseraStore *self,
                                   const char *client_id,
                                   gboolean *out_has,
                                   GError **error);
gboolean tessera_store_put_user (TesseraStore *self, TesseraUser *user, GError **error);
gboolean tessera_store_remove_user (TesseraStore *self, const char *username, GError **error);
gboolean tessera_store_foreach_user (TesseraStore *self,
                                     TesseraUserFunc func,
                                     gpointer data,
                                     GError **error);
GPtrArray *tessera_store_list_consents (TesseraStore *self, const char *subject, GError **error);
GPtrArray *
tessera_store_list_grants (TesseraStore *self, const TesseraStoreFilter *filter, GError **error);
GPtrArray *
tessera_store_list_sessions (TesseraStore *self, const TesseraStoreFilter *filter, GError **error);
GHashTable *tessera_store_dup_declared (TesseraStore *self, GError **error);
gboolean tessera_store_put_declared (TesseraStore *self,
                                     const char *name,
                                     const char *fingerprint,
                                     GError **error);
gboolean tessera_store_append_denial (TesseraStore *self,
                                      const TesseraDenial *denial,
                                      guint64 *out_generation,
                                      GError **error);
gboolean tessera_store_foreach_denial (TesseraStore *self,
                                       guint64 since,
                                       guint limit,
                                       TesseraDenialFunc func,
                                       gpointer data,
                                       GError **error);
gboolean tessera_store_foreach_cut_off (TesseraStore *self,
                                        TesseraDenialFunc func,
                                        gpointer data,
                                        GError **error);
gboolean tessera_store_foreach_denied_token (
    TesseraStore *self, guint64 since, TesseraDenialFunc func, gpointer data, GError **error);

G_END_DECLS
