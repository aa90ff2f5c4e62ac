/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tessera-error.h"
#include "base/tessera-secret-private.h"
#include "model/tessera-access-token-private.h"
#include "resource/tessera-shared-list-private.h"
#include "resource/tessera-shared-table-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)
#define NOW G_GINT64_CONSTANT (1760000000000)
#define FAR (NOW + 3600 * 1000)
#define SEQUENCE_OFFSET 128

typedef struct
{
  TesseraSharedTable *table; /* the writer's */
  int fd;
  TesseraSharedList *list; /* a reader's */
} Fixture;

static void
mark_now (TesseraSharedTable *table, guint64 generation)
{
  tessera_shared_table_mark (table, generation, NOW, tessera_boottime_get_ms ());
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  f->table = tessera_shared_table_create ("list-1", NULL, TESSERA_SHARED_TABLE_MIN_SLOTS, &f->fd,
                                          &error);
  g_assert_no_error (error);
  f->list = tessera_shared_list_new (f->fd, &error);
  g_assert_no_error (error);
  mark_now (f->table, 0);
  tessera_shared_table_set_state (f->table, TESSERA_SHARED_TABLE_LIVE);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_assert_finalize_object (f->list);
  tessera_shared_table_free (f->table);
  close (f->fd);
}

static void
put (TesseraSharedTable *table, TesseraDenialKind kind, const char *value, gint64 instant_ms)
{
  TesseraDenial denial
      = { .kind = kind, .value = value, .instant_ms = instant_ms, .expires_ms = FAR };

  g_assert_true (tessera_shared_table_put (table, &denial));
}

/* A person's token, and a client's own. */
static const TesseraTokenIdentity person = { .jti = "jti-1",
                                             .issued_ms = NOW,
                                             .subject = "alice",
                                             .client_id = "app",
                                             .grant_id = "grant-1",
                                             .session_id = "session-1",
                                             .kid = "key-1" };
static const TesseraTokenIdentity machine
    = { .jti = "jti-2", .issued_ms = NOW, .subject = "app", .client_id = "app", .kid = "key-1" };

