// SPDX-License-Identifier: LGPL-2.1-or-later
// The page that asks for a one-time code, and the page on which people see and take back what they allowed.
import { env, name, tap, step, done, settings } from './lib.mjs';
import { createHash, randomBytes } from 'node:crypto';
import { LOOKS, complaints, end, fillIn, judge, need, needFocus, open, signIn, tabTo } from './pages.mjs';

name('account');

// One thing more: a server of its own, which asks everybody for 123456.

const ask = async (page, username = 'alice') => {
  await page.goto(`${env.ASKING}/login`);
  await signIn(page, 'any', username);
  await page.waitForSelector('#answer');
};
const answer = async (page, text) => {
  await page.fill('#answer', text);
  await page.click('#continue');
};
const isSignedIn = async (page) => {
  await page.waitForSelector('#account');
  return (await page.textContent('main')).includes('signed in');
};

await step('a one-time code, by keyboard alone', async () => {
  const page = await open();
  await ask(page);
  await needFocus(page, 'answer');
  await page.keyboard.type('123456');
  await page.keyboard.press('Enter');
  return isSignedIn(page);
});

await step('a one-time code without JavaScript', async () => {
  const page = await open({ javaScriptEnabled: false });
  await ask(page);
  await answer(page, '123456');
  return isSignedIn(page);
});

await step('after a wrong code the focus is on the error, and the title tells it', async () => {
  const page = await open();
  await ask(page);
  await answer(page, '654321');
  await page.waitForSelector('#error');
  await needFocus(page, 'error');
  need((await page.title()).startsWith('Error: '), `the title is ${await page.title()}`);
  await tabTo(page, 'answer');
  await page.keyboard.type('123456');
  await page.keyboard.press('Enter');
  return isSignedIn(page);
});

await step('reload, back, forward and two clicks for one do no harm to a one-time code', async () => {
  const page = await open();
  await ask(page, 'sailor');
  await page.reload();
  await page.goBack();
  await page.goForward();
  await page.waitForSelector('#answer');
  await page.fill('#answer', '123456');
  await page.dblclick('#continue');
  await page.waitForSelector('#answer[type=password]');
  await answer(page, '123456');
  return isSignedIn(page);
});

async function askingTour(look, { language, ...options }) {
  const page = await open({ bypassCSP: true, ...options });
  await ask(page, 'sailor');
  await judge(page, `challenge-${look}`, language);
  await answer(page, '1');
  await page.waitForSelector('#error');
  await judge(page, `challenge-failed-${look}`, language);
  await answer(page, '123456');
  await page.waitForSelector('#answer[type=password]');
  await judge(page, `challenge-own-${look}`, language);
  await answer(page, '123456'); // or the next ones are told to wait
  await page.waitForSelector('#account');
  await page.context().close();
}

for (const [look, options] of Object.entries(LOOKS)) {
  await step(`the question in the look “${look}”`, () => askingTour(look, options));
}

// The account: of carol, whom the store keeps.

const CAROL = 'carol';
const PASSWORD = env.CAROL_PASSWORD;

/** An application gets its tokens from this browser. In a tab of its own: Chromium asks there whether it may open
 * the application, and takes no input meanwhile. */
async function allow(visited) {
  const page = await visited.context().newPage();
  const verifier = randomBytes(32).toString('base64url');
  const address = new URL(env.AUTH_URL);
  address.search = new URLSearchParams({
    response_type: 'code',
    client_id: settings.client,
    redirect_uri: env.PRIVATE_REDIRECT_URI,
    scope: settings.scope,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  await page.goto(address.href);
  await page.click('#allow');
  await page.waitForSelector('#return');
  const code = new URL(await page.getAttribute('#return', 'href')).searchParams.get('code');
  await page.close();
  const response = await fetch(env.TOKEN_URL, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: env.PRIVATE_REDIRECT_URI,
      code_verifier: verifier,
      client_id: settings.client,
    }),
  });
  return response.json();
}

