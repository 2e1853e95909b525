// The OpenID provider of `./portcullis server`: the certified package oidc-provider, with people
// who were made up for one machine. Started by flows/stack/identity.py, which writes one line of
// JSON to standard input: passwords and secrets are on no command line and in no file.
import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

import { errorPage, loginPage, logoutPage, signedOutPage } from './pages.mjs';

const MOST_FORM_BYTES = 4096;
const FAILURES_BEFORE_A_PAUSE = 5;
const PAUSE_MILLISECONDS = 30_000;
const ALGORITHM = 'ES256';

const settings = JSON.parse(await firstLine(process.stdin));
const digests = new Map(Object.entries(settings.passwords).map(([name, text]) => [name, digest(text)]));
const failures = new Map(); // by name: how many in a row, and when the last one was

async function firstLine(stream) {
  const lines = createInterface({ input: stream });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  throw new Error('no settings on standard input');
}

function digest(text) {
  return createHash('sha256').update(text).digest();
}

// Read at each question: whoever edits the file takes effect at the next token.
function groupsOf(name) {
  const people = JSON.parse(readFileSync(settings.people_file, 'utf8'));
  return Object.hasOwn(people, name) ? people[name] : undefined;
}

function isPassword(name, password) {
  const expected = digests.get(name) ?? randomBytes(32);
  return timingSafeEqual(digest(password), expected) && groupsOf(name) !== undefined;
}

// The token's own signing key lives as long as this process: a restart ends every token.
function signingKeys() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: ALGORITHM }] };
}

const registry = {
  scope: 'registry',
  audience: settings.audience,
  accessTokenFormat: 'jwt',
  accessTokenTTL: settings.token_seconds,
  jwt: { sign: { alg: ALGORITHM } },
};

const clients = [
  {
    client_id: settings.pages.client_id,
    client_secret: settings.pages.client_secret,
    redirect_uris: [`${settings.pages.origin}/portcullis/callback`],
    post_logout_redirect_uris: [`${settings.pages.origin}/portcullis/login`],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    id_token_signed_response_alg: ALGORITHM,
  },
  {
    // A person's own program: a public client that signs in by the browser (RFC 8252).
    client_id: settings.programs_client_id,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: ALGORITHM,
  },
  ...Object.entries(settings.services).map(([client_id, client_secret]) => ({
    client_id,
    client_secret,
    redirect_uris: [],
    grant_types: ['client_credentials'],
    response_types: [],
    id_token_signed_response_alg: ALGORITHM, // no ID token is made: RS256, the default, needs a key
  })),
];

const provider = new Provider(settings.issuer, {
  clients,
  jwks: signingKeys(),
  cookies: { keys: [randomBytes(32).toString('hex')] },
  scopes: ['openid', 'offline_access', 'profile', 'groups'],
  claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
  pkce: { required: () => true },
  // A program of a person asks anew every minute; browsers' sessions are asked about instead.
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => answerPage(ctx, logoutPage(form)),
      postLogoutSuccessSource: (ctx) => answerPage(ctx, signedOutPage()),
    },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => registry,
      // A service's token is for the registry. A browser's is for this provider, which is asked
      // about the person again every minute.
      defaultResource: (ctx) =>
        ctx.oidc.client.grantTypeAllowed('client_credentials') ? settings.resource : undefined,
      useGrantedResource: () => true,
    },
  },
  // Groups as they are now, also when a token is refreshed.
  extraTokenClaims: (ctx, token) =>
    token.accountId === undefined ? undefined : { groups: groupsOf(token.accountId) ?? [] },
  findAccount: (ctx, name) => {
    if (groupsOf(name) === undefined) return undefined;
    return {
      accountId: name,
      claims: () => ({ sub: name, name, groups: groupsOf(name) ?? [] }),
    };
  },
  // These clients are the house's own: nobody is asked for consent.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope('openid offline_access profile groups');
    grant.addResourceScope(settings.resource, registry.scope);
    await grant.save();
    return grant;
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  renderError: (ctx, out) => answerPage(ctx, errorPage(out.error)),
  ttl: {
    AccessToken: (ctx, token) => token.resourceServer?.accessTokenTTL ?? settings.session_seconds,
    AuthorizationCode: 60,
    ClientCredentials: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 60,
    Grant: settings.session_seconds,
    IdToken: 60,
    Interaction: 600,
    RefreshToken: settings.session_seconds,
    Session: settings.session_seconds,
  },
});

function answerPage(ctx, html) {
  ctx.type = 'html';
  ctx.set('cache-control', 'no-store');
  ctx.set('x-frame-options', 'DENY');
  ctx.body = html;
}

// The login page. An interaction belongs to one browser by its cookie, which the package checks.
provider.use(async (ctx, next) => {
  const place = /^\/interaction\/[\w-]+$/.test(ctx.path);
  if (!place) return next();
  const interaction = await provider.interactionDetails(ctx.req, ctx.res);
  if (interaction.prompt.name !== 'login') {
    // A client that asks for consent by itself: the house's clients have it.
    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, { consent: {} });
    return undefined;
  }
  if (ctx.method === 'GET') {
    answerPage(ctx, loginPage(ctx.path, ''));
    return undefined;
  }
  if (ctx.method !== 'POST') return next();

  const form = new URLSearchParams(await readForm(ctx.req));
  const name = form.get('name') ?? '';
  if (isPaused(name)) {
    ctx.status = 429;
    answerPage(ctx, loginPage(ctx.path, 'Too many attempts for this name. Wait half a minute.'));
  } else if (!isPassword(name, form.get('password') ?? '')) {
    const earlier = failures.get(name)?.count ?? 0;
    if (digests.has(name)) failures.set(name, { count: earlier + 1, at: Date.now() });
    ctx.status = 401;
    answerPage(ctx, loginPage(ctx.path, 'Name or password is wrong.'));
  } else {
    failures.delete(name);
    ctx.respond = false;
    const login = { accountId: name, remember: false };
    await provider.interactionFinished(ctx.req, ctx.res, { login });
  }
  return undefined;
});

function isPaused(name) {
  const kept = failures.get(name);
  if (kept === undefined || kept.count < FAILURES_BEFORE_A_PAUSE) return false;
  if (Date.now() - kept.at < PAUSE_MILLISECONDS) return true;
  failures.delete(name);
  return false;
}

async function readForm(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > MOST_FORM_BYTES) throw new Error('the form is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

// Errors by kind alone: what a caller sent may hold a password or a code.
provider.on('server_error', (ctx, error) => console.error(`server error: ${error.name}`));

const { port } = new URL(settings.issuer);
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
