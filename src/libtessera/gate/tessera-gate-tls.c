/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS without blocking: handshakes in a small pool, records on the descriptor (RFC 8446, RFC 5246,
 * RFC 7301, RFC 9325). */
#include "gate/tessera-gate-tls-private.h"

#include "gate/tessera-gate-queue-private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_HEADER 5
#define RECORD_MAX 16384    /* RFC 8446 §5.1 */
#define HANDSHAKE_RECORD 22 /* RFC 8446 §5.1 */
#define THREADS_MAX 16      /* and no more than there are processors */
#define STEPS_WAITING 1024  /* for one more somebody makes way */
#define READS_MAX 1024      /* of a handshake; an honest one has a few, or one for each byte */
#define MESSAGES_MAX 32     /* of TLS's own, after the handshake: a few new keys */
/* Bytes of OpenSSL's for one connection, rounded up from what test-gate-tls counts. */
#if OPENSSL_VERSION_NUMBER < 0x30200000L
#define HANDSHAKE_SIZE (48 * 1024)
#define IDLE_SIZE (16 * 1024)
#else /* each direction has an object of its own, and the key shares are large (ML-KEM) */
#define HANDSHAKE_SIZE (64 * 1024)
#define IDLE_SIZE (32 * 1024)
#endif
#define RECORD_SIZE (17 * 1024) /* of a buffer for one */
#define CIPHERS_OF_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define PROTOCOL "\x08http/1.1" /* RFC 7301 §3.1 */

struct _TesseraTlsContext
{
  int ref_count; /* atomic */
  SSL_CTX *ssl;
};

/* Where a step of the handshake is. */
typedef enum
{
  STEP_NONE,
  STEP_WAITS, /* for a thread */
  STEP_RUNS,
} Step;

struct _TesseraTls
{
  int ref_count; /* atomic; the owner's, and that of a step under way */
  TesseraTlsContext *context;
  SSL *ssl; /* NULL: freed */
  int fd;
  int low_water;         /* bytes; 0: as it was */
  gboolean hello;        /* the first record of one was wholly there */
  gboolean ready;        /* the handshake is over */
  gboolean half_written; /* a record */
  TesseraTlsState wish;
  guint n_reads;         /* of the handshake */
  gboolean renegotiates; /* asks for another handshake */
  guint n_messages;      /* of TLS's own, either way, after the handshake */
  TesseraGateAddress address;
  Step step;              /* under the lock */
  TesseraGatePlace place; /* … */
  TesseraTlsState state;  /* what the step came to */
  TesseraTlsFunc done;
  gpointer owner;
  GMainContext *main;
};

static GMutex steps_lock;
static GCond step_is_over;
static TesseraGateQueue *steps_waiting; /* TesseraTls*, each with a reference */
static guint n_workers;                 /* threads that take steps */

/* --- context --- */

/* The last error of OpenSSL's, whose queue is emptied. */
static gboolean
fail (GError **error, const char *what)
{
  char text[256];

  ERR_error_string_n (ERR_get_error (), text, sizeof text);
  ERR_clear_error ();
  g_set_error (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE, "%s: %s", what, text);
  return FALSE;
}

static BIO *
open_pem (const char *pem)
{
  return BIO_new_mem_buf (pem != NULL ? pem : "", -1);
}

static X509 *
read_certificate (GTlsCertificate *certificate)
{
  g_autofree char *pem = NULL;

  g_object_get (certificate, "certificate-pem", &pem, NULL);
  BIO *bio = open_pem (pem);
  X509 *x509 = PEM_read_bio_X509 (bio, NULL, NULL, NULL);
  BIO_free (bio);
  return x509;
}

static EVP_PKEY *
read_key (GTlsCertificate *certificate)
{
  g_autofree char *pem = NULL;

  g_object_get (certificate, "private-key-pem", &pem, NULL);
  BIO *bio = open_pem (pem);
  EVP_PKEY *key = PEM_read_bio_PrivateKey (bio, NULL, NULL, NULL);
  BIO_free (bio);
  if (pem != NULL)
    OPENSSL_cleanse (pem, strlen (pem));
  return key;
}

static gboolean
use_key (SSL_CTX *ssl, GTlsCertificate *certificate, GError **error)
{
  EVP_PKEY *key = read_key (certificate);
  gboolean good = key != NULL && SSL_CTX_use_PrivateKey (ssl, key) == 1;

  EVP_PKEY_free (key);
  return good || fail (error, "The private key of the certificate cannot be used");
}

