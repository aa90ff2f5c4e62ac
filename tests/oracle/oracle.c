/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See oracle.h. It reads tokens with jansson and GLib alone, so that it shares nothing with what it
 * judges. */

#include "oracle.h"

#include <jansson.h>
#include <string.h>

/* As the documentation of the deny-list says: so many of one grant become one entry for it. */
#define TOKENS_PER_GRANT 64
#define SKEW_S 60
#define REMEMBERED_S 600

struct _Oracle
{
  GPtrArray *tokens;
};

static void
token_free (OracleToken *self)
{
  g_free (self->text);
  g_free (self->jti);
  g_free (self->kid);
  g_free (self->client);
  g_free (self->subject);
  g_free (self->grant);
  g_free (self->session);
  g_free (self);
}

Oracle *
oracle_new (void)
{
  Oracle *self = g_new0 (Oracle, 1);
  self->tokens = g_ptr_array_new_with_free_func ((GDestroyNotify) token_free);
  return self;
}

void
oracle_free (Oracle *self)
{
  g_ptr_array_unref (self->tokens);
  g_free (self);
}

static json_t *
read_part (const char *part)
{
  g_autofree char *base64 = g_strdelimit (g_strconcat (part, "===", NULL), "-", '+');
  gsize length;

  g_strdelimit (base64, "_", '/');
  base64[strlen (part) + (4 - strlen (part) % 4) % 4] = '\0';
  g_autofree guchar *bytes = g_base64_decode (base64, &length);
  json_t *json = json_loadb ((const char *) bytes, length, JSON_REJECT_DUPLICATES, NULL);
  g_assert_nonnull (json);
  return json;
}

static char *
dup_member (json_t *json, const char *name)
{
  return g_strdup (json_string_value (json_object_get (json, name)));
}

OracleToken *
oracle_issue (Oracle *self, const char *text)
{
  OracleToken *token = g_new0 (OracleToken, 1);
  g_auto (GStrv) parts = g_strsplit (text, ".", 3);
  json_t *header = read_part (parts[0]);
  json_t *claims = read_part (parts[1]);

  token->text = g_strdup (text);
  token->kid = dup_member (header, "kid");
  token->jti = dup_member (claims, "jti");
  token->client = dup_member (claims, "client_id");
  token->subject = dup_member (claims, "sub");
  token->grant = dup_member (claims, "grant_id");
  token->session = dup_member (claims, "sid");
  token->expires_s = json_integer_value (json_object_get (claims, "exp"));
  json_decref (header);
  json_decref (claims);
  g_ptr_array_add (self->tokens, token);
  return token;
}

guint
oracle_count (Oracle *self)
{
  return self->tokens->len;
}

OracleToken *
oracle_get (Oracle *self, guint index)
{
  return self->tokens->pdata[index];
}

static gboolean
is_alive (const OracleToken *token, gint64 now_s)
{
  return now_s <= token->expires_s + SKEW_S;
}

/* The server may now refuse the others of the grant, too. */
static void
doubt_grant (Oracle *self, const char *grant)
{
  for (guint i = 0; i < self->tokens->len; i++)
    {
      OracleToken *token = self->tokens->pdata[i];
      if (g_strcmp0 (token->grant, grant) == 0 && token->verdict == ORACLE_GOOD)
        token->verdict = ORACLE_EITHER;
    }
}

void
oracle_revoke_token (Oracle *self, OracleToken *token, gint64 now_s)
{
  guint singled_out = 0;

  token->verdict = ORACLE_DEAD;
  token->singled_out = TRUE;
  if (token->grant == NULL)
    return;
  for (guint i = 0; i < self->tokens->len; i++)
    {
      const OracleToken *other = self->tokens->pdata[i];
      singled_out += other->singled_out && is_alive (other, now_s)
                     && g_strcmp0 (other->grant, token->grant) == 0;
    }
  if (singled_out > TOKENS_PER_GRANT)
    doubt_grant (self, token->grant);
}

/* @offset: of the member that must equal @value. */
static void
revoke_where (Oracle *self, gsize offset, const char *value, gboolean of_grants)
{
  for (guint i = 0; i < self->tokens->len; i++)
    {
      OracleToken *token = self->tokens->pdata[i];
      if (g_strcmp0 (G_STRUCT_MEMBER (char *, token, offset), value) == 0
          && (!of_grants || token->grant != NULL))
        token->verdict = ORACLE_DEAD;
    }
}

void
oracle_revoke_grant (Oracle *self, const char *grant)
{
  revoke_where (self, G_STRUCT_OFFSET (OracleToken, grant), grant, TRUE);
}

void
oracle_revoke_session (Oracle *self, const char *session)
{
  revoke_where (self, G_STRUCT_OFFSET (OracleToken, session), session, TRUE);
}

void
oracle_revoke_subject (Oracle *self, const char *subject)
{
  revoke_where (self, G_STRUCT_OFFSET (OracleToken, subject), subject, TRUE);
}

void
oracle_revoke_client (Oracle *self, const char *client)
{
  revoke_where (self, G_STRUCT_OFFSET (OracleToken, client), client, FALSE);
}

void
oracle_revoke_key (Oracle *self, const char *kid)
{
  revoke_where (self, G_STRUCT_OFFSET (OracleToken, kid), kid, FALSE);
}

void
oracle_revoke_all (Oracle *self)
{
  for (guint i = 0; i < self->tokens->len; i++)
    ((OracleToken *) self->tokens->pdata[i])->verdict = ORACLE_DEAD;
}

OracleVerdict
oracle_judge (const OracleToken *token, gint64 now_s)
{
  if (token->verdict == ORACLE_DEAD || !is_alive (token, now_s))
    return ORACLE_DEAD;
  return now_s < token->expires_s ? token->verdict : ORACLE_EITHER;
}

void
oracle_prune (Oracle *self, gint64 now_s)
{
  for (guint i = self->tokens->len; i > 0; i--)
    if (now_s > ((OracleToken *) self->tokens->pdata[i - 1])->expires_s + REMEMBERED_S)
      g_ptr_array_remove_index (self->tokens, i - 1);
}
