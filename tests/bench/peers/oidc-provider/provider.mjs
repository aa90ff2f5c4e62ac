// SPDX-License-Identifier: LGPL-2.1-or-later
// node oidc-provider for the benchmark: provider.mjs PORT FOLDER SECRET REFRESH OPAQUE
// Access tokens are JWTs (ES256) for the resource urn:api:jwt; introspection and revocation know opaque ones only,
// so there is urn:api:opaque too. Everything is kept in a Map: the library asks for a database in production, which
// would be slower. REFRESH refresh tokens and OPAQUE opaque access tokens are made at start, one a line in files of
// FOLDER.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Provider } from 'oidc-provider';

const [port, folder, secret, nRefresh, nOpaque] = process.argv.slice(2);

const entries = new Map();
const ofGrant = new Map();

class MapAdapter {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) {
    const key = this.key(id);
    entries.set(key, payload);
    if (!payload.grantId) return;
    if (!ofGrant.has(payload.grantId)) ofGrant.set(payload.grantId, new Set());
    ofGrant.get(payload.grantId).add(key);
  }
  async find(id) { return entries.get(this.key(id)); }
  async findByUid() { return undefined; }
  async findByUserCode() { return undefined; }
  async consume(id) {
    const payload = entries.get(this.key(id));
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) { entries.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const key of ofGrant.get(grantId) ?? []) entries.delete(key);
    ofGrant.delete(grantId);
  }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const resource = (format) => ({
  scope: 'read write',
  audience: 'https://api.example.org/v1',
  accessTokenTTL: 3600,
  accessTokenFormat: format,
  ...(format === 'jwt' ? { jwt: { sign: { alg: 'ES256' } } } : {}),
});
const resources = { 'urn:api:jwt': resource('jwt'), 'urn:api:opaque': resource('opaque') };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: MapAdapter,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'es256' }] },
  clients: [{
    client_id: 'bench',
    client_secret: secret,
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    redirect_uris: ['http://127.0.0.1/cb'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: 'ES256',
    scope: 'openid offline_access read write',
  }],
  scopes: ['openid', 'offline_access', 'read', 'write'],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:api:jwt',
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, name) => resources[name],
    },
  },
  ttl: { ClientCredentials: 3600, RefreshToken: 86400, AccessToken: 3600, Grant: 86400 * 14, IdToken: 3600 },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});

async function makeRefreshToken(client, i) {
  const accountId = `user${i % 1000}`;
  const grant = new provider.Grant({ clientId: 'bench', accountId });
  grant.addOIDCScope('offline_access'); // no openid: no ID token in the answer, as of a plain OAuth 2 server
  grant.addResourceScope('urn:api:jwt', 'read write');
  const token = new provider.RefreshToken({
    client,
    accountId,
    grantId: await grant.save(),
    gty: 'authorization_code',
    scope: 'offline_access read write',
    resource: 'urn:api:jwt',
    expiresWithSession: false,
    rotations: 0,
    iiat: Math.floor(Date.now() / 1000),
  });
  return token.save();
}

async function makeOpaqueToken(client) {
  const token = new provider.ClientCredentials({ client, scope: 'read write' });
  token.resourceServer = new provider.ResourceServer('urn:api:opaque', resources['urn:api:opaque']);
  return token.save();
}

async function write(name, n, make) {
  const lines = [];
  for (let i = 0; i < Number(n); i += 1) lines.push(await make(i));
  writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(''));
}

const client = await provider.Client.find('bench');
await write('refresh', nRefresh, (i) => makeRefreshToken(client, i));
await write('opaque', nOpaque, () => makeOpaqueToken(client));
provider.listen(Number(port), '127.0.0.1');
