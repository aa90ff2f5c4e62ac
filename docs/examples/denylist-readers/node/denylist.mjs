// SPDX-License-Identifier: LGPL-2.1-or-later
// A copy of Tessera's deny-list that keeps itself up to date: docs/denylist-feed.md.
import { createHash } from 'node:crypto'

const insist = (truth, what) => { if (!truth) throw new Error(what) }
const RULES = ['token', 'grant', 'grant-tokens', 'session', 'subject', 'subject-tokens', 'client', 'client-tokens', 'all', 'key']
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export class DenyList {
  entries = new Map() // 'rule value' -> [instant, expires]
  list = null; generation = 0; time = -Infinity; arrived = -Infinity

  constructor (issuer, now = Date.now) {
    Object.assign(this, { issuer, now })
    this.follow()
  }

  refuses ({ jti, iat, sub, sid, client_id: client, grant_id: grant }, kid) {
    const issued = UUID7.test(jti) ? parseInt(jti.replace('-', '').slice(0, 12), 16) : iat * 1000
    const own = { 'client-tokens': client }
    const person = { grant, 'grant-tokens': grant, subject: sub, 'subject-tokens': sub }
    const asked = { token: jti, client, session: sid, all: '', key: kid, '?': '', ...(grant === undefined ? own : person) }
    return Object.entries(asked).some(([rule, value]) => issued <= (this.entries.get(`${rule} ${value}`) ?? [-Infinity])[0])
  }

  age () { // seconds since the list was so: neither a clock set back nor a suspended machine makes it younger
    return Math.max(0, this.now() - this.time, performance.now() - this.arrived) / 1000
  }

  async follow () {
    for (;; await new Promise((resolve) => setTimeout(resolve, 1000))) {
      // Whatever goes wrong: once more, and meanwhile the list becomes stale.
      await (this.list ? this.listen() : this.load()).catch((error) => console.warn('deny-list:', error.message))
    }
  }

  learn (entries, { rule, value, instant = Infinity, expires = Infinity }) { // what is not understood may refuse anything
    RULES.includes(rule) ? entries.set(`${rule} ${value}`, [instant, expires]) : entries.set('? ', [Infinity, Infinity])
  }

  freshen (stamp) {
    if (stamp > this.time && stamp <= this.now() + 60000) [this.time, this.arrived] = [stamp, performance.now() - Math.max(0, this.now() - stamp)]
    for (const [one, known] of this.entries) if (known[1] <= Math.max(this.now(), this.time)) this.entries.delete(one)
  }

  async load () {
    const lines = []
    for await (const line of this.issuer.lines('tessera_deny_list_endpoint')) lines.push(line)
    const [, proof] = await this.issuer.verify(JSON.parse(lines.pop()).signature, 'deny-list+jwt')
    const digest = createHash('sha256').update(lines.join('\n') + '\n').digest('base64url')
    insist(JSON.parse(lines.shift()).tessera_deny_list === 1 && digest === proof.sha256, 'not the snapshot that was signed')
    const entries = new Map()
    for (const line of lines) this.learn(entries, JSON.parse(line))
    Object.assign(this, { entries, list: proof.list, generation: proof.generation })
    this.freshen(proof.time)
  }

  async listen () {
    let kind, begun
    for await (const line of this.issuer.lines('tessera_deny_list_events_endpoint', { 'Last-Event-ID': `${this.generation}` })) {
      if (line.startsWith('event: ')) kind = line.slice(7)
      if (!line.startsWith('data: ')) continue
      const said = JSON.parse(line.slice(6))
      if (kind === 'reset' || said.list !== this.list) return (this.list = null)
      insist(begun || (kind === 'heartbeat' && said.generation === this.generation), 'not the stream that was asked for')
      begun = true
      if (kind === 'deny' && said.generation > this.generation) this.learn(this.entries, said)
      this.generation = Math.max(this.generation, said.generation)
      if (kind === 'heartbeat') this.freshen(said.time)
    }
  }
}
