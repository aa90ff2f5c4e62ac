// SPDX-License-Identifier: LGPL-2.1-or-later
// The pages as a person meets them: Chromium, driven by playwright-core, judged by axe-core.
import { env, settings, name, tap, step, done } from './lib.mjs';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

name('chromium');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WAIT = 20_000;

// The application: it waits at a port of loopback for the browser to come back.
const application = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><link rel="icon" href="data:,"><title>Field Notes</title>You are back.');
});
await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));
const redirect = `http://127.0.0.1:${application.address().port}/cb`;

const browser = await chromium.launch({
  executablePath: env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const complaints = [];

/** A browser of its own: no cookies yet. */
async function open(options = {}) {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error}`));
  page.on('console', (said) => said.type() === 'error' && !/status of 4\d\d/.test(said.text()) && complaints.push(`${page.url()}: ${said.text()}`));
  return page;
}

/** Opens the authorization address; the code_verifier that belongs to it. */
async function begin(page, changes = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const address = new URL(env.AUTH_URL);
  address.search = new URLSearchParams({
    response_type: 'code',
    client_id: settings.client,
    redirect_uri: redirect,
    scope: settings.scope,
    state: 'S',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  });
  await page.goto(address.href);
  return verifier;
}

const fillIn = async (page, password = env.OP_PASSWORD, username = env.OP_USER) => {
  await page.fill('#username', username);
  await page.fill('#password', password);
};
async function signIn(page, password, username) {
  await fillIn(page, password, username);
  await page.click('#login');
}

/** What the application is told, once the browser is back. */
async function arrive(page) {
  await page.waitForURL((address) => address.href.startsWith(redirect));
  return new URL(page.url()).searchParams;
}

function need(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

async function redeem(answer, verifier) {
  need(answer.get('state') === 'S' && answer.get('iss') === env.ISSUER, `state or iss is wrong: ${answer}`);
  const response = await fetch(env.TOKEN_URL, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: answer.get('code'),
      redirect_uri: redirect,
      code_verifier: verifier,
      client_id: settings.client,
    }),
  });
  const said = await response.text();
  need(response.status === 200, `the token endpoint said ${response.status} ${said}`);
  return JSON.parse(said).access_token !== undefined;
}

const shoot = (page, what) => page.screenshot({ path: `${env.SCREENS}/${what}.png`, fullPage: true });

/** Judged by axe-core and by what it does not measure; and kept as a picture. Needs a context with bypassCSP,
 * since our policy forbids the script that axe is. */
async function judge(page, what, language = 'en') {
  await shoot(page, what);
  const found = await page.evaluate(`${axe}; axe.run().then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' ')))`);
  const more = await page.evaluate(() => {
    const root = document.documentElement;
    const low = [...document.querySelectorAll('a, button, input:not([type=hidden])')].filter((e) => e.getBoundingClientRect().height < 43.5);
    return { lang: root.lang, dir: root.dir, wide: root.scrollWidth > root.clientWidth, low: low.map((e) => e.outerHTML) };
  });
  if (more.wide) found.push('the page scrolls sideways');
  if (more.low.length) found.push(`lower than 44 px: ${more.low.join(' ')}`);
  if (more.lang !== language) found.push(`the page is in ${more.lang}`);
  if (more.dir !== (language === 'ar' ? 'rtl' : 'ltr')) found.push(`the direction is ${more.dir}`);
  tap(found.length === 0, `${what}: axe finds nothing, nothing runs over, targets are 44 px high`, found.join('\n'));
}

const focused = (page) => page.evaluate(() => document.activeElement.id);

/** Presses Tab until the element has the focus, which must be seen on the way. */
async function tabTo(page, id) {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    });
    need(outline, `one does not see the focus on ${await focused(page)}`);
    if ((await focused(page)) === id) return;
  }
  throw new Error(`Tab does not lead to ${id}`);
}

/** Moves the time of the service. */
function advance(seconds) {
  const file = openSync(env.CLOCK, 'r+');
  const offset = new BigInt64Array(1);
  readSync(file, offset, 0, 8, 0);
  offset[0] += BigInt(seconds * 1000);
  writeSync(file, offset, 0, 8, 0);
  closeSync(file);
}

await step('by mouse: login, consent, back at the application with a code that is good', async () => {
  const page = await open();
  const verifier = await begin(page);
  await page.click('#username');
  await page.keyboard.type(env.OP_USER);
  await page.click('#password');
  await page.keyboard.type(env.OP_PASSWORD);
  await page.click('#login');
  await page.click('#allow');
  return redeem(await arrive(page), verifier);
});

await step('by keyboard alone, the focus seen at each step', async () => {
  const page = await open();
  const verifier = await begin(page);
  await tabTo(page, 'username');
  await page.keyboard.type(env.OP_USER);
  await page.keyboard.press('Tab');
  await page.keyboard.type(env.OP_PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#allow');
  await tabTo(page, 'allow');
  await shoot(page, 'consent-focus');
  await page.keyboard.press('Enter');
  return redeem(await arrive(page), verifier);
});

await step('without JavaScript', async () => {
  const page = await open({ javaScriptEnabled: false });
  const verifier = await begin(page);
  await signIn(page);
  await page.click('#allow');
  return redeem(await arrive(page), verifier);
});

await step('who denies comes back with access_denied', async () => {
  const page = await open();
  await begin(page);
  await signIn(page);
  await page.click('#deny');
  const answer = await arrive(page);
  return answer.get('error') === 'access_denied' && answer.get('state') === 'S' && !answer.has('code');
});

await step('after a wrong password the focus is on the error, the title tells it, the user name is kept', async () => {
  const page = await open();
  const verifier = await begin(page);
  await signIn(page, 'wrong');
  await page.waitForSelector('#error');
  need((await focused(page)) === 'error', `the focus is on ${await focused(page)}`);
  need((await page.title()).startsWith('Error: '), `the title is ${await page.title()}`);
  need((await page.inputValue('#username')) === env.OP_USER, 'the user name is gone');
  need((await page.inputValue('#password')) === '', 'the password is in the page');
  await tabTo(page, 'password');
  await page.keyboard.type(env.OP_PASSWORD);
  await page.keyboard.press('Enter');
  await page.click('#allow');
  return redeem(await arrive(page), verifier);
});

await step('reload, back and forward do no harm', async () => {
  const page = await open();
  const verifier = await begin(page);
  await page.reload();
  await signIn(page);
  await page.waitForSelector('#allow');
  await page.reload();
  await page.waitForSelector('#allow');
  await page.goBack();
  await page.goForward();
  await page.click('#allow');
  return redeem(await arrive(page), verifier);
});

await step('two clicks for one, at login and at consent, do no harm', async () => {
  const page = await open();
  const verifier = await begin(page);
  await fillIn(page);
  await page.dblclick('#login');
  await page.waitForSelector('#allow');
  await page.dblclick('#allow');
  return redeem(await arrive(page), verifier);
});

await step('going back after the answer shows that it was given; the code stays good', async () => {
  const page = await open({ bypassCSP: true });
  const verifier = await begin(page);
  await signIn(page);
  await page.click('#allow');
  const answer = await arrive(page);
  await page.goBack();
  need((await page.locator('#allow').count()) === 0, 'the consent page is there again');
  await judge(page, 'finished');
  return redeem(answer, verifier);
});

await step('a login page that was left open starts again, with a sentence', async () => {
  const page = await open({ bypassCSP: true });
  const verifier = await begin(page);
  advance(21 * 60);
  await signIn(page);
  await page.waitForSelector('#restarted');
  await judge(page, 'restarted');
  await signIn(page);
  await page.click('#allow');
  return redeem(await arrive(page), verifier);
});

await step('a browser that returns no cookie is told so', async () => {
  const page = await open({ bypassCSP: true });
  await begin(page);
  await page.context().clearCookies();
  await signIn(page);
  await page.waitForSelector('#error');
  await judge(page, 'cookies');
});

await step('a form that another page made is refused', async () => {
  const page = await open({ bypassCSP: true });
  await begin(page);
  await signIn(page);
  await page.waitForSelector('#allow');
  await page.$eval('input[name=csrf]', (input) => { input.value = 'x'; });
  await page.click('#allow');
  await page.waitForSelector('#error');
  await judge(page, 'forbidden');
});

await step('the login page says who is signed in already', async () => {
  const page = await open({ bypassCSP: true });
  await begin(page);
  await signIn(page);
  await page.waitForSelector('#allow');
  await page.goto(`${env.ISSUER}/login`);
  need((await page.textContent('main')).includes(env.OP_USER), 'it does not');
  await judge(page, 'signed-in');
});

const LOOKS = {
  light: {},
  dark: { colorScheme: 'dark' },
  forced: { forcedColors: 'active' },
  'forced-dark': { forcedColors: 'active', colorScheme: 'dark' },
  narrow: { viewport: { width: 320, height: 640 } }, // also 1280 px at 400 %
  german: { locale: 'de-DE', language: 'de' },
  chinese: { locale: 'zh-CN', language: 'zh-CN' },
  'right-to-left': { locale: 'ar', language: 'ar' },
  'right-to-left-narrow': { locale: 'ar', language: 'ar', viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
};

/** To an application with a scheme of its own. In a tab of its own: Chromium asks there whether it may open it. */
async function leave(context, look, language) {
  const page = await context.newPage();
  await begin(page, { redirect_uri: env.PRIVATE_REDIRECT_URI });
  await page.click('#allow');
  await page.waitForSelector('#return');
  need((await page.getAttribute('#return', 'href')).startsWith(`${env.PRIVATE_REDIRECT_URI}?`), 'the page does not lead back');
  await judge(page, `return-${look}`, language);
  await page.close();
}

/** Each ordinary page in one look. */
async function tour(look, { language, ...options }) {
  const page = await open({ bypassCSP: true, ...options });
  await begin(page);
  await judge(page, `login-${look}`, language);
  await signIn(page, 'wrong');
  await page.waitForSelector('#error');
  await judge(page, `login-failed-${look}`, language);
  await signIn(page);
  await page.waitForSelector('#allow');
  await judge(page, `consent-${look}`, language);
  await leave(page.context(), look, language);
  await page.goto(`${env.AUTH_URL}?client_id=nobody`);
  await judge(page, `error-${look}`, language);
  await page.goto(`${env.ISSUER}/logout`);
  await judge(page, `logout-${look}`, language);
  await page.click('button');
  await page.waitForSelector('button', { state: 'detached' });
  await judge(page, `signed-out-${look}`, language);
  await page.context().close();
}

for (const [look, options] of Object.entries(LOOKS)) {
  await step(`all pages in the look “${look}”`, () => tour(look, options));
}

// Last: it makes the service slow to answer this address.
await step('who tries many passwords is told how long to wait', async () => {
  const page = await open({ bypassCSP: true });
  await begin(page);
  for (let tries = 0; tries < 30 && (await page.locator('#username').count()); tries++) {
    await signIn(page, `wrong ${tries}`, 'bob');
    await page.waitForSelector('#error');
  }
  need((await page.title()).includes('Too many'), `the title is ${await page.title()}`);
  await judge(page, 'throttled');
});

tap(complaints.length === 0, 'the console of the browser stayed empty', complaints.join('\n'));
await browser.close();
done();