#define assert_answer(f, token, answer)                                                            \
  g_assert_cmpint (tessera_shared_list_lookup ((f)->list, token), ==,                              \
                   TESSERA_SHARED_LIST_ANSWER_##answer)

/* What one entry does to the two tokens. */
typedef struct
{
  TesseraDenialKind kind;
  const char *value;
  gint64 instant_ms;
  gboolean refuses_person, refuses_machine;
} Rule;

static void
test_each_rule_refuses_what_it_should (void)
{
  const Rule rules[] = {
    { TESSERA_DENIAL_TOKEN, "jti-1", 0, TRUE, FALSE },
    { TESSERA_DENIAL_TOKEN, "jti-2", 0, FALSE, TRUE },
    { TESSERA_DENIAL_TOKEN, "jti-3", 0, FALSE, FALSE },
    { TESSERA_DENIAL_GRANT, "grant-1", 0, TRUE, FALSE },
    { TESSERA_DENIAL_GRANT, "grant-1", NOW, TRUE, FALSE },
    { TESSERA_DENIAL_GRANT, "grant-1", NOW - 1, FALSE, FALSE },
    { TESSERA_DENIAL_SESSION, "session-1", 0, TRUE, FALSE },
    { TESSERA_DENIAL_SUBJECT, "alice", NOW, TRUE, FALSE },
    { TESSERA_DENIAL_SUBJECT, "alice", NOW - 1, FALSE, FALSE },
    { TESSERA_DENIAL_SUBJECT, "app", NOW, FALSE, FALSE },
    { TESSERA_DENIAL_SUBJECT_TOKENS, "alice", NOW, TRUE, FALSE },
    { TESSERA_DENIAL_SUBJECT_TOKENS, "app", NOW, FALSE, FALSE },
    { TESSERA_DENIAL_CLIENT, "app", NOW, TRUE, TRUE },
    { TESSERA_DENIAL_CLIENT, "app", NOW - 1, FALSE, FALSE },
    { TESSERA_DENIAL_CLIENT_TOKENS, "app", NOW, FALSE, TRUE },
    { TESSERA_DENIAL_KEY, "key-1", 0, TRUE, TRUE },
    { TESSERA_DENIAL_KEY, "alice", 0, FALSE, FALSE },
    { TESSERA_DENIAL_ALL, "", NOW, TRUE, TRUE },
    { TESSERA_DENIAL_ALL, "", NOW - 1, FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      Fixture f;
      set_up (&f, NULL);
      assert_answer (&f, &person, GOOD);
      assert_answer (&f, &machine, GOOD);
      put (f.table, rules[i].kind, rules[i].value, rules[i].instant_ms);
      g_assert_cmpuint (tessera_shared_list_get_count (f.list), ==, 1);
      g_assert_cmpint (tessera_shared_list_lookup (f.list, &person), ==, rules[i].refuses_person);
      g_assert_cmpint (tessera_shared_list_lookup (f.list, &machine), ==, rules[i].refuses_machine);
      tear_down (&f, NULL);
    }
}

static void
test_a_token_is_asked_about_as_it_is (Fixture *f, gconstpointer data)
{
  static const char json[] = "{\"iss\":\"https://as.test\",\"sub\":\"alice\",\"aud\":\"r\","
                             "\"client_id\":\"app\",\"iat\":1700000000,\"exp\":1700000600,"
                             "\"jti\":\"jti-1\",\"grant_id\":\"grant-1\"}";
  g_autoptr (TesseraClaims) claims = tessera_claims_new_from_json (json, strlen (json), NULL);
  TesseraJwt jwt = { .typ = (char *) "at+jwt", .kid = (char *) "key-1", .claims = claims };
  g_autoptr (TesseraAccessToken) token
      = tessera_access_token_new (&jwt, TESSERA_TOKEN_FOREIGN, "https://as.test",
                                  G_GINT64_CONSTANT (1700000000000), NULL);
  g_autoptr (GEnumClass) answers = g_type_class_ref (TESSERA_TYPE_SHARED_LIST_ANSWER);
  guint max_staleness = 0;

  g_assert_nonnull (token);
  g_assert_cmpint (tessera_shared_list_check (f->list, token), ==, TESSERA_SHARED_LIST_ANSWER_GOOD);
  put (f->table, TESSERA_DENIAL_SUBJECT, "alice", G_GINT64_CONSTANT (1700000000000));
  g_assert_cmpint (tessera_shared_list_check (f->list, token), ==,
                   TESSERA_SHARED_LIST_ANSWER_REFUSED);
  g_assert_cmpstr (g_enum_get_value (answers, TESSERA_SHARED_LIST_ANSWER_REFUSED)->value_nick, ==,
                   "refused");
  g_object_set (f->list, "max-staleness", 9, NULL);
  g_object_get (f->list, "max-staleness", &max_staleness, NULL);
  g_assert_cmpuint (max_staleness, ==, 9);
  g_assert_cmpint (tessera_shared_table_get_time_ms (f->table), ==, NOW);
}

/* What says that it is larger than it is would be read beyond its end. */
static void
test_a_file_that_is_too_short_is_refused (Fixture *f, gconstpointer data)
{
  guint8 header[4096];
  int fd = memfd_create ("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (pread (f->fd, header, sizeof header, 0), ==, sizeof header);
  g_assert_cmpint (pwrite (fd, header, sizeof header, 0), ==, sizeof header);
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, SEALS), ==, 0);
  g_assert_null (tessera_shared_list_new (fd, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED);
  close (fd);
}

/* Nowhere to have it: that is said. */
static void
test_a_table_needs_a_descriptor (void)
{
  g_autoptr (GError) error = NULL;
  struct rlimit usual, none;
  int fd = -1;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &usual), ==, 0);
  none = usual;
  none.rlim_cur = 0;
  setrlimit (RLIMIT_NOFILE, &none);
  g_assert_null (
      tessera_shared_table_create ("list-1", NULL, TESSERA_SHARED_TABLE_MIN_SLOTS, &fd, &error));
  setrlimit (RLIMIT_NOFILE, &usual);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
  g_assert_cmpint (fd, ==, -1);
  g_clear_error (&error);
  /* More than there is address space for. */
  g_assert_null (tessera_shared_table_create ("list-1", NULL, (gsize) 1 << 52, &fd, &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (tessera_shared_table_get_slots_for (TESSERA_SHARED_TABLE_MIN_SLOTS), >,
                    TESSERA_SHARED_TABLE_MIN_SLOTS);
}

/* Not even when seconds no longer fit where they are kept. */
static void
test_what_never_expires_stays (Fixture *f, gconstpointer data)
{
  TesseraDenial never = { .kind = TESSERA_DENIAL_KEY, .value = "key-1", .expires_ms = G_MAXINT64 };
  gsize cursor = 0;

  g_assert_true (tessera_shared_table_put (f->table, &never));
  while (!tessera_shared_table_sweep (f->table, &cursor, 1000,
                                      (G_MAXUINT32 + G_GINT64_CONSTANT (10)) * 1000))
    ;
  assert_answer (f, &person, REFUSED);
}

/* Nothing is un-revoked by an entry that says less. */
static void
test_the_later_instant_wins (Fixture *f, gconstpointer data)
{
  put (f->table, TESSERA_DENIAL_GRANT, "grant-1", 0);
  put (f->table, TESSERA_DENIAL_GRANT, "grant-1", NOW - 1);
  put (f->table, TESSERA_DENIAL_SUBJECT, "app", NOW + 5);
  put (f->table, TESSERA_DENIAL_CLIENT_TOKENS, "app", NOW);
  put (f->table, TESSERA_DENIAL_CLIENT_TOKENS, "app", NOW - 5);
  assert_answer (f, &person, REFUSED);
  assert_answer (f, &machine, REFUSED);
  g_assert_cmpuint (tessera_shared_list_get_count (f->list), ==, 3);
}

static void
test_names_are_not_in_the_memory (Fixture *f, gconstpointer data)
{
  static char bytes[4096 + 32 * TESSERA_SHARED_TABLE_MIN_SLOTS];

  put (f->table, TESSERA_DENIAL_SUBJECT, "alice-in-clear", NOW);
  put (f->table, TESSERA_DENIAL_TOKEN, "0197b2a0-0000-7000-8000-00000000abcd", 0);
  g_assert_cmpint (pread (f->fd, bytes, sizeof bytes, 0), ==, (gssize) sizeof bytes);
  g_assert_null (memmem (bytes, sizeof bytes, "alice-in", 8));
  g_assert_null (memmem (bytes, sizeof bytes, "0197b2a0", 8));
}

/* Against the plainest list there is, over puts, expiry and growth. */

typedef struct
{
  TesseraDenialKind kind;
  char value[8];
  gint64 instant_ms, expires_ms;
} Fact;

static gboolean
fact_refuses (const Fact *fact, const TesseraTokenIdentity *token)
{
  const char *value = NULL;

  switch (fact->kind)
    {
    case TESSERA_DENIAL_TOKEN:
      return strcmp (fact->value, token->jti) == 0;
    case TESSERA_DENIAL_GRANT:
      value = token->grant_id;
      break;
    case TESSERA_DENIAL_SESSION:
      value = token->session_id;
      break;
    case TESSERA_DENIAL_SUBJECT:
    case TESSERA_DENIAL_SUBJECT_TOKENS:
      value = token->grant_id != NULL ? token->subject : NULL;
      break;
    case TESSERA_DENIAL_CLIENT_TOKENS:
      value = token->grant_id == NULL ? token->client_id : NULL;
      break;
    case TESSERA_DENIAL_CLIENT:
      value = token->client_id;
      break;
    case TESSERA_DENIAL_KEY:
      value = token->kid;
      break;
    case TESSERA_DENIAL_ALL:
      value = "";
      break;
    }
  return g_strcmp0 (fact->value, value) == 0
         && (fact->instant_ms == 0 || token->issued_ms <= fact->instant_ms);
}

static gboolean
facts_refuse (GArray *facts, const TesseraTokenIdentity *token)
{
  for (guint i = 0; i < facts->len; i++)
    if (fact_refuses (&g_array_index (facts, Fact, i), token))
      return TRUE;
  return FALSE;
}

static gboolean
has_instant (TesseraDenialKind kind)
{
  return kind != TESSERA_DENIAL_TOKEN && kind != TESSERA_DENIAL_SESSION
         && kind != TESSERA_DENIAL_KEY;
}

static void
random_fact (Fact *fact, gint64 now_ms)
{
  /* "all" and the coarse ones seldom, else nothing else decides. */
  static const TesseraDenialKind often[]
      = { TESSERA_DENIAL_TOKEN, TESSERA_DENIAL_GRANT, TESSERA_DENIAL_SESSION };

  fact->kind = g_test_rand_int_range (0, 8) != 0 ? often[g_test_rand_int_range (0, 3)]
                                                 : g_test_rand_int_range (0, 9);
  g_snprintf (fact->value, sizeof fact->value, "%d", g_test_rand_int_range (0, 4000));
  if (fact->kind == TESSERA_DENIAL_ALL)
    fact->value[0] = '\0';
  fact->instant_ms = has_instant (fact->kind) ? now_ms - g_test_rand_int_range (1, 4000) : 0;
  if (fact->kind == TESSERA_DENIAL_GRANT && g_test_rand_bit ())
    fact->instant_ms = 0;
  fact->expires_ms = (now_ms / 1000 + g_test_rand_int_range (1, 30)) * 1000;
}

/* A fact whose value was denied before for longer keeps being kept by the table: over-revoking, and
 * only of tokens that have expired by then. So tokens are asked for that could still live. */
static void
forget_expired (GArray *facts, gint64 now_ms)
{
  for (guint i = facts->len; i > 0; i--)
    if (g_array_index (facts, Fact, i - 1).expires_ms < now_ms)
      g_array_remove_index_fast (facts, i - 1);
}

static void
compare (TesseraSharedTable *table, GArray *facts, gint64 now_ms)
{
  char texts[6][8];

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_snprintf (texts[i], sizeof texts[i], "%d", g_test_rand_int_range (0, 4000));
  TesseraTokenIdentity token = { .jti = texts[0],
                                 .issued_ms = now_ms - g_test_rand_int_range (0, 4000),
                                 .subject = texts[1],
                                 .client_id = texts[2],
                                 .grant_id = g_test_rand_bit () ? texts[3] : NULL,
                                 .session_id = g_test_rand_bit () ? texts[4] : NULL,
                                 .kid = texts[5] };
  gboolean refused = facts_refuse (facts, &token);
  TesseraSharedAnswer answer = tessera_shared_table_lookup (table, &token);

  /* What has expired may still refuse. */
  if (refused)
    g_assert_cmpint (answer, ==, TESSERA_SHARED_ANSWER_PRESENT);
  else
    g_assert_cmpint (answer, !=, TESSERA_SHARED_ANSWER_TORN);
}

/* Every entry on its own, with nothing around it: neither too much nor too little. */
static void
compare_entries (TesseraSharedTable *table, GArray *facts, gint64 now_ms)
{
  for (guint value = 0; value < 4000; value += 7)
    {
      g_autofree char *text = g_strdup_printf ("%u", value);
      const TesseraTokenIdentity tokens[] = {
        { .jti = text, .issued_ms = now_ms + 9999, .kid = "k" },
        { .jti = "j", .issued_ms = now_ms - 1500, .grant_id = text, .kid = "k" },
        { .jti = "j", .issued_ms = now_ms - 1500, .session_id = text, .kid = "k" },
        { .jti = "j", .issued_ms = now_ms - 1500, .grant_id = "g", .subject = text, .kid = "k" },
        { .jti = "j", .issued_ms = now_ms - 1500, .client_id = text, .kid = "k" },
        { .jti = "j", .issued_ms = now_ms - 1500, .client_id = text, .grant_id = "g", .kid = "k" },
        { .jti = "j", .issued_ms = now_ms + 9999, .kid = text },
      };
      for (gsize i = 0; i < G_N_ELEMENTS (tokens); i++)
        g_assert_cmpint (tessera_shared_table_lookup (table, &tokens[i]), ==,
                         facts_refuse (facts, &tokens[i]));
    }
}

static void
put_random (TesseraSharedTable *table, GArray *facts, gint64 now_ms)
{
  Fact fact;

  random_fact (&fact, now_ms);
  TesseraDenial denial = { .kind = fact.kind,
                           .value = fact.value,
                           .instant_ms = fact.instant_ms,
                           .expires_ms = fact.expires_ms };
  g_assert_true (tessera_shared_table_put (table, &denial));
  g_array_append_val (facts, fact);
}

static void
test_agrees_with_the_plainest_list (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) facts = g_array_new (FALSE, FALSE, sizeof (Fact));
  gint64 now_ms = NOW;
  gsize cursor = 0;

  for (guint step = 0; step < 20000; step++)
    {
      put_random (f->table, facts, now_ms);
      compare (f->table, facts, now_ms);
      if (step % 100 != 0)
        continue;
      now_ms += g_test_rand_int_range (0, 2000);
      forget_expired (facts, now_ms);
      tessera_shared_table_sweep (f->table, &cursor, 1024, now_ms);
    }
  g_assert_cmpuint (tessera_shared_table_get_count (f->table), >, 100);
}

/* Without expiry it is the same set, entry by entry, also after it was copied. */
static void
test_holds_exactly_what_was_put (Fixture *f, gconstpointer data)
{
  g_autoptr (GArray) facts = g_array_new (FALSE, FALSE, sizeof (Fact));
  g_autoptr (TesseraSharedTable) larger = NULL;
  gsize cursor = 0;
  int fd = -1;

  for (guint i = 0; i < 2500; i++)
    {
      Fact fact;
      random_fact (&fact, NOW);
      if (fact.kind == TESSERA_DENIAL_ALL)
        continue;
      TesseraDenial denial = { .kind = fact.kind,
                               .value = fact.value,
                               .instant_ms = fact.instant_ms,
                               .expires_ms = fact.expires_ms };
      g_assert_true (tessera_shared_table_put (f->table, &denial));
      g_array_append_val (facts, fact);
    }
  compare_entries (f->table, facts, NOW);
  larger = tessera_shared_table_create ("list-1", tessera_shared_table_get_salt (f->table), 16384,
                                        &fd, NULL);
  while (!tessera_shared_table_copy (f->table, larger, &cursor, 100, NOW))
    ;
  g_assert_cmpuint (tessera_shared_table_get_count (larger), ==,
                    tessera_shared_table_get_count (f->table));
  compare_entries (larger, facts, NOW);
  close (fd);
}

static void
assert_expired_makes_room (TesseraSharedTable *table)
{
  gsize cursor = 0;
  guint room = TESSERA_SHARED_TABLE_MIN_SLOTS - TESSERA_SHARED_TABLE_MIN_SLOTS / 8;
  g_autofree char *last = g_strdup_printf ("%u", room);

  for (guint i = 0; i < room; i++)
    {
      g_autofree char *jti = g_strdup_printf ("%u", i);
      TesseraDenial denial = { .kind = TESSERA_DENIAL_TOKEN,
                               .value = jti,
                               .expires_ms = i % 2 == 0 ? NOW : G_MAXINT64 };
      g_assert_true (tessera_shared_table_put (table, &denial));
    }
  TesseraDenial more = { .kind = TESSERA_DENIAL_TOKEN, .value = last, .expires_ms = NOW };
  g_assert_false (tessera_shared_table_put (table, &more));
  while (!tessera_shared_table_sweep (table, &cursor, 100, NOW))
    ;
  g_assert_cmpuint (tessera_shared_table_get_count (table), ==, room);
  while (!tessera_shared_table_sweep (table, &cursor, 100, NOW + 1))
    ;
  g_assert_cmpuint (tessera_shared_table_get_count (table), ==, room / 2);
  for (guint i = 0; i < room; i++)
    {
      g_autofree char *jti = g_strdup_printf ("%u", i);
      TesseraTokenIdentity token = { .jti = jti, .issued_ms = NOW };
      g_assert_cmpint (tessera_shared_table_lookup (table, &token), ==, i % 2);
    }
  g_assert_true (tessera_shared_table_put (table, &more));
}

/* With some salts what is behind a gap lies at the other end of the table. */
static void
test_what_expired_makes_room (void)
{
  for (guint8 i = 0; i < 16; i++)
    {
      guint8 salt[TESSERA_SHARED_TABLE_SALT_SIZE] = { i };
      int fd;
      TesseraSharedTable *table
          = tessera_shared_table_create ("list-1", salt, TESSERA_SHARED_TABLE_MIN_SLOTS, &fd, NULL);

      assert_expired_makes_room (table);
      tessera_shared_table_free (table);
      close (fd);
    }
}

/* When it may be believed. */

static void
test_an_old_mark_is_not_believed (Fixture *f, gconstpointer data)
{
  gint64 now = tessera_boottime_get_ms ();

  tessera_shared_table_mark (f->table, 7, NOW, now - 9000);
  assert_answer (f, &person, GOOD);
  tessera_shared_table_mark (f->table, 7, NOW, now - 11000);
  assert_answer (f, &person, UNKNOWN);
  g_object_set (f->list, "max-staleness", 20, NULL);
  assert_answer (f, &person, GOOD);
  /* A mark of another machine's time, or of before a restart of the machine. */
  tessera_shared_table_mark (f->table, 7, NOW, now + 60000);
  assert_answer (f, &person, UNKNOWN);
  g_assert_cmpuint (tessera_shared_list_get_generation (f->list), ==, 7);
}

static void
test_only_a_living_list_answers (Fixture *f, gconstpointer data)
{
  g_assert_false (tessera_shared_list_is_moved (f->list));
  tessera_shared_table_set_state (f->table, TESSERA_SHARED_TABLE_FILLING);
  assert_answer (f, &person, UNKNOWN);
  tessera_shared_table_set_state (f->table, TESSERA_SHARED_TABLE_MOVED);
  assert_answer (f, &person, GOOD);
  g_assert_true (tessera_shared_list_is_moved (f->list));
  tessera_shared_table_set_state (f->table, TESSERA_SHARED_TABLE_ENDED);
  assert_answer (f, &person, UNKNOWN);
  g_assert_true (tessera_shared_list_is_moved (f->list));
  tessera_shared_table_set_state (f->table, 99);
  assert_answer (f, &person, UNKNOWN);
}

/* Who may write, and what is taken for a list. */

static void
test_a_reader_cannot_write (Fixture *f, gconstpointer data)
{
  gsize size = 4096 + 32 * TESSERA_SHARED_TABLE_MIN_SLOTS;
  void *memory = mmap (NULL, size, PROT_READ, MAP_SHARED, f->fd, 0);

  g_assert_true (memory != MAP_FAILED);
  g_assert_cmpint (mprotect (memory, size, PROT_READ | PROT_WRITE), ==, -1);
  munmap (memory, size);
  memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
  g_assert_true (memory == MAP_FAILED);
  g_assert_cmpint (pwrite (f->fd, "x", 1, 0), ==, -1);
  g_assert_cmpint (ftruncate (f->fd, 0), ==, -1);
  g_assert_cmpint (ftruncate (f->fd, (off_t) size * 2), ==, -1);
  g_assert_cmpint (fallocate (f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), ==, -1);
  g_assert_cmpint (fcntl (f->fd, F_ADD_SEALS, F_SEAL_WRITE), ==, -1);
}

/* The same bytes, with some changed, in memory of the test's own. */
static int
copy_with (
    Fixture *f, gsize offset, const void *bytes, gsize length, int seals, guint64 **out_words)
{
  gsize size = 4096 + 32 * TESSERA_SHARED_TABLE_MIN_SLOTS;
  g_autofree char *copy = g_new (char, size);
  int fd = memfd_create ("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (pread (f->fd, copy, size, 0), ==, (gssize) size);
  memcpy (copy + offset, bytes, length);
  g_assert_cmpint (write (fd, copy, size), ==, (gssize) size);
  if (out_words != NULL)
    *out_words = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, seals), ==, 0);
  return fd;
}

