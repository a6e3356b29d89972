/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening and connecting Unix sockets, and the check of text in messages; see ipc.h. */
#include "controlplane/base/ipc.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/base/log.h"
#include "controlplane/base/view.h"

LOG_TOPIC("ipc");

#define BACKLOG 64

struct ipc_listener {
	int fd;
	ipc_accept_fn accept;
	void *arg;
	struct event *event, *pause;
	struct sockaddr_un sun;
	dev_t dev; /* of our socket file: another process's is not removed */
	ino_t ino;
};

bool ipc_str_ok(const char *field, size_t size)
{
	const uint8_t *s = (const uint8_t *)field;
	size_t i = 0;

	while (i < size) {
		i += view_plain_len((struct view){field + i, size - i});
		if (i == size)
			break;
		if (s[i] == '\0')
			return true;
		size_t len = 1;
		/* c2 80 to c2 9f are control characters too (ISO 6429). */
		if (s[i] == 0xc2 && i + 1 < size && s[i + 1] < 0xa0)
			len = 0;
		else if (s[i] >= 0x80)
			len = view_utf8_len((struct view){field + i, size - i});
		else if (s[i] < 0x20 || s[i] == 0x7f)
			len = 0;
		if (len == 0)
			return false;
		i += len;
	}
	return false;
}

static int sun_fill(const char *path, struct sockaddr_un *ret_sun)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, len + 1);
	*ret_sun = sun;
	return 0;
}

int ipc_connect(const char *path)
{
	struct sockaddr_un sun;
	int ret = sun_fill(path, &sun);

	if (ret < 0)
		return ret;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* Removes a socket file that nobody listens at. Never anything that is not a socket. */
static int remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	int fd = ipc_connect(path);
	if (fd >= 0 || fd == -EAGAIN) {
		if (fd >= 0)
			close(fd);
		return -EADDRINUSE;
	}
	if (fd != -ECONNREFUSED)
		return fd;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static void accept_cb(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = {.tv_usec = 200000};
	struct ipc_listener *listener = arg;

	for (unsigned int i = 0; i < BACKLOG; i++) {
		int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (conn >= 0) {
			listener->accept(conn, listener->arg);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* Out of descriptors: without a pause the loop would spin until one is free. */
		log_warning("cannot take connections at %s: %s", listener->sun.sun_path,
			strerror(errno));
		event_del(listener->event);
		event_add(listener->pause, &pause);
		return;
	}
}

static void pause_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_listener *listener = arg;
	event_add(listener->event, NULL);
}

static int listen_at(struct ipc_listener *l, mode_t mode)
{
	struct stat st;
	int ret = remove_stale(l->sun.sun_path);

	if (ret < 0)
		return ret;
	l->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	if (bind(l->fd, (struct sockaddr *)&l->sun, sizeof(l->sun)) < 0)
		return -errno;
	if (lstat(l->sun.sun_path, &st) == 0) {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	/* Nobody can connect before listen(), so there is no moment with another mode. */
	if (chmod(l->sun.sun_path, mode) < 0 || listen(l->fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int ipc_listen(struct event_base *base, const char *path, mode_t mode, ipc_accept_fn accept,
	void *arg, struct ipc_listener **ret_listener)
{
	struct ipc_listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->fd = -1;
	l->accept = accept;
	l->arg = arg;
	int ret = sun_fill(path, &l->sun);
	if (ret == 0)
		ret = listen_at(l, mode);
	if (ret == 0) {
		l->event = event_new(base, l->fd, EV_READ | EV_PERSIST, accept_cb, l);
		l->pause = event_new(base, -1, 0, pause_cb, l);
		if (l->event == NULL || l->pause == NULL || event_add(l->event, NULL) < 0)
			ret = -ENOMEM;
	}
	if (ret < 0) {
		ipc_listener_free(l);
		return ret;
	}
	*ret_listener = l;
	return 0;
}

void ipc_listener_free(struct ipc_listener *l)
{
	struct stat st;

	if (l == NULL)
		return;
	if (l->event != NULL)
		event_free(l->event);
	if (l->pause != NULL)
		event_free(l->pause);
	if (l->fd >= 0)
		close(l->fd);
	if (l->ino != 0 && lstat(l->sun.sun_path, &st) == 0 && st.st_dev == l->dev &&
		st.st_ino == l->ino)
		unlink(l->sun.sun_path);
	free(l);
}
