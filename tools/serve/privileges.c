/* SPDX-License-Identifier: MIT */
/*
 * Less than one was started with, once the sockets are open.  What fails here
 * ends the program: it must not go on with more than it was told to have.
 */
#include "tools/common/tool.h"
#include "tools/serve/serve.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void find_user(uid_t *uid, gid_t *gid, char name[64])
{
    const char *colon = strchr(serve.user, ':');
    const struct passwd *pw;
    const struct group *gr;

    snprintf(name, 64, "%.*s", colon != NULL ? (int)(colon - serve.user) : 63,
             serve.user);
    pw = getpwnam(name);
    if (pw == NULL)
        tool_die("--user: there is no user '%s'", name);
    *uid = pw->pw_uid;
    *gid = pw->pw_gid;
    if (colon == NULL)
        return;
    gr = getgrnam(colon + 1);
    if (gr == NULL)
        tool_die("--user: there is no group '%s'", colon + 1);
    *gid = gr->gr_gid;
}

void serve_drop_privileges(void)
{
    char name[64];
    uid_t uid;
    gid_t gid;

    if (serve.user == NULL)
        return;
    find_user(&uid, &gid, name);
    if (uid == 0)
        tool_die("--user: '%s' is root", name);
    if (initgroups(name, gid) < 0)
        tool_die("--user: the groups of '%s': %s", name,
                 flare_strerror(-errno));
    if (serve.chroot != NULL && (chroot(serve.chroot) < 0 || chdir("/") < 0))
        tool_die("--chroot: '%s': %s", serve.chroot, flare_strerror(-errno));
    if (setgid(gid) < 0 || setuid(uid) < 0)
        tool_die("--user: '%s': %s", name, flare_strerror(-errno));
    if (setuid(0) == 0)
        tool_die("--user: root can be had back");
}
