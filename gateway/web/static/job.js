"use strict";
// Follows a job by server-sent events; the browser reconnects by itself, and each event is the whole state.
const job = document.getElementById("job");
const url = `/jobs/${job.dataset.id}`;
const finished = new Set([...document.querySelectorAll(".result")].filter((r) => r.querySelector("video")).map((r) => r.id));

function fill() {
  for (const bar of document.querySelectorAll(".fill")) bar.style.width = `${bar.dataset.percent}%`;
}

async function reload() {
  const response = await fetch(`${url}/results`);
  if (!response.ok) return;
  // A player that is in use stays; the others are replaced.
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const section of fresh.querySelectorAll(".result")) {
    if (finished.has(section.id)) continue;
    document.getElementById(section.id)?.replaceWith(section);
    if (section.querySelector("video")) finished.add(section.id);
  }
  fill();
}

function update(view) {
  const state = document.getElementById("job-state");
  state.textContent = state.dataset.state = view.state;
  const progress = document.getElementById("job-progress");
  progress.querySelector(".fill").dataset.percent = view.percent;
  progress.setAttribute("aria-valuenow", view.percent);
  progress.hidden = document.getElementById("cancel").hidden = view.ended;
  document.getElementById("job-note").textContent = view.ended ? "" : `${view.percent} %`;
  document.title = (view.ended ? "" : `${view.percent} % · `) + `${view.title} – Locutor`;
  const error = document.getElementById("job-error");
  error.textContent = view.error;
  error.hidden = !view.error;
  let stale = false;
  for (const locale of view.locales) {
    const section = document.getElementById(`locale-${locale.locale}`);
    if (!section) continue;
    if (section.dataset.state !== locale.state) stale = true;
    const bar = section.querySelector(".fill");
    if (bar) bar.dataset.percent = locale.percent;
    const stage = section.querySelector(".stage");
    if (stage) stage.textContent = locale.stage ? `${locale.stage} …` : "";
  }
  fill();
  if (stale) reload();
}

fill();
if (job.dataset.ended === "no") {
  const events = new EventSource(`${url}/events`);
  events.addEventListener("job", (event) => update(JSON.parse(event.data)));
  events.addEventListener("end", () => { events.close(); reload(); });
  events.addEventListener("error", () => { document.getElementById("job-note").textContent = "Connection lost; trying again …"; });
}
