/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Life cycle, text form and validation of a configuration. Used by limen-control (the datastore)
 * and by limen-sip (which is sent the text form). Any thread, one at a time per object.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/config/cfg_model.h"

#define CFG_ERROR_MAX 256

struct cfg *cfg_new(void); /* all defaults; NULL when memory is short */
void cfg_free(struct cfg *cfg);
struct cfg *cfg_clone(const struct cfg *cfg);

/*
 * Reads the text form (the libconfig start-up file). On failure nothing is returned and error
 * says in a sentence what is wrong, with file and line. -EINVAL, -ENOMEM.
 */
int cfg_from_text(const char *text, size_t len, const char *origin, struct cfg **ret_cfg,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
/* The whole configuration, canonical. *ret_text is malloc()ed and NUL-terminated. */
int cfg_to_text(const struct cfg *cfg, char **ret_text, size_t *ret_len)
	__attribute__((warn_unused_result));

/*
 * References between objects, overlaps, required settings. The first fault found, in a sentence:
 * -EINVAL, or -ENODATA when nothing is wrong but a required setting is missing.
 */
int cfg_validate(const struct cfg *cfg, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));

/* An interface that the data plane provides: a device, or a sub-interface of one. */
bool cfg_interface_has_device(const struct cfg_interface *interface);
/* Of a sub-interface, by its name; NULL. */
const struct cfg_interface *cfg_interface_parent(
	const struct cfg *cfg, const struct cfg_interface *interface);

const struct cfg_realm *cfg_find_realm(const struct cfg *cfg, const char *name);
/* Of the realms on its interface the first: who is blocked in one of them is in all. */
const struct cfg_realm *cfg_realm_network(const struct cfg *cfg, const struct cfg_realm *realm);
/* Whether limits per source are kept there. */
bool cfg_realm_defends(const struct cfg_realm *realm);
const struct cfg_trunk *cfg_find_trunk(const struct cfg *cfg, const char *name);
/* family 4 or 6. */
const struct cfg_access_list *cfg_find_access_list(
	const struct cfg *cfg, unsigned int family, const char *name);
const struct cfg_interface *cfg_find_interface(const struct cfg *cfg, const char *name);
const struct cfg_dial_peer *cfg_find_dial_peer(const struct cfg *cfg, uint32_t tag);
const struct cfg_registrar *cfg_find_registrar(const struct cfg *cfg, const char *name);
/* The one that takes the registrations of a realm; NULL. */
const struct cfg_registrar *cfg_realm_registrar(const struct cfg *cfg, const char *realm);
const struct cfg_pool *cfg_find_pool(const struct cfg *cfg, uint32_t tag);
/* By what calls find a user: its number, or its name. */
const char *cfg_pool_number(const struct cfg_pool *pool);
const struct cfg_srtp_crypto *cfg_find_srtp_crypto(const struct cfg *cfg, uint32_t tag);
const struct cfg_tls_profile *cfg_find_tls_profile(const struct cfg *cfg, uint32_t tag);
const struct cfg_server_group *cfg_find_server_group(const struct cfg *cfg, uint32_t tag);
/* The tag of its own profile or of its realm's; 0: none. */
uint32_t cfg_trunk_tls_profile(const struct cfg *cfg, const struct cfg_trunk *trunk);
const struct cfg_tenant *cfg_find_tenant(const struct cfg *cfg, uint32_t tag);
/* The class of the trunk or else of the realm; NULL: none. trunk may be NULL. */
const struct cfg_tenant *cfg_tenant_of(
	const struct cfg *cfg, const struct cfg_realm *realm, const struct cfg_trunk *trunk);
const struct cfg_voice_codec *cfg_find_voice_codec(const struct cfg *cfg, uint32_t tag);
/* The word of an enum cfg_codec, and its enum dp_codec_id; NONE for transparent. */
const char *cfg_codec_word(uint8_t codec);
uint8_t cfg_codec_id(uint8_t codec);
const struct cfg_sip_profile *cfg_find_sip_profile(const struct cfg *cfg, uint32_t tag);
const struct cfg_translation_rule *cfg_find_translation_rule(const struct cfg *cfg, uint32_t tag);
const struct cfg_translation_profile *cfg_find_translation_profile(
	const struct cfg *cfg, const char *name);
const struct cfg_time_range *cfg_find_time_range(const struct cfg *cfg, const char *name);
const struct cfg_quality *cfg_find_quality(const struct cfg *cfg, uint32_t tag);
const struct cfg_route_hook *cfg_find_route_hook(const struct cfg *cfg, uint32_t tag);
const struct cfg_route_table *cfg_find_route_table(const struct cfg *cfg, uint32_t tag);
const struct cfg_link *cfg_find_link(const struct cfg *cfg, const char *name);
const struct cfg_toll *cfg_find_toll(const struct cfg *cfg, uint32_t tag);
const struct cfg_dpg *cfg_find_dpg(const struct cfg *cfg, uint32_t tag);
const struct cfg_e164_map *cfg_find_e164_map(const struct cfg *cfg, uint32_t tag);
const struct cfg_prompt *cfg_find_prompt(const struct cfg *cfg, const char *name);

/*
 * The path below the directory of such files (STATE/prompts, STATE/maps) of "flash:/PATH" or
 * "flash:PATH"; NULL with a sentence.
 */
const char *cfg_flash_path(const char *text, const char **ret_why);
