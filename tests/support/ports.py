# SPDX-License-Identifier: LGPL-2.1-or-later
"""A port for a server of a test."""

import random
import socket


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
