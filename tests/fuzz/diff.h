/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the differential fuzz targets share. A difference that no row of the target's list of known ones
 * explains is printed with both sides, and the run ends.
 */
#pragma once

#include "tests/fuzz/oracle.h"

/* A difference that is known, and why we are right, by section of an RFC. */
struct diff_known {
	const struct oracle *oracle; /* NULL: either */
	const char *what;	     /* NULL: any */
	bool (*is)(struct view ours, struct view theirs);
	const char *why;
};

/* Of the target; ends with a row that is empty. */
extern const struct diff_known diff_known[];

/* An IPv6 address that ends as an IPv4 one, which libre splits at its dots. */
bool diff_ipv4_inside(struct view host);

/* Escapes of a URI ("%41") resolved, backslashes of quoted text taken away: into buf, cut at its end. */
struct view diff_uri_text(struct view v, char *buf, size_t size);
struct view diff_quoted_text(struct view v, char *buf, size_t size);

/* Compare; a finding aborts. diff_nocase(): as host names and schemes are compared. */
void diff_text(const struct oracle *oracle, const char *what, struct view ours, struct view theirs);
void diff_nocase(
	const struct oracle *oracle, const char *what, struct view ours, struct view theirs);
void diff_number(
	const struct oracle *oracle, const char *what, unsigned long ours, unsigned long theirs);

/*
 * Both others take what we refuse. They check next to no characters, so that alone is no finding; but
 * what is plainly well-formed by RFC 3261 25.1 must be taken: a third description of the grammar, a
 * small part of it as extended regular expressions.
 */
bool diff_plain_uri(struct view v);  /* sip or sips */
bool diff_plain_addr(struct view v); /* a value of From, To, Contact, Route */
bool diff_plain_via(struct view v);
void diff_refused(const char *why) __attribute__((noreturn));
