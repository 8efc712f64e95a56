"""One page of `friedel view` in a browser: what tests do with it, and everything that goes wrong in it."""

import json
from urllib.parse import urlsplit

import imagecodecs
import numpy as np

MOST_S = 90.0
"""Machines that do other things too are slow; nothing waits so long where all is well."""
TABS = ("frames", "segment", "grains", "volume", "run", "save")
SETTLED = """
(() => {
  const {state} = friedel, s = state.get();
  const busy = document.querySelector('#panel-segment .result .busy');
  return !friedel.unsent()
    && ['preprocess', 'segment'].every(name => state.same(s[name], s.session.recipe[name]) || s.draftError)
    && ['done', 'failed', 'stopped'].includes(s.progress?.pass.state) && s.progress.revision === s.session.revision
    && (s.tab !== 'segment' || (s.solution && busy.hidden && !document.querySelector('.line[data-drawn="false"]')));
})()
"""


class View:
    """A browser's page; `close` checks that nothing went wrong in it.

    `refused` are the answers that said no; all but 409 (overtaken, not ready) must be `expected`.
    """

    def __init__(self, context, address, *, expected=()):
        self.address, self.expected = address, {409, *expected}
        self.host = urlsplit(address).netloc
        self.errors, self.refused, self.foreign = [], [], []
        self._context = context
        self._tab()

    def _tab(self):
        self.page = self._context.new_page()
        self.page.set_default_timeout(1000 * MOST_S)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def again(self):
        """The tab is closed without a word, and the next thing happens in another one of the same browser."""
        before = self.page
        self._tab()
        before.close()

    def _heard(self, message):
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(f"{message.text} ({message.location})")

    def _asked(self, request):
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.foreign.append(request.url)

    def _answered(self, response):
        if response.status >= 400:
            self.refused.append((response.status, response.url))

    def open(self, state=""):
        """Load the page, `state` being what stands behind the #."""
        self.page.goto(f"{self.address}#{state}" if state else self.address)
        self.until("window.friedel?.ready")
        return self

    def check(self):
        """Nothing was complained about, nothing refused that should not be, nobody else was asked."""
        assert not self.errors, self.errors
        assert not self.foreign, self.foreign
        wrong = [one for one in self.refused if one[0] not in self.expected]
        assert not wrong, wrong

    # ---- asking

    def js(self, expression, argument=None):
        """The value of an expression in the page; `it` is the argument."""
        return self.page.evaluate(f"async (it) => ({expression})", argument)

    def until(self, expression, seconds=MOST_S):
        """Wait until an expression is true; its value.

        Playwright's own way evaluates text in the page, which the page's security policy forbids.
        """
        return self.page.evaluate(
            """([ms, says]) => new Promise((done, fail) => {
              const end = performance.now() + ms;
              const look = () => {
                let value = null, error = null;
                try { value = (EXPRESSION); } catch (e) { error = e; }
                if (value) done(value);
                else if (performance.now() < end) setTimeout(look, 5);
                else fail(new Error(`not within ${ms} ms: ${says} ${error ?? ''}`));
              };
              look();
            })""".replace("EXPRESSION", expression),
            [1000 * seconds, expression.strip()],
        )

    def state(self, *keys):
        """A part of the page's state."""
        return self.js(f"friedel.state.get(){''.join(f'[{json.dumps(key)}]' for key in keys)}")

    def counter(self, name):
        """How often something happened."""
        return self.js("friedel.counters[it] ?? 0", name)

    def settled(self):
        """Wait until the server has the draft, the scan is swept, and what is drawn is of this draft."""
        self.until(SETTLED)
        return self

    # ---- doing

    def tab(self, name):
        """Open one of the pages by its tab."""
        self.page.locator(f"#tab-{name}").click()
        self.until(f"document.querySelector('#panel-{name}:not([hidden])')?.childElementCount")
        return self.panel(name)

    def panel(self, name):
        """A page's element."""
        return self.page.locator(f"#panel-{name}")

    def drag(self, start, end, steps=6):
        """Press, move, release."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=steps)
        mouse.up()

    def place(self, panel, col, row):
        """Where a pixel of a page's picture is on the screen."""
        return self.until(
            """(() => {
              const host = document.querySelector('#panel-PANEL .picture.image').getBoundingClientRect();
              if (!host.width || !host.height) return null;
              const {zoom, session: {scan: {rows, cols}}} = friedel.state.get();
              const fit = Math.min(host.width / cols, host.height / rows);
              const {x0, y0, scale} = zoom
                ?? {scale: fit, x0: (cols - host.width / fit) / 2, y0: (rows - host.height / fit) / 2};
              return [host.x + (COL - x0) * scale, host.y + (ROW - y0) * scale];
            })()""".replace("PANEL", panel)
            .replace("COL", str(float(col)))
            .replace("ROW", str(float(row)))
        )

    def grips(self, panel, selector, cursor, least=1):
        """Places of a chart where lines can be taken, as the pointer over them says; along x or y.

        A chart that waits for its numbers has none: there are `least` when this returns.
        """
        for _ in range(int(10 * MOST_S)):
            found = self._grips(panel, selector, cursor)
            if len(found) >= least:
                return found
            self.page.wait_for_timeout(100)
        raise AssertionError(f"no line of {selector} can be taken")

    def _grips(self, panel, selector, cursor):
        return self.js(
            """(([selector, cursor]) => {
              const host = document.querySelector(selector), box = host.getBoundingClientRect();
              const across = cursor === 'ew-resize', found = [];
              const [x, y] = [box.x + box.width / 3, box.y + box.height / 2];
              const place = (at) => across ? [box.x + at, y] : [x, box.y + at];
              let from = null;
              for (let at = 1; at <= (across ? box.width : box.height); at++) {
                const [clientX, clientY] = place(at);
                host.dispatchEvent(new PointerEvent('pointermove', {clientX, clientY, bubbles: true}));
                const here = host.style.cursor === cursor;
                if (here && from === null) from = at;
                if (!here && from !== null) {
                  found.push(place((from + at - 1) / 2));
                  from = null;
                }
              }
              return from === null ? found : [...found, place(from + 2)];
            })(it)""",
            [f"#panel-{panel} {selector}", cursor],
        )

    def clicked(self, frame, col, row):
        """Click a pixel of a frame on the page Segment: the blob that is chosen then; its card is filled."""
        number = self.panel("segment").locator("input[aria-label='Frame'][type='text']")
        outlines, frames = self.counter("outline"), self.counter("frame")
        if self.state("frame") != frame:
            number.fill(str(frame))
            number.press("Enter")
            self.until(f"friedel.state.get().frame === {frame} && friedel.counters.outline > {outlines}")
            self.until(f"friedel.counters.frame > {frames}")
            number.evaluate("e => e.blur()")
        self.page.mouse.click(*self.place("segment", float(col) + 0.5, float(row) + 0.5))
        self.until("friedel.state.get().selection.blob !== null")
        self.until("document.querySelector('#panel-segment .leaf.blob .facts')?.checkVisibility()")
        return self.state("selection", "blob")

    def table(self):
        """Rows of the solution that is shown, as the page gets them: columns by name, and how many are kept."""
        names, values, kept = self.js(
            """import(new URL('static/lib/api.js', document.baseURI)).then(async ({getArray}) => {
              const {solution} = friedel.state.get().solution;
              const {data, meta} = await getArray('api/table', {params: {solution}});
              return [meta.columns, Array.from(data), meta.kept];
            })"""
        )
        return dict(zip(names, np.asarray(values, np.float32).reshape(len(names), -1), strict=True)), kept

    def shot(self):
        """What stands on the screen, [row, col, colour]."""
        return imagecodecs.png_decode(self.page.screenshot())[..., :3]


def given_back(view):
    """Give the recipe back as it is in its file, and the control to whoever comes next.

    What was edited last goes out first: it would take the control again.
    """
    view.settled()
    view.js(
        """import(new URL('static/lib/api.js', document.baseURI)).then(async ({getJson, post}) => {
          const {recipe, saved} = await getJson('api/session');
          for (const section of ['preprocess', 'segment'])
            if (!friedel.state.same(recipe[section], saved[section]))
              await post('api/draft', {section, values: saved[section]}).catch(() => {});
          await post('api/mask', {op: 'clear'}).catch(() => {});
          await post('api/control', {release: true});
        })"""
    )
