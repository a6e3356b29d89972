/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See files.h. */
#include "controlplane/rec/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE	  0640
#define FMT_OFF	  56 /* of vp_wav_header(): RIFF, room for ds64, head of fmt, then its contents */
#define ALL	  ((1u << CTL_REC_N_TRACKS) - 1)
#define OPEN_NEW  (O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC)
#define OPEN_PART (O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

static const char *const track_ends[] = {
#define X(sym, text) text,
	CTL_REC_TRACKS(X)
#undef X
};

uint32_t rec_files_tracks(uint32_t files)
{
	switch (files) {
	case CTL_REC_FILES_SEPARATE:
		return 1u << CTL_REC_CALLER | 1u << CTL_REC_CALLED;
	case CTL_REC_FILES_MIX:
		return 1u << CTL_REC_MIX;
	case CTL_REC_FILES_STEREO:
		return 1u << CTL_REC_STEREO;
	default:
		return 1u << CTL_REC_CALLER | 1u << CTL_REC_CALLED | 1u << CTL_REC_MIX;
	}
}

static void path_of(char path[REC_PATH_MAX], const char *name, unsigned int track, bool part)
{
	snprintf(path, REC_PATH_MAX, "%.*s%s.wav%s", CTL_REC_NAME_MAX - 1, name, track_ends[track],
		part ? REC_PART : "");
}

bool rec_files_exist(int root, const char *name)
{
	char path[REC_PATH_MAX];

	for (unsigned int i = 0; i < 2 * CTL_REC_N_TRACKS; i++) {
		path_of(path, name, i / 2, i % 2);
		if (faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

/* Closes all; named: they keep what they have. */
static int close_all(struct rec_files *files, bool named)
{
	char part[REC_PATH_MAX], path[REC_PATH_MAX];
	int ret = 0;

	for (unsigned int i = 0; i < CTL_REC_N_TRACKS; i++) {
		int err = 0;
		if (!(files->tracks & 1u << i))
			continue;
		path_of(part, files->name, i, true);
		path_of(path, files->name, i, false);
		if (named)
			err = vp_wav_finish(&files->wav[i]);
		if (close(files->wav[i].fd) < 0 && err == 0)
			err = -errno;
		if (named && renameat(files->root, part, files->root, path) < 0 && err == 0)
			err = -errno;
		if (!named)
			unlinkat(files->root, part, 0);
		if (ret == 0)
			ret = err;
	}
	files->tracks = 0;
	return ret;
}

int rec_files_open(
	struct rec_files *files, int root, const char *name, uint32_t tracks, uint32_t rate_hz)
{
	char path[REC_PATH_MAX];

	*files = (struct rec_files){.root = root};
	snprintf(files->name, sizeof(files->name), "%s", name);
	for (unsigned int i = 0; i < CTL_REC_N_TRACKS; i++) {
		if (!(tracks & 1u << i))
			continue;
		path_of(path, name, i, true);
		int fd = openat(root, path, OPEN_NEW, MODE), err;
		if (fd < 0) {
			err = -errno;
			close_all(files, false);
			return err;
		}
		files->tracks |= 1u << i;
		err = vp_wav_start(&files->wav[i], fd, rate_hz, i == CTL_REC_STEREO ? 2 : 1);
		if (err < 0) {
			close_all(files, false);
			return err;
		}
	}
	return 0;
}

static int16_t sum(int32_t a, int32_t b)
{
	int32_t s = a + b;

	return (int16_t)(s > INT16_MAX ? INT16_MAX : s < INT16_MIN ? INT16_MIN : s);
}

/* vp_wav_write() adds at data_len, so what failed in the middle is written over next time. */
int rec_files_write(
	struct rec_files *files, const int16_t *caller, const int16_t *called, uint32_t n)
{
	int16_t both[2 * REC_CHUNK_MAX];
	int err = 0;

	for (unsigned int i = 0; i < CTL_REC_N_TRACKS && err == 0; i++) {
		const int16_t *pcm = i == CTL_REC_CALLER   ? caller
				     : i == CTL_REC_CALLED ? called
							   : both;

		if (!(files->tracks & 1u << i))
			continue;
		for (uint32_t k = 0; i == CTL_REC_MIX && k < n; k++)
			both[k] = sum(caller[k], called[k]);
		for (uint32_t k = 0; i == CTL_REC_STEREO && k < n; k++) {
			both[2 * k] = caller[k];
			both[2 * k + 1] = called[k];
		}
		err = vp_wav_write(&files->wav[i], pcm, n);
	}
	return err;
}

uint64_t rec_files_bytes(const struct rec_files *files)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < CTL_REC_N_TRACKS; i++)
		if (files->tracks & 1u << i)
			bytes += VP_WAV_HEADER_LEN + files->wav[i].data_len;
	return bytes;
}

int rec_files_close(struct rec_files *files)
{
	return close_all(files, true);
}

/* ---- repair ---- */

static uint32_t get_le(const uint8_t *p, unsigned int n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* What the file is by its header, which may not know how long it is. */
static bool header_of(const uint8_t h[VP_WAV_HEADER_LEN], struct vp_wav_writer *ret_wav)
{
	uint8_t want[VP_WAV_HEADER_LEN];
	uint32_t rate_hz = get_le(h + FMT_OFF + 4, 4);
	uint16_t n_channels = (uint16_t)get_le(h + FMT_OFF + 2, 2);

	if (n_channels < 1 || n_channels > 2 || (rate_hz != 8000 && rate_hz != 16000))
		return false;
	vp_wav_header(rate_hz, n_channels, 0, want);
	/* but for the lengths it is what we write */
	if (memcmp(h + 8, want + 8, 4) != 0 || memcmp(h + FMT_OFF - 8, want + FMT_OFF - 8,
						       VP_WAV_HEADER_LEN - 4 - FMT_OFF + 8) != 0)
		return false;
	*ret_wav = (struct vp_wav_writer){.rate_hz = rate_hz, .n_channels = n_channels};
	return true;
}

static int64_t repair(int fd)
{
	uint8_t h[VP_WAV_HEADER_LEN];
	struct vp_wav_writer wav;
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_size <= VP_WAV_HEADER_LEN)
		return -ENODATA;
	if (pread(fd, h, sizeof(h), 0) != sizeof(h) || !header_of(h, &wav))
		return -EBADMSG;
	uint32_t frame = 2u * wav.n_channels;
	wav.fd = fd;
	wav.data_len = (uint64_t)st.st_size - VP_WAV_HEADER_LEN;
	wav.data_len -= wav.data_len % frame;
	if (wav.data_len == 0)
		return -ENODATA;
	if (ftruncate(fd, (off_t)(VP_WAV_HEADER_LEN + wav.data_len)) < 0)
		return -errno;
	err = vp_wav_finish(&wav);
	return err < 0 ? err : (int64_t)(VP_WAV_HEADER_LEN + wav.data_len);
}

int64_t rec_files_repair(int dir, const char *part)
{
	size_t len = strlen(part), end = sizeof(REC_PART) - 1;
	char path[REC_PATH_MAX];
	int fd = openat(dir, part, OPEN_PART);
	int64_t ret;

	if (fd < 0)
		return -errno;
	if (len <= end || len >= sizeof(path)) {
		close(fd);
		return -EBADMSG;
	}
	ret = repair(fd);
	close(fd);
	memcpy(path, part, len - end);
	path[len - end] = '\0';
	if (ret == -ENODATA)
		unlinkat(dir, part, 0);
	else if (ret >= 0 && renameat(dir, part, dir, path) < 0)
		ret = -errno;
	return ret;
}
