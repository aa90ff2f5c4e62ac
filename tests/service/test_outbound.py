#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""tessera-outbound, asked directly: where it goes, where it does not, and how long and how much it takes (threats.md G03)."""

import contextlib
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import warnings

import workshop
from elsewhere import Authority, Site, drip, http, section
import tap
from tap import check, contains, equal, lacks, main, one_of, test
from tessera_fixture import COMPLAINTS

PROGRAM = os.environ['TESSERA_OUTBOUND']
GET, POST = 1, 2
ANSWERED, REFUSED, FAILED, LATE, TOO_LONG, BUSY = 1, 2, 3, 4, 5, 6
PATIENCE = 5
SANITIZED = b'libasan' in subprocess.run(['ldd', PROGRAM], stdout=subprocess.PIPE, check=True).stdout

folder = tempfile.TemporaryDirectory(prefix='tessera-outbound-')
authority = Authority(folder.name)


def frame(mark, code, status, number, *fields):
    rest = struct.pack('>cBHI', mark, code, status, number)
    for field in fields:
        rest += struct.pack('>I', len(field)) + field
    return struct.pack('>I', len(rest)) + rest


def question(number, uri, method=GET, accept='application/json', form=''):
    accept = accept if method == GET else ''
    return frame(b'Q', method, 0, number, uri.encode('latin-1'), accept.encode(), form.encode())


class Reply:
    def __init__(self, rest):
        mark, self.outcome, self.status, self.number = struct.unpack('>cBHI', rest[:8])
        equal(mark, b'A')
        fields, at = [], 8
        for _ in range(3):
            length, = struct.unpack('>I', rest[at:at + 4])
            fields.append(rest[at + 4:at + 4 + length])
            at += 4 + length
        equal(at, len(rest))
        self.media_type, self.why, self.body = fields[0].decode(), fields[1].decode(), fields[2]

    def __repr__(self):
        return '<reply %d: %d %d %s %r %r>' % (self.number, self.outcome, self.status, self.media_type, self.why, self.body[:200])


class Program:
    """The program, with a connected socket, or a listening one at @path."""

    def __init__(self, *arguments, hosts='', path=None, ca_file=True, **environment):
        self.log = tempfile.TemporaryFile()
        self.path = path
        if path is None:
            self.socket, theirs = socket.socketpair()
        else:
            theirs = socket.socket(socket.AF_UNIX)
            theirs.bind(path)
            theirs.listen(8)
            self.socket = self.connect()
        command = [PROGRAM, *arguments] + (['--ca-file', authority.ca_file] if ca_file else [])
        more = dict(os.environ, G_DEBUG='fatal-criticals', TESSERA_TEST_HOSTS=hosts, LC_ALL='C.UTF-8', **environment)
        # Where the program looks for its socket.
        script = 'import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])'
        self.process = subprocess.Popen([sys.executable, '-c', script, str(theirs.fileno()), *command], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT, pass_fds=[theirs.fileno()], env=more)
        theirs.close()
        self._number = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.socket.close()
        if self.path is not None:
            self.process.terminate()
        status = self.process.wait(30)
        text = self.text
        self.log.close()
        if kind is None:
            equal(status, 0, text)
            check(not COMPLAINTS.search(text.encode()), text)

    def connect(self):
        other = socket.socket(socket.AF_UNIX)
        other.connect(self.path)
        return other

    @property
    def text(self):
        self.log.seek(0)
        return self.log.read().decode('utf-8', 'replace')

    def send(self, uri, **options):
        self._number += 1
        self.socket.sendall(question(self._number, uri, **options))
        return self._number

    def receive(self, connection=None, timeout=30):
        connection = connection or self.socket
        connection.settimeout(timeout)
        length, = struct.unpack('>I', self._take(connection, 4))
        return Reply(self._take(connection, length))

    @staticmethod
    def _take(connection, count):
        data = b''
        while len(data) < count:
            part = connection.recv(count - len(data))
            if not part:
                raise EOFError('the program has closed')
            data += part
        return data

    def ask(self, uri, **options):
        number = self.send(uri, **options)
        reply = self.receive()
        equal(reply.number, number)
        return reply

    def wait_closed(self):
        self.socket.settimeout(30)
        equal(self.socket.recv(1), b'')

    def memory(self):
        """Most of it that was ever resident, in bytes."""
        with open('/proc/%d/status' % self.process.pid, encoding='ascii') as file:
            return int([line.split()[1] for line in file if line.startswith('VmHWM')][0]) * 1024


