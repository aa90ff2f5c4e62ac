# SPDX-License-Identifier: LGPL-2.1-or-later
"""A browser without a window: keeps cookies, follows redirects inside the issuer, fills forms.
Standard library only."""

import html.parser
import urllib.parse

import ports


class Response:
    """What came back: status, headers as sent, body."""

    def __init__(self, url, status, headers, body):
        self.url = url
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        values = self.all_headers(name)
        return ', '.join(values) if values else None

    def all_headers(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def location(self):
        return self.header('Location')

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    def json(self):
        import json
        return json.loads(self.body)

    @property
    def page(self):
        return Page(self)

    def __repr__(self):
        return '<%s %s %s %r>' % (self.url, self.status, self.headers, self.body[:600])


class Form:
    def __init__(self, action, method):
        self.action = action
        self.method = method
        self.fields = []  # (name, value, type)
        self.buttons = []  # (name, value)

    def values(self, **changes):
        """The form as it would be sent, with fields changed (None: left out) or added."""
        result = []
        for name, value, kind in self.fields:
            if name in changes:
                value = changes.pop(name)
            if value is not None:
                result.append((name, value))
        return result + [(name, value) for name, value in changes.items() if value is not None]

    def has(self, name):
        return any(field[0] == name for field in self.fields) or any(button[0] == name for button in self.buttons)


class Page(html.parser.HTMLParser):
    """An HTML answer, taken apart."""

    def __init__(self, response):
        super().__init__()
        self.response = response
        self.forms = []
        self.links = []
        self.elements = []  # (tag, attributes)
        self.title = ''
        self.text = ''
        self._form = None
        self._in = []
        self.feed(response.text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag in ('title', 'style', 'script'):
            self._in.append(tag)
        if tag == 'a':
            self.links.append(attributes.get('href', ''))
        if tag == 'form':
            self._form = Form(attributes.get('action', ''), attributes.get('method', 'get').lower())
            self.forms.append(self._form)
        if self._form is None:
            return
        if tag == 'button':
            self._form.buttons.append((attributes.get('name'), attributes.get('value', '')))
        elif tag in ('input', 'textarea', 'select'):
            self._add_field(attributes)

    def _add_field(self, attributes):
        kind = attributes.get('type', 'text').lower()
        name = attributes.get('name')
        if kind == 'submit':
            self._form.buttons.append((name, attributes.get('value', '')))
        elif kind in ('checkbox', 'radio') and 'checked' not in attributes:
            return
        elif name:
            self._form.fields.append((name, attributes.get('value') or '', kind))

    def handle_endtag(self, tag):
        if tag == 'form':
            self._form = None
        if self._in and self._in[-1] == tag:
            self._in.pop()

    def handle_data(self, data):
        if self._in:
            if self._in[-1] == 'title':
                self.title += data
            return
        self.text += data

    def form_with(self, name):
        for form in self.forms:
            if form.has(name):
                return form
        return None


class Browser:
    """@issuer is the origin (and path) it believes to talk to; @address where that is reached. So an
    https issuer behind a proxy can be tried without TLS; with @tls, a context, TLS is spoken."""

    def __init__(self, issuer, address=None, source=None, language=None, tls=None):
        split = urllib.parse.urlsplit(issuer)
        self.issuer = issuer
        self.origin = '%s://%s' % (split.scheme, split.netloc)
        self.address = address or (split.hostname, split.port)
        self.source = source
        self.language = language
        self.tls = tls
        self.cookies = {}
        self.headers = {}

    def copy(self):
        other = Browser(self.issuer, self.address, self.source, self.language, self.tls)
        other.cookies = dict(self.cookies)
        return other

    def request(self, method, url, body=None, headers=None):
        url = urllib.parse.urljoin(self.issuer + '/', url)
        split = urllib.parse.urlsplit(url)
        target = split.path + ('?' + split.query if split.query else '')
        send = {'Accept': 'text/html', 'Host': split.netloc}
        if self.cookies:
            send['Cookie'] = '; '.join('%s=%s' % pair for pair in self.cookies.items())
        if self.language:
            send['Accept-Language'] = self.language
        send.update(self.headers)
        send.update(headers or {})
        connection = self._connection()
        try:
            connection.request(method, target, body, send)
            answer = connection.getresponse()
            response = Response(url, answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()
        for cookie in response.all_headers('Set-Cookie'):
            self._keep(cookie)
        return response

    def _connection(self):
        if self.tls:
            return ports.HTTPSConnection(*self.address, self.source, timeout=60, context=self.tls)
        return ports.HTTPConnection(*self.address, self.source, timeout=60)

    def _keep(self, cookie):
        pair, *attributes = [part.strip() for part in cookie.split(';')]
        name, _, value = pair.partition('=')
        gone = any(a.lower() in ('max-age=0', 'max-age=-1') or a.lower().startswith('expires=thu, 01 jan 1970') for a in attributes)
        if gone:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def get(self, url, headers=None):
        return self.request('GET', url, None, headers)

    def post(self, url, fields, headers=None):
        body = fields if isinstance(fields, (str, bytes)) else urllib.parse.urlencode(fields)
        all_headers = {'Content-Type': 'application/x-www-form-urlencoded', 'Origin': self.origin}
        all_headers.update(headers or {})
        all_headers = {key: value for key, value in all_headers.items() if value is not None}
        return self.request('POST', url, body, all_headers)

    def is_inside(self, url):
        return urllib.parse.urljoin(self.issuer + '/', url).startswith(self.origin + '/')

    def follow(self, response):
        """Follows redirects until a page comes, or one that leads away from the issuer."""
        for _ in range(10):
            if response.status not in (301, 302, 303, 307, 308):
                return response
            if not self.is_inside(response.location):
                return response
            response = self.get(urllib.parse.urljoin(response.url, response.location))
        raise AssertionError('more than ten redirects')

    def open(self, url):
        return self.follow(self.get(url))

    def submit(self, response, form, **changes):
        """Sends @form of the page @response and follows."""
        return self.follow(self.submit_only(response, form, **changes))

    def submit_only(self, response, form, **changes):
        url = urllib.parse.urljoin(response.url, form.action) if form.action else response.url
        return self.post(url, form.values(**changes))

    def login(self, response, username, password):
        form = response.page.form_with('password')
        if form is None:
            raise AssertionError('no login form: %r' % response)
        return self.submit(response, form, username=username, password=password)

    def answer(self, response, text):
        """What is asked beyond the password."""
        form = response.page.form_with('answer')
        if form is None:
            raise AssertionError('no question: %r' % response)
        return self.submit(response, form, answer=text)

    def decide(self, response, decision):
        form = response.page.form_with('decision')
        if form is None:
            raise AssertionError('no consent form: %r' % response)
        return self.submit(response, form, decision=decision)

    def authorize(self, url, username='alice', password='', decision='allow', answers=()):
        """Walks from an authorization request to the answer that leaves the issuer (or whatever
        page is in the way)."""
        response = self.open(url)
        if response.status == 200 and response.page.form_with('password'):
            response = self.login(response, username, password)
        for text in answers:
            response = self.answer(response, text)
        if response.status == 200 and response.page.form_with('decision'):
            response = self.decide(response, decision)
        return response
