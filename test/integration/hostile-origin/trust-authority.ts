import tls from 'node:tls';

/**
 * Makes this process trust an authority of the tests in place of the usual ones, which take long to load. `tls.setDefaultCACertificates` would do it, but
 * Node 20 has none yet, and the door to foreign hosts takes no authority of its own for good reasons.
 * @returns takes the trust back
 */
export function trustAuthority(certificate: string): () => void {
  const original = tls.createSecureContext;
  tls.createSecureContext = (options) => original({ ca: certificate, ...options });
  return () => {
    tls.createSecureContext = original;
  };
}