def allowed(**options):
    return Program('--allow-address', '127.0.0.1', **options)


def site(*arguments, **options):
    return contextlib.closing(Site(authority, *arguments, **options))


# Where it goes

@test('a document of an allowed address comes with its status, media type and body')
def _():
    with allowed() as program, site((200, 'application/json; charset=utf-8', '{"keys":[]}')) as there:
        reply = program.ask(there.uri('/jwks?a=b'))
        equal((reply.outcome, reply.status, reply.media_type, reply.body, reply.why), (ANSWERED, 200, 'application/json', b'{"keys":[]}', ''))
        asked, = there.questions
        equal((asked.method, asked.target, asked.version), ('GET', '/jwks?a=b', 'HTTP/1.1'))
        equal(asked.headers['accept'], 'application/json')
        equal(asked.headers['host'], '127.0.0.1:%d' % there.port)
        equal(sorted(set(asked.headers) - {'accept', 'host', 'connection', 'user-agent'}), [])
        equal(asked.protocol, 'http/1.1')


@test('a form is posted, and of its answer the status alone is told')
def _():
    with allowed() as program, site((204, None, b'')) as there:
        reply = program.ask(there.uri('/out'), method=POST, form='logout_token=a.b.c')
        equal((reply.outcome, reply.status, reply.media_type, reply.body), (ANSWERED, 204, '', b''))
        asked, = there.questions
        equal((asked.method, asked.target, asked.form), ('POST', '/out', {'logout_token': 'a.b.c'}))
        equal(asked.headers['content-type'], 'application/x-www-form-urlencoded')
        for status in (200, 302, 400, 503):
            there.answer = (status, 'text/html', 'x' * 100000)
            reply = program.ask(there.uri('/out'), method=POST, form='a=b')
            equal((reply.outcome, reply.status, reply.body), (ANSWERED, status, b''))


@test('G03 a name goes to the address it had when that was checked, and is what the certificate is held against')
def _():
    hosts = 'good.rp.test=127.0.0.1;bad.example=127.0.0.1'
    with allowed(hosts=hosts) as program, site((200, 'application/json', '1')) as there:
        equal(program.ask(there.uri(host='good.rp.test')).outcome, ANSWERED)
        equal((there.questions[0].server_name, there.questions[0].headers['host']), ('good.rp.test', 'good.rp.test:%d' % there.port))
        reply = program.ask(there.uri(host='bad.example'))
        equal((reply.outcome, len(there.questions)), (FAILED, 1), repr(reply))


@test('G03 a certificate of nobody known is refused; nothing is asked')
def _():
    with Program('--allow-address=127.0.0.1', ca_file=False) as program, site((200, 'application/json', '1')) as there:
        reply = program.ask(there.uri())
        equal((reply.outcome, there.questions), (FAILED, []), repr(reply))


