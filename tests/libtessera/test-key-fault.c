/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each single call of OpenSSL and of the file system that keys need fails once: what a key ring
 * says is done is done, what it refuses left no trace, and the next start finds keys that sign. The
 * linker puts our functions before theirs. */

#include "jose/tessera-jwt-private.h"
#include "jose/tessera-key-ring-private.h"
#include "grants/tessera-id-token-private.h"
#include "store/tessera-client-secrets-private.h"

#include "log-capture.h"

#include "base/tessera-seal-private.h"
#include "base/tessera-secret-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define ES256 TESSERA_ALGORITHM_ES256
#define NEVER G_MAXINT
#define CALLS_MAX 400

static int calls_left = NEVER; /* until one fails */
static guint signals_left;     /* so many of the next reads are interrupted */

static gboolean
fails (void)
{
  return calls_left != NEVER && calls_left > 0 && --calls_left == 0;
}

/* A function of theirs, and ours in its place that fails when it is its turn. */
#define WRAP(type, name, parameters, arguments, failure)                                           \
  type __real_##name parameters;                                                                   \
  type __wrap_##name parameters;                                                                   \
  type __wrap_##name parameters { return fails () ? failure : __real_##name arguments; }

WRAP (EVP_PKEY_CTX *,
      EVP_PKEY_CTX_new_from_pkey,
      (OSSL_LIB_CTX * library, EVP_PKEY *pkey, const char *query),
      (library, pkey, query),
      NULL)
WRAP (int,
      EVP_PKEY_CTX_set_signature_md,
      (EVP_PKEY_CTX * context, const EVP_MD *md),
      (context, md),
      0)
WRAP (int, EVP_PKEY_sign_init, (EVP_PKEY_CTX * context), (context), 0)
WRAP (int,
      EVP_PKEY_verify,
      (EVP_PKEY_CTX * context,
       const unsigned char *signature,
       size_t length,
       const unsigned char *data,
       size_t data_length),
      (context, signature, length, data, data_length),
      -1)
WRAP (int, EVP_PKEY_verify_init, (EVP_PKEY_CTX * context), (context), 0)
WRAP (int,
      EVP_PKEY_sign,
      (EVP_PKEY_CTX * context,
       unsigned char *signature,
       size_t *length,
       const unsigned char *data,
       size_t data_length),
      (context, signature, length, data, data_length),
      0)
WRAP (int,
      EVP_PKEY_get_bn_param,
      (const EVP_PKEY *pkey, const char *name, BIGNUM **number),
      (pkey, name, number),
      0)
WRAP (int,
      EVP_PKEY_get_raw_public_key,
      (const EVP_PKEY *pkey, unsigned char *bytes, size_t *length),
      (pkey, bytes, length),
      0)
WRAP (int,
      EVP_PKEY_get_raw_private_key,
      (const EVP_PKEY *pkey, unsigned char *bytes, size_t *length),
      (pkey, bytes, length),
      0)
WRAP (int,
      EVP_PKEY_fromdata,
      (EVP_PKEY_CTX * context, EVP_PKEY **pkey, int selection, OSSL_PARAM params[]),
      (context, pkey, selection, params),
      0)
WRAP (void *,
      CRYPTO_secure_zalloc,
      (size_t size, const char *file, int line),
      (size, file, line),
      NULL)
WRAP (int, g_unlink, (const char *path), (path), (errno = EACCES, -1))
WRAP (gboolean,
      g_file_set_contents_full,
      (const char *path,
       const char *text,
       gssize length,
       GFileSetContentsFlags flags,
       int mode,
       GError **error),
      (path, text, length, flags, mode, error),
      (g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "injected"), FALSE))

ssize_t __real_read (int fd, void *buffer, size_t size);
ssize_t __wrap_read (int fd, void *buffer, size_t size);

ssize_t
__wrap_read (int fd, void *buffer, size_t size)
{
  if (signals_left == 0 && !fails ())
    return __real_read (fd, buffer, size);
  errno = signals_left > 0 ? EINTR : EIO;
  signals_left -= signals_left > 0 ? 1 : 0;
  return -1;
}

/* What a fortified build calls where the size of the buffer is known. */
ssize_t __wrap___read_chk (int fd, void *buffer, size_t size, size_t buffer_size);

ssize_t
__wrap___read_chk (int fd, void *buffer, size_t size, size_t buffer_size)
{
  g_assert_cmpuint (size, <=, buffer_size);
  return __wrap_read (fd, buffer, size);
}

