#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A SoupSession with its cookie jar is the browser, as in a GNOME application without a web view: the jar
drops what a browser would drop (Secure over http, __Host- without Secure)."""
import json
import urllib.parse

from interop import REDIRECT, Report
from browser import Page, Response
from tessera_fixture import challenge_of, new_verifier, parameters_of

try:
    import gi
    gi.require_version('Soup', '3.0')
    from gi.repository import GLib, Soup
    MISSING = None
except (ImportError, ValueError) as error:
    MISSING = str(error)

FORM = 'application/x-www-form-urlencoded'


class SoupBrowser:
    def __init__(self):
        self.session = Soup.Session()
        self.jar = Soup.CookieJar()
        self.session.add_feature(self.jar)

    def send(self, url, fields=None):
        """The page that comes, redirects followed by the session; or where the browser is sent, as text."""
        message = Soup.Message.new('POST' if fields is not None else 'GET', url)
        message.connect('restarted', self.on_restarted)
        if fields is not None:
            message.set_request_body_from_bytes(FORM, GLib.Bytes.new(urllib.parse.urlencode(fields).encode()))
        self.left = None
        try:
            data = self.session.send_and_read(message, None).get_data() or b''
        except GLib.Error:
            if self.left is None:
                raise
        return self.left or Page(Response(message.get_uri().to_string(), message.get_status(), [], data))

    def on_restarted(self, message):
        """Nobody listens at the redirect URI; that it is asked for is what we want to see."""
        url = message.get_uri().to_string()
        if url.startswith(REDIRECT):
            self.left = url

    def submit(self, page, name, **values):
        form = page.form_with(name)
        return self.send(urllib.parse.urljoin(page.response.url, form.action), form.values(**values))

    def cookies(self):
        return sorted(cookie.get_name() for cookie in self.jar.all_cookies())


def log_in(report, service, browser, url):
    page = browser.send(url)
    report.line(page.form_with('password') is not None, 'soup: the login page comes')
    page = browser.submit(page, 'password', username='alice', password='wrong')
    report.line(page.form_with('password') is not None and 'tessera-session' not in browser.cookies(),
                'soup: a wrong password gives the login page again, and no session')
    page = browser.submit(page, 'password', username='alice', password=service.users['alice'])
    report.line(page.form_with('decision') is not None, 'soup: the consent page comes after the login')
    report.line('tessera-session' in browser.cookies(), 'soup: the jar keeps the session (%s)' % ', '.join(browser.cookies()))
    return browser.submit(page, 'decision', decision='allow')


def walk(report, service):
    browser, client, verifier = SoupBrowser(), service.clients['interop-public'], new_verifier()

    def url(challenge):
        return service.issuer + service.authorization_url(client, redirect_uri=REDIRECT, scope='api:read', code_challenge=challenge)

    back = log_in(report, service, browser, url(challenge_of(verifier)))
    report.line(isinstance(back, str) and 'code=' in back, 'soup: the session is sent back to the application with a code')
    tokens = browser.send(service.issuer + '/token', {
        'grant_type': 'authorization_code', 'code': parameters_of(back)['code'], 'redirect_uri': REDIRECT,
        'code_verifier': verifier, 'client_id': client.id})
    report.line('access_token' in json.loads(tokens.response.body), 'soup: the code is redeemed')

    page = browser.send(url(challenge_of(new_verifier())))
    report.line(page.form_with('password') is None and page.form_with('decision') is not None,
                'soup: the second time nobody asks for the password')
    page = browser.send(service.issuer + '/logout')
    page = browser.send(urllib.parse.urljoin(page.response.url, page.forms[0].action), page.forms[0].values())
    report.line('tessera-session' not in browser.cookies(), 'soup: signing out takes the session from the jar')
    page = browser.send(url(challenge_of(new_verifier())))
    report.line(page.form_with('password') is not None, 'soup: after that the password is asked for')


report = Report()
if MISSING:
    report.skip('soup', MISSING)
else:
    report.run(walk)
report.end()
