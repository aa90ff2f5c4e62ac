#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Apache's mod_auth_openidc with the configuration of the documentation: a site behind a login, found by our discovery document. The person's browser is
requests with the cookies of both."""
import os
import shutil
import subprocess
import tempfile
import urllib.parse

import relying_party
from browser import Page, Response
from elsewhere import Authority, section
from interop import HERE, Report, tap, wait_until_it_answers
from tessera_fixture import free_port

try:
    import requests
    MISSING = None
except ImportError as error:
    MISSING = str(error)

FOLDER = '/usr/lib/apache2/modules'
MODULES = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'headers', 'socache_shmcb', 'ssl', 'auth_openidc']
EXAMPLE = os.path.join(HERE, '..', '..', 'docs', 'apache-openidc.conf.example')
AROUND = '''ServerRoot %(directory)s
ServerName 127.0.0.1
Listen 127.0.0.1:%(port)d
PidFile %(directory)s/httpd.pid
DefaultRuntimeDir %(directory)s
Mutex file:%(directory)s default
ErrorLog %(directory)s/error.log
LogLevel warn
KeepAlive Off
MaxSpareThreads 400
User www-data
Group www-data
%(modules)s
DocumentRoot %(directory)s/site
<Directory %(directory)s/site>
    Require all granted
</Directory>
%(example)s
OIDCProviderTokenEndpointAuth %(method)s
OIDCIDTokenSignedResponseAlg %(algorithm)s
OIDCResponseMode %(mode)s
OIDCInfoHook access_token access_token_expires id_token userinfo refresh_token session
<Location /private>
    Header always set Seen-User "expr=%%{REMOTE_USER}"
    Header always set Seen-Issuer "%%{OIDC_CLAIM_iss}e"
</Location>
<Location /private/fresh>
    OIDCRefreshAccessTokenBeforeExpiry 100000 logout_on_error
</Location>
<Location /private/bob>
    Require user bob
</Location>
# Where the service tells that somebody signed out: it goes to https alone.
Listen 127.0.0.1:%(tls_port)d
<VirtualHost 127.0.0.1:%(tls_port)d>
    SSLEngine on
    SSLCertificateFile %(certificates)s/site.pem
    SSLCertificateKeyFile %(certificates)s/site-key.pem
</VirtualHost>
'''


# The answers of one of them are posted.
MODES = {'rp-basic': 'form_post', 'rp-post': 'query', 'rp-public': 'query'}


class Site:
    def __init__(self, service, client, directory, ports):
        port, tls_port = ports
        self.service, self.client, self.directory = service, client, directory
        self.mode = MODES[client.id]
        self.origin = 'http://127.0.0.1:%d' % port
        os.chmod(directory, 0o755)
        for folder in ('site', 'site/private', 'site/private/bob', 'site/private/fresh'):
            os.mkdir(os.path.join(directory, folder))
            with open(os.path.join(directory, folder, 'index.html'), 'w', encoding='ascii') as file:
                file.write('seen: ' + folder)
        modules = '\n'.join('LoadModule %s_module %s/mod_%s.so' % (name, FOLDER, name) for name in MODULES)
        self.config = os.path.join(directory, 'apache.conf')
        with open(self.config, 'w', encoding='ascii') as file:
            file.write(AROUND % dict(directory=directory, port=port, tls_port=tls_port, certificates=authority.folder, modules=modules, example=self.example(), method=client.method,
                                     algorithm=client.keys.get('id_token_signed_response_alg', 'RS256'), mode=self.mode))

    def example(self):
        """That of the documentation, with the names of here."""
        with open(EXAMPLE, encoding='utf-8') as file:
            text = ''.join(line for line in file if not line.startswith('#'))
        secret = 'OIDCClientSecret %s\n' % self.client.secret if self.client.secret else ''
        for shown, real in (('https://id.example.org', self.service.issuer), ('OIDCClientID wiki', 'OIDCClientID ' + self.client.id),
                            ('OIDCClientSecret SECRET\n', secret), ('https://wiki.example.org', self.origin), ('PASSPHRASE', 'interop-' * 4),
                            ('openid profile email', relying_party.SCOPE)):
            if shown not in text:
                raise RuntimeError('the example no longer says: ' + shown)
            text = text.replace(shown, real)
        return text

    def start(self):
        self.output = open(os.path.join(self.directory, 'output'), 'w+', encoding='utf-8')
        self.process = subprocess.Popen(['apache2', '-D', 'FOREGROUND', '-f', self.config], stdout=self.output, stderr=subprocess.STDOUT)
        # What requests raises is an OSError, too.
        return wait_until_it_answers(self.process, lambda: requests.get(self.origin + '/', timeout=tap.PATIENCE), self.said)

    def said(self):
        told = ''
        for name in ('output', 'error.log'):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, encoding='utf-8', errors='replace') as file:
                    told += file.read()[-3000:]
        return told

    def stop(self):
        self.process.terminate()
        self.process.wait(tap.PATIENCE)
        self.output.close()


class Person:
    """A browser that keeps the cookies of the site and of the issuer."""

    def __init__(self, service, username='alice', decision='allow'):
        self.service, self.username, self.decision = service, username, decision
        self.session = requests.Session()
        self.seen = []

    def get(self, url):
        return self.session.get(url, timeout=tap.PATIENCE)

    def visit(self, url):
        """Through whatever is in the way."""
        answer = self.get(url)
        for field, values in (('password', dict(username=self.username, password=self.service.users[self.username])), ('decision', dict(decision=self.decision))):
            form = page_of(answer).form_with(field)
            if form is None:
                continue
            self.seen.append(field)
            target = urllib.parse.urljoin(answer.url, form.action)
            answer = self.session.post(target, form.values(**values), headers={'Origin': self.service.issuer}, timeout=tap.PATIENCE)
        return self.bring_back(answer)

    def bring_back(self, answer):
        """Where the answer is a page whose form goes to the site, as with response_mode=form_post."""
        for form in page_of(answer).forms if answer.url.startswith(self.service.issuer) else []:
            if not form.action.startswith(('/', self.service.issuer)):
                self.seen.append('form_post')
                return self.session.post(form.action, form.values(), headers={'Origin': self.service.issuer}, timeout=tap.PATIENCE)
        return answer


def page_of(answer):
    return Page(Response(answer.url, answer.status_code, list(answer.headers.items()), answer.content))


class Walk:
    def __init__(self, report, service, site):
        self.report, self.service, self.site = report, service, site
        self.back = site.origin + '/private/back'
        self.person = Person(service)

    def step(self, name, function):
        return self.report.step('mod_auth_openidc as %s: %s' % (self.site.client.id, name), function)

    def info(self, person=None):
        answer = (person or self.person).get(self.back + '?info=json')
        return answer.json() if answer.status_code == 200 else None

    def run(self):
        if not self.step('who comes is sent to us, logs in, and is back where the way began', self.log_in):
            return
        self.step('the site knows who it is', self.know)
        self.step('userinfo was asked and is about the same person', lambda: self.info()['userinfo']['sub'] == 'alice')
        self.step('nobody is asked again', self.come_again)
        self.step('a place for bob alone is closed to alice', lambda: self.person.get(self.site.origin + '/private/bob/').status_code in (401, 403))
        self.step('the keys are rotated twice', self.rotate)
        self.step('bob comes in there, by a key that was not known before', self.let_bob_in)
        self.step('who is signed in here, and no more at the site, needs no password', self.enter_silently)
        self.step('a made-up answer is refused', self.refuse_forgery)
        self.step('refresh: another access token', self.refresh)
        self.step('who says no does not come in', self.say_no)
        self.step('a place that wants fresh tokens gets them', self.refresh_at_each_visit)
        self.step('a grant that was revoked refreshes no more', self.refuse_refresh)
        self.step('and the place that wants fresh tokens ends the session', self.end_session)
        self.step('logout at the site ends its session and ours, revokes what it had, and leads back', self.log_out)
        self.step('logout at the service: the site is told, and its session is over', self.log_out_here)

    def log_in(self):
        answer = self.person.visit(self.site.origin + '/private/')
        is_posted = 'form_post' in self.person.seen
        return answer.url == self.site.origin + '/private/' and answer.text == 'seen: site/private' and 'password' in self.person.seen and is_posted == (self.site.mode == 'form_post')

    def know(self):
        headers = self.person.get(self.site.origin + '/private/').headers
        return headers['Seen-User'].partition('@')[0] == 'alice' and headers['Seen-Issuer'] == self.service.issuer

    def come_again(self):
        return not self.person.get(self.site.origin + '/private/').history

    def rotate(self):
        return all([relying_party.rotate_keys(self.service), relying_party.rotate_keys(self.service)])

    def let_bob_in(self):
        return Person(self.service, 'bob').visit(self.site.origin + '/private/bob/').text == 'seen: site/private/bob'

    def enter_silently(self):
        for cookie in list(self.person.session.cookies):
            if cookie.name.startswith('mod_auth_openidc'):
                self.person.session.cookies.clear(cookie.domain, cookie.path, cookie.name)
        self.person.seen.clear()
        answer = self.person.visit(self.site.origin + '/private/')
        return answer.text == 'seen: site/private' and 'password' not in self.person.seen

    def refuse_forgery(self):
        fresh = Person(self.service)
        fresh.session.get(self.site.origin + '/private/', allow_redirects=False, timeout=tap.PATIENCE)
        answer = fresh.get(self.back + '?code=made-up&state=made-up&iss=' + urllib.parse.quote(self.service.issuer))
        return answer.status_code >= 400 and fresh.get(self.back + '?info=json').status_code == 401

    def refresh(self):
        before = self.info()
        goal = self.site.origin + '/private/'
        answer = self.person.get(self.back + '?' + urllib.parse.urlencode(dict(refresh=goal, access_token=before['access_token'])))
        after = self.info()
        return answer.url == goal and after['access_token'] != before['access_token'] and after['refresh_token'] != before['refresh_token']

    def say_no(self):
        """2.4.12 takes the answer for the begin of a login elsewhere, since it has iss (RFC 9207); no more is said then."""
        eve = Person(self.service, 'eve', decision='deny')
        answer = eve.visit(self.site.origin + '/private/')
        return 'decision' in eve.seen and 'seen:' not in answer.text and self.info(eve) is None

    def refresh_at_each_visit(self):
        before = self.info()['access_token']
        text = self.person.get(self.site.origin + '/private/fresh/').text
        return text == 'seen: site/private/fresh' and self.info()['access_token'] != before

    def refuse_refresh(self):
        self.service.revoke(self.info()['refresh_token'], self.site.client)
        goal = self.site.origin + '/private/'
        answer = self.person.get(self.back + '?' + urllib.parse.urlencode(dict(refresh=goal, access_token=self.info()['access_token'])))
        return answer.url == goal + '?error_code=refresh_failed'

    def end_session(self):
        answer = self.person.session.get(self.site.origin + '/private/fresh/', allow_redirects=False, timeout=tap.PATIENCE)
        return answer.text != 'seen: site/private/fresh' and self.info() is None

    def log_out(self):
        person = Person(self.service)
        person.visit(self.site.origin + '/private/')
        had = self.info(person)
        answer = person.get(self.back + '?' + urllib.parse.urlencode(dict(logout=self.site.origin + '/')))
        is_back = answer.url == self.site.origin + '/'
        asked = page_of(person.get(self.site.origin + '/private/')).form_with('password') is not None
        refused = self.service.refresh(had['refresh_token'], self.site.client)
        return is_back and asked and refused.status == 400 and refused.json()['error'] == 'invalid_grant'

    def log_out_here(self):
        person = Person(self.service)
        person.visit(self.site.origin + '/private/')
        stays = Person(self.service, 'bob')
        stays.visit(self.site.origin + '/private/')
        answer = person.get(self.service.issuer + '/logout')
        person.session.post(answer.url, page_of(answer).form_with('csrf').values(), headers={'Origin': self.service.issuer}, timeout=tap.PATIENCE)
        tap.until(lambda: self.info(person) is None, 'the end of the session', 0.05)
        return self.info(stays) is not None


def clients(ports):
    names = dict(redirect='http://127.0.0.1:%d/private/back' % ports[0], after_logout='http://127.0.0.1:%d/' % ports[0])
    return relying_party.clients(**names, backchannel_logout_uri='https://127.0.0.1:%d/private/back?logout=backchannel' % ports[1])


def walk(report, service, ports):
    for client in relying_party.clients():
        with tempfile.TemporaryDirectory(prefix='tessera-site-') as directory:
            site = Site(service, service.clients[client.id], directory, ports)
            try:
                site.start()
                Walk(report, service, site).run()
            finally:
                site.stop()
                if not report.good:
                    report.comment(site.said())


report = Report()
os.environ['PATH'] += ':/usr/sbin'
if MISSING:
    report.skip('mod_auth_openidc', MISSING)
elif shutil.which('apache2') and os.path.exists(FOLDER + '/mod_auth_openidc.so'):
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix='tessera-authority-') as folder:
        authority = Authority(folder)
        report.run(walk, ports, more=clients(ports), sections='[tokens]\nreplay-window=0\n' + section(authority))
else:
    report.skip('mod_auth_openidc', 'libapache2-mod-auth-openidc is not installed')
report.end()
