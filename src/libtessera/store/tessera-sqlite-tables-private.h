/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the tables of TesseraSqliteStore share. */

#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "store/tessera-database-private.h"
#include "store/tessera-sqlite-store-private.h"

G_BEGIN_DECLS

/* Both parts of the deny-list. */
enum
{
  TESSERA_SQLITE_DENIED_TOKENS,
  TESSERA_SQLITE_CUT_OFFS,
  TESSERA_SQLITE_N_DENIALS
};

struct _TesseraSqliteStore
{
  GObject parent_instance;

  TesseraDatabase *database;
  TesseraStoreState state;
  TesseraStoreState state_at_begin;
  guint64 kept_generation; /* in the table `state` */
  guint64 kept_generation_at_begin;
  guint64 prune_cursors[TESSERA_SQLITE_N_DENIALS]; /* generations up to here were looked at */
  gboolean examined_denials;                       /* the large table */
  gboolean warned_of_logouts;                      /* that there was no room for */
  GHashTable *ended;                               /* char *grant_id: rows of ended_grants */
  GPtrArray *ended_since_begin;                    /* char *grant_id */
  GPtrArray *forgotten_since_begin;                /* char *grant_id: left @ended by being pruned */
};

extern const char *const tessera_sqlite_migrations[];
extern const char *const tessera_sqlite_vital_tables[];

/* One row or none of @query into @out_found. */
gboolean tessera_sqlite_store_step_to_row (TesseraSqliteStore *self,
                                           TesseraQuery *query,
                                           gboolean *out_found,
                                           GError **error);

#define TESSERA_SQLITE_LOGIN_COLUMNS "subject, session_id, auth_time, acr, amr, claims, sub"
void tessera_sqlite_read_login (TesseraQuery *query, int column, TesseraLogin *out_login);

/* For a question whose first parameter is a subject or NULL. */
#define TESSERA_SQLITE_OF_ANYBODY "?1 IS NULL"
#define TESSERA_SQLITE_OF_SUBJECT "subject = ?1"

/* FNV-1a, byte by byte. */
guint64 tessera_sqlite_sum_number (guint64 sum, guint64 number);
guint64 tessera_sqlite_sum_text (guint64 sum, const char *text);
gboolean tessera_sqlite_fail_damaged (GError **error, const char *what);

gboolean tessera_sqlite_store_is_ended (TesseraSqliteStore *self, const char *grant_id);
gboolean tessera_sqlite_store_write_state (TesseraSqliteStore *self, GError **error);
gboolean tessera_sqlite_store_load_state (TesseraSqliteStore *self, GError **error);

/* Each sets the functions that its tables answer for. */
void tessera_sqlite_state_implement (TesseraStoreInterface *iface);
void tessera_sqlite_codes_implement (TesseraStoreInterface *iface);
void tessera_sqlite_grants_implement (TesseraStoreInterface *iface);
void tessera_sqlite_endings_implement (TesseraStoreInterface *iface);
void tessera_sqlite_logouts_implement (TesseraStoreInterface *iface);
void tessera_sqlite_sessions_implement (TesseraStoreInterface *iface);
void tessera_sqlite_consents_implement (TesseraStoreInterface *iface);
void tessera_sqlite_assertions_implement (TesseraStoreInterface *iface);
void tessera_sqlite_initial_tokens_implement (TesseraStoreInterface *iface);
void tessera_sqlite_clients_implement (TesseraStoreInterface *iface);
void tessera_sqlite_users_implement (TesseraStoreInterface *iface);
void tessera_sqlite_denials_implement (TesseraStoreInterface *iface);
void tessera_sqlite_prune_implement (TesseraStoreInterface *iface);

G_END_DECLS
