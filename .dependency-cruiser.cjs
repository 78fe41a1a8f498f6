/** The dependency law of ARCHITECTURE.md: one direction, from the vocabulary outwards to the two composition roots. */
const only = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
const LEAVES = 'egress|source|blobs|store|webhook|telemetry|garbage|politeness|item';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    only('no-circular', 'A cycle has no first file to read.', {}, { circular: true }),
    only(
      'contract-imports-nothing-of-ours',
      'The vocabulary stands alone.',
      { path: '^src/contract/' },
      { path: '^(src/(?!contract/)|activities/|workflows/)' },
    ),
    only(
      'leaves-stay-leaves',
      'Leaves know the contract, not the layers above.',
      { path: `^src/(${LEAVES})/` },
      { path: '^(src/(http|intake|stack|cli)/|activities/|workflows/|src/[^/]+\\.ts$)' },
    ),
    only(
      'store-stands-alone',
      'The store knows only the contract.',
      { path: '^src/store/' },
      { path: '^src/(?!store/|contract/)' },
    ),
    only(
      'activities-below-worker',
      'Activities use leaves.',
      { path: '^activities/' },
      { path: '^(workflows/|src/(http|intake|stack|cli)/|src/[^/]+\\.ts$)' },
    ),
    only(
      'workflows-are-pure',
      'Workflow code sees the contract and types only.',
      { path: '^workflows/' },
      { path: '^(src/(?!contract/)|activities/)', dependencyTypesNot: ['type-only'] },
    ),
    only(
      'intake-above-store',
      'Intake accepts, starts, ends and reports; it knows the store, the body of a webhook and workflow types.',
      { path: '^src/intake/' },
      {
        path: '^(src/(?!contract/|store/|intake/|telemetry/|webhook/webhook-body)|activities/)',
        dependencyTypesNot: ['type-only'],
      },
    ),
    only(
      'http-above-intake',
      'Routes are thin.',
      { path: '^src/http/' },
      {
        path: '^(src/(?!contract/|store/|intake/|http/|telemetry/|egress/|blobs/)|activities/|workflows/)',
        dependencyTypesNot: ['type-only'],
      },
    ),
    only(
      'only-http-names-koa',
      'Web objects stay in the web layer.',
      { pathNot: '^src/http/' },
      { path: 'node_modules/(koa|@koa)/' },
    ),
    only(
      'only-store-names-mongodb',
      'One folder knows the database.',
      { pathNot: '^src/(store|stack)/' },
      { path: 'node_modules/mongodb/' },
    ),
    only(
      'only-egress-opens-sockets',
      'One door to the outside.',
      { pathNot: '^src/(egress|stack|cli)/' },
      { path: '(node_modules/undici/|^(node:)?(net|tls|dns|dns/promises)$)', dependencyTypesNot: ['type-only'] },
    ),
    only(
      'only-roots-and-temporal-folders-name-temporal',
      'The rest is plain TypeScript.',
      {
        pathNot:
          '^(workflows/|activities/|src/(intake|stack|cli|temporal)/|src/(gateway|worker|worker-options|watch-slots)\\.ts$)',
      },
      { path: 'node_modules/@temporalio/', dependencyTypesNot: ['type-only'] },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
