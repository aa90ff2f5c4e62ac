# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many share a sync: rows a commit under load, and what that saves when each sync takes 5 ms more. With one
connection, whose next request comes after the answer to the last, every request is a transaction of its own."""
import contextlib
import os
import re
import shutil
import statistics
import urllib.request

import load
from server import free_port
from tessera import Tesserad

DELAY_MS = 5
CROWD = 256


def _counters(port):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics', timeout=10) as answer:
        text = answer.read().decode()
    return [float(re.search(rf'^tessera_store_{name}_total (\S+)$', text, re.M)[1]) for name in ('rows_written', 'syncs')]


def _revoke(build, service, connections, seconds, supply):
    tokens = service.supply('cold', supply)
    rows, syncs = _counters(service.metrics_port)
    result = load.run(build, service, '/revoke', 'token={}', connections=connections, seconds=seconds, tokens=tokens, once=True)
    after = _counters(service.metrics_port)
    return {**result, 'rows_per_sync': (after[0] - rows) / max(1, after[1] - syncs)}


def _measure(build, folder, direct, delay, connections, runs, seconds, supply):
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        service = Tesserad(build, folder, direct=direct, sync_delay_ms=delay, metrics_port=free_port())
        stack.callback(service.kill)
        service.start()
        results = [_revoke(build, service, connections, seconds, supply) for _ in range(runs)]
    return {key: statistics.median(r[key] for r in results) for key in ('rate', 'p99_us', 'rows_per_sync')}


def measure(build, folder, direct, runs, seconds, supply=30000):
    """{"rows_per_sync": {connections: …}, "slow": {"alone", "crowd", "ratio"}}"""
    folder = os.path.join(folder, 'commits')
    plain = {n: _measure(build, folder, direct, 0, n, runs, seconds, supply)['rows_per_sync'] for n in (1, 16, 64, CROWD)}
    longer = max(0.5, seconds)  # for an answer takes longer
    alone = _measure(build, folder, direct, DELAY_MS, 1, runs, longer, 2000)
    crowd = _measure(build, folder, direct, DELAY_MS, CROWD, runs, longer, supply)
    return {'rows_per_sync': plain, 'delay_ms': DELAY_MS,
            'slow': {'alone': alone, 'crowd': crowd, 'ratio': crowd['rate'] / alone['rate']}}
