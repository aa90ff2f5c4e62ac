#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing that a stranger sends crashes the service, makes it print a critical, or gets into its log as it
is. The last test of the file holds the log against that; each test asks that the service still answers."""

import base64
import os
import random
import re
import socket
import urllib.parse

import rfc_path  # noqa: F401
from tap import PATIENCE, check, contains, equal, lacks, main, one_of, test, until
from tessera_fixture import FORM, Service, in_parallel

NASTY = ['', ' ', '\0', '\n', '\r\nX: y', '\x1b[31mred', '\x7f', '\u2028', '\u202e', '\ufeff', '\ud7ff', '\U0001f511', '%', '%00', '%n%s%x', "' OR 1=1 --",
         '"><script>', '../../../etc/passwd', '{{7*7}}', '${jndi:x}', 'a' * 4000, 'true', 'null', '-1', '9' * 400, '[]', '{}', '\\', '\\u0000', ';', '&', '=', '#', 'é']
FIELDS = ['response_type', 'client_id', 'redirect_uri', 'scope', 'state', 'code_challenge', 'code_challenge_method', 'resource', 'prompt', 'max_age', 'login_hint',
          'ui_locales', 'response_mode', 'request', 'request_uri', 'nonce', 'claims', 'acr_values', 'id_token_hint', 'display']
PATHS = ['/token', '/revoke', '/introspect', '/login', '/consent', '/logout', '/account', '/authorize']


def still_well(s):
    check(s.process.poll() is None, 'the service ended')
    equal(s.client_credentials(source=s.new_source()).status, 200)


@test('hostile every parameter of an authorization request')
def _(s):
    for field in FIELDS:
        for value in NASTY:
            answer = s.az(**{field: value})
            check(answer.status in (200, 302, 303, 400, 414), '%s=%r: %d' % (field, value, answer.status))
            check(all(re.fullmatch(r'[\x20-\x7e]*', header) for _, header in answer.headers), repr(answer.headers))
    still_well(s)


@test('hostile every parameter of a token request')
def _(s):
    for grant in ('authorization_code', 'refresh_token', 'client_credentials'):
        base = {'grant_type': grant, 'code': 'x', 'redirect_uri': 'https://c1.test/cb', 'code_verifier': 'x' * 43, 'refresh_token': 'x', 'scope': 'a'}
        for field in list(base) + ['resource', 'client_secret', 'client_assertion', 'client_assertion_type', 'audience', 'assertion']:
            for value in NASTY:
                answer = s.form('/token', dict(base, **{field: value}), s.c1)
                check(answer.status in (200, 400), '%s=%r: %d' % (field, value, answer.status))
                if answer.status == 400:
                    check(re.fullmatch(r'[\x20-\x7e]*', answer.text), repr(answer.text))
    still_well(s)


@test('hostile tokens')
def _(s):
    for value in NASTY + ['.', '..', '...', 'e30.e30.e30', 'e30..', '.e30.', 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA', 'eyJhbGciOiJFUzI1NiJ9.' + 'A' * 8000, 'W1tb.W1tb.W1tb']:
        for path, good in (('/revoke', 200), ('/introspect', 200)):
            answer = s.form(path, {'token': value}, s.rsall)
            one_of(answer.status, (good, 400), repr(value))
        s.form('/revoke', {'token': 'x', 'token_type_hint': value}, s.c1)
    still_well(s)


@test('hostile client ids and secrets')
def _(s):

    for value in NASTY:
        for pair in (value + ':x', 'c1:' + value, value):
            text = base64.b64encode(pair.encode('utf-8', 'surrogatepass')).decode()
            answer = s.form('/token', 'grant_type=client_credentials', headers={'Authorization': 'Basic ' + text}, source=s.new_source())
            one_of(answer.status, (400, 401, 429), repr(value))
        answer = s.form('/token', {'grant_type': 'client_credentials', 'client_id': value, 'client_secret': value}, source=s.new_source())
        one_of(answer.status, (400, 401), repr(value))
    still_well(s)


@test('hostile users and passwords')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    form = page.page.form_with('password')
    for value in NASTY:
        browser.source = s.new_source()
        answer = browser.copy().submit_only(page, form, username=value, password=value)
        check(answer.status in (200, 303, 400, 401, 403), '%r: %d' % (value, answer.status))
        lacks(answer.text, '<script>')
    still_well(s)


@test('hostile bodies: random bytes, bare separators, a hundred thousand parameters')
def _(s):
    numbers = random.Random(7)
    bodies = [bytes(numbers.randrange(256) for _ in range(numbers.randrange(200))) for _ in range(40)]
    bodies += [b'&' * 60000, b'=' * 1000, b'&=&=&', b'a', b'a&b', b'%' * 3000, b'x=1&' * 15000, b'%00=%00', b'grant_type', b'=client_credentials', b'\xff\xfe', b'[' * 60000]
    for path in PATHS:
        for body in bodies:
            answer = s.request('POST', path, body, {'Content-Type': FORM, 'Authorization': s.c1.basic()})
            check(400 <= answer.status < 500 or answer.status in (200, 303), '%s %r: %d' % (path, body[:20], answer.status))
            check(answer.status != 200 or path in ('/login', '/authorize', '/logout', '/revoke', '/introspect'), '%s %r' % (path, body[:20]))
    still_well(s)


@test('hostile bytes in place of HTTP')
def _(s):
    numbers = random.Random(11)
    probes = [bytes(numbers.randrange(256) for _ in range(numbers.randrange(1, 400))) for _ in range(30)]
    probes += [b'\r\n' * 50, b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
               b'GET / HTTP/1.1\r\n' + b'X: y\r\n' * 300 + b'\r\n', b'GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
               b'CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n', b'GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n', b'GET //// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
               b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n',
               b'POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n', b'POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n',
               b'POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: foo\r\n\r\n', b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\n',
               b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 5x\r\n\r\n', b'POST /token HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked, foo\r\n\r\n',
               b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\nX: y\n\n',
               b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nx=1&y', b'GET /jwks HTTP/1.1\r\nHost: x\r\nRange: bytes=-99999\r\nConnection: close\r\n\r\n',
               b'GET /jwks HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n', b'GET /jwks HTTP/1.1\r\nX: a\r\n b\r\nHost: x\r\nConnection: close\r\n\r\n']
    for probe in probes:
        answer = s.raw(probe, timeout=1, shutdown=True)
        check(answer == b'' or answer.startswith(b'HTTP/1.'), repr(answer[:100]))
    still_well(s)


@test('hostile connections that are opened and left')
def _(s):
    for data in (b'', b'G', b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: ' + FORM.encode() + b'\r\nContent-Length: 100\r\n\r\ngrant'):
        for _ in range(20):
            connection = socket.create_connection(('127.0.0.1', s.port), PATIENCE, (s.new_source(), 0))
            if data:
                connection.sendall(data)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            connection.close()
    still_well(s)


@test('hostile connections that their clients close leave no descriptor behind')
def _(s):
    def count():
        return len(os.listdir('/proc/%d/fd' % s.process.pid))

    still_well(s)
    before = count()
    for _ in range(3):
        connections = [socket.create_connection(('127.0.0.1', s.port), PATIENCE, (s.new_source(), 0)) for _ in range(40)]
        for connection in connections:
            connection.sendall(b'GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n')
            connection.recv(10)
        for connection in connections:
            connection.close()
    until(lambda: count() <= before + 8, lambda: '%d descriptors, %d before' % (count(), before))


@test('hostile two requests in one body: the second is not run')
def _(s):
    token = s.machine_token()
    inner = ('POST /revoke HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\ntoken=%s'
             % (s.c1.basic(), FORM, len(token) + 6, token)).encode()
    for head in (b'Content-Length: %d\r\nTransfer-Encoding: chunked\r\n' % (len(inner) + 5), b'Transfer-Encoding: chunked\r\nContent-Length: %d\r\n' % (len(inner) + 5)):
        answer = s.raw(b'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: ' + FORM.encode() + b'\r\n' + head + b'\r\n0\r\n\r\n' + inner, timeout=2)
        check(answer.count(b'HTTP/1.1') <= 1, repr(answer))
        check(s.is_active(token), 'the smuggled request was run')
    equal(s.revoke(token).status, 200)
    check(not s.is_active(token), 'the honest request was not')


@test('hostile headers')
def _(s):
    for name in ('Cookie', 'Origin', 'Accept-Language', 'Referer', 'If-None-Match', 'Content-Encoding', 'X-Forwarded-For', 'User-Agent', 'Accept', 'Expect', 'Upgrade', 'Sec-Fetch-Site'):
        for value in ('', ',', ';', '=', 'x' * 3000, 'a=b; a=b; a=c', '"', '"\\', 'zh-\x7f', '\x80\xff', 'q=,;q', '100-continue', 'websocket', '*' * 50, 'de;q=x,en;q=99999999999'):
            for path in ('/jwks', '/login', '/.well-known/oauth-authorization-server', s.authorization_url()):
                request = b'GET %s HTTP/1.1\r\nHost: x\r\n%s: %s\r\nConnection: close\r\n\r\n' % (path.encode(), name.encode(), value.encode('latin-1'))
                answer = s.raw(request)
                check(answer == b'' or re.match(rb'HTTP/1\.[01] [1-4]', answer), '%s: %r: %r' % (name, value, answer[:100]))
    still_well(s)


@test('hostile cookies')
def _(s):
    for value in ('x', '"', 'x' * 5000, 'a=b', 'tessera-session', '../../x', '%00', 'e30.e30.e30'):
        for cookie in ('tessera-session=' + value, 'tessera-session=%s; tessera-session=%s' % (value, value), '__Host-tessera-session=' + value, value):
            for path in ('/login', '/consent', '/logout', '/account', s.authorization_url()):
                answer = s.get(path, {'Cookie': cookie})
                check(answer.status in (200, 303, 400, 403), '%r %s: %d' % (cookie[:40], path, answer.status))
    still_well(s)


@test('hostile many at once')
def _(s):
    def act(number):
        for _ in range(5):
            s.form('/token', {'grant_type': 'authorization_code', 'code': 'x%d' % number, 'code_verifier': 'y' * 43}, s.c1)
            s.form('/introspect', {'token': 'x'}, s.rsall)
            s.az(scope='zzz')
        return True

    equal(in_parallel(16, act), [True] * 16)
    still_well(s)


@test('I01 the log has one printable line for each refusal')
def _(s):
    for value in NASTY:
        s.az(redirect_uri='https://evil.test/' + value)
        s.az(client_id='x' + value)
        s.form('/token', {'grant_type': value + 'x'}, s.c1)
        s.request('POST', '/token', 'x', {'Content-Type': 'text/' + urllib.parse.quote(value) or 'x'})
    s.sync_log()
    text = bytes(s.log).replace('§'.encode(), b'')  # ours
    check(len(text) > 2000, 'the log is almost empty')
    bad = re.search(rb'[^\n]{0,60}[^\x09\x0a\x20-\x7e][^\n]{0,60}', text)
    check(bad is None, 'unescaped: %r' % (bad and bad.group(0)))
    lacks(text, b'\nX: y')
    # The rule, what was registered and what came.
    s.az(redirect_uri='https://c1.test/other')
    line = [line for line in s.log_lines() if 'https://c1.test/other' in line][-1]
    for part in ('request=', 'redirect_uri', 'https://c1.test/cb', 'c1'):
        contains(line, part)


@test('I01 a mistake of each kind is told with the rule in the log')
def _(s):
    def told(*parts):
        lines = s.log_lines()[-4:-1]
        check(any(all(part in line for part in parts) for line in lines), 'no line with %r in %r' % (parts, lines))

    s.form('/token', 'grant_type=client_credentials&client_id=c1&client_secret=x')
    told('client_secret_basic', 'client_secret_post')
    s.az(code_challenge_method='plain')
    told('code_challenge_method', 'plain')
    code, _ = s.code()
    s.redeem(s.c1, code, 'x' * 43)
    told('code_verifier')
    s.client_credentials(resource='https://unknown.test/')
    told('https://unknown.test/')
    still_well(s)


if __name__ == '__main__':
    main(Service)
