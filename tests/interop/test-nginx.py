#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The documentation's nginx configuration: TLS there, a unix socket behind it, a whole code flow through it."""
import http.client
import os
import ssl
import subprocess
import tempfile
import time

from interop import HERE, REDIRECT, InteropService, Report, free_port
from browser import Browser
from tessera_fixture import challenge_of, new_verifier, parameters_of

EXAMPLE = os.path.join(HERE, '..', '..', 'docs', 'nginx.conf.example')


def make_certificate(directory):
    certificate, key = os.path.join(directory, 'cert.pem'), os.path.join(directory, 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate],
                   check=True, capture_output=True)
    return certificate, key


def write_configuration(directory, port, unix, certificate, key):
    with open(EXAMPLE, encoding='utf-8') as file:
        text = file.read()
    for example, real in (('unix:/run/tessera/http', 'unix:' + unix), ('listen 443 ssl http2', 'listen 127.0.0.1:%d ssl http2' % port),
                          ('id.example.org;', 'localhost;'), ('/etc/ssl/certs/id.example.org.pem', certificate),
                          ('/etc/ssl/private/id.example.org.key', key)):
        if example not in text:
            raise SystemExit('the example no longer says: ' + example)
        text = text.replace(example, real)
    path = os.path.join(directory, 'nginx.conf')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('daemon off; pid %s/nginx.pid; error_log %s/error.log; user root;\nevents {}\nhttp { access_log off;\n%s\n}\n'
                   % (directory, directory, text))
    return path


def wait_for(port, context):
    for _ in range(500):
        try:
            connection = http.client.HTTPSConnection('localhost', port, timeout=5, context=context)
            connection.request('GET', '/.well-known/oauth-authorization-server')
            return connection.getresponse().read()
        except OSError:
            time.sleep(0.02)
    raise SystemExit('nginx does not answer')


report = Report()
directory = tempfile.mkdtemp(prefix='tessera-nginx-')
port, unix = free_port(), os.path.join(directory, 'http')
certificate, key = make_certificate(directory)
context = ssl.create_default_context(cafile=certificate)
issuer = 'https://localhost:%d' % port
service = InteropService(tokens='[listener proxy]\naddress=unix:%s\n' % unix, issuer=issuer).start()
nginx = subprocess.Popen(['/usr/sbin/nginx', '-c', write_configuration(directory, port, unix, certificate, key), '-p', directory],
                         stderr=subprocess.DEVNULL)
metadata = wait_for(port, context)
report.line(('"issuer":"%s"' % issuer).encode() in metadata, 'nginx: the metadata comes through, with the issuer of the configuration')

browser = Browser(issuer, tls=context)
verifier = new_verifier()
url = service.authorization_url(service.clients['interop-public'], redirect_uri=REDIRECT, scope='api:read',
                                code_challenge=challenge_of(verifier))
last = browser.authorize(issuer + url, 'alice', service.users['alice'])
report.line(last.status == 303 and last.location.startswith(REDIRECT), 'nginx: login, consent and redirect')
report.line('__Host-tessera-session' in browser.cookies, 'nginx: cookies carry __Host-, although the socket behind has no TLS')
answer = browser.post('/token', {'grant_type': 'authorization_code', 'code': parameters_of(last.location)['code'], 'redirect_uri': REDIRECT,
                                 'code_verifier': verifier, 'client_id': 'interop-public'})
report.line(answer.status == 200 and 'access_token' in answer.json(), 'nginx: the code is redeemed')
report.line(browser.get('/%74oken').status == 404, 'nginx: an encoded path is not decoded on the way')
nginx.terminate()
nginx.wait(10)
report.end(service)
