/** Numbers for people, in the words of the server. */

export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

export function seconds(time: number): string {
  if (time < 0.995) {
    return `${(time * 1000).toFixed(0)} ms`;
  }
  if (time < 60) {
    return `${time < 9.95 ? time.toFixed(1) : time.toFixed(0)} s`;
  }
  const whole = Math.round(time);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
