#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Best current practice: RFC 9700, in what the other files do not show."""

import os

import rfc_path  # noqa: F401
from tap import check, contains, equal, lacks, main, one_of, test
from tessera_fixture import Client, Service, expect_page_400, expect_redirect_error, in_parallel, write_private


def check_configuration(*clients, sections='', **options):
    """(exit status, what was said) of tesserad --check-config with these clients."""
    other = Service(clients=list(clients) or None, sections=sections, **options)
    try:
        return other.run_check()
    finally:
        other.abandon()


def web(uris, **keys):
    return Client('w', redirect_uri='https://w.test/cb', redirect_uris=uris, scope='a', grant_types='authorization_code;', **keys)


@test('A30 a dangerous redirect URI refuses the start')
def _(s):
    for uri in ('javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://w.test/x', 'about:blank', 'app:/cb', 'myapp://cb',
                'https://x@w.test/cb', 'https://x:y@w.test/cb', 'https://w.test/cb#f', 'https://*.w.test/cb', 'https://w.test/*', 'http://w.test/cb',
                'http://127.0.0.1.evil.test/cb', 'http://10.0.0.1/cb', '//w.test/cb', '/cb', 'w.test/cb', 'https://', 'https:///cb', 'https://w.test/ cb',
                'https://w.test/\u00e9', 'com.example.app', 'https://w.test/' + 'x' * 3000):
        status, said = check_configuration(web(uri + ';'))
        equal(status, 78, uri[:60])
        check('redirect_uris' in said or 'redirect' in said, said)


@test('A30 good redirect URIs start')
def _(s):
    for uri in ('https://w.test/cb', 'https://w.test:8443/cb?x=1', 'http://127.0.0.1/cb', 'http://[::1]:1234/cb', 'com.example.app:/cb', 'https://xn--bcher-kva.example/cb'):
        native = not uri.startswith('https')
        status, said = check_configuration(web(uri + ';', application_type='native' if native else None))
        equal(status, 0, said)


@test('A30 an issuer must be https, or http on loopback')
def _(s):
    for issuer in ('http://as.test', 'ftp://as.test', 'https://as.test/?x', 'https://as.test/#x', 'https://as.test/', 'https://x@as.test', 'as.test', 'http://127.0.0.1.evil.test'):
        status, said = check_configuration(issuer=issuer)
        equal(status, 78, issuer)
        contains(said, 'issuer')
    for issuer in ('https://as.test', 'https://as.test/tenant', 'http://127.0.0.1:8417', 'http://[::1]:8417'):
        status, said = check_configuration(issuer=issuer)
        equal(status, 0, said)


@test('A30 a client that contradicts itself refuses the start')
def _(s):
    common = dict(redirect_uri='https://w.test/cb', scope='a')
    for client in (Client('w', method='none', grant_types='client_credentials;', **common),
                   Client('w', method='none', grant_types='authorization_code;', require_pkce='false', **common),
                   Client('w', method='none', grant_types='authorization_code;', first_party='true', **common),
                   Client('w', grant_types='authorization_code;implicit;', **common),
                   Client('w', grant_types='password;', **common),
                   Client('w', method='private_key_jwtx', grant_types='authorization_code;', **common),
                   Client('w', secret='short', grant_types='authorization_code;', **common),
                   Client('w', scope='a"', grant_types='client_credentials;'),
                   Client('w', grant_types='client_credentials;', scope='a', shoe_size='44')):
        status, said = check_configuration(client)
        equal(status, 78, repr(client.keys))
        contains(said, 'w')
    equal(check_configuration(Client('w', grant_types='authorization_code;', **common))[0], 0)


@test('A30 a secret file that others can read refuses the start')
def _(s):
    other = Service()
    try:
        other.write_configuration()
        path = os.path.join(other.directory, 'widely-known')
        write_private(path, 'x' * 43)
        with open(other.config, 'a', encoding='utf-8') as file:
            file.write('\n[client w]\nscope=a\ngrant_types=client_credentials;\nclient_secret_file=%s\n' % path)
        import subprocess
        command = [os.environ['TESSERAD'], '--check-config', '--config', other.config]
        equal(subprocess.run(command, env=other.environment(), capture_output=True).returncode, 0)
        os.chmod(path, 0o644)
        done = subprocess.run(command, env=other.environment(), capture_output=True, text=True)
        equal(done.returncode, 78)
        contains(done.stdout + done.stderr, path)
        lacks(done.stdout + done.stderr, 'x' * 43)
    finally:
        other.abandon()


