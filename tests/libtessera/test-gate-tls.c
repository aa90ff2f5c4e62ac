/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gate/tessera-gate-tls-private.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PATIENCE_US (10 * G_TIME_SPAN_SECOND)

typedef struct
{
  TesseraTlsContext *context;
  GSocket *server_socket, *client_socket;
  TesseraTls *tls;
  SSL_CTX *client_context;
  SSL *client;
  TesseraTlsState state;
  guint n_steps; /* that were said to be over */
} Fixture;

/* --- a certificate --- */

static char *
dup_pem (BIO *bio)
{
  char *bytes = NULL;
  long length = BIO_get_mem_data (bio, &bytes);
  char *pem = g_strndup (bytes, (gsize) length);

  BIO_free (bio);
  return pem;
}

/* Of @name and @key, signed by @issuer with @issuer_key. */
static char *
make_certificate_pem (const char *name, EVP_PKEY *key, const char *issuer, EVP_PKEY *issuer_key)
{
  X509 *x509 = X509_new ();
  BIO *bio = BIO_new (BIO_s_mem ());

  X509_set_version (x509, 2);
  ASN1_INTEGER_set (X509_get_serialNumber (x509), 1);
  X509_gmtime_adj (X509_getm_notBefore (x509), -60);
  X509_gmtime_adj (X509_getm_notAfter (x509), 3600);
  X509_NAME_add_entry_by_txt (X509_get_subject_name (x509), "CN", MBSTRING_ASC,
                              (const guchar *) name, -1, -1, 0);
  X509_NAME_add_entry_by_txt (X509_get_issuer_name (x509), "CN", MBSTRING_ASC,
                              (const guchar *) issuer, -1, -1, 0);
  X509_set_pubkey (x509, key);
  X509_sign (x509, issuer_key, EVP_sha256 ());
  PEM_write_bio_X509 (bio, x509);
  X509_free (x509);
  return dup_pem (bio);
}

/* With the one that signed it behind it, and, if @with_key, an ECDSA key. */
static GTlsCertificate *
make_certificate_of (EVP_PKEY *issuer_key, gboolean with_key)
{
  EVP_PKEY *key = EVP_EC_gen ("P-256");
  BIO *bio = BIO_new (BIO_s_mem ());
  g_autofree char *certificate = make_certificate_pem ("as.example", key, "CA", issuer_key);
  g_autofree char *issuer = make_certificate_pem ("CA", issuer_key, "CA", issuer_key);
  g_autoptr (GError) error = NULL;

  PEM_write_bio_PrivateKey (bio, key, NULL, NULL, 0, NULL, NULL);
  EVP_PKEY_free (key);
  EVP_PKEY_free (issuer_key);
  g_autofree char *key_pem = dup_pem (bio);
  g_autofree char *pem = g_strconcat (certificate, issuer, with_key ? key_pem : "", NULL);
  GTlsCertificate *made = g_tls_certificate_new_from_pem (pem, -1, &error);
  g_assert_no_error (error);
  return made;
}

static GTlsCertificate *
make_certificate (gboolean with_key)
{
  return make_certificate_of (EVP_EC_gen ("P-256"), with_key);
}

/* The linker puts these before GLib's. */

static gboolean threads_wait; /* nobody takes a step */
static guint n_threads_called;
static GThreadPool *called_pool;

guint __wrap_g_get_num_processors (void);
gboolean __real_g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error);
gboolean __wrap_g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error);

guint
__wrap_g_get_num_processors (void)
{
  return 64;
}

gboolean
__wrap_g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  if (!threads_wait)
    return __real_g_thread_pool_push (pool, data, error);
  n_threads_called++;
  called_pool = pool;
  return TRUE;
}

/* Who was called in the meantime comes now. */
static void
let_threads_come (void)
{
  threads_wait = FALSE;
  for (; n_threads_called > 0; n_threads_called--)
    __real_g_thread_pool_push (called_pool, called_pool, NULL);
}

/* --- what OpenSSL takes, but for the client --- */

typedef struct
{
  gsize size; /* 0: not counted */
  gsize room; /* what follows is aligned */
} Piece;

static gint64 sum_taken; /* atomic; bytes, with what malloc () adds */
static __thread gboolean client_works;

static void *
take (size_t size, const char *file, int line)
{
  Piece *piece = malloc (sizeof (Piece) + size);

  piece->size = client_works ? 0 : (size + 31) & ~(gsize) 15;
  piece->room = size;
  __atomic_add_fetch (&sum_taken, (gint64) piece->size, __ATOMIC_SEQ_CST);
  return piece + 1;
}

static void
give_back (void *bytes, const char *file, int line)
{
  if (bytes == NULL)
    return;
  Piece *piece = (Piece *) bytes - 1;
  __atomic_sub_fetch (&sum_taken, (gint64) piece->size, __ATOMIC_SEQ_CST);
  free (piece);
}

