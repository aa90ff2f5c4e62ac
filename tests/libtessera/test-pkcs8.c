/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private keys as text, held against what OpenSSL reads and writes. */
#include "jose/tessera-pkcs8-private.h"

#include "base/tessera-secret-private.h"
#include "jose/tessera-key-private.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

static EVP_PKEY *ec;
static EVP_PKEY *ed25519;

static char *
steal_bio (BIO *bio)
{
  char *data = NULL;
  long length = BIO_get_mem_data (bio, &data);
  char *text = g_strndup (data, length);

  BIO_free (bio);
  return text;
}

static char *
write_by_openssl (EVP_PKEY *pkey)
{
  BIO *bio = BIO_new (BIO_s_mem ());

  g_assert_cmpint (PEM_write_bio_PKCS8PrivateKey (bio, pkey, NULL, NULL, 0, NULL, NULL), ==, 1);
  return steal_bio (bio);
}

static EVP_PKEY *
parse (const char *pem)
{
  return tessera_pkcs8_parse_pem (pem, strlen (pem));
}

static gboolean
parses (const char *pem)
{
  EVP_PKEY *pkey = parse (pem);
  gboolean good = pkey != NULL;

  EVP_PKEY_free (pkey);
  return good;
}

static void
test_writes_what_openssl_writes (void)
{
  for (guint i = 0; i < 50; i++)
    {
      EVP_PKEY *pkey = i % 2 == 0 ? EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256")
                                  : EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
      g_autofree char *theirs = write_by_openssl (pkey);
      g_autoptr (TesseraSecret) ours = tessera_pkcs8_dup_pem (pkey);

      g_assert_cmpstr (ours, ==, theirs);
      EVP_PKEY_free (pkey);
    }
}

static void
test_reads_what_openssl_writes (void)
{
  EVP_PKEY *keys[] = { ec, ed25519 };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *pem = write_by_openssl (keys[i]);
      EVP_PKEY *read = parse (pem);

      g_assert_nonnull (read);
      g_assert_cmpint (EVP_PKEY_eq (read, keys[i]), ==, 1);
      g_autofree char *again = write_by_openssl (read);
      g_assert_cmpstr (again, ==, pem);
      EVP_PKEY_free (read);
    }
}

static void
test_leaves_other_keys_to_openssl (void)
{
  EVP_PKEY *others[]
      = { EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) 1024),
          EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-384"),
          EVP_PKEY_Q_keygen (NULL, NULL, "EC", "secp256k1"),
          EVP_PKEY_Q_keygen (NULL, NULL, "X25519"), EVP_PKEY_Q_keygen (NULL, NULL, "ED448") };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *pem = write_by_openssl (others[i]);

      g_assert_null (parse (pem));
      g_assert_null (tessera_pkcs8_dup_pem (others[i]));
      EVP_PKEY_free (others[i]);
    }
}

static void
test_leaves_other_texts_to_openssl (void)
{
  BIO *bio = BIO_new (BIO_s_mem ());
  g_autofree char *pem = write_by_openssl (ec);
  g_autofree char *behind = g_strconcat (pem, "\n", NULL);
  g_autofree char *before = g_strconcat ("x\n", pem, NULL);

  g_assert_cmpint (PEM_write_bio_PrivateKey_traditional (bio, ec, NULL, NULL, 0, NULL, NULL), ==,
                   1);
  g_autofree char *traditional = steal_bio (bio);
  g_assert_false (parses (traditional));
  g_assert_false (parses (behind));
  g_assert_false (parses (before));
  g_assert_false (parses (""));
  g_assert_false (parses ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"));
  g_assert_false (parses ("-----BEGIN PRIVATE KEY-----\nMC4\n-----END PRIVATE KEY-----\n"));
  g_assert_false (parses ("-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n"));
  for (gsize i = 0; i < strlen (pem); i++)
    g_assert_null (tessera_pkcs8_parse_pem (pem, i));
}

static void
test_long_texts_do_not_overflow (void)
{
  g_autoptr (GString) text = g_string_new ("-----BEGIN PRIVATE KEY-----\n");

  for (guint i = 0; i < 4096; i++)
    g_string_append (text, "QUJD");
  g_string_append (text, "\n-----END PRIVATE KEY-----\n");
  g_assert_false (parses (text->str));
}

/* A character changed is another key of the same form, whose halves the caller holds against each
 * other, or nothing at all. */
static void
test_a_changed_character_is_never_the_same_key (void)
{
  EVP_PKEY *keys[] = { ec, ed25519 };

  for (guint k = 0; k < G_N_ELEMENTS (keys); k++)
    {
      g_autofree char *pem = write_by_openssl (keys[k]);

      for (gsize i = 0; i < strlen (pem); i++)
        {
          char kept = pem[i];
          pem[i] = kept == 'B' ? 'C' : 'B';
          EVP_PKEY *read = parse (pem);
          if (read != NULL)
            {
              g_autoptr (TesseraSecret) text = tessera_pkcs8_dup_pem (read);
              g_assert_cmpstr (text, ==, pem);
            }
          EVP_PKEY_free (read);
          pem[i] = kept;
        }
    }
}

/* Put together from its parts: P-256 with a secret number of our choice and the point of @ec. */
static char *
make_ec_pem (guint8 number_byte)
{
  guint8 der[138];
  guint8 base64[200];
  g_autofree char *pem = write_by_openssl (ec);
  g_auto (GStrv) lines = g_strsplit (pem, "\n", -1);
  g_autofree char *text = g_strconcat (lines[1], lines[2], lines[3], NULL);
  gsize length = 0;
  g_autofree guchar *bytes = g_base64_decode (text, &length);

  g_assert_cmpuint (length, ==, sizeof der);
  memcpy (der, bytes, sizeof der);
  memset (der + 36, number_byte, 32);
  EVP_EncodeBlock (base64, der, sizeof der);
  return g_strdup_printf ("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
}

static void
test_a_foreign_or_impossible_number_makes_no_key (void)
{
  static const guint8 numbers[] = { 0x00, 0x11, 0xff };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *pem = make_ec_pem (numbers[i]);
      g_autoptr (TesseraKey) key
          = tessera_key_new_from_pem (pem, -1, TESSERA_ALGORITHM_ES256, NULL);

      g_assert_null (key);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ec = EVP_PKEY_Q_keygen (NULL, NULL, "EC", "P-256");
  ed25519 = EVP_PKEY_Q_keygen (NULL, NULL, "ED25519");
  g_test_add_func ("/pkcs8/writes-what-openssl-writes", test_writes_what_openssl_writes);
  g_test_add_func ("/pkcs8/reads-what-openssl-writes", test_reads_what_openssl_writes);
  g_test_add_func ("/pkcs8/leaves-other-keys-to-openssl", test_leaves_other_keys_to_openssl);
  g_test_add_func ("/pkcs8/leaves-other-texts-to-openssl", test_leaves_other_texts_to_openssl);
  g_test_add_func ("/pkcs8/long-texts-do-not-overflow", test_long_texts_do_not_overflow);
  g_test_add_func ("/pkcs8/a-changed-character-is-never-the-same-key",
                   test_a_changed_character_is_never_the_same_key);
  g_test_add_func ("/pkcs8/a-foreign-or-impossible-number-makes-no-key",
                   test_a_foreign_or_impossible_number_makes_no_key);
  int result = g_test_run ();
  EVP_PKEY_free (ec);
  EVP_PKEY_free (ed25519);
  return result;
}
