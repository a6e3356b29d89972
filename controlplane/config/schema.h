/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schema: one row per kind of object and one row per setting. Everything that knows a setting
 * by name works through these rows: the start-up file, JSON, show running-config, the CLI's
 * grammar and help, validation of references, merging and differences. A new setting is one field
 * in cfg_model.h and one row in a schema_*.c.
 *
 * A value has one text form (cfg_value_parse, cfg_value_print), which is what is typed at the CLI
 * and, except for numbers and booleans, what stands in the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/base/view.h"
#include "controlplane/config/buf.h"
#include "controlplane/config/cfg.h"

/* In the order in which they are printed: what is referred to comes first. */
enum cfg_kind {
	CFG_SYSTEM,
	CFG_VOICE,
	CFG_SIP_UA,
	CFG_RECORDING,
	CFG_CONTROL_PLANE,
	CFG_ACCESS_LIST4,
	CFG_ACCESS_LIST6,
	CFG_INTERFACE,
	CFG_ROUTE,
	CFG_SRTP_CRYPTO,
	CFG_VOICE_CODEC,
	CFG_PROMPT,
	CFG_TLS_PROFILE,
	CFG_SIP_PROFILE,
	CFG_TRANSLATION_RULE,
	CFG_TRANSLATION_PROFILE,
	CFG_TIME_RANGE,
	CFG_E164_MAP,
	CFG_DPG,
	CFG_ROUTE_TABLE,
	CFG_QUALITY,
	CFG_ROUTE_HOOK,
	CFG_TOLL,
	CFG_STIR,
	CFG_TENANT,
	CFG_SERVER_GROUP,
	CFG_LINK,
	CFG_REALM,
	CFG_TRUNK,
	CFG_DIAL_PEER,
	CFG_REGISTRAR,
	CFG_POOL,
	CFG_N_KINDS,
	CFG_NO_KIND = CFG_N_KINDS,
};

enum cfg_type {
	CFG_T_BOOL,
	CFG_T_U32,	    /* min..max */
	CFG_T_NAME,	    /* a letter or digit, then letters, digits, "_.-" */
	CFG_T_WORD,	    /* printable ASCII without blanks, quotes and '?' */
	CFG_T_LINE,	    /* printable UTF-8 to the end of the line */
	CFG_T_ENUM,	    /* uint8_t, one of words */
	CFG_T_PATTERN,	    /* digits of a dial-peer */
	CFG_T_DSCP,	    /* uint8_t 0..63 or its name */
	CFG_T_IPV4,	    /* struct ipaddr, port 0 */
	CFG_T_IPV6,	    /* struct ipaddr, port 0 */
	CFG_T_IP,	    /* struct ipaddr of either family, port 0 */
	CFG_T_PREFIX,	    /* struct cfg_prefix: an address with the length of its network */
	CFG_T_NET,	    /* struct cfg_prefix whose host bits are zero */
	CFG_T_TARGET,	    /* struct cfg_target: ipv4:A.B.C.D:PORT, ipv6:[X:X::X]:PORT,
			     * dns:NAME[:PORT] */
	CFG_T_MEMBER,	    /* struct cfg_member: ipv4 ADDRESS, ipv6 ADDRESS or dns NAME, then
			     * [port P] [preference N] [weight W]; a list, one value a target */
	CFG_T_LISTEN,	    /* struct cfg_listen: TRANSPORT ADDRESS [PORT] */
	CFG_T_COS,	    /* struct cfg_cos: DSCP PRIORITY */
	CFG_T_PORT_RANGE,   /* two uint32_t: an even and a larger odd port */
	CFG_T_PREFERENCE,   /* struct cfg_preference: RANK (min..max) and one of words; a list that
			   * is kept in the order of its ranks, one value a rank */
	CFG_T_ANNOUNCEMENT, /* struct cfg_announcement: STATUS (min..max) and the name of an object
			     * (ref); a list in the order of the statuses, one value a status */
	CFG_T_PERIODIC,	    /* struct cfg_periodic: DAYS HH:MM to HH:MM */
	CFG_T_DATE,	    /* struct cfg_date: HH:MM DAY MONTH YEAR */
	CFG_T_TRANSLATION,  /* struct cfg_translation: RANK (min..max) /MATCH/ /REPLACEMENT/ or RANK
			    * reject /MATCH/; a list in the order of the ranks, one value a rank */
	CFG_T_SIP_RULE, /* struct cfg_sip_rule: see sip_rule.h; a list in the order of the ranks */
	CFG_T_RULE, /* struct cfg_rule of IPv4 or IPv6 (min 4 or 6); up to CFG_RULES_MAX of them in
		     * the order of their numbers, one a number */
};