static void
assert_unsupported (int fd)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_shared_list_new (fd, &error));
  g_assert_error (error, TESSERA_SETUP_ERROR, TESSERA_SETUP_ERROR_UNSUPPORTED);
  if (fd >= 0)
    close (fd);
}

static void
test_only_a_sealed_list_is_taken (Fixture *f, gconstpointer data)
{
  const guint32 version = 2, header_size = 8192;
  const guint64 large = G_GUINT64_CONSTANT (1) << 40, odd = 4095, none = 0;
  char list[64];
  int ends[2];

  memset (list, 'x', sizeof list);
  assert_unsupported (copy_with (f, 0, "X", 1, SEALS, NULL));
  assert_unsupported (copy_with (f, 8, &version, 4, SEALS, NULL));
  assert_unsupported (copy_with (f, 12, &header_size, 4, SEALS, NULL));
  assert_unsupported (copy_with (f, 16, &large, 8, SEALS, NULL));
  assert_unsupported (copy_with (f, 24, &large, 8, SEALS, NULL));
  assert_unsupported (copy_with (f, 24, &odd, 8, SEALS, NULL));
  assert_unsupported (copy_with (f, 24, &none, 8, SEALS, NULL));
  assert_unsupported (copy_with (f, 32, list, 64, SEALS, NULL));
  assert_unsupported (copy_with (f, 0, "T", 1, SEALS & ~F_SEAL_SHRINK, NULL));
  assert_unsupported (copy_with (f, 0, "T", 1, SEALS & ~F_SEAL_FUTURE_WRITE, NULL));
  assert_unsupported (open ("/dev/null", O_RDONLY | O_CLOEXEC));
  assert_unsupported (-1);
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  assert_unsupported (ends[0]);
  close (ends[1]);

  int good = copy_with (f, 0, "T", 1, SEALS, NULL);
  g_autoptr (TesseraSharedList) list_of_copy = tessera_shared_list_new (good, NULL);
  g_assert_nonnull (list_of_copy);
  g_assert_cmpstr (tessera_shared_list_get_list (list_of_copy), ==, "list-1");
  close (good);
}