static void *
take_again (void *bytes, size_t size, const char *file, int line)
{
  void *more = size > 0 ? take (size, file, line) : NULL;

  if (bytes != NULL && more != NULL)
    memcpy (more, bytes, MIN (size, ((Piece *) bytes - 1)->room));
  give_back (bytes, file, line);
  return more;
}

/* --- two ends of a connection --- */

static const TesseraGateAddress any_address = { .family = AF_INET, .prefix = 1 };

static void
connect_sockets (Fixture *fixture)
{
  g_autoptr (GSocket) listening
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);

  g_assert_true (g_socket_bind (listening, any, TRUE, NULL));
  g_assert_true (g_socket_listen (listening, NULL));
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (listening, NULL);
  fixture->client_socket
      = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_assert_true (g_socket_connect (fixture->client_socket, address, NULL, NULL));
  fixture->server_socket = g_socket_accept (listening, NULL, NULL);
  g_socket_set_blocking (fixture->server_socket, FALSE);
  g_socket_set_blocking (fixture->client_socket, FALSE);
}

static void
set_up (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GTlsCertificate) certificate = make_certificate (TRUE);
  g_autoptr (GError) error = NULL;

  fixture->context = tessera_tls_context_new (certificate, &error);
  g_assert_no_error (error);
  connect_sockets (fixture);
  fixture->tls
      = tessera_tls_new (fixture->context, g_socket_get_fd (fixture->server_socket), &any_address);
  fixture->client_context = SSL_CTX_new (TLS_client_method ());
  SSL_CTX_set_security_level (fixture->client_context, 0);
  SSL_CTX_set_cipher_list (fixture->client_context, "ALL:@SECLEVEL=0");
  fixture->client = SSL_new (fixture->client_context);
  SSL_set_fd (fixture->client, g_socket_get_fd (fixture->client_socket));
  SSL_set_connect_state (fixture->client);
  fixture->state = TESSERA_TLS_WANTS_READ;
}

static void
tear_down (Fixture *fixture, gconstpointer unused)
{
  g_clear_pointer (&fixture->tls, tessera_tls_free);
  g_clear_pointer (&fixture->context, tessera_tls_context_unref);
  SSL_free (fixture->client);
  SSL_CTX_free (fixture->client_context);
  g_clear_object (&fixture->server_socket);
  g_clear_object (&fixture->client_socket);
  ERR_clear_error ();
  while (g_main_context_iteration (NULL, FALSE)) /* steps that nobody hears of */
    ;
}

/* --- pumping --- */

static void
on_step (TesseraTls *tls, TesseraTlsState state, gpointer owner)
{
  Fixture *fixture = owner;

  g_assert_true (tls == fixture->tls);
  fixture->state = state;
  fixture->n_steps++;
}

static gboolean
is_readable (GSocket *socket)
{
  struct pollfd watch = { .fd = g_socket_get_fd (socket), .events = POLLIN };

  return poll (&watch, 1, 0) == 1;
}

/* One step of the server's, if there is something to read. */
static void
step_server (Fixture *fixture)
{
  guint before = fixture->n_steps;

  if (fixture->state != TESSERA_TLS_WANTS_READ || !is_readable (fixture->server_socket))
    return;
  tessera_tls_handshake (fixture->tls, on_step, fixture);
  g_assert_cmpuint (fixture->n_steps, ==, before);
  while (fixture->n_steps == before)
    g_main_context_iteration (NULL, TRUE);
}

/* As far as it goes. Whether the client is content too. */
static gboolean
shake_hands (Fixture *fixture)
{
  int outcome = 0;

  for (guint i = 0; i < 2000; i++)
    {
      outcome = SSL_do_handshake (fixture->client);
      if (outcome != 1 && SSL_get_error (fixture->client, outcome) != SSL_ERROR_WANT_READ)
        break;
      step_server (fixture);
      if (outcome == 1 && fixture->state != TESSERA_TLS_WANTS_READ)
        break;
      if (fixture->state == TESSERA_TLS_FAILED)
        break;
    }
  ERR_clear_error ();
  return outcome == 1;
}

static gssize
read_some (Fixture *fixture, char *buffer, gsize count)
{
  const gint64 end = g_get_monotonic_time () + PATIENCE_US;
  gssize length;

  do
    length = tessera_tls_read (fixture->tls, buffer, count);
  while (length == TESSERA_TLS_LATER && g_get_monotonic_time () < end);
  return length;
}

/* How many bytes the server has yet to read. */
static gsize
count_unread (Fixture *fixture)
{
  int count = 0;

  g_assert_cmpint (ioctl (g_socket_get_fd (fixture->server_socket), FIONREAD, &count), ==, 0);
  return (gsize) count;
}

static void
await_bytes (Fixture *fixture, gsize count)
{
  while (count_unread (fixture) < count)
    g_usleep (100);
  g_assert_cmpuint (count_unread (fixture), ==, count);
}

/* --- tests --- */

