/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A snapshot of the published deny-list against a second reading of the same rules. The first byte
 * of the input says into which pieces it is cut. The second: whether it is compressed (1); whether
 * it is the file as it is (2), or else lines to be signed, as an issuer could who writes nonsense;
 * and whether they follow a good first line (4). */

#include "../libtessera/feed-maker.h"
#include "base/tessera-json-private.h"
#include "fuzz.h"
#include "resource/tessera-snapshot-reader-private.h"

#include <string.h>

#define TIME_MS G_GINT64_CONSTANT (1700000000000)
#define YEAR_10000_MS G_GINT64_CONSTANT (253402300799000)
#define TWO_TO_53 G_GINT64_CONSTANT (9007199254740992)
#define GENERATION 1000
#define COMPRESSED 1
#define RAW 2
#define HEADED 4

static TesseraKey *key;
static TesseraClock *the_clock;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_init ();
  key = tessera_key_generate (TESSERA_ALGORITHM_EDDSA, NULL);
  the_clock = tessera_clock_new ();
  return 0;
}

/* --- the second reading --- */

typedef enum
{
  IMPOSSIBLE,
  UNKNOWN,
  GOOD
} Expected;

static guint
measure_depth (json_t *json)
{
  const char *name;
  gsize i;
  json_t *child;
  guint deepest = 0;

  if (json_is_object (json))
    json_object_foreach (json, name, child)
      deepest = MAX (deepest, measure_depth (child));
  else if (json_is_array (json))
    json_array_foreach (json, i, child)
      deepest = MAX (deepest, measure_depth (child));
  else
    return 0;
  return deepest + 1;
}

static json_t *
read_object (const char *text, gsize length)
{
  g_autoptr (json_t) json = json_loadb (text, length, JSON_REJECT_DUPLICATES, NULL);

  if (memchr (text, '\0', length) != NULL || !json_is_object (json)
      || measure_depth (json) > TESSERA_JSON_MAX_DEPTH)
    return NULL;
  return g_steal_pointer (&json);
}

/* @least to @most; absent: @absent, where that is none of these. */
static gboolean
has_number (const json_t *json, const char *name, gint64 least, gint64 most, gboolean may_be_absent)
{
  const json_t *member = json_object_get (json, name);

  if (member == NULL)
    return may_be_absent;
  return json_is_integer (member) && json_integer_value (member) >= least
         && json_integer_value (member) <= most;
}

static gboolean
is_head (const char *line, gsize length)
{
  g_autoptr (json_t) json = read_object (line, length);
  const char *issuer = json_string_value (json_object_get (json, "issuer"));
  const char *list = json_string_value (json_object_get (json, "list"));

  return json != NULL && has_number (json, "tessera_deny_list", 1, 1, FALSE) && issuer != NULL
         && strcmp (issuer, FEED_MAKER_ISSUER) == 0 && list != NULL && strcmp (list, "l") == 0;
}

/* 0: no instant, 1: needs one, 2: either; -1: no rule. */
static int
get_instants (const char *rule)
{
  static const char *const never[] = { "token", "grant" };
  static const char *const either[]
      = { "session", "subject", "client", "all", "key", "client-tokens", "subject-tokens" };

  for (guint i = 0; i < G_N_ELEMENTS (never); i++)
    if (strcmp (rule, never[i]) == 0)
      return 0;
  for (guint i = 0; i < G_N_ELEMENTS (either); i++)
    if (strcmp (rule, either[i]) == 0)
      return 2;
  return strcmp (rule, "grant-tokens") == 0 ? 1 : -1;
}

static gboolean
is_about_somebody (const json_t *json, const char *rule)
{
  const json_t *member = json_object_get (json, "value");
  const char *value = member == NULL ? "" : json_string_value (member);

  if (value == NULL || strlen (value) > 1024)
    return FALSE;
  return strcmp (rule, "all") == 0 ? value[0] == '\0' : value[0] != '\0';
}