/* A writer that died in the middle: refused after a while, never waited for without end. */
static void
test_a_torn_table_is_not_believed (Fixture *f, gconstpointer data)
{
  const guint64 odd = 1;
  guint64 *words;
  int fd = copy_with (f, SEQUENCE_OFFSET, &odd, sizeof odd, SEALS, &words);
  g_autoptr (TesseraSharedList) list = tessera_shared_list_new (fd, NULL);

  alarm (10); /* without end would be longer */
  g_assert_cmpint (tessera_shared_list_lookup (list, &person), ==,
                   TESSERA_SHARED_LIST_ANSWER_UNKNOWN);
  alarm (0);
  words[SEQUENCE_OFFSET / 8] = 2;
  g_assert_cmpint (tessera_shared_list_lookup (list, &person), ==, TESSERA_SHARED_LIST_ANSWER_GOOD);
  munmap (words, 4096 + 32 * TESSERA_SHARED_TABLE_MIN_SLOTS);
  close (fd);
}

/* In the middle of a look, another entry comes: once. */
static TesseraSharedTable *growing;

TesseraDigest __wrap_tessera_digest (gconstpointer data, gssize length);
TesseraDigest __real_tessera_digest (gconstpointer data, gssize length);

TesseraDigest
__wrap_tessera_digest (gconstpointer data, gssize length)
{
  if (growing != NULL)
    put (g_steal_pointer (&growing), TESSERA_DENIAL_GRANT, "grant-1", NOW);
  return __real_tessera_digest (data, length);
}

