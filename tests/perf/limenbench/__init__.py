# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./bench stands on. Python 3.11, standard library only."""
