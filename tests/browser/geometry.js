// Where things stand on the page that is open: what lies on each other, what is cut off, what scrolls sideways, and how
// large the type is. Of pictures and charts only their edges count: what is written in them is looked at by people.
// Its value: {wrong: [what, in words], smallest, rem (sizes of type), left, right (outermost), width}, in CSS pixels.
(() => {
  const CONTROLS = 'button, input, select, textarea, summary, .image, .chart, .solid-view';
  const PICTURES = '.image, .chart, .solid-view';
  const DELIBERATE = '.scan-name, .scan-facts, .diff-card > header .soft, #panel-run code, .ledger';
  const width = document.documentElement.clientWidth, height = document.documentElement.clientHeight;
  const wrong = [], leaves = [];
  let smallest = Infinity, left = Infinity, right = 0;

  const name = (node) => {
    const element = node.nodeType === 3 ? node.parentElement : node;
    const says = (node.nodeType === 3 ? node.data : element.getAttribute('aria-label') ?? element.textContent).trim();
    return `${element.tagName.toLowerCase()}.${[...element.classList].join('.')} "${says.slice(0, 40)}"`;
  };
  const seen = (element) => element.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const box = ({left, top, right, bottom}) => ({left, top, right, bottom});
  const met = (a, b) => ({left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
                          right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom)});
  const wide = (a) => a.right - a.left, tall = (a) => a.bottom - a.top;
  // what the pointer goes through is written on a picture on purpose
  const onPicture = (a, b) => a.node.nodeType === 1 && a.node.matches(PICTURES)
    && getComputedStyle(b.element).pointerEvents === 'none';
  const holder = (element, wanted) => {
    for (let at = element.parentElement; at; at = at.parentElement) if (wanted(getComputedStyle(at))) return at;
    return null;
  };

  // What of a box is left by everything around it that cuts; what is scrolled out of view is not cut.
  const clipped = (element, whole, cut) => {
    let rest = met(whole, {left: 0, top: 0, right: width, bottom: height});
    if (cut && (whole.left < -1 || whole.right > width + 1)) wrong.push(`${cut} leaves the window`);
    let scrolled = false;
    const within = (style) => style.position === 'fixed';
    if (within(getComputedStyle(element))) return rest;
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX !== 'visible' || style.overflowY !== 'visible') {
        const edge = at.getBoundingClientRect();
        const scrolls = ['auto', 'scroll'].includes(style.overflowY);
        if (cut && !at.matches(DELIBERATE)) {
          const beyond = whole.left < edge.left - 1.5 || whole.right > edge.right + 1.5;
          const under = whole.top < edge.top - 1.5 || whole.bottom > edge.bottom + 1.5;
          scrolled ||= scrolls;
          if (beyond || (under && !scrolled)) {
            wrong.push(`${cut} is cut by ${name(at).split(' ')[0]}`);
            cut = null;
          }
        }
        rest = met(rest, edge);
      }
      if (within(style)) break;
    }
    return rest;
  };

  const add = (node, element, whole, ink) => {
    const cut = clipped(element, ink, name(node));
    if (wide(cut) < 1 || tall(cut) < 1) return;
    leaves.push({node, element, at: cut, sticky: getComputedStyle(element).position === 'sticky' ? element
      : holder(element, (style) => style.position === 'sticky')});
    left = Math.min(left, cut.left);
    right = Math.max(right, cut.right);
  };

  const roots = document.querySelector('dialog[open]') ? [document.querySelector('dialog[open]')]
    : [document.getElementById('header'), document.getElementById('troubles'), document.getElementById('main')];
  for (const root of roots) {
    for (const element of root.querySelectorAll(CONTROLS)) {
      if (!seen(element) || element.closest('.ends')) continue;
      const whole = box(element.getBoundingClientRect());
      if (wide(whole) < 1 || tall(whole) < 1) continue;
      add(element, element, whole, whole);
      const typed = element.matches('input.number');
      if (typed && element.scrollWidth > element.clientWidth + 1)
        wrong.push(`${name(element)} holds more than it shows: ${element.value}`);
    }
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || !seen(element) || element.closest('option, .hearing, svg')) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const line of range.getClientRects()) {
        if (line.width < 1) continue;
        // letters take about the middle of the line
        const ink = {...box(line), top: line.top + 0.22 * line.height, bottom: line.bottom - 0.22 * line.height};
        add(node, element, box(line), ink);
        const control = element.closest('button');
        const frame = control?.getBoundingClientRect();
        if (frame && (ink.left < frame.left - 1 || ink.right > frame.right + 1 || ink.bottom > frame.bottom + 1))
          wrong.push(`${name(node)} is larger than its button`);
      }
      if (element.checkVisibility()) smallest = Math.min(smallest, parseFloat(getComputedStyle(element).fontSize));
    }
    for (const element of [root, ...root.querySelectorAll('*')]) {
      const style = getComputedStyle(element);
      const sideways = ['auto', 'scroll'].includes(style.overflowX) && element.scrollWidth > element.clientWidth + 1;
      if (sideways && seen(element)) wrong.push(`${name(element)} scrolls sideways`);
    }
  }
  for (let i = 0; i < leaves.length; i++)
    for (let j = i + 1; j < leaves.length; j++) {
      const [a, b] = [leaves[i], leaves[j]];
      if (a.node.contains(b.node) || b.node.contains(a.node) || a.sticky !== b.sticky) continue;
      if (onPicture(a, b) || onPicture(b, a)) continue;
      const both = met(a.at, b.at);
      if (wide(both) > 1.5 && tall(both) > 1.5)
        wrong.push(`${name(a.node)} lies on ${name(b.node)} (${[both.left, both.top].map(Math.round)})`);
    }
  if (document.documentElement.scrollWidth > width) wrong.push('the window scrolls sideways');
  return {wrong: [...new Set(wrong)], smallest, left, right, width,
          rem: parseFloat(getComputedStyle(document.documentElement).fontSize)};
})()
