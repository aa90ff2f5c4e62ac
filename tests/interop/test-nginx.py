#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documentation's nginx configuration: TLS there, a unix socket behind it, a whole code flow through it."""
import http.client
import os
import ssl
import subprocess
import tempfile
import time

from interop import HERE, REDIRECT, Report
from browser import Browser
from tessera_fixture import challenge_of, free_port, new_verifier, parameters_of

EXAMPLE = os.path.join(HERE, '..', '..', 'docs', 'nginx.conf.example')
AROUND = '''daemon off;
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


class Nginx:
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

    def write_configuration(self):
        with open(EXAMPLE, encoding='utf-8') as file:
            text = file.read()
        for example, real in (
            ('unix:/run/tessera/http', 'unix:' + self.socket),
            ('listen 443 ssl', 'listen 127.0.0.1:%d ssl' % self.port),
            ('id.example.org;', 'localhost;'),
            ('/etc/ssl/certs/id.example.org.pem', self.certificate),
            ('/etc/ssl/private/id.example.org.key', self.key),
        ):
            if example not in text:
                raise RuntimeError('the example no longer says: ' + example)
            text = text.replace(example, real)
        path = os.path.join(self.directory, 'nginx.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(AROUND % dict(directory=self.directory, example=text))
        return path

    def start(self):
        self.process = subprocess.Popen(['nginx', '-c', self.write_configuration(), '-p', self.directory],
                                        stderr=subprocess.DEVNULL)
        for _ in range(1000):
            if self.process.poll() is not None:
                with open(os.path.join(self.directory, 'error.log'), encoding='utf-8') as log:
                    raise RuntimeError('nginx ended: ' + log.read())
            try:
                return self.metadata()
            except OSError:
                time.sleep(0.02)
        raise RuntimeError('nginx does not answer')

    def metadata(self):
        connection = http.client.HTTPSConnection('localhost', self.port, timeout=5, context=self.tls)
        connection.request('GET', '/.well-known/oauth-authorization-server')
        return connection.getresponse().read()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def log_in(report, service, browser, client):
    verifier = new_verifier()
    url = service.authorization_url(client, redirect_uri=REDIRECT, scope='api:read', code_challenge=challenge_of(verifier))
    last = browser.authorize(browser.issuer + url, 'alice', service.users['alice'])
    report.line(last.status == 303 and last.location.startswith(REDIRECT), 'nginx: login, consent and redirect')
    report.line('__Host-tessera-session' in browser.cookies, 'nginx: cookies carry __Host-, although the socket behind has no TLS')
    code = parameters_of(last.location)['code']
    answer = browser.post('/token', {'grant_type': 'authorization_code', 'code': code, 'redirect_uri': REDIRECT,
                                     'code_verifier': verifier, 'client_id': client.id})
    report.line(answer.status == 200 and 'access_token' in answer.json(), 'nginx: the code is redeemed')


def walk(report, service, nginx):
    try:
        metadata = nginx.start()
        report.line(b'"issuer":"%s"' % nginx.issuer.encode() in metadata, 'nginx: the metadata names the issuer of the configuration')
        browser = Browser(nginx.issuer, tls=nginx.tls)
        log_in(report, service, browser, service.clients['interop-public'])
        direct, disguised = (browser.post(path, {'grant_type': 'none'}) for path in ('/token', '/x%2F..%2Ftoken'))
        report.line(direct.status == 401 and b'error' not in disguised.body and disguised.status in (400, 404),
                    'nginx: a path comes through undecoded, so that one in disguise reaches no endpoint')
    finally:
        nginx.stop()


def run(report, directory):
    nginx = Nginx(directory)
    proxy = '[listener proxy]\naddress=unix:%s\ntrusted-proxies=unix;\n' % nginx.socket
    report.run(walk, nginx, issuer=nginx.issuer, sections=proxy)


report = Report()
if report.finds('nginx', 'openssl'):
    with tempfile.TemporaryDirectory(prefix='tessera-nginx-') as directory:
        run(report, directory)
report.end()
