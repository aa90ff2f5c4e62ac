# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGTERM while connections ask without pause: whoever had sent the whole request before gets an answer."""

import http.client
import signal
import threading
import time

import ports
import tap

# What the service gives those who are slow (STOP_SECONDS of the service) is five seconds, by its own clock; this is
# for a machine that is slow, too.
LONGEST_STOP = 30
CUT = 'connections were cut: they had not come to an end within 5 seconds'


def stop(service):
    """SIGTERM; the exit status. The service ends by its own limit, not by ours."""
    service.process.send_signal(signal.SIGTERM)
    return service._collect(LONGEST_STOP)


def request_of(client):
    body = 'grant_type=client_credentials&scope=a'
    return ('POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\nContent-Length: %d\r\n'
            'Content-Type: application/x-www-form-urlencoded\r\n\r\n%s' % (client.basic(), len(body), body)).encode()


def read_status(connection):
    """Of the answer, which has to be whole."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


class Load:
    def __init__(self, service, client, threads):
        self.service = service
        self.request = request_of(client)
        self.answered = self.late = self.excused = 0
        self.odd = []
        self.signalled = None
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work) for _ in range(threads)]

    def work(self):
        while True:
            try:
                connection = ports.create_connection(('127.0.0.1', self.service.port), tap.PATIENCE, self.service.source)
            except OSError:
                return
            with connection:
                if not self.ask(connection):
                    return

    def ask(self, connection):
        sent = None
        try:
            connection.sendall(self.request)
            sent = time.monotonic()
            status = read_status(connection)
        except (OSError, http.client.HTTPException) as error:
            self.note_loss(sent, error)
            return False
        with self.lock:
            self.answered += 1
            self.late += self.signalled is not None and sent < self.signalled
            if status not in (200, 503) or status == 503 and self.signalled is None:
                self.odd.append(status)
        return True

    def note_loss(self, sent, error):
        """Who sent it after the signal may have come to a socket that nobody listens to any more."""
        with self.lock:
            if self.signalled is None or sent is not None and sent < self.signalled:
                self.odd.append(repr(error))
            else:
                self.excused += 1

    def stop(self, answers):
        """SIGTERM after so many; the exit status."""
        for thread in self.threads:
            thread.start()
        tap.until(lambda: self.answered >= answers or self.odd, '%d answers' % answers)
        self.signalled = time.monotonic()
        status = stop(self.service)
        for thread in self.threads:
            thread.join()
        return status


def stop_under_load(service, client, threads, answers):
    load = Load(service, client, threads)
    before = len(service.log)
    tap.equal(load.stop(answers), 0, 'exit status')
    print('# %d answers, %d of them to what was under way at the signal; %d came too late' % (load.answered, load.late, load.excused))
    tap.equal(load.odd, [], 'what was sent before the signal')
    tap.lacks(service.log[before:].decode('utf-8', 'replace'), 'connections were cut')


def stop_before_accepting(service, client, count=200):
    """Its process stands still while @count connections are made and asked on, more than are accepted in a turn, and
    of an address; and when it goes on it is to end."""
    service.process.send_signal(signal.SIGSTOP)
    connections = []
    for number in range(count):
        connection = ports.create_connection(('127.0.0.1', service.port), tap.PATIENCE, '127.0.3.%d' % (1 + number * 40 // count))
        connection.sendall(request_of(client))
        connections.append(connection)
    service.process.send_signal(signal.SIGTERM)
    service.process.send_signal(signal.SIGCONT)
    tap.equal(service._collect(LONGEST_STOP), 0, 'exit status')
    lost = []
    for connection in connections:
        with connection:
            try:
                tap.one_of(read_status(connection), (200, 503))
            except (OSError, http.client.HTTPException) as error:
                lost.append(repr(error))
    tap.equal(lost, [], 'of %d requests' % count)
