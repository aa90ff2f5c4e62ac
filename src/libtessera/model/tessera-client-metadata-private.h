/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/tessera-json-private.h"
#include "model/tessera-client.h"

G_BEGIN_DECLS

/* One member of a client's registration. A new one is a field in tessera-client-object-private.h, a
 * row in the table, and a rule in tessera-client-check.c. */

typedef enum
{
  TESSERA_CLIENT_TEXT,   /* char *; NULL: none, and "" is none */
  TESSERA_CLIENT_LIST,   /* char **, never NULL */
  TESSERA_CLIENT_NUMBER, /* int, not negative; as usual: none */
  TESSERA_CLIENT_TIME,   /* gint64, seconds since 1970; 0: none */
  TESSERA_CLIENT_FLAG,   /* gboolean */
} TesseraClientMemberKind;

typedef enum
{
  TESSERA_CLIENT_KEPT = 1 << 0,  /* the store keeps it */
  TESSERA_CLIENT_RIGHT = 1 << 1, /* tokens depend on it: a client that changes it loses them */
  /* A stranger may register it (RFC 7591), within the limits of the policy. */
  TESSERA_CLIENT_REGISTRABLE = 1 << 2,
  /* A flag that is stored when it is as usual too; not for new ones (see the fingerprint). */
  TESSERA_CLIENT_ALWAYS_WRITTEN = 1 << 3,
} TesseraClientMemberUses;

typedef struct
{
  const char *name;     /* on the wire and in the store */
  const char *property; /* of TesseraClient */
  TesseraClientMemberKind kind;
  gsize offset; /* in TesseraClient */
  guint uses;   /* TesseraClientMemberUses */
  int usual;
} TesseraClientMember;

guint tessera_client_member_get_count (void);
const TesseraClientMember *tessera_client_member_get (guint index);

GParamSpec *tessera_client_member_new_property (const TesseraClientMember *self); /* floating */
/* While the client is built, once. */
void tessera_client_member_set (const TesseraClientMember *self,
                                TesseraClient *client,
                                const GValue *value);
void
tessera_client_member_read (const TesseraClientMember *self, TesseraClient *client, GValue *value);
void tessera_client_member_clear (const TesseraClientMember *self, TesseraClient *client);
/* Owned; NULL: there is nothing to say. */
json_t *tessera_client_member_to_json (const TesseraClientMember *self, TesseraClient *client);
/* What the store holds, for the property; of another type, or NULL: as if nothing was said. */
void tessera_client_member_from_json (const TesseraClientMember *self,
                                      const json_t *json,
                                      GValue *out_value);

G_END_DECLS
