#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The front-door examples are whole programs: front_door.py PROGRAM [ARGUMENT…]"""
import http.client
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import tap
from ports import free_port

PROGRAM = sys.argv[1:]
sys.argv[1:] = []


@tap.test('front door: it serves both, refuses what is no request, and ends when it is told to')
def _():
    port = free_port()
    with subprocess.Popen([*PROGRAM, str(port)], stdout=subprocess.PIPE, text=True) as process:
        tap.equal(process.stdout.readline(), 'listening\n')
        client = http.client.HTTPConnection('127.0.0.1', port, timeout=tap.PATIENCE)
        for path, said in (('/', b'Hello\n'), ('/jwks', b'"keys"'), ('/', b'Hello\n')):
            client.request('GET', path)
            tap.contains(client.getresponse().read(), said)
        with socket.create_connection(('127.0.0.1', port), timeout=tap.PATIENCE) as stranger:
            stranger.sendall(b'GET / HTTP/1.1\r\nHost : a\r\n\r\n')
            tap.contains(stranger.recv(4096), b'HTTP/1.1 400 ')
        process.send_signal(signal.SIGTERM)
        tap.equal(process.wait(tap.PATIENCE), 0)


if __name__ == '__main__':
    tap.main()
