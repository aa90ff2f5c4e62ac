# SPDX-License-Identifier: LGPL-2.1-or-later
"""A long deny-list, and a store with much in it: what grows with them, and what does not."""
import contextlib
import json
import os
import shutil
import statistics
import subprocess

import load
import startup
from machine import SERVER_CORE, pinned
from tessera import Tesserad

ENTRIES = [10**4, 10**5, 10**6, 10**7]
STORES = [(10**3, 10**2), (10**5, 10**4), (10**6, 10**5)]  # refresh tokens, clients
SAMPLE = 2000  # refresh tokens that are used, all over the store
STARTS = 5

DENY_LIST_ROWS = [
    ('bytes an entry, mapped file', lambda r: f"{r['snapshot_bytes_per_entry']:.1f}"),
    ('bytes an entry, table in memory (new entries)', lambda r: f"{r['table_bytes_per_entry']:.1f}"),
    ('mapped file', lambda r: f"{r['snapshot_bytes'] / 2**20:.1f} MiB"),
    ('database', lambda r: f"{r['database_bytes'] / 2**20:.1f} MiB"),
    ('check, not listed', lambda r: f"{r['unlisted_ns']:.0f} ns"),
    ('check, listed', lambda r: f"{r['listed_ns']:.0f} ns"),
    ('check in the table, not listed', lambda r: f"{r['table_unlisted_ns']:.0f} ns"),
    ('check in the table, listed', lambda r: f"{r['table_listed_ns']:.0f} ns"),
    ('entries a second, in transactions of 2,000', lambda r: f"{r['inserts_per_s']:,.0f}"),
    ('opening database and list', lambda r: f"{r['load_ms']:.1f} ms"),
    ('the same without the file: all rows are read', lambda r: f"{r['load_rows_ms']:,.0f} ms"),
    ('writing the file from all of the table', lambda r: f"{r['snapshot_ms']:,.0f} ms"),
    ('start of tesserad to the first token', lambda r: f"{r['start_ms']:.0f} ms"),
    ('resident memory of tesserad then', lambda r: f"{r['rss_kib'] / 1024:.1f} MiB"),
]
STORE_ROWS = [
    ('registered clients', lambda r: f"{r['clients']:,}"),
    ('database', lambda r: f"{r['database_bytes'] / 2**20:.1f} MiB"),
    ('start of tesserad to the first token', lambda r: f"{r['start_ms']:.0f} ms"),
    ('resident memory of tesserad then', lambda r: f"{r['rss_kib'] / 1024:.1f} MiB"),
    ('refreshes a second', lambda r: f"{r['refreshes_per_s']:,.0f}"),
    ('look-ups of a refresh token a second (introspection)', lambda r: f"{r['lookups_per_s']:,.0f}"),
]


@contextlib.contextmanager
def _service(build, folder):
    service = Tesserad(build, os.path.join(folder, 'scale'))
    try:
        yield service
    finally:
        service.kill()
        shutil.rmtree(service.folder, ignore_errors=True)


def _measure_deny_list(build, folder, count):
    with _service(build, folder) as service:
        service.start()
        service.stop()
        argv = pinned(SERVER_CORE, [f'{build}/tests/bench/bench-deny-list-scale', service.state, str(count)])
        found = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
        start = startup.times(service, STARTS)
        return {**found, 'start_ms': start['ms'], 'rss_kib': start['rss_kib']}


def measure_deny_list(build, folder, entries=ENTRIES):
    return [_measure_deny_list(build, folder, count) for count in entries]


def _sample(path, count):
    """@count lines, evenly spread, in the file's place."""
    with open(path) as f:
        lines = f.readlines()
    with open(path, 'w') as f:
        f.writelines(lines[::max(1, len(lines) // count)][:count])
    return path


def _measure_store(build, folder, tokens, clients, runs, seconds):
    with _service(build, folder) as service:
        service.start()
        service.stop()
        service.seed(os.path.join(folder, 'nothing'), 'clients', service.state, clients)
        path = service.seed(os.path.join(folder, 'sample'), 'refresh', service.state, 'bench', tokens)
        size = os.path.getsize(os.path.join(service.state, 'tessera.db'))
        start = startup.times(service, STARTS)
        service.start()
        _sample(path, SAMPLE)

        def rate(endpoint, form, **more):
            return statistics.median(load.run(build, service, service.paths[endpoint], form, connections=64, seconds=seconds,
                                              tokens=path, **more)['rate'] for _ in range(runs))
        return {'tokens': tokens, 'clients': clients, 'database_bytes': size, 'start_ms': start['ms'], 'rss_kib': start['rss_kib'],
                'lookups_per_s': rate('introspect', 'token_type_hint=refresh_token&token={}'),
                'refreshes_per_s': rate('token', 'grant_type=refresh_token&refresh_token={}', following='refresh_token')}


def measure_store(build, folder, runs, seconds, stores=STORES):
    return [_measure_store(build, folder, tokens, clients, runs, seconds) for tokens, clients in stores]
