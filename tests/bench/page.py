# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of docs/benchmarks.md, made of the results: each replaces what is between the lines `<!-- PART -->` and
`<!-- /PART -->`."""
import os

import goals
import in_process
import machine
import plot
import results
import scale
from matrix import USUAL

FRONTS = [('tesserad', 'tesserad'), ('direct', 'tesserad, direct-endpoints'), ('embedded', 'embedded in an application')]
PEERS = [('oidc-provider', 'node oidc-provider'), ('glewlwyd', 'Glewlwyd')]


def replace(path, part, text):
    begin, end = f'<!-- {part} -->\n', f'<!-- /{part} -->\n'
    with open(path) as f:
        page = f.read()
    if begin not in page:
        raise SystemExit(f'{path} has no place for “{part}”')
    head, rest = page.split(begin, 1)
    with open(path, 'w') as f:
        f.write(head + begin + text.rstrip('\n') + '\n' + end + rest.split(end, 1)[1])


def grid(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows])


def measured_on(part):
    return f"Measured on {machine.sentence(part['machine'])}; {part['busy']} programs wanted a core at the end."


def by_entries(found, rows, member='entries', title='entries'):
    return grid([title, *(f'{r[member]:,}' for r in found)], [[name, *(show(r) for r in found)] for name, show in rows])


def duration(us):
    return f'{us / 1e3:.2f} ms' if us < 10000 else f'{us / 1e3:.0f} ms'


# --- What a user can act on -----------------------------------------------------------------------

def _cell(value, show='{}'):
    return '–' if value is None else show.format(value)


def _try(get):
    try:
        return get()
    except goals.MISSING:
        return None


def _rates(parts, operation, whos):
    return [_try(lambda w=w: goals.rate(parts, operation, w)) for w in whos]


def _start(parts, who, key):
    return _try(lambda: parts['start']['found'][who]['existing'][key])


def _rss(parts, who):
    return _try(lambda: goals.row(parts, 'client-credentials@64')[who]['rss_kib'] / 1024)


def summary_rows(parts):
    """(title, values by contestant, how to show them, is more better)."""
    whos = ['tesserad', 'direct', *(key for key, _ in PEERS)]
    for title, operation in [('access tokens a second on one core (client credentials, ES256)', 'client-credentials'),
                             ('refreshes a second, rotation included', 'refresh'),
                             ('introspections a second', 'introspect'),
                             ('revocations of access tokens a second', 'revoke')]:
        yield title, _rates(parts, operation, whos), '{:,.0f}', True
    p99 = [_try(lambda w=w: goals.row(parts, 'client-credentials@64')[w]['p99_us'] / 1e3) for w in whos]
    yield 'p99 of an access token, 64 connections', p99, '{:.1f} ms', False
    yield 'resident memory when idle', [_start(parts, w, 'rss_mib') for w in whos], '{:.1f} MiB', False
    yield 'resident memory after the load', [_rss(parts, w) for w in whos], '{:.1f} MiB', False
    yield 'start to the first token', [_start(parts, w, 'ms') for w in whos], '{:.0f} ms', False


def _own_rows(parts):
    mapped = _try(lambda: goals.entries(parts, 'scale', 'snapshot_bytes_per_entry', 10**7))
    table = _try(lambda: goals.entries(parts, 'scale', 'table_bytes_per_entry', 10**7))
    if mapped:
        yield 'bytes for a revoked token: mapped file, table of the newest', f'{mapped:.1f}, {table:.1f}'
    database = _try(lambda: goals.entries(parts, 'scale', 'database_bytes', 10**7) / 10**7)
    if database:
        yield 'and in the database', f'{database:.0f}'
    ten_million = _try(lambda: goals.entries(parts, 'scale', 'start_ms', 10**7))
    if ten_million:
        yield 'start to the first token with 10⁷ revoked tokens', f'{ten_million:.0f} ms'
    feed = _try(lambda: parts['feed']['found'])
    if feed:
        yield 'until a revocation is known: the next request to the service', '{median_ms:.2f} ms'.format(**feed['next_request'])
        yield 'programs on D-Bus, median and 99 %', '{median_ms:.1f} and {p99_ms:.1f} ms'.format(**feed['dbus'])
        yield ('each of {subscribers:,} resource servers that follow the list, median and 99 %'.format(**feed['latency']),
               '{median_ms:.1f} and {p99_ms:.1f} ms'.format(**feed['latency']))


def _better_peers(parts):
    names = [name for _, name in PEERS]
    for title, values, show, more in summary_rows(parts):
        ours = [v for v in values[:2] if v is not None]
        for name, value in zip(names, values[2:]):
            if value is not None and ours and (value > max(ours) if more else value < min(ours)):
                yield f'{title}: {name}, {show.format(value)}'


def summary(parts):
    heads = ['', 'tesserad', 'with direct-endpoints', *(name for _, name in PEERS)]
    rows = [[title, *(_cell(v, show) for v in values)] for title, values, show, _ in summary_rows(parts)]
    text = grid(heads, rows)
    own = list(_own_rows(parts))
    if own:
        text += '\n\n' + grid(['', ''], [list(r) for r in own])
    better = list(_better_peers(parts))
    if any(v is not None for _, values, _, _ in summary_rows(parts) for v in values[2:]):
        text += '\n\n' + ('A peer is better at: ' + '; '.join(better) + '.' if better else 'In none of these is a peer better.')
    absent = _try(lambda: parts['matrix']['found']['absent_peers']) or {}
    for name, why in absent.items():
        text += f'\n\nNot measured: {name}. {why}.'
    return text


# --- The parts ------------------------------------------------------------------------------------

def goal_table(parts):
    return grid(['goal', 'through libsoup', 'direct-endpoints', ''], goals.table(parts))


def _matrix_row(r):
    floor = r['contestants']['empty']['rate']
    for key, c in r['contestants'].items():
        if key == 'empty':
            continue
        yield [f"{r['title']}{', TLS' if r['tls'] else ''}", str(r['connections']), c['label'], f"{c['rate']:,.0f}",
               f"{c['lowest']:,.0f}–{c['highest']:,.0f}", f"{c['rate'] / floor:.2f}", duration(c['p50_us']), duration(c['p99_us']),
               f"{c['cpu_us']:.0f} µs", f"{c['rss_kib'] / 1024:.1f} MiB"]


HEAD = ['operation', 'connections', 'who', 'a second', 'lowest–highest', 'of the empty handler', 'p50', 'p99', 'CPU a request', 'resident']


def matrix(part):
    found = part['found']
    text = (f"{measured_on(part)} Medians of {found['runs']} runs of {found['seconds']:g} s in turns; "
            'the server and the load generator on a core each.\n\n')
    usual = [r for r in found['rows'] if r['connections'] == USUAL and not r['tls']]
    others = [r for r in found['rows'] if r not in usual]
    text += '\n\n'.join(grid(HEAD, [row for r in rows for row in _matrix_row(r)]) for rows in (usual, others) if rows)
    empty = sorted({(r['connections'], r['tls'], round(r['contestants']['empty']['rate'])) for r in found['rows']
                    if r['operation'] == 'client-credentials'})
    if empty:
        text += '\n\nThe empty handler itself: ' + ', '.join(
            f"{rate:,} a second with {n} connections{' over TLS' if tls else ''}" for n, tls, rate in empty) + '.'
    missing = sorted({f'{r["title"]} by {who}' for r in found['rows'] for who in r['missing']})
    return text + (('\n\nNot offered: ' + '; '.join(missing) + '.') if missing else '') + _versions(part)


def _versions(part):
    listed = [f'{name} {version}' for name, version in sorted(part['machine']['versions'].items())]
    listed += list((part['found'].get('peers') or {}).values())
    return '\n\nVersions: ' + ', '.join(listed) + '.'


def ceilings(part):
    found = part['found']
    rows = [[f'raw {a} signatures', f"{found[a]['sign']:,.0f}"] for a in ('ES256', 'RS256', 'EdDSA')]
    rows += [[f'raw {a} verifications', f"{found[a]['verify']:,.0f}"] for a in ('ES256', 'RS256', 'EdDSA')]
    rows += [[f'rows of the store, {n} in a commit', f'{rate:,.0f}'] for n, rate in found['rows'].items()]
    return grid(['the parts alone', 'a second'], rows)


def commits(part):
    rows = []
    for key, label in FRONTS[:2]:
        c = part['found'].get(key)
        if c:
            per = c['rows_per_sync']
            rows.append([label, *(f'{per[n]:.1f}' for n in sorted(per, key=int)),
                         f"{c['slow']['crowd']['rate']:,.0f} and {c['slow']['alone']['rate']:,.0f} a second: {c['slow']['ratio']:.0f} ×"])
    return grid(['rows that share a sync, revocations of cold tokens', '1 connection', '16', '64', '256',
                 'with 5 ms more for each sync: 256 connections, and one transaction a request'], rows)


def idle(part):
    return grid(['client credentials', 'alone', 'beside 5,000 idle connections', 'ratio', 'resident'], [
        [label, f"{c['alone']:,.0f}", f"{c['beside']:,.0f}", f"{c['ratio']:.2f}", f"{c['rss_kib'] / 1024:.1f} MiB"]
        for key, label in FRONTS[:2] if (c := part['found'].get(key))])


def start(part):
    rows = []
    for key, label in [*FRONTS[:2], *PEERS]:
        c = part['found'].get(key)
        if c:
            first = f"{c['empty']['ms']:.0f} ms" if 'empty' in c else '–'
            rows.append([label, first, f"{c['existing']['ms']:.0f} ms", f"{c['existing']['rss_mib']:.1f} MiB"])
    return grid(['exec to the first token', 'nothing there yet', 'existing state', 'resident then'], rows)


def memory(part):
    rows = [[label, f"{c['idle_kib'] / 1024:.1f} MiB", f"{c['after_tokens_kib'] / 1024:.1f} MiB", f"{c['after_connections_mib']:.1f} MiB"]
            for key, label in FRONTS[:2] if (c := part['found'].get(key))]
    count = f"{next(iter(part['found'].values()))['count']:,}"
    return measured_on(part) + '\n\n' + grid(['resident', 'idle', f'after {count} tokens', f'and {count} connections more'], rows)


def steps(part):
    return grid(['in one process, without HTTP', 'CPU time'], [
        [title, f"{part['found'][name] / 1e3:.2f} µs"] for name, title in in_process.TITLES.items() if name in part['found']])


def deny_list(part):
    return measured_on(part) + '\n\n' + by_entries(part['found'], scale.DENY_LIST_ROWS)


def store(part):
    return measured_on(part) + '\n\n' + by_entries(part['found'], scale.STORE_ROWS, 'tokens', 'refresh tokens')


MAKERS = {'matrix': matrix, 'ceilings': ceilings, 'commits': commits, 'idle': idle, 'start': start, 'memory': memory,
          'in-process': steps, 'scale': deny_list, 'store': store}


def write(path, parts):
    """Everything there is a result of; what others wrote stays."""
    for name, make in MAKERS.items():
        if name in parts:
            replace(path, name, make(parts[name]))
    replace(path, 'summary', summary(parts))
    replace(path, 'goals', goal_table(parts))
    found = [parts[name]['found'] if name in parts else None for name in ('scale', 'store')]
    if any(found):
        plot.write_growth(os.path.join(os.path.dirname(os.path.abspath(path)), 'benchmarks-growth.svg'), *found)


def record(path, name, found, text=None):
    """For the commands that measure one part: keeps its result and writes its table."""
    parts = results.save(path, {name: results.stamp(found)})
    if text is not None:
        replace(path, name, text)
    write(path, parts)
