// Where the ticks are, and what they say. Times are UTC.

const MINUTE = 60e6, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

function say(micros) {
  const date = new Date(micros / 1000);
  if (Number.isNaN(date.getTime())) return { day: "?", year: "?", clock: "?", month: 0 };
  return {
    day: `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`,
    year: String(date.getUTCFullYear()),
    clock: `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`,
    month: date.getUTCFullYear() * 12 + date.getUTCMonth(),
  };
}

// Buckets of time: how many, what each is called, and which get a label on an axis of so many pixels.
function timeAxis(start, step, count) {
  const at = (index) => start + index * step;
  const title = (index) => {
    const from = say(at(index)), to = say(at(index + 1)), last = say(at(index + 1) - MINUTE);
    if (step < DAY) return `${from.day} ${from.year}, ${from.clock}–${to.clock} UTC`;
    if (step === DAY) return `${from.day} ${from.year}`;
    return `${from.day}${from.year === last.year ? "" : " " + from.year} – ${last.day} ${last.year}`;
  };
  const ticks = (width) => {
    const most = Math.max(2, Math.floor(width / 72));
    const found = natural(at, step, count, most);
    if (found.length >= 2 || count === 1) return found.length ? found : [0].map((index) => ({ index, label: plain(index) }));
    const every = Math.ceil(count / most);
    return Array.from({ length: Math.ceil(count / every) }, (_, nth) => ({ index: nth * every, label: plain(nth * every) }));
  };
  const plain = (index) => (step < DAY ? say(at(index)).clock : say(at(index)).day);
  return { count, title, ticks };
}

function natural(at, step, count, most) {
  const span = step * count;
  const every = [5, 15, 30, 60, 180, 360, 720].map((minutes) => minutes * MINUTE).concat([1, 2, 3, 7, 14].map((days) => days * DAY));
  const interval = every.find((length) => length >= step && length % step === 0 && span / length <= most);
  const offset = interval >= 7 * DAY ? 4 * DAY : 0;
  const ticks = [];
  if (interval) {
    for (let index = 0; index < count; index++) {
      const now = at(index);
      if ((now - offset) % interval) continue;
      const { day, clock } = say(now);
      ticks.push({ index, label: interval >= DAY || now % DAY === 0 ? day : clock });
    }
    return ticks;
  }
  const months = [1, 2, 3, 6, 12, 24, 60, 120, 600, 1200].find((number) => span / (number * 30.44 * DAY) <= most) ?? 12000;
  for (let index = 0; index < count; index++) {
    const now = say(at(index)), before = say(at(index) - step);
    if (Math.floor(now.month / months) === Math.floor(before.month / months)) continue;
    const year = months >= 12 || now.month % 12 < before.month % 12 || !ticks.length;
    ticks.push({ index, label: months >= 12 ? now.year : MONTHS[now.month % 12] + (year ? " " + now.year : "") });
  }
  return ticks;
}

// Classes of a histogram, labelled at those of their edges that are a power of ten.
function classAxis(classes, format) {
  return {
    count: classes.length,
    title: (index) => `${format(classes[index][0])} – ${format(classes[index][1])}`,
    ticks: (width) => {
      const every = Math.ceil(classes.length / Math.max(2, Math.floor(width / 60)));
      return classes.flatMap(([from], index) => (index % every ? [] : [{ index, label: format(from), edge: true }]));
    },
  };
}

function rounded(highest, most = 5) {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let index = 0; index === 0 || ticks[index - 1] < highest * 0.999; index++) ticks.push(index * step);
  return ticks;
}
