/** The port that a URL or a connection means: its own, or that of its scheme. */
export function effectivePort({ protocol, port }: { readonly protocol: string; readonly port: string }): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}
