#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""More calls than anybody needs, from who may and who may not: refused, nothing changed, HTTP goes on
(threats.md J06).

Environment: CALLS, how many of them."""

import os
import threading
import time

import message_bus
from message_bus import DAEMON, DENIED, LIMITS, MANAGER, Polkit, Stranger
from controlled import Controlled
from gi.repository import Gio, GLib
import tap
from tap import check, contains, equal, main, one_of, test

CALLS = int(os.environ.get('CALLS', '100000'))
PEER_CALLS = CALLS // 5
ALICE = GLib.Variant('(s)', ('alice',))


class Http:
    """Somebody who needs an answer all the time."""

    def __init__(self, service):
        self._service = service
        self._stop = threading.Event()
        self.answers = []
        self.longest = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)

    def _run(self):
        while not self._stop.is_set():
            began = time.monotonic()
            self.answers.append(self._service.get('/jwks').status)
            self.longest = max(self.longest, time.monotonic() - began)


def memory(service):
    with open('/proc/%d/status' % service.process.pid, encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))


def make_call(method, arguments, destination=None, quiet=False):
    message = Gio.DBusMessage.new_method_call(destination, MANAGER[0], MANAGER[1], method)
    message.set_body(arguments)
    if quiet:
        message.set_flags(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
    return message


@test('many calls of a stranger change nothing, and HTTP is answered meanwhile')
def _(service):
    before = service.digest()
    with Stranger(service.bus) as stranger, Http(service) as http:
        stranger.send(MANAGER, 'RevokeSubject', ALICE, quiet=True, count=CALLS)
        # It stands behind all of them.
        one_of(stranger.call(MANAGER, 'RevokeSubject', ALICE).get('error'), (DENIED, LIMITS))
        tap.until(lambda: stranger.call(MANAGER, 'RevokeSubject', ALICE).get('error') == DENIED, 'the end of the queue')
    equal(set(http.answers), {200})
    print('# %d answers meanwhile, the longest took %.3f s' % (len(http.answers), http.longest))
    equal(service.digest(), before)


@test('calls that wait for polkit are limited for each user, and others get their turn')
def _(service):
    before = service.digest()
    polkit = Polkit(service.bus, lambda action, caller, flags: None if caller == greedy.name else False)
    try:
        with Stranger(service.bus) as greedy, Stranger(service.bus, DAEMON) as modest:
            greedy.send(MANAGER, 'RevokeSubject', ALICE, quiet=True, count=5000)
            equal(modest.call(MANAGER, 'RevokeSubject', ALICE).get('error'), DENIED)
            asked = [entry for entry in polkit.asked if entry[1] == greedy.name]
            check(0 < len(asked) <= 16, 'asked %d times' % len(asked))
            one_of(greedy.call(MANAGER, 'RevokeSubject', ALICE).get('error'), (DENIED, LIMITS))
    finally:
        polkit.stop()
    equal(service.digest(), before)


@test('a caller that exits in the middle of its calls leaves nothing behind')
def _(service):
    before = service.digest()
    polkit = Polkit(service.bus, lambda action, caller, flags: None)
    try:
        for _ in range(10):
            stranger = Stranger(service.bus)
            seen = len(polkit.asked)
            stranger.send(MANAGER, 'RevokeSubject', ALICE, quiet=True, count=50)
            polkit.wait_for(lambda it: len(it.asked) > seen, 'a question')
            stranger.kill()
        polkit.wait_for(lambda it: len(set(it.cancelled)) >= len(it.asked), 'that all questions are taken back')
        with Stranger(service.bus) as stranger:
            polkit.decide = lambda action, caller, flags: False
            equal(stranger.call(MANAGER, 'RevokeSubject', ALICE).get('error'), DENIED)
    finally:
        polkit.stop()
    equal(service.digest(), before)


@test('arguments of many megabytes are refused before they are queued')
def _(service):
    before = service.digest()
    used = memory(service)
    with Stranger(service.bus) as stranger:
        huge = GLib.Variant('(s)', ('a' * (8 << 20),))
        for _ in range(8):
            stranger.send(MANAGER, 'RevokeSubject', huge, quiet=True)
        equal(stranger.call(MANAGER, 'RevokeSubject', huge).get('error'), LIMITS)
    print('# %d KiB more than before' % (memory(service) - used))
    equal(service.digest(), before)


@test('many calls on the socket at once are answered or refused, each, and the service goes on')
def _(service):
    peer = message_bus.connect_peer(service.socket)
    counts = {'good': 0, LIMITS: 0}
    arguments = GLib.Variant('(su)', ('', 1))
    done = threading.Semaphore(0)
    lock = threading.Lock()

    def on_message(connection, message, incoming):
        if incoming and message.get_message_type() in (Gio.DBusMessageType.METHOD_RETURN, Gio.DBusMessageType.ERROR):
            key = message.get_error_name() or 'good'
            with lock:
                counts[key] = counts.get(key, 0) + 1
            done.release()
        return message

    peer.add_filter(on_message)
    with Http(service) as http:
        for _ in range(PEER_CALLS):
            peer.send_message(make_call('ListClients', arguments), Gio.DBusSendMessageFlags.NONE)
        peer.flush_sync(None)
        for _ in range(PEER_CALLS):
            if peer.is_closed() or not done.acquire(timeout=60):
                break
    print('# %r; %d answers of HTTP meanwhile, the longest took %.3f s' % (counts, len(http.answers), http.longest))
    equal(set(counts), {'good', LIMITS})
    check(peer.is_closed() or sum(counts.values()) == PEER_CALLS, 'of %d calls %r were answered' % (PEER_CALLS, counts))
    equal(set(http.answers), {200})
    if not peer.is_closed():
        peer.close_sync(None)
    check(service.digest(), 'the next connection')


@test('who never reads what they are told is cut off')
def _(service):
    import socket
    external = str(os.geteuid()).encode().hex().encode()
    used = memory(service)
    blob = make_call('ListClients', GLib.Variant('(su)', ('', 1)))
    blob.set_serial(1)
    data = bytes(blob.to_blob(Gio.DBusCapabilityFlags.NONE)) * 1000
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(service.socket)
        connection.sendall(b'\0AUTH EXTERNAL ' + external + b'\r\n')
        contains(connection.recv(4096), b'OK ')
        connection.sendall(b'BEGIN\r\n')
        sent = 0
        try:
            while sent < 100:
                connection.sendall(data)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
    check(sent < 100, '%d calls were taken and not one answer was read' % (1000 * sent))
    print('# cut off after %d calls; %d KiB more than before' % (1000 * sent, memory(service) - used))
    check(service.digest(), 'others')


if __name__ == '__main__':
    main(Controlled)
