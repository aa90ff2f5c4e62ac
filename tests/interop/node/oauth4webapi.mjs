// SPDX-License-Identifier: LGPL-2.1-or-later
// oauth4webapi as a client: it refuses whatever RFC 6749, 6750, 7009, 7636, 7662, 8414, 9068 and 9207 do not allow.
import { settings, name, tap, step, refuses, skip, done, answer } from './lib.mjs';
import * as oauth from 'oauth4webapi';

name(`oauth4webapi as ${settings.client}`);
const http = { [oauth.allowInsecureRequests]: true }; // on loopback
const client = { client_id: settings.client };
const isPublic = settings.method === 'none';
const invalidGrant = (error) => error.error === 'invalid_grant';

function authentication(secret) {
  if (settings.method === 'none') return oauth.None();
  return settings.method === 'client_secret_post' ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
}
const auth = authentication(settings.secret);
let server;

async function discover() {
  const response = await oauth.discoveryRequest(settings.issuer, { algorithm: 'oauth2', ...http });
  server = await oauth.processDiscoveryResponse(settings.issuer, response);
}

/** The parameters of the redirect, checked: state and iss (RFC 9207). */
async function authorize(verifier, decision) {
  const state = oauth.generateRandomState();
  const address = new URL(server.authorization_endpoint);
  address.search = new URLSearchParams({
    client_id: settings.client,
    redirect_uri: settings.redirect,
    response_type: 'code',
    scope: settings.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(decision === 'deny' ? { prompt: 'consent' } : {}), // what was allowed before is remembered
  });
  return oauth.validateAuthResponse(server, client, answer(address, decision), state);
}

async function redeem(parameters, verifier) {
  const response = await oauth.authorizationCodeGrantRequest(server, client, auth, parameters, settings.redirect, verifier, http);
  return oauth.processAuthorizationCodeResponse(server, client, response);
}

async function logIn() {
  const verifier = oauth.generateRandomCodeVerifier();
  const parameters = await authorize(verifier);
  return { parameters, verifier, tokens: await redeem(parameters, verifier) };
}

const refreshRequest = (token) => oauth.refreshTokenGrantRequest(server, client, auth, token, http);
const refresh = async (token) => oauth.processRefreshTokenResponse(server, client, await refreshRequest(token));
const revoke = async (token) => oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, http));

async function introspect(token) {
  return oauth.processIntrospectionResponse(server, client, await oauth.introspectionRequest(server, client, auth, token, http));
}

async function call(token) {
  const response = await oauth.protectedResourceRequest(token, 'GET', settings.api, undefined, undefined, http);
  return response.status;
}

function checkAccessToken(token, audience) {
  const request = new Request('http://resource.invalid/', { headers: { authorization: `Bearer ${token}` } });
  return oauth.validateJwtAccessToken(server, request, audience, http);
}

async function codeFlow() {
  let login;
  const ok = await step('authorization code, PKCE S256, iss in the answer', async () => {
    login = await logIn();
    return login.tokens.id_token === undefined;
  });
  if (!ok) return;
  await step('the access token is one of RFC 9068, by the keys of jwks_uri', async () => {
    const claims = await checkAccessToken(login.tokens.access_token, settings.audience);
    return claims.client_id === settings.client && claims.sub === 'alice';
  });
  await refuses('the access token is refused for another audience', () => checkAccessToken(login.tokens.access_token, 'urn:other'));
  await step('the protected resource takes it', async () => (await call(login.tokens.access_token)) === 200);
  await step('the access token is revoked', () => revoke(login.tokens.access_token));
  await refuses('the protected resource refuses it from then on', () => call(login.tokens.access_token), (error) => error.status === 401);
  await refuses('a code is good once', () => redeem(login.parameters, login.verifier), invalidGrant);
}

async function codeRefusals() {
  const verifier = oauth.generateRandomCodeVerifier();
  await refuses('another code_verifier is refused', async () => redeem(await authorize(verifier), oauth.generateRandomCodeVerifier()), invalidGrant);
  await refuses('an unknown code is refused', () => {
    const address = new URL(`${settings.redirect}?${new URLSearchParams({ code: 'nope', iss: server.issuer })}`);
    return redeem(oauth.validateAuthResponse(server, client, address, oauth.expectNoState), verifier);
  }, invalidGrant);
  await refuses('a denied consent comes back as access_denied', () => authorize(verifier, 'deny'), (error) => error.error === 'access_denied');
}

async function refreshing() {
  const { tokens } = await logIn();
  let next;
  await step('refresh: another access token, another refresh token', async () => {
    next = await refresh(tokens.refresh_token);
    return next.access_token !== tokens.access_token && next.refresh_token !== tokens.refresh_token;
  });
  if (isPublic) {
    skip('introspection', 'a public client may not introspect');
  } else {
    await step('introspection of the refresh token: active', async () => (await introspect(next.refresh_token)).active);
    await step('introspection of anything else: active false, and no more is said', async () => {
      const said = await introspect('garbage');
      return said.active === false && Object.keys(said).length === 1;
    });
  }
  await step('an unknown token is revoked with 200', () => revoke('unknown-token'));
  await step('the refresh token is revoked', () => revoke(next.refresh_token));
  await refuses('a revoked refresh token refreshes no more', () => refresh(next.refresh_token), invalidGrant);
}

async function replay() {
  const { tokens } = await logIn();
  const next = await refresh(tokens.refresh_token);
  await refuses('a refresh token that was rotated is refused', () => refresh(tokens.refresh_token), invalidGrant);
  await refuses('and its successor with it', () => refresh(next.refresh_token), invalidGrant);
}

async function clientCredentials() {
  const request = (how) => oauth.clientCredentialsGrantRequest(server, client, how, { scope: 'api:read' }, http);
  await step('client credentials, without a refresh token', async () => {
    const tokens = await oauth.processClientCredentialsResponse(server, client, await request(auth));
    return tokens.refresh_token === undefined;
  });
  await refuses('a wrong secret: 401 and WWW-Authenticate', async () => {
    await oauth.processClientCredentialsResponse(server, client, await request(authentication('wrong')));
  }, (error) => error.status === 401 || error.error === 'invalid_client');
}

const known = await step('the metadata is that of RFC 8414 for the issuer', discover);
if (known) {
  for (const part of [codeFlow, codeRefusals, refreshing, replay, ...(isPublic ? [] : [clientCredentials])]) {
    try {
      await part();
    } catch (error) {
      tap(false, `${part.name} came to its end`, error.stack);
    }
  }
}
done();
