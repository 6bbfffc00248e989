// What a page needs for passkeys: the server's options go to the browser, and the browser's
// answer to the server, as JSON.

const problems = {
  unknown: "Nobody here has this passkey.",
  unverified: "Please confirm your address first: sign in by a link to it.",
  limited: "That was often. Please try again in some minutes.",
  unavailable: "Please try again in a moment.",
};

const post = async (path, body) => {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(problems[answer.error] ?? "That didn’t work. Please try again.");
  return answer;
};

const ways = {
  async create() {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await post("/passkeys/register"));
    await post("/passkeys/registered", await navigator.credentials.create({ publicKey }));
    location.assign("/?done=passkey");
  },
  async get() {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await post("/passkeys/signin"));
    await post("/passkeys/signedin", await navigator.credentials.get({ publicKey }));
    location.assign("/");
  },
};

for (const button of document.querySelectorAll("[data-passkey]")) {
  const problem = document.querySelector("#passkey-problem");
  button.addEventListener("click", async () => {
    problem.hidden = button.disabled = true;
    try {
      await ways[button.dataset.passkey]();
    } catch (error) {
      problem.textContent = error.name === "NotAllowedError" ? "Your browser was not allowed to." : error.message;
      problem.hidden = button.disabled = false;
    }
  });
}
