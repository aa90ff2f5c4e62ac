# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ours as contestants: the service, and an application that embeds the library; and the tokens that their loads
need."""
import os
import subprocess

import load
from server import Server

SECTIONS = '''[server]
issuer={issuer}
state-directory={folder}/state
{server}
[listener main]
address=127.0.0.1:{port}
{listener}
[tokens]
access-token-lifetime=86400
signing-algorithm={algorithm}

[limits]
connections=20000
connections-per-address=20000
idle-timeout=60

[client bench]
client_name=Bench
client_secret_file={folder}/secret
grant_types=client_credentials;refresh_token;authorization_code
redirect_uris=http://127.0.0.1/cb
token_endpoint_auth_method=client_secret_post
scope=read write
{more}'''

SEEDED = {'refresh': 'refresh', 'doomed': 'refresh', 'codes': 'codes'}


class Ours(Server):
    def __init__(self, build, folder, certificate=None, algorithm='ES256'):
        super().__init__(folder, certificate)
        self.build = build
        self.algorithm = algorithm
        self.state = os.path.join(folder, 'state')
        with open(os.open(os.path.join(folder, 'secret'), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as f:
            f.write(self.secret + '\n')

    def seed(self, path, *arguments):
        with open(path, 'w') as f:
            subprocess.run([f'{self.build}/tests/bench/bench-seed', *map(str, arguments)], stdout=f, check=True)
        return path

    def supply(self, kind, count):
        path = os.path.join(self.folder, kind)
        if kind == 'seen':
            return self.issue(path, count)
        if kind == 'cold':
            return self.seed(path, 'access', self.issuer, os.path.join(self.state, 'keys'), 'bench', count)
        return path if kind in SEEDED and os.path.exists(path) else None

    def issue(self, path, count):
        if os.path.exists(path):
            os.unlink(path)
        load.run(self.build, self, self.paths['token'], 'grant_type=client_credentials&scope=read+write', seconds=60, requests=count,
                 keep='access_token', keep_in=path)
        return path

    def stock(self, kind, count):
        """What is put into the state of a service that does not run."""
        if kind in SEEDED:
            self.stop()
            self.seed(os.path.join(self.folder, kind), SEEDED[kind], self.state, 'bench', count)
            self.start()


class Tesserad(Ours):
    label = 'tesserad'

    def __init__(self, build, folder, certificate=None, algorithm='ES256', direct=False, sync_delay_ms=0, metrics_port=None,
                 cores=None):
        super().__init__(build, folder, certificate, algorithm)
        self.sync_delay_ms = sync_delay_ms
        self.metrics_port = metrics_port
        self.config = os.path.join(folder, 'tessera.conf')
        if direct:
            self.label = 'tesserad, direct-endpoints'
        if cores is not None:
            self.cores = cores
        keys = f'certificate={certificate[0]}\nprivate-key={certificate[1]}\n' if certificate else ''
        more = f'\n[metrics]\naddress=127.0.0.1:{metrics_port}\n' if metrics_port else ''
        with open(self.config, 'w') as f:
            f.write(SECTIONS.format(issuer=self.issuer, folder=folder, port=self.port, algorithm=algorithm, listener=keys, more=more,
                                    server='direct-endpoints=true\n' if direct else ''))

    def argv(self):
        return [f'{self.build}/src/tesserad/tesserad', '--config', self.config]

    def environment(self):
        if not self.sync_delay_ms:
            return {}
        return {'LD_PRELOAD': os.path.abspath(f'{self.build}/tests/bench/libslow-sync.so'), 'SLOW_SYNC_MS': str(self.sync_delay_ms)}


class Embedded(Ours):
    label = 'embedded'

    def argv(self):
        return [f'{self.build}/tests/bench/bench-embedded-server', str(self.port), self.issuer, self.state,
                os.path.join(self.folder, 'secret'), *(self.certificate or [])]


def has_direct_endpoints(build, folder):
    """Does this service answer the machine endpoints itself when it is told to?"""
    probe = Tesserad(build, os.path.join(folder, 'probe'), direct=True)
    run = subprocess.run([*probe.argv(), '--check-config'], capture_output=True)
    return run.returncode == 0


def make_certificate(folder):
    """[certificate, key] with a key of P-256."""
    paths = [os.path.join(folder, name) for name in ('certificate.pem', 'key.pem')]
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-out', paths[0], '-keyout', paths[1]],
                   check=True, capture_output=True)
    os.chmod(paths[1], 0o600)
    return paths
