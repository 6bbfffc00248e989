// The adapter is one by the types of Auth.js. Checked by tsc, never run.

import type { Adapter } from "@auth/core/adapters";

import { AuthStore } from "../dist/index.js";

export const adapter: Required<Adapter> = AuthStore({ url: "http://127.0.0.1:8080" });
