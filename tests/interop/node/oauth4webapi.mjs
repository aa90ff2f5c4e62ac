// SPDX-License-Identifier: LGPL-2.1-or-later
// oauth4webapi: the strictest client in the matrix (RFC 6749/6750/7009/7636/7662/8414/8628/9068/9126/9207/9449).
import * as oauth from 'oauth4webapi';
import { cfg, env, tap, step, refuses, skip, done, login } from './lib.mjs';
process.env.LIB = 'oauth4webapi: ';
const http = { [oauth.allowInsecureRequests]: cfg.issuer.protocol === 'http:' };
const client = { client_id: cfg.id };
const auth = { none: () => oauth.None(), client_secret_post: () => oauth.ClientSecretPost(cfg.secret), client_secret_basic: () => oauth.ClientSecretBasic(cfg.secret) }[cfg.auth]();
let as;
await step('RFC 8414 metadata document is valid for the issuer', async () => {
  as = await oauth.processDiscoveryResponse(cfg.issuer, await oauth.discoveryRequest(cfg.issuer, { algorithm: 'oauth2', ...http }));
});
if (!as) done();

async function flow({ wrongVerifier, scope = cfg.scope } = {}) {
  const verifier = oauth.generateRandomCodeVerifier(), state = oauth.generateRandomState();
  const p = new URLSearchParams({ client_id: cfg.id, redirect_uri: cfg.redirect, response_type: 'code', scope, state, prompt: 'consent',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  if (env('RESOURCE')) p.set('resource', env('RESOURCE'));
  const url = new URL(as.authorization_endpoint);
  url.search = p;
  const params = oauth.validateAuthResponse(as, client, login(url), state);
  const ex = async () => oauth.authorizationCodeGrantRequest(as, client, auth, params, cfg.redirect, wrongVerifier ? oauth.generateRandomCodeVerifier() : verifier, http);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, await ex());
  return { tokens, ex };
}
const atReq = (token, scheme = 'Bearer', h = {}) => new Request('http://rs.invalid/', { headers: { authorization: `${scheme} ${token}`, ...h } });

let f;
await step('authorization code + PKCE S256 + iss response parameter', async () => { f = await flow(); });
if (f) {
  await step('access token is an RFC 9068 JWT (typ at+jwt, iss, exp, aud, sub, client_id, iat, jti; signature by jwks_uri)', async () => {
    const c = await oauth.validateJwtAccessToken(as, atReq(f.tokens.access_token), cfg.aud, http);
    if (c.client_id !== cfg.id) throw new Error('client_id ' + c.client_id);
  });
  await refuses('access token is refused for another audience', () => oauth.validateJwtAccessToken(as, atReq(f.tokens.access_token), 'urn:other', http));
  await refuses('second use of the code is refused (invalid_grant)', async () => oauth.processAuthorizationCodeResponse(as, client, await f.ex(), { requireIdToken: false }), (e) => e.error === 'invalid_grant');
}
await refuses('wrong code_verifier is refused (invalid_grant)', () => flow({ wrongVerifier: true }), (e) => e.error === 'invalid_grant');
f = undefined;
await step('a flow without openid scope returns no id_token', async () => { f = await flow(); return f.tokens.id_token === undefined; });
if (f?.tokens.refresh_token) {
  let r;
  await step('refresh token grant', async () => { r = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, f.tokens.refresh_token, http)); return r.access_token !== f.tokens.access_token; });
  if (as.introspection_endpoint && cfg.auth !== 'none') {
    await step('introspection of the refresh token: active', async () => (await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, r.refresh_token ?? f.tokens.refresh_token, http))).active === true);
    await step('introspection of garbage: active false, nothing else', async () => { const x = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, 'garbage', http)); return x.active === false && Object.keys(x).length === 1; });
  } else skip('introspection', 'no endpoint or public client');
  if (as.revocation_endpoint) {
    await step('revocation of the refresh token answers 200', async () => oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, r.refresh_token ?? f.tokens.refresh_token, http)));
    await refuses('revoked refresh token is refused (invalid_grant)', async () => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, r.refresh_token ?? f.tokens.refresh_token, http)), (e) => e.error === 'invalid_grant');
    await step('revocation of an unknown token answers 200', async () => oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, 'unknown-token', http)));
  } else skip('revocation', 'no endpoint');
} else tap(false, 'refresh token issued');
let g;
await step('refresh: old token after rotation is refused and the family dies', async () => {
  g = await flow();
  const r = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, g.tokens.refresh_token, http));
  if (!r.refresh_token || r.refresh_token === g.tokens.refresh_token) return true; // no rotation for this client
  const old = await oauth.refreshTokenGrantRequest(as, client, auth, g.tokens.refresh_token, http);
  if (old.status !== 400) throw new Error('old token gave ' + old.status);
  const young = await oauth.refreshTokenGrantRequest(as, client, auth, r.refresh_token, http);
  if (young.status !== 400) throw new Error('family still alive, ' + young.status);
});
if (cfg.auth !== 'none') {
  await step('client_credentials', async () => { const t = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'api:read' }, http)); if (t.refresh_token) throw new Error('refresh token in client_credentials'); });
  await refuses('wrong client secret: 401 with WWW-Authenticate, invalid_client', async () => {
    const a = cfg.auth === 'client_secret_post' ? oauth.ClientSecretPost('wrong') : oauth.ClientSecretBasic('wrong');
    await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, a, {}, http));
  }, (e) => e.error === 'invalid_client' || e.status === 401 || e.cause?.length > 0);
}
await refuses('unknown authorization code (invalid_grant)', async () => {
  const p = oauth.validateAuthResponse({ ...as, authorization_response_iss_parameter_supported: false }, client, new URL(cfg.redirect + '?code=nope'), oauth.expectNoState);
  await oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(as, client, auth, p, cfg.redirect, 'x'.repeat(43), http));
}, (e) => e.error === 'invalid_grant');
await step('denied consent comes back as error=access_denied with state and iss', async () => {
  const state = oauth.generateRandomState();
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: cfg.id, redirect_uri: cfg.redirect, response_type: 'code', scope: cfg.scope, state, code_challenge: await oauth.calculatePKCECodeChallenge('x'.repeat(43)), code_challenge_method: 'S256', prompt: 'consent' });
  try { oauth.validateAuthResponse(as, client, login(url, { OP_DENY: '1' }), state); return false; }
  catch (e) { if (e.error !== 'access_denied') throw e; }
});
done();
