/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random values, digests, comparison in constant time, scrubbing; base64url (RFC 4648 §5, RFC 7515
 * §2) and UUIDv7 (RFC 9562 §5.7). */
#include "base/tessera-secret-private.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#define POOL_SIZE 512

/* What a thread keeps, because asking OpenSSL anew for each value costs more than the value. */
typedef struct
{
  guint8 pool[POOL_SIZE]; /* random bytes; those before @used are gone and overwritten */
  gsize used;
  guint generation;
} ThreadState;

static const char base64url_alphabet[]
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static EVP_MD *sha256;
static guint fork_generation; /* atomic: a child must not use bytes its parent will use too */

static void
thread_state_free (gpointer data)
{
  ThreadState *state = data;

  OPENSSL_cleanse (state, sizeof *state);
  g_free (state);
}

static GPrivate thread_state = G_PRIVATE_INIT (thread_state_free);

static void
on_fork_child (void)
{
  __atomic_add_fetch (&fork_generation, 1, __ATOMIC_RELAXED);
}

static void
init_once (void)
{
  static gsize initialized;

  if (!g_once_init_enter (&initialized))
    return;
  sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  if (sha256 == NULL)
    g_error ("OpenSSL has no SHA-256.");
  pthread_atfork (NULL, NULL, on_fork_child);
  g_once_init_leave (&initialized, 1);
}

static ThreadState *
get_thread_state (void)
{
  ThreadState *state = g_private_get (&thread_state);
  if (state != NULL)
    return state;

  init_once ();
  state = g_new0 (ThreadState, 1);
  state->used = POOL_SIZE;
  g_private_set (&thread_state, state);
  return state;
}

static void
fill_random (guint8 *bytes, gsize length)
{
  if (length > G_MAXINT || RAND_bytes (bytes, (int) length) != 1)
    g_error ("OpenSSL has no random bytes.");
}

void
tessera_random_bytes (guint8 *bytes, gsize length)
{
  ThreadState *state = get_thread_state ();
  guint generation = __atomic_load_n (&fork_generation, __ATOMIC_RELAXED);

  if (length > POOL_SIZE / 4)
    {
      fill_random (bytes, length);
      return;
    }
  if (POOL_SIZE - state->used < length || state->generation != generation)
    {
      fill_random (state->pool, POOL_SIZE);
      state->used = 0;
      state->generation = generation;
    }
  memcpy (bytes, state->pool + state->used, length);
  OPENSSL_cleanse (state->pool + state->used, length);
  state->used += length;
}

char *
tessera_secret_new (const char *prefix)
{
  guint8 bytes[32];
  GString *secret = g_string_sized_new (64);

  tessera_random_bytes (bytes, sizeof bytes);
  if (prefix != NULL)
    g_string_append (secret, prefix);
  tessera_base64url_append (secret, bytes, sizeof bytes);
  OPENSSL_cleanse (bytes, sizeof bytes);
  return g_string_free (secret, FALSE);
}

char *
tessera_identifier_new (void)
{
  guint8 bytes[16];

  tessera_random_bytes (bytes, sizeof bytes);
  return tessera_base64url_encode (bytes, sizeof bytes);
}

static void
write_ms (gint64 ms, guint8 out_bytes[6])
{
  for (guint i = 0; i < 6; i++)
    out_bytes[i] = (guint8) (ms >> (40 - 8 * i));
}

char *
tessera_identifier_new_at (gint64 ms)
{
  guint8 bytes[16];

  write_ms (ms, bytes);
  tessera_random_bytes (bytes + 6, sizeof bytes - 6);
  return tessera_base64url_encode (bytes, sizeof bytes);
}

/* EVP allocates for each digest; the functions below it are the same arithmetic. */
G_GNUC_BEGIN_IGNORE_DEPRECATIONS
TesseraDigest
tessera_digest (const void *data, gssize length)
{
  gsize size = length < 0 ? strlen (data) : (gsize) length;
  SHA256_CTX context;
  TesseraDigest digest;

  if (SHA256_Init (&context) != 1 || SHA256_Update (&context, data, size) != 1
      || SHA256_Final (digest.bytes, &context) != 1)
    g_error ("OpenSSL cannot digest.");
  OPENSSL_cleanse (&context, sizeof context); /* a secret, maybe */
  return digest;
}
G_GNUC_END_IGNORE_DEPRECATIONS

TesseraDigest
tessera_hmac (const guint8 *key, gsize key_length, const void *data, gsize length)
{
  TesseraDigest digest;

  init_once ();
  if (HMAC (sha256, key, (int) key_length, data, length, digest.bytes, NULL) == NULL)
    g_error ("OpenSSL cannot compute an HMAC.");
  return digest;
}

