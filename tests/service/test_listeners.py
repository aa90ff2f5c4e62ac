#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the service listens, and how it starts and stops."""

import http.client
import json
import os
import resource
import signal
import socket
import ssl
import stat
import struct
import subprocess

from workshop import Process, Workshop, connect, free_port
import tap
from tap import test, until

METADATA = '/.well-known/oauth-authorization-server'
GET = b'GET ' + METADATA.encode() + b' HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'


def in_workshop(name):
    def register(function):
        @test(name)
        def _():
            with Workshop() as workshop:
                function(workshop)
    return register


def read_answer(connection):
    """(status, headers, body) of one answer on @connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.headers, answer.read()


def get(connection):
    connection.sendall(GET)
    return read_answer(connection)


def backlogs(family):
    """What the kernel says of all sockets that listen (sock_diag(7)): inode -> how many may wait there."""
    listening = 1 << 10
    if family == socket.AF_UNIX:
        request, at = struct.pack('=BBHIIIII', family, 0, 0, listening, 0, 0x10, 0, 0), 4
    else:
        request, at = struct.pack('=BBBBI48x', family, socket.IPPROTO_TCP, 0, 0, listening), 68
    found = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:
        kernel.settimeout(tap.PATIENCE)
        kernel.send(struct.pack('=IHHII', 16 + len(request), 20, 0x301, 1, 0) + request)  # all of them
        while True:
            data = kernel.recv(65536)
            while data:
                size, kind = struct.unpack('=IH', data[:6])
                if kind != 20:  # the last one
                    tap.equal(kind, 3, 'what the kernel says')
                    return found
                message, data = data[16:size], data[size + 3 & ~3:]
                inode, = struct.unpack('=I', message[at:at + 4])
                # Of a unix socket it is in an attribute, the first one.
                found[inode], = struct.unpack('=I', message[24:28] if family == socket.AF_UNIX else message[60:64])


def inodes(pid):
    links = ['/proc/%d/fd/%s' % (pid, name) for name in os.listdir('/proc/%d/fd' % pid)]
    return {int(text[8:-1]) for text in map(os.readlink, links) if text.startswith('socket:[')}


def is_listening(port):
    try:
        connect(port, 5).close()
        return True
    except OSError:
        return False


# Start and stop

@in_workshop('start: it says issuer, clients and addresses, once it answers')
def _(workshop):
    service = workshop.start(workshop.server() + workshop.machine('one') + workshop.machine('two', 'require_pkce=false\n'))
    with connect(workshop.port) as connection:
        tap.equal(get(connection)[0], 200)
    service.wait_for('listening on 127.0.0.1:%d\n' % workshop.port)
    service.wait_for('issuer http://127.0.0.1:%d, 2 clients' % workshop.port)
    service.wait_for('lient two may do without PKCE')
    tap.equal(service.text.count('lient two may do without PKCE'), 1, service.text)
    tap.equal(service.stop(), 0, service.text)


@in_workshop('start: a port of 0 is chosen and said')
def _(workshop):
    service = workshop.start(workshop.server().replace(':%d\n[listener' % workshop.port, ':1\n[listener').replace('address=127.0.0.1:%d' % workshop.port, 'address=127.0.0.1:0'))
    port = int(service.text.split('listening on 127.0.0.1:')[1].split()[0])
    tap.check(is_listening(port), 'port %d' % port)
    tap.equal(service.stop(), 0)


@in_workshop('start: several listeners, IPv6 too')
def _(workshop):
    other = free_port()
    service = workshop.start(workshop.server() + '[listener six]\naddress=[::1]:%d\n[listener local]\naddress=unix:sock\n' % other)
    service.wait_for('listening on unix:')
    with socket.create_connection(('::1', other), 10) as connection:
        tap.equal(get(connection)[0], 200)
    tap.equal(service.stop(), 0)


@in_workshop('start: a refused configuration exits 78 and listens nowhere')
def _(workshop):
    service = workshop.start(workshop.server() + '[nonsense]\n', wait=False)
    tap.equal(service.wait(), 78, service.text)
    tap.contains(service.text, '[nonsense]')
    tap.lacks(service.text, 'listening')
    tap.check(not os.path.exists(workshop.path('state')), 'a state was made')


@in_workshop('start: an address that is taken exits 1')
def _(workshop):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', workshop.port))
        taken.listen()
        service = workshop.start(workshop.server(), wait=False)
        tap.equal(service.wait(), 1, service.text)
        tap.contains(service.text, '[listener main] address')


@in_workshop('start: a second service on one state exits 78, and the first goes on')
def _(workshop):
    first = workshop.start(workshop.server())
    again = workshop.server().replace('address=127.0.0.1:%d' % workshop.port, 'address=127.0.0.1:0')
    second = workshop.start(again, wait=False)
    tap.equal(second.wait(), 78, second.text)
    with connect(workshop.port) as connection:
        tap.equal(get(connection)[0], 200)
    tap.equal(first.stop(), 0)


@in_workshop('start: being reachable without TLS is said')
def _(workshop):
    service = workshop.start(workshop.server(issuer='https://id.example.org').replace('address=127.0.0.1', 'address=0.0.0.0'))
    tap.contains(service.text, 'without TLS')
    tap.equal(service.stop(), 0)


@in_workshop('stop: SIGINT too, and nobody can connect afterwards')
def _(workshop):
    service = workshop.start(workshop.server())
    service.signal(signal.SIGINT)
    tap.equal(service.wait(), 0)
    tap.check(not is_listening(workshop.port), 'it still listens')
    tap.contains(service.text, 'stopped\n')


@in_workshop('stop: what is in flight is finished, and nobody new is let in')
def _(workshop):
    service = workshop.start(workshop.server() + workshop.machine())
    body = b'grant_type=client_credentials&scope=a&client_id=machine&client_secret=a-secret-made-for-tests-0123456789'
    with connect(workshop.port) as half:
        half.sendall(b'POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n'
                     b'Content-Length: %d\r\n\r\n' % len(body) + body[:20])
        with connect(workshop.port) as probe:  # answered after @half was read
            get(probe)
        service.signal(signal.SIGTERM)
        until(lambda: not is_listening(workshop.port), 'the end of listening')
        tap.check(service.is_running(), 'it did not wait')
        half.sendall(body[20:])
        status, _headers, answer = read_answer(half)
        tap.equal(status, 200, answer.decode())
        tap.contains(answer, b'access_token')
    tap.equal(service.wait(), 0, service.text)
    tap.lacks(service.text, 'were cut')


CROWD = '[limits]\nconnections-per-address=1000\n'


@in_workshop('stop: who has connected and asked is answered')
def _(workshop):
    service = workshop.start(workshop.server() + CROWD)
    service.signal(signal.SIGSTOP)
    connections = [connect(workshop.port) for _ in range(200)]
    for connection in connections:
        connection.sendall(GET)
    service.signal(signal.SIGTERM)
    service.signal(signal.SIGCONT)
    tap.equal([read_answer(connection)[0] for connection in connections], [200] * len(connections))
    tap.equal(service.wait(), 0, service.text)
    for connection in connections:
        connection.close()


@in_workshop('stop: idle connections and half a request do not hold it for ever')
def _(workshop):
    service = workshop.start(workshop.server())
    with connect(workshop.port) as idle, connect(workshop.port) as silent, connect(workshop.port) as half:
        tap.equal(get(idle)[0], 200)
        half.sendall(b'POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\ngrant')
        with connect(workshop.port) as probe:
            get(probe)
        silent.sendall(b'GET ')
        service.signal(signal.SIGTERM)
        tap.equal(service.wait(), 0, service.text)
        tap.contains(service.text, '2 connections were cut')


@in_workshop('accept: it goes on after a time without descriptors')
def _(workshop):
    service = workshop.start(workshop.server())
    with connect(workshop.port) as connection:
        get(connection)
    soft, hard = resource.prlimit(service.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir('/proc/%d/fd' % service.pid))
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (used + 5, hard))
    crowd = [connect(workshop.port) for _ in range(40)]
    service.wait_for('nobody can be accepted for the moment')
    for connection in crowd:
        connection.close()
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (soft, hard))
    with connect(workshop.port) as connection:
        tap.equal(get(connection)[0], 200)
    tap.equal(service.text.count('nobody can be accepted'), 1, 'said once')
    tap.equal(service.stop(), 0, service.text)


@in_workshop('accept: a crowd finds room in the backlog')
def _(workshop):
    service = workshop.start(workshop.server() + CROWD)
    service.signal(signal.SIGSTOP)
    crowd = [connect(workshop.port) for _ in range(400)]
    for connection in crowd:
        connection.sendall(GET)
    service.signal(signal.SIGCONT)
    tap.equal([read_answer(connection)[0] for connection in crowd], [200] * len(crowd))
    for connection in crowd:
        connection.close()
    tap.equal(service.stop(), 0, service.text)


@in_workshop('accept: 4,096 may wait at each address, if the system lets them')
def _(workshop):
    service = workshop.start(workshop.server() + '[listener local]\naddress=unix:sock\n')
    service.wait_for('listening on unix:')
    with open('/proc/sys/net/core/somaxconn', encoding='ascii') as file:
        most = min(4096, int(file.read()))
    own = inodes(service.pid)
    for family in (socket.AF_INET, socket.AF_UNIX):
        tap.equal({count for inode, count in backlogs(family).items() if inode in own}, {most})
    tap.equal(service.stop(), 0, service.text)


@in_workshop('process: signals that kill are ignored, the state is private')
def _(workshop):
    service = workshop.start(workshop.server())
    with open('/proc/%d/status' % service.pid, encoding='ascii') as file:
        ignored = int(next(line for line in file if line.startswith('SigIgn')).split()[1], 16)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        tap.check(ignored >> (number - 1) & 1, number.name)
    with open('/proc/%d/limits' % service.pid, encoding='ascii') as file:
        core = next(line for line in file if line.startswith('Max core file size')).split()
    tap.equal(core[4:6], ['0', '0'], 'core limit')
    for folder, folders, files in os.walk(workshop.path('state')):
        for name in folders + files:
            path = os.path.join(folder, name)
            tap.equal(stat.S_IMODE(os.lstat(path).st_mode) & 0o077, 0, path)
    tap.equal(stat.S_IMODE(os.stat(workshop.path('state')).st_mode), 0o700)
    tap.equal(service.stop(), 0)


# Unix sockets

def unix_listener(workshop):
    return '[server]\nissuer=http://127.0.0.1:%d\nstate-directory=state\n[listener local]\naddress=unix:sock\n' % workshop.port


def connect_unix(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(path)
    return connection


@in_workshop('unix socket: it answers, is for the group, and goes with the service')
def _(workshop):
    service = workshop.start(unix_listener(workshop))
    path = workshop.path('sock')
    tap.equal(stat.S_IMODE(os.stat(path).st_mode), 0o660)
    with connect_unix(path) as connection:
        for _ in range(3):
            tap.equal(get(connection)[0], 200)
    with connect_unix(path) as connection:
        connection.sendall(b'GET / HTTP/1.0\r\n\r\n')
        tap.equal(read_answer(connection)[0], 404)
    tap.equal(service.stop(), 0, service.text)
    tap.check(not os.path.exists(path), 'the socket is still there')


@in_workshop('unix socket: one that a killed service left is replaced')
def _(workshop):
    workshop.start(unix_listener(workshop)).end()
    tap.check(os.path.exists(workshop.path('sock')), 'no socket was left')
    service = workshop.start()
    with connect_unix(workshop.path('sock')) as connection:
        tap.equal(get(connection)[0], 200)
    tap.equal(service.stop(), 0, service.text)


@in_workshop('unix socket: one that somebody answers, or another file, stays')
def _(workshop):
    path = workshop.path('sock')
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        service = workshop.start(unix_listener(workshop), wait=False)
        tap.equal(service.wait(), 1, service.text)
        tap.contains(service.text, 'another process answers')
        tap.check(stat.S_ISSOCK(os.stat(path).st_mode), 'it is gone')
    os.unlink(path)
    workshop.write('sock', 'a file of somebody')
    service = workshop.start(wait=False)
    tap.equal(service.wait(), 1, service.text)
    with open(path, encoding='ascii') as file:
        tap.equal(file.read(), 'a file of somebody')


# systemd

def start_passed(workshop, sockets, names, text):
    """As systemd starts a service: the sockets from descriptor 3 on."""
    workshop.write('tessera.conf', text)
    first = 3

    def pass_on():
        high = [os.dup2(one.fileno(), 100 + number) for number, one in enumerate(sockets)]
        for number, fd in enumerate(high):
            os.dup2(fd, first + number)

    environment = workshop.environment(LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=':'.join(names))
    command = 'LISTEN_PID=$$ exec "$0" --config "$1"'
    process = Process(['sh', '-c', command, os.environ['TESSERAD'], workshop.config], environment, workshop.folder,
                      preexec_fn=pass_on, pass_fds=range(first, first + len(sockets)))
    workshop.processes.append(process)
    process.wait_for('listening on ')
    return process


def listening_socket():
    one = socket.socket()
    one.bind(('127.0.0.1', 0))
    one.listen(64)
    return one, one.getsockname()[1]


@in_workshop('systemd: a passed socket is served, and waits for the next start')
def _(workshop):
    text = workshop.server().split('[listener')[0] + '[listener main]\naddress=systemd\n'
    one, port = listening_socket()
    with one:
        service = start_passed(workshop, [one], ['tesserad.socket'], text)
        with connect(port) as connection:
            tap.equal(get(connection)[0], 200)
        tap.equal(service.stop(), 0, service.text)
        with connect(port) as waiting:
            waiting.sendall(GET)
            service = start_passed(workshop, [one], ['tesserad.socket'], text)
            tap.equal(read_answer(waiting)[0], 200)
            tap.equal(service.stop(), 0, service.text)


@in_workshop('systemd: sockets go to the listeners of their names')
def _(workshop):
    text = workshop.server() + '[listener b]\naddress=systemd\n'
    one, port_one = listening_socket()
    two, port_two = listening_socket()
    with one, two:
        service = start_passed(workshop, [one, two], ['a', 'b'], text)
        service.wait_for('listening on 127.0.0.1:%d\n' % port_two)
        tap.lacks(service.text, 'listening on 127.0.0.1:%d\n' % port_one)
        tap.equal(service.stop(), 0)


@in_workshop('systemd: without a passed socket it exits 1')
def _(workshop):
    service = workshop.start(workshop.server().split('[listener')[0] + '[listener main]\naddress=systemd\n', wait=False)
    tap.equal(service.wait(), 1, service.text)
    tap.contains(service.text, 'systemd passed no socket')


@in_workshop('systemd: it hears of ready, reload and stop')
def _(workshop):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(workshop.path('notify'))
        ear.settimeout(60)
        service = workshop.start(workshop.server(), NOTIFY_SOCKET=workshop.path('notify'))
        tap.equal(ear.recv(100), b'READY=1')
        service.reload('reloaded')
        tap.check(ear.recv(100).startswith(b'RELOADING=1\nMONOTONIC_USEC='), 'no RELOADING')
        tap.equal(ear.recv(100), b'READY=1')
        tap.equal(service.stop(), 0)
        tap.equal(ear.recv(100), b'STOPPING=1')


@in_workshop('systemd: where the service itself starts what goes to other machines, the log warns of it')
def _(workshop):
    for lines, warns in (('program=/bin/true', True), ('socket=/run/x', False)):
        service = workshop.start(workshop.server() + '[outbound]\nenabled=true\n' + lines + '\n', NOTIFY_SOCKET=workshop.path('nobody'))
        tap.equal(service.stop(), 0)
        tap.equal('[outbound] has no socket' in service.text, warns, service.text)


def hear_watchdog(workshop, fed, **environment):
    """All that systemd hears from start to stop."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(workshop.path('notify'))
        ear.settimeout(60)
        service = workshop.start(workshop.server(), NOTIFY_SOCKET=workshop.path('notify'), **environment)
        heard = [ear.recv(100)]
        while fed and heard.count(b'WATCHDOG=1') < 3:
            heard.append(ear.recv(100))
        tap.equal(service.stop(), 0)
        while heard[-1] != b'STOPPING=1':
            heard.append(ear.recv(100))
    return heard


