// Requests to the server that this page came from. Addresses are relative, so a proxy may put the page under any path.

import { recall, remember } from "./store.js";

const KEY = "key";

/// What the server answered instead of what was asked for; `status` is 0 where no answer came.
export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/// The key: for as long as the tab is open, or in the browser where the user wants that and it can.
let key = recall(KEY, true) ?? recall(KEY);
export const apiKey = {
  get: () => key,
  set(given, isKept) {
    apiKey.forget();
    key = given;
    try {
      remember(KEY, given, !isKept);
    } catch {
      // The page has it.
    }
  },
  forget() {
    key = null;
    remember(KEY, null, true);
    remember(KEY, null);
  },
};

async function request(path, { body, signal } = {}) {
  const headers = {};
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer. Is it running?", 0);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  const text = await response.text().catch(() => "");
  let message = "";
  try {
    message = JSON.parse(text).error.message;
  } catch {
    // Something between us and the server answered in its own words.
  }
  return new ServerError(String(message || `The server answered with status ${response.status}.`), response.status);
}

/// The names of the models that the server offers.
export async function modelNames() {
  const answer = await (await request("v1/models")).json();
  return (answer.data ?? []).map((model) => String(model.id));
}

/// Whether the server is ready; false while it loads the model.
export async function isReady() {
  try {
    await request("health");
    return true;
  } catch (error) {
    if (error.status === 503) return false;
    throw error;
  }
}

/// The parts of an answer as they come: the objects of the chat completion stream.
export async function* chat(body, signal) {
  const response = await request("v1/chat/completions", {
    body: { ...body, stream: true, stream_options: { include_usage: true } },
    signal,
  });
  let isWhole = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") {
        isWhole = true;
        break;
      }
      const part = JSON.parse(data);
      if (part.error) throw new ServerError(String(part.error.message ?? "The server gave up."), part.error.status ?? 500);
      yield part;
    }
  } catch (error) {
    if (error instanceof ServerError || error.name === "AbortError") throw error;
    throw new ServerError("The connection broke before the answer was whole.", 0);
  }
  if (!isWhole) throw new ServerError("The connection ended before the answer was whole.", 0);
}

/// The data of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
export async function* events(stream) {
  const decoder = new TextDecoder();
  let rest = "";
  let data = [];
  for await (const bytes of chunks(stream)) {
    rest += decoder.decode(bytes, { stream: true });
    // A carriage return at the end may be half of a line's end.
    const isHalf = rest.endsWith("\r");
    const lines = (isHalf ? rest.slice(0, -1) : rest).split(/\r\n|\n|\r/);
    rest = lines.pop() + (isHalf ? "\r" : "");
    for (const line of lines) {
      if (line === "" && data.length > 0) {
        yield data.join("\n");
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
  }
}

/// A stream's pieces; leaving the loop early ends the stream. (Not every browser iterates over streams itself.)
async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
