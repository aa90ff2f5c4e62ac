// SPDX-License-Identifier: LGPL-2.1-or-later
// openid-client as a relying party. It checks the signature of each ID token too, which it otherwise leaves to TLS.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { settings, name, tap, step, refuses, done, answer } from './lib.mjs';
import * as client from 'openid-client';

name(`openid-client as ${settings.client}`);
const isPublic = settings.method === 'none';
const signs = settings.method === 'private_key_jwt';
const algorithm = process.env.ID_TOKEN_ALG;
const is = (code) => (error) => error.error === code;
const isUnauthorized = (error) => (error.status ?? error.cause?.status) === 401;

/** @param key the PEM of it */
async function importKey(key) {
  const { createPrivateKey } = await import('node:crypto');
  const pkcs8 = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', pkcs8, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']);
}

const key = signs && { key: await importKey(process.env.CLIENT_KEY), kid: 'rp-key' };
const otherKey = signs && await crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, false, ['sign']);

function authentication(secret) {
  if (isPublic) return client.None();
  if (signs) return client.PrivateKeyJwt(secret === 'wrong' ? otherKey.privateKey : key);
  if (settings.method === 'client_secret_jwt') return client.ClientSecretJwt(secret);
  return settings.method === 'client_secret_post' ? client.ClientSecretPost(secret) : client.ClientSecretBasic(secret);
}

function discover(metadata = {}, secret = settings.secret) {
  return client.discovery(settings.issuer, settings.client, { id_token_signed_response_alg: algorithm, ...metadata }, authentication(secret), {
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks], // http, on loopback
  });
}

let config;

/** The redirect that answers a request, and what it has to fit. */
async function ask(parameters = {}, decision = 'allow', jar = '', build = client.buildAuthorizationUrl) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedNonce: client.randomNonce(), expectedState: client.randomState(), idTokenExpected: true };
  const address = await build(config, {
    redirect_uri: settings.redirect,
    scope: settings.scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    nonce: checks.expectedNonce,
    state: checks.expectedState,
    ...parameters,
  });
  return { back: answer(address, decision, jar), checks };
}

async function logIn(parameters, more, jar) {
  const { back, checks } = await ask(parameters, 'allow', jar);
  return client.authorizationCodeGrant(config, back, { ...checks, ...more });
}

async function codeFlow() {
  let tokens;
  const ok = await step('log in: state, iss, nonce, at_hash, signature', async () => {
    tokens = await logIn();
    return tokens.claims().sub === 'alice' && tokens.expiresIn() > 0;
  });
  if (!ok) return undefined;
  await step('userinfo by the access token is about the same person', async () => {
    const told = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    return told.sub === 'alice';
  });
  await refuses('userinfo is refused without a token', () => client.fetchUserInfo(config, 'none', 'alice'), isUnauthorized);
  await step('max_age: auth_time is there and not too old', async () => {
    const again = await logIn({ max_age: '60' }, { maxAge: 60 });
    return Number.isInteger(again.claims().auth_time);
  });
  await step('a request for claims by name: what is not known does no harm', async () => {
    const claims = { id_token: { email: { essential: true }, auth_time: null }, userinfo: { name: null } };
    return (await logIn({ claims: JSON.stringify(claims) })).claims().sub === 'alice';
  });
  return tokens;
}

