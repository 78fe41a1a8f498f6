/** The dependency law of ARCHITECTURE.md: one direction, from the vocabulary outwards to the two composition roots. */
const only = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
const LEAVES = 'egress|download|blobs|store|webhook|telemetry|garbage|host-limits|item|probe';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    only('no-circular', 'A cycle has no first file to read.', {}, { circular: true }),
    only(
      'domain-imports-nothing-of-ours',
      'The vocabulary stands alone.',
      { path: '^src/domain/' },
      { path: '^(src/(?!domain/)|activities/|workflows/)' },
    ),
    only(
      'temporal-knows-the-domain',
      'Names and inputs of workflows are shared by those who start them, those who run them and the workflows themselves.',
      { path: '^src/temporal/' },
      { path: '^(src/(?!temporal/|domain/|config)|activities/|workflows/)', dependencyTypesNot: ['type-only'] },
    ),
    only(
      'leaves-stay-leaves',
      'Leaves know the domain and each other, not the layers above.',
      { path: `^src/(${LEAVES})/` },
      { path: '^(src/(api|intake|local-stack|cli|process)/|activities/|workflows/|src/[^/]+\\.ts$)' },
    ),
    only(
      'store-stands-alone',
      'The store knows only the domain.',
      { path: '^src/store/' },
      { path: '^src/(?!store/|domain/)' },
    ),
    only(
      'activities-below-worker',
      'Activities use leaves.',
      { path: '^activities/' },
      { path: '^(workflows/|src/(api|intake|local-stack|cli|process)/|src/[^/]+\\.ts$)' },
    ),
    only(
      'workflows-are-pure',
      'Workflow code sees the domain, the names of workflows, and types only of the rest.',
      { path: '^workflows/' },
      { path: '^(src/(?!domain/|temporal/names)|activities/)', dependencyTypesNot: ['type-only'] },
    ),
    only(
      'intake-above-store',
      'Intake accepts, starts, ends and reports; it knows the store, the body of a webhook and the workflows.',
      { path: '^src/intake/' },
      {
        path: '^(src/(?!domain/|store/|intake/|temporal/|telemetry/|webhook/body)|activities/)',
        dependencyTypesNot: ['type-only'],
      },
    ),
    only(
      'api-above-intake',
      'Routes are thin.',
      { path: '^src/api/' },
      {
        path: '^(src/(?!domain/|store/|intake/|api/|temporal/|telemetry/|egress/|blobs/)|activities/|workflows/)',
        dependencyTypesNot: ['type-only'],
      },
    ),
    only(
      'page-stands-alone',
      'The page talks to the service through its API alone, as any client does.',
      { path: '^ui/' },
      { path: '^(src|activities|workflows)/' },
    ),
    only('service-knows-no-page', 'The page is files to the service.', { pathNot: '^ui/' }, { path: '^ui/' }),
    only(
      'only-api-names-koa',
      'Web objects stay in the web layer.',
      { pathNot: '^src/api/' },
      { path: 'node_modules/(koa|@koa)/' },
    ),
    only(
      'only-store-names-mongodb',
      'One folder knows the database.',
      { pathNot: '^src/(store|local-stack)/' },
      { path: 'node_modules/mongodb/' },
    ),
    only(
      'only-egress-opens-sockets',
      'One door to the outside.',
      { pathNot: '^src/(egress|local-stack|cli)/' },
      { path: '(node_modules/undici/|^(node:)?(net|tls|dns|dns/promises)$)', dependencyTypesNot: ['type-only'] },
    ),
    only(
      'only-roots-and-temporal-folders-name-temporal',
      'The rest is plain TypeScript.',
      {
        pathNot:
          '^(workflows/|activities/|src/(temporal|local-stack|cli)/|src/process/task-queues\\.ts|src/(gateway|worker)\\.ts$)',
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
