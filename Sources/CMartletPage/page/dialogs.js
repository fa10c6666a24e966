// Questions to the user.

import { apiKey } from "./api.js";

const by = (id) => document.getElementById(id);

/// What the user says who is being asked for an API key.
let asking = null;

by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  by("ask-key").close("given");
});
by("cancel-key").addEventListener("click", () => by("ask-key").close());

/// Whether something is to be deleted.
export async function confirm(title, text) {
  by("confirm-title").textContent = title;
  by("confirm-text").textContent = text;
  return (await answerOf(by("confirm"))) === "yes";
}

/// Asks for an API key; whether one was given. Whoever asks meanwhile gets the same answer.
export function askForKey(reason) {
  asking ??= readKey(reason).finally(() => (asking = null));
  return asking;
}

async function readKey(reason) {
  by("key-reason").textContent = reason;
  const isGiven = (await answerOf(by("ask-key"))) === "given";
  const key = by("key").value.trim();
  by("key").value = "";
  if (isGiven && key !== "") apiKey.set(key, by("keep-key").checked);
  return isGiven && key !== "";
}

/// Opens a dialog and waits until it is closed. (The event comes a little later, perhaps when it is open again.)
function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    const check = () => {
      if (dialog.open) return;
      dialog.removeEventListener("close", check);
      done(dialog.returnValue);
    };
    dialog.addEventListener("close", check);
  });
}