@in_workshop('systemd: its watchdog is fed from the main loop')
def _(workshop):
    tap.equal(hear_watchdog(workshop, True, WATCHDOG_USEC='100000')[0], b'READY=1')


@in_workshop('systemd: a watchdog for another process is not fed')
def _(workshop):
    tap.lacks(hear_watchdog(workshop, False, WATCHDOG_USEC='1000', WATCHDOG_PID='1'), b'WATCHDOG=1')


# TLS

def make_certificate(workshop, name):
    certificate, key = workshop.path('cert.pem'), workshop.path('key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=' + name,
                    '-addext', 'subjectAltName=DNS:' + name, '-keyout', key, '-out', certificate], check=True, stderr=subprocess.DEVNULL)
    os.chmod(key, 0o600)
    return certificate


def tls_configuration(workshop):
    return workshop.server(issuer='https://id.test') + 'certificate=cert.pem\nprivate-key=key.pem\n'


def connect_tls(workshop, name, version=None):
    context = ssl.create_default_context(cafile=workshop.path('cert.pem'))
    if version is not None:
        context.set_ciphers('DEFAULT:@SECLEVEL=0')
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(connect(workshop.port), server_hostname=name)


@in_workshop('TLS: it answers, from version 1.2 on')
def _(workshop):
    make_certificate(workshop, 'id.test')
    service = workshop.start(tls_configuration(workshop))
    for version in (None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with connect_tls(workshop, 'id.test', version) as connection:
            tap.equal(get(connection)[0], 200)
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        try:
            connect_tls(workshop, 'id.test', version).close()
            tap.check(False, 'accepted %s' % version)
        except (ssl.SSLError, ConnectionError):
            pass
    tap.equal(service.stop(), 0, service.text)


@in_workshop('TLS: answers of more than eight kilobytes arrive whole, one after the other')
def _(workshop):
    make_certificate(workshop, 'id.test')
    path = '/' + 'x' * 200
    issuer = 'https://' + '.'.join(['x' * 60] * 8) + path  # each endpoint's address is as long
    service = workshop.start(tls_configuration(workshop).replace('https://id.test', issuer))
    with connect_tls(workshop, 'id.test') as connection:
        for _ in range(3):
            connection.sendall(GET.replace(METADATA.encode(), (METADATA + path).encode()))
            status, _, body = read_answer(connection)
            tap.equal(status, 200)
            tap.check(len(body) > 8192, '%d bytes' % len(body))
            tap.equal(json.loads(body)['issuer'], issuer)
    tap.equal(service.stop(), 0, service.text)


@in_workshop('TLS: a reload takes the new certificate; a bad one leaves the old')
def _(workshop):
    make_certificate(workshop, 'old.test')
    service = workshop.start(tls_configuration(workshop))
    connect_tls(workshop, 'old.test').close()
    make_certificate(workshop, 'new.test')
    service.reload('reloaded')
    with connect_tls(workshop, 'new.test') as connection:
        tap.equal(get(connection)[0], 200)
        with open(workshop.path('cert.pem'), 'rb') as file:
            good = file.read()
        workshop.write('cert.pem', 'nonsense')
        service.reload('stays as it was')
        workshop.write('cert.pem', good)
        connect_tls(workshop, 'new.test').close()
    tap.equal(service.stop(), 0, service.text)


@in_workshop('TLS: HTTP/1.1 is agreed on, and browsers are asked to stay')
def _(workshop):
    make_certificate(workshop, 'id.test')
    service = workshop.start(tls_configuration(workshop))
    context = ssl.create_default_context(cafile=workshop.path('cert.pem'))
    context.set_alpn_protocols(['h2', 'http/1.1'])
    with context.wrap_socket(connect(workshop.port), server_hostname='id.test') as connection:
        tap.equal(connection.selected_alpn_protocol(), 'http/1.1')
        tap.equal(get(connection)[1]['Strict-Transport-Security'], 'max-age=31536000')
    context.set_alpn_protocols(['h2'])
    try:
        context.wrap_socket(connect(workshop.port), server_hostname='id.test').close()
        tap.check(False, 'agreed to h2')
    except (ssl.SSLError, ConnectionError):
        pass
    tap.equal(service.stop(), 0, service.text)


@in_workshop('TLS: who is greeted and says no more keeps nobody out')
def _(workshop):
    make_certificate(workshop, 'id.test')
    service = workshop.start(tls_configuration(workshop))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname='id.test').do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()
    silent = []
    for number in range(60):
        connection = connect(workshop.port)
        connection.sendall(hello)
        silent.append(connection)
    for connection in silent:
        tap.check(connection.recv(65536), 'no greeting')
    with connect_tls(workshop, 'id.test') as connection:
        tap.equal(get(connection)[0], 200)
    for connection in silent:  # nobody had to be shown out first
        connection.setblocking(False)
        try:
            while connection.recv(65536):
                pass
            tap.check(False, 'shown out')
        except BlockingIOError:
            connection.close()
    tap.equal(service.stop(), 0, service.text)


@in_workshop('TLS: half a handshake neither holds the stop nor breaks it')
def _(workshop):
    make_certificate(workshop, 'id.test')
    service = workshop.start(tls_configuration(workshop))
    with connect(workshop.port) as silent, connect(workshop.port) as half, connect_tls(workshop, 'id.test') as idle:
        half.sendall(b'\x16\x03\x01\x02\x00\x01\x00')
        tap.equal(get(idle)[0], 200)
        service.signal(signal.SIGTERM)
        tap.equal(service.wait(), 0, service.text)
        silent.close()


if __name__ == '__main__':
    tap.main()
