// What each chart shows of the report's data, and the page's own switches.

const TONES = ["c0", "c1", "c2", "c3", "c4", "c5", "c6"];
const WORDS = {
  system: "system prompt", tools: "tool schemas", user_history: "user, earlier turns", assistant_history: "assistant, earlier turns",
  tool_results: "tool results", attached: "attached", user: "user, this turn", unknown: "not known which",
  text: "text", reasoning: "reasoning", tool_calls: "tool calls",
};
const sum = (values) => (values.some((value) => value !== null) ? values.reduce((total, value) => total + (value ?? 0), 0) : null);
const several = (number, one, many) => `${grouped(number)} ${number === 1 ? one : many}`;

function charts(data) {
  const axis = timeAxis(data.start, data.step, data.buckets);
  const unpriced = (index) => (data.unpriced[index] ? [several(data.unpriced[index], "call", "calls") + " of unknown cost"] : []);
  const uncounted = (index) => (data.uncounted[index] ? [several(data.uncounted[index], "call", "calls") + " of unknown tokens"] : []);
  const models = (kind, format) => data.models.map((model, index) => ({
    name: model.name, tone: TONES[index] ?? "rest", values: model[kind], total: format(sum(model[kind].filter((value, at) => model.calls[at]))),
  }));
  const parts = (columns) => Object.entries(columns).map(([name, values], index) => ({
    name: WORDS[name] ?? name, tone: name === "unknown" ? "rest" : TONES[index], values, total: amount(sum(values)),
  }));
  const percentiles = (columns) => Object.entries(columns).map(([name, values]) => ({ name, tone: { p50: "c0", p90: "c1", p99: "c3" }[name], values }));
  const ratio = (part, whole) => part.map((value, index) => (value === null || !whole[index] ? null : value / whole[index]));
  const overall = (part, whole) => share(sum(whole) ? sum(part) / sum(whole) : null);
  const calls = (index) => [several(data.calls[index], "call", "calls")];
  const all = (values) => ({ name: "calls", tone: "c0", values, total: grouped(sum(values) ?? 0) });
  const whole = data.cache_read.map((read, index) => read + data.lost[index]);
  return {
    spend: [
      { name: "Dollars", kind: "bars", axis, series: models("cost", money), format: money, levels: moneyLevels, sum: true, note: unpriced, empty: "no cost is known" },
      { name: "Tokens", kind: "bars", axis, series: models("tokens", amount), format: amount, sum: true, note: uncounted },
      { name: "Calls", kind: "bars", axis, series: models("calls", grouped), format: grouped, sum: true,
        note: (index) => (data.errors[index] ? [`${grouped(data.errors[index])} of them failed`] : []) },
    ],
    tokens: [
      { name: "Input", kind: "bars", axis, series: parts(data.input), format: amount, sum: true, note: uncounted },
      { name: "Output", kind: "bars", axis, series: parts(data.output), format: amount, sum: true, note: uncounted },
    ],
    latency: [
      { name: "To the end", kind: "lines", axis, series: percentiles(data.duration), format: duration, note: calls, empty: "no durations are known" },
      { name: "First chunk", kind: "lines", axis, series: percentiles(data.first_chunk), format: duration, note: calls, empty: "no streams" },
      { name: "Spread", kind: "bars", touching: true, axis: classAxis(data.durations, duration), series: [all(data.durations.map((each) => each[2]))], format: grouped },
    ],
    cache: [
      { name: "Share of input", kind: "lines", axis, highest: 1, format: share, note: calls, empty: "no input is known", series: [
        { name: "read from the cache", tone: "c0", area: true, values: ratio(data.cache_read, data.input_tokens), total: overall(data.cache_read, data.input_tokens) },
        { name: "had no prefix broken", tone: "c1", values: ratio(whole, data.input_tokens), total: overall(whole, data.input_tokens) },
      ] },
    ],
  };
}

function themes() {
  const button = document.getElementById("theme"), root = document.documentElement;
  const dark = () => root.dataset.theme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const label = () => (button.textContent = dark() ? "Light" : "Dark");
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
}

// All that is folded is unfolded for a printer, and folded again.
function printing() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.finding:not([open])")];
    opened.forEach((each) => (each.open = true));
  });
  addEventListener("afterprint", () => opened.forEach((each) => (each.open = false)));
}

function begin() {
  themes();
  printing();
  document.querySelectorAll("table.sortable").forEach(sortable);
  const data = JSON.parse(document.getElementById("data").textContent);
  let drawn = 0;
  for (const [name, modes] of data ? Object.entries(charts(data)) : []) {
    const section = document.getElementById(`chart-${name}`);
    if (section) drawn += Boolean(new Chart(section, modes));
  }
  document.documentElement.dataset.charts = drawn;
}
begin();
