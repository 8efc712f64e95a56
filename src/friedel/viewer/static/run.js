// Run: what it will take, start and stop, how far each stage is, warnings, the log.

import { el, icon } from "./dom.js";
import { RESULTS, resultTile, STAGES, stageRow, whyStale } from "./run_stages.js";
import * as state from "./state.js";

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @returns {{show: () => void, hide: () => void}}
 */
export function mount(host, app) {
  app.style("run.css");
  host.classList.add("run");
  let to = state.get().session?.has?.geometry ? "assemble" : "segment";
  let visible = false;
  let next = 0;
  let timer = 0;

  const estimate = el("div.estimate", { "aria-live": "polite" });
  const rows = STAGES.map(([name, says], i) =>
    stageRow(name, says, i, () => {
      to = name;
      update();
    }),
  );
  const restart = el("input.switch", { type: "checkbox", role: "switch", id: "restart" });
  const start = el("button.button.primary", { type: "button", onclick: run }, icon("play"), el("span", {}, "Run"));
  const stop = el("button.button.danger", { type: "button", onclick: end }, icon("stop"), "Stop");
  const again = el(
    "button.button.small",
    { type: "button", title: "Measure again with the recipe as it is now", onclick: ask },
    "Estimate again",
  );
  const command = el("code");
  const unsavedText = el("span");
  const unsaved = el(
    "p.unsaved",
    { hidden: true },
    icon("warn"),
    unsavedText,
    el("button.link", { type: "button", onclick: () => app.open("save") }, "See what would be written"),
  );
  const warnings = el("ul.warnings");
  const results = el("div.results", { "aria-live": "polite" });
  const log = el("pre.log", { tabIndex: 0, role: "log", "aria-label": "Log of the run" });
  const outcome = el("span.outcome", { role: "status" });
  host.append(
    el(
      "div.card.stages",
      {},
      el("header", {}, el("h2", {}, "Stages"), outcome),
      el("div.stage-list", { role: "radiogroup", "aria-label": "Run up to" }, ...rows.map((row) => row.element)),
      unsaved,
      el(
        "div.toolbar",
        {},
        start,
        stop,
        el(
          "label.check",
          { for: "restart", title: "Forget what earlier runs finished" },
          restart,
          "from the beginning",
        ),
        command,
      ),
      results,
    ),
    el("div.card", {}, el("header", {}, el("h2", {}, "Estimate"), again), estimate),
    el("div.card.log-card", {}, el("header", {}, el("h2", {}, "Log")), warnings, log),
  );

  async function ask() {
    again.disabled = true;
    estimate.replaceChildren(el("p.soft", {}, "Measuring on a few frames …"));
    try {
      const { lines, fits } = await app.api.getJson("api/estimate", { channel: "estimate" });
      estimate.replaceChildren(
        el(
          "p.verdict",
          { data: { fits: String(fits) } },
          icon(fits ? "check" : "warn"),
          fits ? "It fits on this machine." : "It does not fit on this machine.",
        ),
        ...lines.map(estimateLine),
      );
    } catch (error) {
      if (!app.api.overtaken(error)) estimate.replaceChildren(el("p.soft", {}, /** @type {any} */ (error).message));
    }
    again.disabled = false;
  }

  async function run() {
    start.disabled = true;
    try {
      await app.api.post("api/run", { to, restart: restart.checked });
      next = 0;
      log.textContent = "";
      restart.checked = false;
    } catch (error) {
      app.complain(error);
    }
    update();
  }

  async function end() {
    stop.disabled = true;
    await app.api.post("api/stop", {}).catch(app.complain);
  }

  async function follow() {
    clearTimeout(timer);
    if (!visible) return;
    try {
      const answer = await app.api.getJson("api/log", { params: { from: next }, channel: "log" });
      if (answer.text) {
        const down = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
        log.append(answer.text);
        if (down) log.scrollTop = log.scrollHeight;
      }
      next = answer.next ?? next;
    } catch {
      // the poll says it when the server is gone
    }
    log.classList.toggle("nothing", !log.textContent);
    timer = window.setTimeout(follow, state.get().progress?.run?.state === "running" ? 500 : 2500);
  }

  function update() {
    if (!visible) return;
    const { session, progress } = state.get();
    const now = progress?.run ?? { state: "idle" };
    const busy = now.state === "running" || now.state === "stopping";
    const geometry = session?.has?.geometry;
    const goal = STAGES.findIndex(([name]) => name === to);
    rows.forEach((row, i) =>
      row.update({ session, run: now, busy, chosen: i === goal, within: i <= goal, possible: geometry || i < 2 }),
    );
    const { file } = session ?? {};
    const others = progress?.control?.taken && !progress.control.mine;
    start.disabled = busy || !file || file.unsaved || others;
    start.title = !file
      ? "There is no recipe to run"
      : file.unsaved
        ? `Save first: a run reads ${file.path}`
        : others
          ? "Somebody else is in control"
          : "";
    stop.disabled = now.state !== "running";
    start.lastChild.textContent = busy ? "Running" : `Run up to ${to}`;
    const words = [file?.command, to !== "assemble" && `--to ${to}`, restart.checked && "--restart"];
    command.textContent = command.title = file ? words.filter(Boolean).join(" ") : "";
    unsaved.hidden = !file?.unsaved;
    const name = file?.path.split("/").pop();
    if (file) unsavedText.textContent = file.exists ? `${name} is not what this page shows: save it before a run. ` : `${name} does not exist yet: saving makes it, and a run needs it. `;
    const says = {
      running: now.stage === "report" ? "writing the report" : "running",
      stopping: "stopping: what is finished is kept",
      done: "finished",
      failed: `failed: ${now.text || "the log says why"}`,
      stopped: "stopped; what is finished is kept",
    };
    outcome.textContent = says[/** @type {keyof says} */ (now.state)] ?? now.text ?? "";
    outcome.dataset.state = now.state;
    results.replaceChildren(
      ...RESULTS.filter(([name]) => session?.stages?.[name]).map((each) =>
        resultTile(each, session.stages[each[0]].counts ?? {}, whyStale(session, each[0])),
      ),
    );
    const all = [
      ...new Set(
        Object.entries(session?.stages ?? {}).flatMap(([name, stage]) =>
          (stage.warnings ?? []).map((/** @type {string} */ text) => `${name}: ${text}`),
        ),
      ),
    ];
    warnings.hidden = !all.length;
    warnings.replaceChildren(...all.map((text) => el("li", {}, icon("warn"), el("span", {}, text))));
  }

  restart.addEventListener("change", update);
  state.on(["session", "progress"], update);
  return {
    show() {
      visible = true;
      update();
      follow();
      if (!estimate.childElementCount) ask();
    },
    hide() {
      visible = false;
    },
  };
}

/** @param {string} text */
function estimateLine(text) {
  const at = text.indexOf(":");
  if (at < 0 || at > 40) return el("p.soft", {}, text);
  if (text.startsWith("reading:")) return estimateLine(text.replace("reading:", "of this, to read the frames:").replace(" of it", ""));
  return el("div.estimate-line", {}, el("span", {}, text.slice(0, at)), el("b", {}, text.slice(at + 1).trim()));
}
