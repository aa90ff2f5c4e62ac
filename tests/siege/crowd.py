# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the attacks of this folder share: the service under siege, the client that behaves, and the report.

A form is a function besiege (report, arguments). Without arguments it is in short, prints TAP, and asserts
what is counted; with --long it takes its full size, asserts times too, prints a table, and writes it to
--markdown FILE between the lines `<!-- siege NAME -->` and `<!-- /siege NAME -->`. Times are compared
within one run, in turns with the attack and without it: machines differ, and so do their neighbours."""

import argparse
import contextlib
import multiprocessing
import os
import platform
import re
import resource
import select
import socket
import ssl
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

import ports  # noqa: E402
import tap  # noqa: E402
from tessera_fixture import FORM, Service, free_port, write_private  # noqa: E402

HOST = b'Host: 127.0.0.1\r\n'
JWKS = b'GET /jwks HTTP/1.1\r\n' + HOST + b'\r\n'
PER_ADDRESS = 60  # of 64 that the service allows


def raise_descriptors():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def address_of(number):
    """Strangers, PER_ADDRESS of each address; not those of the client that behaves."""
    number //= PER_ADDRESS
    return '127.50.%d.%d' % (1 + number // 200, 1 + number % 200)


def connect(port, number=None, timeout=20, receive=None):
    """From the address of stranger @number."""
    connection = socket.socket()
    connection.settimeout(timeout)
    if receive is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        # As of a network: by the segments of loopback the service's kernel would take megabytes.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
    if number is not None:
        ports.take_address(connection, address_of(number))
    connection.connect(('127.0.0.1', port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


KIB, MIB = 1 << 10, 1 << 20
# What the service counts for a connection with TLS (tessera-gate-tls.c).
TLS_IDLE, TLS_HANDSHAKE = (16 * KIB, 48 * KIB) if ssl.OPENSSL_VERSION_INFO < (3, 2) else (32 * KIB, 64 * KIB)
TLS_HALF_RECORD = 17 * KIB


def say_hello():
    """The first flight of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl._create_unverified_context().wrap_bio(incoming, outgoing, server_hostname='id.test')
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def ask_by_tls(context, port, number):
    """(what is left of a connection by which was asked once, whether it was answered)"""
    with context.wrap_socket(connect(port, number)) as connection:
        connection.sendall(JWKS)
        status, _ = read_answer(connection)
        return socket.socket(fileno=connection.detach()), status == 200


def is_kept(connection):
    """Whatever there is to be read before its end."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return not poll.poll(0)


def post(path, body, fields=b'', length=None):
    body = body if isinstance(body, bytes) else body.encode()
    return (b'POST %s HTTP/1.1\r\n' % path.encode() + HOST + b'Content-Type: ' + FORM.encode() + b'\r\n' + fields
            + b'Content-Length: %d\r\n\r\n' % (len(body) if length is None else length) + body)


def read_answer(connection, rest=b''):
    """(status, what came behind it) of the next answer; (None, …) if none came."""
    while b'\r\n\r\n' not in rest:
        part = connection.recv(65536)
        if not part:
            return None, rest
        rest += part
    head, _, rest = rest.partition(b'\r\n\r\n')
    status = int(head[9:12])
    size = 0
    for line in head.split(b'\r\n')[1:]:
        if line[:15].lower() == b'content-length:':
            size = int(line[15:])
    while len(rest) < size:
        part = connection.recv(65536)
        if not part:
            return None, rest
        rest += part
    return status, rest[size:]


class Subject(Service):
    """A service of which is looked what it uses; with TLS on a port of its own."""

    def __init__(self, limits='', tls=False, **options):
        sections = options.pop('sections', '')
        if limits:
            sections += '\n[limits]\n' + limits + '\n'
        self.tls_port = free_port() if tls else None
        super().__init__(sections=sections, **options)
        if tls:
            self._make_certificate()
            self.sections += '\n[listener tls]\naddress=127.0.0.1:%d\ncertificate=%s\nprivate-key=%s\n' % (
                self.tls_port, self.certificate, self.certificate + '.key')

    def _make_certificate(self):
        self.certificate = os.path.join(self.directory, 'certificate.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
                        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', self.certificate + '.key', '-out', self.certificate], check=True, stderr=subprocess.DEVNULL)
        os.chmod(self.certificate + '.key', 0o600)

    def _status(self, name):
        with open('/proc/%d/status' % self.process.pid, encoding='ascii') as file:
            for line in file:
                if line.startswith(name + ':'):
                    return int(line.split()[1])
        raise KeyError(name)

    def memory(self):
        """Resident, MiB."""
        return self._status('VmRSS') / 1024

    def peak(self):
        return self._status('VmHWM') / 1024

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def cpu(self):
        """Seconds."""
        with open('/proc/%d/stat' % self.process.pid, encoding='ascii') as file:
            fields = file.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def token_request(self):
        return post('/token', 'grant_type=client_credentials&scope=a', b'Authorization: ' + self.c1.basic().encode() + b'\r\n')


@contextlib.contextmanager
def subject(report, **options):
    raise_descriptors()
    service = Subject(**options)
    try:
        service.start()
        yield service
        service.process.poll()
        try:
            service.stop()
            complaint = None
        except tap.Failure as failure:
            complaint = str(failure)
        report.check('it stops in order and complained of nothing', complaint is None, complaint or 'yes')
    finally:
        service.abandon()


def until(condition, seconds):
    """Seconds until it holds; None: not in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.02)
    return time.monotonic() - began