static void
test_what_changes_is_read_again (Fixture *f, gconstpointer data)
{
  put (f->table, TESSERA_DENIAL_SESSION, "session-2", NOW);
  assert_answer (f, &person, GOOD);
  /* It comes while the session is looked for, and the grant was looked for before. */
  growing = f->table;
  assert_answer (f, &person, REFUSED);
  g_assert_null (growing);
}

/* Memory without one empty slot, which no service of ours writes: bounded, and refused. */
static void
test_a_table_without_an_end_is_refused (Fixture *f, gconstpointer data)
{
  guint64 *words;
  int fd = copy_with (f, 0, "T", 1, SEALS, &words);
  g_autoptr (TesseraSharedList) list = tessera_shared_list_new (fd, NULL);
  gsize size = 4096 + 32 * TESSERA_SHARED_TABLE_MIN_SLOTS;

  memset (words + 512, 0x11, size - 4096);
  for (guint rule = 0; rule < TESSERA_N_SHARED_RULES; rule++)
    words[SEQUENCE_OFFSET / 8 + 5 + rule] = 1;
  g_assert_cmpint (tessera_shared_list_lookup (list, &person), ==,
                   TESSERA_SHARED_LIST_ANSWER_REFUSED);
  munmap (words, size);
  close (fd);
}

