/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which Unix accounts are people's. */

#include "pam-settings.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#define GROUPS_MAX 65536

/* Names that PAM modules hand on to programs and files. */
static gboolean
is_name (const char *username)
{
  if (*username == '\0' || *username == '-' || strlen (username) > 256)
    return FALSE;
  for (const char *c = username; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c) || strchr (":/,", *c) != NULL)
      return FALSE;
  return TRUE;
}

static gboolean
is_member (const struct passwd *account, const char *group_name)
{
  const struct group *group = getgrnam (group_name);
  g_autofree gid_t *groups = g_new (gid_t, GROUPS_MAX);
  int n_groups = GROUPS_MAX;

  if (group == NULL)
    return FALSE;
  gid_t wanted = group->gr_gid;
  if (getgrouplist (account->pw_name, account->pw_gid, groups, &n_groups) < 0)
    return FALSE;
  for (int i = 0; i < n_groups; i++)
    if (groups[i] == wanted)
      return TRUE;
  return FALSE;
}

gboolean
pam_settings_permit (const PamSettings *self, const char *username)
{
  const struct passwd *account = is_name (username) ? getpwnam (username) : NULL;

  if (account == NULL || account->pw_uid < self->minimum_uid || account->pw_uid > self->maximum_uid)
    return FALSE;
  for (guint i = 0; self->groups != NULL && self->groups[i] != NULL; i++)
    if (is_member (account, self->groups[i]))
      return TRUE;
  return self->groups == NULL;
}
