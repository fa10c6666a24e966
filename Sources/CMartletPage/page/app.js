// Puts the page together: what is shown, what is being answered, and what buttons and keys do.

import { isReady, modelNames } from "./api.js";
import { askForKey, confirm } from "./dialogs.js";
import { Generation } from "./generation.js";
import { drawIcons } from "./icons.js";
import { element } from "./inline.js";
import { SettingsSheet } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import * as store from "./store.js";
import { decimal, statistics, Transcript } from "./transcript.js";

const SUGGESTIONS = [
  "Explain how a swift sleeps while flying.",
  "Write a Swift function that finds the longest common prefix of two strings.",
  "Make a table of three rivers with their length and their countries.",
];

const by = (id) => document.getElementById(id);
const [prompt, scroller, status, spoken] = ["prompt", "scroller", "status", "spoken"].map(by);

/// Answers that are being written, by conversation.
const running = new Map();
let models = [];
/// Whether the server has said what its models are.
let hasMet = false;
let conversation = newConversation();

drawIcons();
const transcript = new Transcript(by("messages"), act);
const sidebar = new Sidebar({ onOpen: open, onDelete: askToDelete });
const sheet = new SettingsSheet(by("settings"), { onChange: changeSetting, onDeleteAll: askToDeleteAll });

// --- Conversations -----------------------------------------------------------------------------------------------------

function newConversation() {
  return new store.Conversation(store.recall("settings") ?? {});
}

function begin() {
  conversation = newConversation();
  remember();
  sidebar.close();
  show();
  prompt.focus();
}

function open(id) {
  conversation = running.get(id)?.conversation ?? store.loadConversation(id) ?? newConversation();
  remember();
  show();
  goToEnd();
  prompt.focus();
}

function remember() {
  keep(() => store.remember("current", conversation.isEmpty ? null : conversation.id));
}

/// Saves; what the browser does not keep is said, and stays on the page.
function save(changed) {
  changed.updated = Date.now();
  keep(() => store.saveConversation(changed));
}

function keep(write) {
  try {
    write();
  } catch (error) {
    if (!(error instanceof store.StorageFull)) throw error;
    tell(error.message);
  }
}

async function askToDelete(id) {
  const found = store.loadConversation(id);
  if (!found || !(await confirm("Delete this conversation?", `“${found.title}” cannot be brought back.`))) return;
  remove(id);
  if (id === conversation.id) begin();
  showSidebar();
  // Its button has gone.
  if (document.activeElement === document.body) by("new-conversation").focus();
}

async function askToDeleteAll() {
  if (!(await confirm("Delete all conversations?", "They cannot be brought back."))) return;
  by("settings").close();
  for (const { id } of store.allConversations()) remove(id);
  begin();
}

function remove(id) {
  const generation = running.get(id);
  running.delete(id);
  generation?.stop();
  store.removeConversation(id);
}

function changeSetting(name, value) {
  if (value === null) delete conversation.settings[name];
  else conversation.settings[name] = value;
  keep(() => store.remember("settings", conversation.settings));
  if (!conversation.isEmpty) save(conversation);
}

// --- What is shown -----------------------------------------------------------------------------------------------------

function show() {
  const generation = running.get(conversation.id);
  transcript.show(conversation, generation?.node ?? null);
  const title = conversation.title || "New conversation";
  by("title").textContent = title;
  document.title = conversation.title ? `${title} · Martlet` : "Martlet";
  by("welcome").hidden = !conversation.isEmpty;
  by("messages").hidden = conversation.isEmpty;
  by("stop").hidden = !generation;
  by("send").hidden = Boolean(generation);
  by("speed").textContent = "";
  showModel();
  showSidebar();
  showSend();
  showLatest();
}

function showSidebar() {
  sidebar.show(store.allConversations(), conversation.id, running);
}

function showModel() {
  const wanted = conversation.settings.model;
  const name = models.includes(wanted) ? wanted : models[0] ?? "";
  const choice = by("model");
  choice.replaceChildren(...models.map((model) => element("option", { value: model }, model)));
  choice.value = name;
  choice.hidden = models.length < 2;
  by("model-name").textContent = models.length < 2 ? name : "";
}

function showSend() {
  by("send").disabled = prompt.value.trim() === "";
  if (!CSS.supports("field-sizing", "content")) {
    prompt.rows = Math.min(Math.max(prompt.value.split("\n").length, 1), 8);
  }
}

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
let follows = true;

function showLatest() {
  const latest = by("latest");
  const hadFocus = document.activeElement === latest;
  latest.hidden = isAtEnd();
  // A hidden button would leave the keyboard nowhere.
  if (hadFocus && latest.hidden) prompt.focus();
}

function goToEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  showLatest();
}

/// Shows a message above the conversation, or takes it away.
function tell(text) {
  by("notice").textContent = text ?? "";
  by("notice").hidden = !text;
}

// --- Answers -----------------------------------------------------------------------------------------------------------

function send() {
  const text = prompt.value.trim();
  if (text === "" || running.has(conversation.id)) return;
  prompt.value = "";
  ask(text, conversation.path.at(-1)?.id ?? null);
}

/// Adds what the user says after a message, and has it answered.
function ask(text, parent) {
  answer(conversation, conversation.add(parent, "user", text));
  remember();
}

/// Has a message of the user answered.
function answer(talk, question) {
  return generate(talk, talk.add(question.id, "assistant", ""), false);
}

