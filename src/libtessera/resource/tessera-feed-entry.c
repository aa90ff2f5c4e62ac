/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the published deny-list says, read strictly: an entry, and where the list stands. */
#include "resource/tessera-feed-entry-private.h"

#include "base/tessera-clock-private.h"

#include <string.h>

#define NUMBER_MAX (G_GINT64_CONSTANT (1) << 53) /* what every reader of JSON keeps exactly */
#define VALUE_MAX_LENGTH 1024
#define LIST_MAX_LENGTH 128

gboolean
tessera_feed_read_number (const json_t *json, const char *name, gint64 *out_value)
{
  const json_t *member = json_object_get (json, name);

  *out_value = json_integer_value (member);
  return json_is_integer (member) && *out_value >= 0 && *out_value <= NUMBER_MAX;
}

gboolean
tessera_feed_position_read (TesseraFeedPosition *self, const json_t *json)
{
  gint64 generation;

  self->list = json_string_value (json_object_get (json, "list"));
  if (self->list == NULL || self->list[0] == '\0' || strlen (self->list) > LIST_MAX_LENGTH
      || !tessera_feed_read_number (json, "generation", &generation)
      || !tessera_feed_read_number (json, "time", &self->time_ms)
      || self->time_ms > TESSERA_CLOCK_MAX_MS)
    return FALSE;
  self->generation = (guint64) generation;
  return TRUE;
}

/* A time that may be absent: then it is @absent. */
static gboolean
read_time (const json_t *json, const char *name, gint64 absent, gint64 *out_ms)
{
  if (json_object_get (json, name) == NULL)
    {
      *out_ms = absent;
      return TRUE;
    }
  return tessera_feed_read_number (json, name, out_ms) && *out_ms > 0
         && *out_ms <= TESSERA_CLOCK_MAX_MS;
}

/* The words are those of the model: a rule is known if some denial has it. With an instant, or
 * without, as the entry itself has one. */
static gboolean
find_kind (const char *rule, TesseraDenial *denial)
{
  for (guint kind = TESSERA_DENIAL_TOKEN; kind <= TESSERA_DENIAL_SUBJECT_TOKENS; kind++)
    {
      denial->kind = (TesseraDenialKind) kind;
      if (g_str_equal (tessera_denial_get_rule (denial), rule))
        return TRUE;
    }
  return FALSE;
}

/* Which of the two rules about a grant it is, its instant says; the word must agree. */
static gboolean
is_rule (const char *rule)
{
  TesseraDenial with = { .instant_ms = 1 };
  TesseraDenial without = { .instant_ms = 0 };

  return find_kind (rule, &with) || find_kind (rule, &without);
}

/* NULL: it is there, and no string. */
static const char *
read_value (const json_t *json)
{
  const json_t *member = json_object_get (json, "value");

  return member == NULL ? "" : json_string_value (member);
}

/* Only the rule about everything names nobody. The end of one token has no instant: one that had
 * would be about something else. */
static gboolean
is_possible (const TesseraDenial *denial)
{
  gsize length = strlen (denial->value);

  if (denial->generation == 0 || length > VALUE_MAX_LENGTH)
    return FALSE;
  if (denial->kind == TESSERA_DENIAL_TOKEN && denial->instant_ms != 0)
    return FALSE;
  return (denial->kind == TESSERA_DENIAL_ALL) == (length == 0);
}

TesseraFeedEntryVerdict
tessera_feed_entry_read (TesseraFeedEntry *self, json_t *json)
{
  TesseraDenial denial = { .generation = 0 };
  const char *rule = json_string_value (json_object_get (json, "rule"));
  gint64 generation;

  if (rule == NULL || !tessera_feed_read_number (json, "generation", &generation))
    return TESSERA_FEED_ENTRY_MALFORMED;
  if (!is_rule (rule))
    return TESSERA_FEED_ENTRY_UNKNOWN_RULE;

  denial.generation = (guint64) generation;
  denial.value = read_value (json);
  if (denial.value == NULL || !read_time (json, "instant", 0, &denial.instant_ms)
      || !read_time (json, "expires", G_MAXINT64, &denial.expires_ms) || !find_kind (rule, &denial)
      || !is_possible (&denial))
    return TESSERA_FEED_ENTRY_MALFORMED;
  self->denial = denial;
  self->json = json_incref (json);
  return TESSERA_FEED_ENTRY_GOOD;
}

TesseraFeedEntryVerdict
tessera_feed_entry_parse (TesseraFeedEntry *self, const char *text, gsize length)
{
  g_autoptr (json_t) json = tessera_json_parse (text, length, TESSERA_FEED_ENTRY_MAX_LENGTH, NULL);

  if (json == NULL)
    return TESSERA_FEED_ENTRY_MALFORMED;
  return tessera_feed_entry_read (self, json);
}

void
tessera_feed_entry_clear (TesseraFeedEntry *self)
{
  g_clear_pointer (&self->json, json_decref);
}
