"use strict";
// The form works without this file; with it, the face is checked while the script is still being written,
// and a refusal is shown beside the input at fault without losing anything.
const $ = (id) => document.getElementById(id);
const form = $("job-form");

function show(errors) {
  for (const box of form.querySelectorAll("[data-errors]")) {
    box.replaceChildren(...(errors[box.dataset.errors] || []).map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  }
  const first = form.querySelector("[data-errors] p");
  if (first) first.scrollIntoView({ block: "center", behavior: "smooth" });
}

async function send(url, body) {
  const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
  const answer = await response.json().catch(() => ({ message: `The server answered ${response.status}.`, errors: {} }));
  if (response.status === 401) location.href = "/login";
  return { ok: response.ok, answer };
}

// The script: typed, opened or dropped.
const script = $("script");
function countScript() {
  const words = script.value.trim().split(/\s+/).filter(Boolean).length;
  $("script-length").textContent = words ? `${words} words, about ${Math.max(1, Math.round(words / 2.5))} s` : "";
}
async function openScript(file) {
  if (!file) return;
  if (file.size > 500000) return show({ script: [`${file.name} has ${Math.round(file.size / 1000)} KB, which is no script. Choose a text file of at most 500 KB.`] });
  try {
    script.value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    show({});
  } catch {
    show({ script: [`${file.name} is not text in UTF-8. Save it as UTF-8 text and try again.`] });
  }
  countScript();
}
script.addEventListener("input", countScript);
$("script-file").addEventListener("change", (event) => openScript(event.target.files[0]));

// The face: sent and inspected as soon as it is chosen.
const MAX_FACE_MB = 64;
let faceCheck = Promise.resolve();
let chosenFace;
async function checkFace(file) {
  const findings = $("face-findings");
  const tell = (rows) => findings.replaceChildren(...rows.map(([className, textContent]) => Object.assign(document.createElement("p"), { className, textContent })));
  chosenFace = file;
  $("face-uri").value = "";
  tell([]);
  if (!file) return;
  if (file.size > MAX_FACE_MB * 1024 * 1024) return tell([["error", `${file.name} has ${Math.round(file.size / 1024 / 1024)} MB. Choose an image of at most ${MAX_FACE_MB} MB.`]]);
  $("face-preview").src = URL.createObjectURL(file);
  $("face-preview").hidden = false;
  $("face-prompt").hidden = true;
  tell([["hint", "Looking at the face …"]]);
  const body = new FormData();
  body.append("face", file);
  const sent = await send("/faces", body).catch(() => null);
  // Another may have been chosen meanwhile: this answer is not about it.
  if (file !== chosenFace) return;
  if (!sent) return tell([["warning", "The face could not be looked at. It will be when the form is sent."]]);
  const { ok, answer } = sent;
  const rows = ok ? answer.findings.map((f) => [f.error ? "error" : "warning", f.message]) : Object.values(answer.errors).flat().concat(answer.message && !Object.keys(answer.errors).length ? [answer.message] : []).map((m) => ["error", m]);
  if (ok && answer.usable) {
    $("face-uri").value = answer.uri;
    rows.unshift(["fine", "This face will do."]);
  }
  tell(rows);
}
$("face").addEventListener("change", (event) => { faceCheck = checkFace(event.target.files[0]); });

function droppable(element, take) {
  for (const name of ["dragenter", "dragover"]) element.addEventListener(name, (event) => { event.preventDefault(); element.classList.add("dragging"); });
  for (const name of ["dragleave", "drop"]) element.addEventListener(name, () => element.classList.remove("dragging"));
  element.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files.length) take(event.dataTransfer.files); });
}
droppable(script, (files) => openScript(files[0]));
droppable($("face-drop"), (files) => { $("face").files = files; faceCheck = checkFace(files[0]); });

// What will happen for each language: spoken as it is, translated, or in need of a translation.
function explain() {
  const source = $("script-locale").value.split("-")[0];
  for (const box of form.querySelectorAll("input[name=targets]")) {
    const locale = box.closest(".locale");
    const own = locale.querySelector("textarea");
    const how = locale.querySelector(".how");
    if (own.value.trim()) how.textContent = "Your translation is spoken.";
    else if (box.value.split("-")[0] === source) how.textContent = "The script is spoken as it is.";
    else if (box.dataset.sources.split(" ").includes(source)) how.textContent = "Translated by machine.";
    else {
      how.textContent = "No machine translation here: write your own.";
      if (box.checked) locale.querySelector("details").open = true;
    }
  }
}
form.addEventListener("change", explain);
form.addEventListener("input", explain);

function showColor() { $("color-label").hidden = $("background").value !== "color"; }
$("background").addEventListener("change", showColor);

function beginRequest() {
  $("request-id").value = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
  $("submit").disabled = false;
  $("busy").textContent = "";
}
// Who comes back to a page that the browser kept asks for another job.
window.addEventListener("pageshow", (event) => { if (event.persisted) beginRequest(); });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  $("submit").disabled = true;
  $("busy").textContent = "Checking …";
  try {
    await faceCheck;
    const body = new FormData(form);
    if ($("face-uri").value) body.delete("face");
    const { ok, answer } = await send("/jobs", body);
    if (ok) { location.href = answer.location; return; }
    show(Object.keys(answer.errors).length ? answer.errors : { "": [answer.message] });
  } catch {
    show({ "": ["The server cannot be reached. What you wrote is still here; try again in a moment."] });
  }
  $("submit").disabled = false;
  $("busy").textContent = "";
});
beginRequest();
countScript();
explain();
showColor();
