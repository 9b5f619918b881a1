// Section 6: times as text.

const kSecond = 1000000000n;
const kDay = 86400n;
const kMaxOffset = 23 * 60 + 59;

const divide = (a, b) => (a - (((a % b) + b) % b)) / b;
const pad = (value, digits) => String(value).padStart(digits, '0');

function fractionText(fraction, form) {
  const all = pad(fraction, 9);
  const asked = Math.min((form >>> 1) & 15, 9);
  return all.slice(0, Math.max(asked, all.replace(/0+$/, '').length));
}

export function timeText(nanos, form) {
  const hasOffset = (form & 32) !== 0;
  const offset = hasOffset ? Math.min((form >>> 6) & 0xfff, 2 * kMaxOffset) - kMaxOffset : 0;
  const seconds = divide(nanos, kSecond);
  const local = seconds + BigInt(offset * 60);
  const date = new Date(Number(divide(local, kDay) * kDay) * 1000);
  const ofDay = Number(local - divide(local, kDay) * kDay);
  const month = `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1, 2)}`;
  const day = `${month}-${pad(date.getUTCDate(), 2)}`;
  const clock = [ofDay / 3600, (ofDay / 60) % 60, ofDay % 60]
    .map((part) => pad(Math.floor(part), 2))
    .join(':');
  const fraction = fractionText(nanos - seconds * kSecond, form);
  const size = Math.abs(offset);
  const zone = hasOffset
    ? `${offset < 0 ? '-' : '+'}${pad(Math.floor(size / 60), 2)}:${pad(size % 60, 2)}`
    : 'Z';
  return `${day}T${clock}${fraction === '' ? '' : '.' + fraction}${zone}`;
}