/* While it is written. */

typedef struct
{
  TesseraSharedTable *table;
  int stop;
} Churn;

/* Puts and removes beside what stays, so that what stays is moved about. */
static gpointer
churn_thread (gpointer data)
{
  Churn *churn = data;
  gint64 now_ms = NOW;
  guint n = 0;

  while (!g_atomic_int_get (&churn->stop))
    {
      gsize cursor = 0;
      for (guint i = 0; i < 3000; i++)
        {
          g_autofree char *jti = g_strdup_printf ("churn-%u", n++);
          TesseraDenial denial
              = { .kind = TESSERA_DENIAL_TOKEN, .value = jti, .expires_ms = now_ms };
          tessera_shared_table_put (churn->table, &denial);
        }
      now_ms += 2000;
      while (!tessera_shared_table_sweep (churn->table, &cursor, 512, now_ms))
        ;
    }
  return NULL;
}

static void
test_what_stays_is_always_found (Fixture *f, gconstpointer data)
{
  enum
  {
    KEPT = 500,
    LOOKS = 200000
  };
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func (g_free);
  Churn churn = { f->table, 0 };
  guint torn = 0;

  for (guint i = 0; i < KEPT; i++)
    {
      char *jti = g_strdup_printf ("kept-%u", i);
      TesseraDenial denial
          = { .kind = TESSERA_DENIAL_TOKEN, .value = jti, .expires_ms = G_MAXINT64 };
      g_ptr_array_add (kept, jti);
      g_assert_true (tessera_shared_table_put (f->table, &denial));
    }
  GThread *thread = g_thread_new ("churn", churn_thread, &churn);
  for (guint i = 0; i < LOOKS; i++)
    {
      TesseraTokenIdentity denied = { .jti = kept->pdata[i % KEPT], .issued_ms = NOW };
      TesseraTokenIdentity good = { .jti = "never", .issued_ms = NOW };
      TesseraSharedAnswer answer = tessera_shared_table_lookup (f->table, &denied);
      torn += answer == TESSERA_SHARED_ANSWER_TORN;
      g_assert_cmpint (answer, !=, TESSERA_SHARED_ANSWER_ABSENT);
      g_assert_cmpint (tessera_shared_table_lookup (f->table, &good), !=,
                       TESSERA_SHARED_ANSWER_PRESENT);
    }
  g_atomic_int_set (&churn.stop, 1);
  g_thread_join (thread);
  g_assert_cmpuint (torn, <, LOOKS / 2);
}

