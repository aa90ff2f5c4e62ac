// SPDX-License-Identifier: LGPL-2.1-or-later
// The pages as a person meets them: Chromium, driven by playwright-core, judged by axe-core.
import { env, settings, name, tap, step, done } from './lib.mjs';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { LOOKS, advance, complaints, end, fillIn, judge, need, needFocus, open, reach, shoot, signIn, tabTo } from './pages.mjs';

name('chromium');

// The application: it waits at a port of loopback for the browser to come back. What is posted to it is kept, and
// the browser sent on to another origin, as applications do.
const posted = [];
const application = createServer(async (request, response) => {
  if (request.method === 'POST') {
    let body = '';
    for await (const part of request) body += part;
    posted.push({ origin: request.headers.origin, answer: new URLSearchParams(body) });
    response.writeHead(303, { Location: `http://localhost:${application.address().port}/home` });
    response.end();
    return;
  }
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><link rel="icon" href="data:,"><title>Field Notes</title>You are back.');
});
await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));
const redirect = `http://127.0.0.1:${application.address().port}/cb`;

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

/** What the application is told, once the browser is back. */
async function arrive(page) {
  const address = await reach(page, (here) => here.href.startsWith(redirect));
  return address.searchParams;
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

/** What was posted to the application, once the browser has been sent on. */
async function arriveByPost(page) {
  await reach(page, (here) => here.hostname === 'localhost' && here.pathname === '/home');
  const { origin, answer } = posted.pop();
  need(origin === env.ISSUER, `it was posted from ${origin}`);
  return answer;
}

await step('form_post: the answer is posted to the application by itself, and the browser goes on from there', async () => {
  const page = await open();
  const verifier = await begin(page, { response_mode: 'form_post' });
  await signIn(page);
  await page.click('#allow');
  return redeem(await arriveByPost(page), verifier);
});

await step('form_post without JavaScript: a button posts it', async () => {
  const page = await open({ javaScriptEnabled: false });
  const verifier = await begin(page, { response_mode: 'form_post' });
  await signIn(page);
  await page.click('#allow');
  await page.click('#return');
  return redeem(await arriveByPost(page), verifier);
});

await step('form_post: who denies is posted back with access_denied', async () => {
  const page = await open();
  await begin(page, { response_mode: 'form_post' });
  await signIn(page);
  await page.click('#deny');
  const answer = await arriveByPost(page);
  return answer.get('error') === 'access_denied' && answer.get('state') === 'S' && !answer.has('code');
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
  await needFocus(page, 'error');
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

/** To an application that wants the answer posted, and is slow to take it: so that one sees the page. */
async function post(context, look, language) {
  const page = await context.newPage();
  await page.route((address) => address.href.startsWith(redirect), (route) => route.fulfill({ status: 204 }));
  await begin(page, { response_mode: 'form_post' });
  await page.click('#allow');
  await page.waitForSelector('#return');
  await judge(page, `form-post-${look}`, language);
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
  await post(page.context(), look, language);
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
await end();
done();
