import { isPublicAddress } from './address-rules.js';
import type { AllowList } from './allow-list.js';

/** Media is served from the web's two ports; every other port is some other service that a URL must not be able to reach. */
export const WEB_PORTS: ReadonlySet<number> = new Set([80, 443]);

/** Whether this address may be dialled on this port: a public one on a web port, or what the allow list names exactly. */
export function isPermitted(address: string, port: number, allow: AllowList): boolean {
  return (WEB_PORTS.has(port) && isPublicAddress(address)) || allow.has(address, port);
}
