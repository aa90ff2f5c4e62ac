/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pam-settings.h"

G_BEGIN_DECLS

/* Between the agent and the process in which PAM works for one login: each message is one datagram,
 * its first byte says which.
 *
 * to the process: BEGIN with user name, password and remote address, a NUL behind each; ANSWER with
 * what was entered. From it: ASK or ASK_SECRET with the prompt ("": none); then ALLOW with the name
 * of the account, or DENY with the reason, for the log. */
#define PAM_MESSAGE_BEGIN 'b'
#define PAM_MESSAGE_ANSWER 'a'
#define PAM_MESSAGE_ASK 'q'
#define PAM_MESSAGE_ASK_SECRET 's'
#define PAM_MESSAGE_ALLOW 'y'
#define PAM_MESSAGE_DENY 'n'
#define PAM_MESSAGE_MAX 4096

/* The life of that process; @fd leads to the agent. An exit status. */
int pam_conversation_run (const PamSettings *settings, int fd);

G_END_DECLS