enum cfg_flags {
	CFG_F_KEY = 1 << 0,	  /* names the object among those of its kind */
	CFG_F_REQUIRED = 1 << 1,  /* the object is not usable without it */
	CFG_F_LIST = 1 << 2,	  /* up to CFG_LIST_MAX values */
	CFG_F_ZERO_NONE = 1 << 3, /* 0 is allowed besides min..max and means none: the "no" form */
	CFG_F_SECRET = 1 << 4,	  /* masked when shown */
	CFG_F_RESTART = 1 << 5,	  /* takes effect when the process starts again */
};

struct cfg_word {
	const char *word; /* NULL ends the list */
	uint8_t value;
	const char *help;
};

struct cfg_leaf {
	uint8_t kind, type;
	uint8_t ref; /* enum cfg_kind of the object that it names; CFG_NO_KIND: none */
	uint16_t flags;
	const char *name;      /* in the file and in JSON */
	const char *syntax;    /* CLI words; '$' is the value, at the end when absent. A second form
			     * for IPv6 follows after '|' */
	uint32_t offset, size; /* of the field, or of one element of a list */
	uint32_t count_offset; /* CFG_F_LIST */
	uint32_t min, max, def;
	const char *def_text; /* CFG_T_NAME */
	const struct cfg_word *words;
	const char
		*bare; /* the word that is meant where none follows, and by "true" in a file; NULL:
			   * there is none. So settings may become more than on and off. */
	const char *value_help;
	const char *help;
};

struct cfg_object {
	uint8_t kind;
	bool single;	    /* one, always there; else an array in struct cfg, sorted by key */
	bool one_line;	    /* key and settings stand on one line, no sub-mode */
	const char *name;   /* in the file and in JSON; NULL: its settings stand at the top level */
	const char *noun;   /* in messages */
	const char *syntax; /* CLI words; '$' is the key. NULL: no line of its own */
	const char *prompt; /* of the sub-mode: "config-if" */
	const char *help;
	uint32_t offset, count_offset, size; /* of the array, its count, one element */
};

extern const struct cfg_object cfg_objects[CFG_N_KINDS];

/* The row after this one, in the order of kinds; of NULL the first; NULL after the last. */
const struct cfg_leaf *cfg_leaf_next(const struct cfg_leaf *leaf);
/* The rows of one kind: first to last+1 (they stand together). */
void cfg_leaves_of(
	enum cfg_kind kind, const struct cfg_leaf **ret_first, const struct cfg_leaf **ret_end);
const struct cfg_leaf *cfg_leaf_key(enum cfg_kind kind); /* NULL for single objects */
const struct cfg_leaf *cfg_leaf_find(enum cfg_kind kind, const char *name);

/* ---- values (value.c) ---- */

#define CFG_VALUE_MAX 256      /* of the text form, with its NUL */
#define CFG_MASK      "******" /* in place of a secret */

