# SPDX-License-Identifier: LGPL-2.1-or-later
"""Glewlwyd, of Debian, on SQLite, as a contestant. Its configuration is in peers/."""
import gzip
import http.cookiejar
import json
import os
import shutil
import sqlite3
import subprocess
import urllib.parse
import urllib.request

import load
from server import Server

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peers')
PLUGIN = 'bench'
PASSWORD = 'user1-password'
SCHEMA = 'init.sqlite3.sql.gz'
ROUND = 64  # refresh tokens that go round: each needs a log-in, whose password costs time
REVOKED = 400  # tokens for a turn of revocations


def _packaged(name):
    listed = subprocess.run(['dpkg', '-L', 'glewlwyd', 'glewlwyd-common'], capture_output=True, text=True).stdout.split()
    return next((path for path in listed if os.path.basename(path) == name), None)


def why_not():
    """None: it is there."""
    if shutil.which('glewlwyd') and _packaged(SCHEMA):
        return None
    return 'Debian’s package glewlwyd is not installed'


def version():
    run = subprocess.run(['dpkg-query', '--show', '--showformat', '${Version}', 'glewlwyd'], capture_output=True, text=True)
    return f'Glewlwyd {run.stdout} with SQLite'


class Glewlwyd(Server):
    label = 'Glewlwyd'
    paths = {name: f'/api/{PLUGIN}/{name}' for name in ('token', 'introspect', 'revoke')}

    def __init__(self, build, folder, operation=None):
        super().__init__(folder)
        self.build = build
        self.is_set_up = False
        self._write_configuration()
        self._make_database()

    def _write_configuration(self):
        with open(os.path.join(HERE, 'glewlwyd.conf.in')) as f:
            text = f.read()
        modules = {kind: os.path.dirname(_packaged(name)) for kind, name in [
            ('USER', 'libusermoddatabase.so'), ('CLIENT', 'libclientmoddatabase.so'), ('SCHEME', 'libschememodpassword.so'),
            ('PLUGIN', 'libprotocol_oidc.so')] if _packaged(name)}
        values = {'PORT': str(self.port), 'FOLDER': self.folder, **{f'{kind}_MODULES': path for kind, path in modules.items()}}
        for name, value in values.items():
            text = text.replace(f'@{name}@', value)
        with open(os.path.join(self.folder, 'glewlwyd.conf'), 'w') as f:
            f.write(text)

    def _make_database(self):
        with gzip.open(_packaged(SCHEMA), 'rt') as f:
            script = f.read()
        database = sqlite3.connect(os.path.join(self.folder, 'glewlwyd.db'))
        database.executescript(script)
        database.commit()
        database.close()

    def argv(self):
        return ['glewlwyd', '-c', os.path.join(self.folder, 'glewlwyd.conf')]

    def first_request(self):
        if self.is_set_up:
            return super().first_request()
        return f'GET /config HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n\r\n'

    def start(self):
        """Once more when what is kept in the database is there."""
        if not self.is_set_up:
            super().start()
            self._set_up()
            self.is_set_up = True
            self.stop()
        return super().start()

    def _call(self, opener, path, body):
        request = urllib.request.Request(f'{self.issuer}/api/{path}', json.dumps(body).encode(), {'Content-Type': 'application/json'})
        with opener.open(request) as answer:
            answer.read()

    def _set_up(self):
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self._call(opener, 'auth/', {'username': 'admin', 'password': 'password'})
        for scope in ('read', 'write'):
            self._call(opener, 'scope/', {'name': scope, 'display_name': scope, 'description': scope, 'password_required': False,
                                          'scheme': {}})
        self._call(opener, 'user/?source=database', {'username': 'user1', 'name': 'user1', 'password': PASSWORD, 'enabled': True,
                                                     'scope': ['read', 'write', 'openid']})
        self._call(opener, 'client/?source=database', {
            'client_id': 'bench', 'client_name': 'bench', 'confidential': True, 'client_secret': self.secret, 'password': self.secret,
            'redirect_uri': ['http://127.0.0.1/cb'], 'token_endpoint_auth_method': ['client_secret_post'], 'enabled': True,
            'authorization_type': ['client_credentials', 'refresh_token', 'password', 'code'], 'scope': ['read', 'write']})
        with open(os.path.join(HERE, 'glewlwyd-plugin.json')) as f:
            parameters = json.load(f)
        key = subprocess.run(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], capture_output=True,
                             text=True, check=True).stdout
        public = subprocess.run(['openssl', 'pkey', '-pubout'], input=key, capture_output=True, text=True, check=True).stdout
        self._call(opener, 'mod/plugin/', {'module': 'oidc', 'name': PLUGIN, 'display_name': PLUGIN, 'enabled': True,
                                           'parameters': {**parameters, 'iss': self.issuer, 'key': key, 'cert': public}})

    def supply(self, kind, count):
        path = os.path.join(self.folder, kind)
        if os.path.exists(path):
            os.unlink(path)
        if kind == 'refresh':
            return self._log_in(path)
        load.run(self.build, self, self.paths['token'], 'grant_type=client_credentials&scope=read+write', connections=8, seconds=30,
                 requests=min(count, REVOKED), keep='access_token', keep_in=path)
        return path

    def _log_in(self, path):
        form = {'grant_type': 'password', 'username': 'user1', 'password': PASSWORD, 'scope': 'read write',
                'client_id': 'bench', 'client_secret': self.secret}
        with open(path, 'w') as f:
            for _ in range(ROUND):
                with urllib.request.urlopen(f"{self.issuer}{self.paths['token']}", urllib.parse.urlencode(form).encode()) as answer:
                    f.write(json.load(answer)['refresh_token'] + '\n')
        return path
