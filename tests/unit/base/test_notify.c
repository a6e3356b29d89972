/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of controlplane/base/notify.c against a socket of our own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/base/notify.h"

static void test_send(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char env[sizeof(sun.sun_path) + 1], got[32] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(env, sizeof(env), "@limen-test-%d", (int)getpid());
	memcpy(sun.sun_path + 1, env + 1, strlen(env) - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(env))),
		0);
	setenv("NOTIFY_SOCKET", env, 1);
	assert_int_equal(notify_send("READY=1"), 1);
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
	assert_string_equal(got, "READY=1");
	close(fd);
	assert_int_equal(notify_send("READY=1"), -ECONNREFUSED);
}

static void test_no_listener(void **state)
{
	char big[200];

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
	memset(big, 'x', sizeof(big) - 1);
	big[0] = '/';
	big[sizeof(big) - 1] = '\0';
	setenv("NOTIFY_SOCKET", big, 1);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_no_listener),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
