/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rights.h. */
#include "controlplane/base/rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "controlplane/base/log.h"

LOG_TOPIC("rights");

static int become(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (!pw) {
		log_err("there is no user \"%s\"", user);
		return -ENOENT;
	}
	if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0) {
		int rc = -errno;
		log_err("cannot become user \"%s\": %s", user, strerror(-rc));
		return rc;
	}
	return 0;
}

int rights_become(const char *user)
{
	int rc = user && geteuid() == 0 ? become(user) : 0;

	if (rc < 0)
		return rc;
	if (geteuid() == 0)
		log_warning("runs as root; start it as an ordinary user or with --user");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		return 0;
	rc = -errno;
	log_err("cannot give up gaining rights: %s", strerror(-rc));
	return rc;
}

int rights_hide_memory(void)
{
	int rc = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;

	if (rc < 0)
		log_err("cannot hide its memory: %s", strerror(-rc));
	return rc;
}