gboolean
tessera_digest_equal (const TesseraDigest *a, const TesseraDigest *b)
{
  return CRYPTO_memcmp (a->bytes, b->bytes, TESSERA_DIGEST_SIZE) == 0;
}

guint
tessera_digest_hash (gconstpointer digest)
{
  guint hash;

  memcpy (&hash, ((const TesseraDigest *) digest)->bytes, sizeof hash);
  return hash;
}

gboolean
tessera_digest_equal_key (gconstpointer a, gconstpointer b)
{
  return tessera_digest_equal (a, b);
}

gboolean
tessera_secret_equal (const char *a, const char *b)
{
  if (a == NULL || b == NULL)
    return FALSE;

  gsize length = strlen (a);
  return length == strlen (b) && CRYPTO_memcmp (a, b, length) == 0;
}

void
tessera_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  OPENSSL_cleanse (secret, strlen (secret));
  g_free (secret);
}

gsize
tessera_base64url_length (gsize length)
{
  return length / 3 * 4 + (length % 3 == 0 ? 0 : length % 3 + 1);
}

char *
tessera_base64url_put (char *at, const guint8 *bytes, gsize length)
{
  const char *alphabet = base64url_alphabet;
  gsize i = 0;

  for (; i + 2 < length; i += 3)
    {
      guint32 group = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];
      *at++ = alphabet[group >> 18];
      *at++ = alphabet[group >> 12 & 63];
      *at++ = alphabet[group >> 6 & 63];
      *at++ = alphabet[group & 63];
    }
  if (i == length)
    return at;

  guint32 tail = bytes[i] << 16 | (i + 1 < length ? bytes[i + 1] << 8 : 0);
  *at++ = alphabet[tail >> 18];
  *at++ = alphabet[tail >> 12 & 63];
  if (i + 1 < length)
    *at++ = alphabet[tail >> 6 & 63];
  return at;
}

char *
tessera_base64url_encode (const guint8 *bytes, gsize length)
{
  char *text = g_malloc (tessera_base64url_length (length) + 1);

  *tessera_base64url_put (text, bytes, length) = '\0';
  return text;
}

void
tessera_base64url_append (GString *string, const guint8 *bytes, gsize length)
{
  gsize start = string->len;

  g_string_set_size (string, start + tessera_base64url_length (length));
  tessera_base64url_put (string->str + start, bytes, length);
}

/* One more than the six bits that a character stands for; 0: none. Whole tokens come through here,
 * and their characters cannot be foreseen: comparing them costs three times as much. */
typedef guint8 Sextets[256];

/* clang-format off */
#define LETTERS_AND_DIGITS                                                                        \
  ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,  \
  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, \
  ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, \
  ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, \
  ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, \
  ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, \
  ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, \
  ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62
/* clang-format on */

static const Sextets url_sextets = { LETTERS_AND_DIGITS, ['-'] = 63, ['_'] = 64 };
static const Sextets plain_sextets = { LETTERS_AND_DIGITS, ['+'] = 63, ['/'] = 64 };

/* Three bytes; FALSE when one of the four is not of the alphabet. */
static inline gboolean
decode_group (const Sextets sextets, const guchar *text, guint8 *out)
{
  guint8 a = sextets[text[0]], b = sextets[text[1]], c = sextets[text[2]], d = sextets[text[3]];
  guint32 bits
      = (guint32) (a - 1) << 18 | (guint32) (b - 1) << 12 | (guint32) (c - 1) << 6 | (d - 1);

  out[0] = (guint8) (bits >> 16);
  out[1] = (guint8) (bits >> 8);
  out[2] = (guint8) bits;
  return a != 0 && b != 0 && c != 0 && d != 0;
}

/* What two or three characters are behind the last group. Only one spelling of each value is taken
 * (threats.md D11): the bits that are left over are zero. */
static gboolean
decode_tail (const Sextets sextets, const guchar *text, gsize length, guint8 *out)
{
  guint32 bits = 0;

  for (gsize i = 0; i < length; i++)
    {
      if (sextets[text[i]] == 0)
        return FALSE;
      bits = bits << 6 | (guint32) (sextets[text[i]] - 1);
    }
  guint left = length == 2 ? 4 : 2;
  if ((bits & ((1u << left) - 1)) != 0)
    return FALSE;
  for (bits >>= left, length--; length > 0; length--, bits >>= 8)
    out[length - 1] = (guint8) bits;
  return TRUE;
}

static gboolean
decode_all (const Sextets sextets, const guchar *text, gsize length, guint8 *out)
{
  gsize tail = length % 4;

  for (const guchar *end = text + (length - tail); text < end; text += 4, out += 3)
    if (!decode_group (sextets, text, out))
      return FALSE;
  return tail == 0 || decode_tail (sextets, text, tail, out);
}

