// SPDX-License-Identifier: LGPL-2.1-or-later
// Shared by the Node programs: the environment, TAP, and the person at the browser.
import { webcrypto } from 'node:crypto';
import { spawnSync } from 'node:child_process';

globalThis.crypto ??= webcrypto; // Node 18 has it under another name

const { ISSUER, CLIENT_ID, CLIENT_SECRET, CLIENT_AUTH, REDIRECT_URI, SCOPE, RS_AUDIENCE, API_URL, AGENT } = process.env;
export const env = process.env;
export const settings = {
  issuer: new URL(ISSUER),
  client: CLIENT_ID,
  secret: CLIENT_SECRET,
  method: CLIENT_AUTH,
  redirect: REDIRECT_URI,
  scope: SCOPE,
  audience: RS_AUDIENCE,
  api: API_URL && new URL(API_URL),
};

let count = 0;
let good = true;
let prefix = '';

export function name(text) {
  prefix = text;
}

export function tap(ok, sentence, why = '') {
  good &&= ok;
  for (const line of ok ? [] : String(why).split('\n')) {
    if (line) console.log(`# ${line.slice(0, 500)}`);
  }
  console.log(`${ok ? 'ok' : 'not ok'} ${++count} - ${prefix}: ${sentence}`);
}

export function skip(sentence, why) {
  console.log(`ok ${++count} - ${prefix}: ${sentence} # SKIP ${why}`);
}

function explain(error) {
  const cause = error.cause?.message ?? (error.cause && JSON.stringify(error.cause));
  return [error.code, error.error, error.error_description, error.stack ?? error, cause].filter(Boolean).join('\n');
}

/** One case: bad when the function throws or returns false. Tells whether it was good. */
export async function step(sentence, run) {
  try {
    const ok = (await run()) !== false;
    tap(ok, sentence);
    return ok;
  } catch (error) {
    tap(false, sentence, explain(error));
    return false;
  }
}

/** One case: good when the function throws an error that `is` accepts. */
export async function refuses(sentence, run, is = () => true) {
  try {
    await run();
  } catch (error) {
    tap(is(error), sentence, explain(error));
    return;
  }
  tap(false, sentence, 'it was accepted');
}

export function done() {
  console.log(`1..${count}`);
  process.exit(good ? 0 : 1);
}

/** Lets the person sign in and decide: the address that the browser is sent to in the end, or the request
 * that it makes there when the answer is posted. `jar`: a file in which
 * the browser keeps its cookies. */
export function answer(address, decision = 'allow', jar = '') {
  const run = spawnSync('/usr/bin/python3', [AGENT, String(address), REDIRECT_URI], {
    encoding: 'utf8',
    env: { ...process.env, OP_DENY: decision === 'deny' ? '1' : '0', AGENT_JAR: jar },
  });
  if (run.status !== 0) throw new Error(`the browser stopped: ${run.stderr}`);
  const [back, body] = run.stdout.trim().split(' ');
  if (body === undefined) return new URL(back);
  return new Request(back, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
}
