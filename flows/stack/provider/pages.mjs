// The provider's four pages: plain HTML without scripts, readable at 320 pixels and by a screen reader.

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center;
         background: light-dark(#f3f5f8, #14181f); color: light-dark(#1b2330, #e6eaf0); }
  main { width: min(22rem, 90vw); padding: 2rem; border-radius: .5rem;
         background: light-dark(#fff, #1e242e); box-shadow: 0 1px 4px #0003; }
  h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
  p { margin: 0 0 1.25rem; color: light-dark(#55617a, #a9b4c6); }
  label { display: block; margin: 0 0 1rem; font-weight: 600; }
  input { display: block; box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .6rem;
          font: inherit; border: 1px solid light-dark(#8b97ab, #5c6880); border-radius: .25rem; }
  button { width: 100%; padding: .65rem; font: inherit; font-weight: 600; border: 0;
           border-radius: .25rem; background: #1f5fbf; color: #fff; cursor: pointer; }
  button + button { margin-top: .5rem; background: light-dark(#e3e8f0, #323b4a);
                    color: light-dark(#1b2330, #e6eaf0); }
  :focus-visible { outline: 3px solid #f0a500; outline-offset: 1px; }
  .error { padding: .6rem .75rem; border-radius: .25rem; background: light-dark(#fdecea, #4a1f1c);
           color: light-dark(#8a1c12, #ffd9d4); }
`;

function page(title, body) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head>
<body><main>${body}</main></body></html>`;
}

// `address` is the path that this server itself has matched, and `problem` one of its own sentences.
export function loginPage(address, problem) {
  const notice = problem ? `<p class="error" role="alert">${problem}</p>` : '';
  return page(
    'Sign in to the model registry',
    `<h1>Sign in to the model registry</h1>
<p>Demo accounts of this machine: their passwords stand where <code>./portcullis server</code> runs.</p>
${notice}
<form method="post" action="${address}">
<label>Name <input name="name" autocomplete="username" autocapitalize="none" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Sign in</button>
</form>`,
  );
}

// `form` is the package's own, with the token that says it was shown by this server.
export function logoutPage(form) {
  return page(
    'Sign out',
    `<h1>Sign out?</h1><p>It ends your session with the model registry on this browser.</p>${form}
<button autofocus type="submit" form="op.logoutForm" value="yes" name="logout">Sign out</button>
<button type="submit" form="op.logoutForm">Stay signed in</button>`,
  );
}

export function signedOutPage() {
  return page('Signed out', '<h1>You are signed out</h1><p>You may close this page.</p>');
}

export function errorPage(kind) {
  const known = /^[a-z_]+$/.test(kind) ? kind : 'error';
  return page(
    'Not signed in',
    `<h1>That did not work</h1><p>The sign-in was refused or took too long (${known}).
Go back to the registry's address and begin again.</p>`,
  );
}
