# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ports of the servers and of the clients of a test."""

import http.client
import random
import socket

IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h


def free_port():
    """Below the ephemeral ports, so that no client's connection takes it before the server does, or between
    its stop and start."""
    for _ in range(200):
        port = random.randrange(15000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue
    raise RuntimeError('no free port')


def take_address(connection, source):
    """Has the socket @connection come from the address @source. A port that bind () chooses would be lost to the
    clients of all addresses until the kernel forgets the connection, and a suite has more of them than ports."""
    connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    connection.bind((source, 0))


def create_connection(address, timeout, source=None):
    """socket.create_connection () from the address @source."""
    connection = socket.socket()
    connection.settimeout(timeout)
    try:
        if source:
            take_address(connection, source)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


class _FromAnAddress:
    def __init__(self, host, port, source, **options):
        super().__init__(host, port, **options)
        self._create_connection = lambda address, timeout, _: create_connection(address, timeout, source)


class HTTPConnection(_FromAnAddress, http.client.HTTPConnection):
    pass


class HTTPSConnection(_FromAnAddress, http.client.HTTPSConnection):
    pass
