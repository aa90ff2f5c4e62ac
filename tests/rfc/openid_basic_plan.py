# SPDX-License-Identifier: LGPL-2.1-or-later
"""The modules of the OpenID Foundation's basic plan, once for each way in which the authorization endpoint answers:
openid-modules.txt says which module asks what."""

import json

import rfc_path  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import ec
from key_client import KeyClient, introduce, jwk_of
from openid_fixture import ALICE, BY_SCOPE, MUST_ASK, OPENID, RelyingParty, discovery, header_of, ids, is_login_page, key_set, query_of, userinfo
from tap import check, contains, equal, lacks, one_of, test
from tessera_fixture import FORM, GRANTS, Client, Service, b64url, default_clients, expect_error, expect_page_400


KEY = ec.generate_private_key(ec.SECP256R1())


def clients():
    """As the plan wants them: with a secret, and without PKCE, of which its requests know nothing."""
    keys = dict(scope='a ' + OPENID, grant_types=GRANTS, require_pkce='false')
    return default_clients() + [
        Client('rp', redirect_uri='https://rp.test/cb', **keys),
        Client('rp2', redirect_uri='https://rp2.test/cb', **keys),
        KeyClient('signs', [jwk_of(KEY, alg='ES256')], KEY, redirect_uri='https://signs.test/cb', **keys),
        Client('rp-post', method='client_secret_post', redirect_uri='https://rp-post.test/cb', **keys),
    ]


def service():
    s = introduce(Service(clients=clients()))
    s.known = {'alice': ALICE}
    return s


