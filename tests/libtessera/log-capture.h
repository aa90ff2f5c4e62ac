/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What the code under test logs, of all threads; g_test_expect_message() does not see structured
 * logs. */

/* To be called first in main(): from then on, what is not expected is fatal from warnings on. */
void log_capture_init (void);
/* The next messages are kept instead of shown. */
void log_capture_begin (void);
/* Ends that: exactly one message came, of @level, and it matches @pattern (with * and ?). */
void log_capture_assert_one (GLogLevelFlags level, const char *pattern);
/* Ends that: among what came was such a message. */
void log_capture_assert_some (GLogLevelFlags level, const char *pattern);
/* Ends that: nothing was logged. */
void log_capture_assert_none (void);
/* Ends that, whatever came. */
void log_capture_end (void);