static gboolean
use_certificate (SSL_CTX *ssl, GTlsCertificate *certificate, GError **error)
{
  X509 *own = read_certificate (certificate);
  gboolean good = own != NULL && SSL_CTX_use_certificate (ssl, own) == 1;

  X509_free (own);
  for (GTlsCertificate *issuer = g_tls_certificate_get_issuer (certificate); good && issuer != NULL;
       issuer = g_tls_certificate_get_issuer (issuer))
    {
      X509 *link = read_certificate (issuer);
      good = link != NULL && SSL_CTX_add0_chain_cert (ssl, link) == 1;
      if (!good)
        X509_free (link);
    }
  return good || fail (error, "The certificate cannot be used");
}

/* Who offers protocols without ours has come to the wrong door (RFC 7301 §3.2). */
static int
on_protocols (SSL *ssl,
              const unsigned char **out,
              unsigned char *out_length,
              const unsigned char *offered,
              unsigned int length,
              void *data)
{
  unsigned char *chosen = NULL;

  if (SSL_select_next_proto (&chosen, out_length, (const unsigned char *) PROTOCOL,
                             sizeof PROTOCOL - 1, offered, length)
      != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/* Whoever asks for a new handshake (RFC 9325 §3.5) would be refused it, and could ask again for
 * ever: it is the end. */
static void
on_information (const SSL *ssl, int where, int value)
{
  TesseraTls *self = SSL_get_app_data (ssl);

  if (where == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION)
    self->renegotiates = TRUE;
}

/* Alerts and whatever else is no application's, such as a KeyUpdate and the one that answers it
 * (RFC 8446 §4.6.3). */
static void
on_message (int sent, int version, int type, const void *bytes, size_t n, SSL *ssl, void *data)
{
  TesseraTls *self = SSL_get_app_data (ssl);

  if (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT)
    self->n_messages++;
}

/* RFC 9325 §3.1, §4.1. Nothing is resumed: a ticket's key would outlive what it protects. An end
 * without good-bye cuts off no request, since each says how long it is. */
static void
set_rules (SSL_CTX *ssl)
{
  SSL_CTX_set_min_proto_version (ssl, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list (ssl, CIPHERS_OF_1_2);
  SSL_CTX_set_options (ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION
                                | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF
                                | SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_info_callback (ssl, on_information);
  SSL_CTX_set_msg_callback (ssl, on_message);
  SSL_CTX_clear_mode (ssl, SSL_MODE_AUTO_RETRY); /* it goes on for as long as they come */
  SSL_CTX_set_session_cache_mode (ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets (ssl, 0);
  SSL_CTX_set_mode (ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
                             | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb (ssl, on_protocols, NULL);
}

TesseraTlsContext *
tessera_tls_context_new (GTlsCertificate *certificate, GError **error)
{
  g_autoptr (TesseraTlsContext) self = g_new0 (TesseraTlsContext, 1);

  self->ref_count = 1;
  self->ssl = SSL_CTX_new (TLS_server_method ());
  set_rules (self->ssl);
  if (!use_certificate (self->ssl, certificate, error) || !use_key (self->ssl, certificate, error))
    return NULL;
  return g_steal_pointer (&self);
}

TesseraTlsContext *
tessera_tls_context_ref (TesseraTlsContext *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
tessera_tls_context_unref (TesseraTlsContext *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  SSL_CTX_free (self->ssl);
  g_free (self);
}

/* --- one connection --- */

/* Fails the handshake of who sends it in crumbs, a hello of 128 KiB maybe: a step would read for as
 * long as they come, and who frees waits for it. */
static long
on_bio (BIO *bio,
        int operation,
        const char *bytes,
        size_t length,
        int argument,
        long other,
        int result,
        size_t *processed)
{
  TesseraTls *self = (TesseraTls *) BIO_get_callback_arg (bio);

  if (operation != BIO_CB_READ || ++self->n_reads <= READS_MAX)
    return result;
  BIO_clear_retry_flags (bio);
  return -1;
}

TesseraTls *
tessera_tls_new (TesseraTlsContext *context, int fd, const TesseraGateAddress *address)
{
  TesseraTls *self = g_new0 (TesseraTls, 1);

  self->ref_count = 1;
  self->context = tessera_tls_context_ref (context);
  self->fd = fd;
  self->address = *address;
  self->wish = TESSERA_TLS_WANTS_READ;
  self->main = g_main_context_ref_thread_default ();
  self->ssl = SSL_new (context->ssl);
  SSL_set_app_data (self->ssl, self);
  SSL_set_fd (self->ssl, fd);
  BIO_set_callback_arg (SSL_get_rbio (self->ssl), (char *) self);
  BIO_set_callback_ex (SSL_get_rbio (self->ssl), on_bio);
  SSL_set_accept_state (self->ssl);
  return self;
}

static void
unref (TesseraTls *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_main_context_unref (self->main);
  tessera_tls_context_unref (self->context);
  g_free (self);
}

/* A step computes and does not wait, so that waiting for it is short. */
void
tessera_tls_free (TesseraTls *self)
{
  gboolean waited;

  g_mutex_lock (&steps_lock);
  while (self->step == STEP_RUNS)
    g_cond_wait (&step_is_over, &steps_lock);
  waited = self->step == STEP_WAITS;
  if (waited)
    tessera_gate_queue_remove (steps_waiting, &self->place);
  g_mutex_unlock (&steps_lock);
  g_clear_pointer (&self->ssl, SSL_free);
  if (waited)
    unref (self);
  unref (self);
}

/* What an operation that was not done waits for. */
static TesseraTlsState
judge (TesseraTls *self, int outcome)
{
  int reason = SSL_get_error (self->ssl, outcome);

  ERR_clear_error ();
  if (reason == SSL_ERROR_WANT_READ)
    return TESSERA_TLS_WANTS_READ;
  if (reason == SSL_ERROR_WANT_WRITE)
    return TESSERA_TLS_WANTS_WRITE;
  return TESSERA_TLS_FAILED;
}

/* --- the handshake --- */

static void
set_low_water (TesseraTls *self, int bytes)
{
  self->low_water = bytes;
  setsockopt (self->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

/* The bytes of the first record, as far as its head says; 0: it is none of a ClientHello. */
static gssize
measure_hello (const guint8 *bytes, gssize length)
{
  if (bytes[0] != HANDSHAKE_RECORD)
    return 0;
  if (length < RECORD_HEADER)
    return RECORD_HEADER;
  return MIN (RECORD_HEADER + (bytes[3] << 8 | bytes[4]), RECORD_HEADER + RECORD_MAX);
}

/* The first record is wholly there; or less is all there will be, since who waited for it was
 * woken (an end, an error, a socket without a low-water mark). */
static gboolean
is_hello_there (TesseraTls *self)
{
  guint8 bytes[RECORD_HEADER + RECORD_MAX];
  gssize length = recv (self->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

  if (length < 0)
    return errno != EAGAIN && errno != EINTR;
  gssize needed = length > 0 ? measure_hello (bytes, length) : 0;
  if (length >= needed || self->low_water == needed)
    return TRUE;
  set_low_water (self, (int) needed);
  return FALSE;
}

static gboolean
on_step_over (gpointer data)
{
  TesseraTls *self = data;

  if (self->ssl != NULL)
    {
      self->wish = self->state;
      self->ready = self->state == TESSERA_TLS_READY;
      self->n_messages = 0;
      self->done (self, self->state, self->owner);
    }
  return G_SOURCE_REMOVE;
}

/* @self's reference goes along. */
static void
report (TesseraTls *self, TesseraTlsState state)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  self->state = state;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_step_over, self, (GDestroyNotify) unref);
  g_source_attach (source, self->main);
}

/* NULL: no step waits, and the thread is none of those that take them. */
static TesseraTls *
take_step (void)
{
  TesseraTls *self;

  g_mutex_lock (&steps_lock);
  self = tessera_gate_queue_take (steps_waiting);
  if (self != NULL)
    self->step = STEP_RUNS;
  else
    n_workers--;
  g_mutex_unlock (&steps_lock);
  return self;
}

static void
end_step (TesseraTls *self)
{
  g_mutex_lock (&steps_lock);
  self->step = STEP_NONE;
  g_cond_broadcast (&step_is_over);
  g_mutex_unlock (&steps_lock);
}

static void
run_step (TesseraTls *self)
{
  TesseraTlsState state = TESSERA_TLS_READY;
  int outcome = SSL_do_handshake (self->ssl);

  if (outcome == 1)
    BIO_set_callback_ex (SSL_get_rbio (self->ssl), NULL);
  else
    state = judge (self, outcome);
  end_step (self);
  OPENSSL_thread_stop (); /* the threads of the pool outlive OpenSSL's own end at exit () */
  report (self, state);
}

static void
work (gpointer unused, gpointer data)
{
  for (TesseraTls *self = take_step (); self != NULL; self = take_step ())
    run_step (self);
}

static GThreadPool *
get_pool (void)
{
  static GThreadPool *pool;

  if (g_once_init_enter (&pool))
    {
      steps_waiting = tessera_gate_queue_new (STEPS_WAITING);
      g_once_init_leave (&pool, g_thread_pool_new (work, NULL,
                                                   (int) MIN (g_get_num_processors (), THREADS_MAX),
                                                   FALSE, NULL));
    }
  return pool;
}

/* With a reference of its own. */
static void
await_step (TesseraTls *self)
{
  GThreadPool *pool = get_pool ();
  TesseraTls *loser;
  gboolean calls;

  g_mutex_lock (&steps_lock);
  self->step = STEP_WAITS;
  loser = tessera_gate_queue_add (steps_waiting, &self->place, self, &self->address);
  if (loser != NULL)
    loser->step = STEP_NONE;
  calls = n_workers < (guint) g_thread_pool_get_max_threads (pool);
  n_workers += calls ? 1 : 0;
  g_mutex_unlock (&steps_lock);
  if (loser != NULL)
    report (loser, TESSERA_TLS_FAILED);
  if (calls)
    g_thread_pool_push (pool, pool, NULL);
}

void
tessera_tls_handshake (TesseraTls *self, TesseraTlsFunc done, gpointer owner)
{
  self->done = done;
  self->owner = owner;
  g_atomic_int_inc (&self->ref_count);
  if (!self->hello && !is_hello_there (self))
    {
      report (self, TESSERA_TLS_WANTS_READ);
      return;
    }
  if (!self->hello)
    set_low_water (self, 1);
  self->hello = TRUE;
  await_step (self);
}

/* --- afterwards --- */

/* Messages that are no bytes of a request cost time without a deadline. */
static gboolean
has_enough (TesseraTls *self)
{
  return self->renegotiates || self->n_messages > MESSAGES_MAX;
}

static gssize
judge_transfer (TesseraTls *self, int outcome)
{
  if (has_enough (self))
    {
      ERR_clear_error ();
      return TESSERA_TLS_BROKEN;
    }
  if (SSL_get_error (self->ssl, outcome) == SSL_ERROR_ZERO_RETURN)
    return 0;
  self->wish = judge (self, outcome);
  return self->wish == TESSERA_TLS_FAILED ? TESSERA_TLS_BROKEN : TESSERA_TLS_LATER;
}

gssize
tessera_tls_read (TesseraTls *self, void *buffer, gsize count)
{
  guint before = 0;
  int outcome = 0;

  /* What lies behind a message of TLS's own the descriptor does not tell of again. */
  do
    {
      before = self->n_messages;
      outcome = SSL_read (self->ssl, buffer, (int) MIN (count, G_MAXINT));
    }
  while (outcome <= 0 && self->n_messages > before && !has_enough (self)
         && SSL_get_error (self->ssl, outcome) == SSL_ERROR_WANT_READ);
  return outcome > 0 && !has_enough (self) ? outcome : judge_transfer (self, outcome);
}

gssize
tessera_tls_write (TesseraTls *self, const void *bytes, gsize count)
{
  if (count == 0)
    return 0;
  int outcome = SSL_write (self->ssl, bytes, (int) MIN (count, G_MAXINT));
  gssize written = outcome > 0 ? outcome : judge_transfer (self, outcome);
  self->half_written = written == TESSERA_TLS_LATER;
  return written != 0 ? written : TESSERA_TLS_BROKEN;
}

TesseraTlsState
tessera_tls_get_wish (TesseraTls *self)
{
  return self->wish;
}

gboolean
tessera_tls_has_pending (TesseraTls *self)
{
  return SSL_has_pending (self->ssl) == 1;
}

gsize
tessera_tls_get_handshake_size (void)
{
  return HANDSHAKE_SIZE;
}

gsize
tessera_tls_get_idle_size (void)
{
  return IDLE_SIZE;
}

/* OpenSSL keeps the buffers of records only as long as there is something in them. */
static gboolean
has_half_a_record (TesseraTls *self)
{
  return SSL_has_pending (self->ssl) == 1 || strcmp (SSL_rstate_string (self->ssl), "RB") == 0;
}

gsize
tessera_tls_get_size (TesseraTls *self)
{
  if (!self->ready) /* a step may be under way */
    return HANDSHAKE_SIZE;
  gsize size = IDLE_SIZE;
  if (has_half_a_record (self))
    size += RECORD_SIZE;
  if (self->half_written)
    size += RECORD_SIZE;
  return size;
}

void
tessera_tls_say_goodbye (TesseraTls *self)
{
  if (SSL_is_init_finished (self->ssl))
    SSL_shutdown (self->ssl);
  ERR_clear_error ();
}