@test('rfc9700/2.1 the error answer does not tell whether a redirect URI or a client is known')
def _(s):
    one, two = s.az(redirect_uri='https://evil.test/'), s.az(client_id='nobody', redirect_uri='https://evil.test/')
    expect_page_400(one)
    expect_page_400(two)
    equal(sorted(key for key, _ in one.headers), sorted(key for key, _ in two.headers))


@test('rfc9700/2.1.2 no token ever comes from the authorization endpoint')
def _(s):
    for response_type in ('token', 'code token', 'id_token token'):
        answer = s.browser().open(s.authorization_url(response_type=response_type))
        expect_redirect_error(s, answer, 'unsupported_response_type')
        lacks(answer.location, 'access_token')


@test('rfc9700/2.4 there is no password grant')
def _(s):
    answer = s.form('/token', {'grant_type': 'password', 'username': 'alice', 'password': s.users['alice'], 'scope': 'a'}, s.c1)
    equal((answer.status, answer.json()['error']), (400, 'unsupported_grant_type'))
    lacks(s.get('/.well-known/oauth-authorization-server').json()['grant_types_supported'], 'password')


@test('B46 many wrong logins at once: each is answered, and tokens are given meanwhile')
def _(s):
    pages = []
    for _ in range(48):
        browser = s.new_browser()
        browser.source = s.new_source()
        page = browser.open(s.authorization_url())
        pages.append((browser, page, page.page.form_with('password')))

    def act(number):
        if number < len(pages):
            browser, page, form = pages[number]
            return browser.submit_only(page, form, username='user%d' % number, password='wrong')
        return s.client_credentials(s.c1)

    answers = in_parallel(len(pages) + 4, act)
    for answer in answers[:len(pages)]:
        one_of(answer.status, (200, 303, 400, 401, 403, 503), repr(answer))
        if answer.status == 503:
            check(int(answer.header('Retry-After')) > 0, 'Retry-After')
        lacks(' '.join(answer.all_headers('Set-Cookie')), 'tessera-session=ey')
    equal([answer.status for answer in answers[len(pages):]], [200] * 4)
    check('code' in s.approve(browser=s.new_browser()), 'nobody can sign in any more')


def guess(s, number):
    """A wrong secret, from an address of its own if X-Forwarded-For is believed."""
    headers = {'Authorization': s.c2.basic('wrong'), 'X-Forwarded-For': '203.0.113.%d, 198.51.100.%d' % (number, number), 'Forwarded': 'for=192.0.2.%d' % number,
               'X-Real-IP': '192.0.2.%d' % number}
    return s.form('/token', 'grant_type=client_credentials', headers=headers).status


def invent_clients(s, count):
    """The statuses of so many guesses, each at a client of its own that is not there, by one connection."""
    import re
    head = 'POST /token HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n'
    tail = '\r\n\r\ngrant_type=client_credentials'
    requests = ['%sAuthorization: %s%s' % (head, s.c2.basic('wrong', 'invented-%d' % number), tail) for number in range(count)]
    requests[-1] = requests[-1].replace('Host: h', 'Host: h\r\nConnection: close')
    return [int(status) for status in re.findall(rb'HTTP/1.1 (\d+) ', s.raw(''.join(requests).encode()))]


@test('B19 a flood of invented clients wins no guesses, and keeps nobody else out')
def _(s):
    def guess_at(client_id):
        return s.form('/token', 'grant_type=client_credentials', headers={'Authorization': s.c2.basic('wrong', client_id)})

    other = s.new_source()
    equal([guess_at('c2').status for _ in range(11)][9:], [401, 429])
    s.advance(6)
    seen = invent_clients(s, 5000)
    equal(len(seen), 5000, 'answers')
    equal(set(seen), {401, 429}, 'a flood')
    first = seen.index(429)
    check(first > 1000, 'an address slowed down after %d failures of others' % first)
    check(seen[first:].count(401) < 100, '%d more failures' % seen[first:].count(401))
    for client_id in ('c2', 'c1', 'invented', 'invented-1'):
        answer = guess_at(client_id)
        equal((answer.status, int(answer.header('Retry-After')) > 0), (429, True), client_id)
    equal(s.client_credentials(s.c2, source=other).status, 200, 'from elsewhere')
    s.advance(int(guess_at('c2').header('Retry-After')))
    equal(guess_at('c2').status, 401)
    answer = guess_at('c2')
    equal(answer.status, 429)
    check(int(answer.header('Retry-After')) >= 10, 'the second delay was %s s' % answer.header('Retry-After'))


