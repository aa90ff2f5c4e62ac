// SPDX-License-Identifier: LGPL-2.1-or-later
// Checks access tokens of Tessera (RFC 9068, ES256), and asks its deny-list. Node 18, and nothing else.
import { createPublicKey, verify } from 'node:crypto'
import { DenyList } from './denylist.mjs'

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString())
const insist = (truth, what) => { if (!truth) throw new Error(what) }
const readJson = async (url) => (await fetch(url, { signal: AbortSignal.timeout(10000) })).json()

export class Issuer {
  keys = new Map()
  keysRead = -Infinity

  static async find (issuer, clientId, secret) {
    const self = new Issuer()
    self.basic = btoa([clientId, secret].map(encodeURIComponent).join(':'))
    self.places = await readJson(issuer.replace(/(:\/\/[^/]+)/, '$1/.well-known/oauth-authorization-server'))
    insist(self.places.issuer === issuer, 'the metadata of another issuer')
    return self
  }

  async lookup (kid) {
    if (!this.keys.has(kid) && performance.now() - this.keysRead > 60000) { // whoever makes up names makes us ask once a minute
      this.keysRead = performance.now()
      const { keys } = await readJson(this.places.jwks_uri)
      this.keys = new Map(keys.filter((key) => key.alg === 'ES256').map((key) => [key.kid, createPublicKey({ key, format: 'jwk' })]))
    }
    return this.keys.get(kid)
  }

  // [kid, claims] of a token with a good signature of that type; rejects any other.
  async verify (token, type) {
    const [head, body, signature, ...more] = token.split('.')
    const { alg, kid, typ, crit } = decode(head)
    const key = await this.lookup(kid)
    insist(alg === 'ES256' && key && crit === undefined && more.length === 0, 'not signed by a known key')
    insist(String(typ).toLowerCase().replace(/^application\//, '') === type, 'not of that type')
    const good = verify('sha256', `${head}.${body}`, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
    insist(good && decode(body).iss === this.places.issuer, 'a wrong signature, or another issuer')
    return [kid, decode(body)]
  }

  // What the deny-list needs of it: the lines of an answer of that endpoint, for a new access token with scope denylist.
  async * lines (name, headers) {
    const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'denylist' })
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), 45000) // three heartbeats
    const basic = { method: 'POST', body, headers: { Authorization: `Basic ${this.basic}` }, signal: stop.signal }
    const token = (await (await fetch(this.places.token_endpoint, basic)).json()).access_token
    const answer = await fetch(this.places[name], { headers: { Authorization: `Bearer ${token}`, ...headers }, signal: stop.signal })
    insist(answer.ok, `${name} says ${answer.status}`)
    let rest = ''
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      timer.refresh()
      const lines = (rest + part).split('\n')
      rest = lines.pop()
      yield * lines
    }
  }
}

export class Checker {
  constructor (issuer, { maxStaleness = 60, now = Date.now } = {}) {
    Object.assign(this, { issuer, now, maxStaleness, denyList: new DenyList(issuer, now) })
  }

  // The claims of a token that is good now; rejects any other.
  async check (token, audience) {
    const [kid, claims] = await this.issuer.verify(token, 'at+jwt')
    insist(['sub', 'client_id', 'jti'].every((name) => typeof claims[name] === 'string'), 'a claim is missing')
    insist(Number.isInteger(claims.iat) && Number.isInteger(claims.exp), 'a time is missing')
    insist([claims.aud].flat().includes(audience), 'for another audience')
    insist(this.denyList.age() <= this.maxStaleness, 'the deny-list is stale')
    // What is over by the server's clock is no longer in the list: a clock behind it must not bring it back.
    insist(claims.exp * 1000 > Math.max(this.now(), this.denyList.time), 'the token has expired')
    insist(!this.denyList.refuses(claims, kid), 'the token was revoked')
    return claims
  }
}
