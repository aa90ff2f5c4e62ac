# SPDX-License-Identifier: LGPL-2.1-or-later
"""The matrix: every operation at every contestant, by turns. A row has servers of its own, so that none carries
what the row before left in its state."""
import contextlib
import fnmatch
import os
import shutil
import statistics
from dataclasses import dataclass

import load
from operation import OPERATIONS, Operation
from server import Empty
from tessera import Embedded, Tesserad, has_direct_endpoints, make_certificate

CONNECTIONS = [1, 16, 64, 256]
USUAL = 64
SWEPT = ['client-credentials', 'introspect', 'revoke']  # on the page with every number of connections
OVER_TLS = ['client-credentials', 'introspect']
SUPPLY = 30000  # tokens for a turn that uses them up; what a client may revoke without coalescing is 250,000
ROUND = 2000  # refresh tokens that go round
WARM_UP = 0.3  # seconds
CYCLE = 1000  # tokens that are looked at again and again
FIGURES = ['rate', 'p50_us', 'p99_us', 'cpu_us', 'rss_kib']


@dataclass(frozen=True)
class Row:
    operation: Operation
    connections: int
    tls: bool = False

    @property
    def name(self):
        return f"{self.operation.name}@{self.connections}{'+tls' if self.tls else ''}"


def all_rows():
    return [Row(o, n, tls) for tls in (False, True) for n in CONNECTIONS for o in OPERATIONS]


def page_rows():
    """What the page shows: all at the usual number of connections, then some at the others and over TLS."""
    usual = [r for r in all_rows() if r.connections == USUAL and not r.tls]
    return usual + [r for r in all_rows() if r not in usual
                    and (r.connections == USUAL and r.operation.name in OVER_TLS if r.tls else r.operation.name in SWEPT)]


def choose(words):
    """@words: main, page, full, or patterns of names such as revoke*@64; no number means the usual one."""
    rows = []
    for word in words:
        if word == 'full':
            rows += all_rows()
        elif word == 'page':
            rows += page_rows()
        elif word == 'main':
            rows += [r for r in all_rows() if r.connections == USUAL and not r.tls]
        else:
            pattern = word if '@' in word else f'{word}@{USUAL}'
            rows += [r for r in all_rows() if fnmatch.fnmatch(r.name, pattern)]
    return list(dict.fromkeys(rows))


