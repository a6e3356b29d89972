/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file of a voice class e164-pattern-map: one pattern a line, as in destination-pattern. Empty
 * lines and lines that begin with '!' do not count, nor do blanks around a pattern. Any thread.
 */
#pragma once

#include "sip-b2bua/routing/numtrie.h"

#define NUMLIST_ERROR_MAX 160

/* Adds every pattern of text. -EINVAL names the line; -ENOSPC, -ENOMEM; each with a sentence. */
int numlist_read(struct numtrie_builder *builder, struct view text, char error[NUMLIST_ERROR_MAX])
	__attribute__((warn_unused_result));
