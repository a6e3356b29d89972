# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./lab, ./check and the scenarios of tests/netns stand on: network namespaces, processes,
peers (SIPp, baresip, Kamailio), captures and their analysis. Python 3.11, standard library only."""
