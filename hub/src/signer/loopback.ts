// Whether an address is on this very machine; demo keys work nowhere else. No name is looked up.

/**
 * True for `localhost`, 127.0.0.0/8 and ::1. Any other name is not, whatever it resolves to: a resolver is not asked about trust.
 *
 * @example
 * isLoopbackUrl("http://127.0.0.1:7000"); // => true
 * isLoopbackUrl("http://localhost.example.org"); // => false
 */
export function isLoopbackUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
