/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See prompt_file.h. */
#include "controlplane/media/prompt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/transcode/wav.h"

/* The largest kind of file with PROMPT_SECONDS_MAX: 16 bits, stereo, 48 kHz, and chunks beside. */
#define FILE_BYTES_MAX (PROMPT_SECONDS_MAX * UINT64_C(192000) + 65536)
#define PIECE	       4096 /* samples at a time */

static int fault(char *why, int rc, const char *text)
{
	snprintf(why, PROMPT_WHY_MAX, "%s", text);
	return rc;
}

static int fault_errno(char *why, const char *what)
{
	int rc = -errno;

	if (rc == -ENOENT)
		return fault(why, rc, "there is no such file in the directory of prompts");
	if (rc == -ELOOP)
		return fault(why, rc, "it is a symbolic link, or behind one");
	snprintf(why, PROMPT_WHY_MAX, "%s: %s", what, strerror(-rc));
	return rc;
}

/* Part by part, so that no link leads out of the directory. */
static int open_below(int dir_fd, const char *path)
{
	int at = dup(dir_fd);

	while (at >= 0) {
		const char *slash = strchr(path, '/');
		char part[256];
		int next, flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
		size_t n = slash ? (size_t)(slash - path) : strlen(path);

		if (n == 0 || n >= sizeof(part) || *path == '.') {
			errno = EINVAL;
			next = -1;
		} else {
			memcpy(part, path, n);
			part[n] = '\0';
			next = openat(at, part, slash ? flags | O_DIRECTORY : flags);
		}
		int err = errno;
		close(at);
		errno = err;
		if (next < 0 || !slash)
			return next;
		at = next;
		path = slash + 1;
	}
	return at;
}

static struct prompt_stamp stamp_of(const struct stat *st)
{
	return (struct prompt_stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.changed_s = st->st_mtim.tv_sec,
		.changed_ns = st->st_mtim.tv_nsec,
	};
}

bool prompt_file_same(int dir_fd, const char *path, const struct prompt_stamp *stamp)
{
	int fd = open_below(dir_fd, path);
	struct prompt_stamp now;
	struct stat st;
	bool ok = fd >= 0 && fstat(fd, &st) == 0;

	if (fd >= 0)
		close(fd);
	if (!ok)
		return false;
	now = stamp_of(&st);
	return memcmp(&now, stamp, sizeof(now)) == 0;
}

/* Read, not mapped: a file that is cut short meanwhile must not be able to end this process. */
static int read_all(int fd, uint8_t *p, size_t len, char *why)
{
	while (len > 0) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fault_errno(why, "it cannot be read");
		if (n == 0)
			return fault(why, -EIO, "it became shorter while it was read");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int make_memfd(const struct vp_wav *wav, int *ret_fd)
{
	int fd = memfd_create("limen-prompt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int16_t pcm[PIECE];
	uint32_t n;
	int rc = fd < 0 ? -errno : 0;

	for (uint64_t at = 0; rc == 0 && (n = vp_wav_read(wav, at, pcm, PIECE)) > 0; at += n)
		rc = write_all(fd, pcm, n * sizeof(pcm[0]));
	if (rc == 0 && fcntl(fd, F_ADD_SEALS,
			       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		rc = -errno;
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

static int convert(const uint8_t *bytes, size_t len, struct prompt_sound *sound, char *why)
{
	const char *text;
	struct vp_wav wav;
	int rc;

	if (vp_wav_open(bytes, len, &wav, &text) < 0)
		return fault(why, -EINVAL, text);
	if (wav.n_samples == 0)
		return fault(why, -EINVAL, "there is no sound in it");
	if (wav.n_samples > PROMPT_SECONDS_MAX * (uint64_t)wav.rate_hz) {
		snprintf(why, PROMPT_WHY_MAX, "it is longer than %u seconds", PROMPT_SECONDS_MAX);
		return -EFBIG;
	}
	rc = make_memfd(&wav, &sound->fd);
	if (rc < 0)
		return fault(why, rc, "memory is short");
	sound->rate_hz = wav.rate_hz;
	sound->n_samples = wav.n_samples;
	return 0;
}

static int load(int fd, struct prompt_sound *sound, char *why)
{
	struct stat st;
	uint8_t *bytes;
	int rc;

	if (fstat(fd, &st) < 0)
		return fault_errno(why, "it cannot be read");
	if (!S_ISREG(st.st_mode))
		return fault(why, -EINVAL, "it is no file");
	if ((uint64_t)st.st_size > FILE_BYTES_MAX) {
		snprintf(why, PROMPT_WHY_MAX, "it is too large: %u seconds are the most",
			PROMPT_SECONDS_MAX);
		return -EFBIG;
	}
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return fault(why, -ENOMEM, "memory is short");
	rc = read_all(fd, bytes, (size_t)st.st_size, why);
	if (rc == 0)
		rc = convert(bytes, (size_t)st.st_size, sound, why);
	free(bytes);
	sound->stamp = stamp_of(&st);
	return rc;
}

int prompt_file_load(
	int dir_fd, const char *path, struct prompt_sound *ret_sound, char why[PROMPT_WHY_MAX])
{
	struct prompt_sound sound = {.fd = -1};
	int fd = open_below(dir_fd, path);
	int rc;

	if (fd < 0)
		return fault_errno(why, "it cannot be opened");
	rc = load(fd, &sound, why);
	close(fd);
	if (rc == 0)
		*ret_sound = sound;
	return rc;
}

void prompt_sound_free(struct prompt_sound *sound)
{
	if (sound->fd >= 0)
		close(sound->fd);
	sound->fd = -1;
}
