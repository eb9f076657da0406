// One chart: bars that stack or lines over an axis, a legend that switches series, values at a pointer or by arrow keys.

const HEIGHT = 232, TOP = 10, BOTTOM = 26;

class Chart {
  // modes: [{ name, kind: "bars" | "lines", axis, series: [{ name, tone, values, total, area }], format, levels, highest, sum, note, empty }]
  // `levels` writes the labels of an axis where `format` is too fine; `area` fills beneath a line.
  constructor(section, modes) {
    this.section = section;
    this.title = section.querySelector("h2").textContent;
    this.modes = modes;
    this.mode = modes.find((mode) => mode.series.some((series) => series.values.some((value) => value))) ?? modes[0];
    this.hidden = new Set();
    this.cursor = null;
    this.figure = section.querySelector("figure");
    this.tip = make("div", { class: "tip", role: "status", hidden: true });
    this.legend = make("div", { class: "legend" });
    this.canvas = make("div", { class: "canvas" });
    this.numbers = make("details", { class: "numbers" }, make("summary", {}, "Numbers"));
    this.numbers.addEventListener("toggle", () => this.tabulate());
    this.canvas.append(this.tip);
    this.figure.append(this.canvas, this.legend, this.numbers);
    if (modes.length > 1) this.section.querySelector("header").append(this.switches());
    new ResizeObserver(() => this.width !== this.canvas.clientWidth && this.draw()).observe(this.canvas);
    this.draw();
  }

  switches() {
    const group = make("div", { class: "switch", role: "group", "aria-label": `${this.title}: what to show` });
    for (const mode of this.modes) {
      const button = make("button", { type: "button", "aria-pressed": String(mode === this.mode) }, mode.name);
      button.addEventListener("click", () => {
        this.mode = mode;
        this.cursor = null;
        for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
        this.draw();
      });
      group.append(button);
    }
    return group;
  }

  get shown() {
    return this.mode.series.filter((series) => !this.hidden.has(series.name));
  }

  draw() {
    this.width = this.canvas.clientWidth || 600;
    const { mode, shown } = this, known = mode.series.some((series) => series.values.some((value) => value !== null));
    const levels = !known ? [0] : mode.highest ? [0, 0.25, 0.5, 0.75, 1] : rounded(this.highest());
    const labels = known ? mode.levels?.(levels) ?? levels.map(mode.format) : [""], top = levels[levels.length - 1] || 1;
    this.left = 12 + 6.6 * Math.max(...labels.map((label) => label.length));
    this.room = (this.width - this.left - 6) / mode.axis.count;
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    const picture = draw("svg", {
      viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "group", tabindex: 0,
      "aria-label": `${this.title}, ${mode.name}. Arrow keys read values.`,
    });
    levels.forEach((level, index) => picture.append(
      draw("line", { class: index ? "grid" : "base", x1: this.left, x2: this.width - 6, y1: y(level), y2: y(level) }),
      draw("text", { class: "label", x: this.left - 6, y: y(level) + 4, "text-anchor": "end" }, labels[index]),
    ));
    this.band = draw("rect", { class: "band", y: TOP, height: HEIGHT - TOP - BOTTOM, visibility: "hidden" });
    picture.append(this.band, ...this.times());
    picture.append(...(mode.kind === "bars" ? this.bars(shown, y) : this.lines(shown, y)));
    if (!known) picture.append(draw("text", { class: "none", x: this.width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, mode.empty ?? "nothing known"));
    this.listen(picture);
    this.picture?.remove();
    this.picture = picture;
    this.canvas.prepend(picture);
    this.list();
    this.tabulate();
    this.point(this.cursor);
  }

  highest() {
    const { axis, kind } = this.mode;
    let highest = 0;
    for (let index = 0; index < axis.count; index++) {
      const values = this.shown.map((series) => series.values[index] ?? 0);
      highest = Math.max(highest, kind === "bars" ? values.reduce((sum, value) => sum + value, 0) : Math.max(0, ...values));
    }
    return highest;
  }

  times() {
    let free = this.left - 20;
    return this.mode.axis.ticks(this.width - this.left).flatMap(({ index, label, edge }) => {
      const x = this.left + (index + (edge ? 0 : 0.5)) * this.room, half = label.length * 3.2;
      const middle = Math.min(Math.max(x, half), this.width - half);
      if (middle - half < free) return [];
      free = middle + half + 8;
      return [draw("text", { class: "label", x: middle, y: HEIGHT - 8, "text-anchor": "middle" }, label)];
    });
  }

  bars(shown, y) {
    const wide = Math.min(48, Math.max(1, this.room * (this.mode.touching ? 1 : 0.82) - (this.mode.touching ? 1 : 0)));
    const sums = new Array(this.mode.axis.count).fill(0);
    return shown.map((series) => {
      let path = "";
      series.values.forEach((value, index) => {
        if (!value) return;
        const x = this.left + (index + 0.5) * this.room - wide / 2, from = y(sums[index]), to = y((sums[index] += value));
        path += `M${x.toFixed(1)} ${from.toFixed(1)}V${Math.min(to, from - 0.4).toFixed(1)}h${wide.toFixed(1)}V${from.toFixed(1)}Z`;
      });
      return draw("path", { class: `bar ${series.tone}`, d: path });
    });
  }

  lines(shown, y) {
    return shown.flatMap((series) => {
      const dots = [];
      let path = "", filled = "", open = false;
      series.values.forEach((value, index) => {
        if (value === null) return void (open = false);
        const x = (this.left + (index + 0.5) * this.room).toFixed(1), at = y(value).toFixed(1);
        path += `${open ? "L" : "M"}${x} ${at}`;
        filled += open ? `L${x} ${at}` : `${filled && `V${y(0)}Z`}M${x} ${y(0)}L${x} ${at}`;
        const alone = !open && (series.values[index + 1] ?? null) === null;
        if (alone || series.values.length <= 16) dots.push(draw("circle", { class: `dot ${series.tone}`, cx: x, cy: at, r: 3 }));
        open = true;
      });
      const area = series.area && filled ? [draw("path", { class: `area ${series.tone}`, d: `${filled}V${y(0)}Z` })] : [];
      return [...area, draw("path", { class: `line ${series.tone}`, d: path }), ...dots];
    });
  }

  listen(picture) {
    const at = (event) => {
      const box = picture.getBoundingClientRect(), x = (event.clientX - box.left) * (this.width / box.width);
      return Math.min(this.mode.axis.count - 1, Math.max(0, Math.floor((x - this.left) / this.room)));
    };
    picture.addEventListener("pointermove", (event) => this.point(at(event)));
    picture.addEventListener("pointerdown", (event) => this.point(at(event)));
    picture.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.point(null));
    picture.addEventListener("blur", () => this.point(null));
    picture.addEventListener("keydown", (event) => {
      const last = this.mode.axis.count - 1, now = this.cursor;
      const to = { ArrowRight: now === null ? 0 : now + 1, ArrowLeft: now === null ? last : now - 1, Home: 0, End: last, Escape: null }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.point(to === null ? null : Math.min(last, Math.max(0, to)));
    });
  }

