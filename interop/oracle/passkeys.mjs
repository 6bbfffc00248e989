// A page that signs up and in with a passkey, as the script of @simplewebauthn/browser does.

export const passkeyPage = `<!doctype html>
<title>Passkeys</title>
<input id="email">
<button id="register" onclick="run('register')">Sign up</button>
<button id="authenticate" onclick="run('authenticate')">Sign in</button>
<button id="signout" onclick="signOut()">Sign out</button>
<p id="done"></p>
<script>
const show = (text) => (document.getElementById("done").textContent = text);
const get = async (path) => (await fetch("/auth" + path)).json();
const post = async (path, form) => {
  const { csrfToken } = await get("/csrf");
  return fetch("/auth" + path, { method: "POST", body: new URLSearchParams({ ...form, csrfToken }) });
};
const who = async () => (await get("/session"))?.user?.email ?? "nobody";

async function run(action) {
  show("");
  try {
    const email = document.getElementById("email").value;
    const query = action === "register" ? new URLSearchParams({ action, email }) : new URLSearchParams({ action });
    const { options } = await get("/webauthn-options/webauthn?" + query);
    const credential =
      action === "register"
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    await post("/callback/webauthn", { action, data: JSON.stringify(credential) });
    show(await who());
  } catch (error) {
    show(String(error));
  }
}

async function signOut() {
  show("");
  await post("/signout", {});
  show(await who());
}
</script>`;