/* text into the field (or list element) at ret. -EINVAL with a sentence that says what would fit. */
int cfg_value_parse(const struct cfg_leaf *leaf, struct view text, void *ret,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
char *cfg_value_print(const struct cfg_leaf *leaf, const void *value, char buf[CFG_VALUE_MAX]);
bool cfg_value_equal(const struct cfg_leaf *leaf, const void *a, const void *b);
const char *cfg_dscp_name(uint8_t dscp); /* NULL: it has none */
extern const struct cfg_word cfg_dscp_words[];
extern const struct cfg_word cfg_transport_words[]; /* of far ends that we connect to */
extern const struct cfg_word cfg_listen_words[];
extern const struct cfg_word cfg_codec_words[];

/* ---- settings of an object (model.c); obj points to the object ---- */

void cfg_leaf_reset(const struct cfg_leaf *leaf, void *obj); /* the default */
void cfg_leaf_none(const struct cfg_leaf *leaf, void *obj);  /* the "no" form */
bool cfg_leaf_is_default(const struct cfg_leaf *leaf, const void *obj);
bool cfg_leaf_is_set(const struct cfg_leaf *leaf, const void *obj); /* there is a value to print */
bool cfg_leaf_equal(const struct cfg_leaf *leaf, const void *a, const void *b);
void cfg_leaf_copy(const struct cfg_leaf *leaf, void *dst, const void *src);
/* Sets it; a value of a list is added unless it is there. -ENOSPC: the list is full. */
int cfg_leaf_set(const struct cfg_leaf *leaf, void *obj, struct view text,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
/* Takes one value out of a list; -ENOENT. */
int cfg_leaf_remove(const struct cfg_leaf *leaf, void *obj, struct view text,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
unsigned int cfg_leaf_count(const struct cfg_leaf *leaf, const void *obj); /* list: values */
const void *cfg_leaf_at(const struct cfg_leaf *leaf, const void *obj, unsigned int i);

/* ---- objects of a configuration (model.c) ---- */

unsigned int cfg_object_count(const struct cfg *cfg, enum cfg_kind kind);
void *cfg_object_at(const struct cfg *cfg, enum cfg_kind kind, unsigned int i);
/* key in its text form; NULL for single objects. NULL when there is none. */
void *cfg_object_find(const struct cfg *cfg, enum cfg_kind kind, struct view key);
/* Makes it with all defaults unless it exists. Pointers to objects of this kind become invalid. */
int cfg_object_add(struct cfg *cfg, enum cfg_kind kind, struct view key, void **ret_obj,
	char error[CFG_ERROR_MAX]) __attribute__((warn_unused_result));
int cfg_object_del(struct cfg *cfg, enum cfg_kind kind, struct view key)
	__attribute__((warn_unused_result));
/* "realm access" for messages. */
char *cfg_object_title(enum cfg_kind kind, const void *obj, char buf[CFG_VALUE_MAX + 32]);
/* Order of two keys of one kind, as of memcmp. */
int cfg_object_compare(enum cfg_kind kind, const void *a, const void *b);
bool cfg_equal(const struct cfg *a, const struct cfg *b);

/* ---- Cisco text (show.c) ---- */

/* show running-config: one space a level, '!' between sections, secrets masked when asked for. */
void cfg_print_cli(const struct cfg *cfg, bool mask, struct buf *out);
/* The lines of one object, its header included. */
void cfg_print_object(enum cfg_kind kind, const void *obj, bool mask, struct buf *out);
/* Lines that lead from a to b, with '-' and '+' inside their sections. */
void cfg_print_diff(const struct cfg *a, const struct cfg *b, struct buf *out);

/* ---- JSON (json.c); declared without jansson's header for those who do not need it ---- */
struct json_t;
struct json_t *cfg_to_json(const struct cfg *cfg, bool mask);
int cfg_from_json(const struct json_t *json, struct cfg **ret_cfg, char error[CFG_ERROR_MAX])
	__attribute__((warn_unused_result));

/*
 * Three-way merge (merge.c): theirs plus what changed from base to mine. Conflicts are described
 * one a line; then -ECANCELED and nothing is returned.
 */
int cfg_merge(const struct cfg *base, const struct cfg *mine, const struct cfg *theirs,
	struct cfg **ret_cfg, struct buf *conflicts) __attribute__((warn_unused_result));
