#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""HAProxy with docs/haproxy.cfg.example and tessera-haproxy beside it: it refuses a revoked token, by each rule."""
import http.client
import http.server
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from interop import AUDIENCE as RS, HERE, Report, tap, wait_until_it_answers
sys.path.insert(0, os.path.join(HERE, 'denylist'))
from cases import deny_cases, person  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from fake_issuer import AUDIENCE, FakeIssuer  # noqa: E402
from readers import READERS  # noqa: E402
from real_service import WAYS, machine_token, revoke_key  # noqa: E402
from tessera_fixture import free_port, header_of  # noqa: E402

EXAMPLE = os.path.join(HERE, '..', '..', 'docs', 'haproxy.cfg.example')
TOOL = os.environ.get('TESSERA_HAPROXY') or os.path.join(HERE, '..', '..', 'build', 'src', 'tessera-haproxy', 'tessera-haproxy')


class Behind(http.server.BaseHTTPRequestHandler):
    """The program that HAProxy protects: tells what reached it."""

    def do_GET(self):
        body = '%s|%s' % (self.headers['Tessera-Subject'], self.headers['Authorization'])
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


class Proxy:
    def __init__(self, issuer, audience, kid, pem, scope, now=None):
        self.directory = tempfile.TemporaryDirectory(prefix='tessera-haproxy-')
        self.port, self.issuer = free_port(), issuer
        self.socket, self.map, self.secret = (os.path.join(self.directory.name, name) for name in ('socket', 'tessera.map', 'secret'))
        self.behind = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Behind)
        threading.Thread(target=self.behind.serve_forever, daemon=True).start()
        with open(EXAMPLE, encoding='utf-8') as file:
            text = file.read()
        for example, real in (('/run/haproxy/admin.sock', self.socket), ('/var/lib/haproxy/tessera.map', self.map),
                              ('/etc/haproxy/KID.pem', self.write('key.pem', pem)), ('-m str -- KID', '-m str -- ' + kid),
                              ('str https://id.example.org', 'str ' + issuer), ('str https://api.example.org', 'str ' + audience),
                              ('127.0.0.1:8080', '127.0.0.1:%d' % self.port), ('127.0.0.1:9000', '127.0.0.1:%d' % self.behind.server_address[1]),
                              ('scope="read"', 'scope="%s"' % scope), (')read(', ')%s(' % scope)):
            if example not in text:
                raise RuntimeError('the example no longer says: ' + example)
            text = text.replace(example, real)
        self.configuration = self.write('haproxy.cfg', text)
        self.write('tessera.map', '')
        self.log = open(os.path.join(self.directory.name, 'log'), 'w+', encoding='utf-8')
        self.tool = self.process = None

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def start(self):
        self.process = subprocess.Popen(['haproxy', '-db', '-f', self.configuration], stdout=self.log, stderr=subprocess.STDOUT)
        return wait_until_it_answers(self.process, lambda: self.ask(''), self.read_log)

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def start_tool(self, client_id, secret, max_staleness=60):
        self.write('secret', secret + '\n')
        argv = ['--issuer', self.issuer, '--client-id', client_id, '--secret-file', self.secret, '--socket', self.socket, '--map', self.map,
                '--max-staleness', str(max_staleness)]
        environment = dict(os.environ, PYTHONPATH=os.path.join(READERS, 'python'), PYTHONDONTWRITEBYTECODE='1')
        self.tool = subprocess.Popen(['/usr/bin/python3', TOOL, *argv], stdout=self.log, stderr=subprocess.STDOUT, env=environment)

    def end(self, process):
        if process is not None:
            process.kill()
            process.wait(tap.PATIENCE)

    def ask(self, token, **headers):
        """(status, what WWW-Authenticate or the program behind says)"""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=tap.PATIENCE)
        connection.request('GET', '/', headers={'Authorization': 'Bearer ' + token, **headers})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.getheader('WWW-Authenticate') or body

    def tell(self, command):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.socket)
            connection.sendall(command.encode() + b'\n')
            return b''.join(iter(lambda: connection.recv(65536), b'')).decode()

    def values(self):
        return dict(line.split()[1:] for line in self.tell('show map ' + self.map).splitlines() if line)

    def until(self, what, seconds=tap.PATIENCE):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if what():
                return True
            time.sleep(0.02)
        return False

    def stop(self):
        self.end(self.tool)
        self.end(self.process)
        self.behind.shutdown()
        self.behind.server_close()
        self.log.close()
        self.directory.cleanup()


def revoked(answer):
    return answer[0] == 401 and 'revoked' in answer[1]


def hold_cases(report, proxy, fake, name, made):
    count = len({(entry['rule'], entry['value']) for entry in fake.entries})
    report.line(proxy.until(lambda: len(proxy.values()) == count + 1 and proxy.values()['fresh-until'] != '0'), 'by %s: HAProxy has all entries' % name)
    for what, token, refused in made:
        answer = proxy.ask(token)
        report.line(revoked(answer) if refused else answer[0] == 200, 'by %s: HAProxy refuses %s' % (name, what))
        if answer[0] not in (200, 401):
            report.comment(repr(answer))


