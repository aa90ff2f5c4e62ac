/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PAM module for tests, which knows nobody of the machine: it reads `name:password:behaviour`
 * lines from the file that is its argument. */

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CODE "246810"

int pam_sm_authenticate (pam_handle_t *handle, int flags, int argc, const char **argv);
int pam_sm_setcred (pam_handle_t *handle, int flags, int argc, const char **argv);
int pam_sm_acct_mgmt (pam_handle_t *handle, int flags, int argc, const char **argv);

typedef struct
{
  char name[64];
  char password[64];
  char behaviour[64];
} Person;

/* In all of their lines; FALSE: not one of them. */
static int
find_person (const char *path, const char *name, Person *out)
{
  FILE *file = fopen (path, "re");
  int found = 0;

  while (file != NULL && !found
         && fscanf (file, "%63[^:]:%63[^:]:%63[^\n]\n", out->name, out->password, out->behaviour)
                == 3)
    found = strcmp (out->name, name) == 0;
  if (file != NULL)
    fclose (file);
  return found;
}

static int
ask (pam_handle_t *handle, int style, const char *prompt, const char *wanted)
{
  char *answer = NULL;
  int status = pam_prompt (handle, style, &answer, "%s", prompt);
  int right = status == PAM_SUCCESS && answer != NULL && strcmp (answer, wanted) == 0;

  free (answer);
  return right ? PAM_SUCCESS : PAM_AUTH_ERR;
}

static int
behave (pam_handle_t *handle, const Person *person)
{
  if (strcmp (person->behaviour, "code") == 0)
    return ask (handle, PAM_PROMPT_ECHO_OFF, "Verification code: ", CODE);
  if (strcmp (person->behaviour, "code-first") == 0)
    return ask (handle, PAM_PROMPT_ECHO_ON, "Colour", "blue");
  if (strcmp (person->behaviour, "endless") == 0)
    for (;;)
      ask (handle, PAM_PROMPT_ECHO_ON, "More: ", "no");
  if (strcmp (person->behaviour, "hang") == 0)
    for (;;)
      pause ();
  if (strcmp (person->behaviour, "crash") == 0)
    _exit (1);
  if (strcmp (person->behaviour, "becomes-root") == 0)
    pam_set_item (handle, PAM_USER, "root");
  return PAM_SUCCESS;
}

int
pam_sm_authenticate (pam_handle_t *handle, int flags, int argc, const char **argv)
{
  const char *name = NULL;
  const void *address = NULL;
  Person person;

  if (argc != 1 || pam_get_user (handle, &name, NULL) != PAM_SUCCESS
      || pam_get_item (handle, PAM_RHOST, &address) != PAM_SUCCESS || address == NULL)
    return PAM_AUTH_ERR;
  pam_info (handle, "%s", "Welcome");
  if (!find_person (argv[0], name, &person))
    {
      ask (handle, PAM_PROMPT_ECHO_OFF, "Password: ", "\n");
      return PAM_USER_UNKNOWN;
    }
  if (strcmp (person.behaviour, "code-first") == 0
      && ask (handle, PAM_PROMPT_ECHO_OFF, "One-time password (OATH): ", CODE) != PAM_SUCCESS)
    return PAM_AUTH_ERR;
  if (ask (handle, PAM_PROMPT_ECHO_OFF, "Password: ", person.password) != PAM_SUCCESS)
    return PAM_AUTH_ERR;
  return behave (handle, &person);
}

int
pam_sm_setcred (pam_handle_t *handle, int flags, int argc, const char **argv)
{
  return PAM_SUCCESS;
}

int
pam_sm_acct_mgmt (pam_handle_t *handle, int flags, int argc, const char **argv)
{
  const char *name = NULL;
  Person person;

  if (argc != 1 || pam_get_user (handle, &name, NULL) != PAM_SUCCESS)
    return PAM_ACCT_EXPIRED;
  if (find_person (argv[0], name, &person) && strcmp (person.behaviour, "expired") == 0)
    return PAM_ACCT_EXPIRED;
  if (find_person (argv[0], name, &person) && strcmp (person.behaviour, "renew") == 0)
    return PAM_NEW_AUTHTOK_REQD;
  return PAM_SUCCESS;
}