static void
check_version (Fixture *fixture, int version, gboolean good)
{
  SSL_set_min_proto_version (fixture->client, version);
  SSL_set_max_proto_version (fixture->client, version);
  g_assert_cmpint (shake_hands (fixture) && fixture->state == TESSERA_TLS_READY, ==, good);
  if (good)
    g_assert_cmpint (SSL_version (fixture->client), ==, version);
  else
    g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
}

static void
test_speaks_tls_1_3 (Fixture *fixture, gconstpointer unused)
{
  check_version (fixture, TLS1_3_VERSION, TRUE);
}

static void
test_speaks_tls_1_2 (Fixture *fixture, gconstpointer unused)
{
  check_version (fixture, TLS1_2_VERSION, TRUE);
}

static void
test_refuses_tls_1_1 (Fixture *fixture, gconstpointer unused)
{
  check_version (fixture, TLS1_1_VERSION, FALSE);
}

static void
test_refuses_tls_1_0 (Fixture *fixture, gconstpointer unused)
{
  check_version (fixture, TLS1_VERSION, FALSE);
}

static void
test_refuses_key_exchange_without_secrecy (Fixture *fixture, gconstpointer unused)
{
  SSL_set_max_proto_version (fixture->client, TLS1_2_VERSION);
  SSL_set_cipher_list (fixture->client, "ECDHE-ECDSA-AES128-SHA:AES128-SHA:@SECLEVEL=0");
  g_assert_false (shake_hands (fixture));
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
}

static void
test_chooses_http_1_1 (Fixture *fixture, gconstpointer unused)
{
  static const guchar offer[] = "\x02h2\x08http/1.1";
  const guchar *chosen = NULL;
  guint length = 0;

  SSL_set_alpn_protos (fixture->client, offer, sizeof offer - 1);
  g_assert_true (shake_hands (fixture));
  SSL_get0_alpn_selected (fixture->client, &chosen, &length);
  g_assert_cmpmem (chosen, length, "http/1.1", 8);
}

static void
test_refuses_other_protocols (Fixture *fixture, gconstpointer unused)
{
  SSL_set_alpn_protos (fixture->client, (const guchar *) "\x02h2", 3);
  g_assert_false (shake_hands (fixture));
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
}

static void
test_carries_bytes_both_ways (Fixture *fixture, gconstpointer unused)
{
  char buffer[64];

  g_assert_true (shake_hands (fixture));
  g_assert_cmpint (tessera_tls_read (fixture->tls, buffer, sizeof buffer), ==, TESSERA_TLS_LATER);
  g_assert_cmpint (tessera_tls_get_wish (fixture->tls), ==, TESSERA_TLS_WANTS_READ);
  g_assert_cmpint (SSL_write (fixture->client, "question", 8), ==, 8);
  g_assert_cmpint (read_some (fixture, buffer, 3), ==, 3);
  g_assert_true (tessera_tls_has_pending (fixture->tls)); /* and the descriptor tells nothing */
  g_assert_false (is_readable (fixture->server_socket));
  g_assert_cmpint (read_some (fixture, buffer + 3, sizeof buffer - 3), ==, 5);
  g_assert_cmpmem (buffer, 8, "question", 8);
  g_assert_false (tessera_tls_has_pending (fixture->tls));
  g_assert_cmpint (tessera_tls_write (fixture->tls, "answer", 6), ==, 6);
  g_assert_cmpint (SSL_read (fixture->client, buffer, sizeof buffer), ==, 6);
  g_assert_cmpmem (buffer, 6, "answer", 6);
}

/* What a handshake may not, a connection may: read as often as it likes. */
static void
test_reads_for_ever (Fixture *fixture, gconstpointer unused)
{
  char byte;

  g_assert_true (shake_hands (fixture));
  for (guint i = 0; i < 1100; i++)
    {
      g_assert_cmpint (SSL_write (fixture->client, "x", 1), ==, 1);
      g_assert_cmpint (read_some (fixture, &byte, 1), ==, 1);
    }
}

