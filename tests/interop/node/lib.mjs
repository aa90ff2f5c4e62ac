// SPDX-License-Identifier: LGPL-2.1-or-later
// Shared by the Node probes: TAP output, environment, headless login.
import { webcrypto } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
const here = path.dirname(fileURLToPath(import.meta.url));
globalThis.crypto ??= webcrypto; // Debian 12's Node 18 has it under another name
let n = 0, bad = 0;
export const env = (k, d) => process.env[k] || d;
export function tap(ok, what, why = '') {
  n++; if (!ok) bad++;
  console.log(`${ok ? 'ok' : 'not ok'} ${n} - ${env('LIB', '')}${what}${why && !ok ? ` # ${String(why).slice(0, 300)}` : ''}`);
  return ok;
}
export const skip = (what, why) => { n++; console.log(`ok ${n} - ${env('LIB', '')}${what} # SKIP ${why}`); };
export async function step(what, fn) {
  try { const v = await fn(); tap(v !== false, what); return v === undefined ? true : v; }
  catch (e) { tap(false, what, [e.code, e.message, e.error, e.error_description, e.cause?.message ?? (e.cause ? JSON.stringify(e.cause) : '')].filter(Boolean).join(' | ')); return undefined; }
}
export async function refuses(what, fn, test = () => true) {
  try { await fn(); return tap(false, what, 'accepted'); }
  catch (e) { return tap(test(e), what, [e.code, e.message, e.error].filter(Boolean).join(' | ')); }
}
export function done() { console.log(`1..${n}`); process.exit(bad ? 1 : 0); }
export function login(url, extra = {}) {
  const r = spawnSync(env('AGENT', path.join(here, '..', 'authorize.py')), [String(url), env('REDIRECT_URI', 'http://127.0.0.1:9499/cb')], { encoding: 'utf8', env: { ...process.env, ...extra } });
  if (r.status !== 0) throw new Error(`agent ${r.status}: ${r.stderr.slice(0, 300)}`);
  return new URL(r.stdout.trim());
}
export const cfg = {
  issuer: new URL(env('ISSUER', 'http://127.0.0.1:9400')), id: env('CLIENT_ID', 'interop-basic'), secret: env('CLIENT_SECRET', ''),
  auth: env('CLIENT_AUTH', 'client_secret_basic'), redirect: env('REDIRECT_URI', 'http://127.0.0.1:9499/cb'),
  scope: env('SCOPE', 'api:read'), aud: env('RS_AUDIENCE', 'urn:interop:rs'), algorithm: env('DISCOVERY', 'oauth2'),
};
