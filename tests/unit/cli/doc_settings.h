/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of settings in docs/CONFIGURATION.md. */
#pragma once

struct cli_engine;

/*
 * Each line of the table is a whole line of its mode, is the setting that the third column names, and has the
 * default of the second one, where that is a number or a word of a list. Faults are added to doc_faults. The number of lines.
 */
unsigned int doc_settings_check(
	const struct cli_engine *engine, const char *page, const char *text);