EVP_PKEY *
__real_EVP_PKEY_Q_keygen (OSSL_LIB_CTX *library, const char *query, const char *type, ...);
EVP_PKEY *
__wrap_EVP_PKEY_Q_keygen (OSSL_LIB_CTX *library, const char *query, const char *type, ...);

EVP_PKEY *
__wrap_EVP_PKEY_Q_keygen (OSSL_LIB_CTX *library, const char *query, const char *type, ...)
{
  va_list arguments;
  EVP_PKEY *pkey = NULL;

  if (fails ())
    return NULL;
  va_start (arguments, type);
  if (strcmp (type, "EC") == 0)
    pkey = __real_EVP_PKEY_Q_keygen (library, query, type, va_arg (arguments, char *));
  else if (strcmp (type, "RSA") == 0)
    pkey = __real_EVP_PKEY_Q_keygen (library, query, type, va_arg (arguments, size_t));
  else
    pkey = __real_EVP_PKEY_Q_keygen (library, query, type);
  va_end (arguments);
  return pkey;
}

/* --- a ring on the disk --- */

typedef struct
{
  char *directory;
  TesseraClock *clock;
  TesseraKeyRing *ring;
} Place;

static void
place_open (Place *self)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&self->ring, tessera_key_ring_free);
  self->ring = tessera_key_ring_open (self->directory, ES256, TRUE, self->clock, &error);
  g_assert_no_error (error);
}

static void
place_clear (Place *self)
{
  g_autoptr (GDir) directory = g_dir_open (self->directory, 0, NULL);
  const char *name = NULL;

  g_clear_pointer (&self->ring, tessera_key_ring_free);
  while (directory != NULL && (name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (self->directory, name, NULL);

      g_unlink (file);
    }
  g_rmdir (self->directory);
  g_free (self->directory);
  tessera_clock_unref (self->clock);
}

static void
place_init (Place *self, gboolean open)
{
  self->directory = g_dir_make_tmp ("tessera-key-fault-XXXXXX", NULL);
  self->clock = tessera_clock_new ();
  self->ring = NULL;
  if (open)
    place_open (self);
}

static char *
dup_kid (Place *self, TesseraKeyState state)
{
  g_autoptr (GPtrArray) entries = tessera_key_ring_list (self->ring);

  for (guint i = 0; i < entries->len; i++)
    {
      TesseraKeyEntry *entry = g_ptr_array_index (entries, i);
      if (entry->state == state && tessera_key_get_algorithm (entry->key) == ES256)
        return g_strdup (tessera_key_get_id (entry->key));
    }
  g_assert_not_reached ();
}

static gboolean
is_in_jwks (Place *self, const char *kid)
{
  g_autoptr (GBytes) jwks = tessera_key_ring_dup_jwks (self->ring, NULL);

  return g_strstr_len (g_bytes_get_data (jwks, NULL), (gssize) g_bytes_get_size (jwks), kid)
         != NULL;
}

static void
assert_signs (Place *self)
{
  guint8 signature[TESSERA_SIGNATURE_MAX];
  gsize length = 0;
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (self->ring, ES256);

  g_assert_nonnull (key);
  g_assert_true (tessera_key_sign (key, "data", 4, signature, &length, NULL));
  g_assert_true (tessera_key_verify (key, "data", 4, signature, length));
  g_assert_true (is_in_jwks (self, tessera_key_get_id (key)));
}

/* --- what is tried --- */

static void
create (Place *self, GError **error)
{
  self->ring = tessera_key_ring_open (self->directory, ES256, TRUE, self->clock, error);
  g_assert_cmpint (self->ring != NULL, ==, *error == NULL);
}

static void
reopen (Place *self, GError **error)
{
  g_clear_pointer (&self->ring, tessera_key_ring_free);
  self->ring = tessera_key_ring_open (self->directory, ES256, FALSE, self->clock, error);
  g_assert_cmpint (self->ring != NULL, ==, *error == NULL);
}

static void
rotate (Place *self, GError **error)
{
  g_autofree char *before = dup_kid (self, TESSERA_KEY_ACTIVE);
  gboolean done = tessera_key_ring_rotate (self->ring, 900, TRUE, error);
  g_autofree char *after = dup_kid (self, TESSERA_KEY_ACTIVE);

  g_assert_cmpint (strcmp (before, after) != 0, ==, done);
}

static void
revoke_active (Place *self, GError **error)
{
  g_autofree char *kid = dup_kid (self, TESSERA_KEY_ACTIVE);
  gboolean done = tessera_key_ring_revoke (self->ring, kid, error);
  g_autoptr (TesseraKey) key = tessera_key_ring_lookup (self->ring, kid);

  g_assert_cmpint (key == NULL, ==, done);
  calls_left = NEVER;
  if (!done)
    return;
  place_open (self);
  g_assert_null (tessera_key_ring_lookup (self->ring, kid));
}

static void
retire (Place *self, GError **error)
{
  g_autofree char *kid = dup_kid (self, TESSERA_KEY_NEXT);
  gboolean done = tessera_key_ring_retire (self->ring, kid, error);

  g_assert_cmpint (is_in_jwks (self, kid), ==, !done);
}

static void
add_algorithm (Place *self, GError **error)
{
  gboolean done = tessera_key_ring_ensure (self->ring, TESSERA_ALGORITHM_EDDSA, error);
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (self->ring, TESSERA_ALGORITHM_EDDSA);

  g_assert_cmpint (key != NULL, ==, done);
}

static void
make_sealing_key (Place *self, GError **error)
{
  gboolean done = tessera_key_ring_ensure_sealing_key (self->ring, error);

  g_assert_cmpint (done, ==, *error == NULL);

  g_assert_cmpint (tessera_key_ring_get_sealing_key (self->ring) != NULL, ==, done);
}

/* It is read again as it was, whatever went wrong before. */
static void
reopen_sealing_key (Place *self, GError **error)
{
  guint8 before[TESSERA_SEAL_KEY_SIZE];
  int left = calls_left;

  calls_left = NEVER;
  g_assert_true (tessera_key_ring_ensure_sealing_key (self->ring, NULL));
  memcpy (before, tessera_key_ring_get_sealing_key (self->ring), sizeof before);
  calls_left = left;
  reopen (self, error);
  left = calls_left;
  calls_left = NEVER;
  if (self->ring == NULL)
    place_open (self);
  g_assert_cmpmem (tessera_key_ring_get_sealing_key (self->ring), sizeof before, before,
                   sizeof before);
  calls_left = left;
}

/* A client whose secret cannot be sealed is not kept. */
static void
seal_client (Place *self, GError **error)
{
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c", "token-endpoint-auth-method",
                      "client_secret_jwt", "secret", "a-secret-of-at-least-128-bits-of-length",
                      NULL);
  gboolean done = tessera_client_secrets_seal (client, self->ring, error);

  g_assert_cmpint (tessera_client_needs_seal (client), ==, !done);
}

