# SPDX-License-Identifier: LGPL-2.1-or-later
"""From exec to the first token, and the memory of a service: when it has just started, and after much."""
import contextlib
import os
import shutil
import statistics

import load
from machine import CORES
from tessera import Tesserad

MANY = 10**6
TOKENS = 'grant_type=client_credentials&scope=read+write'


@contextlib.contextmanager
def _service(build, folder, direct=False):
    folder = os.path.join(folder, 'start')
    service = Tesserad(build, folder, direct=direct)
    try:
        yield service
    finally:
        service.kill()
        shutil.rmtree(folder, ignore_errors=True)


def times(server, runs):
    """Of starts with the state that is there."""
    took, memory = [], []
    for _ in range(runs):
        took.append(server.start() * 1e3)
        memory.append(server.rss_kib())
        server.stop()
    kib = statistics.median(memory)
    return {'ms': statistics.median(took), 'rss_kib': kib, 'rss_mib': kib / 1024}


def measure(build, folder, direct, runs):
    """{"empty", "existing"}: milliseconds and KiB; the first start makes keys and database."""
    empty = []
    for _ in range(runs):
        with _service(build, folder, direct) as service:
            empty.append(service.start() * 1e3)
            service.stop()
    with _service(build, folder, direct) as service:
        service.start()
        service.stop()
        return {'empty': {'ms': statistics.median(empty)}, 'existing': times(service, runs)}


def measure_memory(build, folder, direct, count=MANY):
    """After @count tokens on connections that stay, and as many on one each."""
    with _service(build, folder, direct) as service:
        service.start()
        result = {'count': count, 'idle_kib': service.rss_kib()}
        load.run(build, service, '/token', TOKENS, seconds=600, requests=count)
        result['after_tokens_kib'] = service.rss_kib()
        load.run(build, service, '/token', TOKENS, seconds=1200, requests=count, fresh=True)
        return {**result, 'after_connections_mib': service.rss_kib() / 1024}


def measure_peer(make, folder, runs):
    """Its state is there before the first start that counts."""
    server = make(folder, None)
    try:
        server.start()
        server.stop()
        return {'existing': times(server, runs)}
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def measure_cores(build, folder, direct, runs, seconds):
    """The same load on a service that has one core, and on one that has all but the load generator's."""
    found = []
    for cores in ('0', f'0,2-{CORES - 1}'):
        with _service(build, folder, direct) as service:
            service.cores = cores
            service.start()
            found.append(statistics.median(load.run(build, service, '/token', TOKENS, connections=64, seconds=seconds)['rate']
                                           for _ in range(runs)))
    return {'one': found[0], 'all': found[1], 'ratio': found[1] / found[0]}
