#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong passwords, hundreds at once from as many addresses, beside a client that asks for tokens."""

import ctypes
import ctypes.util
import urllib.parse

from crowd import Child, Guest, Turns, address_of, connect, main, post, raise_descriptors, read_answer, subject
import tessera_fixture
from browser import Browser

COST = 5  # of yescrypt, as `tessera hash-password` has it


def hash_password(password):
    library = ctypes.CDLL(ctypes.util.find_library('crypt') or 'libcrypt.so.1')
    library.crypt_gensalt.restype = library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), library.crypt_gensalt(b'$y$', COST, None, 0)).decode()


def prepare(issuer, port, url, number):
    """The bytes of a wrong login: its page has been opened before."""
    browser = Browser(issuer, ('127.0.0.1', port), source=address_of(number * 60))
    page = browser.open(url)
    form = page.page.form_with('password')
    target = urllib.parse.urlsplit(urllib.parse.urljoin(page.url, form.action) if form.action else page.url)
    body = urllib.parse.urlencode(form.values(username='alice' if number % 2 else 'nobody-%d' % number, password='wrong'))
    cookies = '; '.join('%s=%s' % pair for pair in browser.cookies.items())
    return post(target.path + ('?' + target.query if target.query else ''), body,
                ('Cookie: %s\r\nOrigin: %s\r\n' % (cookies, browser.origin)).encode())


def guess(pipe, issuer, port, url, count):
    """All at once; then {status: how many}."""
    raise_descriptors()
    while True:
        requests = [prepare(issuer, port, url, number) for number in range(count)]
        connections = [connect(port, number * 60, timeout=60) for number in range(count)]
        pipe.send('ready')
        if pipe.recv() == 'end':
            return
        for connection, request in zip(connections, requests):
            connection.sendall(request)
        statuses = {}
        for connection in connections:
            try:
                status, _ = read_answer(connection)
            except OSError:
                status = None
            statuses[status] = statuses.get(status, 0) + 1
            connection.close()
        pipe.send(statuses)


def besiege(report, arguments):
    count, rounds = (200, 8) if arguments.long else (100, 1)
    turns, seen = Turns(), {}
    with subject(report) as service:
        pass_phrase = service.users['alice']
        tessera_fixture._hashes['alice', pass_phrase] = '%s:%s\n' % ('alice', hash_password(pass_phrase))
        service.restart()
        guest = Guest(service)
        guest.ask_times(200)
        descriptors = service.descriptors()
        child = Child(guess, service.issuer, service.port, service.authorization_url(), count)
        for _ in range(rounds):
            child.hear()
            turns.quiet.append(guest.ask_times(600 if arguments.long else 100))
            child.say('go')
            turns.besieged.append(guest.ask_while(lambda: not child.pipe.poll(0)))
            for status, number in child.hear().items():
                seen[status] = seen.get(status, 0) + number
        child.hear()
        child.say('end')
        child.end()
        refused = seen.get(503, 0)
        looked_at = sum(number for status, number in seen.items() if status in (200, 400, 401, 403))
        report.check('wrong passwords at once: all are answered', sum(seen.values()) == count * rounds and set(seen) <= {200, 400, 401, 403, 429, 503},
                     ', '.join('%s: %d' % pair for pair in sorted(seen.items(), key=str)), '%d times %d' % (rounds, count))
        report.check('a bounded number of them waits to be looked at', looked_at > 0 and refused > 0, '%d looked at, %d told to come back' % (looked_at, refused))
        report.check('tokens are issued meanwhile', guest.wrong == 0, '{:,} of {:,}'.format(guest.n - guest.wrong, guest.n), 'all')
        report.check('the right password is good from an address that made no mistakes', right(service))
        report.check('descriptors come back', service.descriptors() <= descriptors + 2)
        turns.report(report, ratio=2)


def right(service):
    service.source = '127.60.1.1'
    return service.browser('alice') is not None


if __name__ == '__main__':
    main('passwords', besiege)
