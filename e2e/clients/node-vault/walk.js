// Walks the whole life of a server with node-vault: see ../README.md for what every walk does and reports.
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { isDeepStrictEqual } = require('node:util');

const vault = require('node-vault')({ endpoint: process.env.VAULT_ADDR, token: '' });

const canary = process.env.WALK_CANARY;
const kept = {};
let keys = [];

// Sent with every request once it is set.
const headers = {};

/** Runs the function and reports how it ended. */
async function step(name, run) {
  const { token } = vault;
  const report = { client: 'node-vault', step: name, outcome: 'done' };
  try {
    await run();
  } catch (error) {
    if (error.response) {
      report.outcome = 'refused';
      report.status = error.response.statusCode;
    } else {
      report.outcome = 'failed';
      report.why = String(error.message);
    }
  }
  if (name !== 'init/init') vault.token = token;
  console.log(JSON.stringify(report));
}


function same(got, wanted) {
  if (!isDeepStrictEqual(got, wanted)) throw new Error(`${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

function holds(condition, what) {
  if (!condition) throw new Error(`does not hold: ${JSON.stringify(what)}`);
}

const secret = (name) => `${canary}-${name}`;
const encoded = (text) => Buffer.from(text).toString('base64');
const data = (name) => readFileSync(join(process.env.WALK_DATA, name), 'utf8').trim();
const as = (token) => { vault.token = token; };
const options = (more = {}) => ({ headers: { ...headers, ...more } });
const write = (path, body) => vault.write(path, body, options());
const read = (path) => vault.read(path, options());
const list = (path) => vault.list(path, options());
const remove = (path) => vault.delete(path, options());

const reader = 'path "kv1/open/*" { capabilities = ["create", "read", "update"] }';

/** What the policy reader allows. */
async function useOpen() {
  await write('kv1/open/x', { value: secret('allowed') });
  same((await read('kv1/open/x')).data, { value: secret('allowed') });
}

async function unseal() {
  await vault.unseal({ key: keys[0] });
  same((await vault.unseal({ key: keys[1] })).sealed, false);
}

async function start() {
  await step('init/status', async () => same((await vault.initialized()).initialized, false));
  await step('init/init', async () => {
    const made = await vault.init({ secret_shares: 3, secret_threshold: 2 });
    keys = made.keys;
    vault.token = made.root_token;
  });
  await step('init/again', () => vault.init({ secret_shares: 1, secret_threshold: 1 }));
  await step('seal/sealed-read', () => read('kv1/a'));
  await step('unseal/malformed-share', () => vault.unseal({ key: secret('share') }));
  await step('unseal/shares', unseal);
  await step('seal/status', async () => same((await vault.status()).sealed, false));
  await step('health/read', async () => same((await vault.health()).sealed, false));
  await step('leader/read', async () => holds('ha_enabled' in (await vault.leader()), 'a state'));
}

async function devices() {
  const enable = (name, file, more = {}) =>
    vault.enableAudit({ name, type: 'file', options: { file_path: file, ...more } });
  await step('audit/enable', () => enable('main', process.env.WALK_LOG));
  await step('audit/enable-raw', () => enable('raw', process.env.WALK_RAW_LOG, { log_raw: 'true' }));
  await step('audit/list', async () => same((await vault.audits()).data['raw/'].type, 'file'));
  await step('audit/hash', async () => {
    const { hash } = (await write('sys/audit-hash/main', { input: secret('hashed') })).data;
    holds(hash.startsWith('hmac-sha256:'), hash);
  });
  await step('audit/refused-place', () => enable('bad', '/etc/passwd'));
  await step('audit/disable', async () => {
    await enable('third', process.env.WALK_THIRD_LOG);
    await vault.disableAudit({ name: 'third' });
  });
  const audited = 'sys/config/auditing/request-headers';
  await step('headers/set', () => write(`${audited}/X-Walk`, { hmac: true }));
  headers['X-Walk'] = secret('header');
  await step('headers/read', async () => same((await read(`${audited}/X-Walk`)).data, { 'X-Walk': { hmac: true } }));
  await step('headers/list', async () => same((await read(audited)).data.headers['x-walk'], { hmac: true }));
  await step('headers/remove', async () => {
    await write(`${audited}/X-Other`, { hmac: false });
    await remove(`${audited}/X-Other`);
  });
}

const mount = (path, type, version) =>
  vault.mount({ mount_point: path, type, ...(version ? { options: { version } } : {}) });

async function mounts() {
  await step('mounts/enable-kv1', () => mount('kv1', 'kv', '1'));
  await step('mounts/enable-kv2', () => mount('kv2', 'kv', '2'));
  await step('mounts/list', async () => same((await vault.mounts()).data['kv2/'].options, { version: '2' }));
  await step('mounts/tune', () => write('sys/mounts/kv1/tune', { default_lease_ttl: '2h', description: 'walked' }));
  await step('mounts/read-tune', async () => same((await read('sys/mounts/kv1/tune')).data.default_lease_ttl, 7200));
  await step('mounts/unknown-type', () => mount('none', 'no-such-engine'));
  await step('mounts/disable', async () => {
    await mount('spare', 'kv');
    await vault.unmount({ mount_point: 'spare' });
  });
  await step('remount/move', async () => {
    await mount('here', 'kv', '1');
    await write('here/a', { value: secret('moved') });
    const { migration_id: id } = (await vault.remount({ from: 'here', to: 'there' })).data;
    let state = 'in-progress';
    for (let tries = 0; tries < 100 && state === 'in-progress'; tries += 1) {
      state = (await read(`sys/remount/status/${id}`)).data.migration_info.status;
    }
    same((await read('there/a')).data, { value: secret('moved') });
  });
}

async function values() {
  await step('kv1/write', () => write('kv1/a/b', { value: secret('kv1'), n: 17 }));
  await step('kv1/read', async () => same((await read('kv1/a/b')).data, { value: secret('kv1'), n: 17 }));
  await step('kv1/list', async () => same((await list('kv1/a')).data.keys, ['b']));
  await step('kv1/delete', () => remove('kv1/a/b'));
  await step('kv1/missing', () => read('kv1/a/b'));

  const at = 'kv2/data/app/db';
  const put = async (value, version, given = {}) =>
    same((await write(at, { data: { password: value }, options: given })).data.version, version);
  const get = async (wanted, path = at) => same((await read(path)).data.data.password, wanted);
  await step('kv2/configure', () => write('kv2/config', { max_versions: 5 }));
  await step('kv2/write', () => put(secret('kv2-1'), 1));
  await step('kv2/write-with-cas', () => put(secret('kv2-2'), 2, { cas: 1 }));
  await step('kv2/wrong-cas', () => put(secret('kv2-3'), 3, { cas: 1 }));
  await step('kv2/read', () => get(secret('kv2-2')));
  await step('kv2/read-version', () => get(secret('kv2-1'), `${at}?version=1`));
  await step('kv2/patch', async () => {
    same((await vault.update(at, { data: { more: secret('kv2-patch') } })).data.version, 3);
  });
  await step('kv2/write-metadata', () =>
    write('kv2/metadata/app/db', { custom_metadata: { owner: secret('metadata') } }));
  await step('kv2/read-metadata', async () =>
    same((await read('kv2/metadata/app/db')).data.custom_metadata, { owner: secret('metadata') }));
  await step('kv2/list', async () => same((await list('kv2/metadata/app')).data.keys, ['db']));
  await step('kv2/delete', () => remove(at));
  await step('kv2/deleted', () => read(at));
  await step('kv2/undelete', async () => {
    await write('kv2/undelete/app/db', { versions: [3] });
    await get(secret('kv2-2'));
  });
  await step('kv2/delete-versions', () => write('kv2/delete/app/db', { versions: [1] }));
  await step('kv2/destroy', () => write('kv2/destroy/app/db', { versions: [1, 2] }));
  await step('kv2/delete-metadata', () => remove('kv2/metadata/app/db'));
  await step('kv2/missing', () => read(at));
  await step('cubbyhole/write', () => write('cubbyhole/mine', { value: secret('cubbyhole') }));
  await step('cubbyhole/read', async () => same((await read('cubbyhole/mine')).data, { value: secret('cubbyhole') }));
}

async function tokens() {
  await step('policy/write', () => vault.addPolicy({ name: 'reader', rules: reader }));
  await step('policy/read', async () => same((await vault.getPolicy({ name: 'reader' })).data.rules, reader));
  await step('policy/list', async () => holds((await vault.policies()).data.policies.includes('reader'), 'it'));
  await step('policy/malformed', () =>
    vault.addPolicy({ name: 'bad', rules: 'path "a" { capabilities = ["fly"] }' }));
  await step('policy/delete', async () => {
    await vault.addPolicy({ name: 'spare', rules: reader });
    await vault.removePolicy({ name: 'spare' });
  });

  const create = async (body) => (await vault.tokenCreate(body)).auth;
  await step('token/create', async () => {
    kept.made = await create({ policies: ['reader'], ttl: '1h', meta: { who: 'walk' } });
    same(kept.made.policies, ['default', 'reader']);
  });
  const made = () => kept.made.client_token;
  await step('token/lookup', async () => same((await vault.tokenLookup({ token: made() })).data.meta, { who: 'walk' }));
  await step('token/lookup-accessor', async () => {
    const found = await vault.tokenLookupAccessor({ accessor: kept.made.accessor });
    same(found.data.policies, ['default', 'reader']);
  });
  await step('token/lookup-self', async () => {
    as(made());
    same((await vault.tokenLookupSelf()).data.id, made());
  });
  await step('token/capabilities', async () => {
    const found = await write('sys/capabilities', { token: made(), paths: ['kv1/open/x'] });
    same(found.data['kv1/open/x'], ['create', 'read', 'update']);
  });
  await step('token/allowed', async () => { as(made()); await useOpen(); });
  await step('token/denied', async () => { as(made()); await read('kv1/closed'); });
  await step('token/unknown', async () => { as(`hvs.${canary}unknowntoken1234567890`); await read('kv1/open/x'); });
  await step('token/renew', async () => same((await vault.tokenRenew({ token: made() })).auth.renewable, true));
  await step('token/renew-self', async () => {
    as(made());
    same((await vault.tokenRenewSelf({ increment: '30m' })).auth.client_token, made());
  });
  await step('token/orphan', async () =>
    same((await vault.tokenCreateOrphan({ policies: ['reader'] })).auth.orphan, true));
  await step('token/list-accessors', async () =>
    holds((await vault.tokenAccessors()).data.keys.includes(kept.made.accessor), 'the accessor'));
  await step('token/revoke-accessor', async () =>
    vault.tokenRevokeAccessor({ accessor: (await create({ ttl: '1h' })).accessor }));
  await step('token/revoke', () => vault.tokenRevoke({ token: made() }));
  await step('token/revoked', async () => { as(made()); await vault.tokenLookupSelf(); });
  await step('token/revoke-self', async () => {
    as((await create({ ttl: '1h' })).client_token);
    await vault.tokenRevokeSelf();
  });

  await step('token-role/write', () =>
    write('auth/token/roles/walkers', { allowed_policies: 'reader', orphan: true }));
  await step('token-role/read', async () =>
    same((await vault.getTokenRole({ role_name: 'walkers' })).data.orphan, true));
  await step('token-role/list', async () => same((await vault.tokenRoles()).data.keys, ['walkers']));
  await step('token-role/create', async () => {
    const { auth } = await vault.tokenCreateRole({ role_name: 'walkers', policies: ['reader'] });
    holds(auth.policies.includes('reader'), auth.policies);
  });
  await step('token-role/delete', () => vault.removeTokenRole({ role_name: 'walkers' }));
  await step('token-batch/create', async () => {
    const { auth } = await write('auth/token/create', { policies: ['reader'], type: 'batch', ttl: '1h' });
    kept.batch = auth.client_token;
    same(auth.token_type, 'batch');
  });
  await step('token-batch/use', async () => { as(kept.batch); await useOpen(); });
}

const enableAuth = (path, type) => vault.enableAuth({ mount_point: path, type });

async function logins() {
  const withPassword = async (password) => {
    await vault.userpassLogin({ username: 'wanda', password });
    await useOpen();
  };
  await step('userpass/enable', () => enableAuth('userpass', 'userpass'));
  await step('userpass/write', () =>
    write('auth/userpass/users/wanda', { password: secret('password'), token_policies: 'reader' }));
  await step('userpass/login', () => withPassword(secret('password')));
  await step('userpass/wrong-password', () => withPassword(secret('wrong-password')));
  await step('userpass/list', async () => same((await list('auth/userpass/users')).data.keys, ['wanda']));
  await step('userpass/change-password', async () => {
    await write('auth/userpass/users/wanda/password', { password: secret('new') });
    await withPassword(secret('new'));
  });
  await step('userpass/delete', () => remove('auth/userpass/users/wanda'));

  const login = async (id) => {
    await vault.approleLogin({ role_id: kept.role, secret_id: id });
    await useOpen();
  };
  const role = { role_name: 'app' };
  await step('approle/enable', () => enableAuth('approle', 'approle'));
  await step('approle/write', () =>
    write('auth/approle/role/app', { token_policies: 'reader', secret_id_ttl: '1h', token_ttl: '10m' }));
  await step('approle/role-id', async () => { kept.role = (await vault.getApproleRoleId(role)).data.role_id; });
  await step('approle/secret-id', async () => { kept.id = (await vault.getApproleRoleSecret(role)).data.secret_id; });
  await step('approle/custom-secret-id', async () => {
    const given = await write('auth/approle/role/app/custom-secret-id', { secret_id: secret('custom') });
    same(given.data.secret_id, secret('custom'));
  });
  await step('approle/login', async () => {
    const { token } = vault;
    await login(kept.id);
    as(token);
    await login(secret('custom'));
  });
  await step('approle/wrong-secret-id', () => login(secret('wrong-id')));
  await step('approle/look-up-secret-id', async () => {
    const found = await vault.approleSecretLookup({ ...role, secret_id: kept.id });
    same(found.data.secret_id_ttl, 3600);
  });
  await step('approle/list', async () => same((await vault.approleRoles()).data.keys, ['app']));
  await step('approle/destroy-secret-id', () => vault.approleSecretDestroy({ ...role, secret_id: kept.id }));
  await step('approle/destroyed', () => login(kept.id));

  const signed = async (file) => {
    await vault.jwtLogin({ role: 'walker', jwt: data(file) });
    await useOpen();
  };
  await step('jwt/enable', () => enableAuth('jwt', 'jwt'));
  await step('jwt/configure', () => write('auth/jwt/config', { jwt_validation_pubkeys: [data('jwt-key.pem')] }));
  await step('jwt/role', () =>
    write('auth/jwt/role/walker', {
      role_type: 'jwt', user_claim: 'sub', bound_audiences: ['onrecord'], token_policies: 'reader',
    }));
  await step('jwt/login', () => signed('login.jwt'));
  await step('jwt/wrong-signature', () => signed('foreign.jwt'));
}

async function identity() {
  await step('identity/write-entity', async () => {
    const made = await write('identity/entity', { name: 'wanda', metadata: { team: 'walkers' }, policies: ['reader'] });
    kept.entity = made.data.id;
  });
  await step('identity/read-entity', async () =>
    same((await read(`identity/entity/id/${kept.entity}`)).data.name, 'wanda'));
  await step('identity/alias', async () => {
    const { accessor } = (await vault.auths()).data['userpass/'];
    await write('identity/entity-alias', { name: 'wanda', canonical_id: kept.entity, mount_accessor: accessor });
  });
  await step('identity/group', async () => {
    kept.group = (await write('identity/group', { name: 'walkers', member_entity_ids: [kept.entity] })).data.id;
  });
  await step('identity/look-up', async () =>
    same((await write('identity/lookup/entity', { name: 'wanda' })).data.id, kept.entity));
  await step('identity/list', async () => holds((await list('identity/entity/name')).data.keys.includes('wanda'), 'wanda'));
  await step('identity/delete', async () => {
    await remove(`identity/group/id/${kept.group}`);
    await remove(`identity/entity/id/${kept.entity}`);
  });
}

async function wrapping() {
  await step('wrapping/wrap', async () => {
    await useOpen();
    kept.wrapped = (await vault.read('kv1/open/x', options({ 'X-Vault-Wrap-TTL': '5m' }))).wrap_info.token;
  });
  await step('wrapping/look-up', async () =>
    same((await write('sys/wrapping/lookup', { token: kept.wrapped })).data.creation_path, 'kv1/open/x'));
  await step('wrapping/rewrap', async () => {
    kept.rewrapped = (await write('sys/wrapping/rewrap', { token: kept.wrapped })).wrap_info.token;
  });
  const unwrap = async () => same((await vault.unwrap({ token: kept.rewrapped })).data, { value: secret('allowed') });
  await step('wrapping/unwrap', unwrap);
  await step('wrapping/again', unwrap);
}

async function leases() {
  const at = 'auth/lease-login/login/wanda';
  const look = async () => same((await write('sys/leases/lookup', { lease_id: kept.lease })).data.id, kept.lease);
  await step('lease/list', async () => {
    await enableAuth('lease-login', 'userpass');
    await write('auth/lease-login/users/wanda', { password: secret('lease') });
    await write(at, { password: secret('lease') });
    await write(at, { password: secret('lease') });
    kept.lease = `${at}/${(await list(`sys/leases/lookup/${at}`)).data.keys[0]}`;
  });
  await step('lease/look-up', look);
  await step('lease/renew', async () =>
    same((await vault.renew({ lease_id: kept.lease, increment: 600 })).lease_id, kept.lease));
  await step('lease/revoke', () => vault.revoke({ lease_id: kept.lease }));
  await step('lease/unknown', look);
  await step('lease/revoke-prefix', () => write('sys/leases/revoke-prefix/auth/lease-login/login', {}));
}

async function transit() {
  const name = 'walk';
  const decrypts = async (ciphertext) =>
    same((await vault.decryptData({ name, ciphertext })).data.plaintext, encoded(secret('transit')));
  const input = (text) => ({ input: encoded(secret(text)) });
  await step('transit/enable', () => mount('transit', 'transit'));
  await step('transit/create-key', async () => {
    await vault.transitCreateKey({ name });
    await vault.transitCreateKey({ name: 'sign', type: 'ed25519' });
  });
  await step('transit/read-key', async () => same((await vault.transitReadKey({ name })).data.type, 'aes256-gcm96'));
  await step('transit/list', async () => same((await vault.transitListKeys()).data.keys, ['sign', 'walk']));
  await step('transit/encrypt', async () => {
    const { ciphertext } = (await vault.encryptData({ name, plaintext: encoded(secret('transit')) })).data;
    kept.ciphertext = ciphertext;
  });
  await step('transit/decrypt', () => decrypts(kept.ciphertext));
  await step('transit/rotate', () => write('transit/keys/walk/rotate', {}));
  await step('transit/rewrap', async () => {
    const { ciphertext } = (await vault.rewrapData({ name, ciphertext: kept.ciphertext })).data;
    holds(ciphertext.startsWith('vault:v2:'), ciphertext);
    await decrypts(ciphertext);
  });
  await step('transit/datakey', async () =>
    same((await write('transit/datakey/plaintext/walk', {})).data.plaintext.length, 44));
  await step('transit/sign', async () => {
    kept.signature = (await write('transit/sign/sign', input('signed'))).data.signature;
  });
  await step('transit/verify', async () =>
    same((await write('transit/verify/sign', { ...input('signed'), signature: kept.signature })).data.valid, true));
  await step('transit/hmac', async () => {
    const { hmac } = (await write('transit/hmac/walk', input('mac'))).data;
    same((await write('transit/verify/walk', { ...input('mac'), hmac })).data.valid, true);
  });
  await step('transit/malformed-ciphertext', () => vault.decryptData({ name, ciphertext: secret('ciphertext') }));
  await step('transit/delete-refused', () => vault.transitDeleteKey({ name }));
  await step('transit/delete', async () => {
    await write('transit/keys/walk/config', { deletion_allowed: true });
    await vault.transitDeleteKey({ name });
  });
}

async function pki() {
  await step('pki/enable', async () => {
    await mount('pki', 'pki');
    await write('sys/mounts/pki/tune', { max_lease_ttl: '8760h' });
  });
  await step('pki/root', async () => {
    const { certificate } = (await write('pki/root/generate/internal', { common_name: 'walk.example' })).data;
    holds(certificate.includes('BEGIN'), certificate);
  });
  await step('pki/role', () =>
    write('pki/roles/hosts', { allowed_domains: 'walk.example', allow_subdomains: true, max_ttl: '72h' }));
  await step('pki/issue', async () => {
    const issued = (await write('pki/issue/hosts', { common_name: 'a.walk.example' })).data;
    kept.serial = issued.serial_number;
    holds(issued.private_key.includes('PRIVATE KEY'), 'a key');
  });
  await step('pki/refused-name', () => write('pki/issue/hosts', { common_name: 'a.other.example' }));
  await step('pki/read', async () =>
    holds((await read(`pki/cert/${kept.serial}`)).data.certificate.includes('BEGIN'), 'it'));
  await step('pki/list', async () => holds((await list('pki/certs')).data.keys.includes(kept.serial), 'the serial'));
  await step('pki/revoke', async () =>
    holds((await write('pki/revoke', { serial_number: kept.serial })).data.revocation_time > 0, 'a time'));
  await step('pki/crl', async () => holds((await read('pki/cert/crl')).data.certificate.includes('X509 CRL'), 'it'));
}

async function ceremonies() {
  await step('tools/random', async () =>
    same((await write('sys/tools/random/16', {})).data.random_bytes.length, 24));
  await step('tools/hash', async () =>
    same((await write('sys/tools/hash/sha2-256', { input: encoded(secret('tool')) })).data.sum.length, 64));
  await step('rotate/rotate', () => vault.rotate());
  await step('rotate/key-status', async () => holds((await read('sys/key-status')).data.term >= 2, 'a later term'));

  const shares = { secret_shares: 3, secret_threshold: 2 };
  const withShares = async (send, nonce) => {
    await send({ key: keys[0], nonce });
    const done = await send({ key: keys[1], nonce });
    same(done.complete, true);
    return done;
  };
  await step('rekey/init', async () => same((await write('sys/rekey/init', shares)).started, true));
  await step('rekey/cancel', async () => {
    await remove('sys/rekey/init');
    same((await read('sys/rekey/init')).started, false);
  });
  await step('rekey/complete', async () => {
    const { nonce } = await write('sys/rekey/init', shares);
    keys = (await withShares((body) => write('sys/rekey/update', body), nonce)).keys;
  });

  await step('generate-root/init', async () => same((await vault.generateRootInit()).started, true));
  await step('generate-root/cancel', async () => {
    await vault.generateRootCancel();
    same((await read('sys/generate-root/attempt')).started, false);
  });
  await step('generate-root/complete', async () => {
    const { nonce, otp } = await vault.generateRootInit();
    const { encoded_root_token: given } = await withShares((body) => vault.generateRootUpdate(body), nonce);
    as(Buffer.from(Buffer.from(given, 'base64').map((byte, index) => byte ^ otp.charCodeAt(index))).toString());
    same((await vault.tokenLookupSelf()).data.policies, ['root']);
  });

  await step('seal/seal', () => vault.seal());
  await step('seal/sealed-again', () => read('kv1/open/x'));
  await step('seal/unseal-again', unseal);
  await step('seal/kept', async () => same((await read('kv1/open/x')).data, { value: secret('allowed') }));
}

(async () => {
  for (const part of [start, devices, mounts, values, tokens, logins, identity, wrapping, leases, transit, pki, ceremonies]) {
    await part();
  }
})();
