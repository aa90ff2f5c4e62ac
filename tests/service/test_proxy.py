#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Behind nginx, with the configuration that the documentation gives."""

import base64
import http.client
import json
import os
import shutil
import ssl
import subprocess
import urllib.parse

from workshop import ROOT, SECRET, Process, Workshop, free_port, server_lines
import tap
from tap import test, until

NGINX = shutil.which('nginx', path='/usr/sbin:/usr/bin')


def nginx_configuration(workshop, port):
    """docs/nginx.conf.example with the names of this machine."""
    with open(os.path.join(ROOT, 'docs', 'nginx.conf.example'), encoding='utf-8') as file:
        example = file.read()
    for there, here in (
            ('unix:/run/tessera/http', 'unix:' + workshop.path('sock')),
            ('listen 443 ssl', 'listen 127.0.0.1:%d ssl' % port),
            ('server_name id.example.org', 'server_name 127.0.0.1'),
            ('/etc/ssl/certs/id.example.org.pem', workshop.path('cert.pem')),
            ('/etc/ssl/private/id.example.org.key', workshop.path('key.pem'))):
        tap.contains(example, there)
        example = example.replace(there, here)
    folders = ''.join('%s_temp_path %s;\n' % (name, workshop.path('nginx-' + name)) for name in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    return 'daemon off;\nmaster_process off;\npid %s;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n' % (workshop.path('nginx.pid'), folders, example)


def make_certificate(workshop):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1',
                    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', workshop.path('key.pem'), '-out', workshop.path('cert.pem')],
                   check=True, stderr=subprocess.DEVNULL)


class Proxied:
    def __init__(self, workshop):
        if NGINX is None:
            tap.skip('nginx is not installed')
        self.port = free_port()
        self.issuer = 'https://127.0.0.1:%d' % self.port
        make_certificate(workshop)
        workshop.write('people', '')
        self.service = workshop.start(
            '[server]\nissuer=%s\nstate-directory=state\n%s[listener proxy]\naddress=unix:sock\ntrusted-proxies=unix;\n'
            % (self.issuer, server_lines())
            + workshop.machine('machine', 'redirect_uris=https://c1.test/cb;\n').replace('client_credentials;', 'client_credentials;authorization_code;'))
        # nginx drops root's privileges; the socket is for owner and group only.
        os.chmod(workshop.folder, 0o755)
        os.chmod(workshop.path('sock'), 0o666)
        config = workshop.write('nginx.conf', nginx_configuration(workshop, self.port))
        self.nginx = Process([NGINX, '-p', workshop.folder, '-c', config, '-e', 'stderr'], workshop.environment(), workshop.folder)
        workshop.processes.append(self.nginx)
        self.context = ssl.create_default_context(cafile=workshop.path('cert.pem'))
        until(self.is_answering, 'nginx\n' + self.nginx.text)

    def is_answering(self):
        tap.check(self.nginx.is_running(), self.nginx.text)
        try:
            return self.request('GET', '/.well-known/oauth-authorization-server')[0] == 200
        except OSError:
            return False

    def request(self, method, path, fields=None, headers=None):
        connection = http.client.HTTPSConnection('127.0.0.1', self.port, context=self.context, timeout=30)
        headers = dict(headers or {})
        if fields is not None:
            headers['Content-Type'] = 'application/x-www-form-urlencoded'
            headers['Authorization'] = 'Basic ' + base64.b64encode(('machine:' + SECRET).encode()).decode()
        connection.request(method, path, urllib.parse.urlencode(fields) if fields is not None else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body


@test('nginx: metadata, a token, introspection and revocation, over TLS and a unix socket')
def _():
    with Workshop() as workshop:
        proxied = Proxied(workshop)
        metadata = json.loads(proxied.request('GET', '/.well-known/oauth-authorization-server')[2])
        tap.equal(metadata['issuer'], proxied.issuer)
        tap.equal(metadata['token_endpoint'], proxied.issuer + '/token')
        for _ in range(30):  # over the connections that nginx keeps
            status, _headers, body = proxied.request('POST', '/token', {'grant_type': 'client_credentials', 'scope': 'a'})
            tap.equal(status, 200, body.decode())
        token = json.loads(body)['access_token']
        tap.contains(proxied.request('POST', '/introspect', {'token': token})[2], b'"active":true')
        tap.equal(proxied.request('POST', '/revoke', {'token': token})[0], 200)
        tap.equal(proxied.request('POST', '/introspect', {'token': token})[2], b'{"active":false}')
        tap.equal(proxied.service.stop(), 0, proxied.service.text)


@test('nginx: the log and the throttle know the address of the client')
def _():
    with Workshop() as workshop:
        proxied = Proxied(workshop)
        headers = {'Content-Type': 'application/x-www-form-urlencoded', 'X-Forwarded-For': '192.0.2.1'}
        status, _headers, _body = proxied.request('POST', '/introspect', {'token': 'x'}, headers)
        tap.equal(status, 200)
        status, _headers, body = proxied.request('POST', '/token', {'grant_type': 'nonsense'}, headers)
        tap.equal(status, 400, body.decode())
        proxied.service.wait_for('refused')
        tap.contains(proxied.service.text, 'from="127.0.0.1"')
        tap.lacks(proxied.service.text, '192.0.2.1')
        tap.equal(proxied.service.stop(), 0, proxied.service.text)


@test('nginx: cookies of the pages are those of https')
def _():
    with Workshop() as workshop:
        proxied = Proxied(workshop)
        query = urllib.parse.urlencode({'response_type': 'code', 'client_id': 'machine', 'redirect_uri': 'https://c1.test/cb', 'scope': 'a', 'state': 'S',
                                        'code_challenge': 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', 'code_challenge_method': 'S256'})
        status, headers, _body = proxied.request('GET', '/authorize?' + query, headers={'Host': 'evil.test'})
        tap.one_of(status, (200, 303))
        cookies = headers.get_all('Set-Cookie') or []
        tap.check(cookies, 'no cookie')
        for cookie in cookies:
            tap.check(cookie.startswith('__Host-') and '; Secure' in cookie, cookie)
        tap.lacks(headers.get('Location') or '', 'evil.test')
        tap.equal(proxied.service.stop(), 0, proxied.service.text)


if __name__ == '__main__':
    tap.main()
