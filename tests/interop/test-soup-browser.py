#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A SoupSession with its cookie jar is the browser: the jar drops what a browser would drop."""
import urllib.parse

import gi

gi.require_version('Soup', '3.0')
from gi.repository import GLib, Soup  # noqa: E402

from interop import InteropService, Report, REDIRECT  # noqa: E402
from browser import Page, Response  # noqa: E402


class SoupBrowser:
    def __init__(self):
        self.session = Soup.Session()
        self.jar = Soup.CookieJar()
        self.session.add_feature(self.jar)

    def send(self, url, fields=None):
        message = Soup.Message.new('POST' if fields is not None else 'GET', url)
        message.set_flags(Soup.MessageFlags.NO_REDIRECT)
        if fields is not None:
            body = urllib.parse.urlencode(fields).encode()
            message.set_request_body_from_bytes('application/x-www-form-urlencoded', GLib.Bytes.new(body))
        data = self.session.send_and_read(message, None).get_data() or b''
        location = message.get_response_headers().get_one('Location')
        if message.get_status() == 303:
            target = urllib.parse.urljoin(url, location)
            return target if target.startswith(REDIRECT) else self.send(target)
        return Page(Response(url, message.get_status(), [], data))

    def submit(self, page, name, **values):
        form = page.form_with(name)
        return self.send(urllib.parse.urljoin(page.response.url, form.action), form.values(**values))


report = Report()
service = InteropService().start()
browser = SoupBrowser()
client = service.clients['interop-public']
url = service.issuer + service.authorization_url(client, redirect_uri=REDIRECT, scope='api:read')
page = browser.send(url)
report.line(page.form_with('password') is not None, 'soup: the login page comes, the cookie is taken')
page = browser.submit(page, 'password', username='alice', password=service.users['alice'])
report.line(page.form_with('decision') is not None, 'soup: the consent page comes after the login')
last = browser.submit(page, 'decision', decision='allow')
report.line(isinstance(last, str) and 'code=' in last, 'soup: the code comes')
names = sorted(cookie.get_name() for cookie in browser.jar.all_cookies())
report.line('tessera-session' in names, 'soup: the jar holds the session (%s)' % ', '.join(names))
report.end(service)
