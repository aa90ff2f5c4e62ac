# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is to be reached, as ratios within one run, and whether it was. A goal has a figure for the service as it stands
(libsoup serves every endpoint) and one with direct-endpoints, each with its limit."""
from dataclasses import dataclass
from typing import Callable

OURS, DIRECT = 'tesserad', 'direct'
MISSING = (KeyError, TypeError, ValueError, ZeroDivisionError)


@dataclass(frozen=True)
class Goal:
    """@measure: (parts, contestant) → a number; @limits: of libsoup's column and of the other's; None: no such goal."""
    title: str
    measure: Callable
    limits: tuple
    sign: str = '≥'
    show: str = '{:.2f}'
    cause: str = None

    def is_met(self, value, limit):
        return value >= limit if self.sign == '≥' else value <= limit


def row(parts, name):
    return {r['name']: r['contestants'] for r in parts['matrix']['found']['rows']}[name]


def rate(parts, operation, who, connections=64):
    return row(parts, f'{operation}@{connections}')[who]['rate']


def of_empty(*operations):
    """The least of them."""
    return lambda parts, who: min(rate(parts, o, who) / rate(parts, o, 'empty') for o in operations)


def raw(parts, step, algorithm='ES256'):
    return parts['ceilings']['found'][algorithm][step]


def of_raw(operations, step, algorithm='ES256'):
    return lambda parts, who: min(rate(parts, o, who) for o in operations) / raw(parts, step, algorithm)


def cold(parts, who):
    """Of 1 / (empty handler + one verification)."""
    return rate(parts, 'revoke-cold', who) * (1 / rate(parts, 'revoke-cold', 'empty') + 1 / raw(parts, 'verify'))


def times_peer(peer, operation='client-credentials'):
    return lambda parts, who: rate(parts, operation, who) / rate(parts, operation, peer)


def times_faster_peer(operation):
    def measure(parts, who):
        found = row(parts, f'{operation}@64')
        return found[who]['rate'] / max(found[p]['rate'] for p in ('oidc-provider', 'glewlwyd') if p in found)
    return measure


def p99_of_peers(parts, who):
    found = row(parts, 'client-credentials@64')
    return found[who]['p99_us'] / min(found[p]['p99_us'] for p in ('oidc-provider', 'glewlwyd') if p in found)


def by_front(part, *keys):
    """A figure of a part that is measured once for each front."""
    def measure(parts, who):
        value = parts[part]['found'][who]
        for key in keys:
            value = value[key]
        return value
    return measure


def after_a_million(parts, who):
    found = parts['memory']['found'][who]
    return {found['count']: found['after_connections_mib']}[10**6]


def only_ours(measure):
    """What does not depend on the front."""
    return lambda parts, who: measure(parts) if who == OURS else None


def entries(parts, part, key, count, member='entries'):
    return {r[member]: r for r in parts[part]['found']}[count][key]


def at(part, count, key, scale=1.0):
    return only_ours(lambda parts: entries(parts, part, key, count) * scale)


SYNC = 'The commit decides: one core makes the answers, writes the rows and waits for the kernel’s part of the sync.'
REVOCATION = ('Through libsoup, libsoup is four fifths of the request, and pauses it besides; of the rest most is the kernel’s part of '
              'the sync, which those that wait share.')
COLD = ('Beside its verification, which is dearer among requests than in a loop of its own, a request is read, answered and paid '
        'for in its commit by the same core.')
SIGN = 'The signature is most of it, then the system calls, or libsoup.'
SOUP = 'libsoup itself is most of the request.'

GOALS = [
    Goal('client credentials, ES256, of the empty handler', of_empty('client-credentials'), (0.50, 0.90), cause=SIGN),
    Goal('the same, of the raw signing rate', of_raw(['client-credentials'], 'sign'), (None, 0.70), cause=SIGN),
    Goal('introspection of a token seen before, of the empty handler', of_empty('introspect'), (0.85, 2.5), cause=SOUP),
    Goal('JWKS, of the empty handler', of_empty('jwks'), (0.85, 2.5), cause=SOUP),
    Goal('metadata, of the empty handler', of_empty('metadata'), (0.85, 2.5), cause=SOUP),
    Goal('revocation of refresh tokens, of the empty handler', of_empty('revoke-refresh'), (0.7, 1.5), cause=REVOCATION),
    Goal('revocation of access tokens seen before, of the empty handler', of_empty('revoke'), (0.7, 1.5), cause=REVOCATION),
    Goal('revocation of cold tokens, of 1 / (empty handler + one verification)', cold, (0.7, None), cause=REVOCATION),
    Goal('the same, of the raw verification rate', of_raw(['revoke-cold'], 'verify'), (None, 0.8), cause=COLD),
    Goal('refresh, of the empty handler', of_empty('refresh'), (0.45, None), cause=SYNC),
    Goal('code redemption, of the empty handler', of_empty('code'), (0.45, None), cause=SYNC),
    Goal('refresh, of the raw signing rate', of_raw(['refresh'], 'sign'), (None, 0.6), cause=SYNC),
    Goal('code redemption, of the raw signing rate', of_raw(['code'], 'sign'), (None, 0.6), cause=SYNC),
    Goal('RS256, of the raw signing rate', of_raw(['client-credentials-rs256'], 'sign', 'RS256'), (0.75, 0.80)),
    Goal('client credentials, of node oidc-provider’s', times_peer('oidc-provider'), (4, 8), show='{:.1f} ×'),
    Goal('client credentials, of Glewlwyd’s', times_peer('glewlwyd'), (25, 40), show='{:.0f} ×'),
    Goal('p99 of client credentials, of the better peer’s', p99_of_peers, (None, 1), sign='≤'),
    Goal('introspection, of the faster peer’s', times_faster_peer('introspect'), (5, 5), show='{:.1f} ×',
         cause='libsoup’s empty handler is no further ahead of the peer.'),
    Goal('revocation, of the faster peer’s', times_faster_peer('revoke'), (5, 5), show='{:.1f} ×',
         cause='Ours is on the disk before it is answered; the faster peer’s is in memory only.'),
    Goal('refresh, of the faster peer’s', times_faster_peer('refresh'), (5, 5), show='{:.1f} ×',
         cause='Ours is on the disk before it is answered; the faster peer’s is in memory only.'),
    Goal('with 5,000 idle connections, of the rate without', by_front('idle', 'ratio'), (0.90, 0.90)),
    Goal('5 ms more for each sync, 256 connections: of one transaction a request', by_front('commits', 'slow', 'ratio'), (50, 50),
         show='{:.0f} ×', cause='Through libsoup that is as many cold tokens as one core serves, however many share a sync.'),
    Goal('checks a second, one token seen before, 10⁶ entries (million)', at('verifier', 10**6, 'seen_per_s', 1e-6), (1.5, None)),
    Goal('checks a second, 10⁵ live tokens, 10⁶ entries (million)', at('verifier', 10**6, 'seen_of_live_per_s', 1e-6), (0.7, None),
         cause='A text that is not among the 4,096 kept is read from memory and digested.'),
    Goal('cold check, of the raw verification', at('verifier', 10**6, 'cold_to_raw'), (1.10, None), sign='≤'),
    Goal('bytes an entry, mapped', at('scale', 10**7, 'snapshot_bytes_per_entry'), (24, None), sign='≤', show='{:.1f}'),
    Goal('bytes an entry, table', at('scale', 10**7, 'table_bytes_per_entry'), (48, None), sign='≤', show='{:.1f}'),
    Goal('check of a token not listed, 10⁷ entries (ns)', at('scale', 10**7, 'unlisted_ns'), (150, None), sign='≤', show='{:.0f}',
         cause='One line of the filter and its place in the page tables come from memory, while the cut-offs are looked at.'),
    Goal('check of a listed token, 10⁷ entries (ns)', at('scale', 10**7, 'listed_ns'), (600, None), sign='≤', show='{:.0f}',
         cause='The lines of filter and directory come at once, then those of the entries, each with its place in the page tables.'),
    Goal('start to the first token, existing state (ms)', by_front('start', 'existing', 'ms'), (25, 25), sign='≤', show='{:.0f}'),
    Goal('the same with 10⁷ entries (ms)', at('scale', 10**7, 'start_ms'), (50, None), sign='≤', show='{:.0f}'),
    Goal('resident when idle (MiB)', by_front('start', 'existing', 'rss_mib'), (12, 12), sign='≤', show='{:.1f}',
         cause='Code of libcrypto, libc, SQLite and GLib that the first request uses, and 2 MiB of heap and stacks.'),
    Goal('resident after 10⁶ tokens and 10⁶ connections (MiB)', after_a_million, (20, 20), sign='≤', show='{:.1f}'),
    Goal('client credentials on more than one core, of one', by_front('cores', 'ratio'), (1, 1),
         cause='Measured where at least 4 cores are free.'),
]


def judge(goal, parts, who, limit):
    """(text, verdict): met, short, or None when there is nothing to say."""
    if limit is None:
        return '–', None
    try:
        value = goal.measure(parts, who)
    except MISSING:
        value = None
    if value is None:
        return f'not measured ({goal.sign} {limit:g})', None
    met = goal.is_met(value, limit)
    return f"{goal.show.format(value)} ({goal.sign} {limit:g})", met


def sum_up(goal, verdicts):
    """@verdicts: through libsoup, and with direct-endpoints."""
    known = [met for met in verdicts if met is not None]
    if not known:
        return goal.cause if goal.cause and goal.cause.startswith('Measured') else 'not measured'
    if all(known):
        return 'met'
    if any(known):
        word = 'met with direct-endpoints' if verdicts[1] else 'met through libsoup'
    else:
        word = 'short'
    return f'{word}. {goal.cause}' if goal.cause else word


def table(parts):
    """(title, libsoup's cell, the direct cell, verdict) of each goal."""
    for goal in GOALS:
        cells = [judge(goal, parts, who, limit) for who, limit in zip((OURS, DIRECT), goal.limits)]
        yield goal.title, cells[0][0], cells[1][0], sum_up(goal, [met for _, met in cells])
