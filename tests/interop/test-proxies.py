#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documentation's configurations for nginx and Caddy: TLS there, a unix socket behind it, a whole code flow through it."""
import http.client
import os
import ssl
import subprocess
import tempfile

from interop import HERE, REDIRECT, Report, tap, wait_until_it_answers
from browser import Browser
from tessera_fixture import challenge_of, free_port, new_verifier, parameters_of

DOCS = os.path.join(HERE, '..', '..', 'docs')
AROUND_NGINX = '''daemon off;
user root;
pid %(directory)s/nginx.pid;
error_log %(directory)s/error.log;
events {}
http {
    access_log off;
    client_body_temp_path %(directory)s/body;
    proxy_temp_path %(directory)s/proxy;
    fastcgi_temp_path %(directory)s/fastcgi;
    uwsgi_temp_path %(directory)s/uwsgi;
    scgi_temp_path %(directory)s/scgi;
%(example)s
}
'''


class Proxy:
    """What is before the service: started with the example of the documentation, whose names are changed to real ones."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.issuer = 'https://localhost:%d' % self.port
        self.socket = os.path.join(directory, 'http')
        self.certificate, self.key = self.make_certificate()
        self.tls = ssl.create_default_context(cafile=self.certificate)

    def make_certificate(self):
        paths = [os.path.join(self.directory, name) for name in ('cert.pem', 'key.pem')]
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-out', paths[0], '-keyout', paths[1]],
                       check=True, capture_output=True)
        return paths

    def read_example(self):
        with open(os.path.join(DOCS, self.example), encoding='utf-8') as file:
            text = file.read()
        for example, real in self.names() + [('/etc/ssl/certs/id.example.org.pem', self.certificate),
                                             ('/etc/ssl/private/id.example.org.key', self.key)]:
            if example not in text:
                raise RuntimeError('the example no longer says: ' + example)
            text = text.replace(example, real)
        return text

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def start(self):
        with open(os.path.join(self.directory, 'output'), 'wb') as output:
            environment = {**os.environ, 'HOME': self.directory}
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, env=environment)
        return wait_until_it_answers(self.process, self.metadata, self.complaints)

    def complaints(self):
        texts = []
        for name in ('output', 'error.log'):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, encoding='utf-8', errors='replace') as log:
                    texts.append(log.read())
        return '\n'.join(texts)

    def metadata(self):
        connection = http.client.HTTPSConnection('localhost', self.port, timeout=tap.PATIENCE, context=self.tls)
        connection.request('GET', '/.well-known/oauth-authorization-server')
        return connection.getresponse().read()

    def stop(self):
        self.process.terminate()
        self.process.wait(tap.PATIENCE)


class Nginx(Proxy):
    name = 'nginx'
    example = 'nginx.conf.example'

    def names(self):
        return [('unix:/run/tessera/http', 'unix:' + self.socket), ('listen 443 ssl', 'listen 127.0.0.1:%d ssl' % self.port),
                ('id.example.org;', 'localhost;')]

    def command(self):
        text = AROUND_NGINX % dict(directory=self.directory, example=self.read_example())
        return ['nginx', '-c', self.write('nginx.conf', text), '-p', self.directory]


class Caddy(Proxy):
    name = 'caddy'
    example = 'Caddyfile.example'

    def names(self):
        return [('unix//run/tessera/http', 'unix/' + self.socket), ('\nid.example.org {', '\nhttps://localhost:%d {' % self.port)]

    def command(self):
        text = '{\n\tadmin off\n\tauto_https disable_redirects\n}\n' + self.read_example()
        return ['caddy', 'run', '--adapter', 'caddyfile', '--config', self.write('Caddyfile', text)]


def log_in(report, service, browser, client, name):
    verifier = new_verifier()
    url = service.authorization_url(client, redirect_uri=REDIRECT, scope='api:read', code_challenge=challenge_of(verifier))
    last = browser.authorize(browser.issuer + url, 'alice', service.users['alice'])
    report.line(last.status == 303 and last.location.startswith(REDIRECT), name + ': login, consent and redirect')
    report.line('__Host-tessera-session' in browser.cookies, name + ': cookies carry __Host-, although the socket behind has no TLS')
    code = parameters_of(last.location)['code']
    answer = browser.post('/token', {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': REDIRECT,
                                     'code_verifier': verifier, 'client_id': client.id})
    report.line(answer.status == 200 and 'access_token' in answer.json(), name + ': the code is redeemed')


def walk(report, service, proxy):
    name = proxy.name
    try:
        metadata = proxy.start()
        report.line(b'"issuer":"%s"' % proxy.issuer.encode() in metadata, name + ': the metadata names the issuer of the configuration')
        browser = Browser(proxy.issuer, tls=proxy.tls)
        log_in(report, service, browser, service.clients['interop-public'], name)
        paths = ('/token', '/x%2F..%2Ftoken', '/%74oken', '/x/%2E%2e/token', '/%2e/token')
        direct, *disguised = (browser.post(path, {'grant_type': 'none'}) for path in paths)
        report.line(direct.status == 401 and all(b'error' not in answer.body and answer.status in (400, 404) for answer in disguised),
                    name + ': a path comes through undecoded, so that one in disguise reaches no endpoint')
    finally:
        proxy.stop()


def run(report, make):
    with tempfile.TemporaryDirectory(prefix='tessera-proxy-') as directory:
        proxy = make(directory)
        listener = '[listener proxy]\naddress=unix:%s\ntrusted-proxies=unix;\n' % proxy.socket
        report.run(walk, proxy, issuer=proxy.issuer, sections=listener)


report = Report()
for make in (Nginx, Caddy):
    if report.finds(make.name, 'openssl'):
        run(report, make)
report.end()