static Expected
expect_entry (const char *line, gsize length, gint64 *last, GHashTable *entries)
{
  g_autoptr (json_t) json = read_object (line, length);
  const char *rule = json_string_value (json_object_get (json, "rule"));
  gboolean has_instant = json_object_get (json, "instant") != NULL;

  if (json == NULL || json_object_get (json, "signature") != NULL || rule == NULL
      || !has_number (json, "generation", *last + 1, TWO_TO_53, FALSE))
    return IMPOSSIBLE;
  *last = json_integer_value (json_object_get (json, "generation"));
  int instants = get_instants (rule);
  if (instants < 0)
    return UNKNOWN;
  if (!is_about_somebody (json, rule) || (instants == 0 && has_instant)
      || (instants == 1 && !has_instant) || !has_number (json, "instant", 1, YEAR_10000_MS, TRUE)
      || !has_number (json, "expires", 1, YEAR_10000_MS, TRUE))
    return IMPOSSIBLE;
  const char *value = json_string_value (json_object_get (json, "value"));
  g_hash_table_add (entries, g_strconcat (rule, " ", value, NULL));
  return GOOD;
}

/* All lines before the signature. */
static Expected
expect (const GString *text, GHashTable *entries)
{
  const char *at = text->str;
  const char *end = at + text->len;
  Expected worst = GOOD;
  gint64 last = 0;

  if (text->len == 0 || end[-1] != '\n')
    return IMPOSSIBLE;
  for (const char *feed; at < end; at = feed + 1)
    {
      feed = memchr (at, '\n', (gsize) (end - at));
      gsize length = (gsize) (feed - at);
      Expected line = at != text->str        ? expect_entry (at, length, &last, entries)
                      : is_head (at, length) ? GOOD
                                             : IMPOSSIBLE;
      worst = MIN (worst, line);
      if (worst == IMPOSSIBLE)
        return IMPOSSIBLE;
    }
  return last <= GENERATION ? worst : IMPOSSIBLE;
}

/* --- the first --- */

static gboolean
feed_in_pieces (TesseraSnapshotReader *reader, const char *bytes, gsize length, gsize piece)
{
  for (gsize at = 0; at < length; at += piece)
    if (!tessera_snapshot_reader_feed (reader, bytes + at, MIN (piece, length - at), NULL))
      return FALSE;
  return tessera_snapshot_reader_end (reader, NULL);
}

static TesseraSnapshotVerdict
read_file (TesseraDenyReplica *replica, const GString *text, gsize piece, gboolean compressed)
{
  g_autoptr (TesseraSnapshotReader) reader
      = tessera_snapshot_reader_new (replica, FEED_MAKER_ISSUER);
  g_autoptr (GBytes) bytes = compressed ? feed_maker_compress (text->str, text->len)
                                        : g_bytes_new (text->str, text->len);

  if (!feed_in_pieces (reader, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), piece))
    return TESSERA_SNAPSHOT_NOT_OURS;
  return tessera_snapshot_reader_commit (reader, key, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2 || size > 4096)
    return 0;
  g_autoptr (GHashTable) entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (TesseraDenyReplica) replica = tessera_deny_replica_new (the_clock);
  g_autoptr (GString) text
      = data[1] & HEADED ? feed_maker_head ("l", TIME_MS) : g_string_new (NULL);

  g_string_append_len (text, (const char *) data + 2, (gssize) (size - 2));
  Expected expected = data[1] & RAW ? IMPOSSIBLE : expect (text, entries);
  if ((data[1] & RAW) == 0)
    feed_maker_sign (text, key, NULL, "l", GENERATION, TIME_MS, "");
  TesseraSnapshotVerdict verdict
      = read_file (replica, text, data[0] > 0 ? data[0] : text->len + 1, data[1] & COMPRESSED);

  g_assert_cmpint (verdict, ==,
                   expected == GOOD      ? TESSERA_SNAPSHOT_TAKEN
                   : expected == UNKNOWN ? TESSERA_SNAPSHOT_NOT_UNDERSTOOD
                                         : TESSERA_SNAPSHOT_NOT_OURS);
  if (expected == GOOD)
    g_assert_cmpuint (tessera_deny_replica_get_count (replica), ==, g_hash_table_size (entries));
  else
    g_assert_cmpint (tessera_deny_replica_get_age_ms (replica), ==, G_MAXINT64);
  return 0;
}