class OldAuthority(Authority):
    """Its sites speak TLS 1.1 at most."""

    def __init__(self, folder):
        super().__init__(folder)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            self.context.minimum_version = ssl.TLSVersion.TLSv1
            self.context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.context.set_ciphers('DEFAULT:@SECLEVEL=0')

    def is_spoken_to(self, uri):
        """By a client that takes whatever there is: its version of TLS."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_ciphers('DEFAULT:@SECLEVEL=0')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        port = urllib.parse.urlsplit(uri).port
        with socket.create_connection(('127.0.0.1', port), 10) as raw, context.wrap_socket(raw, server_hostname='127.0.0.1') as connection:
            return connection.version()


@test('a site that speaks TLS 1.1 at most is refused, whatever the environment and the system say of TLS; nothing is asked')
def _():
    lax = 'NORMAL:%COMPAT:+VERS-TLS-ALL'
    with tempfile.TemporaryDirectory(prefix='tessera-outbound-') as place, warnings.catch_warnings():
        warnings.simplefilter('ignore', ResourceWarning)  # the thread of the site has the last word
        old = OldAuthority(place)
        system = os.path.join(place, 'gnutls')
        with open(system, 'w', encoding='ascii') as file:
            file.write('[priorities]\nSYSTEM=%s\n' % lax)
        with contextlib.closing(Site(old, (200, 'application/json', '1'))) as there:
            equal(old.is_spoken_to(there.uri()), 'TLSv1.1')
            for environment in ({}, {'G_TLS_GNUTLS_PRIORITY': lax}, {'G_TLS_GNUTLS_PRIORITY': '@SYSTEM', 'GNUTLS_SYSTEM_PRIORITY_FILE': system},
                                {'GNUTLS_SYSTEM_PRIORITY_FILE': system, 'GNUTLS_SYSTEM_PRIORITY_FAIL_ON_INVALID': '1'}):
                with Program('--allow-address=127.0.0.1', '--ca-file', old.ca_file, ca_file=False, **environment) as program:
                    reply = program.ask(there.uri())
                    equal((reply.outcome, there.questions), (FAILED, []), '%r: %r' % (environment, reply))


def hostile_uris(port):
    hosts = ['127.0.0.1', '2130706433', '0x7f000001', '0x7F.1', '127.1', '0177.0.0.1', '017700000001', '127.0.0.01', '127.0.0.1.', '0.0.0.0', '0', '127.0.1',
             '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[64:ff9b:1::127.0.0.1]', '[2002:7f00:1::1]',
             '[2001:0:7f00:1::1]', '[fe80::1]', '[fe80::1%25lo]', '[fe80::1%lo]', '[fc00::1]', '[fd00:ec2::254]', '[ff02::1]', '10.0.0.1', '172.16.0.1',
             '192.168.0.1', '169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', '224.0.0.1', '255.255.255.255', 'localhost', 'LOCALHOST',
             'loop.test', 'loop6.test', 'mapped.test', 'mixed.rp.test', 'cloud.test', '%31%32%37.0.0.1', 'loop%2etest', 'user@loop.test', 'user:pw@127.0.0.1',
             'evil.example@127.0.0.1', 'loop.test\\@evil.example', '-loop.test', 'loop..test', 'under_score.test', 'a' * 64 + '.test', '.'.join(['a' * 60] * 5), '127.0.0.1 ', '127.0.0.1\t', 'loop.test\n', '１27.0.0.1'.encode().decode('latin-1')]
    uris = ['https://%s:%d/' % (host, port) for host in hosts]
    uris += ['http://127.0.0.1:%d/' % port, 'HTTP://loop.test:%d/' % port, 'ftp://127.0.0.1:%d/' % port, 'file:///etc/passwd', '//127.0.0.1:%d/' % port,
             'https:127.0.0.1:%d/' % port, 'https:/127.0.0.1:%d/' % port, 'https:///127.0.0.1:%d/' % port, 'https://', 'https://:%d/' % port, 'x',
             'https://127.0.0.1:%d/#x' % port, 'https://127.0.0.1:+%d/' % port, 'https://127.0.0.1:%d@evil.example/' % port,
             'https://evil.example#@127.0.0.1:%d/' % port, 'https://evil.example?@127.0.0.1:%d/' % port, 'https://[127.0.0.1]:%d/' % port,
             'javascript:alert(1)', 'resource:///org/tessera', 'data:text/plain,x']
    return uris


@test('G03 a listener on loopback sees no connection, however its address is written')
def _():
    hosts = ('localhost=127.0.0.1;LOCALHOST=127.0.0.1;loop.test=127.0.0.1;loop6.test=::1;mapped.test=::ffff:127.0.0.1;mixed.rp.test=127.0.0.1,127.0.0.2;'
             'cloud.test=169.254.169.254')
    with Program(hosts=hosts) as program, site((200, 'application/json', '1')) as there:
        for uri in hostile_uris(there.port):
            if '\n' in uri or '\t' in uri or not uri.isascii():
                continue  # no part of a frame: below
            reply = program.ask(uri)
            one_of(reply.outcome, (REFUSED, FAILED), uri)
            if 'evil.example' not in uri and 'LOCALHOST' not in uri:
                equal(reply.outcome, REFUSED, uri)
        equal(there.connects, 0)


@test('G03 what may be gone to is gone to over https, and under a name that is written plainly')
def _():
    with allowed(hosts='good.rp.test=127.0.0.1') as program, site((200, 'application/json', '1')) as there:
        for uri in ('http://good.rp.test:%d/', 'HTTP://good.rp.test:%d/', 'http://127.0.0.1:%d/', 'HTTPS://good.rp.test:%d/', 'user@good.rp.test:%d',
                    'https://user@good.rp.test:%d/', 'https://user:pw@127.0.0.1:%d/', 'https://@good.rp.test:%d/', 'https://good%%2erp.test:%d/',
                    'https://%%31%%32%%37.0.0.1:%d/', 'https://good.rp.test:%d/#x'):
            uri %= there.port
            reply = program.ask(uri)
            equal(reply.outcome, REFUSED, '%s %r' % (uri, reply))
        equal(there.connects, 0)
        equal(program.ask(there.uri(host='good.rp.test')).outcome, ANSWERED)


@test('G03 whoever lists the way through NAT64 has listed nothing that lies behind it')
def _():
    with Program('--allow-address=64:ff9b::/96', hosts='behind.rp.test=64:ff9b::7f00:1') as program:
        for host in ('[64:ff9b::127.0.0.1]', '[64:ff9b::a00:1]', '[64:ff9b::a9fe:a9fe]', 'behind.rp.test'):
            equal(program.ask('https://%s:8443/' % host).outcome, REFUSED, host)


@test('G03 one inside address among those of a name, and the name is not gone to at all')
def _():
    with allowed(hosts='mixed.rp.test=127.0.0.1,127.0.0.2;good.rp.test=127.0.0.1') as program, site((200, 'application/json', '1')) as there:
        equal(program.ask(there.uri(host='mixed.rp.test')).outcome, REFUSED)
        equal(there.connects, 0)
        equal(program.ask(there.uri(host='good.rp.test')).outcome, ANSWERED)


@test('G03 a name with many addresses costs no more than four connections, two of each family')
def _():
    dead = ['127.0.1.%d' % number for number in range(1, 9)]
    hosts = {'third.rp.test': [dead[0], dead[1], dead[2], '127.0.0.1'], 'far.rp.test': dead[:4] + ['127.0.0.1'],
             'both.rp.test': dead + ['::1'], 'many.rp.test': dead[:2] + ['127.0.0.1', '::2']}
    text = ';'.join('%s=%s' % (name, ','.join(addresses)) for name, addresses in hosts.items())
    with Program('--allow-address=127.0.0.0/8', '--allow-address=::/64', hosts=text) as program, site((200, 'application/json', '1')) as there:
        equal(program.ask(there.uri(host='third.rp.test')).outcome, ANSWERED)
        equal(program.ask(there.uri(host='far.rp.test')).outcome, FAILED)
        one_of(program.ask(there.uri(host='many.rp.test')).outcome, (FAILED, LATE))
        equal(there.connects, 1)
        with site((200, 'application/json', '6'), address='::1', port=there.port):
            equal(program.ask(there.uri(host='both.rp.test')).body, b'6')
    with Program('--allow-address=127.0.0.0/8', hosts='late.rp.test=%s,10.0.0.1' % ','.join(dead)) as program:
        equal(program.ask('https://late.rp.test:4433/').outcome, REFUSED)


@test('G03 DNS rebinding: a name is looked up once, and what a second look-up would say does not matter')
def _():
    with site((200, 'application/json', '1')) as there:
        with site((200, 'application/json', '2'), address='127.0.0.2', port=there.port) as inside:
            with allowed(hosts='rebind.rp.test=127.0.0.1|127.0.0.2') as program:
                equal(program.ask(there.uri(host='rebind.rp.test')).body, b'1')
                equal(program.text.count('looked up rebind.rp.test'), 1)
                equal(program.ask(there.uri(host='rebind.rp.test')).outcome, REFUSED)
                equal((there.connects, inside.connects), (1, 0))


@test('G03 a redirect is not followed, neither inside nor elsewhere')
def _():
    with allowed() as program, site((200, 'application/json', '2'), address='127.0.0.2') as inside, site() as there:
        for status in (301, 302, 303, 307, 308):
            for target in ('https://127.0.0.2:%d/' % inside.port, '/again', 'http://127.0.0.2:%d/' % inside.port):
                there.answer = http(status, 'text/html', 'x', 'Location: ' + target)
                reply = program.ask(there.uri())
                equal((reply.outcome, reply.status, reply.body), (ANSWERED, status, b''))
                equal(program.ask(there.uri(), method=POST, form='a=b').status, status)
        equal((there.connects, inside.connects), (30, 0))


@test('G03 neither the environment nor an answer sends it through a proxy')
def _():
    with site((200, 'application/json', 'proxy'), address='127.0.0.2') as proxy, site((200, 'application/json', '1')) as there:
        address = 'http://127.0.0.2:%d/' % proxy.port
        with allowed(https_proxy=address, HTTPS_PROXY=address, all_proxy=address, http_proxy=address, no_proxy='') as program:
            equal(program.ask(there.uri()).body, b'1')
            there.answer = http(305, None, '', 'Location: ' + address)
            equal(program.ask(there.uri()).status, 305)
            there.answer = http(401, None, '', 'WWW-Authenticate: Basic realm=x', 'Set-Cookie: a=b')
            equal(program.ask(there.uri()).status, 401)
            lacks(there.questions[-1].headers, 'authorization')
        equal((proxy.connects, there.connects), (0, 3))


@test('G03 another service than https is not gone to: low ports are refused')
def _():
    with allowed() as program:
        for port in (0, 1, 22, 25, 80, 111, 389, 442, 444, 1023, 65536, 99999999999):
            equal(program.ask('https://127.0.0.1:%d/' % port).outcome, REFUSED, port)
        # Nobody is there, which only who connects can tell.
        equal(program.ask('https://127.0.0.1/').outcome, FAILED)
        equal(program.ask('https://127.0.0.1:1024/').outcome, FAILED)


# How long, and how much

@test('G03 a server that drips, one that is silent and a name that never comes cost five seconds, all at the same time')
def _():
    def drip_head(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 O')
        drip(connection, b'K')

    def drip_body(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n')
        drip(connection, b'x')

    def drip_header(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nX: ')
        drip(connection, b'x')

    def silent(connection):
        connection.recv(4096)
        drip(connection, b'')
        connection.recv(1)

    quiet = socket.socket()
    quiet.bind(('127.0.0.1', 0))
    quiet.listen(8)
    with contextlib.ExitStack() as stack, quiet:
        talks = [stack.enter_context(site(talk=talk)) for talk in (drip_head, drip_body, drip_header, silent)]
        program = stack.enter_context(allowed(hosts='never.test=never'))
        began = time.monotonic()
        numbers = [program.send(there.uri()) for there in talks]
        numbers += [program.send('https://127.0.0.1:%d/' % quiet.getsockname()[1]), program.send('https://never.test/')]
        replies = [program.receive() for _ in numbers]
        took = time.monotonic() - began
        equal(sorted(reply.number for reply in replies), numbers)
        for reply in replies:
            equal(reply.outcome, LATE, repr(reply))
        check(took > PATIENCE - 0.5, 'took %.1f s' % took)


@test('G03 an answer of 64 KiB comes whole; a longer one, an endless one, or one in another encoding, does not')
def _():
    def endless(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n')
        sent.append(drip(connection, b'x' * 65536, 0, tap.PATIENCE))

    def endless_chunks(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n')
        sent.append(drip(connection, b'1000\r\n' + b'x' * 4096 + b'\r\n', 0, tap.PATIENCE))

    sent = []
    with allowed() as program, site((200, 'application/json', b'y' * 65536)) as there:
        equal(program.ask(there.uri()).body, b'y' * 65536)
        for answer in (http(200, 'application/json', b'y' * 65537), http(200, 'application/json', b'y', 'Content-Encoding: gzip'),
                       http(200, 'application/json', b'y', 'Content-Encoding: br')):
            there.answer = answer
            reply = program.ask(there.uri())
            equal((reply.outcome, reply.body), (TOO_LONG, b''))
        for talk in (endless, endless_chunks):
            with site(talk=talk) as other:
                equal(program.ask(other.uri()).outcome, TOO_LONG)
    check(all(seconds < tap.PATIENCE for seconds in sent), repr(sent))


@test('G03 endless heads, headers and chunk sizes do not fill the memory')
def _():
    def headers(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\n')
        drip(connection, (b'X-%d: ' % 7) + b'x' * 8000 + b'\r\n', 0)

    def header(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nX: ')
        drip(connection, b'x' * 65536, 0)

    def chunk_size(connection):
        connection.recv(4096)
        connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n')
        drip(connection, b'0' * 65536, 0)

    def continues(connection):
        connection.recv(4096)
        drip(connection, b'HTTP/1.1 100 Continue\r\n\r\n' * 1000, 0)

    with contextlib.ExitStack() as stack:
        talks = [stack.enter_context(site(talk=talk)) for talk in (headers, header, chunk_size, continues)]
        good = stack.enter_context(site((200, 'application/json', '1')))
        program = stack.enter_context(allowed(ASAN_OPTIONS='quarantine_size_mb=4'))
        program.ask(good.uri())
        before = program.memory()
        began = time.monotonic()
        for there in talks:
            reply = program.ask(there.uri())
            one_of(reply.outcome, (FAILED, TOO_LONG), repr(reply))
        check(program.memory() - before < 48 * 1024 * 1024, '%d MiB more' % ((program.memory() - before) >> 20))
        check(time.monotonic() - began < tap.PATIENCE, 'it was kept busy')
        equal(program.ask(good.uri()).body, b'1')


@test('what is no HTTP, or breaks off, is an error')
def _():
    answers = [b'', b'HTTP/1.1 200 OK\r\n', b'SSH-2.0-x\r\n', b'\0' * 1000, b'HTTP/1.1 abc OK\r\n\r\n', b'HTTP/1.1 99 x\r\n\r\n', b'HTTP/1.1 099 x\r\n\r\n',
               b'HTTP/1.1 000 x\r\n\r\n', b'HTTP/1.1 1000 x\r\n\r\n',
               b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\nfive!',
               b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nx']
    with allowed() as program, site() as there:
        for answer in answers:
            there.answer = answer
            reply = program.ask(there.uri())
            one_of(reply.outcome, (FAILED, TOO_LONG), repr(answer) + repr(reply))
            equal((reply.status, reply.body), (0, b''))
        raw = socket.socket()
        raw.bind(('127.0.0.1', 0))
        raw.listen(1)
        with raw:
            threading.Thread(target=lambda: raw.accept()[0].sendall(b'HTTP/1.1 200 OK\r\n\r\n'), daemon=True).start()
            equal(program.ask('https://127.0.0.1:%d/' % raw.getsockname()[1]).outcome, FAILED)


@test('eight requests at once and no more; the next one is told so, and the places come back')
def _():
    gate = threading.Event()

    def wait(_question):
        gate.wait(20)
        return 200, 'application/json', '1'

    with allowed() as program, site(wait) as there:
        numbers = [program.send(there.uri()) for _ in range(8)]
        ninth = program.send(there.uri())
        reply = program.receive()
        equal((reply.number, reply.outcome), (ninth, BUSY))
        gate.set()
        equal(sorted(program.receive().number for _ in numbers), numbers)
        equal(program.ask(there.uri()).outcome, ANSWERED)
        equal(there.connects, 9)


# The wire

@test('what is no frame as it should be ends the connection')
def _():
    good = question(1, 'https://127.0.0.1/')
    bad = [b'\xff\xff\xff\xff', struct.pack('>I', 20 + 2048 + 256 + 16384 + 1), struct.pack('>I', 0), struct.pack('>I', 8) + b'12345678',
           frame(b'A', 1, 200, 1, b'', b'', b''), frame(b'Q', 3, 0, 1, b'x', b'', b''), frame(b'Q', 0, 0, 1, b'x', b'', b''), frame(b'Q', 1, 1, 1, b'x', b'', b''),
           frame(b'Q', 1, 0, 1, b'', b'', b''), frame(b'Q', 1, 0, 1, b'x' * 2049, b'', b''), frame(b'Q', 1, 0, 1, b'x', b'y' * 257, b''),
           frame(b'Q', 2, 0, 1, b'x', b'', b'z' * 16385), frame(b'Q', 1, 0, 1, b'x', b'', b'a=b'), frame(b'Q', 2, 0, 1, b'x', b'text/html', b'a=b'),
           frame(b'Q', 1, 0, 1, b'https://a\r\nX: y/', b'', b''), frame(b'Q', 1, 0, 1, b'https://a/', b'a\r\nX: y', b''), frame(b'Q', 1, 0, 1, b'\xc3\xa9', b'', b''),
           frame(b'Q', 2, 0, 1, b'x', b'', b'a\0b'), good[:-1] + b'x' + b'\0\0\0\0', frame(b'Q', 1, 0, 1, b'x', b'', b'', b'more'), frame(b'Q', 1, 0, 1, b'x', b'')]
    for data in bad:
        with Program() as program:
            program.socket.sendall(data)
            program.wait_closed()


@test('frames in pieces, and several at once, are read as they are meant')
def _():
    with Program() as program:
        for byte in question(7, 'https://127.0.0.1/'):
            program.socket.sendall(bytes([byte]))
        equal(program.receive().number, 7)
        program.socket.sendall(b''.join(question(number, 'https://127.0.0.1/') for number in range(1, 8)))
        equal(sorted(program.receive().number for _ in range(7)), list(range(1, 8)))


@test('whoever asks and never reads is cut off')
def _():
    with Program() as program:
        program.socket.settimeout(20)
        with contextlib.suppress(OSError):
            for number in range(100000):
                program.socket.sendall(question(number, 'https://127.0.0.1/'))
        equal(program.process.wait(20), 0)


@test('it ends with its server, also in the middle of a request')
def _():
    gate = threading.Event()
    with site(lambda question: (gate.wait(20), 200, '1')[1:]) as there:
        with allowed() as program:
            program.send(there.uri())
            while there.connects == 0:
                time.sleep(0.01)
            program.socket.close()
            equal(program.process.wait(20), 0)
        gate.set()


@test('at a socket of its own it serves several, refuses the fifth, and ends none because of another')
def _():
    path = os.path.join(folder.name, 'socket')
    with allowed(path=path) as program, site((200, 'application/json', '1')) as there:
        others = [program.connect() for _ in range(3)]
        for connection in others:
            connection.sendall(question(1, there.uri()))
            equal(program.receive(connection).body, b'1')
        equal(program.ask(there.uri()).body, b'1')
        with program.connect() as fifth:
            fifth.settimeout(20)
            equal(fifth.recv(1), b'')
        others[0].sendall(b'\xff' * 8)
        others[0].settimeout(20)
        equal(others[0].recv(1), b'')
        equal(program.ask(there.uri()).body, b'1')
        for connection in others:
            connection.close()


# Its settings

@test('it reads what it may in the configuration of the service, drop-ins too')
def _():
    with workshop.Workshop() as shop, site((200, 'application/json', '1')) as there, site((200, 'application/json', '2'), address='127.0.0.2') as other:
        shop.write('tessera.conf', section(authority))
        shop.write('tessera.conf.d/more.conf', '[outbound]\nallow-addresses=127.0.0.2;\n')
        with Program('--config', shop.config, ca_file=False) as program:
            equal(program.ask(other.uri()).body, b'2')
            equal(program.ask(there.uri()).outcome, REFUSED)
        with Program('--config', shop.config, '--allow-address', '127.0.0.1/32', ca_file=False) as program:
            equal((program.ask(other.uri()).body, program.ask(there.uri()).body), (b'2', b'1'))


@test('settings that cannot be are refused, and so is a start by hand')
def _():
    for arguments, status, words in ((['--allow-address=10.0.0.0/33'], 78, '10.0.0.0/33'), (['--allow-address=all'], 78, 'all'), (['--ca-file=/nowhere'], 78, '/nowhere'),
                                     (['--config=/nowhere'], 78, '/nowhere'), (['x'], 2, '--help'), (['--nonsense'], 2, '--nonsense'), ([], 2, 'tesserad')):
        done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        text = done.stdout.decode()
        equal(done.returncode, status, text)
        contains(text, words)
    equal(subprocess.run([PROGRAM, '--version'], stdout=subprocess.PIPE, timeout=30).returncode, 0)


@test('the service refuses an [outbound] that cannot be, and names the key')
def _():
    with workshop.Workshop() as shop:
        for lines, key in (('enabled=true\nprogram=/nowhere/x', 'program'), ('program=/bin/true\nsocket=/run/x', 'program'), ('allow-addresses=10.0.0.0/40;', 'allow-addresses'),
                           ('allow-addresses=localhost;', 'allow-addresses'), ('ca-file=/nowhere', 'ca-file'), ('enabled=maybe', 'enabled'), ('timeout=5', 'timeout')):
            shop.refuses(shop.server() + '[outbound]\n' + lines + '\n', '[outbound] ' + key)
        shop.accepts(shop.server() + '[outbound]\nenabled=true\nsocket=/run/x\n')
        shop.accepts(shop.server() + section(authority, ('10.0.0.0/8', 'fd00::/8', '127.0.0.1')))


@test('the process keeps itself small: no core, few files, bounded memory, no new privileges')
def _():
    with Program() as program:
        program.ask('https://127.0.0.1/')
        equal(resource.prlimit(program.process.pid, resource.RLIMIT_CORE), (0, 0))
        equal(resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE), (128, 128))
        if not SANITIZED:
            equal(resource.prlimit(program.process.pid, resource.RLIMIT_DATA), (128 << 20, 128 << 20))
        with open('/proc/%d/status' % program.process.pid, encoding='ascii') as file:
            contains(file.read(), 'NoNewPrivs:\t1')


if __name__ == '__main__':
    main()