def register(mode):
    """The tests, with answers by @mode."""

    def module(name, sentence):
        def take(function):
            test('%s: %s' % (name, sentence))(lambda s: function(s, RelyingParty(s, s.rp, mode)))
            return function
        return take

    @module('oidcc-server', 'state and nonce come back, the ID token is good, and the access token opens userinfo')
    def _(s, rp):
        made = rp.log_in()
        equal(rp.userinfo(made), {'sub': 'alice'})
        equal(made.claims['iss'], discovery(s)['issuer'])

    @module('oidcc-response-type-missing', 'without response_type there is an error, by redirect')
    def _(s, rp):
        answer = rp.ask_only(s.new_browser(), response_type=None)
        one_of(answer['error'], ('invalid_request', 'unsupported_response_type'))

    @module('oidcc-idtoken-signature', 'the kid of the header names one key, which signed it by RS256')
    def _(s, rp):
        header = header_of(rp.log_in().id_token)
        equal(header['alg'], 'RS256')
        key, = [key for key in key_set(s) if key['kid'] == header['kid']]
        equal((key['kty'], key['use'], key['alg']), ('RSA', 'sig', 'RS256'))

    @module('oidcc-userinfo-get', 'userinfo by GET')
    def _(s, rp):
        contains(rp.userinfo(rp.log_in()), 'sub')

    @module('oidcc-userinfo-post-header', 'userinfo by POST with the token in the header')
    def _(s, rp):
        contains(rp.userinfo(rp.log_in(), 'POST'), 'sub')

    @module('oidcc-userinfo-post-body', 'userinfo refuses a token in the body, and takes the same one in the header')
    def _(s, rp):
        made = rp.log_in()
        answer = s.request('POST', '/userinfo', {'access_token': made.access_token})
        equal(answer.status, 401)
        lacks(answer.header('www-authenticate'), 'error')
        contains(rp.userinfo(made, 'POST'), 'sub')

    @module('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', 'a nonce may be left out')
    def _(s, rp):
        lacks(rp.log_in(nonce=None).claims, 'nonce')

    for scopes in [[scope] for scope in BY_SCOPE] + [list(BY_SCOPE)]:
        @module('oidcc-scope-' + (scopes[0] if len(scopes) == 1 else 'all'), 'userinfo tells the claims of %s, and no others' % ' and '.join(scopes))
        def _(s, rp, scopes=scopes):
            made = rp.log_in(scope=' '.join(['openid', *scopes]))
            told = {name: ALICE[name] for scope in scopes for name in BY_SCOPE[scope]}
            equal(rp.userinfo(made), dict(told, sub='alice'))
            equal(set(told) & set(made.claims), set(), 'in the ID token')

    @module('oidcc-ensure-other-scope-order-succeeds', 'openid need not be the first scope')
    def _(s, rp):
        made = rp.log_in(scope='email openid')
        equal(set(made.answer.get('scope', 'email openid').split()), {'email', 'openid'})

    for display in ('page', 'popup'):
        @module('oidcc-display-' + display, 'display=%s leads to the login page' % display)
        def _(s, rp, display=display):
            check(is_login_page(s.new_browser().open(rp.request(display=display))), 'no login page')
            rp.log_in(display=display)

    @module('oidcc-prompt-login', 'prompt=login asks again, and auth_time is newer')
    def _(s, rp):
        browser = s.new_browser()
        first = rp.log_in(browser)
        s.advance(2)
        check(is_login_page(browser.open(rp.request(prompt='login'))), 'not asked again')
        second = rp.log_in(browser, prompt='login')
        check(second.claims['auth_time'] >= first.claims['auth_time'] + 2, 'auth_time')
        equal(second.claims['sub'], first.claims['sub'])

    @module('oidcc-prompt-none-not-logged-in', 'prompt=none without a session is an error, and no page')
    def _(s, rp):
        one_of(rp.ask_only(s.new_browser(), prompt='none')['error'], MUST_ASK)

    def twice(s, rp, **changes):
        """Two logins of one browser, of which the second asks nobody."""
        browser = s.new_browser()
        first = rp.log_in(browser)
        s.advance(2)
        second = rp.take(rp.ask_only(browser, **changes)['code'])
        equal([second.claims[name] for name in ('sub', 'auth_time', 'sid')], [first.claims[name] for name in ('sub', 'auth_time', 'sid')])
        check(second.claims['iat'] > first.claims['iat'], 'iat')

    @module('oidcc-prompt-none-logged-in', 'prompt=none with a session answers at once: the same sub and auth_time')
    def _(s, rp):
        twice(s, rp, prompt='none')

    @module('oidcc-max-age-1', 'max_age=1 two seconds later asks again, and auth_time is there and newer')
    def _(s, rp):
        browser = s.new_browser()
        first = rp.log_in(browser)
        s.advance(2)
        check(is_login_page(browser.open(rp.request(max_age='1'))), 'not asked again')
        second = rp.log_in(browser, max_age='1')
        check(second.claims['auth_time'] > first.claims['auth_time'], 'auth_time')
        check(abs(second.claims['auth_time'] - s.now()) < 30, 'auth_time is not recent')

    @module('oidcc-max-age-10000', 'max_age=10000 asks nobody: the same auth_time')
    def _(s, rp):
        twice(s, rp, max_age='10000')

    @module('oidcc-ensure-request-with-unknown-parameter-succeeds', 'extra parameters are ignored')
    def _(s, rp):
        rp.log_in(extra='foobar', foo='bar')
        equal(rp.redeem(rp.ask(s.new_browser())['code'], extra='foobar').status, 200)

    @module('oidcc-id-token-hint', 'an id_token_hint with prompt=none answers at once: the same sub')
    def _(s, rp):
        browser = s.new_browser()
        first = rp.log_in(browser)
        second = rp.take(rp.ask_only(browser, prompt='none', id_token_hint=first.id_token)['code'])
        equal([second.claims[name] for name in ('sub', 'auth_time')], [first.claims[name] for name in ('sub', 'auth_time')])

    @module('oidcc-login-hint', 'login_hint does no harm, and fills the field in')
    def _(s, rp):
        page = s.new_browser().open(rp.request(login_hint='buffy@as.test'))
        equal(dict(page.page.form_with('password').values())['username'], 'buffy@as.test')
        rp.log_in(login_hint='buffy@as.test')

    @module('oidcc-ui-locales', 'ui_locales that are not known do no harm')
    def _(s, rp):
        rp.log_in(ui_locales='se')

    @module('oidcc-claims-locales', 'claims_locales that are not known do no harm')
    def _(s, rp):
        rp.log_in(claims_locales='se')

    @module('oidcc-ensure-request-with-acr-values-succeeds', 'acr_values are a wish')
    def _(s, rp):
        equal(rp.log_in(acr_values='1 2').claims.get('acr'), rp.log_in().claims.get('acr'))

    def reuse(s, rp, seconds):
        made = rp.log_in()
        s.advance(seconds)
        equal(userinfo(s, made.access_token).status, 200)
        expect_error(rp.redeem(made.code), 'invalid_grant')
        equal(userinfo(s, made.access_token).status, 401)
        expect_error(rp.refresh(made.refresh_token), 'invalid_grant')

    @module('oidcc-codereuse', 'a code that comes again is invalid_grant, and ends the first access token')
    def _(s, rp):
        reuse(s, rp, 0)

    @module('oidcc-codereuse-30seconds', 'so it is thirty seconds later')
    def _(s, rp):
        reuse(s, rp, 30)

    @module('oidcc-ensure-registered-redirect-uri', 'a redirect_uri that is not registered gets the error page')
    def _(s, rp):
        page = expect_page_400(s.get(rp.request(redirect_uri='https://rp.test/cb/anything')))
        contains(ids(page), 'error')
        rp.log_in()

    @module('oidcc-ensure-post-request-succeeds', 'an authorization request may be posted')
    def _(s, rp):
        browser = s.new_browser()
        path, _, query = rp.request().partition('?')
        page = browser.follow(browser.post(path, query, {'Content-Type': FORM, 'Origin': 'https://rp.test'}))
        check(is_login_page(page), repr(page))
        page = browser.login(page, 'alice', s.users['alice'])
        rp.take(rp.heard(browser.decide(page, 'allow') if page.page.form_with('decision') else page)['code'])

    @module('oidcc-server-client-secret-post', 'the whole flow with the secret in the form')
    def _(s, _rp):
        rp = RelyingParty(s, s.clients['rp-post'], mode)
        rp.userinfo(rp.log_in())
        code = rp.ask(s.new_browser())['code']
        thief = RelyingParty(s, Client('rp-post', 'client_secret_post', rp.client.redirect_uri, secret='x' * 43), mode)
        expect_error(thief.redeem(code), 'invalid_client', 401)
        rp.take(code)

    @module('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', 'request_uri is refused by its name')
    def _(s, rp):
        equal(rp.ask_only(s.new_browser(), request_uri='https://rp.test/request.jwt')['error'], 'request_uri_not_supported')

    @module('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', 'an unsigned request object is refused by its name')
    def _(s, rp):
        said = dict(client_id=rp.client.id, response_type='code', redirect_uri=rp.client.redirect_uri, scope='openid')
        unsigned = '%s.%s.' % (b64url(json.dumps({'alg': 'none'})), b64url(json.dumps(said)))
        equal(rp.ask_only(s.new_browser(), request=unsigned)['error'], 'request_not_supported')

    @module('oidcc-claims-essential', 'an essential name is told by userinfo, and not by the ID token')
    def _(s, rp):
        made = rp.log_in(claims=json.dumps({'userinfo': {'name': {'essential': True}}}))
        equal(rp.userinfo(made), {'sub': 'alice', 'name': ALICE['name']})
        lacks(made.claims, 'name')

    @module('oidcc-ensure-request-object-with-redirect-uri', 'of two redirect_uri that in the signed request object counts')
    def _(s, _rp):
        rp = RelyingParty(s, s.signs, mode)
        signed = rp.client.request_object(s, code_challenge=None, code_challenge_method=None, **query_of(rp.request()))
        wrong = rp.s.authorization_url(rp.client, redirect_uri='https://wrong.test/cb', scope='openid', request=signed)
        rp.take(rp.heard(s.new_browser().authorize(wrong, 'alice', s.users['alice']))['code'])

    @module('oidcc-refresh-token', 'a refresh keeps sub, iss and auth_time; another client is told invalid_grant')
    def _(s, rp):
        made = rp.log_in(scope='openid offline_access', prompt='consent')
        check(made.refresh_token.isascii() and made.refresh_token.isprintable(), 'refresh_token')
        s.advance(5)
        answer = rp.refresh(made.refresh_token).json()
        claims = rp.check_id_token(answer['id_token'], None, answer['access_token'])
        equal([claims[name] for name in ('iss', 'sub', 'aud', 'auth_time')], [made.claims[name] for name in ('iss', 'sub', 'aud', 'auth_time')])
        check(claims['iat'] > made.claims['iat'], 'iat')
        equal(userinfo(s, answer['access_token']).status, 200)
        theirs = RelyingParty(s, s.rp2, mode).log_in(scope='openid offline_access', prompt='consent')
        expect_error(rp.refresh(theirs.refresh_token), 'invalid_grant')
        equal(rp.refresh(theirs.refresh_token, s.rp2).status, 200)

    @module('oidcc-ensure-request-with-valid-pkce-succeeds', 'a code_challenge is kept to')
    def _(s, _rp):
        rp = RelyingParty(s, s.rp, mode, pkce=True)
        rp.userinfo(rp.log_in())
        expect_error(rp.redeem(rp.ask(s.new_browser())['code'], code_verifier='x' * 43), 'invalid_grant')