static void
test_tells_how_it_ends (Fixture *fixture, gconstpointer unused)
{
  char buffer[8];

  g_assert_true (shake_hands (fixture));
  tessera_tls_say_goodbye (fixture->tls);
  g_assert_cmpint (SSL_read (fixture->client, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (SSL_get_error (fixture->client, 0), ==, SSL_ERROR_ZERO_RETURN);
  SSL_shutdown (fixture->client);
  g_assert_cmpint (read_some (fixture, buffer, sizeof buffer), ==, 0);
}

static void
test_bears_an_end_without_goodbye (Fixture *fixture, gconstpointer unused)
{
  char buffer[8];

  g_assert_true (shake_hands (fixture));
  g_socket_shutdown (fixture->client_socket, FALSE, TRUE, NULL);
  g_assert_cmpint (read_some (fixture, buffer, sizeof buffer), ==, 0);
}

static void
test_breaks_at_a_forged_record (Fixture *fixture, gconstpointer unused)
{
  static const char forged[5 + 32] = "\x17\x03\x03\x00\x20";
  char buffer[8];

  g_assert_true (shake_hands (fixture));
  g_socket_send (fixture->client_socket, forged, sizeof forged, NULL, NULL);
  g_assert_cmpint (read_some (fixture, buffer, sizeof buffer), ==, TESSERA_TLS_BROKEN);
}

/* A writer that nobody reads is told to wait, and goes on where it was. */
static void
test_waits_for_room (Fixture *fixture, gconstpointer unused)
{
  static char block[65536];
  gsize sent = 0, received = 0;
  gssize taken;

  g_assert_true (shake_hands (fixture));
  while ((taken = tessera_tls_write (fixture->tls, block, sizeof block)) > 0)
    sent += (gsize) taken;
  g_assert_cmpint (taken, ==, TESSERA_TLS_LATER);
  g_assert_cmpint (tessera_tls_get_wish (fixture->tls), ==, TESSERA_TLS_WANTS_WRITE);
  while (received < sent)
    {
      int length = SSL_read (fixture->client, block, sizeof block);
      if (length > 0)
        received += (gsize) length;
      else if (tessera_tls_write (fixture->tls, block, 1) > 0)
        sent++;
    }
  g_assert_cmpuint (sent, ==, received);
}

/* RFC 5246 §7.4.1.1: as often as a client likes, at our cost. It is told no, by an alert, and that
 * was it. */
static void
test_does_not_negotiate_again (Fixture *fixture, gconstpointer unused)
{
  char buffer[8];
  gssize outcome = TESSERA_TLS_LATER;

  SSL_set_max_proto_version (fixture->client, TLS1_2_VERSION);
  g_assert_true (shake_hands (fixture));
  g_assert_cmpint (SSL_renegotiate (fixture->client), ==, 1);
  SSL_do_handshake (fixture->client);
  for (guint i = 0; i < 1000 && outcome == TESSERA_TLS_LATER; i++)
    {
      outcome = tessera_tls_read (fixture->tls, buffer, sizeof buffer);
      g_usleep (1000);
    }
  g_assert_cmpint (outcome, ==, TESSERA_TLS_BROKEN);
  while (SSL_do_handshake (fixture->client) != 1
         && SSL_get_error (fixture->client, -1) == SSL_ERROR_WANT_READ)
    ;
  g_assert_cmpint (ERR_GET_REASON (ERR_peek_error ()), ==, SSL_R_NO_RENEGOTIATION);
  g_assert_true (SSL_in_init (fixture->client));
}

/* What comes of reading once, where the client has sent @sent bytes in @n_records. */
static void
check_is_cut_off (Fixture *fixture, gsize sent, guint n_records)
{
  char buffer[64];

  await_bytes (fixture, sent);
  g_assert_cmpint (tessera_tls_read (fixture->tls, buffer, sizeof buffer), ==, TESSERA_TLS_BROKEN);
  g_assert_cmpuint (count_unread (fixture), >=, sent / n_records * (n_records - 40));
}

/* RFC 5246 §6.3: the keys of a client of TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256; @block: 40 bytes.
 */
static void
derive_keys (SSL *client, guint8 *block)
{
  guint8 seed[64], master[48];
  char digest[] = "SHA256", label[] = "key expansion";
  EVP_KDF *kdf = EVP_KDF_fetch (NULL, "TLS1-PRF", NULL);
  EVP_KDF_CTX *context = EVP_KDF_CTX_new (kdf);

  SSL_get_server_random (client, seed, 32);
  SSL_get_client_random (client, seed + 32, 32);
  g_assert_cmpuint (SSL_SESSION_get_master_key (SSL_get_session (client), master, sizeof master),
                    ==, sizeof master);
  OSSL_PARAM params[] = {
    OSSL_PARAM_utf8_string (OSSL_KDF_PARAM_DIGEST, digest, sizeof digest - 1),
    OSSL_PARAM_octet_string (OSSL_KDF_PARAM_SECRET, master, sizeof master),
    OSSL_PARAM_octet_string (OSSL_KDF_PARAM_SEED, label, sizeof label - 1),
    OSSL_PARAM_octet_string (OSSL_KDF_PARAM_SEED, seed, sizeof seed),
    OSSL_PARAM_END,
  };
  g_assert_cmpint (EVP_KDF_derive (context, block, 40, params), ==, 1);
  EVP_KDF_CTX_free (context);
  EVP_KDF_free (kdf);
}

/* RFC 5288 §3: an empty ClientHello as the record @number of the connection; @out: 33 bytes. */
static void
seal_hello (EVP_CIPHER_CTX *cipher, const guint8 *block, guint64 number, guint8 *out)
{
  static const guint8 hello[4] = { 1, 0, 0, 0 };
  const guint64 sequence = GUINT64_TO_BE (number);
  guint8 nonce[12], about[13] = { [8] = 22, 3, 3, 0, sizeof hello };
  int length = 0;

  memcpy (nonce, block + 32, 4);
  memcpy (nonce + 4, &sequence, 8);
  memcpy (about, &sequence, 8);
  memcpy (out, "\x16\x03\x03\x00\x1c", 5);
  memcpy (out + 5, &sequence, 8);
  EVP_EncryptInit_ex (cipher, EVP_aes_128_gcm (), NULL, block, nonce);
  EVP_EncryptUpdate (cipher, NULL, &length, about, sizeof about);
  EVP_EncryptUpdate (cipher, out + 13, &length, hello, sizeof hello);
  EVP_EncryptFinal_ex (cipher, out + 17, &length);
  EVP_CIPHER_CTX_ctrl (cipher, EVP_CTRL_GCM_GET_TAG, 16, out + 17);
}

/* However many ClientHellos lie there: OpenSSL would answer them all in one call. */
static void
test_reads_no_more_of_who_negotiates_again (Fixture *fixture, gconstpointer unused)
{
  static guint8 hellos[1000][33];
  guint8 block[40];
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new ();

  SSL_set_max_proto_version (fixture->client, TLS1_2_VERSION);
  SSL_set_cipher_list (fixture->client, "ECDHE-ECDSA-AES128-GCM-SHA256");
  g_assert_true (shake_hands (fixture));
  derive_keys (fixture->client, block);
  for (guint i = 0; i < G_N_ELEMENTS (hellos); i++)
    seal_hello (cipher, block, 1 + i, hellos[i]); /* behind the Finished */
  EVP_CIPHER_CTX_free (cipher);
  g_assert_cmpint (g_socket_send (fixture->client_socket, (const char *) hellos, sizeof hellos,
                                  NULL, NULL),
                   ==, sizeof hellos);
  check_is_cut_off (fixture, sizeof hellos, G_N_ELEMENTS (hellos));
}

/* New keys, which the server is to change to as well or not. */
static void
update_keys (Fixture *fixture, guint count, int kind)
{
  for (guint i = 0; i < count; i++)
    {
      g_assert_cmpint (SSL_key_update (fixture->client, kind), ==, 1);
      g_assert_cmpint (SSL_do_handshake (fixture->client), ==, 1);
    }
}

static void
test_reads_no_more_of_who_changes_keys_for_ever (Fixture *fixture, gconstpointer unused)
{
  g_assert_true (shake_hands (fixture));
  const guint64 before = BIO_number_written (SSL_get_wbio (fixture->client));
  update_keys (fixture, 1000, SSL_KEY_UPDATE_NOT_REQUESTED);
  check_is_cut_off (fixture, BIO_number_written (SSL_get_wbio (fixture->client)) - before, 1000);
}

/* New keys, and a question behind them, of which the descriptor does not tell again. */
static gssize
ask_with_new_keys (Fixture *fixture, guint count, int kind)
{
  BIO *out = SSL_get_wbio (fixture->client);
  const guint64 before = BIO_number_written (out);
  char buffer[64];

  update_keys (fixture, count, kind);
  g_assert_cmpint (SSL_write (fixture->client, "question", 8), ==, 8);
  await_bytes (fixture, BIO_number_written (out) - before);
  return tessera_tls_read (fixture->tls, buffer, sizeof buffer);
}

/* As many as a client may ever need, asking for the server's or not. */
static void
test_bears_new_keys (Fixture *fixture, gconstpointer unused)
{
  char buffer[64];

  g_assert_true (shake_hands (fixture));
  for (guint i = 0; i < 5; i++)
    {
      g_assert_cmpint (ask_with_new_keys (fixture, 2, SSL_KEY_UPDATE_REQUESTED), ==, 8);
      g_assert_cmpint (ask_with_new_keys (fixture, 2, SSL_KEY_UPDATE_NOT_REQUESTED), ==, 8);
      g_assert_cmpint (tessera_tls_write (fixture->tls, "answer", 6), ==, 6);
      while (SSL_read (fixture->client, buffer, sizeof buffer) != 6)
        g_assert_cmpint (SSL_get_error (fixture->client, -1), ==, SSL_ERROR_WANT_READ);
    }
  g_assert_cmpint (ask_with_new_keys (fixture, 33, SSL_KEY_UPDATE_NOT_REQUESTED), ==,
                   TESSERA_TLS_BROKEN);
}

static void
connect_anew (Fixture *fixture)
{
  g_clear_pointer (&fixture->tls, tessera_tls_free);
  SSL_free (fixture->client);
  g_clear_object (&fixture->server_socket);
  g_clear_object (&fixture->client_socket);
  connect_sockets (fixture);
  fixture->client = SSL_new (fixture->client_context);
  SSL_set_fd (fixture->client, g_socket_get_fd (fixture->client_socket));
  SSL_set_connect_state (fixture->client);
  fixture->state = TESSERA_TLS_WANTS_READ;
}

/* @before: what was taken without it. */
static void
check_size (Fixture *fixture, gint64 before, gsize said)
{
  gint64 size = __atomic_load_n (&sum_taken, __ATOMIC_SEQ_CST) - before;

  g_test_message ("%" G_GINT64_FORMAT " bytes of %" G_GSIZE_FORMAT, size, said);
  g_assert_cmpuint (tessera_tls_get_size (fixture->tls), ==, said);
  g_assert_cmpint (size, <=, (gint64) said);
}

static void
check_sizes (Fixture *fixture, int version)
{
  static const char half[] = "\x17\x03\x03\x40\x01half of it";
  static char block[65536];
  const gsize idle = tessera_tls_get_idle_size ();
  gint64 before = 0;

  connect_anew (fixture);
  SSL_set_max_proto_version (fixture->client, version);
  before = __atomic_load_n (&sum_taken, __ATOMIC_SEQ_CST);
  fixture->tls
      = tessera_tls_new (fixture->context, g_socket_get_fd (fixture->server_socket), &any_address);
  client_works = TRUE;
  SSL_do_handshake (fixture->client);
  client_works = FALSE;
  step_server (fixture);
  check_size (fixture, before, tessera_tls_get_handshake_size ());
  client_works = TRUE; /* of the server only a thread of its own does something now */
  g_assert_true (shake_hands (fixture));
  client_works = FALSE;
  check_size (fixture, before, idle);
  g_assert_cmpint (tessera_tls_read (fixture->tls, block, 1), ==, TESSERA_TLS_LATER);
  check_size (fixture, before, idle);
  while (tessera_tls_write (fixture->tls, block, sizeof block) > 0)
    ;
  check_size (fixture, before, idle + 17 * 1024);
  for (gsize part = 1; part < sizeof half; part += 4) /* the head, and then more */
    {
      gsize start = part > 1 ? part - 4 : 0;

      g_assert_cmpint (g_socket_send (fixture->client_socket, half + start, part - start, NULL,
                                      NULL),
                       ==, part - start);
      while (!is_readable (fixture->server_socket))
        g_usleep (100);
      g_assert_cmpint (tessera_tls_read (fixture->tls, block, 1), ==, TESSERA_TLS_LATER);
      check_size (fixture, before, idle + 2 * 17 * 1024);
    }
}

/* Else a crowd took more than the gate has counted. */
static void
test_takes_no_more_than_it_says (Fixture *fixture, gconstpointer unused)
{
  g_assert_true (shake_hands (fixture)); /* what is made once is there */
  check_sizes (fixture, TLS1_3_VERSION);
  check_sizes (fixture, TLS1_2_VERSION);
}

static void
test_shows_the_whole_chain (Fixture *fixture, gconstpointer unused)
{
  g_assert_true (shake_hands (fixture));
  g_assert_cmpint (sk_X509_num (SSL_get_peer_cert_chain (fixture->client)), ==, 2);
}

static void
test_resumes_nothing (Fixture *fixture, gconstpointer unused)
{
  char byte;

  g_assert_true (shake_hands (fixture));
  g_assert_cmpint (tessera_tls_write (fixture->tls, "x", 1), ==, 1);
  g_assert_cmpint (SSL_read (fixture->client, &byte, 1), ==, 1);
  g_assert_false (SSL_SESSION_is_resumable (SSL_get0_session (fixture->client)));
}

/* Before TLS 1.3 a ticket comes with the handshake. */
static void
test_resumes_nothing_of_before (Fixture *fixture, gconstpointer unused)
{
  SSL_set_max_proto_version (fixture->client, TLS1_2_VERSION);
  g_assert_true (shake_hands (fixture));
  g_assert_false (SSL_SESSION_has_ticket (SSL_get0_session (fixture->client)));
  g_assert_false (SSL_SESSION_is_resumable (SSL_get0_session (fixture->client)));
}

/* The bytes of the client's first flight. */
static GByteArray *
catch_hello (Fixture *fixture)
{
  GByteArray *hello = g_byte_array_new ();
  BIO *bio = BIO_new (BIO_s_mem ());
  char *bytes = NULL;

  SSL_set_bio (fixture->client, BIO_new (BIO_s_mem ()), bio);
  SSL_do_handshake (fixture->client);
  ERR_clear_error ();
  long length = BIO_get_mem_data (bio, &bytes);
  g_assert_cmpint (length, >, 100);
  return g_byte_array_append (hello, (guint8 *) bytes, (guint) length);
}

/* Byte by byte it wakes nobody before it is whole, but for the length of its record. */
static void
test_begins_with_a_whole_hello (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GByteArray) hello = catch_hello (fixture);

  for (guint i = 0; i < hello->len; i++)
    {
      g_assert_cmpuint (fixture->n_steps, <=, 2);
      g_socket_send (fixture->client_socket, (char *) hello->data + i, 1, NULL, NULL);
      step_server (fixture);
    }
  while (!is_readable (fixture->client_socket))
    step_server (fixture);
  g_assert_cmpuint (fixture->n_steps, <=, 3);
  g_assert_true (is_readable (fixture->client_socket)); /* the ServerHello */
}

/* A step is short, since who frees waits for it: it does not read a hello of 128 KiB byte by byte.
 */
static void
test_reads_no_more_of_a_hello_in_crumbs (Fixture *fixture, gconstpointer unused)
{
  static const char record[6] = { 0x16, 3, 1, 0, 1 };
  g_autoptr (GByteArray) crumbs = g_byte_array_new ();

  for (guint i = 0; i < 10000; i++)
    g_byte_array_append (crumbs, (const guint8 *) record, sizeof record);
  memcpy (crumbs->data + 5, "\x01", 1);                 /* ClientHello */
  memcpy (crumbs->data + 5 + sizeof record, "\x01", 1); /* of 65,536 bytes */
  g_assert_cmpint (g_socket_send (fixture->client_socket, (char *) crumbs->data, crumbs->len, NULL,
                                  NULL),
                   ==, crumbs->len);
  await_bytes (fixture, crumbs->len);
  step_server (fixture);
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
  g_assert_cmpuint (count_unread (fixture), >=, crumbs->len / 2);
}

static void
test_ends_with_half_a_hello (Fixture *fixture, gconstpointer unused)
{
  g_autoptr (GByteArray) hello = catch_hello (fixture);

  g_socket_send (fixture->client_socket, (char *) hello->data, hello->len / 2, NULL, NULL);
  while (fixture->n_steps == 0)
    step_server (fixture);
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_WANTS_READ);
  g_assert_false (is_readable (fixture->server_socket));
  g_socket_shutdown (fixture->client_socket, FALSE, TRUE, NULL);
  while (fixture->n_steps == 1)
    step_server (fixture);
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
}