/* Nor is one without the keys that its tokens are to be signed with. */
static void
make_client_keys (Place *self, GError **error)
{
  g_autoptr (TesseraClient) client
      = g_object_new (TESSERA_TYPE_CLIENT, "id", "c", "scope", "openid", "redirect-uris",
                      (const char *const[]){ "https://rp.test/cb", NULL },
                      "id-token-signed-response-alg", "EdDSA", "userinfo-signed-response-alg",
                      "EdDSA", NULL);
  gboolean done = tessera_id_token_make_key (self->ring, client, error);
  g_autoptr (TesseraKey) key = tessera_key_ring_dup_active (self->ring, TESSERA_ALGORITHM_EDDSA);

  g_assert_cmpint (key != NULL, ==, done);
}

static const struct
{
  const char *name;
  void (*run) (Place *self, GError **error);
  gboolean open;
} operations[] = {
  { "create", create, FALSE },
  { "reopen", reopen, TRUE },
  { "rotate", rotate, TRUE },
  { "revoke", revoke_active, TRUE },
  { "retire", retire, TRUE },
  { "add-algorithm", add_algorithm, TRUE },
  { "make-sealing-key", make_sealing_key, TRUE },
  { "reopen-sealing-key", reopen_sealing_key, TRUE },
  { "seal-client", seal_client, TRUE },
  { "make-client-keys", make_client_keys, TRUE },
};

