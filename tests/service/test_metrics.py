#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics and health of a real service: what it tells is what was done, in a form that can be read, and to nobody else."""

import errno
import http.client
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

from tap import check, contains, equal, main, skip, test  # noqa: E402
from tessera_fixture import PASSWORDS, Service, free_port  # noqa: E402
from workshop import Workshop  # noqa: E402

# Whatever else a label said could come from outside, and make series without end.
VALUES = {
    'endpoint': 'other|authorization|token|revocation|introspection|jwks|metadata|page|login|consent',
    'code': r'\d\d\d|other',
    'error': '[a-z_]+',
    'le': r'\d+(\.\d+)?|\+Inf',
    'grant_type': 'authorization_code|refresh_token|client_credentials',
    'outcome': 'accepted|asked|refused|throttled|put-off|told|again|untold',
    'kind': 'nothing|token|grant|session|subject|client|key|all',
    'event': '[a-z-]+',
    'kid': '[A-Za-z0-9_-]{43}',
    'algorithm': 'ES256|EdDSA|RS256|PS256',
    'state': 'next|active|retired|idle|busy',
    'reason': 'refused|shed|late',
    'version': r'[0-9.]+',
}
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$')


class Watched(Service):
    def __init__(self):
        super().__init__()
        self.metrics_port = free_port()
        self.sections = '[metrics]\naddress=127.0.0.1:%d\n' % self.metrics_port

    def watch(self, path, method='GET'):
        connection = http.client.HTTPConnection('127.0.0.1', self.metrics_port, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        status, headers, text = self.watch('/metrics')
        equal(status, 200)
        equal(headers['Content-Type'], 'text/plain; version=0.0.4; charset=utf-8')
        return parse(text)


def parse(text):
    """{(name, labels): value} of the text format, version 0.0.4, read as strictly as it is meant."""
    samples, kinds, family = {}, {}, None
    check(text.endswith('\n'), 'the last line ends')
    for line in text.splitlines():
        if line.startswith('# HELP '):
            family, words = line.split(' ', 3)[2:]
            check(family not in kinds and words, line)
        elif line.startswith('# TYPE '):
            name, kind = line.split(' ')[2:]
            equal(name, family, 'HELP before TYPE')
            check(kind in ('counter', 'gauge', 'histogram'), line)
            check((kind == 'counter') == name.endswith('_total'), line)
            kinds[name] = kind
        else:
            match = SAMPLE.match(line)
            check(match, line)
            name, labels, value = match.groups()
            suffixes = ('_bucket', '_sum', '_count') if kinds[family] == 'histogram' else ('',)
            check(name in [family + suffix for suffix in suffixes], 'of %s: %s' % (family, line))
            pairs = tuple(re.findall(r'([a-zA-Z_]+)="([^"]*)"', labels or ''))
            for label, said in pairs:
                check(label in VALUES and re.fullmatch(VALUES[label], said), line)
            check((name, pairs) not in samples, 'twice: ' + line)
            samples[name, pairs] = float(value)
    check_histograms(samples, [name for name, kind in kinds.items() if kind == 'histogram'])
    return samples


def check_histograms(samples, names):
    for name in names:
        series = {}
        for (sample, labels), value in samples.items():
            if sample == name + '_bucket':
                series.setdefault(labels[:-1], []).append((float(labels[-1][1]), value))
        for labels, buckets in series.items():
            equal(buckets, sorted(buckets), '%s %s' % (name, labels))
            equal([value for _, value in buckets], sorted(value for _, value in buckets))
            equal(buckets[-1], (float('inf'), samples[name + '_count', labels]))
            check(samples[name + '_sum', labels] >= 0, name)


def difference(before, after, name, **labels):
    def find(samples):
        return sum(value for (sample, pairs), value in samples.items() if sample == name and labels.items() <= dict(pairs).items())
    return find(after) - find(before)


@test('metrics: they are what was done')
def _(s):
    before = s.metrics()
    tokens = [s.client_credentials(s.machine).json()['access_token'] for _ in range(7)]
    for token in tokens[:3]:
        equal(s.revoke(token, s.machine).status, 200)
    s.revoke('nothing', s.machine)
    for _ in range(4):
        s.form('/token', 'grant_type=client_credentials', headers={'Authorization': s.c2.basic('wrong')})
    s.client_credentials(s.machine, scope='zzz')
    for token in tokens[:5]:
        s.introspect(token, s.rsall)
    flow = s.tokens(s.c1)
    s.refresh(flow['refresh_token'], s.c1)
    code, verifier = s.code(s.c1)
    equal([s.redeem(s.c1, code, verifier).status for _ in range(2)], [200, 400])
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    browser.submit_only(page, page.page.form_with('password'), username='bob', password='wrong')
    after = s.metrics()

    def delta(name, **labels):
        return difference(before, after, name, **labels)
    equal(delta('tessera_tokens_issued_total', grant_type='client_credentials'), 7)
    equal(delta('tessera_tokens_issued_total', grant_type='authorization_code'), 2)
    equal(delta('tessera_tokens_issued_total', grant_type='refresh_token'), 1)
    equal(delta('tessera_http_responses_total', endpoint='token', code='200'), 10)
    equal(delta('tessera_http_responses_total', endpoint='token', code='401'), 4)
    equal(delta('tessera_http_responses_total', endpoint='token', code='400'), 2)
    equal(delta('tessera_refusals_total', endpoint='token', error='invalid_client'), 4)
    equal(delta('tessera_refusals_total', endpoint='token', error='invalid_scope'), 1)
    equal(delta('tessera_refusals_total', endpoint='token', error='invalid_grant'), 1)
    equal(delta('tessera_http_responses_total', endpoint='introspection', code='200'), 5)
    equal(delta('tessera_http_responses_total', endpoint='revocation'), 4)
    equal(delta('tessera_http_request_duration_seconds_count', endpoint='token'), 16)
    equal(delta('tessera_revocations_total', kind='token'), 3)
    equal(delta('tessera_revocations_total', kind='nothing'), 1)
    equal(delta('tessera_revocations_total', kind='grant'), 1)  # of the code that was used twice
    equal(delta('tessera_replays_total'), 1)
    equal(delta('tessera_deny_list_entries'), 4)
    equal(delta('tessera_deny_list_generation'), 4)
    equal(delta('tessera_logins_total', outcome='refused'), 1)
    equal(delta('tessera_logins_total', outcome='accepted'), 1)
    equal(delta('tessera_codes_issued_total'), 3)
    equal(delta('tessera_audit_records_total', event='client-token-issued'), 7)
    check(delta('tessera_store_commit_duration_seconds_count') >= 4, 'commits')
    check(delta('tessera_store_batch_size_sum') >= delta('tessera_store_batch_size_count'), 'batches')
    check(delta('tessera_connections_accepted_total') >= 20, 'connections')
    check(delta('process_cpu_seconds_total') > 0, 'time')
    equal(after['tessera_ready', ()], 1)
    equal(after['tessera_store_failed', ()], 0)
    check(after['process_resident_memory_bytes', ()] > 1e6, 'memory')
    check(abs(after['process_start_time_seconds', ()] - time.time()) < 600, 'start')
    equal(len([1 for name, labels in after if name == 'tessera_key_age_seconds']), 2)


@test('metrics: the front door counts what it refuses')
def _(s):
    before = s.metrics()
    s.raw(b'GET / HTTP/1.1\nHost: x\n\n', shutdown=True)
    with socket.create_connection(('127.0.0.1', s.port)) as connection:
        connection.sendall(b'GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n')
        check(connection.recv(65536).startswith(b'HTTP/1.1 200'), 'jwks')
        after = s.metrics()
        equal(after['tessera_connections', (('state', 'idle'),)], 1)
    equal(difference(before, after, 'tessera_malformed_requests_total'), 1)
    equal(difference(before, after, 'tessera_http_responses_total', endpoint='jwks'), 1)


@test('metrics: nobody from outside is named in them')
def _(s):
    for name in ('metrics-canary', 'x"} 1\ny{a="'):
        s.az(client_id=name)
        s.form('/token', {'grant_type': name, 'client_id': name, 'client_secret': 'x', 'scope': name})
        s.request('GET', '/' + name.encode().hex())
    text = s.watch('/metrics')[2]
    parse(text)
    for word in ['canary', 'machine', 'c1.test'] + list(PASSWORDS):
        check(re.search(r'\b%s\b' % word, text) is None, word)


@test('metrics: promtool finds nothing to complain of')
def _(s):
    program = shutil.which('promtool')
    if program is None:
        skip('promtool is not installed')
    done = subprocess.run([program, 'check', 'metrics'], input=s.watch('/metrics')[2], capture_output=True, text=True, timeout=60)
    equal((done.returncode, done.stdout + done.stderr), (0, ''))


@test('metrics: only three paths, only to be read, and none of them for the public')
def _(s):
    for path in ('/metrics', '/healthz', '/readyz'):
        equal(s.watch(path)[0], 200)
        equal(s.watch(path, 'HEAD')[::2], (200, ''))
        equal(s.watch(path, 'POST')[0], 405)
        equal(s.watch(path, 'DELETE')[0], 405)
        equal(s.get(path).status, 404)
    for path in ('/', '/metrics/', '/Metrics', '//metrics', '/token', '/jwks', '/debug/pprof'):
        equal(s.watch(path)[0], 404, path)
    equal(s.watch('/x/../metrics')[0], 400)
    headers = s.watch('/metrics')[1]
    equal(headers['Cache-Control'], 'no-store')


@test('health: it is ready, and not any more once its store has failed')
def _(_s):
    service = Watched()
    try:
        service.start()
        equal(service.watch('/readyz')[::2], (200, 'ready\n'))
        equal(service.watch('/healthz')[::2], (200, 'alive\n'))
        # Half a request keeps the service from its end for a moment.
        with socket.create_connection(('127.0.0.1', service.port)) as connection:
            connection.sendall(b'POST /token HTTP/1.1\r\n')
            token = service.client_credentials(service.machine).json()['access_token']
            service.files.fail(service.files.SYNC, errno.EIO)
            equal(service.revoke(token, service.machine).status, 503)
            status, _, text = service.watch('/readyz')
            equal(status, 503)
            contains(text, 'not ready: ')
            equal(service.watch('/healthz')[0], 200)
            check('tessera_store_failed 1\n' in service.watch('/metrics')[2], 'failed')
        check(service.process.wait(30) != 0, 'it ended with a failure')
    finally:
        service.abandon()


@test('health: without its audit trail it is not ready')
def _(_s):
    service = Watched()
    service.sections += '[audit]\nfile=%s\nrequired=true\n' % os.path.join(service.directory, 'audit.json')
    try:
        service.start()
        service.files.fail(service.files.WRITE, errno.ENOSPC)
        equal(service.client_credentials(service.machine).status, 503)
        equal(service.watch('/readyz')[::2], (503, 'not ready: The audit trail cannot be written\n'))
        service.files.heal()
        equal(service.watch('/readyz')[::2], (200, 'ready\n'))
        equal(service.terminate(), 0)
    finally:
        service.abandon()


@test('metrics: a unix socket will do, and is for the group alone')
def _(_s):
    with Workshop() as workshop:
        process = workshop.start(workshop.server() + '[metrics]\naddress=unix:watch\n', wait=False)
        process.wait_for('metrics on unix:')
        path = workshop.path('watch')
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b'GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
            contains(connection.recv(65536).decode(), '200 OK')


@test('metrics: what is no address refuses the start')
def _(_s):
    with Workshop() as workshop:
        for address in ('systemd', '9417', 'localhost:9417', '127.0.0.1'):
            workshop.refuses(workshop.server() + '[metrics]\naddress=%s\n' % address, '[metrics] address')


if __name__ == '__main__':
    main(Watched)