static void
test_ends_with_a_reset (Fixture *fixture, gconstpointer unused)
{
  const struct linger at_once = { .l_onoff = 1 };

  setsockopt (g_socket_get_fd (fixture->client_socket), SOL_SOCKET, SO_LINGER, &at_once,
              sizeof at_once);
  g_socket_close (fixture->client_socket, NULL);
  while (fixture->n_steps == 0)
    step_server (fixture);
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
}

static void
test_refuses_what_is_not_tls (Fixture *fixture, gconstpointer unused)
{
  g_socket_send (fixture->client_socket, "GET / HTTP/1.1\r\n\r\n", 18, NULL, NULL);
  while (fixture->n_steps == 0)
    step_server (fixture);
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_FAILED);
}

/* Many that answer nothing keep no thread from who does. */
static void
test_lets_nobody_wait_for_the_silent (Fixture *fixture, gconstpointer unused)
{
  Fixture silent[40];

  for (guint i = 0; i < G_N_ELEMENTS (silent); i++)
    {
      memset (&silent[i], 0, sizeof silent[i]);
      set_up (&silent[i], NULL);
      SSL_do_handshake (silent[i].client);
      while (!is_readable (silent[i].client_socket)) /* its ServerHello is there */
        step_server (&silent[i]);
      g_assert_cmpint (silent[i].state, ==, TESSERA_TLS_WANTS_READ);
    }
  g_assert_true (shake_hands (fixture));
  for (guint i = 0; i < G_N_ELEMENTS (silent); i++)
    tear_down (&silent[i], NULL);
}