@test('B19 X-Forwarded-For of anybody but a trusted proxy is not believed')
def _(s):
    equal([guess(s, number) for number in range(12)][10:], [429, 429])
    other = Service(listener='trusted-proxies=127.0.0.1;\n')
    try:
        other.start()
        equal([guess(other, number) for number in range(12)], [401] * 12, 'twelve addresses behind the proxy')
        equal([guess(other, 77) for _ in range(12)][10:], [429, 429], 'one address behind the proxy')
        equal(other.client_credentials(other.c2).status, 200, 'the proxy itself')
        other.source = other.new_source()
        equal([guess(other, number) for number in range(100, 112)][10:], [429, 429], 'another peer')
    finally:
        other.stop()


@test('B45 headers of a proxy that nobody named change nothing')
def _(s):
    """Not the address that failures are counted for, nor the issuer, nor what is said of TLS."""
    other = Service()
    try:
        other.start()
        equal([guess(other, number) for number in range(12)][10:], [429, 429])
        answer = other.get('/jwks', headers={'X-Forwarded-Proto': 'https', 'Forwarded': 'for=192.0.2.1;proto=https', 'X-Client-Cert': 'x', 'X-SSL-Client-Verify': 'SUCCESS'})
        equal(answer.header('Strict-Transport-Security'), None)
    finally:
        other.stop()


@test('B45 Forwarded is believed of a trusted proxy that is said to write it')
def _(s):
    other = Service(listener='trusted-proxies=127.0.0.1;\n', server='proxies-send-forwarded=true\n')
    try:
        other.start()
        equal([guess(other, number) for number in range(12)], [401] * 12, 'twelve addresses behind the proxy')
        equal([guess(other, 77) for _ in range(12)][10:], [429, 429], 'one address behind the proxy')
        headers = {'Forwarded': 'for=192.0.2.1;proto=https'}
        equal(other.get('/jwks', headers=headers).header('Strict-Transport-Security'), 'max-age=31536000')
    finally:
        other.stop()


@test('RFC 6797 7.1: Strict-Transport-Security comes once, at the answer to a form too')
def _(s):
    other = Service(listener='trusted-proxies=127.0.0.1;\n', server='proxies-send-forwarded=true\n')
    try:
        other.start()
        headers = {'Forwarded': 'for=192.0.2.1;proto=https'}
        browser = other.new_browser()
        page = browser.open(other.authorization_url())
        fields = page.page.form_with('password').values(username='alice', password='wrong')
        answer = browser.post(page.url, fields, headers)
        check(answer.page.form_with('password') is not None, repr(answer))
        equal(answer.all_headers('Strict-Transport-Security'), ['max-age=31536000'])
    finally:
        other.stop()


def introduce(address, tls=False):
    """The header of the PROXY protocol, version 2, for a client at @address."""
    import ipaddress
    import struct
    rest = ipaddress.ip_address(address).packed + ipaddress.ip_address('127.0.0.1').packed + struct.pack('>HH', 4711, 443)
    if tls:
        rest += b'\x20\x00\x05\x01\0\0\0\0'
    return b'\r\n\r\n\0\r\nQUIT\n\x21\x11' + struct.pack('>H', len(rest)) + rest


def by_proxy(s, header, request=b'GET /jwks HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'):
    try:
        return s.raw(header + request, shutdown=True)
    except OSError:  # closed before all was sent
        return b''


def guess_by_proxy(s, address, more=b''):
    request = (b'POST /token HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n' + more
               + b'Authorization: ' + s.c2.basic('wrong').encode() + b'\r\n\r\ngrant_type=client_credentials')
    return by_proxy(s, introduce(address), request)[9:12]


