#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Proxies that ask us about each token, with the configurations of the documentation: nginx by auth_request and
Caddy by forward_auth at the check endpoint, Apache's mod_oauth2 by introspection. A revoked token is refused at once."""
import http.client
import http.server
import os
import shutil
import subprocess
import tempfile
import threading

from interop import AUDIENCE, HERE, OTHER_AUDIENCE, Report, tap, wait_until_it_answers
from tessera_fixture import PASSWORDS, free_port

DOCS = os.path.join(HERE, '..', '..', 'docs')
TOLD = ('Tessera-Subject', 'Tessera-Client-Id', 'Tessera-Scope')
UNDERSCORED = tuple(name.replace('-', '_') for name in TOLD)  # which WSGI and CGI take for the same
ODD = 'eve "x" \\ %'
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
AROUND_APACHE = '''ServerRoot %(directory)s
ServerName localhost
Listen 127.0.0.1:%(port)d
PidFile %(directory)s/httpd.pid
DefaultRuntimeDir %(directory)s
Mutex file:%(directory)s default
ErrorLog %(directory)s/error.log
User www-data
Group www-data
%(modules)s
%(example)s
'''
APACHE_MODULES = ['mpm_event', 'authn_core', 'authz_core', 'proxy', 'proxy_http', 'headers', 'rewrite', 'oauth2']
APACHE_FOLDER = '/usr/lib/apache2/modules'


class Behind(http.server.BaseHTTPRequestHandler):
    """What is protected: tells what reached it."""

    def do_GET(self):
        names = (*TOLD, *UNDERSCORED, 'OAUTH2_CLAIM_sub', 'OAuth2-Claim-sub', 'OAUTH2_CLAIM_scope', 'Authorization')
        body = '\n'.join('%s: %s' % (name, self.headers[name]) for name in names if self.headers[name] is not None).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


class Proxy:
    def __init__(self, directory):
        self.directory, self.port = directory, free_port()
        self.socket = os.path.join(directory, 'http')
        self.behind = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Behind)
        threading.Thread(target=self.behind.serve_forever, daemon=True).start()

    def example(self, service):
        with open(os.path.join(DOCS, self.file), encoding='utf-8') as file:
            text = file.read()
        for shown, real in self.names(service) + [('127.0.0.1:9000', '127.0.0.1:%d' % self.behind.server_address[1])]:
            if shown not in text:
                raise RuntimeError('the example no longer says: ' + shown)
            text = text.replace(shown, real)
        return text

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def start(self, service):
        self.log = open(os.path.join(self.directory, 'output'), 'w+', encoding='utf-8')
        self.process = subprocess.Popen(self.command(service), stdout=self.log, stderr=subprocess.STDOUT)
        return wait_until_it_answers(self.process, self.ask, self.read_log)

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def ask(self, token=None, target='/', method='GET', body=None, **headers):
        if token:
            headers['Authorization'] = 'Bearer ' + token
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=tap.PATIENCE)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read().decode('utf-8', 'replace')
        connection.close()
        return answer

    def complain(self, report):
        path = os.path.join(self.directory, 'error.log')
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as file:
                report.comment(file.read()[-3000:])

    def stop(self):
        self.process.terminate()
        self.process.wait(tap.PATIENCE)
        self.log.close()
        self.behind.shutdown()
        self.behind.server_close()


class Nginx(Proxy):
    name, file = 'nginx', 'nginx-check.conf.example'
    alone = (500,)  # what it says when the service is not there
    told = TOLD + UNDERSCORED

    def names(self, service):
        certificates = '    ssl_certificate     /etc/ssl/certs/api.example.org.pem;\n    ssl_certificate_key /etc/ssl/private/api.example.org.key;\n'
        return [('unix:/run/tessera/http;\n    keepalive', 'unix:%s;\n    keepalive' % self.socket), ('listen 443 ssl', 'listen 127.0.0.1:%d' % self.port),
                (certificates, ''), ('https%3A%2F%2Fapi.example.org', AUDIENCE.replace(':', '%3A')), ('scope=read', 'scope=api%3Aread')]

    def command(self, service):
        text = AROUND_NGINX % dict(directory=self.directory, example=self.example(service))
        return ['nginx', '-c', self.write('nginx.conf', text), '-p', self.directory]


class Caddy(Proxy):
    name, file = 'caddy', 'Caddyfile-check.example'
    alone = (502,)
    told = TOLD + UNDERSCORED

    def names(self, service):
        return [('forward_auth unix//run/tessera/http', 'forward_auth unix/' + self.socket), ('api.example.org {\n\t#', 'http://127.0.0.1:%d {\n\t#' % self.port),
                ('https%3A%2F%2Fapi.example.org', AUDIENCE.replace(':', '%3A')), ('scope=read', 'scope=api%3Aread')]

    def command(self, service):
        os.environ['HOME'] = self.directory  # where it keeps what it needs
        text = '{\n\tadmin off\n\tauto_https off\n}\n' + self.example(service)
        return ['caddy', 'run', '--adapter', 'caddyfile', '--config', self.write('Caddyfile', text)]


