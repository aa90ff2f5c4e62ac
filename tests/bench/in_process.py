# SPDX-License-Identifier: LGPL-2.1-or-later
"""What single steps cost without HTTP: nanoseconds of CPU time."""
import json
import statistics
import subprocess

from machine import SERVER_CORE, pinned

TITLES = {
    'mint': 'minting an access token, ES256',
    'verify_cold': 'verifying a token not seen before',
    'verify_seen': 'verifying a token seen before',
    'check_listed': 'deny-list of 500, a listed token',
    'check_not_listed': 'deny-list of 500, another',
    'insert': 'revoking a token: list and row, without the sync',
    'parameters': 'reading the parameters of a form',
    'pkce': 'PKCE, S256',
    'json': 'reading and writing a claim set as JSON',
    'token_request': 'a client-credentials request, whole',
    'introspection_request': 'an introspection, seen before, whole',
    'refresh_request': 'a refresh with rotation, whole, alone in its transaction',
    'revocation_request': 'a revocation, seen before, whole, alone in its transaction',
}


def measure(build, runs):
    argv = pinned(SERVER_CORE, [f'{build}/tests/bench/bench-in-process'])
    found = [json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) for _ in range(runs)]
    return {name: statistics.median(f[name] for f in found) for name in found[0]}