class Child:
    """A function (pipe, *arguments) in a process of its own: what an attack computes is not the service's time."""

    def __init__(self, function, *arguments):
        context = multiprocessing.get_context('fork')
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=self._run, args=(function, theirs, arguments), daemon=True)
        self.process.start()
        theirs.close()

    @staticmethod
    def _run(function, pipe, arguments):
        function(pipe, *arguments)

    def hear(self, seconds=120):
        if not self.pipe.poll(seconds):
            raise tap.Failure('an attacker said nothing')
        return self.pipe.recv()

    def say(self, word):
        self.pipe.send(word)

    def end(self, seconds=60):
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Guest:
    """The client that behaves: one fresh connection and request after the other, each of them timed."""

    def __init__(self, service, request=None, status=200, pause=0):
        self.service, self.request, self.status, self.pause = service, request or service.token_request(), status, pause
        self.wrong = 0
        self.n = 0

    def ask(self):
        began = time.perf_counter()
        try:
            with connect(self.service.port, timeout=30) as connection:
                connection.sendall(self.request)
                status, _ = read_answer(connection)
        except OSError:
            status = None
        took = time.perf_counter() - began
        self.n += 1
        self.wrong += status != self.status
        if self.pause:
            time.sleep(self.pause)
        return took * 1000

    def ask_times(self, count):
        return [self.ask() for _ in range(count)]

    def ask_while(self, condition):
        times = []
        while condition():
            times.append(self.ask())
        return times


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else float('nan')


class Turns:
    """Times of requests in turns without and with the attack, in ms."""

    def __init__(self):
        self.quiet, self.besieged = [], []

    def p99(self, turns):
        """The median of the turns': one hiccup of the machine spoils one turn."""
        return statistics.median(percentile(turn, 0.99) for turn in turns)

    def p50(self, turns):
        return statistics.median(percentile(turn, 0.5) for turn in turns)

    def report(self, report, limit=None, ratio=None):
        quiet, besieged = self.p99(self.quiet), self.p99(self.besieged)
        report.say('p50 without and with', '%.2f and %.2f ms' % (self.p50(self.quiet), self.p50(self.besieged)))
        text = '%.2f and %.2f ms' % (quiet, besieged)
        good = (limit is None or besieged - quiet <= limit) and (ratio is None or besieged <= ratio * quiet)
        wanted = 'at most %g ms more' % limit if limit is not None else 'at most %g times' % ratio if ratio is not None else ''
        report.time('p99 without and with', text, wanted, good)


class Report:
    def __init__(self, name, is_long):
        self.name, self.is_long = name, is_long
        self.rows = []  # what, value, limit
        self.failed = 0
        self._n = 0

    def _row(self, what, value, limit='', good=True):
        self.rows.append((what, value, limit + ('' if good else ' – missed')))
        self.failed += not good

    def say(self, what, value):
        """No claim."""
        self._row(what, value)
        if not self.is_long:
            self._print('# %s: %s' % (what, value))

    def check(self, what, good, value='yes', limit=''):
        """Counted: the same on any machine."""
        self._row(what, value, limit, good)
        self._n += 1
        if not self.is_long:
            self._print('%s %d %s: %s%s' % ('ok' if good else 'not ok', self._n, self.name, what, '' if good else ': %s (%s)' % (value, limit)))
            self._print('# %s' % value)

    def time(self, what, value, limit, good):
        """Measured: claimed of a quiet machine only."""
        self._row(what, value, limit, good or not self.is_long)
        if not self.is_long:
            self._print('# %s: %s (%s)' % (what, value, limit))

    @staticmethod
    def _print(text):
        print(text.replace('\n', ' '), flush=True)

    def finish(self):
        if self.is_long:
            print(self.table(), flush=True)
        else:
            self._print('1..%d' % self._n)
        return 1 if self.failed else 0

    def table(self):
        lines = ['| %s | | limit |' % self.name, '|---|---|---|']
        lines += ['| %s | %s | %s |' % row for row in self.rows]
        return '\n'.join(lines) + '\n'


def machine():
    model = release = ''
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                model = line.partition(':')[2].strip()
                break
    with contextlib.suppress(OSError):
        release = platform.freedesktop_os_release()['PRETTY_NAME']
    return 'Measured on %s: %s, %d cores, %s; load %.1f at the end.' % (
        time.strftime('%Y-%m-%d', time.gmtime()), model, os.cpu_count(), release, os.getloadavg()[0])


def write_markdown(path, name, text):
    begin, end = '<!-- siege %s -->\n' % name, '<!-- /siege %s -->\n' % name
    with open(path, encoding='utf-8') as file:
        head, rest = file.read().split(begin, 1)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(head + begin + text + end + rest.split(end, 1)[1])


def wait_for_ports():
    """Connections that others closed keep their ports for a minute, and there are not many more than a siege needs."""
    for _ in range(180):
        with open('/proc/net/sockstat', encoding='ascii') as file:
            if int(re.search(r' tw (\d+)', file.read()).group(1)) < 12000:
                return
        time.sleep(0.5)


def main(name, besiege, add_arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--markdown')
    if add_arguments:
        add_arguments(parser)
    arguments = parser.parse_args()
    report = Report(name, arguments.long)
    began = time.monotonic()
    wait_for_ports()
    besiege(report, arguments)
    report.say('took', '%.0f s' % (time.monotonic() - began))
    status = report.finish()
    if arguments.markdown:
        write_markdown(arguments.markdown, name, machine() + '\n\n' + report.table())
    sys.exit(status)
