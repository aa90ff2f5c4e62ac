# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of dynamic registration share: whoever registers clients over HTTP. Environment: TESSERA, the command."""

import json

from administrator import command
from tap import check, equal
from tessera_fixture import Client, Service, check_description

ENABLED = 'registration-enabled=true'
WEB = {'redirect_uris': ['https://dyn.test/cb'], 'client_name': 'Dynamic Diary'}


def open_service(policy='', **options):
    """A service at which anybody may register."""
    return Service(endpoints=ENABLED, sections='[registration]\nopen=true\nrate=100000\n' + policy, **options)


def initial_token(s, *words):
    """(id, token), as an administrator makes one."""
    answer = json.loads(command(s, 'initial-token', 'create', '--json', *words))
    return answer['id'], answer['token']


def send(s, method, path, body=None, token=None, content_type='application/json', headers=None, **options):
    headers = dict(headers or {})
    if token is not None:
        headers['Authorization'] = 'Bearer ' + token
    if body is not None:
        headers['Content-Type'] = content_type
        body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        body = body.encode() if isinstance(body, str) else body
    return s.request(method, path, headers=headers, body=body, **options)


def register(s, metadata=None, token=None, path='/register', **options):
    return send(s, 'POST', s.prefix + path, WEB if metadata is None else metadata, token, **options)


class Registered(Client):
    """A client as the service says that it is registered."""

    def __init__(self, answer):
        self.metadata = answer.json() if hasattr(answer, 'json') else answer
        super().__init__(self.metadata['client_id'], self.metadata['token_endpoint_auth_method'],
                         (self.metadata.get('redirect_uris') or [None])[0], self.metadata.get('client_secret') or 'none')
        self.token = self.metadata['registration_access_token']
        self.uri = self.metadata['registration_client_uri']

    def path(self, s):
        check(self.uri.startswith(s.issuer + '/'), self.uri)
        return s.prefix + self.uri[len(s.issuer):]

    def read(self, s, **options):
        return send(s, 'GET', self.path(s), token=options.pop('token', self.token), **options)

    def replace(self, s, metadata, **options):
        token = options.pop('token', self.token)
        body = dict({'client_id': self.id}, **metadata) if isinstance(metadata, dict) else metadata
        answer = send(s, 'PUT', self.path(s), body, token, **options)
        if answer.status == 200:
            self.token = answer.json()['registration_access_token']
        return answer

    def remove(self, s, **options):
        return send(s, 'DELETE', self.path(s), token=options.pop('token', self.token), **options)


def registered(s, metadata=None, token=None, **changes):
    answer = register(s, dict(WEB if metadata is None else metadata, **changes), token)
    equal(answer.status, 201, 'refused: %r' % answer.body)
    return Registered(answer)


def refused(answer, error='invalid_client_metadata', status=400):
    equal((answer.status, answer.json().get('error')), (status, error), repr(answer.body))
    check_description(answer.json()['error_description'])
    equal(answer.header('Cache-Control'), 'no-store')
    return answer


def expect_bad_token(answer):
    equal(answer.status, 401, repr(answer.body))
    check(answer.header('WWW-Authenticate').startswith('Bearer'), answer.header('WWW-Authenticate'))
    return answer


def consent_page(s, client, language=None, **changes):
    """What somebody is asked who has just signed in."""
    browser = s.new_browser(language=language)
    page = browser.login(browser.open(s.authorization_url(client, **dict({'scope': 'openid'}, **changes))), 'alice', s.users['alice'])
    check(page.status == 200 and page.page.form_with('decision'), 'no consent page: %r' % page)
    return page
