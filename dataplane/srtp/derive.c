/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a master key to session keys: the pseudo-random function of RFC 3711 4.3.3 is AES in
 * counter mode under the master key; RFC 6188 takes AES-256 for it, RFC 7714 pads its shorter
 * salt with zeros on the right. Control thread.
 */
#include "dataplane/srtp/backend.h"

#include "controlplane/base/secret.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define LABEL_OCTET 7
#define MAC_KEY_LEN 20

/* Labels in the order of RFC 3711 4.3.2: cipher key, authentication key, salt. */
static int derive_one(EVP_CIPHER_CTX *evp, const struct dp_srtp *master, unsigned int label,
	uint8_t *out, int len)
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(master->suite);
	const EVP_CIPHER *cipher = info->key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
	uint8_t iv[16] = {0}, zero[32] = {0};
	int n = 0;

	memcpy(iv, master->key + info->key_len, info->salt_len);
	iv[LABEL_OCTET] ^= (uint8_t)label;
	if (EVP_EncryptInit_ex(evp, cipher, NULL, master->key, iv) != 1 ||
		EVP_EncryptUpdate(evp, out, &n, zero, len) != 1 || n != len)
		return -EIO;
	return 0;
}

int srtp_derive(const struct dp_srtp *master, unsigned int label, uint8_t *ret_cipher_key,
	uint8_t ret_mac_key[20], uint8_t ret_salt[16])
{
	const struct dp_srtp_suite_info *info = dp_srtp_suite(master->suite);
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();
	int err = evp ? derive_one(evp, master, label, ret_cipher_key, info->key_len) : -EIO;

	if (!err && ret_mac_key)
		err = derive_one(evp, master, label + 1, ret_mac_key, MAC_KEY_LEN);
	memset(ret_salt, 0, 16);
	if (!err)
		err = derive_one(evp, master, label + 2, ret_salt, info->salt_len);
	EVP_CIPHER_CTX_free(evp);
	return err;
}