def hold_freshness(report, proxy, fake):
    good = fake.token(**person())
    proxy.end(proxy.process)
    proxy.start()
    report.line(proxy.until(lambda: proxy.ask(good)[0] == 200) and len(proxy.values()) > 10, 'HAProxy started anew gets the whole list again')
    before = fake.now() // 1000
    fake.beat()
    after = fake.now() // 1000
    report.line(proxy.until(lambda: before - 1 <= int(proxy.values()['fresh-until']) - 60 <= after + 1), 'HAProxy is told until when that is fresh: a minute after the time of the issuer')
    fake.deny('moon', 'full')
    report.line(proxy.until(lambda: proxy.ask(good)[0] == 503), 'a rule that the tool does not know makes HAProxy refuse everything')
    fake.replace('L2', [entry for entry in fake.entries if entry['rule'] != 'moon'])
    report.line(proxy.until(lambda: proxy.ask(good)[0] == 200), 'a list without it is good again')
    proxy.end(proxy.tool)
    report.line(proxy.ask(good)[0] == 200, 'HAProxy goes on for a while when the tool has died')
    proxy.tell('set map %s fresh-until %d' % (proxy.map, time.time() - 1))
    report.line(proxy.ask(good)[0] == 503, 'and refuses everything from the second that the tool had named')


def hold_tokens(report, proxy, fake):
    good = person()
    bad = [('for another audience', fake.token(aud='urn:other', **good)), ('of another issuer', fake.token(iss='https://other.example', **good)),
           ('that has expired', fake.token(exp=fake.now() // 1000 - 1, **good)), ('of another type', fake.token(typ='JWT', **good)),
           ('without jti', fake.token(jti=None, **good)), ('without client_id', fake.token(client_id=None, **good)),
           ('with another signature', fake.token(**good)[:-6] + 'AAAAAA'), ('that is none', 'a.b.c'), ('by an unknown key', fake.token(key=1, **good))]
    for what, token in bad:
        report.line(proxy.ask(token)[0] == 401, 'HAProxy refuses a token ' + what)
    report.line(proxy.ask(fake.token(scope='aa b', **good))[0] == 403, 'HAProxy refuses a token without the scope')
    status, said = proxy.ask(fake.token(**dict(good, sub='eve "x" \\ é%')), **{'Tessera-Subject': 'root'})
    report.line((status, said) == (200, 'eve%20%22x%22%20%5C%20%C3%A9%25|None'), 'the program behind is told who it is, and gets no token')
    fake.deny('subject', 'eve "x" \\ é%', fake.now())
    report.line(proxy.until(lambda: revoked(proxy.ask(fake.token(issued=fake.now() - 5000, **dict(good, sub='eve "x" \\ é%'))))),
                'a subject of any characters is refused')


def with_fake(report):
    fake = FakeIssuer()
    early = deny_cases(fake, 'snapshot')
    pem = fake.keys[0].private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    proxy = Proxy(fake.issuer, AUDIENCE, 'k1', pem, 'a')
    try:
        proxy.start()
        report.line(proxy.ask(fake.token(**person()))[0] == 503, 'HAProxy refuses everything while nobody keeps its map')
        proxy.start_tool('proxy', 'secret')
        hold_cases(report, proxy, fake, 'snapshot', early)
        hold_cases(report, proxy, fake, 'event', deny_cases(fake, 'event'))
        hold_tokens(report, proxy, fake)
        hold_freshness(report, proxy, fake)
        proxy.start_tool('proxy', 'secret')
        good = fake.token(**person())
        proxy.until(lambda: proxy.ask(good)[0] == 200)
        fake.deny('key', 'k1')
        report.line(proxy.until(lambda: revoked(proxy.ask(good))), 'HAProxy refuses a key')
    finally:
        if not report.good:
            report.comment(proxy.read_log()[-3000:])
        proxy.stop()


def make_proxy(service):
    token = machine_token(service)
    kid = header_of(token)['kid']
    proxy = Proxy(service.issuer, RS, kid, service.get('/jwks/%s.pem' % kid).text, 'api:read')
    proxy.start()
    return proxy, token


def finish(report, proxy):
    if not report.good:
        report.comment(proxy.read_log()[-3000:])
    proxy.stop()


def with_service(report, service):
    proxy, good = make_proxy(service)
    feed = service.clients['interop-feed']
    try:
        report.line(proxy.ask(good)[0] == 503, 'the service: HAProxy refuses everything while nobody keeps its map')
        proxy.start_tool(feed.id, feed.secret)
        for what, prepare in WAYS:
            token, revoke = prepare(service)
            report.line(proxy.until(lambda: proxy.ask(token)[0] == 200), 'the service: HAProxy takes a token before %s is revoked' % what)
            revoke()
            report.line(proxy.until(lambda: revoked(proxy.ask(token))), 'the service: HAProxy refuses it when %s is revoked' % what)
            if prepare is not revoke_key:
                report.line(proxy.ask(machine_token(service))[0] == 200, 'the service: and takes another one')
    finally:
        finish(report, proxy)


def with_late_service(report, service):
    """Its clock is behind HAProxy's: what it says is as old as after a cut."""
    proxy, good = make_proxy(service)
    feed = service.clients['interop-feed']
    try:
        proxy.start_tool(feed.id, feed.secret)
        report.line(proxy.until(lambda: proxy.values().get('fresh-until') == '0') and proxy.ask(good)[0] == 503,
                    'stale: HAProxy refuses everything when what the tool knows is older than max-staleness')
        proxy.end(proxy.tool)
        proxy.start_tool(feed.id, feed.secret, 3600)
        report.line(proxy.until(lambda: proxy.ask(good)[0] == 200), 'stale: and not when it may be older')
        service.kill()
        report.line(proxy.ask(good)[0] == 200, 'stale: a service that died is forgiven for so long')
        service.start_again()
    finally:
        finish(report, proxy)


report = Report()
if report.finds('haproxy'):
    report.step('all steps were reached', lambda: with_fake(report) is None)
    report.run(with_service)
    report.run(with_late_service, born=-90)
report.end()