class ProxyService(Service):
    """Behind a proxy that speaks the PROXY protocol; the fixture's own requests do not, so its start is not waited for by them."""

    def __init__(self, proxies='127.0.0.1;'):
        super().__init__(listener='trusted-proxies=%s\nproxy-protocol=true\n' % proxies)

    def wait_ready(self):
        import time
        for _ in range(1000):
            if b'listening on' in self.log:
                return
            time.sleep(0.02)
        raise RuntimeError(self.log.decode())


@test('B45 a proxy introduces its clients by the PROXY protocol')
def _(s):
    other = ProxyService()
    try:
        other.start()
        check(by_proxy(other, introduce('192.0.2.1')).startswith(b'HTTP/1.1 200 '), 'served')
        lacks(by_proxy(other, introduce('192.0.2.1')), b'Strict-Transport-Security')
        contains(by_proxy(other, introduce('192.0.2.1', tls=True)), b'Strict-Transport-Security')
        equal([guess_by_proxy(other, '192.0.2.%d' % number) for number in range(1, 13)], [b'401'] * 12, 'twelve addresses')
        equal([guess_by_proxy(other, '192.0.2.77') for _ in range(12)][10:], [b'429'] * 2, 'one address')
        lie = b'X-Forwarded-For: 192.0.2.%d\r\n'
        equal([guess_by_proxy(other, '192.0.2.78', lie % number) for number in range(12)][10:], [b'429'] * 2, 'its client says otherwise')
        for bad in (b'', b'PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n', introduce('192.0.2.1')[:-1] + b'\xff\r\n', introduce('192.0.2.1').replace(b'QUIT', b'QUIX')):
            lacks(by_proxy(other, bad), b'HTTP/1.1 200', repr(bad))
    finally:
        other.stop()


@test('B45 whoever is no trusted proxy can introduce nobody')
def _(s):
    other = ProxyService('127.0.0.99;')
    try:
        other.start()
        equal(by_proxy(other, introduce('192.0.2.1')), b'')
        other.source = '127.0.0.99'
        check(by_proxy(other, introduce('192.0.2.1')).startswith(b'HTTP/1.1 200 '), 'the proxy itself')
    finally:
        other.stop()
    lacks(s.raw(introduce('192.0.2.1') + b'GET /jwks HTTP/1.1\r\nHost: h\r\n\r\n', shutdown=True), b'HTTP/1.1 200', 'where it is not expected')


@test('B45 a reload names other proxies: who was one introduces nobody any more')
def _(s):
    other = ProxyService('127.0.0.98;')
    try:
        other.start()
        for proxy, stranger in (('127.0.0.98', '127.0.0.99'), ('127.0.0.99', '127.0.0.98')):
            other.source = stranger
            equal(by_proxy(other, introduce('192.0.2.1')), b'', stranger)
            other.source = proxy
            check(by_proxy(other, introduce('192.0.2.1')).startswith(b'HTTP/1.1 200 '), proxy)
            equal([guess_by_proxy(other, '192.0.2.7%s' % proxy[-1]) for _ in range(12)][9:], [b'401', b'429', b'429'], 'the address that it names')
            other.listener = other.listener.replace('127.0.0.98', '127.0.0.99')
            other.reload()
        contains(bytes(other.log), b'reloaded the configuration')
        lacks(bytes(other.log), b'the configuration stays')
    finally:
        other.stop()


@test('B46 a password beyond 1024 bytes never matches')
def _(s):
    browser = s.new_browser()
    page = browser.open(s.authorization_url())
    answer = browser.submit_only(page, page.page.form_with('password'), username='alice', password='x' * 5000)
    check(answer.status != 303 or 'code=' not in answer.location, repr(answer))
    check('code' in s.approve(browser=s.new_browser()), 'the right one')


@test('rfc9700/4.14 tokens are of their client alone')
def _(s):
    tokens = s.tokens(s.p1, redirect_uri='http://127.0.0.1:1000/cb')
    for client in (s.c1, s.spa):
        answer = s.refresh(tokens['refresh_token'], client)
        equal((answer.status, answer.json()['error']), (400, 'invalid_grant'))
    equal(s.refresh(tokens['refresh_token'], s.p1).status, 200)


if __name__ == '__main__':
    main(Service)