/* At any moment of a step. */
static void
test_may_be_freed_at_any_time (Fixture *fixture, gconstpointer unused)
{
  for (guint i = 0; i < 200; i++)
    {
      Fixture other = { 0 };
      set_up (&other, NULL);
      SSL_do_handshake (other.client);
      while (!is_readable (other.server_socket))
        ; /* it is on its way */
      tessera_tls_handshake (other.tls, on_step, &other);
      g_usleep ((i % 20) * 50);
      tear_down (&other, NULL);
      g_assert_cmpuint (other.n_steps, ==, 0);
    }
}

static void
test_needs_a_key (void)
{
  g_autoptr (GTlsCertificate) certificate = make_certificate (FALSE);
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_tls_context_new (certificate, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
}

/* An issuer whose key is too short to be believed. */
static void
test_needs_a_chain_that_can_be_shown (void)
{
  g_autoptr (GTlsCertificate) certificate
      = make_certificate_of (EVP_PKEY_Q_keygen (NULL, NULL, "RSA", (size_t) 512), TRUE);
  g_autoptr (GError) error = NULL;

  g_assert_null (tessera_tls_context_new (certificate, &error));
  g_assert_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE);
}

static void
on_other_step (TesseraTls *tls, TesseraTlsState state, gpointer owner)
{
  *(TesseraTlsState *) owner = state;
}

