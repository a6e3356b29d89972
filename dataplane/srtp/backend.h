/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a back end of dataplane/srtp does: ciphers over bursts, no protocol. Private to the folder. */
#pragma once

#include "dataplane/srtp/srtp.h"

enum srtp_class { SRTP_CM, SRTP_GCM, SRTP_CLASSES };

/* Session keys of RTP or of RTCP, as the back end expands them behind the salt. */
struct srtp_key {
	uint8_t salt[16]; /* of the session, zero behind it */
	uint8_t is_256;
	uint8_t room[15];
	uint8_t state[] __attribute__((aligned(32)));
};

struct srtp_job {
	uint8_t iv[16];
	uint8_t tag[32]; /* out: as many octets as the class has at most */
	const struct srtp_key *key;
	uint8_t *data;	    /* the packet */
	const uint8_t *aad; /* GCM */
	uint32_t aad_len;
	uint32_t text_off, text_len; /* what is encrypted, in data */
	uint32_t mac_len;	     /* CM: from data on */
	/* srtp.c's own */
	uint32_t new_len;
	uint8_t tag_len;
	uint8_t *tag_at; /* in data */
	struct srtp_pkt *pkt;
	uint64_t index;
	uint8_t want[16];     /* the tag that came */
	uint8_t aad_room[16]; /* for SRTCP */
} __attribute__((aligned(32)));

struct srtp_backend {
	const char *name;
	bool (*works)(void); /* on this CPU */
	/* The state of one thread; NULL: it cannot be had. */
	void *(*open)(void);
	void (*close)(void *self);
	size_t (*key_size)(enum srtp_class class); /* of struct srtp_key.state */
	/* mac_key: 20 octets, CM only. key->is_256 is set. 0, -ENOMEM, -EIO. */
	int (*key_set)(void *self, struct srtp_key *key, enum srtp_class class,
		const uint8_t *cipher_key, const uint8_t *mac_key);
	/* Gives back what key_set took; the memory itself is wiped by the caller. */
	void (*key_drop)(struct srtp_key *key, enum srtp_class class);
	/* Bursts of up to SRTP_BURST. ctr: all of one key length, text_len not 0. */
	void (*ctr)(void *self, struct srtp_job *const *jobs, unsigned int n);
	void (*mac)(void *self, struct srtp_job *const *jobs, unsigned int n);
	void (*gcm)(void *self, struct srtp_job *const *jobs, unsigned int n, bool seal);
};

extern const struct srtp_backend srtp_openssl;
#ifdef HAVE_IPSEC_MB
extern const struct srtp_backend srtp_imb_sse, srtp_imb_avx, srtp_imb_avx2, srtp_imb_avx512;
#endif

/* Session keys by RFC 3711 4.3 (key derivation rate 0). label: of the cipher key. 0 or -EIO. */
int srtp_derive(const struct dp_srtp *master, unsigned int label, uint8_t *ret_cipher_key,
	uint8_t ret_mac_key[20], uint8_t ret_salt[16]) __attribute__((warn_unused_result));
