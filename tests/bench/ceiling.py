# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the parts can do alone, in the same run: OpenSSL, and the store's bare commit."""
import json
import os
import shutil
import statistics
import subprocess

from machine import SERVER_CORE, pinned


def _once(build, folder, seconds):
    state = os.path.join(folder, 'ceilings')
    argv = pinned(SERVER_CORE, [f'{build}/tests/bench/bench-ceilings', state, str(seconds)])
    try:
        return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _median(found):
    if isinstance(found[0], dict):
        return {key: _median([f[key] for f in found]) for key in found[0]}
    return statistics.median(found)


def measure(build, folder, runs, seconds):
    """{"ES256": {"sign", "verify"}, …, "rows": {"1": …}}, a second."""
    return _median([_once(build, folder, seconds) for _ in range(runs)])
