/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The WAV files of a recording: NAME-caller.wav, NAME-called.wav and NAME-mix.wav, or NAME-stereo.wav
 * (caller left, called right). While one is written it is called NAME-....wav.part; its header is
 * right every few seconds and at the end, when it gets its name. What a killed process left is
 * finished by rec_files_repair().
 *
 * Owner: one thread. Makes system calls that wait for the disk.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/api/ctl_api.h"
#include "dataplane/transcode/wav.h"

#define REC_PATH_MAX (CTL_REC_NAME_MAX + 32)
#define REC_PART     ".part"

struct rec_files {
	int root; /* directory below which names are; the owner's */
	char name[CTL_REC_NAME_MAX];
	uint32_t tracks; /* bits 1 << enum ctl_rec_track that are open */
	struct vp_wav_writer wav[CTL_REC_N_TRACKS];
};

/* Bits of the tracks that a policy wants (enum ctl_rec_files). */
uint32_t rec_files_tracks(uint32_t files);
/* Whether a file of that name is there, finished or not. */
bool rec_files_exist(int root, const char *name);
/*
 * Makes the files; name has the day's directory, which must exist. 0, or the errno of what failed:
 * then nothing is left.
 */
int rec_files_open(struct rec_files *files, int root, const char *name, uint32_t tracks,
	uint32_t rate_hz) __attribute__((warn_unused_result));
/* Adds n samples of both sides, at most REC_CHUNK_MAX. The errno of writing. */
#define REC_CHUNK_MAX 1600
int rec_files_write(struct rec_files *files, const int16_t *caller, const int16_t *called,
	uint32_t n) __attribute__((warn_unused_result));
/* Bytes in all files that are open. */
uint64_t rec_files_bytes(const struct rec_files *files);
/* Finishes and names them. The first errno; all are closed in any case. */
int rec_files_close(struct rec_files *files);

/*
 * A file that ends in .part, by its name in dir: gets a right header and its name. Bytes of it; or
 * -ENODATA: there was no sample, it is removed; -EBADMSG: not written by us, it stays; or an errno.
 */
int64_t rec_files_repair(int dir, const char *part) __attribute__((warn_unused_result));
