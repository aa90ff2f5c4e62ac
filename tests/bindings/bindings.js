#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// The library through its introspection data: what an application in GJS does.

import GLib from 'gi://GLib';
import Gio from 'gi://Gio';
import Soup from 'gi://Soup?version=3.0';
import Tessera from 'gi://Tessera?version=1';
import System from 'system';

Gio._promisify(Soup.Session.prototype, 'send_and_read_async', 'send_and_read_finish');
Gio._promisify(Tessera.Server.prototype, 'wait_ready_async', 'wait_ready_finish');
Gio._promisify(Tessera.Server.prototype, 'register_client_async', 'register_client_finish');
Gio._promisify(Tessera.Server.prototype, 'revoke_token_async', 'revoke_token_finish');

const SECRET = 'a-secret-of-sixteen-bytes-and-more';
const tests = [];

function test(name, run) {
    tests.push([name, run]);
}

function equal(got, expected) {
    if (JSON.stringify(got) !== JSON.stringify(expected))
        throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
}

class Service {
    constructor() {
        this.soup = new Soup.Server();
        this.soup.listen_local(0, Soup.ServerListenOptions.IPV4_ONLY);
        this.base = `http://127.0.0.1:${this.soup.get_uris()[0].get_port()}`;
        this.tessera = Tessera.Server.new_in_memory(this.base);
        this.tessera.add_client('App', '', 'app', SECRET, 600, true, ['client_credentials', 'authorization_code']);
        this.tessera.attach(this.soup);
        this.guard = Tessera.BearerDomain.new(this.tessera);
        this.soup.add_auth_domain(this.guard);
        this.soup.add_handler('/', (_server, message) => {
            this.subject = Tessera.get_access_token(message).get_subject();
            message.set_status(200, null);
        });
        this.session = new Soup.Session();
    }

    close() {
        this.session.abort();
        this.tessera.detach(this.soup);
        this.soup.disconnect();
        this.tessera.close();
    }

    async send(method, path, headers, form) {
        const message = form
            ? Soup.Message.new_from_encoded_form(method, this.base + path, form)
            : Soup.Message.new(method, this.base + path);
        for (const [name, value] of Object.entries(headers))
            message.get_request_headers().replace(name, value);
        const bytes = await this.session.send_and_read_async(message, GLib.PRIORITY_DEFAULT, null);
        return [message.get_status(), new TextDecoder().decode(bytes.toArray())];
    }

    async token() {
        const authorization = `Basic ${GLib.base64_encode(new TextEncoder().encode(`app:${SECRET}`))}`;
        const [status, text] = await this.send('POST', '/token', {Authorization: authorization},
            'grant_type=client_credentials');
        equal(status, 200);
        return JSON.parse(text).access_token;
    }

    async call(token) {
        const [status] = await this.send('GET', '/', token ? {Authorization: `Bearer ${token}`} : {});
        return status;
    }
}

test('bindings in GJS/a server is awaited', async service => {
    equal(await service.tessera.wait_ready_async(null), true);
    equal(service.tessera.is_ready(), true);
});

test('bindings in GJS/registering a client returns its id and secret', async service => {
    const client = new Tessera.Client({
        name: 'New', redirect_uris: ['https://new.test/cb'], token_endpoint_auth_method: 'client_secret_basic',
    });
    const [id, secret] = await service.tessera.register_client_async(client, null);
    equal(secret.length > 32, true);
    equal(service.tessera.lookup_client(id).get_redirect_uris(), ['https://new.test/cb']);
});

test('bindings in GJS/errors are those of the library', service => {
    try {
        service.tessera.add_client('App', '', 'app', SECRET, 600, true, null);
    } catch (error) {
        equal(error.matches(Tessera.SetupError, Tessera.SetupError.EXISTS), true);
        return;
    }
    throw new Error('an identifier was given twice');
});

test('bindings in GJS/the guard lets a good token pass until it is revoked', async service => {
    const token = await service.token();
    equal([await service.call(null), await service.call(token)], [401, 200]);
    equal(service.subject, 'app');
    equal(await service.tessera.revoke_token_async(token, null, null), [true]);
    equal(await service.call(token), 401);
});

test('bindings in GJS/a login is asked for more, and accepted with claims', async service => {
    const steps = [];
    const claims = new GLib.Variant('a{sv}', {name: GLib.Variant.new_string('Alice')});
    service.tessera.connect('authenticate', (_server, login) => {
        steps.push([login.get_step(), login.get_password(), login.get_answer()]);
        if (login.get_step() === 0)
            login.ask(null, true);
        else
            login.accept_full('alice', null, ['otp'], claims);
    });
    const jar = new Soup.CookieJar();
    service.session.add_feature(jar);
    const field = (text, name) => text.match(new RegExp(`name="${name}" value="([^"]*)"`))?.[1] ?? '';
    const send = (text, form) => service.send('POST', text.match(/action="([^"]*)"/)[1].replaceAll('&amp;', '&'),
        {Origin: service.base},
        `t=${field(text, 't')}&csrf=${field(text, 'csrf')}&step=${field(text, 'step')}&${form}`);
    let [, text] = await service.send('GET', '/login', {});
    [, text] = await send(text, 'username=alice&password=secret');
    equal(text.includes('id="answer" name="answer" type="password"'), true);
    [, text] = await send(text, 'answer=1');
    equal(text.includes('You are signed in'), true);
    equal(steps, [[0, 'secret', null], [1, null, '1']]);
});

test('bindings in GJS/an exception in a handler of the guard refuses', async service => {
    const token = await service.token();
    const id = service.guard.connect('token-validated', () => true);
    equal(await service.call(token), 200);
    service.guard.disconnect(id);
    service.guard.connect('token-validated', () => {
        throw new Error('on purpose');
    });
    equal(await service.call(token), 403);
});

async function main() {
    let failed = 0;
    print(`1..${tests.length}`);
    for (const [i, [name, run]] of tests.entries()) {
        const service = new Service();
        try {
            await run(service);
            print(`ok ${i + 1} ${name}`);
        } catch (error) {
            failed++;
            print(`not ok ${i + 1} ${name}\n# ${error}`);
        }
        service.close();
    }
    return failed;
}

const loop = new GLib.MainLoop(null, false);
let status = 1;
main().then(failed => {
    status = failed ? 1 : 0;
}).finally(() => loop.quit());
loop.run();
System.exit(status);