/* A process that may do nothing but write and exit. */

static gboolean
enter_sandbox (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
         && prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Tells each change of the answer, as one letter, and ends with the list, when it has asked often.
 */
static void
watch (TesseraSharedList *list, int out)
{
  static const char letters[] = "GRU";
  TesseraSharedListAnswer before = TESSERA_SHARED_LIST_ANSWER_UNKNOWN;

  for (guint n = 0;; n++)
    {
      TesseraSharedListAnswer answer = tessera_shared_list_lookup (list, &person);
      if (answer == TESSERA_SHARED_LIST_ANSWER_UNKNOWN && n < 1000)
        continue;
      if (answer == before)
        continue;
      before = answer;
      if (write (out, &letters[answer], 1) != 1 || answer == TESSERA_SHARED_LIST_ANSWER_UNKNOWN)
        syscall (SYS_exit_group, n >= 1000 ? 0 : 1);
    }
}

static char
read_letter (int in)
{
  char letter = '?';

  while (read (in, &letter, 1) < 0 && errno == EINTR)
    ;
  return letter;
}

static void
test_a_check_does_no_system_call (Fixture *f, gconstpointer data)
{
  int ends[2], status = -1;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  put (f->table, TESSERA_DENIAL_TOKEN, "other", 0); /* so that there is something to look for */
  pid_t child = fork ();
  if (child == 0)
    {
      if (!enter_sandbox ())
        _exit (77);
      watch (f->list, ends[1]);
    }
  close (ends[1]);
  g_assert_cmpint (read_letter (ends[0]), ==, 'G');
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *jti = g_strdup_printf ("%u", i);
      mark_now (f->table, i);
      put (f->table, TESSERA_DENIAL_TOKEN, jti, 0);
    }
  put (f->table, TESSERA_DENIAL_SUBJECT, "alice", NOW);
  g_assert_cmpint (read_letter (ends[0]), ==, 'R');
  tessera_shared_table_set_state (f->table, TESSERA_SHARED_TABLE_ENDED);
  g_assert_cmpint (read_letter (ends[0]), ==, 'U');
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  close (ends[0]);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

#define add(name, function)                                                                        \
  g_test_add ("/shared-list/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/shared-list/each-rule-refuses-what-it-should",
                   test_each_rule_refuses_what_it_should);
  add ("a-token-is-asked-about-as-it-is", test_a_token_is_asked_about_as_it_is);
  g_test_add_func ("/shared-list/a-table-needs-a-descriptor", test_a_table_needs_a_descriptor);
  add ("a-file-that-is-too-short-is-refused", test_a_file_that_is_too_short_is_refused);
  add ("what-never-expires-stays", test_what_never_expires_stays);
  add ("the-later-instant-wins", test_the_later_instant_wins);
  add ("names-are-not-in-the-memory", test_names_are_not_in_the_memory);
  add ("agrees-with-the-plainest-list", test_agrees_with_the_plainest_list);
  add ("holds-exactly-what-was-put", test_holds_exactly_what_was_put);
  g_test_add_func ("/shared-list/what-expired-makes-room", test_what_expired_makes_room);
  add ("what-changes-is-read-again", test_what_changes_is_read_again);
  add ("an-old-mark-is-not-believed", test_an_old_mark_is_not_believed);
  add ("only-a-living-list-answers", test_only_a_living_list_answers);
  add ("a-reader-cannot-write", test_a_reader_cannot_write);
  add ("only-a-sealed-list-is-taken", test_only_a_sealed_list_is_taken);
  add ("a-torn-table-is-not-believed", test_a_torn_table_is_not_believed);
  add ("a-table-without-an-end-is-refused", test_a_table_without_an_end_is_refused);
  add ("what-stays-is-always-found", test_what_stays_is_always_found);
  add ("a-check-does-no-system-call", test_a_check_does_no_system_call);
  return g_test_run ();
}
