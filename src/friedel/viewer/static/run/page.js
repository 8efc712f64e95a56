// Run: what it will take, start and stop, how far each stage is, warnings, the log.

import * as api from "../lib/api.js";
import { el, icon } from "../lib/dom.js";
import * as state from "../lib/state.js";
import { buildLayout } from "./layout.js";
import { RESULTS, resultTile, stageRow, STAGES, whyStale } from "./stages.js";

/** @type {import("../lib/types.js").Run} */
const IDLE = { state: "idle", stage: "", done: 0, total: 0, text: "" };

/** @type {import("../lib/types.js").Mount} */
export function mount(host, app) {
  return new RunPage(host, app);
}

class RunPage {
  /** @param {HTMLElement} host @param {import("../lib/types.js").App} app */
  constructor(host, app) {
    this.app = app;
    this.visible = false;
    /** The last stage that would run. */
    this.to = state.get().session?.has?.geometry ? "assemble" : "segment";
    /** Where the log goes on. */
    this.next = 0;
    this.timer = 0;
    this.rows = STAGES.map(([name, says], i) =>
      stageRow(name, says, i, () => {
        this.to = name;
        this.#update();
      }),
    );
    const rows = this.rows.map((row) => row.element);
    this.layout = buildLayout(host, rows, {
      run: (how) => this.#run(how),
      stop: () => this.#stop(),
      estimate: () => this.#estimate(),
      save: () => app.open("save"),
      restart: () => this.#update(),
    });
    state.on(["session", "progress"], () => this.#update());
  }

  show() {
    this.visible = true;
    this.#update();
    this.#follow();
    if (!this.layout.estimate.childElementCount) this.#estimate();
  }

  hide() {
    this.visible = false;
  }

  async #estimate() {
    const { again, estimate } = this.layout;
    again.disabled = true;
    estimate.replaceChildren(el("p.soft", {}, "Measuring on a few frames …"));
    try {
      /** @type {{lines: string[], fits: boolean}} */
      const { lines, fits } = await api.getJson("api/estimate", { channel: "estimate" });
      const says = fits ? "It fits on this machine." : "It does not fit on this machine.";
      estimate.replaceChildren(
        el("p.verdict", { data: { fits: String(fits) } }, icon(fits ? "check" : "warn"), says),
        ...lines.map(estimateLine),
      );
    } catch (error) {
      if (!api.overtaken(error)) estimate.replaceChildren(el("p.soft", {}, api.messageOf(error)));
    }
    again.disabled = false;
  }