/* Steps of @count connections from @address, which wait for ever. They are all over one socket. */
static TesseraTls **
begin_steps (Fixture *fixture, guint count, guint64 address, TesseraTlsState *states)
{
  const TesseraGateAddress from = { .family = AF_INET, .prefix = address };
  TesseraTls **steps = g_new0 (TesseraTls *, count);

  for (guint i = 0; i < count; i++)
    {
      steps[i]
          = tessera_tls_new (fixture->context, g_socket_get_fd (fixture->server_socket), &from);
      states[i] = TESSERA_TLS_READY;
      tessera_tls_handshake (steps[i], on_other_step, &states[i]);
    }
  return steps;
}

static void
free_steps (TesseraTls **steps, guint count)
{
  for (guint i = 0; i < count; i++)
    tessera_tls_free (steps[i]);
  g_free (steps);
}

static guint
count_failed (const TesseraTlsState *states, guint count)
{
  guint n = 0;

  for (guint i = 0; i < count; i++)
    n += states[i] == TESSERA_TLS_FAILED ? 1 : 0;
  return n;
}

/* Where a thousand wait, whose address has most of them makes way, and the stranger is served. */
static void
test_makes_way_for_other_addresses (Fixture *fixture, gconstpointer unused)
{
  static TesseraTlsState many[1023], few[2];

  threads_wait = TRUE;
  SSL_do_handshake (fixture->client);
  while (!is_readable (fixture->server_socket))
    g_usleep (100);
  TesseraTls **crowd = begin_steps (fixture, G_N_ELEMENTS (many), 2, many);
  TesseraTls **pair = begin_steps (fixture, G_N_ELEMENTS (few), 3, few);
  tessera_tls_handshake (fixture->tls, on_step, fixture);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (n_threads_called, ==, 16);
  g_assert_cmpuint (count_failed (many, G_N_ELEMENTS (many)), ==, 2);
  g_assert_cmpint (many[1022], ==, TESSERA_TLS_FAILED); /* who came last */
  g_assert_cmpint (many[1021], ==, TESSERA_TLS_FAILED);
  g_assert_cmpuint (count_failed (few, G_N_ELEMENTS (few)), ==, 0);
  free_steps (crowd, G_N_ELEMENTS (many));
  free_steps (pair, G_N_ELEMENTS (few));
  let_threads_come ();
  while (fixture->n_steps == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (fixture->state, ==, TESSERA_TLS_WANTS_READ);
  g_assert_true (shake_hands (fixture));
}

static void
test_nothing_to_write_is_no_error (Fixture *fixture, gconstpointer unused)
{
  shake_hands (fixture);
  g_assert_cmpint (tessera_tls_write (fixture->tls, "", 0), ==, 0);
}

int
main (int argc, char **argv)
{
  g_assert_cmpint (CRYPTO_set_mem_functions (take, take_again, give_back), ==, 1);
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/gate-tls/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("speaks-tls-1.3", test_speaks_tls_1_3);
  ADD ("speaks-tls-1.2", test_speaks_tls_1_2);
  ADD ("refuses-tls-1.1", test_refuses_tls_1_1);
  ADD ("refuses-tls-1.0", test_refuses_tls_1_0);
  ADD ("refuses-key-exchange-without-secrecy", test_refuses_key_exchange_without_secrecy);
  ADD ("chooses-http-1.1", test_chooses_http_1_1);
  ADD ("refuses-other-protocols", test_refuses_other_protocols);
  ADD ("carries-bytes-both-ways", test_carries_bytes_both_ways);
  ADD ("reads-for-ever", test_reads_for_ever);
  ADD ("tells-how-it-ends", test_tells_how_it_ends);
  ADD ("bears-an-end-without-goodbye", test_bears_an_end_without_goodbye);
  ADD ("breaks-at-a-forged-record", test_breaks_at_a_forged_record);
  ADD ("waits-for-room", test_waits_for_room);
  ADD ("does-not-negotiate-again", test_does_not_negotiate_again);
  ADD ("reads-no-more-of-who-negotiates-again", test_reads_no_more_of_who_negotiates_again);
  ADD ("reads-no-more-of-who-changes-keys-for-ever",
       test_reads_no_more_of_who_changes_keys_for_ever);
  ADD ("bears-new-keys", test_bears_new_keys);
  ADD ("takes-no-more-than-it-says", test_takes_no_more_than_it_says);
  ADD ("shows-the-whole-chain", test_shows_the_whole_chain);
  ADD ("resumes-nothing", test_resumes_nothing);
  ADD ("resumes-nothing-of-before", test_resumes_nothing_of_before);
  ADD ("begins-with-a-whole-hello", test_begins_with_a_whole_hello);
  ADD ("reads-no-more-of-a-hello-in-crumbs", test_reads_no_more_of_a_hello_in_crumbs);
  ADD ("ends-with-half-a-hello", test_ends_with_half_a_hello);
  ADD ("ends-with-a-reset", test_ends_with_a_reset);
  ADD ("refuses-what-is-not-tls", test_refuses_what_is_not_tls);
  ADD ("makes-way-for-other-addresses", test_makes_way_for_other_addresses);
  ADD ("nothing-to-write-is-no-error", test_nothing_to_write_is_no_error);
  ADD ("lets-nobody-wait-for-the-silent", test_lets_nobody_wait_for_the_silent);
  ADD ("may-be-freed-at-any-time", test_may_be_freed_at_any_time);
  g_test_add_func ("/gate-tls/needs-a-key", test_needs_a_key);
  g_test_add_func ("/gate-tls/needs-a-chain-that-can-be-shown",
                   test_needs_a_chain_that_can_be_shown);
  return g_test_run ();
}
