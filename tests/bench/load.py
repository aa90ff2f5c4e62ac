# SPDX-License-Identifier: LGPL-2.1-or-later
"""One load on one server: bench-load on a core of its own, and what the server took for it."""
import json
import subprocess

from machine import LOAD_CORE, cpu_seconds, pinned, rss_kib


class WrongAnswers(Exception):
    """What was not answered as it should be must not pass for speed."""


def run(build, server, path, form=None, method='POST', connections=16, seconds=1.0, requests=0, tokens=None, once=False,
        following=None, keep=None, keep_in=None, idle=0, fresh=False):
    argv = [f'{build}/tests/bench/bench-load', f'--port={server.port}', f'--path={path}', f'--method={method}',
            f'--connections={connections}', f'--seconds={seconds}', f'--requests={requests}', f'--idle={idle}']
    argv += [f'--body={server.credentials}&{form}'] if form else []
    argv += ['--tls'] if server.tls else []
    argv += [f'--tokens={tokens}'] if tokens else []
    argv += ['--once'] if once else []
    argv += [f'--next={following}'] if following else []
    argv += [f'--save={keep}', f'--save-to={keep_in}'] if keep else []
    argv += ['--fresh'] if fresh else []
    before = cpu_seconds(server.pid)
    done = subprocess.run(pinned(LOAD_CORE, argv), capture_output=True, text=True)
    if done.returncode:
        raise WrongAnswers(f'{server.label}, {path}: {done.stderr.strip()}')
    result = json.loads(done.stdout)
    if result['errors'] or not result['requests']:
        raise WrongAnswers(f"{server.label}, {path}: {result['errors']} wrong answers, {result['requests']} in all: {done.stderr.strip()}")
    result['cpu_us'] = (cpu_seconds(server.pid) - before) / result['requests'] * 1e6
    result['rss_kib'] = rss_kib(server.pid)
    return result
