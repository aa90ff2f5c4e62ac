#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the page says follows from what was measured: nothing is claimed that was not."""
import contextlib
import io
import os
import sys
import tempfile
from xml.etree import ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'support')]

import goals  # noqa: E402
import instructions  # noqa: E402
import matrix  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
from tap import check, contains, equal, main, test  # noqa: E402


def contestant(rate, label='?'):
    return {'label': label, 'rate': rate, 'lowest': rate, 'highest': rate, 'p50_us': 1000, 'p99_us': 2e6 / rate, 'cpu_us': 50, 'rss_kib': 16384}


def measured(operation, **rates):
    row = {'name': f'{operation}@64', 'title': operation, 'operation': operation, 'connections': 64, 'tls': False, 'missing': [],
           'contestants': {key.replace('_', '-'): contestant(rate) for key, rate in rates.items()}}
    return {'matrix': {'found': {'rows': [row], 'runs': 5, 'seconds': 1}}}


def verdict(parts, title):
    return next(row for row in goals.table(parts) if row[0] == title)


CLIENT_CREDENTIALS = 'client credentials, ES256, of the empty handler'


@test('bench/a goal that was reached is met')
def _():
    row = verdict(measured('client-credentials', empty=1000, tesserad=600, direct=950), CLIENT_CREDENTIALS)
    equal(row[1:], ('0.60 (≥ 0.5)', '0.95 (≥ 0.9)', 'met'))


@test('bench/a goal is met by the fronts that reach it')
def _():
    for ours, direct, word in ((600, 850, 'met through libsoup. '), (400, 950, 'met with direct-endpoints. '), (400, 850, 'short. ')):
        row = verdict(measured('client-credentials', empty=1000, tesserad=ours, direct=direct), CLIENT_CREDENTIALS)
        check(row[3].startswith(word), row[3])


@test('bench/a goal without a measurement is not met')
def _():
    row = verdict(measured('refresh', empty=1000, tesserad=600), CLIENT_CREDENTIALS)
    equal(row[1:], ('not measured (≥ 0.5)', 'not measured (≥ 0.9)', 'not measured'))


@test('bench/memory after fewer than a million tokens is not the goal')
def _():
    title = 'resident after 10⁶ tokens and 10⁶ connections (MiB)'
    for count, expected in ((2000, 'not measured'), (10**6, 'met')):
        found = {who: {'count': count, 'after_connections_mib': 19.0} for who in ('tesserad', 'direct')}
        equal(verdict({'memory': {'found': found}}, title)[3], expected)


@test('bench/a peer that is better is named')
def _():
    text = page.summary(measured('refresh', empty=9000, tesserad=1000, direct=2000, glewlwyd=100, oidc_provider=2500))
    contains(text, 'A peer is better at: refreshes a second, rotation included: node oidc-provider, 2,500.')
    text = page.summary(measured('refresh', empty=9000, tesserad=1000, direct=3000, glewlwyd=100, oidc_provider=2500))
    contains(text, 'In none of these is a peer better.')


@test('bench/a peer that is not there is not quoted')
def _():
    parts = measured('refresh', empty=9000, tesserad=1000)
    parts['matrix']['found']['absent_peers'] = {'Glewlwyd': 'It is not installed'}
    text = page.summary(parts)
    contains(text, 'Not measured: Glewlwyd. It is not installed.')
    contains(text, '| refreshes a second, rotation included | 1,000 | – | – | – |')


@test('bench/every goal has a figure that exists')
def _():
    names = {row.name for row in matrix.page_rows()}
    for operation in ('client-credentials', 'client-credentials-rs256', 'introspect', 'jwks', 'metadata', 'revoke', 'revoke-cold',
                      'revoke-refresh', 'refresh', 'code'):
        check(f'{operation}@64' in names, operation)


@test('bench/rows are chosen by their names')
def _():
    equal([r.name for r in matrix.choose(['revoke', 'client-credentials@*+tls'])],
          ['revoke@64', *(f'client-credentials@{n}+tls' for n in matrix.CONNECTIONS)])
    equal(len(matrix.choose(['full'])), 12 * 4 * 2)
    equal(len(matrix.choose(['page', 'main'])), len(matrix.page_rows()))


@test('bench/the picture is an image of each line')
def _():
    lists = [{'entries': 10**n, 'listed_ns': 100 * n, 'unlisted_ns': 50 * n, 'start_ms': 20} for n in (4, 6, 7)]
    stores = [{'tokens': 10**n, 'refreshes_per_s': 9000 - n, 'lookups_per_s': 20000, 'start_ms': 20} for n in (3, 6)]
    image = ElementTree.fromstring('\n'.join(plot.draw(plot.growth(lists, stores), 'growth')))
    equal(len(list(image.iter('{http://www.w3.org/2000/svg}polyline'))), 6)


@test('bench/a part of the page is replaced and the rest stays')
def _():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'page.md')
        with open(path, 'w') as f:
            f.write('before\n<!-- a -->\nold\n<!-- /a -->\nafter\n')
        page.replace(path, 'a', 'new')
        with open(path) as f:
            equal(f.read(), 'before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n')


@test('bench/a path of more than a tenth more instructions fails')
def _():
    with contextlib.redirect_stdout(io.StringIO()):
        for found, recorded, passes in ((1100, 1000, True), (1101, 1000, False), (500, 1000, True), (500, None, False)):
            equal(instructions.judge('path', found, recorded), passes, f'{found} of {recorded}')


if __name__ == '__main__':
    main()