class Matrix:
    """@extra: contestants for the rows that peers can be asked too, {key: maker (folder, operation) -> Server}."""

    def __init__(self, build, folder, runs, seconds, supply=SUPPLY, extra=None, say=print, embedded_everywhere=False):
        self.build, self.folder, self.runs, self.seconds = build, folder, runs, seconds
        self.supply = min(supply, 240000 // runs)
        self.cycle = min(CYCLE, self.supply)
        self.extra = extra or {}
        self.embedded_everywhere = embedded_everywhere
        self.say = say
        self.certificate = make_certificate(folder)
        self.direct = has_direct_endpoints(build, folder)

    def contestants(self, row):
        certificate = self.certificate if row.tls else None
        algorithm = row.operation.algorithm
        makers = {
            'empty': lambda f: Empty(self.build, f, certificate),
            'embedded': lambda f: Embedded(self.build, f, certificate, algorithm),
            'tesserad': lambda f: Tesserad(self.build, f, certificate, algorithm),
        }
        if algorithm != 'ES256' or (row.connections != USUAL and not self.embedded_everywhere):
            del makers['embedded']
        if self.direct:
            makers['direct'] = lambda f: Tesserad(self.build, f, certificate, algorithm, direct=True)
        if row.operation.peers and not row.tls and row.connections == USUAL:
            makers.update({key: lambda f, make=make: make(f, row.operation) for key, make in self.extra.items()})
        return makers

    def measure(self, row):
        folder = os.path.join(self.folder, 'row')
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            servers = {}
            for key, make in self.contestants(row).items():
                servers[key] = make(os.path.join(folder, key))
                stack.callback(servers[key].kill)
                servers[key].start()
            return self.measure_servers(row, servers)

    def measure_servers(self, row, servers):
        turns = {}
        for key, server in servers.items():
            turn = Turns(self, row, server)
            if self.attempt(key, turn.prepare):
                turns[key] = turn
        order = list(turns)
        for _ in range(self.runs):
            for key in order:
                if key in turns and not self.attempt(key, turns[key].take):
                    del turns[key]
            order = order[1:] + order[:1]
        missing = [server.label for key, server in servers.items() if key not in turns]
        result = {'name': row.name, 'title': row.operation.title, 'operation': row.operation.name, 'connections': row.connections,
                  'tls': row.tls, 'contestants': {key: t.result() for key, t in turns.items()}, 'missing': missing}
        self.tell(result)
        return result

    def attempt(self, key, step):
        """A peer that fails is left out of the row; one of ours ends it."""
        try:
            return step()
        except load.WrongAnswers as e:
            if key not in self.extra:
                raise
            self.say(str(e))
            return False

    def tell(self, result):
        found = result['contestants']
        floor = found['empty']['rate']
        self.say('%-34s %s' % (result['name'], '   '.join('%s %.0f/s %.2f' % (k, c['rate'], c['rate'] / floor) for k, c in found.items())))


class Turns:
    """Those of one server in a row."""

    def __init__(self, matrix, row, server):
        self.matrix, self.row, self.server = matrix, row, server
        self.operation = row.operation
        self.is_empty = isinstance(server, Empty)
        self.results = []
        self.rest = None  # tokens in hand for the turns to come

    def prepare(self):
        """Tokens and a warm-up; FALSE: this server does not offer it."""
        o, server = self.operation, self.server
        if o.endpoint not in server.paths:
            return False
        if o.use == 'once' and o.tokens in ('codes', 'doomed') and hasattr(server, 'stock'):
            server.stock(o.tokens, self.matrix.supply * self.matrix.runs + self.matrix.cycle)
            with open(server.supply(o.tokens, 0)) as f:
                self.rest = f.read().splitlines()
        elif o.use == 'next' and hasattr(server, 'stock'):
            server.stock(o.tokens, min(ROUND, self.matrix.supply))
        tokens = self.tokens(self.matrix.cycle)
        if o.tokens and tokens is None:
            return False
        self.load(tokens, min(WARM_UP, self.matrix.seconds))
        return True

    def tokens(self, count):
        """The file for the next turn."""
        o = self.operation
        if not o.tokens:
            return None
        if o.use == 'once' and self.rest is not None:
            path = os.path.join(self.server.folder, 'turn')
            now, self.rest = self.rest[:count], self.rest[count:]
            with open(path, 'w') as f:
                f.write('\n'.join(now) + '\n')
            return path
        if o.use == 'once':
            return self.server.supply(o.tokens, count)
        if not hasattr(self, 'kept'):
            self.kept = self.server.supply(o.tokens, self.matrix.cycle)
        return self.kept

    def load(self, tokens, seconds):
        o = self.operation
        return load.run(self.matrix.build, self.server, self.server.paths[o.endpoint], o.form, o.method, self.row.connections, seconds,
                        tokens=tokens, once=o.use == 'once' and not self.is_empty,
                        following='refresh_token' if o.use == 'next' and not self.is_empty else None)

    def take(self):
        """TRUE: it was answered rightly."""
        self.results.append(self.load(self.tokens(self.matrix.supply), self.matrix.seconds))
        return True

    def result(self):
        rates = [r['rate'] for r in self.results]
        medians = {figure: statistics.median(r[figure] for r in self.results) for figure in FIGURES}
        return {**medians, 'label': self.server.label, 'lowest': min(rates), 'highest': max(rates), 'runs': len(rates)}
