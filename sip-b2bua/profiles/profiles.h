/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * voice class sip-profiles at work: rules that change header fields and lines of session descriptions of
 * a finished message. The result is a new message that was parsed and compared with the old one: what a
 * message is found by, and what ends it, is as it was; else nothing is changed at all. limen-sip changes
 * messages with it, limen-control shows what would become of one. One thread per object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/view.h"
#include "controlplane/config/cfg.h"

struct sip_profiles;

#define SIP_PROFILES_WHY_MAX 160
#define SIP_PROFILES_OUT_MAX 65535 /* as SIP_MSG_MAX */

/* All profiles of a configuration, compiled; cfg must outlive them. error: a sentence. */
int sip_profiles_new(const struct cfg *cfg, struct sip_profiles **ret_profiles,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
void sip_profiles_free(struct sip_profiles *profiles);

/*
 * Carries out a profile on a message (whole, as sip_msg_parse() takes it). 1: changed, *ret_n octets are
 * in out; 0: nothing fits, or there is no such profile; -EINVAL: it is no SIP message; -EBADMSG: the
 * result could not stand for the message, which stays as it is. why says what is wrong.
 */
int sip_profiles_apply(struct sip_profiles *profiles, uint32_t tag, struct view msg, bool is_stream,
	char *out, size_t out_size, size_t *ret_n, char why[SIP_PROFILES_WHY_MAX])
	__attribute__((warn_unused_result));