  /** @param {{restart?: boolean, elsewhere?: boolean}} [how]  what becomes of the results that are there */
  async #run(how = {}) {
    const { start, restart, log } = this.layout;
    start.disabled = true;
    try {
      await api.post("api/run", { to: this.to, restart: restart.checked, ...how });
      this.next = 0;
      log.textContent = "";
      restart.checked = false;
    } catch (error) {
      this.app.complain(error);
    }
    this.#update();
  }

  async #stop() {
    this.layout.stop.disabled = true;
    await api.post("api/stop", {}).catch(this.app.complain);
  }

  /** Ask for what the log has new, and again. */
  async #follow() {
    clearTimeout(this.timer);
    if (!this.visible) return;
    const { log } = this.layout;
    try {
      const answer = await api.getJson("api/log", { params: { from: this.next }, channel: "log" });
      if (answer.text) {
        const down = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
        log.append(answer.text);
        if (down) log.scrollTop = log.scrollHeight;
      }
      this.next = answer.next ?? this.next;
    } catch {
      // the poll says it when the server is gone
    }
    log.classList.toggle("nothing", !log.textContent);
    const running = state.get().progress?.run?.state === "running";
    this.timer = window.setTimeout(() => this.#follow(), running ? 500 : 2500);
  }

  #update() {
    if (!this.visible) return;
    const { session, progress } = state.get();
    const run = progress?.run ?? IDLE;
    const busy = run.state === "running" || run.state === "stopping";
    const geometry = Boolean(session?.has?.geometry);
    const goal = STAGES.findIndex(([name]) => name === this.to);
    this.rows.forEach((row, i) =>
      row.update({ session, run, busy, chosen: i === goal, within: i <= goal, possible: geometry || i < 2 }),
    );
    this.#updateStart(busy);
    const { stop, outcome, results, warnings } = this.layout;
    stop.disabled = run.state !== "running";
    outcome.textContent = outcomeOf(run);
    outcome.dataset.state = run.state;
    const stages = session?.stages ?? {};
    results.replaceChildren(
      ...RESULTS.filter(({ stage }) => stages[stage]).map((result) =>
        resultTile(result, stages[result.stage].counts ?? {}, whyStale(session, result.stage)),
      ),
    );
    const all = Object.entries(stages).flatMap(([name, { warnings: heard }]) =>
      (heard ?? []).map((text) => `${name}: ${text}`),
    );
    const said = [...new Set(all)];
    warnings.hidden = !said.length;
    warnings.replaceChildren(...said.map((text) => el("li", {}, icon("warn"), el("span", {}, text))));
  }

  /** The folder holds results that this recipe does not go on from: what may become of them. @param {boolean} no */
  #updateRefused(no) {
    const { refused, refusedText, replace, elsewhere } = this.layout;
    const { session } = state.get();
    const why = session?.refused;
    refused.hidden = !why || Boolean(session?.file?.unsaved) || no;
    if (!why || !session) return;
    const last = (/** @type {string} */ path) => path.split("/").pop();
    refusedText.textContent = why.text;
    elsewhere.textContent = `Keep them, run into ${last(why.other)}`;
    elsewhere.title = `The results go to ${why.other}, and this page shows them`;
    replace.textContent = `Replace them (--restart)`;
    replace.title = `Begin anew in ${session.out}: what is there goes when the new results are complete`;
  }

  /** What starts the run, or why it cannot be started. @param {boolean} busy */
  #updateStart(busy) {
    const { start, startText, restart, command, unsaved, unsavedText } = this.layout;
    const { session } = state.get();
    const file = session?.file;
    const others = state.lookingOn();
    const refused = Boolean(session?.refused) && !restart.checked;
    start.disabled = busy || !file || file.unsaved || others || refused;
    start.title = !file
      ? "There is no recipe to run"
      : file.unsaved
        ? `Save first: a run reads ${file.path}`
        : others
          ? "Somebody else is in control"
          : refused
            ? "Choose first what becomes of the results that are there"
            : "";
    startText.textContent = busy ? "Running" : `Run up to ${this.to}`;
    const words = [file?.command, this.to !== "assemble" && `--to ${this.to}`, restart.checked && "--restart"];
    command.textContent = command.title = file ? words.filter(Boolean).join(" ") : "";
    unsaved.hidden = !file?.unsaved;
    this.#updateRefused(busy || others);
    const name = file?.path.split("/").pop();
    if (!file) return;
    unsavedText.textContent = file.exists
      ? `${name} is not what this page shows: save it before a run. `
      : `${name} does not exist yet: saving makes it, and a run needs it. `;
  }
}

/** @param {import("../lib/types.js").Run} run */
function outcomeOf({ state: is, stage, text }) {
  /** @type {Object<string, string>} */
  const says = {
    running: stage === "report" ? "writing the report" : "running",
    stopping: "stopping: what is finished is kept",
    done: "finished",
    failed: `failed: ${text || "the log says why"}`,
    stopped: "stopped; what is finished is kept",
  };
  return says[is] ?? text ?? "";
}

/** @param {string} text @returns {HTMLElement} */
function estimateLine(text) {
  const at = text.indexOf(":");
  if (at < 0 || at > 40) return el("p.soft", {}, text);
  if (text.startsWith("reading:"))
    return estimateLine(text.replace("reading:", "of this, to read the frames:").replace(" of it", ""));
  return el("div.estimate-line", {}, el("span", {}, text.slice(0, at)), el("b", {}, text.slice(at + 1).trim()));
}