async function refusals() {
  if (signs) {
    await step('a request that it signed', async () => {
      const { back, checks } = await ask({}, 'allow', '', (known, parameters) => client.buildAuthorizationUrlWithJAR(known, parameters, key));
      return (await client.authorizationCodeGrant(config, back, checks)).claims().sub === 'alice';
    });
    await step('a request that somebody else signed is refused by its name, and its state is not believed', async () => {
      const { back } = await ask({}, 'allow', '', (known, parameters) => client.buildAuthorizationUrlWithJAR(known, parameters, otherKey.privateKey));
      return back.searchParams.get('error') === 'invalid_request_object' && !back.searchParams.has('state');
    });
  }
  await step('response_mode=form_post: the answer is posted', async () => {
    const { back, checks } = await ask({ response_mode: 'form_post' });
    if (back.method !== 'POST' || new URL(back.url).search) return false;
    return (await client.authorizationCodeGrant(config, back, checks)).claims().sub === 'alice';
  });
  await refuses('a code is good once', async () => {
    const { back, checks } = await ask();
    await client.authorizationCodeGrant(config, back, checks);
    await client.authorizationCodeGrant(config, back, checks);
  }, is('invalid_grant'));
  await refuses('it refuses the nonce of another login', () => logIn({}, { expectedNonce: 'other' }), (error) => error.code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED');
  await refuses('prompt=none in a browser that nobody logged in with', () => logIn({ prompt: 'none' }), is('login_required'));
  await refuses('who says no', async () => {
    const { back, checks } = await ask({ prompt: 'consent' }, 'deny');
    return client.authorizationCodeGrant(config, back, checks);
  }, is('access_denied'));
  await refuses('a request object without a signature', () => logIn({ request: 'eyJhbGciOiJub25lIn0.e30.' }), is('request_not_supported'));
  await refuses('a request_uri', () => logIn({ request_uri: 'http://127.0.0.1:1/x' }), is('request_uri_not_supported'));
  if (isPublic) return;
  await refuses(signs ? 'a wrong key' : 'a wrong secret', async () => {
    const { back, checks } = await ask();
    return client.authorizationCodeGrant(await discover({}, 'wrong'), back, checks);
  }, isUnauthorized);
}

async function refreshAndRevoke(first) {
  let tokens;
  await step('refresh: another ID token of the same login, and userinfo takes the access token', async () => {
    tokens = await client.refreshTokenGrant(config, first.refresh_token);
    const told = await client.fetchUserInfo(config, tokens.access_token, 'alice');
    return told.sub === 'alice' && ['sid', 'auth_time', 'aud'].every((claim) => tokens.claims()[claim] === first.claims()[claim]);
  });
  if (!tokens) return;
  await step('an access token is revoked', () => client.tokenRevocation(config, tokens.access_token));
  await refuses('userinfo refuses it', () => client.fetchUserInfo(config, tokens.access_token, 'alice'), isUnauthorized);
  tokens = await client.refreshTokenGrant(config, tokens.refresh_token);
  await step('a refresh token is revoked', () => client.tokenRevocation(config, tokens.refresh_token));
  await refuses('it refreshes no more', () => client.refreshTokenGrant(config, tokens.refresh_token), is('invalid_grant'));
  await refuses('and userinfo refuses the access tokens that came with it', () => client.fetchUserInfo(config, tokens.access_token, 'alice'), isUnauthorized);
}

/** In a browser that keeps its cookies. */
async function logOut() {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-jar-'));
  const jar = join(folder, 'cookies');
  const state = client.randomState();
  const end = { post_logout_redirect_uri: `${settings.redirect}/out`, state };
  const tokens = await logIn({}, {}, jar);
  const goesOn = isPublic ? is('consent_required') : undefined;
  if (goesOn) await refuses('prompt=none where the person is signed in: who cannot prove who it is has to let ask', () => logIn({ prompt: 'none' }, {}, jar), goesOn);
  else await step('prompt=none where the person is signed in: nobody is asked', async () => (await logIn({ prompt: 'none' }, {}, jar)).claims().sid === tokens.claims().sid);
  await step('log out by its ID token: the browser comes back with the state', () => {
    const back = answer(client.buildEndSessionUrl(config, { ...end, id_token_hint: tokens.id_token }), 'allow', jar);
    return back.searchParams.get('state') === state && back.href.startsWith(end.post_logout_redirect_uri);
  });
  await refuses('nobody is signed in there any more', () => logIn({ prompt: 'none' }, {}, jar), is('login_required'));
  await refuses('userinfo refuses the access token of that session', () => client.fetchUserInfo(config, tokens.access_token, 'alice'), isUnauthorized);
  await refuses('and its refresh token refreshes no more', () => client.refreshTokenGrant(config, tokens.refresh_token), is('invalid_grant'));
  await logIn({}, {}, jar);
  await step('log out without an ID token: the person is asked, and comes back', () => answer(client.buildEndSessionUrl(config, end), 'allow', jar).searchParams.get('state') === state);
  rmSync(folder, { recursive: true });
}

const found = await step('discovery', async () => {
  config = await discover();
  return config.serverMetadata().supportsPKCE() && config.serverMetadata().issuer === settings.issuer.origin;
});
if (found) {
  const tokens = await codeFlow();
  for (const part of [refusals, ...(tokens ? [refreshAndRevoke, logOut] : [])]) {
    try {
      await part(tokens);
    } catch (error) {
      tap(false, `${part.name} came to its end`, error.stack);
    }
  }
  await refuses('it refuses ID tokens of another algorithm than it is registered for', async () => {
    config = await discover({ id_token_signed_response_alg: algorithm === 'RS256' ? 'ES256' : 'RS256' });
    await logIn();
  }, (error) => /alg|signature|header/i.test(`${error.code} ${error.message} ${error.cause?.message}`));
}
done();
