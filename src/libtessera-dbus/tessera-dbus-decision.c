/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an agent answered, read strictly: whatever is not understood denies the login. */

#include "tessera-dbus-decision-private.h"

#include <gio/gio.h>

#define ANSWER_MAX (16 * 1024) /* bytes */

static const char *const names[] = {
  [TESSERA_DBUS_DECISION_ALLOW] = "allow",
  [TESSERA_DBUS_DECISION_DENY] = "deny",
  [TESSERA_DBUS_DECISION_ASK] = "ask",
};

typedef struct
{
  TesseraDBusDecisionKind kind; /* that it belongs to */
  const char *name;
  const char *format;
  gsize offset; /* in TesseraDBusDecision */
  gboolean required;
} Member;

#define MEMBER(NAME) G_STRUCT_OFFSET (TesseraDBusDecision, NAME)
static const Member members[] = {
  { TESSERA_DBUS_DECISION_ALLOW, "subject", "s", MEMBER (subject), TRUE },
  { TESSERA_DBUS_DECISION_ALLOW, "acr", "s", MEMBER (acr) },
  { TESSERA_DBUS_DECISION_ALLOW, "amr", "^as", MEMBER (amr) },
  { TESSERA_DBUS_DECISION_ALLOW, "claims", "@a{sv}", MEMBER (claims) },
  { TESSERA_DBUS_DECISION_ASK, "prompt", "s", MEMBER (prompt) },
  { TESSERA_DBUS_DECISION_ASK, "secret", "b", MEMBER (secret) },
};

void
tessera_dbus_decision_clear (TesseraDBusDecision *self)
{
  g_clear_pointer (&self->subject, g_free);
  g_clear_pointer (&self->acr, g_free);
  g_clear_pointer (&self->amr, g_strfreev);
  g_clear_pointer (&self->claims, g_variant_unref);
  g_clear_pointer (&self->prompt, g_free);
}

static gboolean
fail (GError **error, const char *problem)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, problem);
  return FALSE;
}

static gboolean
read_kind (TesseraDBusDecision *self, const char *name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (name, names[i]))
      {
        self->kind = (TesseraDBusDecisionKind) i;
        return TRUE;
      }
  return fail (error, "a decision that is none");
}

/* What was not read is of a wrong type, unknown or there twice. */
static gboolean
read_members (TesseraDBusDecision *self, GVariant *result, GError **error)
{
  gsize n_read = 0;

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      const Member *member = &members[i];

      if (member->kind != self->kind)
        continue;
      if (g_variant_lookup (result, member->name, member->format,
                            G_STRUCT_MEMBER_P (self, member->offset)))
        n_read++;
      else if (member->required)
        return fail (error, "an answer without a subject");
    }
  return n_read == g_variant_n_children (result)
         || fail (error, "a member of a wrong type, or an unknown one");
}

gboolean
tessera_dbus_decision_read (TesseraDBusDecision *self, GVariant *answer, GError **error)
{
  g_autoptr (GVariant) result = NULL;
  const char *name = NULL;

  if (g_variant_get_size (answer) > ANSWER_MAX)
    return fail (error, "an answer that is too large");
  g_variant_get (answer, "(&s@a{sv})", &name, &result);
  if (!read_kind (self, name, error))
    return FALSE;
  /* Why somebody was denied is for the agent's own log. */
  return self->kind == TESSERA_DBUS_DECISION_DENY || read_members (self, result, error);
}

void
tessera_dbus_decision_apply (const TesseraDBusDecision *self, TesseraAuthentication *authentication)
{
  switch (self->kind)
    {
    case TESSERA_DBUS_DECISION_ALLOW:
      tessera_authentication_accept_full (authentication, self->subject, self->acr,
                                          (const char *const *) self->amr, self->claims);
      return;
    case TESSERA_DBUS_DECISION_ASK:
      tessera_authentication_ask (authentication, self->prompt, self->secret);
      return;
    case TESSERA_DBUS_DECISION_DENY:
    default:
      tessera_authentication_deny (authentication);
      return;
    }
}

const char *
tessera_dbus_decision_get_name (const TesseraDBusDecision *self)
{
  return names[self->kind];
}