const refresh = async (tokens) => (await fetch(env.TOKEN_URL, {
  method: 'POST',
  body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: settings.client }),
})).status;

async function visit(page, password = PASSWORD) {
  await page.goto(`${env.ISSUER}/account`);
  await fillIn(page, password, CAROL);
  await page.click('#login');
  await page.waitForSelector('#everywhere');
}

await step('an application is removed by mouse, and has lost its tokens', async () => {
  const page = await open();
  await visit(page);
  const tokens = await allow(page);
  await page.goto(`${env.ISSUER}/account`);
  await page.click('#remove-1');
  await page.click('#confirm');
  await page.waitForSelector('#done');
  await needFocus(page, 'done');
  await page.reload();
  return (await refresh(tokens)) === 400 && (await page.locator('#remove-1').count()) === 0;
});

await step('an application is removed by keyboard alone, without JavaScript', async () => {
  const page = await open({ javaScriptEnabled: false });
  await visit(page);
  const tokens = await allow(page);
  await page.goto(`${env.ISSUER}/account`);
  await page.focus('#remove-1');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#confirm');
  await page.focus('#confirm');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#done');
  return (await refresh(tokens)) === 400;
});

await step('who cancels has changed nothing', async () => {
  const page = await open();
  await visit(page);
  const tokens = await allow(page);
  await page.goto(`${env.ISSUER}/account`);
  await page.click('#remove-1');
  await page.click('#cancel');
  await page.waitForSelector('#remove-1');
  return (await refresh(tokens)) === 200;
});

await step('a wrong current password: the focus is on the error, which leads to the field', async () => {
  const page = await open();
  await visit(page);
  await page.fill('#current-password', 'wrong');
  await page.fill('#new-password', 'a new word');
  await page.fill('#repeated-password', 'a new word');
  await page.click('#change');
  await page.waitForSelector('#error');
  await needFocus(page, 'error');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await needFocus(page, 'current-password');
});

async function accountTour(look, { language, ...options }) {
  const page = await open({ bypassCSP: true, ...options });
  const other = await open(options);
  await visit(other);
  await visit(page);
  await allow(page);
  await page.goto(`${env.ISSUER}/account`);
  await judge(page, `account-${look}`, language);
  await page.fill('#current-password', PASSWORD);
  await page.fill('#new-password', 'one new word');
  await page.fill('#repeated-password', 'another word');
  await page.click('#change');
  await page.waitForSelector('#error');
  await judge(page, `account-failed-${look}`, language);
  await page.click('#remove-1');
  await page.waitForSelector('#confirm');
  await judge(page, `account-remove-${look}`, language);
  await page.click('#confirm');
  await page.waitForSelector('#done');
  await judge(page, `account-done-${look}`, language);
  await page.click('[id^=end-]');
  await page.waitForSelector('#confirm');
  await judge(page, `account-end-${look}`, language);
  await page.click('#cancel');
  await page.click('#everywhere');
  await page.waitForSelector('#confirm');
  await judge(page, `account-everywhere-${look}`, language);
  await page.click('#confirm');
  await page.waitForSelector('#confirm', { state: 'detached' });
  await other.goto(`${env.ISSUER}/account`);
  need((await other.locator('#login').count()) === 1, 'the other browser is still signed in');
  await page.context().close();
  await other.context().close();
}

for (const [look, options] of Object.entries(LOOKS)) {
  await step(`the account in the look “${look}”`, () => accountTour(look, options));
}

await step('a new password keeps this browser, and no other', async () => {
  const page = await open({ bypassCSP: true });
  const other = await open();
  await visit(other);
  await visit(page);
  await page.fill('#current-password', PASSWORD);
  await page.fill('#new-password', 'a new word of hers');
  await page.fill('#repeated-password', 'a new word of hers');
  await page.click('#change');
  await page.waitForSelector('#done');
  await judge(page, 'account-password');
  await other.reload();
  return (await other.locator('#login').count()) === 1;
});

tap(complaints.length === 0, 'the console of the browser stayed empty', complaints.join('\n'));
await end();
done();
