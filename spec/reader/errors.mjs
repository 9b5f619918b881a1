// What a reader says when it refuses a file: the codes of spec/recovery.md.

export class SessionError extends Error {
  // `check` is the finding ("payload_hash") of a damage at `offset`; both may be missing.
  constructor(code, message, { check, offset } = {}) {
    super(check === undefined ? message : `damaged (${check}): ${message}`);
    this.code = code;
    this.check = check;
    this.offset = offset;
  }
}

export function damage(check, offset, message) {
  return new SessionError('damaged', message, { check, offset });
}

export function ensure(condition, check, offset, message) {
  if (!condition) throw damage(check, offset, message);
}

// A number of 64 bits as one that can be reckoned with. No file is so large that this fails.
export function toNumber(value, offset, what) {
  ensure(value <= BigInt(Number.MAX_SAFE_INTEGER), 'beyond_end', offset, `${what} is ${value}`);
  return Number(value);
}
