/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process itself: limits, signals, environment, memory for keys, privileges. */

#include "tesserad-process.h"

#include <link.h>
#include <linux/capability.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A P-256 key takes 64 bytes of it, an RSA key 1 KiB, a thread's random generators some hundred. */
#define KEY_MEMORY (256 * 1024)
#define KEY_MEMORY_UNIT 32

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_SANITIZER 1
#else
#define HAVE_SANITIZER 0
#endif

static void
clean_environment (void)
{
  /* HTTP/2 of SoupServer is unfinished, and modules are code that somebody else chose. */
  static const char *const unwanted[]
      = { "SOUP_SERVER_HTTP2", "GIO_EXTRA_MODULES", "GIO_MODULE_DIR", "GIO_USE_PROXY_RESOLVER" };

  for (guint i = 0; i < G_N_ELEMENTS (unwanted); i++)
    g_unsetenv (unwanted[i]);
}

/* The listeners' TLS is OpenSSL's and knows its rules; whatever else in this process might come to
 * GnuTLS does not go down to TLS 1.0 either, which can be said in no other way. */
static void
forbid_old_tls (void)
{
  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", TRUE);
}

/* One descriptor a connection: as many as the administrator allows. */
static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

void
tesserad_process_harden (void)
{
  const struct rlimit none = { 0, 0 };

  clean_environment ();
  forbid_old_tls ();
  umask (0077);
  /* Both signals kill by default; we want the error of the write instead. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN);
  setrlimit (RLIMIT_CORE, &none);
  raise_descriptor_limit ();
  if (!HAVE_SANITIZER) /* LeakSanitizer looks at the process as a debugger does */
    prctl (PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void
tesserad_process_prepare_keys (void)
{
  int made = CRYPTO_secure_malloc_init (KEY_MEMORY, KEY_MEMORY_UNIT);

  if (made == 0)
    g_warning ("there is no memory of their own for keys; they lie among everything else");
  else if (made == 2)
    g_warning ("the memory of keys cannot be locked and may reach the swap space: raise "
               "LimitMEMLOCK, or encrypt that");
}

/* SQLite would count what memory it has, behind a lock, each time that it takes or returns some:
 * with Debian's, which has no lists of its own, a tenth of what it does for a redemption. Nobody
 * asks for the count. */
void
tesserad_process_prepare_database (void)
{
  sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0);
}

static gboolean
keep_capability (guint kept)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

  for (int i = 0; prctl (PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
    if (i != (int) kept)
      prctl (PR_CAPBSET_DROP, i, 0, 0, 0);
  if (syscall (SYS_capget, &header, sets) < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (sets); i++)
    {
      sets[i].permitted &= i == CAP_TO_INDEX (kept) ? CAP_TO_MASK (kept) : 0;
      sets[i].effective = sets[i].permitted;
      sets[i].inheritable = 0;
    }
  return syscall (SYS_capset, &header, sets) == 0;
}

void
tesserad_process_drop_privileges (void)
{
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (geteuid () != 0)
    return;
  if (!keep_capability (CAP_NET_BIND_SERVICE))
    g_warning ("started as root, and its capabilities cannot be given up");
}

/* What nobody can write, code and constants, is what its file says and nothing else, so that it can
 * be mapped again from there. */
static int
drop_code (struct dl_phdr_info *object, size_t size, void *page_size)
{
  const ElfW (Addr) page = *(const ElfW (Addr) *) page_size;

  for (ElfW (Half) i = 0; i < object->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *part = &object->dlpi_phdr[i];
      ElfW (Addr) begin = (object->dlpi_addr + part->p_vaddr) / page * page;
      ElfW (Addr) end = object->dlpi_addr + part->p_vaddr + part->p_memsz;

      if (part->p_type == PT_LOAD && (part->p_flags & PF_W) == 0)
        madvise ((gpointer) begin, end - begin, MADV_DONTNEED);
    }
  return 0;
}

void
tesserad_process_drop_start (void)
{
  ElfW (Addr) page_size = (ElfW (Addr)) sysconf (_SC_PAGESIZE);

  dl_iterate_phdr (drop_code, &page_size);
  malloc_trim (0);
}