/* Without padding. */
static guint8 *
decode_base64 (const Sextets sextets, const char *text, gsize length, gsize *out_length)
{
  gsize tail = length % 4;

  if (tail == 1)
    return NULL;

  gsize size = length / 4 * 3 + (tail == 0 ? 0 : tail - 1);
  /* One byte more, a NUL, so that decoded text is a string and nothing is never NULL. */
  g_autofree guint8 *bytes = g_malloc (size + 1);

  if (!decode_all (sextets, (const guchar *) text, length, bytes))
    {
      OPENSSL_cleanse (bytes, size); /* half a secret */
      return NULL;
    }
  bytes[size] = 0;
  if (out_length != NULL)
    *out_length = size;
  return g_steal_pointer (&bytes);
}

guint8 *
tessera_base64url_decode (const char *text, gsize length, gsize *out_length)
{
  return decode_base64 (url_sextets, text, length, out_length);
}

guint8 *
tessera_base64_decode (const char *text, gsize length, gsize *out_length)
{
  gsize padded = length;

  if (padded % 4 != 0)
    return NULL;
  while (length > 0 && padded - length < 2 && text[length - 1] == '=')
    length--;
  return decode_base64 (plain_sextets, text, length, out_length);
}

void
tessera_uuid_write (const guint8 bytes[16], char *out_text)
{
  static const char hex[] = "0123456789abcdef";

  for (guint i = 0; i < 16; i++)
    {
      if (i == 4 || i == 6 || i == 8 || i == 10)
        *out_text++ = '-';
      *out_text++ = hex[bytes[i] >> 4];
      *out_text++ = hex[bytes[i] & 15];
    }
  *out_text = '\0';
}

char *
tessera_uuid_new (gint64 ms)
{
  guint8 bytes[16];
  char *text = g_malloc (TESSERA_UUID_LENGTH + 1);

  tessera_random_bytes (bytes + 6, sizeof bytes - 6);
  write_ms (ms, bytes);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  tessera_uuid_write (bytes, text);
  return text;
}

#define EACH_BYTE(value) (G_GUINT64_CONSTANT (0x0101010101010101) * (value))

/* Eight lower-case digits at once. FALSE when one of them is none: then it does not come out again
 * when what it would stand for is written. */
static gboolean
parse_eight_digits (guint64 text, guint8 out_bytes[4])
{
  guint64 digits = GUINT64_FROM_LE (text);
  guint64 values = (digits & EACH_BYTE (15)) + (digits >> 6 & EACH_BYTE (1)) * 9;
  guint64 letters = (values + EACH_BYTE (128 - 10)) >> 7 & EACH_BYTE (1);
  guint64 wrong = (values & EACH_BYTE (0xf0))
                  | (digits ^ (values + EACH_BYTE ('0') + letters * ('a' - '0' - 10)));

  guint64 bytes = (values << 4 | values >> 8) & G_GUINT64_CONSTANT (0x00ff00ff00ff00ff);
  bytes = (bytes | bytes >> 8) & G_GUINT64_CONSTANT (0x0000ffff0000ffff);
  guint32 all = GUINT32_TO_LE ((guint32) (bytes | bytes >> 16));
  memcpy (out_bytes, &all, sizeof all);
  return wrong == 0;
}

static guint64
load_digits (const char *first, const char *second)
{
  guint64 text;
  memcpy (&text, first, 4);
  memcpy ((guint8 *) &text + 4, second, 4);
  return text;
}

/* In the path of every check of a token. */
static gboolean
parse_uuid_digits (const char *text, guint8 out_bytes[16])
{
  gboolean good = parse_eight_digits (load_digits (text, text + 4), out_bytes);
  good &= parse_eight_digits (load_digits (text + 9, text + 14), out_bytes + 4);
  good &= parse_eight_digits (load_digits (text + 19, text + 24), out_bytes + 8);
  good &= parse_eight_digits (load_digits (text + 28, text + 32), out_bytes + 12);
  return good && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
}

gint64
tessera_uuid_get_ms (const guint8 bytes[16])
{
  gint64 ms = 0;
  for (guint i = 0; i < 6; i++)
    ms = ms << 8 | bytes[i];
  return ms;
}

gboolean
tessera_uuid_parse (const char *text, guint8 out_bytes[16], gint64 *out_ms)
{
  guint8 bytes[16];

  if (text == NULL || strlen (text) != TESSERA_UUID_LENGTH || !parse_uuid_digits (text, bytes))
    return FALSE;
  if (bytes[6] >> 4 != 7 || bytes[8] >> 6 != 2)
    return FALSE;

  if (out_bytes != NULL)
    memcpy (out_bytes, bytes, sizeof bytes);
  if (out_ms != NULL)
    *out_ms = tessera_uuid_get_ms (bytes);
  return TRUE;
}