static void
test_operation (gconstpointer data)
{
  guint which = GPOINTER_TO_UINT (data);
  gboolean reached = TRUE;
  int step = 0;

  while (reached && ++step < CALLS_MAX)
    {
      Place place;
      g_autoptr (GError) error = NULL;

      place_init (&place, operations[which].open);
      log_capture_begin ();
      calls_left = step;
      operations[which].run (&place, &error);
      reached = calls_left == 0 || calls_left == NEVER;
      if (calls_left != 0 && calls_left != NEVER)
        g_assert_no_error (error);
      if (operations[which].run == revoke_active)
        reached = step < 60;
      calls_left = NEVER;
      log_capture_end ();
      place_open (&place);
      assert_signs (&place);
      place_clear (&place);
    }
  g_assert_cmpint (step, >, 2);
}

/* A signal is no fault: what it interrupts goes on. */
static void
test_interrupted_reading_goes_on (void)
{
  Place place;

  place_init (&place, TRUE);
  g_autofree char *active = dup_kid (&place, TESSERA_KEY_ACTIVE);
  signals_left = 5;
  place_open (&place);
  g_assert_cmpuint (signals_left, ==, 0);
  g_autofree char *again = dup_kid (&place, TESSERA_KEY_ACTIVE);
  g_assert_cmpstr (again, ==, active);
  place_clear (&place);
}

/* --- one key --- */

static void
test_signing (gconstpointer data)
{
  TesseraAlgorithm algorithm = GPOINTER_TO_INT (data);
  g_autoptr (TesseraKey) made = tessera_key_generate (algorithm, NULL);
  g_autoptr (TesseraSecret) pem = tessera_key_dup_private_pem (made);

  for (int step = 1; step < 12; step++)
    {
      g_autoptr (TesseraKey) key = tessera_key_new_from_pem (pem, -1, algorithm, NULL);
      g_autoptr (TesseraClaims) claims = tessera_claims_new ();
      g_autoptr (GError) error = NULL;

      calls_left = step;
      g_autofree char *token = tessera_jwt_sign (key, "JWT", claims, &error);
      g_assert_cmpint (token != NULL, ==, error == NULL);
      calls_left = NEVER;
      g_autofree char *good_token = tessera_jwt_sign (made, "JWT", claims, NULL);
      g_autoptr (TesseraJwt) jwt = tessera_jwt_parse (good_token, strlen (good_token), NULL);
      calls_left = step;
      gboolean good = tessera_jwt_verify (jwt, key);
      gboolean failed = calls_left == 0;
      calls_left = NEVER;
      g_assert_cmpint (good, ==, !failed); /* an error is no good signature */
      g_assert_true (tessera_jwt_verify (jwt, key));
    }
}

static void
test_reading (gconstpointer data)
{
  TesseraAlgorithm algorithm = GPOINTER_TO_INT (data);
  g_autoptr (TesseraKey) made = tessera_key_generate (algorithm, NULL);
  g_autoptr (TesseraSecret) pem = tessera_key_dup_private_pem (made);

  for (int step = 1; step < 16; step++)
    {
      g_autoptr (GError) error = NULL;
      calls_left = step;
      g_autoptr (TesseraKey) key = tessera_key_new_from_pem (pem, -1, algorithm, &error);
      calls_left = NEVER;

      g_assert_cmpint (key != NULL, ==, error == NULL);
      if (key != NULL)
        g_assert_cmpstr (tessera_key_get_id (key), ==, tessera_key_get_id (made));
      calls_left = step;
      g_autoptr (TesseraSecret) again = tessera_key_dup_private_pem (made);
      calls_left = NEVER;
      g_assert_cmpstr (again, ==, pem);
    }
}

int
main (int argc, char **argv)
{
  static const TesseraAlgorithm algorithms[]
      = { ES256, TESSERA_ALGORITHM_EDDSA, TESSERA_ALGORITHM_RS256, TESSERA_ALGORITHM_PS256 };

  log_capture_init ();
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    {
      g_autofree char *path = g_strconcat ("/key-fault/", operations[i].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_operation);
    }
  g_test_add_func ("/key-fault/interrupted-reading-goes-on", test_interrupted_reading_goes_on);
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    {
      const char *name = tessera_algorithm_get_name (algorithms[i]);
      g_autofree char *signing = g_strconcat ("/key-fault/signing-", name, NULL);
      g_autofree char *reading = g_strconcat ("/key-fault/reading-", name, NULL);

      g_test_add_data_func (signing, GINT_TO_POINTER (algorithms[i]), test_signing);
      g_test_add_data_func (reading, GINT_TO_POINTER (algorithms[i]), test_reading);
    }
  return g_test_run ();
}
