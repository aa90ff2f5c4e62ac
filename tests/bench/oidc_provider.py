# SPDX-License-Identifier: LGPL-2.1-or-later
"""node oidc-provider, of npm, with a node of its own, as a contestant. What it runs is in peers/oidc-provider."""
import filecmp
import json
import os
import platform
import shutil
import subprocess

from server import Server

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peers', 'oidc-provider')
ARCHITECTURES = {'x86_64': 'x64', 'aarch64': 'arm64'}
ROUND = 2000  # refresh tokens that go round
STOCK = 60000  # opaque tokens, for all turns

_installed = None


def install(folder):
    """Once; None, or why not."""
    global _installed
    if platform.machine() not in ARCHITECTURES:
        return f'npm has no node for {platform.machine()}'
    if not shutil.which('npm'):
        return 'there is no npm here'
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    done, lock = os.path.join(folder, 'installed.json'), os.path.join(SOURCE, 'package-lock.json')
    if not os.path.exists(done) or not filecmp.cmp(done, lock, shallow=False):
        run = subprocess.run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], cwd=folder, capture_output=True, text=True)
        if run.returncode:
            return 'npm could not fetch the packages: ' + run.stderr.strip()[-300:]
        shutil.copy(lock, done)
    _installed = folder
    return None


def _node():
    return os.path.join(_installed, 'node_modules', f'node-linux-{ARCHITECTURES[platform.machine()]}', 'bin', 'node')


def version():
    with open(os.path.join(_installed, 'node_modules', 'oidc-provider', 'package.json')) as f:
        library = json.load(f)['version']
    node = subprocess.run([_node(), '--version'], capture_output=True, text=True, check=True).stdout.strip()
    return f'oidc-provider {library} on node {node}, in memory'


class OidcProvider(Server):
    label = 'node oidc-provider'
    paths = {'token': '/token', 'introspect': '/token/introspection', 'revoke': '/token/revocation'}

    def __init__(self, build, folder, operation=None):
        """@operation: what is going to be asked, for which it makes tokens at its start."""
        super().__init__(folder)
        kind = operation.tokens if operation else None
        self.numbers = [str(ROUND if kind == 'refresh' else 0), str(STOCK if kind == 'seen' else 0)]
        self.used = 0

    def argv(self):
        return [_node(), os.path.join(_installed, 'provider.mjs'), str(self.port), self.folder, self.secret, *self.numbers]

    def environment(self):
        return {'NODE_ENV': 'production'}

    def supply(self, kind, count):
        if kind == 'refresh':
            return os.path.join(self.folder, 'refresh')
        with open(os.path.join(self.folder, 'opaque')) as f:
            lines = f.readlines()
        count = min(count, len(lines) // 6)
        path = os.path.join(self.folder, 'turn')
        with open(path, 'w') as f:
            f.writelines(lines[self.used:self.used + count])
        self.used += count
        return path