async function generate(talk, node, isContinued) {
  const generation = new Generation(talk, node, { isContinued, onText: growing });
  running.set(talk.id, generation);
  save(talk);
  show();
  follows = true;
  goToEnd();
  spoken.replaceChildren();
  status.textContent = "The model is answering.";
  const isCurrent = () => running.get(talk.id) === generation;
  for (;;) {
    try {
      if (!hasMet) await learnModels();
      if (!models.includes(talk.settings.model)) talk.settings.model = models[0];
      await generation.run();
      break;
    } catch (error) {
      if (isCurrent() && (await askForKey(error.message))) continue;
      node.finish = "error";
      node.error = error.message;
      break;
    }
  }
  // Deleted meanwhile.
  if (!isCurrent()) return;
  running.delete(talk.id);
  save(talk);
  if (talk !== conversation) return showSidebar();
  const hadFocus = document.activeElement === by("stop");
  show();
  if (follows) goToEnd();
  if (hadFocus) prompt.focus();
  speak(by("messages").lastElementChild?.querySelector(".body"), Infinity);
  status.textContent = node.error ?? `${node.finish === "stopped" ? "Stopped" : "Answer complete"}: ${statistics(node.stats) ?? "nothing came"}.`;
}

function growing(generation) {
  if (generation.conversation !== conversation) return;
  transcript.grow(generation.node, (body, whole) => {
    body.parentElement.querySelector(".thinking")?.remove();
    if (generation.speed) by("speed").textContent = `about ${decimal(generation.speed)} tokens per second`;
    if (follows) goToEnd();
    else showLatest();
    speak(body, whole);
  });
}

/// Has screen readers read the blocks that are whole, each once.
function speak(body, whole) {
  if (!body) return;
  const blocks = [...body.children].slice(spoken.childElementCount, whole);
  spoken.append(...blocks.map((block) => element("p", {}, (block.querySelector("pre") ?? block).textContent)));
}

/// What the buttons of a message do.
function act(action, id, text) {
  const node = conversation.nodes[id];
  if (!node) return;
  if (action === "copy") return transcript.copied(node);
  if (running.has(conversation.id)) return;
  const above = conversation.before(node);
  switch (action) {
    case "edit":
      return transcript.edit(node);
    case "cancel":
      show();
      return transcript.focus(id, "edit");
    case "save":
      if (node.role === "user") {
        ask(text.trim(), above?.id ?? null);
        return prompt.focus();
      }
      const changed = conversation.add(node.parent, node.role, text);
      Object.assign(changed, { finish: "stop", model: node.model });
      save(conversation);
      show();
      return transcript.focus(changed.id, "edit");
    case "again":
      // An answer of which nothing came is not worth keeping.
      if (node.text === "" && node.children.length === 0) conversation.remove(node);
      answer(conversation, above);
      return prompt.focus();
    case "continue":
      generate(conversation, node, true);
      return prompt.focus();
    case "previous":
    case "next":
      const shown = conversation.turn(node, action === "next" ? 1 : -1);
      save(conversation);
      show();
      return transcript.focus(shown.id, action);
  }
}

// --- The server --------------------------------------------------------------------------------------------------------

/// Waits until the server has its models, and learns what they are called.
async function learnModels() {
  while (!(await isReady())) {
    tell("The server is loading its model …");
    await new Promise((done) => setTimeout(done, 1000));
  }
  try {
    models = await modelNames();
  } catch (error) {
    // A key may be good for answers and not for the list; then the server takes the model that it has.
    if (error.status !== 403) throw error;
  }
  hasMet = true;
  tell(null);
  showModel();
}

async function meet() {
  try {
    await learnModels();
  } catch (error) {
    if (error.status !== 401) return tell(error.message);
    if (await askForKey(error.message)) return meet();
    tell("Without an API key the server answers nothing.");
  }
}

// --- Keys and buttons --------------------------------------------------------------------------------------------------

// On a screen's keyboard Enter is the only way to a new line.
const sendsByEnter = !matchMedia("(pointer: coarse)").matches;
by("keys").hidden = !sendsByEnter;

by("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
prompt.addEventListener("input", showSend);
prompt.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey && (sendsByEnter || event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    send();
  } else if (event.key === "ArrowUp" && prompt.value === "" && !running.has(conversation.id)) {
    const last = conversation.path.findLast((node) => node.role === "user");
    if (!last) return;
    event.preventDefault();
    transcript.edit(last);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) running.get(conversation.id)?.stop();
});
by("stop").addEventListener("click", () => running.get(conversation.id)?.stop());
by("new-conversation").addEventListener("click", begin);
by("open-settings").addEventListener("click", () => sheet.open(conversation.settings));
by("model").addEventListener("change", () => changeSetting("model", by("model").value));
by("latest").addEventListener("click", () => {
  goToEnd();
  prompt.focus();
});
scroller.addEventListener("scroll", () => {
  follows = isAtEnd();
  showLatest();
}, { passive: true });
for (const text of SUGGESTIONS) {
  const button = element("button", { type: "button" }, text);
  button.addEventListener("click", () => {
    prompt.focus();
    ask(text, null);
  });
  by("suggestions").append(element("li", {}, button));
}
// Another tab wrote.
addEventListener("storage", (event) => {
  if (!store.isAboutConversations(event)) return;
  if (!running.has(conversation.id) && !document.querySelector("li.editing")) {
    conversation = store.loadConversation(conversation.id) ?? conversation;
    return show();
  }
  showSidebar();
});
// What came up to now is kept when the page goes.
addEventListener("pagehide", () => {
  for (const generation of running.values()) {
    generation.stop();
    save(generation.conversation);
  }
});

conversation = store.loadConversation(store.recall("current")) ?? conversation;
show();
goToEnd();
if (sendsByEnter) prompt.focus();
meet();
