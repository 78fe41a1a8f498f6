/** A secret for every place where a client or an origin can put one; each names its place, so that a leak says where it came from. */
export const CANARIES = {
  query: 'kanari-query-Zq1',
  fragment: 'kanari-fragment-Zq2',
  userinfo: 'kanari-userinfo-Zq3',
  token: 'kanari-token-Zq4',
  webhookQuery: 'kanari-hookquery-Zq5',
  context: 'kanari-context-Zq6',
  metadata: 'kanari-metadata-Zq7',
  fileName: 'kanari-filename-Zq8',
  fileNameQuery: 'kanari-filenamequery-Zq9',
  key: 'kanari-key-Zqa',
  etag: 'kanari-etag-Zqb',
  lastModified: 'kanari-lastmodified-Zqc',
  location: 'kanari-location-Zqd',
  contentType: 'kanari-contenttype-zqe',
  header: 'kanari-header-Zqf',
  statusText: 'kanari-statustext-Zqg',
  body: 'kanari-body-Zqh',
  encoding: 'kanari-encoding-Zqi',
  receiver: 'kanari-receiver-Zqj',
} as const satisfies Record<string, string>;

/** Every one of them. */
export const SECRETS: readonly string[] = Object.values(CANARIES);
