// Elements, and numbers as people read them. Text only ever enters the page as text.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}
const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

const grouped = (number, digits = 0) =>
  number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function money(nano) {
  if (nano === null || nano === undefined) return "unknown";
  const usd = nano / 1e9;
  if (usd === 0) return "$0";
  if (usd < 1e-6) return "<$0.000001";
  return "$" + grouped(usd, usd >= 0.995 ? 2 : usd >= 0.00995 ? 4 : 6);
}

// On an axis all labels have as many digits as the finest of them needs.
function moneyLevels(levels) {
  const fine = [0, 2, 3, 4, 5, 6, 7, 8, 9].find((digits) => levels.every((nano) => Math.abs(nano / 1e9 - Number((nano / 1e9).toFixed(digits))) < 1e-12)) ?? 9;
  return levels.map((nano) => "$" + grouped(nano / 1e9, fine));
}

function amount(number) {
  if (number === null || number === undefined) return "unknown";
  if (number < 1e4) return grouped(number);
  const [size, unit] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => number / size >= 0.9995);
  return three(number, size) + unit;
}

// A number of units of a size, in three digits, more only where it takes them.
function three(number, size) {
  const digits = number >= 100 * size ? 0 : number >= 10 * size ? 1 : 2;
  return (Math.round(number / (size / 10 ** digits)) / 10 ** digits).toLocaleString("en-US", { maximumFractionDigits: digits });
}

function duration(micros) {
  if (micros === null || micros === undefined) return "unknown";
  if (micros === 0) return "0";
  if (micros < 1e3) return Math.round(micros) + " µs";
  if (micros < 999.5e3) return three(micros, 1e3) + " ms";
  if (micros < 99.95e6) return three(micros, 1e6) + " s";
  const seconds = Math.round(micros / 1e6);
  if (seconds < 3600) return pair(seconds, 60, "min", "s");
  const minutes = Math.round(seconds / 60);
  return minutes < 48 * 60 ? pair(minutes, 60, "h", "min") : pair(Math.round(minutes / 60), 24, "days", "h");
}
const pair = (number, factor, large, small) =>
  `${Math.floor(number / factor)} ${large}` + (number % factor ? ` ${number % factor} ${small}` : "");

function share(part) {
  if (part === null || part === undefined) return "unknown";
  return (part > 0 && part < 0.0995 ? grouped(Math.round(part * 1000) / 10, 1) : Math.round(part * 100)) + " %";
}
