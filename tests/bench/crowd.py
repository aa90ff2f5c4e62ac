# SPDX-License-Identifier: LGPL-2.1-or-later
"""5,000 connections that have asked once and keep quiet, beside the load."""
import contextlib
import os
import shutil
import statistics

import load
from tessera import Tesserad

IDLE = 5000


def measure(build, folder, direct, runs, seconds, idle=IDLE, connections=64):
    folder = os.path.join(folder, 'crowd')
    found = {0: [], idle: []}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        service = Tesserad(build, folder, direct=direct)
        stack.callback(service.kill)
        service.start()
        for _ in range(runs):
            for count, results in found.items():
                results.append(load.run(build, service, '/token', 'grant_type=client_credentials&scope=read+write',
                                        connections=connections, seconds=seconds, idle=count))
    alone, beside = (statistics.median(r['rate'] for r in results) for results in found.values())
    return {'idle': idle, 'connections': connections, 'alone': alone, 'beside': beside, 'ratio': beside / alone,
            'rss_kib': max(r['rss_kib'] for r in found[idle])}
