# SPDX-License-Identifier: LGPL-2.1-or-later
"""Imported first by each test: finds tests/support."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