class Apache(Proxy):
    name, file = 'apache', 'apache-oauth2.conf.example'
    alone = (401, 500)
    told = ('OAUTH2_CLAIM_sub', 'OAuth2-Claim-sub', 'OAUTH2_CLAIM_scope')

    def names(self, service):
        client = service.clients['interop-rs']
        return [('introspect https://id.example.org/introspect', 'introspect %s/introspect' % service.issuer), ('iss:https://id.example.org', 'iss:' + service.issuer),
                ('aud:https://api.example.org', 'aud:' + AUDIENCE), ('client_id=api-proxy', 'client_id=' + client.id),
                ('client_secret=SECRET', 'client_secret=' + client.secret), ('read( |$)', 'api:read( |$)')]

    def command(self, service):
        modules = '\n'.join('LoadModule %s_module %s/mod_%s.so' % (name, APACHE_FOLDER, name) for name in APACHE_MODULES)
        os.chmod(self.directory, 0o755)
        text = AROUND_APACHE % dict(directory=self.directory, port=self.port, modules=modules, example=self.example(service))
        return ['apache2', '-D', 'FOREGROUND', '-f', self.write('apache.conf', text)]


def hold(report, service, proxy):
    name, client = proxy.name, service.clients['interop-basic']
    token = service.machine_token(client, scope='api:read api:write')
    answer = proxy.ask(token)
    report.line(answer.status == 200 and client.id in answer.text, name + ': a good token comes through, and whose it is')
    report.comment(answer.text[:500])
    report.line('Bearer' not in answer.text, name + ': the token itself does not')
    report.line('root' not in proxy.ask(token, **dict.fromkeys(proxy.told, 'root')).text, name + ': what a client claims in the same headers is overwritten')
    bare = proxy.ask()
    report.line(bare.status == 401 and (bare.getheader('WWW-Authenticate') or '').startswith('Bearer'), name + ': no token gets 401 and a challenge')
    report.line(proxy.ask(token[:-6] + 'AAAAAA').status == 401, name + ': a changed signature is refused')
    report.line(proxy.ask(None, '/?access_token=' + token).status == 401, name + ': a token in the query is none')
    lacking = service.machine_token(client, scope='api:write')
    report.line(proxy.ask(lacking).status in (401, 403), name + ': a token without the scope is refused')
    report.line(proxy.ask(lacking, '/?scope=api:write&audience=x').status in (401, 403), name + ': the query of the request changes nothing')
    other = service.machine_token(client, scope='api:read', resource=OTHER_AUDIENCE)
    report.line(proxy.ask(other).status in (401, 403), name + ': a token for another audience is refused')
    report.line(proxy.ask(token, '/x', 'POST', 'a=b' * 1000).status == 200, name + ': a request with a body comes through')
    proxy.hold_revocation(report, service, client, token)
    service.advance(3600)
    late = service.machine_token(client, scope='api:read')
    report.line(proxy.ask(late).status == 200, name + ': a new one is good')
    fresh = service.machine_token(client, scope='api:read')
    service.terminate()
    report.line(proxy.ask(fresh).status in proxy.alone, name + ': nobody comes through when the service is not there')
    service.start_again()


def revoke_at_once(self, report, service, client, token):
    name = self.name
    service.revoke(token, client)
    report.line(self.ask(token).status == 401, name + ': a revoked token is refused at once')
    tokens = service.tokens(service.clients['interop-public'], ODD, scope='api:read', browser=service.new_browser())
    told = self.ask(tokens['access_token']).text
    report.line('Tessera-Subject: eve%20"x"%20\\%20%25\n' in told, name + ': a name of any characters is one header')
    report.comment(told)
    service.revoke(tokens['refresh_token'], service.clients['interop-public'])
    report.line(self.ask(tokens['access_token']).status == 401, name + ': and so is one whose grant was revoked')
    if name == 'nginx':
        report.line(self.ask(None, '/_check').status == 404, 'nginx: the question itself cannot be asked from outside')
    code = self.ask(token, **{'Content-Length': '5'}, body='12345').status
    report.line(code == 401, name + ': a body changes nothing')


def revoke_within_a_second(self, report, service, client, token):
    fresh = service.machine_token(client, scope='api:read')
    service.revoke(fresh, client)
    report.line(self.ask(fresh).status == 401, 'apache: a revoked token is refused')
    service.revoke(token, client)
    report.step('apache: one that it has seen is refused when its second is over',
                lambda: tap.until(lambda: self.ask(token).status == 401, 'the refusal', 0.1))


Nginx.hold_revocation = Caddy.hold_revocation = revoke_at_once
Apache.hold_revocation = revoke_within_a_second


def walk(report, service, proxy):
    try:
        proxy.start(service)
        hold(report, service, proxy)
    finally:
        if not report.good:
            proxy.complain(report)
        proxy.stop()


def run(report, make):
    with tempfile.TemporaryDirectory(prefix='tessera-proxy-') as directory:
        proxy = make(directory)
        listener = '[listener proxy]\naddress=unix:%s\ntrusted-proxies=unix;\n' % proxy.socket
        report.run(walk, proxy, sections=listener, endpoints='check-enabled=true', users=dict(PASSWORDS, **{ODD: 'odd-canary-Pw5'}))


report = Report()
for make in (Nginx, Caddy):
    if report.finds(make.name):
        run(report, make)
os.environ['PATH'] += ':/usr/sbin'
if shutil.which('apache2') and os.path.exists(APACHE_FOLDER + '/mod_oauth2.so'):
    run(report, Apache)
else:
    report.skip('apache', 'libapache2-mod-oauth2 is not installed')
report.end()
