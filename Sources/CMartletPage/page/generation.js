// One answer being written: asks the server, adds what comes to a message, measures.

import { chat, ServerError } from "./api.js";

const NUMBERS = ["temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "seed"];

/// What is asked for, from a conversation's settings; what is not set is left to the server.
function requestBody(conversation, node, isContinued) {
  const { settings } = conversation;
  const messages = [];
  for (let at = isContinued ? node : conversation.before(node); at; at = conversation.before(at)) {
    // An answer of which nothing came says nothing.
    if (at.text !== "") messages.unshift({ role: at.role, content: at.text });
  }
  if (settings.system) messages.unshift({ role: "system", content: settings.system });
  const body = { model: settings.model, messages };
  for (const name of NUMBERS) if (Number.isFinite(settings[name])) body[name] = settings[name];
  const stop = String(settings.stop ?? "").split("\n").filter((text) => text !== "");
  if (stop.length > 0) body.stop = stop;
  if (isContinued) body.continue_final_message = true;
  return body;
}

export class Generation {
  #abort = new AbortController();

  /// - isContinued: whether what comes goes on with the message's text.
  /// - onText: called when there is more of it.
  constructor(conversation, node, { isContinued = false, onText }) {
    this.conversation = conversation;
    this.node = node;
    this.isContinued = isContinued;
    this.onText = onText;
    this.tokens = 0;
  }

  stop() {
    this.#abort.abort();
  }

  /// The speed up to now, in tokens a second, or null. A part of the stream is about a token. What came all at once was
  /// held up on the way and says nothing.
  get speed() {
    return this.tokens > 1 && this.last - this.first > 50 ? ((this.tokens - 1) * 1000) / (this.last - this.first) : null;
  }

  /// Returns when the answer has ended, however it did; the message then says how.
  /// - Throws: ServerError 401, with the message as it was, so that it can be tried again with a key.
  async run() {
    const { node } = this;
    const began = performance.now();
    let usage = null;
    delete node.error;
    node.finish = "stopped";
    try {
      for await (const part of chat(requestBody(this.conversation, node, this.isContinued), this.#abort.signal)) {
        if (part.usage) usage = part.usage;
        if (part.model) node.model = String(part.model);
        const choice = part.choices?.[0];
        if (choice?.delta?.content) {
          this.last = performance.now();
          this.first ??= this.last;
          this.tokens++;
          node.text += choice.delta.content;
          this.onText(this);
        }
        if (choice?.finish_reason) node.finish = String(choice.finish_reason);
      }
    } catch (error) {
      if (error.status === 401) throw error;
      if (error.name !== "AbortError") {
        // A page that is being left loses its connections, too. Then it saves what came, and nothing runs after this.
        if (error.status === 0) await new Promise((done) => setTimeout(done, 100));
        node.finish = "error";
        node.error = error instanceof ServerError ? error.message : `The page made a mistake: ${error.message}`;
      }
    }
    if (usage) this.tokens = usage.completion_tokens;
    node.stats = {
      tokens: this.tokens,
      isCounted: usage !== null,
      speed: this.speed,
      firstSeconds: this.first === undefined ? null : (this.first - began) / 1000,
      promptTokens: usage?.prompt_tokens ?? null,
      cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? null,
    };
  }
}
