/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process itself: limits, signals, environment. */

#include "tesserad-process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

/* GnuTLS would go down to TLS 1.0, and glib-networking has no other way to say so. */
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