  point(index) {
    this.cursor = index;
    this.tip.hidden = index === null;
    this.band.setAttribute("visibility", index === null ? "hidden" : "visible");
    if (index === null) return;
    const { mode } = this, values = this.shown.map((series) => [series, series.values[index] ?? null]);
    const told = mode.kind === "bars" ? values.filter(([, value]) => value !== 0).reverse() : values;
    this.tip.replaceChildren(make("strong", {}, mode.axis.title(index)), make("table", {}, make("tbody", {}, ...told.map(([series, value]) =>
      make("tr", {}, make("th", { scope: "row" }, make("i", { class: `swatch ${series.tone}` }), series.name), make("td", {}, mode.format(value))),
    ))));
    const known = values.filter(([, value]) => value !== null);
    if (mode.sum && told.length > 1 && known.length) {
      const sum = known.reduce((total, [, value]) => total + value, 0);
      this.tip.querySelector("tbody").append(make("tr", { class: "sum" }, make("th", { scope: "row" }, "together"), make("td", {}, mode.format(sum))));
    }
    if (mode.sum && !told.length) this.tip.append(make("p", {}, "none"));
    for (const line of mode.note?.(index) ?? []) this.tip.append(make("p", {}, line));
    this.place(index);
  }

  place(index) {
    const x = this.left + index * this.room, scale = this.canvas.clientWidth / this.width || 1;
    this.band.setAttribute("x", x);
    this.band.setAttribute("width", Math.max(1, this.room));
    const middle = (x + this.room / 2) * scale, wide = this.tip.offsetWidth, gap = this.room / 2 + 10;
    const right = middle + gap + wide <= this.canvas.clientWidth;
    const left = right ? middle + gap : middle - gap - wide;
    this.tip.style.left = `${Math.max(0, Math.min(left, this.canvas.clientWidth - wide))}px`;
  }

  list() {
    const focused = [...this.legend.children].indexOf(document.activeElement);
    this.legend.replaceChildren(...this.mode.series.map((series) => this.entry(series)));
    this.legend.children[focused]?.focus();
  }

  entry(series) {
    const button = make("button", { type: "button", "aria-pressed": String(!this.hidden.has(series.name)), title: "Show or hide; with Shift: show only this" },
      make("i", { class: `swatch ${series.tone}` }), make("span", { class: "name" }, series.name), series.total ? make("b", {}, series.total) : null);
    button.addEventListener("click", (event) => {
      const names = this.mode.series.map((each) => each.name), only = names.filter((name) => name !== series.name);
      if (event.shiftKey) {
        const alone = only.every((name) => this.hidden.has(name)) && !this.hidden.has(series.name);
        names.forEach((name) => this.hidden.delete(name));
        if (!alone) only.forEach((name) => this.hidden.add(name));
      } else if (!this.hidden.delete(series.name)) this.hidden.add(series.name);
      this.draw();
    });
    return button;
  }

  tabulate() {
    this.numbers.querySelector(".scroll")?.remove();
    if (!this.numbers.open) return;
    const { mode, shown } = this, rows = [];
    for (let index = 0; index < mode.axis.count; index++) {
      const values = shown.map((series) => series.values[index] ?? null);
      if (!values.some((value) => value)) continue;
      rows.push(make("tr", {}, make("th", { scope: "row" }, mode.axis.title(index)), ...values.map((value) => make("td", { class: "n" }, value === null ? "–" : mode.format(value)))));
    }
    const head = make("tr", {}, make("th", { scope: "col" }, ""), ...shown.map((series) => make("th", { scope: "col", class: "n" }, series.name)));
    this.numbers.append(make("div", { class: "scroll", tabindex: 0 }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))));
  }
}
